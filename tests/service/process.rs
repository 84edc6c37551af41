//! A `wingmark run` with a service manager that listens.

use std::io::Write;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// What takes longer than this never comes.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Service {
    child: Child,
    notifications: UnixDatagram,
}

impl Service {
    /// Starts `wingmark run` in `folder` without a screen, as a unit with `WatchdogSec=` does.
    pub fn start(folder: &Path, watchdog: Duration, arguments: &[&str]) -> Self {
        let socket = folder.join("notify");
        let notifications = UnixDatagram::bind(&socket).unwrap();
        notifications.set_read_timeout(Some(PATIENCE)).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_wingmark"))
            .args(["run", "--screen", "none"])
            .args(arguments)
            .current_dir(folder)
            .env("NOTIFY_SOCKET", &socket)
            .env("WATCHDOG_USEC", watchdog.as_micros().to_string())
            .env_remove("WATCHDOG_PID")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Service { child, notifications }
    }

    /// Writes to its standard input.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.child.stdin.as_mut().unwrap().write_all(bytes).unwrap();
    }

    /// The next notification.
    pub fn hear(&self) -> String {
        let mut bytes = [0; 256];
        let length = self.notifications.recv(&mut bytes).expect("a notification");
        String::from_utf8_lossy(&bytes[..length]).into_owned()
    }

    pub fn says_nothing_for(&self, time: Duration) -> bool {
        self.notifications.set_read_timeout(Some(time)).unwrap();
        let silent = self.notifications.recv(&mut [0]).is_err();
        self.notifications.set_read_timeout(Some(PATIENCE)).unwrap();
        silent
    }

    pub fn send(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits until it ends.
    pub fn exit_code(&mut self) -> i32 {
        let mut status = None;
        until("the end", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.and_then(|status| status.code()).expect("an exit code")
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Fails where it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks until `reached` says yes.
pub fn until(what: &str, mut reached: impl FnMut() -> bool) {
    let start = Instant::now();
    while !reached() {
        assert!(start.elapsed() < PATIENCE, "{what} did not come within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
