//! Loads a net and runs it. The only folder that names tract.
//!
//! tract reads the ONNX file, checks the shapes and optimises; our int8 operators stand in its
//! register. A graph of them is lowered to a [`wingmark_kernels::Program`], which fuses steps and
//! runs a frame without allocating. A file without quantised operators runs on tract's own f32
//! kernels.

pub mod card;
#[cfg(feature = "float")]
mod constant;
#[cfg(feature = "float")]
mod float;
#[cfg(feature = "float")]
mod growth;
mod guard;
pub mod heatmaps;
mod int8;
mod lower;
#[cfg(not(feature = "float"))]
mod no_float;
mod onnx;
mod operators;
#[cfg(feature = "float")]
mod plain;
#[cfg(feature = "float")]
mod scales;
pub mod scheme;
mod signature;

use std::collections::BTreeMap;

use thiserror::Error;
use tract_onnx::prelude::TractError;
use wingmark_kernels::{Chunk, GraphError, Kernel, KernelError};

pub use guard::hide_guarded_panics;
#[cfg(not(feature = "float"))]
pub use no_float::PlainNet;
#[cfg(feature = "float")]
pub use plain::PlainNet;

use crate::model::card::Quantisation;
use crate::model::heatmaps::Heatmaps;
use crate::picture::crop::CropImage;
use crate::text::message::in_one_line;
use float::{FloatNet, FloatSession};
use int8::{Int8Net, Int8Session};
#[cfg(not(feature = "float"))]
use no_float as float;

/// What a byte of a [`CropImage`] means to a net: `(byte - 128) / 128`.
const PIXEL_SCALE: f32 = 1.0 / 128.0;
const PIXEL_ZERO_POINT: u8 = 128;

/// A loaded net: immutable, shared by all sessions.
pub struct Model {
    net: Net,
    input_side_px: u32,
    output_shape: [usize; 3],
    operators: BTreeMap<String, usize>,
}

enum Net {
    Int8(Int8Net),
    Float(FloatNet),
}

/// One thread's (or one pool's) working memory for a [`Model`].
pub struct Session {
    running: Running,
    input_side_px: u32,
}

enum Running {
    Int8(Int8Session),
    Float(FloatSession),
}

