//! Division of weighted sums by their weights.

/// Divides sums by what all weights add up to, rounding half up.
#[derive(Debug, Clone, Copy)]
pub struct Mean {
    pub(super) half: u32,
    pub(super) shift: u32,
    /// 2^20 / samples^2, rounded up: exact for quotients below 2^14 by at most 64.
    pub(super) reciprocal: u32,
}

impl Mean {
    /// Of `samples` samples a side, 1 to 8, each with weights that add up to 2^16.
    pub fn of(samples: u32) -> Mean {
        let count = samples * samples;
        Mean { half: count << 15, shift: 16, reciprocal: (1u32 << 20).div_ceil(count) }
    }

    /// Of weights that add up to `2^bits`; `bits` is 1 to 24.
    pub fn of_bits(bits: u32) -> Mean {
        Mean { half: 1 << (bits - 1), shift: bits, reciprocal: 1 << 20 }
    }

    /// Of one channel.
    pub fn round(&self, sum: u32) -> u8 {
        ((((sum + self.half) >> self.shift) * self.reciprocal) >> 20) as u8
    }
}
