//! A graph planned for one machine.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::aligned::AlignedBytes;
use crate::arena::{Arena, Need};
use crate::bias::{Biases, biases};
use crate::chunking::Chunking;
use crate::fuse::{Fused, FusedConvolution, Operand, Work, fuse};
use crate::graph::{Graph, GraphError, Operator, Shape, Tensor};
use crate::kernel::{Convolve, Corrections, Kernel};
use crate::pack::{PackedWeights, pack};
use crate::pool::{Chunks, Pool};
use crate::step::{ConvolutionJob, Job, PlacedOperand, Step, copying_cycles};
use crate::tensor::{BLOCK, Placement, place};
use crate::winograd::{self, WinogradJob};

/// Fused steps with packed weights; immutable, shared by all [`Workspace`]s.
pub struct Program {
    kernel: Kernel,
    steps: Vec<Step>,
    input: Placement,
    output: Placement,
    /// Of all tensors.
    arena_bytes: usize,
    macs: u64,
}

/// Memory, and threads, in which a [`Program`] runs a frame.
pub struct Workspace {
    /// Tensors, and what threads need for themselves during a step.
    arena: AlignedBytes,
    pool: Pool,
    /// One for each step.
    chunks: Vec<Chunks>,
}

/// A chunk of a step, as threads share it; a step begins when all chunks of the one before are
/// done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chunk {
    /// Number of its step. Step 0, the copying of the picture, is the caller's alone.
    pub step: usize,
    /// What it takes one thread as it is planned, roughly.
    pub cycles: u64,
}

impl Workspace {
    /// The caller's thread and those that the system gave: fewer than wanted where it has no more.
    pub fn threads(&self) -> usize {
        self.pool.threads()
    }
}

impl Program {
    /// Plans how `kernel` computes `output`.
    #[expect(clippy::missing_panics_doc, reason = "every tensor that is read or written is placed")]
    pub fn plan(graph: &Graph, output: Tensor, kernel: Kernel) -> Result<Program, GraphError> {
        let mut graph = graph.clone();
        let output = with_own_memory(&mut graph, output)?;
        let steps = fuse(&graph, output);
        let mut placements = place(&graph, &steps)?;
        let arena = assign_memory(&steps, &mut placements, graph.input().0, output.0);
        let at = |tensor: usize| placements[tensor].expect("every tensor that is read or written is placed");
        let planned = steps.iter().enumerate().map(|(number, step)| Step {
            job: job(step, &at, kernel),
            output: at(step.result),
            scratch_start: arena.end_during(number),
        });
        Ok(Program {
            kernel,
            steps: planned.collect(),
            input: at(graph.input().0),
            output: at(output.0),
            arena_bytes: arena.bytes(),
            macs: graph.macs(),
        })
    }

    pub fn kernel(&self) -> Kernel {
        self.kernel
    }

    pub fn input_shape(&self) -> Shape {
        self.input.shape
    }

    pub fn output_shape(&self) -> Shape {
        self.output.shape
    }

    /// Bytes from one pixel of the result to the next.
    pub fn output_pitch(&self) -> usize {
        self.output.pitch
    }

    /// Multiply-accumulates a frame.
    pub fn macs(&self) -> u64 {
        self.macs
    }

    /// Bytes in which a workspace for so many threads holds a frame.
    pub fn workspace_bytes(&self, threads: usize) -> usize {
        let with_scratch = self
            .steps
            .iter()
            .map(|step| step.scratch_start.saturating_add(step.scratch_bytes().saturating_mul(threads.max(1))));
        with_scratch.fold(self.arena_bytes, usize::max)
    }

    /// A workspace for one thread, or for several that share each frame.
    pub fn workspace(&self, threads: usize) -> Workspace {
        Workspace {
            arena: AlignedBytes::zeroed(self.workspace_bytes(threads)),
            pool: Pool::new(threads),
            chunks: self.steps.iter().map(|_| Chunks::default()).collect(),
        }
    }

