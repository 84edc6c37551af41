//! A float net on tract's own kernels. Its heatmaps are quantised, so that there is one decoder.

use std::sync::Arc;

use tract_onnx::Onnx;
use tract_onnx::pb::GraphProto;
use tract_onnx::prelude::*;

use super::guard::guarded;
use super::scales::check_numbers;
use super::signature::{input_signature, signature};
use super::{ModelError, PIXEL_SCALE, PIXEL_ZERO_POINT};
use crate::model::heatmaps::Heatmaps;

/// Steps of the stored heatmaps: from -0.12 to 1.13, a little more than a landmark's 0 to 1.
const SCALE: f32 = 1.25 / 255.0;
const ZERO_POINT: f32 = 25.0;

/// tract's register, with all of its operators, for a file that it can be trusted with.
pub(super) fn operators(graph: &GraphProto) -> Result<Onnx, ModelError> {
    check_numbers(graph)?;
    Ok(tract_onnx::onnx())
}

#[derive(Clone)]
pub(super) struct FloatNet {
    plan: Arc<TypedRunnableModel>,
    input_size: [usize; 2],
    output_shape: [usize; 3],
}

pub(super) struct FloatSession {
    net: FloatNet,
    cells: Vec<u8>,
}

impl FloatNet {
    pub(super) fn new(model: TypedModel) -> Result<Self, ModelError> {
        let (input_size, output_shape) = shapes(&model)?;
        let plan = guarded(|| model.into_optimized()?.into_runnable()).map_err(|cause| ModelError::Onnx { cause })?;
        Ok(FloatNet { plan, input_size, output_shape })
    }

    /// Rows and columns.
    pub(super) fn input_size(&self) -> [usize; 2] {
        self.input_size
    }

    pub(super) fn output_shape(&self) -> [usize; 3] {
        self.output_shape
    }

    pub(super) fn session(&self) -> FloatSession {
        FloatSession { net: self.clone(), cells: vec![0; self.output_shape.iter().product()] }
    }
}

impl FloatSession {
    /// Runs the net on a picture of the right size, layout `[row, column, rgb]`.
    pub(super) fn infer(&mut self, rgb: &[u8]) -> Result<Heatmaps<'_, u8>, ModelError> {
        guarded(|| run(&self.net, rgb, &mut self.cells)).map_err(|cause| ModelError::Run { cause })?;
        Ok(Heatmaps::packed(&self.cells, self.net.output_shape, SCALE, ZERO_POINT))
    }
}

fn run(net: &FloatNet, rgb: &[u8], cells: &mut [u8]) -> TractResult<()> {
    let [rows, columns] = net.input_size;
    let mut picture = Vec::with_capacity(rgb.len());
    for channel in 0..3 {
        let bytes = rgb.iter().skip(channel).step_by(3);
        picture.extend(bytes.map(|byte| (f32::from(*byte) - f32::from(PIXEL_ZERO_POINT)) * PIXEL_SCALE));
    }
    let picture = Tensor::from_shape(&[1, 3, rows, columns], &picture)?;
    let outputs = net.plan.run(tvec!(picture.into()))?;
    let maps = outputs[0].try_as_plain_ram()?;
    let maps = maps.as_slice::<f32>()?;
    let channels = net.output_shape[2];
    for (channel, map) in maps.chunks(maps.len() / channels).enumerate() {
        for (cell, heat) in cells.iter_mut().skip(channel).step_by(channels).zip(map) {
            *cell = (heat / SCALE + ZERO_POINT).round_ties_even() as u8;
        }
    }
    Ok(())
}

type Shapes = ([usize; 2], [usize; 3]);

fn shapes(model: &TypedModel) -> Result<Shapes, ModelError> {
    let shape = |fact: TractResult<&TypedFact>| -> TractResult<Vec<usize>> {
        Ok(fact?.shape.eval_to_usize(&SymbolValues::default())?.to_vec())
    };
    let read = || Ok((shape(model.input_fact(0))?, shape(model.output_fact(0))?));
    let (input, output) = read().map_err(|cause| ModelError::Onnx { cause })?;
    let [1, 3, rows, columns] = input[..] else { return Err(input_signature(&input)) };
    let [1, channels, map_rows, map_columns] = output[..] else { return Err(output_signature(&output)) };
    if output.contains(&0) {
        return Err(output_signature(&output));
    }
    if rows != columns {
        return Err(input_signature(&input));
    }
    Ok(([rows, columns], [map_rows, map_columns, channels]))
}

fn output_signature(found: &[usize]) -> ModelError {
    signature(format!("an output of {found:?}"), "[1, channels, rows, columns], none of them 0")
}
