//! Scales a picture to another size. A picture that shrinks is averaged over what each pixel of the
//! target covers; one that grows is interpolated between the centres of its pixels.
//!
//! The arithmetic is integer, one axis after the other: first the one that leaves fewer pixels.

use wingmark_kernels::pixels::{Columns, Mean};

use crate::picture::frame::Size;
use crate::picture::pixels::Pixels;

/// The weights of one pixel add up to [`ONE`].
const BITS: u32 = 14;
const ONE: u32 = 1 << BITS;

/// Scales from one size to another. What depends only on the sizes is worked out once.
#[derive(Debug, Default)]
pub(super) struct Scaler {
    columns: Columns,
    rows: Axis,
    order: Order,
    /// One row of the picture.
    line: Vec<[u8; 3]>,
    /// Sums of a row, and then the row that the columns are made of.
    sums: Vec<u32>,
    /// Where columns come first: row `y` after them, at `y % rows.longest`.
    between: Vec<Vec<[u8; 3]>>,
}

/// Which axis comes first.
#[derive(Debug, Default, Clone, Copy)]
enum Order {
    /// Neither changes.
    #[default]
    Copy,
    RowsFirst,
    ColumnsFirst,
}

impl Scaler {
    /// `mirrored`: left and right are changed over.
    pub(super) fn new(from: Size, to: Size, mirrored: bool) -> Scaler {
        let columns = Axis::new(from.width, to.width).columns(mirrored);
        let rows = Axis::new(from.height, to.height);
        let order = if from == to && !mirrored {
            Order::Copy
        } else if to.height < from.height {
            Order::RowsFirst
        } else {
            Order::ColumnsFirst
        };
        let (from_width, to_width) = (from.width as usize, to.width as usize);
        Scaler {
            order,
            line: vec![[0; 3]; from_width],
            sums: vec![0; columns.numbers().max(from_width.max(to_width) * 3)],
            between: vec![vec![[0; 3]; to_width]; rows.longest],
            columns,
            rows,
        }
    }

    /// Fills the rows of the target, each as wide as the target at least, from top to bottom.
    pub(super) fn scale<'a>(&mut self, pixels: &impl Pixels, target: impl Iterator<Item = &'a mut [[u8; 3]]>) {
        match self.order {
            Order::Copy => target.take(self.rows.spans.len()).enumerate().for_each(|(y, row)| pixels.row(y, 0, row)),
            Order::RowsFirst => self.rows_first(pixels, target),
            Order::ColumnsFirst => self.columns_first(pixels, target),
        }
    }

    fn rows_first<'a>(&mut self, pixels: &impl Pixels, target: impl Iterator<Item = &'a mut [[u8; 3]]>) {
        let Scaler { columns, rows, line, sums, .. } = self;
        // The last row of a span is often the first of the next.
        let mut held = None;
        for (span, target) in rows.spans.iter().zip(target) {
            sums.fill(ONE / 2);
            for (y, &weight) in (span.first..).zip(rows.weights(span)) {
                if held.replace(y) != Some(y) {
                    pixels.row(y, 0, line);
                }
                add(sums, line, weight);
            }
            sums.iter_mut().for_each(|sum| *sum /= ONE);
            columns.means(sums, Mean::of_bits(BITS), target);
        }
    }

    fn columns_first<'a>(&mut self, pixels: &impl Pixels, target: impl Iterator<Item = &'a mut [[u8; 3]]>) {
        let Scaler { columns, rows, line, sums, between, .. } = self;
        let count = between.len();
        let mut next_row = 0;
        for (span, target) in rows.spans.iter().zip(target) {
            for y in next_row.max(span.first)..span.first + span.count {
                pixels.row(y, 0, line);
                sums.iter_mut().zip(line.as_flattened()).for_each(|(wide, &value)| *wide = value.into());
                columns.means(sums, Mean::of_bits(BITS), &mut between[y % count]);
            }
            next_row = span.first + span.count;
            sums.fill(ONE / 2);
            for (y, &weight) in (span.first..).zip(rows.weights(span)) {
                add(sums, &between[y % count], weight);
            }
            for (value, &sum) in target[..columns.count()].as_flattened_mut().iter_mut().zip(sums.iter()) {
                *value = (sum / ONE) as u8;
            }
        }
    }
}

fn add(sums: &mut [u32], row: &[[u8; 3]], weight: u16) {
    for (sum, &value) in sums.iter_mut().zip(row.as_flattened()) {
        *sum += u32::from(value) * u32::from(weight);
    }
}

/// How the pixels of one axis come from those of the picture.
#[derive(Debug, Default)]
struct Axis {
    spans: Vec<Span>,
    /// Of all spans, one behind the other.
    weights: Vec<u16>,
    /// Pixels of the picture that the longest span takes.
    longest: usize,
}

/// The pixels of the picture that make one pixel of the target.
#[derive(Debug, Clone, Copy)]
struct Span {
    first: usize,
    count: usize,
    first_weight: usize,
}

impl Axis {
    fn new(source: u32, target: u32) -> Self {
        let mut axis = Axis::default();
        for i in 0..target {
            let first_weight = axis.weights.len();
            let first = if target < source {
                axis.average(i.into(), source.into(), target.into())
            } else {
                axis.interpolate(i.into(), source.into(), target.into())
            };
            let count = axis.weights.len() - first_weight;
            axis.spans.push(Span { first, count, first_weight });
            axis.longest = axis.longest.max(count);
        }
        axis
    }

    /// Pixel `i` covers `i * source .. (i + 1) * source`, counted in parts of a source pixel of
    /// which `target` make one.
    fn average(&mut self, i: u64, source: u64, target: u64) -> usize {
        let (start, end) = (i * source, (i + 1) * source);
        let (first, last) = (start / target, (end - 1) / target);
        // Rounded as they add up, so that their sum is exact.
        let share = |until: u64| ((until.clamp(start, end) - start) * u64::from(ONE) + source / 2) / source;
        self.weights.extend((first..=last).map(|k| (share((k + 1) * target) - share(k * target)) as u16));
        first as usize
    }

    /// The centre of pixel `i` lies at `((2 i + 1) source - target) / (2 target)`.
    fn interpolate(&mut self, i: u64, source: u64, target: u64) -> usize {
        let centre = ((2 * i + 1) * source).saturating_sub(target);
        let (first, rest) = (centre / (2 * target), centre % (2 * target));
        let second = (rest * u64::from(ONE) + target) / (2 * target);
        if second == 0 || first + 1 >= source {
            self.weights.push(ONE as u16);
        } else {
            self.weights.extend([ONE as u16 - second as u16, second as u16]);
        }
        first as usize
    }

    /// The same, each with as many weights as the longest span.
    fn columns(&self, mirrored: bool) -> Columns {
        let mut spans = self.spans.clone();
        if mirrored {
            spans.reverse();
        }
        let mut weights = Vec::with_capacity(spans.len() * self.longest);
        for span in &spans {
            weights.extend(self.weights(span));
            weights.resize(weights.len() + self.longest - span.count, 0);
        }
        Columns::new(spans.iter().map(|span| span.first as u32).collect(), weights)
    }

    fn weights(&self, span: &Span) -> &[u16] {
        &self.weights[span.first_weight..][..span.count]
    }
}
