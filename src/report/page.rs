//! Reports as one HTML page that opens without a network.

use std::fmt::Write;

use super::Report;
use super::chart::{self, escaped};
use super::table::{self, Column, Rows};

/// Charts and tables are no wider than a phone: the former shrink, the latter scroll.
const STYLE: &str = "body{font:15px sans-serif;max-width:70em;margin:2em auto;padding:0 1em}\
    svg{display:block;width:100%;max-width:560px;height:auto;margin:1em 0}.wide{overflow-x:auto}\
    table{border-collapse:collapse;margin:1em 0}td,th{border-bottom:1px solid #ccc;padding:.3em .5em;text-align:left}\
    td{white-space:nowrap}.figure{text-align:right;font-variant-numeric:tabular-nums}\
    dl{display:grid;grid-template-columns:max-content 1fr;gap:.2em 1em;font-size:13px;color:#444}dd{margin:0}";

/// Charts, tables, and what is to be said of each report.
pub fn html(reports: &[Report]) -> String {
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>wingmark compare</title>\n\
         <style>{STYLE}</style>\n<h1>wingmark compare</h1>\n"
    );
    for svg in [chart::accuracy(reports), chart::stages(reports)].into_iter().flatten() {
        page += &svg;
    }
    for (title, rows) in table::all(reports) {
        let _ = writeln!(page, "<h2>{}</h2>", escaped(title));
        page += &html_table(&rows);
    }
    page += "<h2>The reports</h2>\n";
    for report in reports {
        page += &about(report);
    }
    page + "</html>\n"
}

fn about(report: &Report) -> String {
    let method = &report.method;
    let pace = if method.paced { "at the source's rate" } else { "as fast as possible" };
    let kind = if report.emulated { ", emulated" } else { "" };
    let mut text = format!(
        "<h3>{}</h3>\n<p>{}{kind}; wingmark {}, {}; {}, {pace}, {} s a model.</p>\n",
        escaped(&report.board),
        escaped(&report.machine_in_words()),
        escaped(&report.wingmark),
        escaped(&report.taken),
        escaped(&method.source),
        method.seconds,
    );
    if !report.warnings.is_empty() {
        let items: String = report.warnings.iter().map(|warning| format!("<li>{}</li>\n", escaped(warning))).collect();
        let _ = writeln!(text, "<p>Not to be trusted as it stands:</p>\n<ul>\n{items}</ul>");
    }
    text
}

fn html_table(rows: &Rows) -> String {
    let cells = |kind: &str, row: &mut dyn Iterator<Item = &str>| -> String {
        row.enumerate()
            .map(|(i, text)| {
                let class = if i < rows.names { "" } else { " class=\"figure\"" };
                format!("<{kind}{class}>{}</{kind}>", escaped(text))
            })
            .collect()
    };
    let head = cells("th", &mut rows.header.iter().map(|column| column.name));
    let mut text = format!("<div class=\"wide\"><table>\n<tr>{head}</tr>\n");
    for row in &rows.rows {
        let _ = writeln!(text, "<tr>{}</tr>", cells("td", &mut row.iter().map(String::as_str)));
    }
    text += "</table></div>\n<details><summary>What the columns say</summary>\n<dl>\n";
    for Column { name, says } in rows.explanations() {
        let _ = writeln!(text, "<dt>{}</dt><dd>{}</dd>", escaped(name), escaped(says));
    }
    text += "</dl></details>\n";
    text + &rows.remark.map(|remark| format!("<p>{}</p>\n", escaped(remark))).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn the_page_holds_everything_and_refers_to_nothing() {
        let page = html(&[sample::report(), sample::emulated()]);
        for part in ["<svg", "<td>small</td>", "<td class=\"figure\">5.00</td>", "emulated;", "a warning"] {
            assert!(page.contains(part), "{part} is not in {page}");
        }
        let links = page.replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
        for reference in ["http:", "https:", "src=", "href=", "url(", "@import"] {
            assert!(!links.contains(reference), "{reference} is in {page}");
        }
    }

    #[test]
    fn text_of_a_report_is_text_on_the_page() {
        let mut report = sample::report();
        report.warnings = vec!["<img src=x>".into()];
        assert!(html(&[report]).contains("<li>&lt;img src=x&gt;</li>"));
    }
}
