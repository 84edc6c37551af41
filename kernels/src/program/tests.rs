use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicIsize, Ordering};

use super::*;
use crate::graph::{Addition, Convolution};
use crate::kernel::{InstructionSet, Pixel, Tile};
use crate::pack::Layout;
use crate::reference;

/// The portable kernels, of which one call panics.
struct Faulty {
    calls_left: AtomicIsize,
}

static FAULTY: Faulty = Faulty { calls_left: AtomicIsize::new(0) };

impl InstructionSet for Faulty {
    fn name(&self) -> &'static str {
        "faulty"
    }

    fn is_supported(&self) -> bool {
        true
    }

    fn layout(&self) -> Layout {
        Kernel::portable().0.layout()
    }

    fn tile(&self) -> Tile {
        Kernel::portable().0.tile()
    }

    /// So slow that threads share even small steps.
    fn macs_a_cycle(&self) -> u64 {
        1
    }

    unsafe fn convolve(&self, convolve: &Convolve, blocks: std::ops::Range<usize>, pixels: &[Pixel]) {
        assert!(self.calls_left.fetch_sub(1, Ordering::Relaxed) != 0, "a kernel fails");
        // SAFETY: the caller's.
        unsafe { Kernel::portable().0.convolve(convolve, blocks, pixels) }
    }

    unsafe fn add(&self, addition: &Addition, a: *const u8, b: *const u8, output: *mut u8, bytes: usize) {
        // SAFETY: the caller's.
        unsafe { Kernel::portable().0.add(addition, a, b, output, bytes) }
    }
}

fn convolution(channels: usize) -> Operator {
    Operator::Convolution(Convolution {
        window: [3; 2],
        stride: [1; 2],
        padding: [1; 4],
        weights: (0..16 * 9 * channels).map(|i| (i * 7 % 120) as i8 - 60).collect(),
        bias: vec![100; 16],
        multipliers: vec![0.002; 16],
        input_zero_point: 128,
        output_zero_point: 128,
    })
}

#[test]
fn a_workspace_runs_on_after_a_kernel_has_panicked() {
    let side = if cfg!(miri) { 4 } else { 16 };
    let mut graph = Graph::new(Shape { rows: side, columns: side, channels: 16 });
    let x = graph.add(convolution(16), &[graph.input()]).unwrap();
    let x = graph.add(convolution(16), &[x]).unwrap();
    let program = Program::plan(&graph, x, Kernel(&FAULTY)).unwrap();
    let picture: Vec<u8> = (0..side * side * 16).map(|i| (i * 31 % 251) as u8).collect();
    let expected = reference::run(&graph, x, &picture);
    let calls = 2 * side * side;
    for threads in [1, 2, 3, 5] {
        let mut workspace = program.workspace(threads);
        for at in (0..calls).step_by(calls / 16 + 1) {
            FAULTY.calls_left.store(at as isize, Ordering::Relaxed);
            let frame = catch_unwind(AssertUnwindSafe(|| program.run(&mut workspace, &picture).to_vec()));
            let panic = frame.expect_err("a kernel failed");
            assert_eq!(*panic.downcast_ref::<&str>().unwrap(), "a kernel fails", "{threads} threads");
            FAULTY.calls_left.store(-1, Ordering::Relaxed);
            assert_eq!(program.run(&mut workspace, &picture), expected, "{threads} threads after a panic at call {at}");
        }
    }
}

#[test]
fn a_net_in_parts_gives_what_it_gives_at_once() {
    let side = if cfg!(miri) { 4 } else { 16 };
    let mut graph = Graph::new(Shape { rows: side, columns: side, channels: 16 });
    let mut x = graph.input();
    for _ in 0..5 {
        x = graph.add(convolution(16), &[x]).unwrap();
    }
    let program = Program::plan(&graph, x, Kernel::portable()).unwrap();
    let picture: Vec<u8> = (0..side * side * 16).map(|i| (i * 31 % 251) as u8).collect();
    let expected = reference::run(&graph, x, &picture);
    for (threads, parts) in [(1, 1), (1, 3), (2, 2), (1, 5), (3, 40)] {
        let mut workspace = program.workspace(threads);
        let results: Vec<Option<Vec<u8>>> = (0..parts)
            .map(|part| program.run_part(&mut workspace, &picture, part, parts).map(<[u8]>::to_vec))
            .collect();
        assert!(results[..parts - 1].iter().all(Option::is_none), "{parts} parts");
        assert_eq!(results[parts - 1].as_ref(), Some(&expected), "{parts} parts on {threads} threads");
    }
}
