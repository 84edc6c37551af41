//! Samples of full range, of which frames have the limited one.

/// Samples of another range for each of the 256 values.
pub struct Levels {
    pub luma: [u8; 256],
    pub chroma: [u8; 256],
}

impl Levels {
    pub const SAME: Levels = {
        let mut same = [0; 256];
        let mut i = 0;
        while i < 256 {
            same[i] = i as u8;
            i += 1;
        }
        Levels { luma: same, chroma: same }
    };

    /// Full range to limited.
    pub fn from_full() -> Levels {
        Levels {
            luma: std::array::from_fn(|i| (i as f32 * 219.0 / 255.0 + 16.0).round() as u8),
            chroma: std::array::from_fn(|i| ((i as f32 - 128.0) * 224.0 / 255.0 + 128.0).round() as u8),
        }
    }
}
