//! Which form a layer is computed in, by a model of its cost on cores without dot products.
//!
//! The unit is one vector instruction, which such a core starts about once a cycle. Constants are
//! counted in the compiled loops (`benches/mca.py`). Weights are read once a frame from memory,
//! which feeds such a core with some 4 bytes a cycle: transformed ones are 3.6 or 8 times as many
//! bytes as before, which outweighs all else where a map is small.

use super::{Form, GROUP, STRIP_TILES};
use crate::tensor::BLOCK;

/// The size of a 3x3 convolution of stride 1.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layer {
    /// Of the output.
    pub rows: usize,
    pub columns: usize,
    /// Input channels, a multiple of 16.
    pub channels: usize,
    /// Output channels, a multiple of 16.
    pub outputs: usize,
}

const WEIGHT_BYTES_A_CYCLE: usize = 4;

/// The cheapest of `exact`, or `None` where the direct way is at most as dear.
pub(crate) fn cheapest(layer: &Layer, exact: &[Form]) -> Option<Form> {
    let costs = exact.iter().map(|form| (transformed_cost(layer, *form), *form));
    let (cost, form) = costs.min_by_key(|(cost, _)| *cost)?;
    (cost < direct_cost(layer)).then_some(form)
}

/// Tiles of a layer and the strips that they are computed in.
pub(super) fn strips(layer: &Layer, form: Form) -> (usize, usize) {
    let tiles = layer.rows.div_ceil(form.outputs()) * layer.columns.div_ceil(form.outputs());
    (tiles, tiles.div_ceil(STRIP_TILES))
}

/// Of the tile of `smull`, two pixels and 16 outputs at a time.
fn direct_cost(layer: &Layer) -> usize {
    let weights = 9 * layer.channels;
    let pairs = (layer.rows * layer.columns).div_ceil(2);
    let blocks = layer.outputs / BLOCK;
    pairs * blocks * (2 * weights / 16 * 61 + 200) + weights * layer.outputs / WEIGHT_BYTES_A_CYCLE
}

fn transformed_cost(layer: &Layer, form: Form) -> usize {
    let (to_transform, to_finish) = match form {
        Form::Two => (90, 400),
        Form::Four => (290, 1400),
    };
    let (tiles, strips) = strips(layer, form);
    let (groups_in, groups_out) = (layer.channels / 8, layer.outputs / GROUP);
    // For 8 channels in and out of a tile 16 multiplications and two loads; for a strip 16 loads
    // and the loop.
    let multiply = form.positions() * groups_out * (groups_in * (tiles * 18 + strips * 20) + tiles * 4 + strips * 10);
    let transforms = tiles * (groups_in * to_transform + layer.outputs / BLOCK * to_finish);
    let weight_bytes = form.positions() * layer.channels * layer.outputs * size_of::<i16>();
    multiply + transforms + weight_bytes / WEIGHT_BYTES_A_CYCLE
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(side: usize, channels: usize) -> Option<Form> {
        cheapest(&Layer { rows: side, columns: side, channels, outputs: channels }, &Form::ALL)
    }

    #[test]
    fn large_maps_take_large_tiles_and_small_ones_none() {
        for channels in [32, 64, 128] {
            assert_eq!(choose(32, channels), Some(Form::Four), "{channels}");
            assert_eq!(choose(16, channels), Some(Form::Four), "{channels}");
            assert_eq!(choose(2, channels), None, "{channels}");
            assert_eq!(choose(1, channels), None, "{channels}");
        }
    }

    /// The second layer of kernel/self_test.rs.
    #[test]
    fn the_self_test_has_a_layer_of_it() {
        assert_eq!(cheapest(&Layer { rows: 4, columns: 13, channels: 16, outputs: 16 }, &Form::ALL), Some(Form::Four));
    }

    #[test]
    fn what_is_not_exact_is_not_chosen() {
        let layer = Layer { rows: 32, columns: 32, channels: 64, outputs: 64 };
        assert_eq!(cheapest(&layer, &[Form::Two]), Some(Form::Two));
        assert_eq!(cheapest(&layer, &[]), None);
    }
}
