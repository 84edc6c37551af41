//! How a camera is made to stream: in its best mode, or else in one of another format.

use super::buffers::Buffers;
use super::{CameraError, CameraFormat, CameraWish, Device};

/// Starts a camera in the best mode for a wish, in a format that is not among `tried`.
///
/// Where its driver refuses that mode, as it does where the bus has no room for the frames, the
/// other formats have their turn, if none was asked for. The error is that of the best mode.
pub fn start(device: Device, wish: &CameraWish, tried: &[CameraFormat]) -> Result<Buffers, CameraError> {
    let path = device.path().to_path_buf();
    let refused = match device.start(wish, tried) {
        Err(error) => error,
        started => return started,
    };
    let mut tried = tried.to_vec();
    let mut latest = refused.format();
    while let Some(format) = latest.filter(|_| wish.format.is_none()) {
        tried.push(format);
        // What was refused took the open device with it.
        match Device::open(&path).and_then(|device| device.start(wish, &tried)) {
            Ok(buffers) => {
                log::warn!("{refused}; {} is taken", buffers.layout().format);
                return Ok(buffers);
            }
            Err(error) => latest = error.format(),
        }
    }
    Err(refused)
}
