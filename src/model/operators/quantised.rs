//! What the operators have in common when tract infers shapes.

use std::ops::RangeInclusive;

use tract_onnx::tract_hir::internal::*;

/// The shape of a tensor, layout `[picture, channel, row, column]`.
pub(super) type Dims = TVec<TDim>;

/// An operator whose shape follows from those of its inputs; [`Rules`] makes it tract's.
pub(super) trait Quantised: std::fmt::Debug + Clone + Send + Sync + 'static {
    /// ONNX's name.
    const NAME: &'static str;

    /// How many inputs it may have, parameters included.
    const INPUTS: RangeInclusive<usize>;

    /// Element type of the result.
    fn result_type(&self) -> DatumType {
        u8::datum_type()
    }

    /// Shape of the result; the first input has four axes.
    fn result_shape(&self, inputs: &[Dims]) -> TractResult<Dims>;

    /// Puts the operator of the typed graph in its place.
    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>>;
}

/// A [`Quantised`] operator in tract's inference.
#[derive(Debug, Clone)]
pub(super) struct Rules<Q>(pub Q);

impl<Q: Quantised> Expansion for Rules<Q> {
    fn name(&self) -> StaticName {
        Q::NAME.into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        ensure!(Q::INPUTS.contains(&inputs.len()), "{} inputs, expected {:?}", inputs.len(), Q::INPUTS);
        solver.equals(&inputs[0].rank, 4)?;
        solver.equals(&outputs[0].datum_type, self.0.result_type())?;
        solver.given_all(inputs.iter().map(|input| &input.shape), move |solver, shapes| {
            solver.equals(&outputs[0].shape, self.0.result_shape(&shapes)?)
        })
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        self.0.wire(prefix, model, inputs).with_context(|| format!("{} {prefix}", Q::NAME))
    }
}
