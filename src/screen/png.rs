//! A folder of PNG files, one a frame.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder};

use super::{Canvas, Screen, ScreenError};
use crate::picture::frame::Size;
use crate::text::files;

/// Files are named after the frame's number: `000042.png`.
pub struct PngFolder {
    folder: PathBuf,
}

impl PngFolder {
    /// Makes the folder where it is not there yet, and looks whether it takes files; those in it
    /// stay, except those of the same names.
    pub fn create(folder: &Path) -> Result<Self, ScreenError> {
        let failed = |source| ScreenError::Write { path: folder.into(), source };
        files::make_folder(folder).map_err(failed)?;
        Ok(PngFolder { folder: folder.into() })
    }

    /// Whether it can be made, or takes files where it is there already; nothing is left behind.
    pub fn check(folder: &Path) -> Result<(), ScreenError> {
        files::check_folder_to_be(folder).map_err(|source| ScreenError::Write { path: folder.into(), source })
    }

    /// The first picture that is there already, by its name, and would be written over.
    pub fn first_there(folder: &Path) -> Option<PathBuf> {
        let is_ours = |path: &PathBuf| {
            let number = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".png"));
            number.is_some_and(|digits| digits.len() >= 6 && digits.bytes().all(|digit| digit.is_ascii_digit()))
        };
        std::fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path()).filter(is_ours).min()
    }

    /// The file of the frame of that number.
    pub fn path(folder: &Path, sequence: u32) -> PathBuf {
        folder.join(format!("{sequence:06}.png"))
    }
}

impl Screen for PngFolder {
    fn size(&self) -> Option<Size> {
        None
    }

    fn present(&mut self, canvas: &Canvas) -> Result<(), ScreenError> {
        let path = PngFolder::path(&self.folder, canvas.sequence);
        write(&path, canvas).map_err(|source| {
            // A file that is cut short would be taken for a picture.
            let _ = std::fs::remove_file(&path);
            ScreenError::Write { path, source }
        })
    }

    /// Each file shows a frame; a notice gets no file.
    fn present_notice(&mut self, _: &Canvas) -> Result<(), ScreenError> {
        Ok(())
    }
}

fn write(path: &Path, canvas: &Canvas) -> std::io::Result<()> {
    let file = BufWriter::new(File::create(path)?);
    let Size { width, height } = canvas.size();
    // Live frames come faster than the default compression writes them.
    PngEncoder::new_with_quality(file, CompressionType::Fast, FilterType::Sub)
        .write_image(canvas.rgb(), width, height, ExtendedColorType::Rgb8)
        .map_err(|error| match error {
            image::ImageError::IoError(io) => io,
            other => std::io::Error::other(other),
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::face::Observation;
    use crate::model::scheme::IBUG_68;
    use crate::picture::frame::Frame;
    use crate::screen::{ScreenSettings, View};

    #[test]
    fn a_file_a_frame_shows_what_was_presented() {
        let folder = tempfile::tempdir().unwrap();
        let mut screen = PngFolder::create(&folder.path().join("new/folder")).unwrap();
        let bytes: Vec<u8> = (0..18).collect();
        let mut canvas = Canvas::new(Size { width: 3, height: 2 });
        canvas.sequence = 42;
        canvas.rgb_mut().copy_from_slice(&bytes);
        screen.present(&canvas).unwrap();
        let frame = crate::picture::read(&folder.path().join("new/folder/000042.png")).unwrap();
        assert_eq!(frame.bytes(), bytes);
    }

    #[test]
    fn pictures_that_are_there_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let there = || PngFolder::first_there(folder.path());
        ["1.png", "00000a.png", "000007.jpg"].iter().for_each(|n| drop(File::create(folder.path().join(n)).unwrap()));
        assert_eq!((there(), PngFolder::first_there(&folder.path().join("none"))), (None, None));
        ["1000000.png", "000042.png"].iter().for_each(|n| drop(File::create(folder.path().join(n)).unwrap()));
        assert_eq!(there(), Some(folder.path().join("000042.png")));
    }

    #[test]
    fn a_notice_leaves_the_files_of_frames_as_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let screen = PngFolder::create(folder.path()).unwrap();
        let first = PngFolder::path(folder.path(), 0);
        let mut view = View::new(Box::new(screen), &IBUG_68, &ScreenSettings::default());
        view.notify("no camera").unwrap();
        assert!(!first.exists());
        let frame = Frame::from_rgb(Size { width: 30, height: 20 }, vec![90; 1800]).unwrap();
        view.show(&frame, &Observation::default(), "30 fps").unwrap();
        let shown = std::fs::read(&first).unwrap();
        view.notify("camera gone").unwrap();
        assert_eq!(std::fs::read(&first).unwrap(), shown);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
