//! tract panics at some damaged files. Here such a panic becomes an error of loading or running.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

use tract_onnx::prelude::{TractError, TractResult};

thread_local! {
    /// Whether a panic of this thread is going to be returned as an error.
    static IS_GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Keeps the process from printing panics that loading a net or running it gives back as errors. It
/// wraps the process's panic hook, which is the program's to decide: without this call, such a
/// panic is printed and then is an error all the same.
pub fn hide_guarded_panics() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let print = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if !IS_GUARDED.get() {
                print(panic);
            }
        }));
    });
}

/// What `work` with tract comes to. A panic is an error.
pub(super) fn guarded<T>(work: impl FnOnce() -> TractResult<T>) -> TractResult<T> {
    IS_GUARDED.set(true);
    // Nobody sees what a panic leaves half done: it is dropped with `work`, or never used again.
    let done = panic::catch_unwind(AssertUnwindSafe(work));
    IS_GUARDED.set(false);
    done.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
        Err(TractError::msg(format!("tract gave up: {}", text.unwrap_or("it does not say why"))))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_and_what_follows_is_as_before() {
        let index = std::hint::black_box(3);
        let error = guarded(|| Ok([1, 2][index])).unwrap_err().to_string();
        assert_eq!(error, "tract gave up: index out of bounds: the len is 2 but the index is 3");
        assert_eq!(guarded(|| Ok(5)).unwrap(), 5);
        assert!(!IS_GUARDED.get());
    }
}