/// Why a net cannot be loaded or run.
#[derive(Debug, Error)]
#[allow(missing_docs)] // The messages say what each is.
#[non_exhaustive]
pub enum ModelError {
    #[error("cannot read the ONNX file: {}; it may be cut short or damaged", in_one_line(&format!("{cause:#}")))]
    Onnx { cause: TractError },
    #[error("the ONNX file has {found}; expected {expected}")]
    Signature { found: String, expected: String },
    #[error("operator {} (node {}) cannot run in int8; {expected}", operator.escape_debug(), node.escape_debug())]
    Operator { operator: String, node: String, expected: String },
    #[error(
        "the net is not quantised, and this binary has no float nets; give it an int8 net, or build it with the feature float"
    )]
    NoFloat,
    #[error("the net does not fit together: {0}")]
    Graph(#[from] GraphError),
    #[error(transparent)]
    Kernel(#[from] KernelError),
    #[error("the picture is {found} px wide; the net reads {expected} px")]
    Picture { found: u32, expected: u32 },
    #[error("the net failed: {}", in_one_line(&format!("{cause:#}")))]
    Run { cause: TractError },
}

impl Model {
    /// Loads an ONNX file, given as its bytes, for the kernels that `WINGMARK_KERNEL` names or else
    /// the fastest.
    pub fn from_onnx(bytes: &[u8]) -> Result<Model, ModelError> {
        let kernel = Kernel::from_environment()?;
        if kernel.passes_self_test() {
            return Model::with_kernel(bytes, kernel);
        }
        log::warn!("the {} kernels of this machine compute wrongly; using portable ones", kernel.name());
        Model::with_kernel(bytes, Kernel::portable())
    }

    /// Loads an ONNX file, given as its bytes, for certain kernels.
    pub fn with_kernel(bytes: &[u8], kernel: Kernel) -> Result<Model, ModelError> {
        let graph = onnx::load(bytes)?;
        let mut operators = BTreeMap::new();
        for node in graph.model.nodes() {
            *operators.entry(node.op().name().into_owned()).or_insert(0) += 1;
        }
        let (net, [side, _], output_shape) = if graph.is_int8 {
            let net = Int8Net::new(graph.model, kernel)?;
            let shapes = (net.input_size(), net.output_shape());
            (Net::Int8(net), shapes.0, shapes.1)
        } else {
            let net = FloatNet::new(graph.model)?;
            let shapes = (net.input_size(), net.output_shape());
            (Net::Float(net), shapes.0, shapes.1)
        };
        Ok(Model { net, input_side_px: side as u32, output_shape, operators })
    }

    /// Side of the square picture that the net reads.
    pub fn input_side_px(&self) -> u32 {
        self.input_side_px
    }

    /// Rows, columns and channels of the heatmaps.
    pub fn output_shape(&self) -> [usize; 3] {
        self.output_shape
    }

    /// How often each operator stands in tract's optimised graph.
    pub fn operators(&self) -> &BTreeMap<String, usize> {
        &self.operators
    }

    /// What computes: the kernels' name, or `tract f32`.
    pub fn kernel_name(&self) -> &'static str {
        match &self.net {
            Net::Int8(net) => net.kernel_name(),
            Net::Float(_) => "tract f32",
        }
    }

    /// How its heatmaps are stored; `None` for a float net, whose heatmaps are quantised here.
    pub fn heat(&self) -> Option<Quantisation> {
        match &self.net {
            Net::Int8(net) => Some(net.heat()),
            Net::Float(_) => None,
        }
    }

    /// Multiply-accumulates a frame; `None` for a float net, which nobody counted.
    pub fn macs(&self) -> Option<u64> {
        match &self.net {
            Net::Int8(net) => Some(net.macs()),
            Net::Float(_) => None,
        }
    }

    /// Bytes in which a session with so many threads holds a frame; `None` for a float net, where
    /// tract makes a tensor for each node.
    pub fn session_bytes(&self, threads: usize) -> Option<usize> {
        match &self.net {
            Net::Int8(net) => Some(net.session_bytes(threads)),
            Net::Float(_) => None,
        }
    }

    /// Working memory for one thread.
    pub fn session(&self) -> Session {
        self.session_with_threads(1)
    }

    /// Working memory and `threads` threads, the caller's included, that share each frame. A float
    /// net uses one.
    #[cfg_attr(not(feature = "float"), expect(unreachable_code, reason = "there is no float net"))]
    pub fn session_with_threads(&self, threads: usize) -> Session {
        let running = match &self.net {
            Net::Int8(net) => Running::Int8(net.session(threads)),
            Net::Float(net) => Running::Float(net.session()),
        };
        Session { running, input_side_px: self.input_side_px }
    }
}

impl Session {
    /// Runs the net on one picture.
    pub fn infer(&mut self, image: &CropImage) -> Result<Heatmaps<'_, u8>, ModelError> {
        Ok(self.infer_part(image, 0, 1)?.expect("the only part is the last"))
    }

    /// Runs the net on one picture in `parts` calls that take about as long as one another: parts 0
    /// to `parts - 1` in this order, with the same picture and without other calls between them.
    /// The last gives the heatmaps. A float net runs in the last.
    pub fn infer_part(
        &mut self,
        image: &CropImage,
        part: usize,
        parts: usize,
    ) -> Result<Option<Heatmaps<'_, u8>>, ModelError> {
        if image.side_px != self.input_side_px {
            return Err(ModelError::Picture { found: image.side_px, expected: self.input_side_px });
        }
        match &mut self.running {
            Running::Int8(session) => Ok(session.infer_part(&image.rgb, part, parts)),
            Running::Float(_) if part + 1 < parts => Ok(None),
            Running::Float(session) => session.infer(&image.rgb).map(Some),
        }
    }

    /// Runs the net on this thread, cut as `threads` threads would cut it, and calls `done` after
    /// each chunk; false for a float net, which has none. For simulations of threads.
    #[doc(hidden)]
    pub fn run_chunks(&mut self, image: &CropImage, threads: usize, done: impl FnMut(Chunk)) -> bool {
        match &mut self.running {
            Running::Int8(session) => session.run_chunks(&image.rgb, threads, done),
            Running::Float(_) => return false,
        }
        true
    }
}

#[cfg(test)]
mod tests;
