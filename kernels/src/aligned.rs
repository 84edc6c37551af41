//! Bytes that start on a cache line.

#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u8; 64]);

/// A block of zeroed bytes, aligned to 64.
#[derive(Clone)]
pub(crate) struct AlignedBytes {
    lines: Vec<Line>,
}

impl AlignedBytes {
    pub(crate) fn zeroed(bytes: usize) -> Self {
        AlignedBytes { lines: vec![Line([0; 64]); bytes.div_ceil(64)] }
    }

    pub(crate) fn as_ptr(&self) -> *const u8 {
        self.lines.as_ptr().cast()
    }

    pub(crate) fn as_mut_ptr(&mut self) -> *mut u8 {
        self.lines.as_mut_ptr().cast()
    }

    pub(crate) fn len(&self) -> usize {
        self.lines.len() * 64
    }

    pub(crate) fn as_mut_slice(&mut self) -> &mut [u8] {
        let len = self.len();
        // SAFETY: `Line` is 64 bytes without padding, all of them initialised.
        unsafe { std::slice::from_raw_parts_mut(self.as_mut_ptr(), len) }
    }

    pub(crate) fn as_mut_i16s(&mut self) -> &mut [i16] {
        let len = self.len() / 2;
        // SAFETY: as above, and a line is aligned for any integer.
        unsafe { std::slice::from_raw_parts_mut(self.as_mut_ptr().cast(), len) }
    }
}
