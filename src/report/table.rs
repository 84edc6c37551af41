//! Reports as tables of text.

use comfy_table::presets::{ASCII_MARKDOWN, UTF8_FULL_CONDENSED};
use comfy_table::{CellAlignment, Table, TableStyle};

use super::{Measured, Report, Stage};

/// Rows of text under a header; the first columns are names, the others figures.
#[derive(Debug, Clone, PartialEq)]
pub struct Rows {
    pub header: Vec<Column>,
    /// Columns from the left that are names.
    pub names: usize,
    pub rows: Vec<Vec<String>>,
    /// What is to be known of the whole table.
    pub remark: Option<&'static str>,
}

/// The head of a column, and what its figures say; nothing where another table has said it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Column {
    pub name: &'static str,
    pub says: &'static str,
}

const fn column(name: &'static str, says: &'static str) -> Column {
    Column { name, says }
}

const NAMES: [Column; 4] = [
    column("board", "the machine, by its profile; with the report's file where two have one name"),
    column("model", "whose landmarks were found"),
    column("threads", "that share the nets' work"),
    column("kernels", "the int8 arithmetic that the machine was given"),
];

/// A text of a report. HTML in Markdown is HTML.
pub fn in_markdown(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('|', "\\|")
}

impl Rows {
    pub fn terminal(&self) -> String {
        self.text(UTF8_FULL_CONDENSED, str::to_string) + &self.explained("  ")
    }

    pub fn markdown(&self) -> String {
        self.text(ASCII_MARKDOWN, in_markdown) + "\n" + &self.explained("* ")
    }

    /// A line for each column, and one for the remark.
    fn explained(&self, mark: &str) -> String {
        let columns = self.explanations().map(|Column { name, says }| format!("{mark}{name}: {says}\n"));
        columns.chain(self.remark.map(|remark| format!("{mark}{remark}\n"))).collect()
    }

    /// The columns that say something.
    pub fn explanations(&self) -> impl Iterator<Item = &Column> {
        self.header.iter().filter(|column| !column.says.is_empty())
    }

    fn text(&self, style: TableStyle, cell: impl Fn(&str) -> String) -> String {
        let mut table = Table::new();
        table.load_style(style).set_header(self.header.iter().map(|column| column.name));
        for row in &self.rows {
            table.add_row(row.iter().map(|text| cell(text)).collect::<Vec<_>>());
        }
        table.column_iter_mut().skip(self.names).for_each(|column| {
            column.set_cell_alignment(CellAlignment::Right);
        });
        table.trim_fmt() + "\n"
    }
}

/// The same columns, once they are explained.
fn names_again() -> Vec<Column> {
    NAMES.iter().map(|column| Column { says: "", ..*column }).collect()
}

/// A row a model: what it comes to.
pub fn figures(reports: &[Report]) -> Rows {
    let mut header = NAMES.to_vec();
    header.extend([
        column("NME %", "mean error on 300-W's common faces, of the distance between the outer eye corners (card)"),
        column("frame ms", "median, from a frame in hand to its landmarks shown and recorded"),
        column("p99 ms", "99 of 100 frames took no longer"),
        column("held fps", "frames a second that 99 of 100 frames keep up with"),
        column("net ms", "median of the landmark net, for one face"),
        column("noise %", "how far a fixed computation varied, or the share of time without a core"),
        column("MB", "resident memory at its highest"),
        column("allocations", "on the heap, a frame"),
        column("start ms", "from the start of loading the nets to the first landmarks"),
    ]);
    let row = |model: &Measured| {
        let frame = model.frame;
        vec![
            optional(model.accuracy.as_ref().map(|accuracy| accuracy.nme_percent), 2),
            optional(frame.map(|frame| frame.median_us / 1e3), 2),
            optional(frame.map(|frame| frame.p99_us / 1e3), 2),
            optional(model.frames_a_second(), 0),
            optional(model.stages.get(&Stage::Net).map(|net| net.median_us / 1e3), 2),
            optional(model.noise.map(|noise| noise.share() * 1e2), 1),
            optional(model.peak_memory_bytes.map(|bytes| bytes as f64 / 1e6), 0),
            optional(model.allocations_a_frame, 0),
            optional(model.first_landmarks_ms, 0),
        ]
    };
    Rows { header, names: 4, rows: rows(reports, row), remark: None }
}

/// Of the table of stages, and of their chart.
pub(super) const SUMS: &str =
    "A stage's figure is its median times its share of frames. Medians of stages do not add up.";

/// A row a model: what each stage takes of a frame, in milliseconds.
pub fn stages(reports: &[Report]) -> Rows {
    let mut header = names_again();
    header.extend(Stage::ALL.map(|stage| column(stage.name(), what_is_done(stage))));
    let row = |model: &Measured| {
        Stage::ALL.map(|stage| optional(model.stage_us_a_frame(stage).map(|us| us / 1e3), 3)).to_vec()
    };
    Rows { header, names: 4, rows: rows(reports, row), remark: Some(SUMS) }
}

fn what_is_done(stage: Stage) -> &'static str {
    match stage {
        Stage::Capture => "a frame is waited for and decoded, on a thread beside all that follows",
        Stage::Detect => "faces are searched, in some frames",
        Stage::Crop => "faces are cut out for the landmark net",
        Stage::Net => "the landmark net",
        Stage::Decode => "heatmaps become landmarks",
        Stage::Track => "faces are followed and smoothed",
        Stage::Overlay => "frame and landmarks are drawn",
        Stage::Present => "the drawn frame goes to the screen, here into memory",
        Stage::Record => "the frame's rows go to the log",
        Stage::Publish => "the frame's landmarks go to those who listen",
    }
}

