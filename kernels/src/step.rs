//! One step of a program, ready to run.

use std::ops::Range;

use crate::fuse::MAX_SUMS;
use crate::graph::{Addition, Shape};
use crate::kernel::{Convolve, InstructionSet, MAX_TILE_PIXELS, Pixel};
use crate::tensor::{BLOCK, Placement};
use crate::winograd::WinogradJob;

/// Bytes that a step without multiplications writes a cycle: maxima of four, or copies of few bytes
/// each.
const BYTES_A_CYCLE: u64 = 4;

/// What it takes to write a tensor without multiplications.
pub(crate) fn copying_cycles(shape: Shape) -> u64 {
    shape.elements() as u64 / BYTES_A_CYCLE
}

/// A step and where its result lies.
pub(crate) struct Step {
    pub job: Job,
    pub output: Placement,
    /// Where the arena is free behind all tensors that are kept during the step. Threads have what
    /// they need for themselves there, one behind the other.
    pub scratch_start: usize,
}

pub(crate) enum Job {
    Convolution(ConvolutionJob),
    Winograd(WinogradJob),
    Addition { addition: Addition, a: PlacedOperand, b: PlacedOperand },
    MaxPool(Placement),
    Upsample(Placement),
    Concat(Vec<Placement>),
    Lookup(Placement, Box<[u8; 256]>),
    Constant(Vec<u8>),
}

/// An operand and where it lies; `halved` is read at half the row and column.
#[derive(Clone, Copy)]
pub(crate) struct PlacedOperand {
    pub placement: Placement,
    pub halved: bool,
}

impl PlacedOperand {
    fn at(&self, row: usize, column: usize) -> usize {
        if self.halved { self.placement.at(row / 2, column / 2) } else { self.placement.at(row, column) }
    }
}

pub(crate) struct ConvolutionJob {
    pub convolve: Convolve,
    pub input: Placement,
    pub stride: [usize; 2],
    /// Rows and columns of padding above and to the left.
    pub padding: [usize; 2],
    pub biases: Vec<i32>,
    pub biases_vary: bool,
    pub operands: Vec<PlacedOperand>,
}

impl Step {
    /// What the step takes one thread, roughly; at least one, so that the last step of a frame
    /// belongs to its last part.
    pub(crate) fn cycles(&self, kernel: &dyn InstructionSet) -> u64 {
        let shape = self.output.shape;
        let cycles = match &self.job {
            Job::Convolution(job) => {
                let taps = job.convolve.window_rows * job.convolve.weights.row_bytes;
                shape.elements() as u64 * taps as u64 / kernel.macs_a_cycle()
            }
            Job::Winograd(job) => job.work() / kernel.macs_a_cycle(),
            _ => copying_cycles(shape),
        };
        cycles.max(1)
    }

    /// How many pieces the step falls into; they can run in any order, side by side.
    pub(crate) fn pieces(&self, kernel: &dyn InstructionSet) -> usize {
        match &self.job {
            Job::Convolution(_) => {
                let tile = kernel.tile();
                self.groups(kernel) * (self.output.shape.rows * self.output.shape.columns).div_ceil(tile.pixels)
            }
            Job::Winograd(job) => job.pieces(),
            _ => self.output.shape.rows,
        }
    }

    /// Bytes that a thread needs for itself while it runs pieces, a multiple of 64.
    pub(crate) fn scratch_bytes(&self) -> usize {
        match &self.job {
            Job::Winograd(job) => job.scratch_bytes(),
            _ => 0,
        }
    }

    /// Groups of blocks that a tile covers.
    fn groups(&self, kernel: &dyn InstructionSet) -> usize {
        (self.output.pitch / BLOCK).div_ceil(kernel.tile().blocks)
    }