    /// Runs the net on `picture`, layout `[row, column, channel]`. The result has the same layout,
    /// with [`Program::output_pitch`] bytes from pixel to pixel.
    ///
    /// # Panics
    /// When the picture is not of [`Program::input_shape`], or the workspace is another program's.
    /// A panic of a kernel on any of the workspace's threads is raised here, too, when all of them
    /// have left the frame; the workspace runs the next frame as if it had not been.
    pub fn run<'w>(&self, workspace: &'w mut Workspace, picture: &[u8]) -> &'w [u8] {
        self.run_part(workspace, picture, 0, 1).expect("the only part is the last")
    }

    /// Runs the net as [`Program::run`] does, in `parts` that take about as long as one another,
    /// one a call: parts 0 to `parts - 1` in this order, on one workspace, which nothing else uses
    /// meanwhile. The first part reads the picture, and the last gives the result.
    ///
    /// # Panics
    /// As [`Program::run`] does.
    pub fn run_part<'w>(
        &self,
        workspace: &'w mut Workspace,
        picture: &[u8],
        part: usize,
        parts: usize,
    ) -> Option<&'w [u8]> {
        self.check(workspace, picture);
        if part == 0 {
            self.write_input(workspace.arena.as_mut_slice(), picture);
        }
        self.run_steps(workspace, self.steps_before(part, parts)..self.steps_before(part + 1, parts));
        let shape = self.output.shape;
        let result = self.output.at(0, 0)..self.output.at(0, 0) + shape.rows * shape.columns * self.output.pitch;
        (part + 1 >= parts).then(|| &workspace.arena.as_mut_slice()[result])
    }

    /// How many steps stand before part `part` of `parts`.
    fn steps_before(&self, part: usize, parts: usize) -> usize {
        let cycles = || self.steps.iter().map(|step| step.cycles(self.kernel.0));
        let all: u64 = cycles().sum();
        let mut done = 0;
        let before = cycles().take_while(|cycles| {
            let begins_in = done * parts as u64 / all.max(1);
            done += cycles;
            begins_in < part as u64
        });
        before.count()
    }

    /// These steps on all threads, which share each large one.
    fn run_steps(&self, Workspace { arena, pool, chunks }: &mut Workspace, steps: Range<usize>) {
        let (kernel, threads, arena) = (self.kernel.0, pool.threads(), Memory(arena.as_mut_ptr()));
        let joined = AtomicUsize::new(0);
        chunks.iter_mut().for_each(Chunks::reset);
        pool.run(&|member| {
            let thread = joined.fetch_add(1, Ordering::Relaxed);
            for (step, chunks) in self.steps[steps.clone()].iter().zip(&chunks[steps.clone()]) {
                let chunking = Chunking::new(step, kernel, threads);
                chunks.share(chunking.count(), member, |chunk| {
                    // SAFETY: kernels are only handed out when supported; the arena is of the
                    // planned size and borrowed, a step begins when all chunks of the step before
                    // are done, and each thread joins a frame once.
                    unsafe { step.run(kernel, arena.pointer(), thread, chunking.pieces(chunk)) }
                })?;
            }
            Ok(())
        });
    }

    /// Runs the net on `picture` on the caller's thread alone, with each step cut as for `threads`
    /// threads, and calls `done` after each chunk. For simulations of threads.
    ///
    /// # Panics
    /// As [`Program::run`] does.
    pub fn run_chunks(&self, workspace: &mut Workspace, picture: &[u8], threads: usize, mut done: impl FnMut(Chunk)) {
        self.check(workspace, picture);
        self.write_input(workspace.arena.as_mut_slice(), picture);
        done(Chunk { step: 0, cycles: copying_cycles(self.input.shape) });
        let arena = workspace.arena.as_mut_ptr();
        for (step, number) in self.steps.iter().zip(1..) {
            let chunking = Chunking::new(step, self.kernel.0, threads);
            for chunk in 0..chunking.count() {
                // SAFETY: kernels are only handed out when supported, the arena is of the planned
                // size, and nobody else has it.
                unsafe { step.run(self.kernel.0, arena, 0, chunking.pieces(chunk)) };
                done(Chunk { step: number, cycles: step.cycles(self.kernel.0) / chunking.count() as u64 });
            }
        }
    }

    fn check(&self, workspace: &Workspace, picture: &[u8]) {
        assert_eq!(picture.len(), self.input.shape.elements(), "bytes of a picture of {}", self.input.shape);
        let belongs = workspace.arena.len() >= self.workspace_bytes(workspace.pool.threads())
            && workspace.chunks.len() == self.steps.len();
        assert!(belongs, "a workspace of this program");
    }

    fn write_input(&self, arena: &mut [u8], picture: &[u8]) {
        for (offset, length) in self.input.frame() {
            arena[offset..offset + length].fill(self.input.zero_point);
        }
        let Shape { columns, channels, .. } = self.input.shape;
        for (row, pixels) in picture.chunks_exact(columns * channels).enumerate() {
            if self.input.pitch == channels {
                arena[self.input.at(row, 0)..][..pixels.len()].copy_from_slice(pixels);
                continue;
            }
            for (column, pixel) in pixels.chunks_exact(channels).enumerate() {
                arena[self.input.at(row, column)..][..channels].copy_from_slice(pixel);
            }
        }
    }
}

