//! `package/wingmark-watch`, which judges by a run's metrics whether frames come.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

/// A process that is called as a run is, and its metrics.
struct Watched {
    folder: tempfile::TempDir,
    run: Child,
}

impl Watched {
    fn start() -> Watched {
        let folder = tempfile::tempdir().unwrap();
        // A file of its own, since the runs of other tests are none of it.
        fs::copy(env!("CARGO_BIN_EXE_wingmark"), folder.path().join("wingmark")).unwrap();
        let run = Command::new(folder.path().join("wingmark"))
            .args(["run", "--settings", "none", "--screen", "none", "--source", "-"])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        Watched { folder, run }
    }

    fn has_frames(&self, count: u32) {
        let figures = format!("# TYPE wingmark_frames_total counter\nwingmark_frames_total {count}\n");
        fs::write(self.folder.path().join("a.prom"), figures).unwrap();
    }

    /// As if it had seen that so long ago, by the machine's time since its start.
    fn was_seen_before(&self, seconds: u32) {
        let path = self.folder.path().join("a.prom.watch");
        let text = fs::read_to_string(&path).unwrap();
        let [began, frames, since, failures] = text.split_whitespace().collect::<Vec<_>>()[..] else {
            panic!("{text}")
        };
        let since: i64 = since.parse().unwrap();
        fs::write(path, format!("{began} {frames} {} {failures}\n", since - i64::from(seconds))).unwrap();
    }

    fn look(&self) -> Output {
        let path = format!("{}:{}", self.folder.path().display(), std::env::var("PATH").unwrap());
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("package/wingmark-watch");
        Command::new(script)
            .args(["60".as_ref(), self.folder.path().join("a.prom").as_os_str()])
            .env("PATH", path)
            .output()
            .unwrap()
    }

    fn is_well(&self) {
        let output = self.look();
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    }

    fn fails(&self) {
        let output = self.look();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(String::from_utf8(output.stderr).unwrap().starts_with("no frame for "));
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        // Fails where it has ended already.
        let _ = self.run.kill();
        let _ = self.run.wait();
    }
}

#[test]
fn a_run_without_frames_is_ended_at_the_third_look_and_not_before() {
    let mut watched = Watched::start();
    // There is no file yet, then that of an earlier run.
    watched.is_well();
    watched.has_frames(7);
    watched.is_well();
    watched.was_seen_before(50);
    watched.is_well();
    watched.was_seen_before(20);
    watched.fails();
    watched.fails();
    // One frame, and all begins anew.
    watched.has_frames(8);
    watched.is_well();
    watched.was_seen_before(70);
    watched.fails();
    watched.fails();
    assert_eq!(watched.run.try_wait().unwrap(), None);
    // What it saw was cut off while it was written: it begins anew.
    for text in ["", "12345\n"] {
        fs::write(watched.folder.path().join("a.prom.watch"), text).unwrap();
        watched.is_well();
    }
    watched.was_seen_before(70);
    watched.fails();
    watched.fails();
    watched.fails();
    assert_eq!(watched.run.wait().unwrap().signal(), Some(9));
    let output = watched.look();
    assert!(String::from_utf8(output.stderr).unwrap().contains("there is no run"));
}
