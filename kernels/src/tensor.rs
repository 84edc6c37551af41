//! Where a tensor's pixels lie.

use crate::arena::ALIGN;
use crate::fuse::{Fused, Work};
use crate::graph::{Graph, GraphError, Shape, Tensor};

/// Output channels that a kernel computes together; pixels are padded to a multiple of it.
pub(crate) const BLOCK: usize = 16;

/// Bytes behind a tensor that a kernel may read (it ignores them): less than one vector of 64.
const SLACK: usize = 64;

/// A tensor with a frame of `zero_point` around it, so that a window never leaves it. Two
/// neighbouring rows share the columns between them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Placement {
    pub shape: Shape,
    /// Bytes from one pixel to the next.
    pub pitch: usize,
    /// Pixels between a row's end and the next row's begin.
    pub side: usize,
    pub top: usize,
    pub bottom: usize,
    pub zero_point: u8,
    /// Begin of the frame in the arena.
    pub start: usize,
}

impl Placement {
    pub(crate) fn row_pitch(&self) -> usize {
        (self.shape.columns + self.side) * self.pitch
    }

    /// Arena offset of a pixel.
    pub(crate) fn at(&self, row: usize, column: usize) -> usize {
        self.start + (row + self.top) * self.row_pitch() + (column + self.side) * self.pitch
    }

    pub(crate) fn bytes(&self) -> usize {
        let rows = self.top + self.shape.rows + self.bottom;
        rows * self.row_pitch() + self.side * self.pitch + SLACK
    }

    /// As [`Placement::bytes`]; `None` where that is more than this machine counts to.
    fn checked_bytes(&self) -> Option<usize> {
        let row = self.shape.columns.checked_add(self.side)?.checked_mul(self.pitch)?;
        let rows = self.top.checked_add(self.shape.rows)?.checked_add(self.bottom)?;
        let side = self.side.checked_mul(self.pitch)?;
        rows.checked_mul(row)?.checked_add(side)?.checked_add(SLACK)
    }

    /// The pieces of the frame, as arena offset and length.
    pub(crate) fn frame(&self) -> impl Iterator<Item = (usize, usize)> {
        let (row, side) = (self.row_pitch(), self.side * self.pitch);
        let above = (self.start, self.top * row + side);
        let between = (1..self.shape.rows).map(move |r| (self.start + (self.top + r) * row, side));
        let below = (self.start + (self.top + self.shape.rows) * row, self.bottom * row + side);
        [above].into_iter().chain(between).chain([below]).filter(|(_, length)| *length > 0)
    }
}

/// Placements for the input and the results of all steps; `start` is still 0. Indexed by tensor.
pub(crate) fn place(graph: &Graph, steps: &[Fused<'_>]) -> Result<Vec<Option<Placement>>, GraphError> {
    let mut placements = vec![None; graph.nodes().len()];
    let input = graph.input().0;
    for tensor in [input].into_iter().chain(steps.iter().map(|step| step.result)) {
        let shape = graph.shape(Tensor(tensor));
        let packed = can_be_packed(steps, tensor);
        let whole_blocks = || shape.channels.checked_next_multiple_of(BLOCK).ok_or(GraphError::Size { found: shape });
        let pitch = if packed { shape.channels } else { whole_blocks()? };
        placements[tensor] = Some(Placement { shape, pitch, side: 0, top: 0, bottom: 0, zero_point: 0, start: 0 });
    }
    for step in steps {
        let Work::Convolution(fused) = &step.work else { continue };
        let [top, left, bottom, right] = fused.convolution.padding;
        let Some(place) =
            placements[fused.input].as_mut().filter(|_| [top, left, bottom, right].iter().any(|padding| *padding > 0))
        else {
            continue;
        };
        let zero_point = fused.convolution.input_zero_point;
        let framed = [place.top, place.side, place.bottom].iter().any(|padding| *padding > 0);
        if framed && place.zero_point != zero_point {
            return Err(GraphError::PaddingDiffers { found: [place.zero_point, zero_point] });
        }
        place.zero_point = zero_point;
        place.top = place.top.max(top);
        place.side = place.side.max(left).max(right);
        place.bottom = place.bottom.max(bottom);
    }
    check_sizes(graph, &placements)?;
    Ok(placements)
}

/// Refuses what would make an offset in the arena wrap around: each is at most the sum of all
/// tensors.
fn check_sizes(graph: &Graph, placements: &[Option<Placement>]) -> Result<(), GraphError> {
    let mut left = isize::MAX as usize;
    for (node, placement) in graph.nodes().iter().zip(placements) {
        let is_empty = node.shape.checked_elements().is_none_or(|elements| elements == 0);
        let bytes = placement.map_or(Some(0), |placement| placement.checked_bytes());
        let after = bytes.and_then(|bytes| left.checked_sub(bytes.checked_next_multiple_of(ALIGN)?));
        left = after.filter(|_| !is_empty).ok_or(GraphError::Size { found: node.shape })?;
    }
    Ok(())
}

/// Whether nobody handles the tensor in whole blocks. A picture of three channels costs a fifth
/// that way.
fn can_be_packed(steps: &[Fused<'_>], tensor: usize) -> bool {
    let by_bytes = |step: &Fused| match &step.work {
        Work::Convolution(fused) => fused.sums.iter().all(|sum| sum.operand.tensor != tensor),
        Work::Lookup(..) | Work::Concat(_) => true,
        _ => false,
    };
    let written = steps.iter().find(|step| step.result == tensor).map(|step| &step.work);
    matches!(written, None | Some(Work::Lookup(..)))
        && steps.iter().filter(|step| step.reads().contains(&tensor)).all(by_bytes)
}
