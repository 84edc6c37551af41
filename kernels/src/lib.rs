//! Int8 convolutional nets on small machines: `u8` activations in NHWC, `s8` weights with a scale
//! for each output channel.
//!
//! A [`Graph`] says what is computed, one ONNX operator a node. [`Program::plan`] turns it into
//! fused steps with packed weights and one arena whose offsets are fixed, so that running a frame
//! allocates nothing. The arithmetic of a step is done by a [`Kernel`], one for each instruction
//! set; all of them, and [`mod@reference`], give the same bits.

#![warn(clippy::missing_panics_doc)]

// The random graphs of the tests outside name the crate.
#[cfg(test)]
extern crate self as wingmark_kernels;

mod aligned;
mod arena;
mod bias;
mod chunking;
mod fuse;
mod graph;
pub mod kernel;
mod pack;
pub mod pixels;
mod pool;
mod program;
pub mod reference;
mod step;
mod tensor;
mod winograd;

pub use graph::{Addition, Convolution, Graph, GraphError, Node, Operator, Shape, Tensor};
pub use kernel::{Kernel, KernelError};
pub use program::{Chunk, Program, Workspace};
