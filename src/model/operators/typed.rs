//! Operators in tract's typed graph. Their `eval` is the kernels' reference; the program that runs
//! a frame is lowered from them.

use std::sync::Arc;

use tract_onnx::tract_hir::internal::*;
use wingmark_kernels::{Operator, Shape, reference};

fn nhwc_shape(shape: &[usize]) -> TractResult<Shape> {
    match *shape {
        [1, rows, columns, channels] => Ok(Shape { rows, columns, channels }),
        _ => bail!("a tensor of {shape:?} is no single picture"),
    }
}

/// f32 NCHW to `u8` NHWC: `round(x / scale) + zero_point`, half to even and clamped.
#[derive(Debug, Clone, PartialEq)]
pub struct Quantise {
    pub scale: f32,
    pub zero_point: u8,
}

impl Eq for Quantise {}

impl Quantise {
    pub fn quantise(&self, value: f32) -> u8 {
        ((value / self.scale).round_ties_even() + f32::from(self.zero_point)) as u8
    }
}

impl Op for Quantise {
    fn name(&self) -> StaticName {
        "Int8Quantise".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Quantise {
    op_out_of_plan!();

    fn eval(&self, _context: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let input = inputs[0].clone().into_tensor().move_axis(1, 3)?;
        let values = input.try_as_plain_ram()?;
        let stored: Vec<u8> = values.as_slice::<f32>()?.iter().map(|value| self.quantise(*value)).collect();
        Ok(tvec!(Tensor::from_shape(input.shape(), &stored)?.into_tvalue()))
    }
}

impl TypedOp for Quantise {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let mut shape: TVec<TDim> = inputs[0].shape.iter().cloned().collect();
        let channels = shape.remove(1);
        shape.push(channels);
        Ok(tvec!(u8::fact(shape)))
    }

    as_op!();
}

/// `u8` NHWC to f32 NCHW: `(q - zero_point) * scale`.
#[derive(Debug, Clone, PartialEq)]
pub struct Dequantise {
    pub scale: f32,
    pub zero_point: u8,
}

impl Eq for Dequantise {}

impl Op for Dequantise {
    fn name(&self) -> StaticName {
        "Int8Dequantise".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Dequantise {
    op_out_of_plan!();

    fn eval(&self, _context: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let stored = inputs[0].try_as_plain_ram()?;
        let real = |q: &u8| (f32::from(*q) - f32::from(self.zero_point)) * self.scale;
        let values: Vec<f32> = stored.as_slice::<u8>()?.iter().map(real).collect();
        let output = Tensor::from_shape(inputs[0].shape(), &values)?.move_axis(3, 1)?;
        Ok(tvec!(output.into_tvalue()))
    }
}

impl TypedOp for Dequantise {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let mut shape: TVec<TDim> = inputs[0].shape.iter().cloned().collect();
        let channels = shape.remove(3);
        shape.insert(1, channels);
        Ok(tvec!(f32::fact(shape)))
    }

    as_op!();
}

/// An operator of the kernels, `u8` NHWC to `u8` NHWC.
#[derive(Debug, Clone)]
pub struct Int8(Arc<Operator>);

impl PartialEq for Int8 {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Int8 {}

impl Int8 {
    pub fn new(operator: Operator) -> Self {
        Int8(Arc::new(operator))
    }

    pub fn operator(&self) -> &Operator {
        &self.0
    }
}

impl Op for Int8 {
    fn name(&self) -> StaticName {
        format!("Int8{}", self.0.name()).into()
    }

    op_as_typed_op!();
}

impl EvalOp for Int8 {
    op_out_of_plan!();

    fn eval(&self, _context: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let shapes = inputs.iter().map(|input| nhwc_shape(input.shape())).collect::<TractResult<Vec<Shape>>>()?;
        let views = inputs.iter().map(|input| input.try_as_plain_ram()).collect::<TractResult<Vec<_>>>()?;
        let bytes = views.iter().map(|view| view.as_slice::<u8>()).collect::<TractResult<Vec<_>>>()?;
        let output = self.0.output_shape(&shapes)?;
        let parts: Vec<_> = bytes.into_iter().zip(shapes).collect();
        let values = reference::evaluate(&self.0, &parts);
        let shape = [1, output.rows, output.columns, output.channels];
        Ok(tvec!(Tensor::from_shape(&shape, &values)?.into_tvalue()))
    }
}

impl TypedOp for Int8 {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let concrete = |fact: &&TypedFact| nhwc_shape(fact.shape.as_concrete().context("a fixed size")?);
        let shapes = inputs.iter().map(concrete).collect::<TractResult<Vec<Shape>>>()?;
        let output = self.0.output_shape(&shapes)?;
        Ok(tvec!(u8::fact([1, output.rows, output.columns, output.channels])))
    }

    as_op!();
}
