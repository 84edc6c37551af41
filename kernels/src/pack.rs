//! Weights in the order in which the kernels read them.

use crate::aligned::AlignedBytes;
use crate::fuse::FusedConvolution;
use crate::tensor::{BLOCK, Placement};

/// Order of the bytes of one block of 16 output channels. A window row counts as one run of bytes, because the pixels
/// of a row follow each other; it is padded with zero weights to whole groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// `[window row, group of 4 bytes, 16 output channels, 4 bytes]`, rows padded to a multiple of `row_multiple`.
    Quads { row_multiple: usize },
    #[cfg_attr(not(target_arch = "aarch64"), expect(dead_code))]
    /// `[half, window row, group of 16 bytes, 8 output channels, 16 bytes]`.
    Sixteens,
}

impl Layout {
    fn row_multiple(self) -> usize {
        match self {
            Layout::Quads { row_multiple } => row_multiple,
            Layout::Sixteens => 16,
        }
    }
}

/// All blocks, one after the other.
#[derive(Clone)]
pub(crate) struct PackedWeights {
    pub bytes: AlignedBytes,
    pub block_bytes: usize,
    /// Bytes of a window row, padding included.
    pub row_bytes: usize,
}

pub(crate) fn pack(fused: &FusedConvolution<'_>, input: &Placement, layout: Layout) -> PackedWeights {
    let convolution = fused.convolution;
    let [rows, columns] = convolution.window;
    let (outputs, channels) = (convolution.output_channels(), input.shape.channels);
    let all_channels = convolution.weights.len() / (outputs * rows * columns);
    let row_bytes = (columns * input.pitch).next_multiple_of(layout.row_multiple());
    let block_bytes = rows * row_bytes * BLOCK;
    let mut bytes = AlignedBytes::zeroed(outputs.div_ceil(BLOCK) * block_bytes);
    let packed = bytes.as_mut_slice();
    for (output, weights) in convolution.weights.chunks(rows * columns * all_channels).enumerate() {
        for (tap, weights) in weights.chunks(all_channels).enumerate() {
            let (row, column) = (tap / columns, tap % columns);
            let lane = output % BLOCK;
            for (channel, weight) in weights[fused.first_channel..][..channels].iter().enumerate() {
                let byte = column * input.pitch + channel;
                let at = match layout {
                    Layout::Quads { .. } => ((row * row_bytes + byte) / 4 * BLOCK + lane) * 4 + byte % 4,
                    Layout::Sixteens => {
                        let half = BLOCK / 2;
                        let group = (lane / half * rows + row) * (row_bytes / 16) + byte / 16;
                        (group * half + lane % half) * 16 + byte % 16
                    }
                };
                packed[output / BLOCK * block_bytes + at] = *weight as u8;
            }
        }
    }
    PackedWeights { bytes, block_bytes, row_bytes }
}
