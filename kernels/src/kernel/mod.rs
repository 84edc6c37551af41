//! The arithmetic, one file an instruction set.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512vnni;
#[cfg(target_arch = "x86_64")]
mod avxvnni;
#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;
#[cfg(target_arch = "aarch64")]
mod sdot;
mod self_test;
#[cfg(target_arch = "aarch64")]
mod smull;
#[cfg(target_arch = "aarch64")]
mod smull_winograd;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::env;
use std::error::Error;
use std::fmt;
use std::ops::Range;

use crate::fuse::Sum;
use crate::graph::Addition;
use crate::pack::{Layout, PackedWeights};
use crate::tensor::BLOCK;
use crate::winograd::Winograd;

/// Names the kernels to use, for tests and for comparisons.
pub const ENVIRONMENT: &str = "WINGMARK_KERNEL";

/// A convolution as an instruction set sees it.
pub(crate) struct Convolve {
    pub window_rows: usize,
    /// Bytes from one row of the input to the next.
    pub input_row_pitch: usize,
    pub weights: PackedWeights,
    /// What [`InstructionSet::prepare`] adds.
    #[cfg_attr(not(any(target_arch = "aarch64", target_arch = "x86_64")), expect(dead_code))]
    pub corrections: Corrections,
    /// `i32`s from one block's biases to the next block's.
    pub bias_pitch: usize,
    /// One for each output channel, padded to whole blocks with zeroes.
    pub multipliers: Vec<f32>,
    pub output_zero_point: u8,
    pub sums: Vec<Sum>,
}

/// Further products that belong to a block's sums: for each of them four input bytes, `offset`
/// bytes from the window's begin, and 64 weights `[16 output channels, 4 bytes]`.
#[derive(Default)]
#[cfg_attr(not(any(target_arch = "aarch64", target_arch = "x86_64")), expect(dead_code))]
pub(crate) struct Corrections {
    pub offsets: Vec<usize>,
    pub weights: Vec<[i8; 4 * BLOCK]>,
    /// Range of each block; empty where the instruction set needs none.
    pub blocks: Vec<Range<usize>>,
    #[cfg_attr(not(target_arch = "x86_64"), expect(dead_code))]
    /// The weights left are such that the products of two quads of a row may be added in 16 bits.
    pub by_two: bool,
}

impl Corrections {
    /// Those of one block.
    #[cfg_attr(not(any(target_arch = "aarch64", target_arch = "x86_64")), expect(dead_code))]
    pub(crate) fn of(&self, block: usize) -> Range<usize> {
        self.blocks.get(block).cloned().unwrap_or(0..0)
    }
}

/// One output pixel of a tile: pointers to the first block of it.
#[derive(Clone, Copy)]
pub(crate) struct Pixel {
    /// First byte of the window.
    pub window: *const u8,
    pub bias: *const i32,
    pub operands: [*const u8; crate::fuse::MAX_SUMS],
    pub output: *mut u8,
}

/// What an instruction set provides.
pub(crate) trait InstructionSet: Send + Sync {
    fn name(&self) -> &'static str;

    fn is_supported(&self) -> bool;

    fn layout(&self) -> Layout;

    /// Pixels and blocks of the largest tile.
    fn tile(&self) -> Tile;

    /// Multiply-accumulates of a convolution a cycle, as trained nets reach them: how finely
    /// threads share a step goes by it.
    fn macs_a_cycle(&self) -> u64;

    /// Changes the weights into a form that [`Self::convolve`] computes exactly.
    fn prepare(&self, _weights: &mut PackedWeights, _window_rows: usize, _input_row_pitch: usize) -> Corrections {
        Corrections::default()
    }

    /// What [`Self::convolve`] takes off each value; the biases make up for it.
    fn value_offset(&self) -> i32 {
        0
    }

    /// How it computes 3x3 windows with fewer products, where that is faster.
    fn winograd(&self) -> Option<Winograd> {
        None
    }

    /// Computes `blocks` of at most a tile's pixels.
    ///
    /// # Safety
    /// The set is supported, and every pointer of every pixel is good for what the convolution
    /// reads and writes.
    unsafe fn convolve(&self, convolve: &Convolve, blocks: Range<usize>, pixels: &[Pixel]);

