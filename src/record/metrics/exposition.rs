//! Figures as a text, in one of two formats.
//!
//! | format | what reads it | source |
//! |---|---|---|
//! | Prometheus' text, 0.0.4 | node_exporter's textfile collector, any scrape | <https://prometheus.io/docs/instrumenting/exposition_formats/> |
//! | OpenMetrics 1.0 | a scrape that asks for it | <https://prometheus.io/docs/specs/om/open_metrics_spec/> |

use std::fmt::{Display, Write};

use super::histogram::Histogram;

/// Which format a text has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MetricsFormat {
    #[default]
    Prometheus,
    OpenMetrics,
}

impl MetricsFormat {
    /// As HTTP names it.
    pub fn content_type(self) -> &'static str {
        match self {
            MetricsFormat::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            MetricsFormat::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// What a family of samples is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// Grows, or begins anew with the process. Its name ends in `_total`.
    Counter,
    /// Goes up and down.
    Gauge,
    /// 1, with what does not change as labels. Its name ends in `_info`.
    Info,
}

impl MetricKind {
    fn name(self, format: MetricsFormat) -> &'static str {
        match (self, format) {
            (MetricKind::Counter, _) => "counter",
            (MetricKind::Gauge, _) | (MetricKind::Info, MetricsFormat::Prometheus) => "gauge",
            (MetricKind::Info, MetricsFormat::OpenMetrics) => "info",
        }
    }

    /// The end of a sample's name that its family's name lacks in OpenMetrics.
    fn suffix(self) -> &'static str {
        match self {
            MetricKind::Counter => "_total",
            MetricKind::Gauge => "",
            MetricKind::Info => "_info",
        }
    }
}

/// A label and its value.
pub type Label<'a> = (&'a str, &'a str);

/// A text under way. Every name begins with `wingmark_`.
#[derive(Default)]
pub struct Exposition {
    out: String,
    format: MetricsFormat,
}

impl Exposition {
    pub fn new(format: MetricsFormat) -> Self {
        Exposition { out: String::new(), format }
    }

    /// Begins a family, whose samples follow.
    pub fn family(&mut self, name: &'static str, kind: MetricKind, help: &str) -> Family<'_> {
        let of_family = match self.format {
            MetricsFormat::Prometheus => name,
            MetricsFormat::OpenMetrics => name.strip_suffix(kind.suffix()).expect("a name ends as its kind wants it"),
        };
        self.head(of_family, kind.name(self.format), help);
        Family { out: &mut self.out, name }
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
                put(&mut self.out, &format!("{name}{suffix}"), labels, number);
            };
            for (end, below) in histogram.cumulative() {
                line("_bucket", &[(label, value), ("le", &end)], &below);
            }
            line("_sum", &[(label, value)], &histogram.sum_s());
            line("_count", &[(label, value)], &histogram.count());
        }
    }

    /// The text. That of OpenMetrics says where it ends, so that half of it is not taken for all.
    pub fn finish(self) -> String {
        match self.format {
            MetricsFormat::Prometheus => self.out,
            MetricsFormat::OpenMetrics => self.out + "# EOF\n",
        }
    }

    fn head(&mut self, name: &str, kind: &str, help: &str) {
        let _ = write!(self.out, "# HELP wingmark_{name} {help}\n# TYPE wingmark_{name} {kind}\n");
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

    #[test]
    fn open_metrics_names_families_without_what_their_kind_adds() {
        let mut text = Exposition::new(MetricsFormat::OpenMetrics);
        text.family("build_info", MetricKind::Info, "Who.").sample(&[("version", "1")], 1);
        text.single("frames_total", MetricKind::Counter, "Frames.", 3);
        text.single("faces", MetricKind::Gauge, "Faces.", 1);
        let expected = "# HELP wingmark_build Who.\n# TYPE wingmark_build info\nwingmark_build_info{version=\"1\"} 1\n\
            # HELP wingmark_frames Frames.\n# TYPE wingmark_frames counter\nwingmark_frames_total 3\n\
            # HELP wingmark_faces Faces.\n# TYPE wingmark_faces gauge\nwingmark_faces 1\n# EOF\n";
        assert_eq!(text.finish(), expected);
    }
}
