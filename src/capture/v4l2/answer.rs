//! Calls of drivers that may never come back.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use super::{CameraError, Device};
use crate::threads;

/// A driver that keeps who calls it for longer is given up.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);

/// Opens a node whose driver may never answer.
pub fn open_answering(path: &Path) -> Result<Device, CameraError> {
    let node = path.to_path_buf();
    answered(path, move || Device::open(&node))
}

/// What comes of a trial of a camera, on a thread of its own: one whose driver never returns is
/// left to it, and the camera is not tried again until it does.
pub(crate) fn answered<T: Send + 'static>(
    path: &Path,
    trial: impl FnOnce() -> Result<T, CameraError> + Send + 'static,
) -> Result<T, CameraError> {
    let no_answer = || CameraError::NoAnswer { path: path.into(), within: ANSWER_WITHIN };
    let node = path.canonicalize().unwrap_or_else(|_| path.into());
    if hanging().contains(&node) {
        return Err(no_answer());
    }
    let (say, answer) = mpsc::channel();
    let tried = node.clone();
    let tell = move || {
        // Nobody listens any more if it took too long.
        let _ = say.send(trial());
        hanging().retain(|other| *other != tried);
    };
    threads::start("camera", tell).map_err(|e| CameraError::from_io(path, "starting a thread", e))?;
    match answer.recv_timeout(ANSWER_WITHIN) {
        Ok(result) => return result,
        Err(RecvTimeoutError::Timeout) => {}
        // The panic has been said.
        Err(RecvTimeoutError::Disconnected) => {
            return Err(CameraError::from_io(path, "trying it", io::Error::other("the trial ended early")));
        }
    }
    let mut hanging = hanging();
    // It may have answered just now.
    answer.try_recv().unwrap_or_else(|_| {
        hanging.push(node);
        Err(no_answer())
    })
}

/// Nodes whose drivers keep a thread that called them.
fn hanging() -> MutexGuard<'static, Vec<PathBuf>> {
    static HANGING: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());
    HANGING.lock().expect("nobody panics while holding it")
}
