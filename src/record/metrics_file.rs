//! The figures of a run in a file, for the textfile collector of node_exporter.
//!
//! The file is replaced as a whole by a thread of its own, so that a slow disk holds nothing up and
//! nobody reads half a file.

use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use thiserror::Error;

use super::metrics::{Metrics, MetricsFormat};
use crate::text::files::{self, Replaced};
use crate::threads::{self, Ended};

#[derive(Debug, Error)]
pub enum MetricsFileError {
    #[error("cannot write metrics to {path}: {source}")]
    Write { path: PathBuf, source: io::Error },
    #[error("cannot start a thread to write metrics: {0}")]
    Thread(io::Error),
    #[error("the last figures are not in {0}: the disk did not take them in time")]
    NotFinished(PathBuf),
}

/// Writes the figures of a run at an interval, and once more at its end.
pub struct MetricsFile {
    path: PathBuf,
    stop: Sender<()>,
    writer: JoinHandle<()>,
}

impl MetricsFile {
    /// Whether the file can be written, as far as that can be told without touching it.
    pub fn check(path: &Path) -> Result<(), MetricsFileError> {
        let failed = |source| MetricsFileError::Write { path: path.into(), source };
        if std::fs::metadata(path).is_ok_and(|about| about.file_type().is_fifo()) {
            return Err(failed(io::Error::other("it is a pipe; expected a file, which is replaced each time")));
        }
        Replaced::default().check(path).map_err(failed)
    }

    /// Writes the file for the first time before it returns, then at that interval.
    pub fn start(path: &Path, every: Duration, metrics: Arc<Metrics>) -> Result<Self, MetricsFileError> {
        MetricsFile::check(path)?;
        let failed = |source| MetricsFileError::Write { path: path.into(), source };
        let mut file = Replaced::default();
        let written = file.replace(path, &metrics.text(MetricsFormat::Prometheus));
        // A full disk may have room later, as for records.
        let mut failing = written.as_ref().is_err_and(files::is_full_disk);
        match written {
            Err(e) if failing => log::warn!("cannot write metrics to {}: {e}", path.display()),
            written => written.map_err(failed)?,
        }
        let (stop, stopped) = mpsc::channel();
        let owned_path = path.to_path_buf();
        let write_on = move || {
            loop {
                let more = stopped.recv_timeout(every) == Err(RecvTimeoutError::Timeout);
                let written = file.replace(&owned_path, &metrics.text(MetricsFormat::Prometheus));
                match (&written, failing) {
                    (Err(e), false) => log::warn!("cannot write metrics to {}: {e}", owned_path.display()),
                    (Ok(()), true) => log::warn!("{}: written to again", owned_path.display()),
                    _ => {}
                }
                failing = written.is_err();
                if !more {
                    return;
                }
            }
        };
        let thread = Builder::new().name("metrics".into());
        let writer = threads::start_beside(thread, "the metrics file is not written any more", write_on)
            .map_err(MetricsFileError::Thread)?;
        Ok(MetricsFile { path: path.into(), stop, writer })
    }

    /// Writes the last figures, waiting no longer than until `deadline`: a disk that hangs holds up
    /// no end.
    pub fn finish(self, deadline: Instant) -> Result<(), MetricsFileError> {
        let MetricsFile { path, stop, writer } = self;
        drop(stop);
        match threads::join_until(writer, deadline) {
            Ended::NotYet => Err(MetricsFileError::NotFinished(path)),
            // A panic of the thread has been said and counted.
            Ended::Whole | Ended::Panicked => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::face::Observation;

    const EVERY: Duration = Duration::from_secs(10);
    const WITHIN: Duration = Duration::from_secs(60);

    #[test]
    fn the_file_holds_the_last_figures_when_the_run_ends() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wingmark.prom");
        let metrics = Arc::<Metrics>::default();
        let file = MetricsFile::start(&path, EVERY, Arc::clone(&metrics)).unwrap();
        assert!(std::fs::read_to_string(&path).unwrap().contains("\nwingmark_frames_total 0\n"));
        metrics.count(&Observation::default());
        file.finish(Instant::now() + WITHIN).unwrap();
        assert!(std::fs::read_to_string(&path).unwrap().contains("\nwingmark_frames_total 1\n"));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn two_runs_do_not_share_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.prom");
        let start = || MetricsFile::start(&path, EVERY, Arc::default());
        let file = start().unwrap();
        let error = start().err().unwrap().to_string();
        assert_eq!(error, format!("cannot write metrics to {}: another run writes it", path.display()));
        file.finish(Instant::now() + WITHIN).unwrap();
        start().unwrap().finish(Instant::now() + WITHIN).unwrap();
    }

    #[test]
    fn a_panic_of_the_thread_that_writes_counts() {
        let folder = tempfile::tempdir().unwrap();
        let metrics = Arc::<Metrics>::default();
        let file = MetricsFile::start(&folder.path().join("a.prom"), EVERY, Arc::clone(&metrics)).unwrap();
        metrics.poison();
        let before = threads::panicked();
        file.finish(Instant::now() + WITHIN).unwrap();
        assert!(threads::panicked() > before);
    }

    #[test]
    fn a_disk_that_hangs_is_waited_for_no_longer_than_asked() {
        let (stop, stopped) = mpsc::channel::<()>();
        let (end, ended) = mpsc::channel::<()>();
        let hang = move || {
            let _ = stopped.recv();
            let _ = ended.recv();
        };
        let writer = threads::start("hangs", hang).unwrap();
        let file = MetricsFile { path: "a.prom".into(), stop, writer };
        let error = file.finish(Instant::now() + Duration::from_millis(20)).unwrap_err().to_string();
        assert!(error.starts_with("the last figures are not in a.prom: "), "{error}");
        drop(end);
    }

    #[test]
    fn a_missing_folder_is_named() {
        let error = MetricsFile::start(Path::new("/nowhere/at/all.prom"), EVERY, Arc::default());
        let error = error.err().unwrap().to_string();
        assert!(error.starts_with("cannot write metrics to /nowhere/at/all.prom: "), "{error}");
    }
}
