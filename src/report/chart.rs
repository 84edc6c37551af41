//! Reports as SVG pictures that need nothing beside them.

use std::fmt::Write;

use super::{Measured, Report, Stage, names};

/// As wide as can be read when it is shrunk to a phone.
const WIDTH: f64 = 560.0;
/// What the files of the charts are called.
pub const FILES: [&str; 2] = ["accuracy.svg", "stages.svg"];
/// Of the accuracy chart, without the legend.
const HEIGHT: f64 = 340.0;
const LEFT: f64 = 60.0;
/// Room for the name beside a point at the right.
const RIGHT: f64 = 110.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 50.0;
/// Of one bar, and of a bar with its name above.
const BAR: f64 = 18.0;
const BAR_PITCH: f64 = 46.0;
/// Of one entry of the bars' legend; four stand in a row.
const LEGEND_PITCH: f64 = 135.0;
const LEGEND_ROW: f64 = 22.0;
/// Of a point.
const RADIUS: f64 = 5.0;

/// Colours of the stages, which people with any colour vision tell apart (Okabe and Ito 2008).
/// Boards are told apart by the shapes of their points.
const COLOURS: [&str; Stage::ALL.len() - 1] =
    ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f7f7f", "#b8a800", "#8c564b"];

const STYLE: &str = "text{font:14px sans-serif;fill:#222}.title{font-weight:bold}line{stroke:#ccc}.point{fill:#222;stroke:#222;stroke-width:1.5}.hollow{fill:#fff}.to-name{stroke:#777}";

/// A point a model: error of the landmarks against the median time of a frame. `None` where no
/// model has both.
pub fn accuracy(reports: &[Report]) -> Option<String> {
    let points: Vec<(usize, &Measured, f64, f64)> = reports
        .iter()
        .enumerate()
        .flat_map(|(board, report)| report.models.iter().map(move |model| (board, model)))
        .filter_map(|(board, model)| {
            Some((board, model, model.frame?.median_us / 1e3, model.accuracy.as_ref()?.nme_percent))
        })
        .collect();
    let x_axis = Axis::from_zero(points.iter().map(|point| point.2), [LEFT, WIDTH - RIGHT])?;
    let y_axis = Axis::around(points.iter().map(|point| point.3), [HEIGHT - BOTTOM, TOP])?;
    let boards: Vec<usize> = (0..reports.len()).filter(|board| points.iter().any(|point| point.0 == *board)).collect();
    let mut svg = open(HEIGHT + LEGEND_ROW * boards.len() as f64 + 6.0);
    text(&mut svg, [10.0, 20.0], "title", "Error of the landmarks against time, lower left is better");
    for tick in x_axis.ticks() {
        let x = x_axis.place(tick);
        line(&mut svg, "grid", [x, TOP], [x, HEIGHT - BOTTOM]);
        text(&mut svg, [x - 8.0, HEIGHT - BOTTOM + 18.0], "tick", &x_axis.label(tick));
    }
    for tick in y_axis.ticks() {
        let y = y_axis.place(tick);
        line(&mut svg, "grid", [LEFT, y], [WIDTH - RIGHT, y]);
        text(&mut svg, [LEFT - 40.0, y + 5.0], "tick", &y_axis.label(tick));
    }
    let axes = "down: NME, %, not from 0; along: median time of a frame, ms";
    text(&mut svg, [LEFT, HEIGHT - 10.0], "axis", axes);
    let places: Vec<[f64; 2]> = points.iter().map(|(_, _, ms, nme)| [x_axis.place(*ms), y_axis.place(*nme)]).collect();
    let names: Vec<String> = points.iter().map(|(_, model, ..)| name(model)).collect();
    let bounds = [LEFT, TOP - 10.0, WIDTH, HEIGHT - BOTTOM];
    for ((name, point), place) in names.iter().zip(&places).zip(names::places(&names, &places, RADIUS, bounds)) {
        if let Some(to) = place.line_to {
            line(&mut svg, "to-name", *point, to);
        }
        text(&mut svg, place.at, "name", name);
    }
    for ((board, ..), place) in points.iter().zip(&places) {
        marker(&mut svg, *place, *board);
    }
    for (row, &board) in boards.iter().enumerate() {
        let y = HEIGHT + LEGEND_ROW * row as f64 + 6.0;
        marker(&mut svg, [LEFT + 6.0, y], board);
        text(&mut svg, [LEFT + 20.0, y + 5.0], "legend", &reports[board].board);
    }
    Some(svg + "</svg>\n")
}

