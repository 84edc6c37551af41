//! How the memory of a display holds a picture, and writing a canvas into it.

use super::Canvas;
use super::settings::Rotation;
use crate::picture::frame::Size;

/// The bits of a pixel that hold one colour, from the lowest bit on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BitField {
    pub offset: u32,
    /// 1 to 16.
    pub length: u32,
}

impl BitField {
    /// A colour of eight bits, shortened or widened to the field.
    #[inline]
    fn holding(self, value: u8) -> u32 {
        // All of a field's bits are set where all of the value's are.
        let widened = u32::from(value) * 0x0101;
        (widened >> (16 - self.length)) << self.offset
    }

    fn mask(self) -> u32 {
        ((1 << self.length) - 1) << self.offset
    }
}

/// A pixel of two, three or four bytes, the lowest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PixelBits {
    pub bytes: usize,
    pub red: BitField,
    pub green: BitField,
    pub blue: BitField,
}

impl PixelBits {
    pub const XRGB8888: PixelBits = PixelBits {
        bytes: 4,
        red: BitField { offset: 16, length: 8 },
        green: BitField { offset: 8, length: 8 },
        blue: BitField { offset: 0, length: 8 },
    };

    pub const RGB565: PixelBits = PixelBits {
        bytes: 2,
        red: BitField { offset: 11, length: 5 },
        green: BitField { offset: 5, length: 6 },
        blue: BitField { offset: 0, length: 5 },
    };
}

/// Writes canvases into memory of one layout.
#[derive(Debug)]
pub struct PixelWriter {
    size: Size,
    pitch_bytes: usize,
    bits: PixelBits,
    rotation: Rotation,
}

impl PixelWriter {
    /// For memory that shows `size` pixels, with rows `pitch_bytes` apart. Bits that belong to no
    /// colour are set, so that what a display may take for opacity is opaque.
    ///
    /// # Panics
    /// When the bits do not fit into the pixel or a row not into the pitch.
    pub fn new(size: Size, pitch_bytes: usize, bits: PixelBits, rotation: Rotation) -> Self {
        let PixelBits { bytes, red, green, blue } = bits;
        assert!((2..=4).contains(&bytes) && pitch_bytes >= size.width as usize * bytes, "rows fit into the pitch");
        for field in [red, green, blue] {
            assert!((1..=16).contains(&field.length) && field.offset + field.length <= bytes as u32 * 8, "{field:?}");
        }
        PixelWriter { size, pitch_bytes, bits, rotation }
    }

    /// The size of a canvas that fills the memory when it has been turned.
    pub fn canvas_size(&self) -> Size {
        self.rotation.turned(self.size)
    }

    /// Bytes from the first pixel's to the last one's end.
    pub fn memory_bytes(&self) -> usize {
        let Size { width, height } = self.size;
        (height as usize).saturating_sub(1) * self.pitch_bytes + width as usize * self.bits.bytes
    }

    /// Writes every pixel, and nothing between the rows.
    ///
    /// # Panics
    /// When the canvas has another size than [`Self::canvas_size`], or the memory fewer bytes than
    /// [`Self::memory_bytes`].
    pub fn write(&self, canvas: &Canvas, memory: &mut [u8]) {
        assert_eq!(canvas.size(), self.canvas_size(), "a canvas has the screen's size");
        assert!(memory.len() >= self.memory_bytes(), "{} bytes of memory", memory.len());
        match self.bits.bytes {
            2 => self.write_pixels::<2>(canvas, memory),
            3 => self.write_pixels::<3>(canvas, memory),
            _ => self.write_pixels::<4>(canvas, memory),
        }
    }

    fn write_pixels<const BYTES: usize>(&self, canvas: &Canvas, memory: &mut [u8]) {
        let (pixels, _) = canvas.rgb().as_chunks::<3>();
        let Size { width, height } = self.size;
        let (width, height) = (width as usize, height as usize);
        for (y, row) in memory.chunks_mut(self.pitch_bytes).take(height).enumerate() {
            let (row, _) = row[..width * BYTES].as_chunks_mut::<BYTES>();
            let (start, step) = self.walk(y, width, height);
            // Pixels side by side are converted several at once.
            match step {
                1 => self.write_row(row, &pixels[start as usize..][..width]),
                -1 => self.write_row(row, pixels[..=start as usize].iter().rev()),
                _ => self.write_row(row, (0..).map(|i| &pixels[(start + i * step) as usize])),
            }
        }
    }

