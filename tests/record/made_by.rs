//! Who made a record: said by the first one of each file, and of each run.

use std::path::Path;

use serde_json::Value;
use wingmark::record::Format;
use wingmark::record::fields::Fields;
use wingmark::record::journal::Limits;
use wingmark::record::log::{Log, LogOptions};
use wingmark::record::past::Past;
use wingmark::record::storage::Disk;
use wingmark::record::{Recorder, csv};

use crate::read_back::{files, messages_of_mcap, unpacked};
use crate::sample::{NO_LIMITS, entries, made_by, observation, packed, write, writer};

/// What each record of a file says of who made it.
fn said(path: &Path) -> Vec<Option<Value>> {
    let bytes = std::fs::read(path).unwrap();
    match Format::of(path).unwrap() {
        Format::CsvGz => said_in(Format::Csv, &unpacked(&bytes)),
        Format::JsonlGz => said_in(Format::Jsonl, &unpacked(&bytes)),
        plain => said_in(plain, &bytes),
    }
}

fn said_in(format: Format, bytes: &[u8]) -> Vec<Option<Value>> {
    let parsed = |text: &str| (!text.is_empty()).then(|| serde_json::from_str(text).unwrap());
    match format {
        Format::Csv => {
            let column = csv::header(Fields::ALL).iter().position(|name| name == "made_by").unwrap();
            let mut rows = ::csv::Reader::from_reader(bytes);
            rows.records().map(|row| parsed(&row.unwrap()[column])).collect()
        }
        Format::Jsonl => {
            let objects = bytes.split(|b| *b == b'\n').filter(|line| !line.is_empty());
            objects.map(|line| serde_json::from_slice::<Value>(line).unwrap().get("made_by").cloned()).collect()
        }
        Format::Mcap => {
            let seen = messages_of_mcap(bytes).into_iter().filter(|(topic, _)| topic == "/wingmark/observation");
            seen.map(|(_, object)| object.get("made_by").cloned()).collect()
        }
        Format::CsvGz | Format::JsonlGz => unreachable!("they are unpacked"),
    }
}

#[test]
fn each_file_begins_with_who_made_it() {
    let expected: Value = serde_json::from_str(&made_by().to_json()).unwrap();
    for format in Format::ALL {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("faces").with_extension(format.extension());
        let (mut log, _) = writer(Disk, &path, Limits { file_bytes: Some(packed(format, 20_000)), ..NO_LIMITS });
        write(&mut log, &entries(30), 4);
        let files = files(&path);
        assert!(files.len() > 1, "{files:?}");
        for file in &files {
            let said = said(file);
            assert_eq!(said[0].as_ref(), Some(&expected), "{}", file.display());
            assert!(said[1..].iter().all(Option::is_none), "{}: {said:?}", file.display());
            if format == Format::Mcap {
                let bytes = std::fs::read(file).unwrap();
                let summary = mcap::Summary::read(&bytes).unwrap().unwrap();
                let [index] = &summary.metadata_indexes[..] else { panic!("{:?}", summary.metadata_indexes) };
                let metadata = mcap::read::metadata(&bytes, index).unwrap();
                assert_eq!(metadata.name, "wingmark");
                assert!(metadata.metadata.into_iter().eq(made_by().fields()));
            }
        }
    }
}

#[test]
fn a_run_that_goes_on_with_a_file_says_it_anew() {
    let options =
        LogOptions { flush_interval: std::time::Duration::from_secs(1), limits: NO_LIMITS, fields: Fields::ALL };
    for format in Format::ALL.into_iter().filter(|format| *format != Format::Mcap) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("faces").with_extension(format.extension());
        let (mut log, _) = writer(Disk, &path, NO_LIMITS);
        write(&mut log, &entries(4), 2);
        let before = said(&path).len();
        let mut log = Log::resume(&path, options, Past::read(&path, Fields::ALL).unwrap()).unwrap();
        log.describe(&made_by().into());
        (0..8).for_each(|i| log.record(&observation(i)).unwrap());
        log.finish(std::time::Duration::from_secs(60)).unwrap();
        let places: Vec<usize> = (0..).zip(said(&path)).filter_map(|(i, made_by)| made_by.map(|_| i)).collect();
        assert_eq!(places, [0, before], "{format:?}");
    }
}
