//! Any net, as tract runs it by itself: the measure for what our operators gain.

use std::sync::Arc;

use prost::Message;
use tract_onnx::pb::ModelProto;
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::{DimLike, Factoid, GenericFactoid, InferenceFact, ShapeFactoid};

use super::ModelError;
use super::guard::guarded;
use super::scales::check_numbers;
use super::signature::{check_inputs, check_sizes, signature};

/// A net with one input of 32-bit floats, and a picture of noise to run it on.
pub struct PlainNet {
    plan: Arc<TypedRunnableModel>,
    input: Tensor,
}

impl PlainNet {
    /// Loads an ONNX file, given as its bytes. An open batch becomes 1.
    pub fn from_onnx(bytes: &[u8]) -> Result<PlainNet, ModelError> {
        let onnx_error = |cause| ModelError::Onnx { cause };
        let file = guarded(|| Ok(ModelProto::decode(bytes)?)).map_err(onnx_error)?;
        let graph = file.graph.as_ref().ok_or_else(|| signature("no graph".into(), "one"))?;
        check_inputs(graph)?;
        check_numbers(graph)?;
        let mut model = guarded(|| Ok(tract_onnx::onnx().parse(&file, None)?.model)).map_err(onnx_error)?;
        let [_] = model.input_outlets().map_err(onnx_error)? else {
            let found = format!("{} inputs", model.inputs.len());
            return Err(signature(found, "one, a picture"));
        };
        let fact = model.input_fact(0).map_err(onnx_error)?.clone();
        let shape = concrete(&fact)?;
        let fixed = InferenceFact::dt_shape(f32::datum_type(), &shape);
        let typed = guarded(|| {
            model.set_input_fact(0, fixed)?;
            model.into_typed()
        });
        let typed = typed.map_err(onnx_error)?;
        check_sizes(&typed)?;
        let plan = guarded(|| typed.into_optimized()?.into_runnable()).map_err(onnx_error)?;
        Ok(PlainNet { plan, input: noise(&shape).map_err(onnx_error)? })
    }

    /// As the file has it, the batch included.
    pub fn input_shape(&self) -> &[usize] {
        self.input.shape()
    }

    /// Runs the net on its picture.
    pub fn run(&self) -> Result<(), ModelError> {
        guarded(|| self.plan.run(tvec!(self.input.clone().into())).map(drop)).map_err(|cause| ModelError::Run { cause })
    }
}

/// The shape of an input, with 1 for an open batch.
fn concrete(fact: &InferenceFact) -> Result<Vec<usize>, ModelError> {
    if let GenericFactoid::Only(datum) = fact.datum_type
        && datum != f32::datum_type()
    {
        return Err(signature(format!("an input of {datum:?}"), "32-bit floats"));
    }
    let shape: &ShapeFactoid = &fact.shape;
    let open = || signature(format!("an input of {shape:?}"), "a fixed size, but for the batch");
    if shape.is_open() {
        return Err(open());
    }
    let sizes = shape.dims().enumerate().map(|(i, dimension)| {
        let size = dimension.concretize().and_then(|size| size.to_usize().ok());
        size.or((i == 0).then_some(1)).ok_or_else(open)
    });
    sizes.collect()
}

/// Values from -1 to 1 that look random and are the same each time.
fn noise(shape: &[usize]) -> TractResult<Tensor> {
    let values: Vec<f32> =
        (0..shape.iter().product::<usize>()).map(|i| (i * 7919 % 2003) as f32 / 1001.0 - 1.0).collect();
    Tensor::from_shape(shape, &values)
}