    /// Adds `bytes`, a multiple of 16.
    ///
    /// # Safety
    /// The set is supported, and `bytes` can be read at `a` and `b` and written at `output`.
    unsafe fn add(&self, addition: &Addition, a: *const u8, b: *const u8, output: *mut u8, bytes: usize);
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Tile {
    pub pixels: usize,
    pub blocks: usize,
}

/// No set has a larger tile.
pub(crate) const MAX_TILE_PIXELS: usize = 10;

/// The kernels of one instruction set.
#[derive(Clone, Copy)]
pub struct Kernel(pub(crate) &'static dyn InstructionSet);

impl fmt::Debug for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KernelError {
    Unknown { found: String, supported: String },
}

impl fmt::Display for KernelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let KernelError::Unknown { found, supported } = self;
        write!(f, "{ENVIRONMENT}={found}: this machine has {supported}")
    }
}

impl Error for KernelError {}

/// From the slowest to the fastest.
const ALL: &[Kernel] = &[
    Kernel(&portable::Portable),
    #[cfg(target_arch = "x86_64")]
    Kernel(&avx2::Avx2),
    #[cfg(target_arch = "x86_64")]
    Kernel(&avxvnni::AvxVnni),
    #[cfg(target_arch = "x86_64")]
    Kernel(&avx512vnni::Avx512Vnni),
    #[cfg(target_arch = "aarch64")]
    Kernel(&smull::Smull::DIRECT),
    #[cfg(target_arch = "aarch64")]
    Kernel(&smull::Smull::WITH_WINOGRAD),
    #[cfg(target_arch = "aarch64")]
    Kernel(&sdot::Sdot),
];

impl Kernel {
    /// The kernels that every machine has.
    pub fn portable() -> Kernel {
        ALL[0]
    }

    /// The kernels that this machine can run, the fastest last.
    pub fn supported() -> impl DoubleEndedIterator<Item = Kernel> {
        ALL.iter().copied().filter(|kernel| kernel.0.is_supported())
    }

    /// The fastest that this machine can run.
    pub fn fastest() -> Kernel {
        Kernel::supported().next_back().unwrap_or(Kernel::portable())
    }

    /// The one of this name, if this machine can run it.
    pub fn named(name: &str) -> Result<Kernel, KernelError> {
        Kernel::supported().find(|kernel| kernel.name() == name).ok_or_else(|| {
            let supported: Vec<_> = Kernel::supported().map(|kernel| kernel.name()).collect();
            KernelError::Unknown { found: name.to_owned(), supported: supported.join(", ") }
        })
    }

    /// The one that `WINGMARK_KERNEL` names, or else the fastest.
    pub fn from_environment() -> Result<Kernel, KernelError> {
        match env::var_os(ENVIRONMENT) {
            Some(name) => Kernel::named(&name.to_string_lossy()),
            None => Ok(Kernel::fastest()),
        }
    }

    pub fn name(&self) -> &'static str {
        self.0.name()
    }

    /// Whether a small convolution comes out as the reference has it; a guard against a machine or
    /// an emulator that has the instructions but gets them wrong.
    pub fn passes_self_test(&self) -> bool {
        self_test::passes(*self)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    //! Kernels that only tests use.

    use super::*;

    #[cfg(target_arch = "aarch64")]
    pub(crate) static NEON_WINOGRAD: smull_winograd::NeonWinograd = smull_winograd::NeonWinograd;

    /// The portable kernels, with 3x3 windows as told.
    pub(crate) struct WithWinograd(pub Winograd);

    impl InstructionSet for WithWinograd {
        fn name(&self) -> &'static str {
            "portable with Winograd's algorithm"
        }

        fn is_supported(&self) -> bool {
            true
        }

        fn layout(&self) -> Layout {
            portable::Portable.layout()
        }

        fn tile(&self) -> Tile {
            portable::Portable.tile()
        }

        fn macs_a_cycle(&self) -> u64 {
            4
        }

        fn winograd(&self) -> Option<Winograd> {
            Some(self.0)
        }

        unsafe fn convolve(&self, convolve: &Convolve, blocks: Range<usize>, pixels: &[Pixel]) {
            // SAFETY: the caller's.
            unsafe { portable::Portable.convolve(convolve, blocks, pixels) }
        }

        unsafe fn add(&self, addition: &Addition, a: *const u8, b: *const u8, output: *mut u8, bytes: usize) {
            // SAFETY: the caller's.
            unsafe { portable::Portable.add(addition, a, b, output, bytes) }
        }
    }
}
