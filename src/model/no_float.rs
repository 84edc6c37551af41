//! In the place of [`super::float`] and [`super::plain`] in a binary without the feature `float`:
//! no float net can be made, and none of tract's own operators is linked.

use tract_onnx::Onnx;
use tract_onnx::prelude::*;

use super::ModelError;
use crate::model::heatmaps::Heatmaps;

pub(super) fn operators(_graph: &tract_onnx::pb::GraphProto) -> Result<Onnx, ModelError> {
    Err(ModelError::NoFloat)
}

pub(super) enum FloatNet {}

pub(super) enum FloatSession {}

/// No net at all.
pub enum PlainNet {}

impl FloatNet {
    pub(super) fn new(_: TypedModel) -> Result<Self, ModelError> {
        Err(ModelError::NoFloat)
    }

    pub(super) fn input_size(&self) -> [usize; 2] {
        match *self {}
    }

    pub(super) fn output_shape(&self) -> [usize; 3] {
        match *self {}
    }

    pub(super) fn session(&self) -> FloatSession {
        match *self {}
    }
}

impl FloatSession {
    pub(super) fn infer(&mut self, _: &[u8]) -> Result<Heatmaps<'_, u8>, ModelError> {
        match *self {}
    }
}

impl PlainNet {
    /// Nets are not read.
    ///
    /// # Errors
    /// Always.
    pub fn from_onnx(_: &[u8]) -> Result<PlainNet, ModelError> {
        Err(ModelError::NoFloat)
    }

    /// There is no such net.
    pub fn input_shape(&self) -> &[usize] {
        match *self {}
    }

    /// There is no such net.
    pub fn run(&self) -> Result<(), ModelError> {
        match *self {}
    }
}
