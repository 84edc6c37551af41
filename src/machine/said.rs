//! What another program says when it is asked.

use std::io::{self, BufRead, BufReader};
use std::process::Child;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// What is ended is gone after this time, unless it hangs in the kernel: then it is left.
const GONE_WITHIN: Duration = Duration::from_millis(100);

/// The first line of a program whose standard output is piped, and that says no more than a pipe
/// holds. `None` where it has not ended in time: it is ended then.
pub fn first_line(mut child: Child, within: Duration) -> io::Result<Option<String>> {
    if !has_ended(&mut child, within)? {
        // What fails here fails because it has ended.
        let _ = child.kill();
        has_ended(&mut child, GONE_WITHIN)?;
        return Ok(None);
    }
    // What it has started may hold the pipe open.
    let mut line = Vec::new();
    BufReader::new(child.stdout.expect("it is piped")).read_until(b'\n', &mut line)?;
    Ok(Some(String::from_utf8_lossy(&line).into_owned()))
}

fn has_ended(child: &mut Child, within: Duration) -> io::Result<bool> {
    let start = Instant::now();
    while child.try_wait()?.is_none() {
        if start.elapsed() >= within {
            return Ok(false);
        }
        sleep(Duration::from_millis(1));
    }
    Ok(true)
}
