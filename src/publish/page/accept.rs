//! In which format somebody wants the figures: `Accept` of HTTP (RFC 9110, section 12.5.1).

use crate::record::metrics::MetricsFormat;

/// OpenMetrics where it is asked for by name and no plain text is liked better; Prometheus' text
/// otherwise, which every scrape and every browser reads.
pub fn format(accept: Option<&str>) -> MetricsFormat {
    let ranges = accept.unwrap_or_default().split(',').filter_map(MediaRange::parse);
    let weight = |format| ranges.clone().filter(|range| range.format == format).map(|range| range.weight).max();
    let open_metrics = weight(MetricsFormat::OpenMetrics).unwrap_or(0);
    if open_metrics > 0 && Some(open_metrics) >= weight(MetricsFormat::Prometheus) {
        MetricsFormat::OpenMetrics
    } else {
        MetricsFormat::Prometheus
    }
}

/// One of the kinds that are asked for, of those that there are.
struct MediaRange {
    format: MetricsFormat,
    /// In thousandths.
    weight: u16,
}

impl MediaRange {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let kind = parts.next()?.to_ascii_lowercase();
        let (mut version, mut weight) = (None, 1000);
        for (key, value) in parts.filter_map(|part| part.split_once('=')) {
            match key.trim().to_ascii_lowercase().as_str() {
                "q" => weight = thousandths(value.trim()),
                "version" => version = Some(value.trim().trim_matches('"')),
                _ => {}
            }
        }
        let format = match (kind.as_str(), version) {
            ("application/openmetrics-text", None | Some("1.0.0" | "0.0.1")) => MetricsFormat::OpenMetrics,
            ("text/plain", None | Some("0.0.4")) => MetricsFormat::Prometheus,
            _ => return None,
        };
        Some(MediaRange { format, weight })
    }
}

/// What is no weight weighs nothing.
fn thousandths(text: &str) -> u16 {
    let weight: f32 = text.parse().unwrap_or(0.0);
    // NaN becomes 0.
    (weight.clamp(0.0, 1.0) * 1000.0).round() as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prometheus_gets_what_it_asks_for() {
        let is_open = |accept: &str| format(Some(accept)) == MetricsFormat::OpenMetrics;
        // Prometheus 2.42, and 3.
        assert!(is_open(
            "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
             text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
        ));
        assert!(is_open(
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=1.0.0;\
             escaping=allow-utf-8;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
        ));
        assert!(is_open("Application/OpenMetrics-Text; Version=\"1.0.0\""));
        for accept in [
            "text/plain;version=0.0.4",
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "application/openmetrics-text;version=2.0.0",
            "application/openmetrics-text;q=0",
            "application/openmetrics-text;q=nan",
            "application/openmetrics-text;q=0.3, text/plain;q=0.5",
            "application/openmetrics",
            ";;,=,q=1",
            "",
        ] {
            assert!(!is_open(accept), "{accept}");
        }
        assert_eq!(format(None), MetricsFormat::Prometheus);
    }
}
