//! Benchmark reports of any bytes: refused in one line, or shown, compared with themselves, written
//! and read again.
use std::path::Path;
use std::slice;

use wingmark::report::{Report, page, regression, table};

pub fn check(bytes: &[u8]) {
    let read = |bytes: &[u8]| Report::parse(bytes, Path::new("fuzz.json"));
    match read(bytes) {
        Ok(report) => {
            let written = serde_json::to_vec(&report).expect("a report has text keys");
            assert_eq!(read(&written).expect("a report that was accepted"), report);
            page::html(slice::from_ref(&report));
            table::all(slice::from_ref(&report)).iter().for_each(|(_, rows)| drop(rows.terminal()));
            for change in regression::changes(&report, &report).into_iter().flatten() {
                assert_eq!(change.share(), 0.0, "{change}");
            }
        }
        Err(e) => assert!(!e.to_string().contains('\n'), "{e}"),
    }
}