    /// Runs some of the pieces; the one that runs the first also fills the frame.
    ///
    /// # Safety
    /// The kernel is supported, `arena` is of the size that the program planned for more threads
    /// than `thread`, which is this call's alone, and nobody else touches what this step reads, or
    /// these pieces of what it writes.
    pub(crate) unsafe fn run(&self, kernel: &dyn InstructionSet, arena: *mut u8, thread: usize, pieces: Range<usize>) {
        // SAFETY: the caller's; all offsets come from placements inside the arena.
        unsafe {
            if pieces.start == 0 {
                for (offset, length) in self.output.frame() {
                    arena.add(offset).write_bytes(self.output.zero_point, length);
                }
            }
            match &self.job {
                Job::Convolution(job) => self.convolve(job, kernel, arena, pieces),
                Job::Winograd(job) => {
                    let scratch = arena.add(self.scratch_start + thread * self.scratch_bytes());
                    job.run(self, arena, scratch, pieces);
                }
                Job::Addition { addition, a, b } => self.add(kernel, addition, [a, b], arena, pieces),
                Job::MaxPool(input) => pieces.for_each(|row| self.max_pool_row(input, arena, row)),
                Job::Upsample(input) => self.each_pixel(arena, pieces, |row, column, output| {
                    output.copy_from(arena.add(input.at(row / 2, column / 2)), self.output.pitch);
                }),
                Job::Concat(parts) => self.each_pixel(arena, pieces, |row, column, mut output| {
                    for part in parts {
                        output.copy_from(arena.add(part.at(row, column)), part.shape.channels);
                        output = output.add(part.shape.channels);
                    }
                }),
                Job::Lookup(input, table) => self.each_pixel(arena, pieces, |row, column, output| {
                    let from = arena.add(input.at(row, column));
                    for channel in 0..input.shape.channels {
                        *output.add(channel) = table[usize::from(*from.add(channel))];
                    }
                }),
                Job::Constant(values) => self.each_pixel(arena, pieces, |row, column, output| {
                    let Shape { columns, channels, .. } = self.output.shape;
                    output.copy_from_nonoverlapping(values.as_ptr().add((row * columns + column) * channels), channels);
                }),
            }
        }
    }

    /// Calls `write` with row, column and begin of each pixel of these rows of the output.
    ///
    /// # Safety
    /// The arena is of the size that the program planned.
    #[inline(always)]
    unsafe fn each_pixel(&self, arena: *mut u8, rows: Range<usize>, write: impl Fn(usize, usize, *mut u8)) {
        for row in rows {
            for column in 0..self.output.shape.columns {
                // SAFETY: the caller's; pixels lie inside the arena.
                write(row, column, unsafe { arena.add(self.output.at(row, column)) });
            }
        }
    }

    /// # Safety
    /// As for [`Step::run`].
    unsafe fn add(
        &self,
        kernel: &dyn InstructionSet,
        addition: &Addition,
        [a, b]: [&PlacedOperand; 2],
        arena: *mut u8,
        rows: Range<usize>,
    ) {
        let columns = self.output.shape.columns;
        let whole_rows = !a.halved && !b.halved;
        let (runs, pixels) = if whole_rows { (1, columns) } else { (columns, 1) };
        for row in rows {
            for column in 0..runs {
                // SAFETY: the caller's.
                unsafe {
                    let output = arena.add(self.output.at(row, column));
                    let (a, b) = (arena.add(a.at(row, column)), arena.add(b.at(row, column)));
                    kernel.add(addition, a, b, output, pixels * self.output.pitch);
                }
            }
        }
    }

    /// # Safety
    /// As for [`Step::run`].
    unsafe fn max_pool_row(&self, input: &Placement, arena: *mut u8, row: usize) {
        let pitch = self.output.pitch;
        // SAFETY: the caller's; an output row of n pixels has 2n pixels in each of two input rows.
        unsafe {
            let top =
                std::slice::from_raw_parts(arena.add(input.at(2 * row, 0)), 2 * self.output.shape.columns * pitch);
            let bottom = std::slice::from_raw_parts(arena.add(input.at(2 * row + 1, 0)), top.len());
            let output =
                std::slice::from_raw_parts_mut(arena.add(self.output.at(row, 0)), self.output.shape.columns * pitch);
            let pairs = top.chunks_exact(2 * pitch).zip(bottom.chunks_exact(2 * pitch));
            for (output, (top, bottom)) in output.chunks_exact_mut(pitch).zip(pairs) {
                let (top, bottom) = (top.split_at(pitch), bottom.split_at(pitch));
                let values = top.0.iter().zip(top.1).zip(bottom.0.iter().zip(bottom.1));
                for (output, ((a, b), (c, d))) in output.iter_mut().zip(values) {
                    *output = (*a).max(*b).max((*c).max(*d));
                }
            }
        }
    }

    /// # Safety
    /// As for [`Step::run`].
    unsafe fn convolve(&self, job: &ConvolutionJob, kernel: &dyn InstructionSet, arena: *mut u8, pieces: Range<usize>) {
        let tile = kernel.tile();
        let (shape, blocks) = (self.output.shape, self.output.pitch / BLOCK);
        let pixels = shape.rows * shape.columns;
        let tiles = pixels.div_ceil(tile.pixels);
        let mut buffer = [Pixel::NONE; MAX_TILE_PIXELS];
        let mut left = pieces;
        while !left.is_empty() {
            let (group, tile_first) = (left.start / tiles, left.start % tiles);
            let group_tiles = tile_first..tiles.min(tile_first + left.len());
            left.start += group_tiles.len();
            let group = group * tile.blocks..blocks.min((group + 1) * tile.blocks);
            let mut cursor = Cursor::new(self, job, arena, tile_first * tile.pixels);
            for first in group_tiles.map(|number| number * tile.pixels) {
                let count = tile.pixels.min(pixels - first);
                buffer[..count].iter_mut().for_each(|pixel| cursor.write(pixel));
                // SAFETY: the caller's; the cursor is inside the output.
                unsafe { kernel.convolve(&job.convolve, group.clone(), &buffer[..count]) }
            }
        }
    }
}

