//! Comparing heatmaps with recorded ones.

use wingmark::model::heatmaps::Heatmaps;

/// How far stored heatmaps lie from recorded ones.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Agreement {
    /// Share of equal cells.
    pub equal: f64,
    /// Largest difference, in steps of the stored value.
    pub max_steps: u8,
}

/// Compares with recorded cells, layout `[row, column, channel]` without padding.
pub fn compare(maps: &Heatmaps<'_, u8>, recorded: &[u8]) -> Agreement {
    let found = maps.cells.chunks(maps.pitch).flat_map(|cell| &cell[..maps.channels]);
    assert_eq!(recorded.len(), maps.rows * maps.columns * maps.channels, "recorded cells");
    let steps = found.zip(recorded).map(|(found, recorded)| found.abs_diff(*recorded));
    let (mut equal, mut max_steps) = (0, 0);
    for steps in steps {
        equal += usize::from(steps == 0);
        max_steps = max_steps.max(steps);
    }
    Agreement { equal: equal as f64 / recorded.len() as f64, max_steps }
}