/// The point of a board: four shapes, filled and hollow.
fn marker(svg: &mut String, [x, y]: [f64; 2], board: usize) {
    let class = if (board / 4).is_multiple_of(2) { "point" } else { "point hollow" };
    let r = RADIUS;
    let shape = match board % 4 {
        0 => format!(r#"<circle cx="{x:.1}" cy="{y:.1}" r="{r}""#),
        1 => format!(r#"<rect x="{:.1}" y="{:.1}" width="{d}" height="{d}""#, x - r, y - r, d = 2.0 * r),
        2 => format!(r#"<path d="M{x:.1} {:.1}l{r} {h}h-{h}z""#, y - r, h = 2.0 * r),
        _ => format!(r#"<path d="M{x:.1} {:.1}l{r} {r} -{r} {r} -{r} -{r}z""#, y - r),
    };
    let _ = writeln!(svg, r#"{shape} class="{class}"/>"#);
}

/// A bar a model: what each stage takes of a frame. `None` where no stage was timed.
pub fn stages(reports: &[Report]) -> Option<String> {
    let bars: Vec<(String, Vec<(Stage, f64)>)> = reports
        .iter()
        .flat_map(|report| report.models.iter().map(move |model| (format!("{}: {}", report.board, name(model)), model)))
        .map(|(label, model)| (label, parts_ms(model)))
        .filter(|(_, parts)| !parts.is_empty())
        .collect();
    let total = |parts: &[(Stage, f64)]| parts.iter().map(|(_, ms)| ms).sum::<f64>();
    let axis = Axis::from_zero(bars.iter().map(|(_, parts)| total(parts)), [10.0, WIDTH - 80.0])?;
    let legend_rows = timed_stages().count().div_ceil(4) as f64;
    let first_bar = TOP + LEGEND_ROW * legend_rows + 20.0;
    let mut svg = open(first_bar + BAR_PITCH * bars.len() as f64);
    text(&mut svg, [10.0, 20.0], "title", "What each stage takes of a frame, ms");
    for (i, stage) in timed_stages().enumerate() {
        let at = [10.0 + LEGEND_PITCH * (i % 4) as f64, TOP + LEGEND_ROW * (i / 4) as f64];
        legend(&mut svg, at, COLOURS[i], stage.name());
    }
    for (i, (label, parts)) in bars.iter().enumerate() {
        let y = first_bar + BAR_PITCH * i as f64;
        text(&mut svg, [10.0, y - 5.0], "name", label);
        let mut from = 0.0;
        for (stage, ms) in parts {
            let (x, end) = (axis.place(from), axis.place(from + ms));
            let colour = COLOURS[timed_stages().position(|timed| timed == *stage).unwrap_or_default()];
            let _ = writeln!(
                svg,
                r#"<rect x="{x:.1}" y="{y:.1}" width="{:.1}" height="{BAR}" fill="{colour}"><title>{} {ms:.3} ms</title></rect>"#,
                end - x,
                stage.name()
            );
            from += ms;
        }
        text(&mut svg, [axis.place(from) + 6.0, y + BAR * 0.75], "total", &format!("{from:.2} ms"));
    }
    Some(svg + "</svg>\n")
}

/// The stages that are part of a frame's time.
fn timed_stages() -> impl Iterator<Item = Stage> {
    Stage::ALL.into_iter().filter(|stage| *stage != Stage::Capture)
}

fn parts_ms(model: &Measured) -> Vec<(Stage, f64)> {
    timed_stages().filter_map(|stage| Some((stage, model.stage_us_a_frame(stage)? / 1e3))).collect()
}

fn name(model: &Measured) -> String {
    match model.threads {
        1 => model.name.clone(),
        threads => format!("{}, {threads} threads", model.name),
    }
}

/// A linear axis between two round numbers.
struct Axis {
    first: f64,
    step: f64,
    steps: usize,
    /// Where the first and the last tick stand, in pixels.
    ends: [f64; 2],
}

impl Axis {
    /// From 0 on. `None` without values.
    fn from_zero(values: impl Iterator<Item = f64>, ends: [f64; 2]) -> Option<Axis> {
        Axis::over(0.0, values.reduce(f64::max)?, ends)
    }

    /// As close around the values as leaves them room. `None` without values.
    fn around(values: impl Iterator<Item = f64> + Clone, ends: [f64; 2]) -> Option<Axis> {
        let (lowest, highest) = (values.clone().reduce(f64::min)?, values.reduce(f64::max)?);
        let room = ((highest - lowest) / 8.0).max(highest.abs() / 50.0);
        Axis::over((lowest - room).max(0.0), highest + room, ends)
    }

    fn over(lowest: f64, highest: f64, ends: [f64; 2]) -> Option<Axis> {
        let span = (highest - lowest).max(1e-6);
        let power = 10f64.powf((span / 5.0).log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power).into_iter().find(|step| span <= step * 6.0)?;
        let first = (lowest / step).floor() * step;
        Some(Axis { first, step, steps: ((highest - first) / step).ceil().max(1.0) as usize, ends })
    }

    fn place(&self, value: f64) -> f64 {
        let [from, to] = self.ends;
        from + (to - from) * (value - self.first) / (self.step * self.steps as f64)
    }

    fn ticks(&self) -> impl Iterator<Item = f64> {
        (0..=self.steps).map(|i| self.first + self.step * i as f64)
    }

    fn label(&self, tick: f64) -> String {
        let decimals = (-self.step.log10().floor()).max(0.0) as usize;
        format!("{tick:.decimals$}")
    }
}

fn open(height: f64) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\">\n\
         <style>{STYLE}</style>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    )
}

fn text(svg: &mut String, [x, y]: [f64; 2], class: &str, text: &str) {
    let _ = writeln!(svg, r#"<text x="{x:.1}" y="{y:.1}" class="{class}">{}</text>"#, escaped(text));
}

fn line(svg: &mut String, class: &str, [x1, y1]: [f64; 2], [x2, y2]: [f64; 2]) {
    let _ = writeln!(svg, r#"<line x1="{x1:.1}" y1="{y1:.1}" x2="{x2:.1}" y2="{y2:.1}" class="{class}"/>"#);
}

fn legend(svg: &mut String, [x, y]: [f64; 2], colour: &str, label: &str) {
    let _ = writeln!(svg, r#"<rect x="{x:.1}" y="{:.1}" width="12" height="12" fill="{colour}"/>"#, y - 2.0);
    text(svg, [x + 18.0, y + 9.0], "legend", label);
}

/// Text that stands in XML or HTML as it is read.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn a_point_stands_where_its_figures_say() {
        let svg = accuracy(&[sample::report()]).unwrap();
        // 5 ms on an axis to 5 ms; 3.43 % on one from 3.35 to 3.50 %. The legend has one more.
        assert!(svg.contains(r#"<circle cx="450.0" cy="156.7" r="5""#), "{svg}");
        assert_eq!(svg.matches("<circle").count(), 2);
    }

    #[test]
    fn bars_are_as_long_as_what_they_stand_for() {
        let svg = stages(&[sample::report()]).unwrap();
        // 4 ms of net on an axis of 470 px to 5 ms.
        assert!(svg.contains(r##"width="376.0" height="18" fill="#009e73"><title>net 4.000 ms"##), "{svg}");
        assert!(!svg.contains("capture"), "{svg}");
    }

    #[test]
    fn names_are_text_and_nothing_else() {
        let mut report = sample::report();
        report.board = "<script>alert(\"&\")</script>".into();
        for svg in [accuracy(&[report.clone()]).unwrap(), stages(&[report]).unwrap()] {
            assert!(svg.contains("&lt;script&gt;alert(&quot;&amp;&quot;)") && !svg.contains("<script"), "{svg}");
        }
    }

    #[test]
    fn what_was_not_timed_gives_no_chart() {
        assert_eq!((accuracy(&[sample::emulated()]), stages(&[])), (None, None));
    }

    #[test]
    fn axes_end_at_round_numbers() {
        for (largest, steps, step) in [(5.0, 5, 1.0), (3.43, 4, 1.0), (0.31, 4, 0.1), (130.0, 3, 50.0), (1e12, 5, 2e11)]
        {
            let axis = Axis::from_zero([0.0, largest].into_iter(), [0.0, 1.0]).unwrap();
            assert!(
                (axis.step - step).abs() < step * 1e-9 && axis.steps == steps,
                "{largest}: {} {}",
                axis.steps,
                axis.step
            );
        }
    }

    #[test]
    fn an_axis_around_values_tells_them_apart() {
        let axis = Axis::around([2.85, 3.13].into_iter(), [0.0, 100.0]).unwrap();
        assert_eq!(axis.ticks().map(|tick| axis.label(tick)).collect::<Vec<_>>().join(" "), "2.7 2.8 2.9 3.0 3.1 3.2");
        assert!(axis.place(3.13) - axis.place(2.85) > 50.0);
    }

    #[test]
    fn boards_have_points_of_their_own() {
        let mut svg = String::new();
        (0..8).for_each(|board| marker(&mut svg, [0.0, 0.0], board));
        let lines: std::collections::BTreeSet<&str> = svg.lines().collect();
        assert_eq!(lines.len(), 8);
    }
}
