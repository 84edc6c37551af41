//! Picture files as a source: one picture, or a folder of them in name order, thirty a second.

use std::path::{Path, PathBuf};

use super::{CaptureError, Captured, Source, nominal_time};
use crate::picture;
use crate::picture::frame::Frame;

/// A broken picture is an error for its turn, and the next one follows.
pub struct Replay {
    pictures: Vec<PathBuf>,
    next: usize,
}

impl Replay {
    /// A picture, or the pictures directly in a folder, which are those named .jpg, .jpeg or .png.
    pub fn open(path: &Path) -> Result<Self, CaptureError> {
        let failed = |source| CaptureError::Read { path: path.into(), source };
        if !std::fs::metadata(path).map_err(failed)?.is_dir() {
            return Ok(Replay { pictures: vec![path.into()], next: 0 });
        }
        let mut pictures = Vec::new();
        for entry in std::fs::read_dir(path).map_err(failed)? {
            let file = entry.map_err(failed)?.path();
            if picture::is_named_like_one(&file) {
                pictures.push(file);
            }
        }
        if pictures.is_empty() {
            return Err(CaptureError::NoPictures(path.into()));
        }
        pictures.sort_unstable();
        Ok(Replay { pictures, next: 0 })
    }
}

impl Source for Replay {
    fn capture_into(&mut self, frame: &mut Frame) -> Result<Captured, CaptureError> {
        let Some(path) = self.pictures.get(self.next) else { return Ok(Captured::End) };
        let sequence = self.next as u32;
        self.next += 1;
        *frame = Frame { sequence, captured_at: nominal_time(sequence), ..picture::read(path)? };
        Ok(Captured::Frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn save(folder: &Path, name: &str, grey: u8) {
        image::RgbImage::from_pixel(2, 2, image::Rgb([grey; 3])).save(folder.join(name)).unwrap();
    }

    #[test]
    fn a_folder_is_replayed_in_name_order_past_broken_files() {
        let folder = tempfile::tempdir().unwrap();
        save(folder.path(), "b.png", 2);
        save(folder.path(), "a.PNG", 1);
        std::fs::write(folder.path().join("aa.jpg"), b"\xff\xd8\xffbroken").unwrap();
        std::fs::write(folder.path().join("notes.txt"), b"").unwrap();
        let mut replay = Replay::open(folder.path()).unwrap();
        let mut frame = Frame::default();
        assert_eq!(replay.capture_into(&mut frame).unwrap(), Captured::Frame);
        assert_eq!((frame.sequence, frame.bytes[0]), (0, 1));
        assert!(matches!(replay.capture_into(&mut frame), Err(CaptureError::Picture(_))));
        assert_eq!(replay.capture_into(&mut frame).unwrap(), Captured::Frame);
        assert_eq!((frame.sequence, frame.bytes[0]), (2, 2));
        assert_eq!(frame.captured_at.as_millis(), 66);
        assert_eq!(replay.capture_into(&mut frame).unwrap(), Captured::End);
    }

    #[test]
    fn a_folder_without_pictures_and_a_missing_path_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let error = Replay::open(folder.path()).err().unwrap().to_string();
        assert!(error.ends_with("holds no picture; expected files named .jpg, .jpeg or .png"), "{error}");
        let error = Replay::open(&folder.path().join("nothing.png")).err().unwrap().to_string();
        assert!(error.starts_with("cannot read ") && error.contains("nothing.png"), "{error}");
    }
}
