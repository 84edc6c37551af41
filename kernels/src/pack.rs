//! Weights in the order in which the kernels read them.

use crate::aligned::AlignedBytes;
use crate::fuse::FusedConvolution;
use crate::tensor::{BLOCK, Placement};

/// Order of the bytes of one block of 16 output channels. A window row counts as one run of bytes,
/// because the pixels of a row follow each other; it is padded with zero weights to whole groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// `[window row, group of 4 bytes, 16 output channels, 4 bytes]`, rows padded to a multiple of
    /// `row_multiple`.
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

impl PackedWeights {
    /// Those of a convolution that keeps its weights elsewhere.
    pub(crate) fn none() -> Self {
        PackedWeights { bytes: AlignedBytes::zeroed(0), block_bytes: 0, row_bytes: 0 }
    }
}

/// Groups of `N` bytes, one a row of `lanes` such groups.
fn scatter<const N: usize>(line: &[u8], rows: &mut [u8], lanes: usize) {
    for (group, row) in line.as_chunks::<N>().0.iter().zip(rows.chunks_mut(lanes * N)) {
        row[..N].copy_from_slice(group);
    }
}

pub(crate) fn pack(fused: &FusedConvolution<'_>, input: &Placement, layout: Layout) -> PackedWeights {
    let convolution = fused.convolution;
    let [rows, columns] = convolution.window;
    let (outputs, channels) = (convolution.output_channels(), input.shape.channels);
    let all_channels = convolution.weights.len() / (outputs * rows * columns);
    let row_bytes = (columns * input.pitch).next_multiple_of(layout.row_multiple());
    let block_bytes = rows * row_bytes * BLOCK;
    let mut bytes = AlignedBytes::zeroed(outputs.div_ceil(BLOCK) * block_bytes);
    let mut line = vec![0; row_bytes];
    for (output, weights) in convolution.weights.chunks(rows * columns * all_channels).enumerate() {
        let block = &mut bytes.as_mut_slice()[output / BLOCK * block_bytes..][..block_bytes];
        for (row, weights) in weights.chunks(columns * all_channels).enumerate() {
            for (pixel, weights) in line.chunks_mut(input.pitch).zip(weights.chunks(all_channels)) {
                let varying = &weights[fused.first_channel..][..channels];
                pixel.iter_mut().zip(varying).for_each(|(byte, weight)| *byte = *weight as u8);
            }
            let lane = output % BLOCK;
            match layout {
                Layout::Quads { .. } => scatter::<4>(&line, &mut block[row * row_bytes * BLOCK + lane * 4..], BLOCK),
                Layout::Sixteens => {
                    let half = BLOCK / 2;
                    let first = (lane / half * rows + row) * row_bytes * half + lane % half * 16;
                    scatter::<16>(&line, &mut block[first..], half);
                }
            }
        }
    }
    PackedWeights { bytes, block_bytes, row_bytes }
}