/// A workspace's memory as all threads see it.
#[derive(Clone, Copy)]
struct Memory(*mut u8);

impl Memory {
    fn pointer(&self) -> *mut u8 {
        self.0
    }
}

// SAFETY: `Program::run_steps` lets no two threads touch the same bytes during a step.
unsafe impl Send for Memory {}
// SAFETY: as above.
unsafe impl Sync for Memory {}

/// The result must be packed and padded to blocks, so it may be neither the picture nor a tensor
/// with a frame.
fn with_own_memory(graph: &mut Graph, output: Tensor) -> Result<Tensor, GraphError> {
    let is_read = graph.nodes().iter().any(|node| node.inputs.contains(&output));
    let may_be_packed = matches!(graph.nodes()[output.0].operator, Operator::Input(_) | Operator::Lookup(_));
    if is_read || may_be_packed { graph.add(Operator::Concat, &[output]) } else { Ok(output) }
}

/// Gives every tensor its place in the arena.
fn assign_memory(steps: &[Fused<'_>], placements: &mut [Option<Placement>], input: usize, output: usize) -> Arena {
    let mut needs = Vec::new();
    let mut tensors = Vec::new();
    let defined = std::iter::once((input, 0)).chain(steps.iter().enumerate().map(|(i, step)| (step.result, i)));
    for (tensor, first) in defined {
        let reads = steps.iter().enumerate().filter(|(_, step)| step.reads().contains(&tensor));
        let last = if tensor == output { steps.len() } else { reads.map(|(i, _)| i).max().unwrap_or(first) };
        let bytes = placements[tensor].as_ref().map_or(0, Placement::bytes);
        needs.push(Need { bytes, first, last });
        tensors.push(tensor);
    }
    let arena = Arena::assign(needs);
    for (tensor, offset) in tensors.into_iter().zip(arena.offsets()) {
        if let Some(placement) = &mut placements[tensor] {
            placement.start = offset;
        }
    }
    arena
}

fn job(step: &Fused<'_>, at: &impl Fn(usize) -> Placement, kernel: Kernel) -> Job {
    let placed = |operand: &Operand| PlacedOperand { placement: at(operand.tensor), halved: operand.halved };
    match &step.work {
        Work::Convolution(fused) => {
            let operands = fused.sums.iter().map(|sum| placed(&sum.operand)).collect();
            convolution_job(fused, at(fused.input), at(step.result), operands, kernel)
        }
        Work::Addition { addition, a, b } => Job::Addition { addition: *addition, a: placed(a), b: placed(b) },
        Work::MaxPool(input) => Job::MaxPool(at(*input)),
        Work::Upsample(input) => Job::Upsample(at(*input)),
        Work::Concat(parts) => Job::Concat(parts.iter().map(|part| at(*part)).collect()),
        Work::Lookup(input, table) => Job::Lookup(at(*input), Box::new(**table)),
        Work::Constant(values) => Job::Constant(values.to_vec()),
    }
}

fn convolution_job(
    fused: &FusedConvolution<'_>,
    input: Placement,
    output: Placement,
    operands: Vec<PlacedOperand>,
    kernel: Kernel,
) -> Job {
    let convolution = fused.convolution;
    let chosen = kernel.0.winograd().and_then(|with| Some((winograd::form(&with, fused, &input, &output)?, with)));
    let (weights, corrections, value_offset) = if chosen.is_some() {
        (PackedWeights::none(), Corrections::default(), 0)
    } else {
        let mut weights = pack(fused, &input, kernel.0.layout());
        let corrections = kernel.0.prepare(&mut weights, convolution.window[0], input.row_pitch());
        (weights, corrections, kernel.0.value_offset())
    };
    let Biases { values, varies } = biases(fused, input.shape, output.shape, value_offset);
    let mut multipliers = convolution.multipliers.clone();
    multipliers.resize(output.pitch, 0.0);
    let job = ConvolutionJob {
        convolve: Convolve {
            window_rows: convolution.window[0],
            input_row_pitch: input.row_pitch(),
            weights,
            corrections,
            bias_pitch: if varies { output.shape.rows * output.shape.columns * BLOCK } else { BLOCK },
            multipliers,
            output_zero_point: convolution.output_zero_point,
            sums: fused.sums.clone(),
        },
        input,
        stride: convolution.stride,
        padding: [convolution.padding[0], convolution.padding[1]],
        biases: values,
        biases_vary: varies,
        operands,
    };
    match chosen {
        Some((form, with)) => Job::Winograd(WinogradJob::new(form, with.arithmetic, fused, &output, job)),
        None => Job::Convolution(job),
    }
}

#[cfg(test)]
mod tests;