/// Walks over the pixels of a convolution's output, row by row.
struct Cursor<'a> {
    step: &'a Step,
    job: &'a ConvolutionJob,
    arena: *mut u8,
    row: usize,
    column: usize,
    pixel: Pixel,
    /// From one pixel of a row to the next, in bytes.
    window_pitch: usize,
    /// In biases.
    bias_pitch: usize,
    output_pitch: usize,
    has_operands: bool,
    /// In bytes, to an even column and to an odd one.
    operand_pitches: [[usize; 2]; MAX_SUMS],
}

impl<'a> Cursor<'a> {
    /// Stands at pixel number `first`.
    fn new(step: &'a Step, job: &'a ConvolutionJob, arena: *mut u8, first: usize) -> Self {
        let mut operand_pitches = [[0; 2]; MAX_SUMS];
        for (pitches, PlacedOperand { placement, halved }) in operand_pitches.iter_mut().zip(&job.operands) {
            *pitches = [placement.pitch, if *halved { 0 } else { placement.pitch }];
        }
        let (row, column) = (first / step.output.shape.columns, first % step.output.shape.columns);
        let mut cursor = Cursor {
            step,
            job,
            arena,
            row,
            column,
            pixel: Pixel::NONE,
            window_pitch: job.stride[1] * job.input.pitch,
            bias_pitch: job.bias_pitch(),
            output_pitch: step.output.pitch,
            has_operands: !job.operands.is_empty(),
            operand_pitches,
        };
        cursor.find();
        cursor
    }

    /// Writes the pixel at which it stands; then goes on to the next one. A convolution without
    /// operands leaves what stands there for them.
    #[inline(always)]
    fn write(&mut self, to: &mut Pixel) {
        let pixel = &mut self.pixel;
        (to.window, to.bias, to.output) = (pixel.window, pixel.bias, pixel.output);
        if self.has_operands {
            to.operands = pixel.operands;
        }
        self.column += 1;
        if self.column == self.step.output.shape.columns {
            (self.row, self.column) = (self.row + 1, 0);
            return self.find();
        }
        pixel.window = pixel.window.wrapping_add(self.window_pitch);
        pixel.bias = pixel.bias.wrapping_add(self.bias_pitch);
        pixel.output = pixel.output.wrapping_add(self.output_pitch);
        if self.has_operands {
            for (operand, pitches) in pixel.operands.iter_mut().zip(&self.operand_pitches) {
                *operand = operand.wrapping_add(pitches[self.column % 2]);
            }
        }
    }

    /// Looks up all pointers. Behind the last row they are not used, and wrap.
    fn find(&mut self) {
        self.pixel = Cursor::look_up(self.job, self.step, self.arena, self.row, self.column);
    }

    /// Takes no cursor, so that a loop keeps its cursor in registers, and is not inlined, as it is
    /// needed once a row.
    #[inline(never)]
    fn look_up(job: &ConvolutionJob, step: &Step, arena: *mut u8, row: usize, column: usize) -> Pixel {
        job.pixel(step, arena, row, column)
    }
}

impl ConvolutionJob {
    /// From one pixel of a row to the next, in biases.
    fn bias_pitch(&self) -> usize {
        if self.biases_vary { BLOCK } else { 0 }
    }

    /// All pointers of an output pixel.
    pub(crate) fn pixel(&self, step: &Step, arena: *mut u8, row: usize, column: usize) -> Pixel {
        let input = &self.input;
        // The window may begin in the frame, above or left of the tensor's first pixel.
        let window_row = row * self.stride[0] + input.top - self.padding[0];
        let window_column = column * self.stride[1] + input.side - self.padding[1];
        let window = input.start + window_row * input.row_pitch() + window_column * input.pitch;
        let index = row * step.output.shape.columns + column;
        let mut pixel = Pixel {
            window: arena.wrapping_add(window),
            bias: self.biases.as_ptr().wrapping_add(index * self.bias_pitch()),
            output: arena.wrapping_add(step.output.at(row, column)),
            ..Pixel::NONE
        };
        for (pointer, operand) in pixel.operands.iter_mut().zip(&self.operands) {
            *pointer = arena.wrapping_add(operand.at(row, column));
        }
        pixel
    }
}

impl Pixel {
    pub(crate) const NONE: Pixel = Pixel {
        window: std::ptr::null(),
        bias: std::ptr::null(),
        operands: [std::ptr::null(); MAX_SUMS],
        output: std::ptr::null_mut(),
    };
}
