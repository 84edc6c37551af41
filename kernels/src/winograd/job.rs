//! A layer's walk over its tiles.

use std::ops::Range;

use super::choice::strips;
use super::form::{is_exact, transform_weights};
use super::{Arithmetic, Form, GROUP, Layer, STRIP_TILES, Strip, TilePixels, Winograd};
use crate::aligned::AlignedBytes;
use crate::fuse::FusedConvolution;
use crate::step::{ConvolutionJob, Step};
use crate::tensor::{BLOCK, Placement};

/// A convolution that runs by Winograd's algorithm.
///
/// A piece of it is one strip of tiles and one block of output channels. The pieces of a strip
/// follow each other, so that whoever runs several of them transforms the strip's input once.
pub(crate) struct WinogradJob {
    /// Where it reads and writes, and what is done with its sums; without weights.
    pub convolution: ConvolutionJob,
    arithmetic: &'static dyn Arithmetic,
    form: Form,
    weights: AlignedBytes,
    /// `scale` times the bias, one for each output channel, padded to blocks.
    starts: Vec<i32>,
    layer: Layer,
}

/// The form that `winograd` chooses for a convolution; `None` for one that it cannot do, or that is
/// better off without.
pub(crate) fn form(
    winograd: &Winograd,
    fused: &FusedConvolution<'_>,
    input: &Placement,
    output: &Placement,
) -> Option<Form> {
    let convolution = fused.convolution;
    let suits = convolution.window == [3; 2]
        && convolution.stride == [1; 2]
        && fused.constants.is_empty()
        && input.pitch.is_multiple_of(BLOCK);
    if !suits {
        return None;
    }
    let mut exact = Form::ALL.to_vec();
    exact.retain(|form| is_exact(*form, convolution));
    (winograd.choose)(&layer(input, output), &exact)
}

fn layer(input: &Placement, output: &Placement) -> Layer {
    Layer { rows: output.shape.rows, columns: output.shape.columns, channels: input.pitch, outputs: output.pitch }
}

impl WinogradJob {
    /// The biases of `job` are those of the net: no zero point is folded into them yet.
    pub(crate) fn new(
        form: Form,
        arithmetic: &'static dyn Arithmetic,
        fused: &FusedConvolution<'_>,
        output: &Placement,
        job: ConvolutionJob,
    ) -> Self {
        WinogradJob {
            arithmetic,
            form,
            weights: transform_weights(form, fused.convolution, job.input.pitch),
            starts: job.biases.iter().map(|bias| bias.wrapping_mul(form.scale())).collect(),
            layer: layer(&job.input, output),
            convolution: job,
        }
    }

    pub(crate) fn pieces(&self) -> usize {
        strips(&self.layer, self.form).1 * self.blocks()
    }

    fn blocks(&self) -> usize {
        self.layer.outputs / BLOCK
    }

    /// Instructions that take as long as so many multiply-accumulates of the direct way.
    pub(crate) fn work(&self) -> u64 {
        let Layer { rows, columns, channels, outputs } = self.layer;
        let macs = [rows, columns, outputs, 9, channels].map(|factor| factor as u64).iter().product::<u64>();
        macs / 2
    }

    /// Bytes of a strip's transformed input, and of its products.
    fn strip_bytes(&self) -> [usize; 2] {
        let tiles = strips(&self.layer, self.form).0.min(STRIP_TILES);
        let values = self.form.positions() * tiles * self.layer.channels * size_of::<i16>();
        let products = self.form.positions() * tiles * GROUP * size_of::<i32>();
        [values, products]
    }

    /// Memory that each thread needs for itself while it runs pieces.
    pub(crate) fn scratch_bytes(&self) -> usize {
        self.strip_bytes().iter().sum()
    }

    /// Runs some of the pieces.
    ///
    /// # Safety
    /// As for [`Step::run`]; `scratch` has [`Self::scratch_bytes`], aligned to 64, and is the
    /// caller's alone.
    pub(crate) unsafe fn run(&self, step: &Step, arena: *mut u8, scratch: *mut u8, pieces: Range<usize>) {
        let (tiles, strips) = strips(&self.layer, self.form);
        let blocks = self.blocks();
        let mut left = pieces;
        while !left.is_empty() {
            let (number, first_block) = (left.start / blocks, left.start % blocks);
            let own_blocks = first_block..blocks.min(first_block + left.len());
            left.start += own_blocks.len();
            let own_tiles = tiles * number / strips..tiles * (number + 1) / strips;
            // SAFETY: the caller's; products follow values, whose bytes are a multiple of 64.
            unsafe {
                let strip = Strip {
                    form: self.form,
                    tiles: own_tiles.len(),
                    channels: self.layer.channels,
                    values: scratch.cast(),
                    products: scratch.add(self.strip_bytes()[0]).cast(),
                };
                self.run_strip(step, arena, &strip, own_tiles.start, own_blocks);
            }
        }
    }

    /// # Safety
    /// As for [`crate::step::Step::run`].
    unsafe fn run_strip(&self, step: &Step, arena: *mut u8, strip: &Strip, first_tile: usize, blocks: Range<usize>) {
        let mut to = [TilePixels::NONE; STRIP_TILES];
        // SAFETY: the caller's; weights are padded to blocks.
        unsafe {
            for (tile, to) in to[..strip.tiles].iter_mut().enumerate() {
                let (row, column) = self.corner(first_tile + tile);
                *to = self.pixels(step, arena, row, column);
                let (rows, columns) = self.windows(to, row, column);
                self.arithmetic.transform(strip, tile, &rows, &columns);
            }
            for channel in (blocks.start * BLOCK..blocks.end * BLOCK).step_by(GROUP) {
                let weights = self.weights.as_ptr().cast::<i16>();
                let weights = weights.add(channel * self.form.positions() * self.layer.channels);
                self.arithmetic.multiply(strip, weights, self.starts[channel..][..GROUP].as_ptr());
                for (tile, to) in to[..strip.tiles].iter().enumerate() {
                    self.arithmetic.finish(strip, tile, &self.convolution.convolve, channel, to);
                }
            }
        }
    }

    /// Row and column of a tile's first result.
    fn corner(&self, tile: usize) -> (usize, usize) {
        let side = self.form.outputs();
        let across = self.layer.columns.div_ceil(side);
        (tile / across * side, tile % across * side)
    }

    fn pixels(&self, step: &Step, arena: *mut u8, row: usize, column: usize) -> TilePixels {
        let side = self.form.outputs();
        let mut to = TilePixels {
            rows: side.min(self.layer.rows - row),
            columns: side.min(self.layer.columns - column),
            ..TilePixels::NONE
        };
        for y in 0..to.rows {
            for x in 0..to.columns {
                to.pixels[y * side + x] = self.convolution.pixel(step, arena, row + y, column + x);
            }
        }
        to
    }

    /// Begin of each row of a tile's input and offset of each column. Rows and columns that no
    /// window inside the output reads are replaced by the last that one reads: their values change
    /// nothing, but have to lie in the tensor.
    fn windows(&self, to: &TilePixels, row: usize, column: usize) -> ([*const u8; 6], [usize; 6]) {
        let (last_row, last_column) = (self.layer.rows + 1 - row, self.layer.columns + 1 - column);
        let (row_pitch, pitch) = (self.convolution.convolve.input_row_pitch, self.layer.channels);
        let first = to.pixels[0].window;
        let rows = std::array::from_fn(|y| first.wrapping_add(y.min(last_row) * row_pitch));
        let columns = std::array::from_fn(|x| x.min(last_column) * pitch);
        (rows, columns)
    }
}
