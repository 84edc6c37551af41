//! Cuts: frames that have nothing to do with the one before, as in a folder of unrelated pictures.

use crate::picture::crop::CropImage;
use crate::picture::frame::{Frame, Size};
use crate::picture::geometry::Crop;

/// Side of the pictures that are compared.
const THUMBNAIL_PX: u32 = 8;
/// Mean difference of the thumbnails' bytes beyond which there was a cut. A fast pan and roll (1.6 % of the frame and 2.5
/// degrees a frame) of the built-in picture gives 9, neighbouring pictures of 300-W give 32 and more, half of them over 69.
const CUT: u32 = 20;

/// Compares each frame with the one before.
#[derive(Debug)]
pub struct SceneWatch {
    before: CropImage,
    now: CropImage,
    size: Option<Size>,
}

impl Default for SceneWatch {
    fn default() -> Self {
        let thumbnail = CropImage::new(THUMBNAIL_PX);
        SceneWatch { before: thumbnail.clone(), now: thumbnail, size: None }
    }
}

impl SceneWatch {
    /// Whether nothing in `frame` can be where it was in the frame before; true for the first one.
    ///
    /// # Panics
    /// When the frame does not pass [`Frame::check`].
    pub fn is_cut(&mut self, frame: &Frame) -> bool {
        std::mem::swap(&mut self.before, &mut self.now);
        self.now.fill(frame, &Crop::of_frame(frame.size, THUMBNAIL_PX));
        let same_size = self.size.replace(frame.size) == Some(frame.size);
        let bytes = self.before.rgb.iter().zip(&self.now.rgb);
        let difference: u32 = bytes.map(|(a, b)| u32::from(a.abs_diff(*b))).sum();
        !same_size || difference > CUT * self.now.rgb.len() as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::{Captured, Clip, Source};
    use crate::picture::built_in_picture;

    fn portrait() -> Frame {
        built_in_picture()
    }

    #[test]
    fn motion_is_no_cut() {
        let mut watch = SceneWatch::default();
        let mut clip = Clip::of(portrait());
        let mut frame = Frame::default();
        for i in 0..40 {
            assert_eq!(clip.capture_into(&mut frame).unwrap(), Captured::Frame);
            assert_eq!(watch.is_cut(&frame), i == 0, "frame {i}");
        }
    }

    #[test]
    fn another_picture_and_another_size_are() {
        let mut watch = SceneWatch::default();
        let portrait = portrait();
        let mut upside_down = portrait.clone();
        upside_down.bytes.reverse();
        let mut smaller = portrait.clone();
        smaller.size.height -= 1;
        assert!(watch.is_cut(&portrait));
        assert!(!watch.is_cut(&portrait));
        assert!(watch.is_cut(&upside_down));
        assert!(watch.is_cut(&portrait));
        assert!(watch.is_cut(&smaller));
    }
}