    #[inline]
    fn write_row<'a, const BYTES: usize>(
        &self,
        row: &mut [[u8; BYTES]],
        pixels: impl IntoIterator<Item = &'a [u8; 3]>,
    ) {
        let PixelBits { red, green, blue, .. } = self.bits;
        let unused = !(red.mask() | green.mask() | blue.mask());
        for (to, &[r, g, b]) in row.iter_mut().zip(pixels) {
            let bits = unused | red.holding(r) | green.holding(g) | blue.holding(b);
            to.copy_from_slice(&bits.to_le_bytes()[..BYTES]);
        }
    }

    /// Which pixel of the canvas stands first in a row of the memory, and how far it is to the
    /// next; counted along the canvas.
    fn walk(&self, y: usize, width: usize, height: usize) -> (isize, isize) {
        let (width, height, y) = (width as isize, height as isize, y as isize);
        match self.rotation {
            Rotation::Deg0 => (y * width, 1),
            // A turned canvas is `height` pixels wide.
            Rotation::Deg90 => ((width - 1) * height + y, -height),
            Rotation::Deg180 => ((height - y) * width - 1, -1),
            Rotation::Deg270 => (height - 1 - y, height),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of the memory for a pixel, from the definition: bit by bit.
    fn reference(pixel: [u8; 3], bits: PixelBits) -> u32 {
        let fields = [bits.red, bits.green, bits.blue];
        (0..bits.bytes as u32 * 8).fold(0, |sum, bit| {
            let field =
                fields.iter().zip(pixel).find(|(field, _)| (field.offset..field.offset + field.length).contains(&bit));
            let is_set = field.is_none_or(|(field, value)| {
                // Counted from the top, a field's bits are the colour's, again and again.
                let from_top = field.offset + field.length - 1 - bit;
                value >> (7 - from_top % 8) & 1 == 1
            });
            sum | u32::from(is_set) << bit
        })
    }

    const fn bits(bytes: usize, red: (u32, u32), green: (u32, u32), blue: (u32, u32)) -> PixelBits {
        const fn field((offset, length): (u32, u32)) -> BitField {
            BitField { offset, length }
        }
        PixelBits { bytes, red: field(red), green: field(green), blue: field(blue) }
    }

    fn canvas(size: Size) -> Canvas {
        let mut canvas = Canvas::new(size);
        for (i, value) in canvas.rgb_mut().iter_mut().enumerate() {
            *value = (i * 37 + i / 7) as u8;
        }
        canvas
    }

    #[test]
    fn every_bit_is_where_its_field_says() {
        for bits in [
            PixelBits::XRGB8888,
            PixelBits::RGB565,
            bits(2, (0, 5), (5, 6), (11, 5)),
            bits(2, (10, 5), (5, 5), (0, 5)),
            bits(2, (8, 4), (4, 4), (0, 4)),
            bits(3, (16, 8), (8, 8), (0, 8)),
            bits(3, (0, 6), (6, 6), (12, 6)),
            bits(4, (24, 8), (16, 8), (8, 8)),
            bits(4, (20, 10), (10, 10), (0, 10)),
            bits(4, (31, 1), (15, 16), (0, 1)),
        ] {
            let size = Size { width: 17, height: 9 };
            let writer = PixelWriter::new(size, 17 * bits.bytes, bits, Rotation::Deg0);
            let canvas = canvas(size);
            let mut memory = vec![0; writer.memory_bytes()];
            writer.write(&canvas, &mut memory);
            for (found, pixel) in memory.chunks(bits.bytes).zip(canvas.rgb().chunks(3)) {
                let expected = reference([pixel[0], pixel[1], pixel[2]], bits).to_le_bytes();
                assert_eq!(found, &expected[..bits.bytes], "{pixel:?} {bits:?}");
            }
        }
    }

    #[test]
    fn the_canvas_is_turned_clockwise() {
        // Numbers of the canvas's pixels, as the memory shows them.
        for (rotation, width, height, expected) in [
            (Rotation::Deg0, 3, 2, [1, 2, 3, 4, 5, 6]),
            (Rotation::Deg90, 2, 3, [4, 1, 5, 2, 6, 3]),
            (Rotation::Deg180, 3, 2, [6, 5, 4, 3, 2, 1]),
            (Rotation::Deg270, 2, 3, [3, 6, 2, 5, 1, 4]),
        ] {
            let grey = bits(2, (0, 8), (8, 1), (15, 1));
            let writer = PixelWriter::new(Size { width, height }, width as usize * 2, grey, rotation);
            assert_eq!(writer.canvas_size(), Size { width: 3, height: 2 });
            let mut canvas = Canvas::new(writer.canvas_size());
            (1..).zip(canvas.rgb_mut().chunks_exact_mut(3)).for_each(|(number, pixel)| pixel[0] = number);
            let mut memory = [0; 12];
            writer.write(&canvas, &mut memory);
            let numbers: Vec<u8> = memory.chunks(2).map(|pixel| pixel[0]).collect();
            assert_eq!(numbers, expected, "{rotation:?}");
        }
    }

    #[test]
    fn what_lies_between_the_rows_stays() {
        let size = Size { width: 5, height: 3 };
        let writer = PixelWriter::new(size, 23, PixelBits::XRGB8888, Rotation::Deg180);
        let mut memory = vec![0x55; 3 * 23];
        writer.write(&canvas(size), &mut memory);
        for row in memory.chunks(23) {
            assert_eq!(row[20..], [0x55; 3]);
            assert!(row[..20].chunks(4).all(|pixel| pixel[3] == 0xff));
        }
        assert_eq!(writer.memory_bytes(), 66);
    }
}