/// A row a model: the instructions that were counted.
pub fn instructions(reports: &[Report]) -> Rows {
    let mut header = names_again();
    header.extend([
        column("million instructions", "of the landmark net a frame; they say nothing of time"),
        column("a MAC", "the same for each multiply-add of the net"),
    ]);
    let row = |model: &Measured| {
        let counted = model.instructions_a_frame.map(|count| count as f64);
        vec![
            optional(counted.map(|count| count / 1e6), 2),
            optional(counted.filter(|_| model.gmac > 0.0).map(|count| count / (model.gmac * 1e9)), 3),
        ]
    };
    Rows { header, names: 4, rows: rows(reports, row), remark: None }
}

/// A row for each meter and model; none where there is no meter.
pub fn energy(reports: &[Report]) -> Rows {
    let mut header = names_again();
    header.extend([
        column("meter", "what counted"),
        column("W", "mean power of all that the meter sees"),
        column("mJ a frame", "the same, for each frame"),
    ]);
    let metered = reports.iter().flat_map(|report| report.models.iter().map(move |model| (report, model)));
    let rows = metered.flat_map(|(report, model)| {
        model.energy.iter().map(move |energy| {
            let frames = model.frame.map(|frame| frame.count as f64);
            let watts = (energy.seconds > 0.0).then(|| energy.joules / energy.seconds);
            let mut row = names(report, model).to_vec();
            row.push(energy.meter.clone());
            row.push(optional(watts, 2));
            row.push(optional(frames.map(|frames| energy.joules * 1e3 / frames), 1));
            row
        })
    });
    Rows { header, names: 5, rows: rows.collect(), remark: None }
}

/// A row for each other net; none where there is none.
pub fn peers(reports: &[Report]) -> Rows {
    let header = vec![
        column("board", ""),
        column("net", "its file"),
        column("input", "shape"),
        column("median ms", "for one input, of random numbers"),
        column("p99 ms", "99 of 100 took no longer"),
        column("load ms", "from the file to a net that runs"),
    ];
    let rows = reports.iter().flat_map(|report| report.peers.iter().map(move |peer| (report, peer)));
    let rows = rows.map(|(report, peer)| {
        vec![
            report.board.clone(),
            peer.name.clone(),
            peer.input.iter().map(usize::to_string).collect::<Vec<_>>().join("x"),
            decimal(peer.net.median_us / 1e3, 2),
            decimal(peer.net.p99_us / 1e3, 2),
            decimal(peer.load_ms, 0),
        ]
    });
    Rows { header, names: 3, rows: rows.collect(), remark: None }
}

/// Every table that has a row with a figure, under its title; other rows are left out.
pub fn all(reports: &[Report]) -> Vec<(&'static str, Rows)> {
    let tables = [
        ("Each model, from a frame in hand to its landmarks shown and recorded", figures(reports)),
        ("What each stage takes of a frame, in milliseconds", stages(reports)),
        ("Energy of everything that the meter sees", energy(reports)),
        ("Instructions of the net a frame, counted in emulation", instructions(reports)),
        ("Other nets, run by tract on one thread", peers(reports)),
    ];
    let measured = |(title, mut rows): (_, Rows)| {
        rows.rows.retain(|row| row[rows.names..].iter().any(|figure| !figure.is_empty()));
        (!rows.rows.is_empty()).then_some((title, rows))
    };
    tables.into_iter().filter_map(measured).collect()
}

fn rows(reports: &[Report], figures: impl Fn(&Measured) -> Vec<String>) -> Vec<Vec<String>> {
    let models = reports.iter().flat_map(|report| report.models.iter().map(move |model| (report, model)));
    models.map(|(report, model)| names(report, model).into_iter().chain(figures(model)).collect()).collect()
}

fn names(report: &Report, model: &Measured) -> [String; 4] {
    [report.board.clone(), model.name.clone(), model.threads.to_string(), model.kernel.clone()]
}

fn optional(value: Option<f64>, decimals: usize) -> String {
    value.map_or_else(String::new, |value| decimal(value, decimals))
}

fn decimal(value: f64, decimals: usize) -> String {
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn tables_show_what_was_measured_and_no_empty_one() {
        let tables = all(&[sample::report(), sample::emulated()]);
        let titles: Vec<&str> = tables.iter().map(|(title, _)| title.split(',').next().unwrap()).collect();
        assert_eq!(titles, ["Each model", "What each stage takes of a frame", "Instructions of the net a frame"]);
        let (_, figures) = &tables[0];
        assert_eq!(figures.rows[0][..6], ["bench", "small", "1", "avx2", "3.43", "5.00"]);
        assert_eq!(figures.rows[0][7], "125");
        let (_, stages) = &tables[1];
        // Ran in one frame of ten.
        assert_eq!(stages.rows[0][4 + 1], "0.300");
        let (_, counts) = &tables[2];
        assert_eq!(counts.rows, [["emulated", "small", "1", "sdot", "28.90", "0.100"].map(String::from)]);
    }

    #[test]
    fn a_name_cannot_break_a_markdown_table() {
        let mut report = sample::report();
        report.board = "a|<b>".into();
        let text = figures(&[report]).markdown();
        assert_eq!(text.lines().filter(|line| line.starts_with('|')).count(), 3);
        assert!(text.lines().nth(2).unwrap().starts_with("| a\\|&lt;b>"), "{text}");
    }
}
