use proptest::prelude::*;

use super::*;

/// From the definition, in floating point; at most half a step beside it, and the rounding of the
/// constants.
fn near_bt601(luma: u8, cb: u8, cr: u8, rgb: [u8; 3]) -> bool {
    let (y, cb, cr) = (f64::from(luma) - 16.0, f64::from(cb) - 128.0, f64::from(cr) - 128.0);
    let scaled = y * 255.0 / 219.0;
    let (kr, kb) = (0.299, 0.114);
    let (red, blue) = (2.0 * (1.0 - kr) * cr * 255.0 / 224.0, 2.0 * (1.0 - kb) * cb * 255.0 / 224.0);
    let green = -(kr * red + kb * blue) / (1.0 - kr - kb);
    let expected = [red, green, blue].map(|colour| (scaled + colour).clamp(0.0, 255.0));
    rgb.iter().zip(expected).all(|(&found, expected)| (f64::from(found) - expected).abs() < 0.51)
}

proptest! {
    #[test]
    fn pairs_of_each_format_are_those_of_one_pair(yuyv in proptest::collection::vec(any::<[u8; 4]>(), 0..60)) {
        let expected: Vec<Pair> = yuyv.iter().map(|&[a, cb, b, cr]| pair_from_yuv([a, b], cb, cr)).collect();
        let mut found = vec![[[7; 3]; 2]; yuyv.len()];
        pairs_from_yuyv(&yuyv, &mut found);
        prop_assert_eq!(&found, &expected);
        found.fill([[7; 3]; 2]);
        let luma: Vec<_> = yuyv.iter().map(|&[a, _, b, _]| [a, b]).collect();
        let chroma: Vec<_> = yuyv.iter().map(|&[_, cb, _, cr]| [cb, cr]).collect();
        pairs_from_nv12(&luma, &chroma, &mut found);
        prop_assert_eq!(&found, &expected);
        for (&[a, cb, b, cr], pair) in yuyv.iter().zip(&expected) {
            prop_assert!(near_bt601(a, cb, cr, pair[0]) && near_bt601(b, cb, cr, pair[1]), "{a} {b} {cb} {cr}: {pair:?}");
        }
    }

    #[test]
    fn columns_are_those_of_the_definition(
        first in proptest::collection::vec(0u32..40, 1..30), taps in 1usize..6, bits in 8u32..=16, seed in any::<u32>(),
    ) {
        let mut noise = seed | 1;
        let mut next = || { noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223); noise >> 16 };
        let mut weights = Vec::new();
        for _ in &first {
            // They add up to one less than 2^bits, which fits into 16.
            let mut left = (1u32 << bits) - 1;
            for _ in 1..taps {
                let weight = next() % (left + 1);
                left -= weight;
                weights.push(weight as u16);
            }
            weights.push(left as u16);
        }
        let count = first.len();
        let columns = Columns::new(first, weights);
        let row: Vec<u32> = (0..46 * 3 + 1).map(|_| next() % 256).collect();
        let (mut found, mut expected) = (vec![[7; 3]; count], vec![[9; 3]; count]);
        columns.means(&row, Mean::of_bits(bits), &mut found);
        columns.plain_means(&row, Mean::of_bits(bits), &mut expected);
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn samples_are_those_of_the_definition(
        samples in 1u32..=8, count in 1usize..20, along in any::<[i16; 2]>(), down in any::<[i16; 2]>(),
        room in any::<[u16; 2]>(), seed in any::<u32>(),
    ) {
        let (along, down) = (along.map(|step| i32::from(step) * 3), down.map(|step| i32::from(step) * 3));
        // As small a piece as holds all samples.
        let reach = |axis: usize| {
            let steps = [along[axis] * (samples as i32 * count as i32 - 1), down[axis] * (samples as i32 - 1)];
            let before: i32 = steps.iter().map(|step| step.min(&0)).sum();
            let after: i32 = steps.iter().map(|step| step.max(&0)).sum();
            let origin = i32::from(room[axis]) - before;
            (origin, ((origin + after) >> 16) as usize + 2)
        };
        let ((x, width), (y, height)) = (reach(0), reach(1));
        let mut noise = seed | 1;
        let mut piece = Piece::default();
        piece.fill(width, height, |_, row| row.as_flattened_mut().iter_mut().for_each(|byte| {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            // The brightest often, where sums are largest.
            *byte = (noise >> 23).min(255) as u8;
        }));
        let sampling = Sampling { samples, origin: [x, y], along, down };
        let (mut found, mut expected) = (vec![[7; 3]; count], vec![[9; 3]; count]);
        piece.means(&sampling, &mut found);
        piece.plain_means(&sampling, &mut expected);
        prop_assert_eq!(found, expected);
    }
}

#[test]
fn means_are_those_of_a_division() {
    for samples in 1..=8u32 {
        let (mean, scale) = (Mean::of(samples), u64::from(samples * samples) << 16);
        for value in (0..=255 * scale).step_by(977) {
            let expected = (value + scale / 2) / scale;
            assert_eq!(u64::from(mean.round(value as u32)), expected, "{value} of {samples}");
        }
        assert_eq!(mean.round((255 * scale) as u32), 255);
    }
}

#[test]
#[should_panic(expected = "leaves a piece")]
fn a_sample_outside_is_refused() {
    let mut piece = Piece::default();
    piece.fill(4, 4, |_, row| row.fill([0; 3]));
    let sampling = Sampling { samples: 2, origin: [0, 0], along: [1 << 16, 0], down: [0, 1 << 16] };
    piece.means(&sampling, &mut [[0; 3]; 2]);
}
