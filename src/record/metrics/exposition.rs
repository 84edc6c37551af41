//! Prometheus' text format, version 0.0.4, which node_exporter's textfile collector and a scrape
//! read.
//!
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>

use std::fmt::{Display, Write};

use super::histogram::Histogram;

/// What a family of samples is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// Grows, or begins anew with the process.
    Counter,
    /// Goes up and down.
    Gauge,
}

/// A label and its value.
pub type Label<'a> = (&'a str, &'a str);

/// A text under way. Every name begins with `wingmark_`.
#[derive(Default)]
pub struct Exposition(String);

impl Exposition {
    /// Begins a family, whose samples follow.
    pub fn family(&mut self, name: &'static str, kind: MetricKind, help: &str) -> Family<'_> {
        let kind = match kind {
            MetricKind::Counter => "counter",
            MetricKind::Gauge => "gauge",
        };
        self.head(name, kind, help);
        Family { out: &mut self.0, name }
    }

    /// A family with one sample.
    pub fn single(&mut self, name: &'static str, kind: MetricKind, help: &str, value: impl Display) {
        self.family(name, kind, help).sample(&[], value);
    }

    /// A family of histograms of durations, each with its value of a label.
    pub fn histograms<'a>(
        &mut self,
        name: &'static str,
        help: &str,
        label: &str,
        histograms: impl IntoIterator<Item = (&'a str, &'a Histogram)>,
    ) {
        self.head(name, "histogram", help);
        for (value, histogram) in histograms {
            let mut line = |suffix: &str, labels: &[Label<'_>], number: &dyn Display| {
                put(&mut self.0, &format!("{name}{suffix}"), labels, number);
            };
            for (end, below) in histogram.cumulative() {
                line("_bucket", &[(label, value), ("le", &end)], &below);
            }
            line("_sum", &[(label, value)], &histogram.sum_s());
            line("_count", &[(label, value)], &histogram.count());
        }
    }

    /// The text.
    pub fn finish(self) -> String {
        self.0
    }

    fn head(&mut self, name: &str, kind: &str, help: &str) {
        let _ = write!(self.0, "# HELP wingmark_{name} {help}\n# TYPE wingmark_{name} {kind}\n");
    }
}

/// A family under way.
pub struct Family<'a> {
    out: &'a mut String,
    name: &'static str,
}

impl Family<'_> {
    /// No two samples of a family may have the same labels.
    pub fn sample(&mut self, labels: &[Label<'_>], value: impl Display) {
        put(self.out, self.name, labels, &value);
    }
}

fn put(out: &mut String, name: &str, labels: &[Label<'_>], value: &dyn Display) {
    let _ = write!(out, "wingmark_{name}");
    for (i, (label, value)) in labels.iter().enumerate() {
        let _ = write!(out, "{}{label}=\"{}\"", if i == 0 { '{' } else { ',' }, escaped(value));
    }
    let _ = writeln!(out, "{} {value}", if labels.is_empty() { "" } else { "}" });
}

/// A label's value as the format has it.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_hold_any_text() {
        let mut text = Exposition::default();
        let mut family = text.family("faces", MetricKind::Gauge, "Faces.");
        family.sample(&[("who", "a \"b\"\\\n"), ("where", "")], 1.5);
        family.sample(&[], 2);
        let expected = "# HELP wingmark_faces Faces.\n# TYPE wingmark_faces gauge\n\
            wingmark_faces{who=\"a \\\"b\\\"\\\\\\n\",where=\"\"} 1.5\nwingmark_faces 2\n";
        assert_eq!(text.finish(), expected);
    }
}
