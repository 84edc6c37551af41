//! How a camera is made to stream: in its best mode, or else in one of another format.

use super::buffers::Buffers;
use super::{CameraError, CameraFormat, CameraWish, Device};

/// A camera that streams.
pub struct Started {
    pub buffers: Buffers,
    /// Why its best mode is not the one, where it was refused.
    pub refused: Option<String>,
}

/// Starts a camera in the best mode for a wish, in a format that is not among `tried`.
///
/// Where its driver refuses that mode, as it does where the bus has no room for the frames, the
/// other formats have their turn, if none was asked for. The error is that of the best mode.
pub fn start(device: Device, wish: &CameraWish, tried: &[CameraFormat]) -> Result<Started, CameraError> {
    let path = device.path().to_path_buf();
    let refused = match device.start(wish, tried) {
        Err(error) => error,
        Ok(buffers) => return Ok(Started { buffers, refused: None }),
    };
    let mut tried = tried.to_vec();
    let mut latest = refused.format();
    while let Some(format) = latest.filter(|_| wish.format.is_none()) {
        tried.push(format);
        // What was refused took the open device with it.
        match Device::open(&path).and_then(|device| device.start(wish, &tried)) {
            Ok(buffers) => {
                let refused = Some(format!("{refused}; {} is taken", buffers.layout().format));
                return Ok(Started { buffers, refused });
            }
            Err(error) => latest = error.format(),
        }
    }
    Err(refused)
}
