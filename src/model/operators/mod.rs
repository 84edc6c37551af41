//! ONNX's quantised operators in tract's register, wired as NHWC `u8` operators between moves of
//! the channel axis that cancel.

mod attributes;
mod convolution;
mod elementwise;
mod expansion;
mod parameters;
mod spatial;
mod typed;

use tract_onnx::Onnx;

pub(super) use parameters::bind;
pub(super) use typed::{Dequantise, Int8, Quantise};

/// Operators of a quantised file.
pub(super) const NAMES: &[&str] =
    &["QuantizeLinear", "QLinearConv", "QLinearAdd", "MaxPool", "Resize", "Concat", "DequantizeLinear"];

/// A register that holds them alone.
pub(super) fn register() -> Onnx {
    let mut onnx = Onnx::default();
    let register = &mut onnx.op_register;
    register.insert("QuantizeLinear", elementwise::quantize_linear);
    register.insert("QLinearConv", convolution::qlinear_conv);
    register.insert("QLinearAdd", elementwise::qlinear_add);
    register.insert("MaxPool", spatial::max_pool);
    register.insert("Resize", spatial::resize);
    register.insert("Concat", spatial::concat);
    register.insert("DequantizeLinear", elementwise::dequantize_linear);
    onnx
}
