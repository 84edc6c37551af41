//! Loads a net and runs it. The only folder that names tract.

use thiserror::Error;

use crate::convert::CropImage;
use crate::heatmaps::Heatmaps;

/// A loaded net: immutable, shared by all sessions.
pub struct Model {}

/// One thread's (or one pool's) working memory for a [`Model`].
pub struct Session {}

#[derive(Debug, Error)]
pub enum ModelError {}

impl Model {
    /// Loads an ONNX file, given as its bytes.
    pub fn from_onnx(_bytes: &[u8]) -> Result<Model, ModelError> {
        todo!()
    }

    /// Side of the square picture that the net reads.
    pub fn input_side_px(&self) -> u32 {
        todo!()
    }

    /// Rows, columns and channels of the heatmaps.
    pub fn output_shape(&self) -> [usize; 3] {
        todo!()
    }

    pub fn session(&self) -> Session {
        todo!()
    }
}

impl Session {
    /// Runs the net on one picture.
    pub fn infer(&mut self, _image: &CropImage) -> Result<Heatmaps<'_, u8>, ModelError> {
        todo!()
    }
}
