//! Records that leave parts of a face out.

use std::collections::BTreeSet;

use serde_json::Value;
use wingmark::record::fields::Fields;
use wingmark::record::journal::{Journal, Limits};
use wingmark::record::past::Past;
use wingmark::record::storage::Disk;
use wingmark::record::writer::Writer;
use wingmark::record::{Format, csv};

use crate::read_back::{messages_of_mcap, unpacked};
use crate::sample::{NO_LIMITS, SOURCE, entries, write};

/// A log of six frames of which one and two show a face.
fn log(format: Format, fields: Fields, limits: Limits) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("faces").with_extension(format.extension());
    let journal = Journal::new(Disk, &path, limits);
    let mut writer = Writer::new(journal, format, fields, path.clone(), Default::default());
    write(&mut writer, &entries(6), 2);
    (folder, path)
}

const NAMES: [&str; 5] = ["points", "pose", "eyes", "confidence", "covariance"];

/// The columns of a field.
fn columns(name: &str) -> BTreeSet<String> {
    let without: BTreeSet<String> = csv::header(all_but(name)).into_iter().collect();
    csv::header(Fields::ALL).into_iter().filter(|column| !without.contains(column)).collect()
}

fn all_but(name: &str) -> Fields {
    NAMES.iter().filter(|other| **other != name).copied().collect::<Vec<_>>().join(",").parse().unwrap()
}

#[test]
fn each_field_has_its_columns() {
    for (name, count, some) in [
        ("points", 136, ["x_0", "y_67"]),
        ("pose", 12, ["pose_Tx", "pose_zz"]),
        ("eyes", 8, ["eye_right_ratio", "eyes_closed"]),
        ("confidence", 69, ["confidence_0", "guessed"]),
        ("covariance", 204, ["xx_0", "yy_67"]),
    ] {
        let columns = columns(name);
        assert_eq!(columns.len(), count, "{name}");
        assert!(some.iter().all(|column| columns.contains(*column)), "{name}: {columns:?}");
    }
}

#[test]
fn each_column_is_described() {
    let page = include_str!("../../docs/records.md");
    // Of those with a number, the first one stands for all.
    let is_later =
        |column: &str| column.rsplit_once('_').is_some_and(|(_, end)| end.parse::<u8>().is_ok_and(|i| i > 0));
    let columns = csv::header(Fields::ALL).into_iter().filter(|column| !is_later(column));
    let lacking: Vec<String> = columns.filter(|column| !page.contains(&format!("`{column}`"))).collect();
    assert!(lacking.is_empty(), "docs/records.md lacks {lacking:?}");
}

#[test]
fn rows_have_the_columns_of_their_head_with_the_values_of_whole_rows() {
    let rows = |fields| -> Vec<Vec<(String, String)>> {
        let (_folder, path) = log(Format::Csv, fields, NO_LIMITS);
        let mut reader = ::csv::Reader::from_path(path).unwrap();
        let head: Vec<String> = reader.headers().unwrap().iter().map(String::from).collect();
        let rows = reader.records().map(Result::unwrap);
        rows.map(|row| head.iter().cloned().zip(row.iter().map(String::from)).collect()).collect()
    };
    let whole = rows(Fields::ALL);
    for name in NAMES {
        let left_out = columns(name);
        let expected = whole.iter().map(|row| {
            row.iter()
                .filter(|(column, _)| column != "crc32" && !left_out.contains(column))
                .cloned()
                .collect::<Vec<_>>()
        });
        let found = rows(all_but(name)).into_iter().map(|mut row| {
            assert_eq!(row.pop().unwrap().0, "crc32");
            row
        });
        assert!(found.eq(expected), "{name}");
    }
}

#[test]
fn objects_lack_the_keys_and_their_other_values_stay() {
    let objects = |fields| -> Vec<Value> {
        let (_folder, path) = log(Format::JsonlGz, fields, NO_LIMITS);
        let text = String::from_utf8(unpacked(&std::fs::read(path).unwrap())).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let whole = objects(Fields::ALL);
    for (name, keys) in [
        ("points", &["points"][..]),
        ("pose", &["pose"]),
        ("eyes", &["eyes", "mouth"]),
        ("confidence", &["point_confidence", "guessed"]),
        ("covariance", &["covariance"]),
    ] {
        let mut expected = whole.clone();
        for face in expected.iter_mut().flat_map(|object| object["faces"].as_array_mut().unwrap()) {
            keys.iter().for_each(|key| assert!(face.as_object_mut().unwrap().remove(*key).is_some(), "{key}"));
        }
        assert_eq!(objects(all_but(name)), expected, "{name}");
    }
}

#[test]
fn mcap_without_points_has_nothing_to_draw() {
    let topics = |fields| -> Vec<String> {
        let (_folder, path) = log(Format::Mcap, fields, NO_LIMITS);
        messages_of_mcap(&std::fs::read(path).unwrap()).into_iter().map(|(topic, _)| topic).collect()
    };
    assert_eq!(topics(Fields::ALL).len(), 12);
    assert_eq!(topics(all_but("points")), ["/wingmark/observation"; 6]);
}

#[test]
fn logs_with_fewer_fields_are_gone_on_with_as_they_are() {
    for format in Format::ALL {
        let fields = all_but("covariance");
        let (_folder, path) = log(format, fields, NO_LIMITS);
        let past = Past::read(&path, fields).unwrap();
        assert!(past.has(SOURCE, 5) && past.last_id == 2, "{format:?}");
        let other = Past::read(&path, Fields::ALL);
        let error = other.unwrap_err().to_string();
        assert!(error.contains(" are not those that are recorded now"), "{format:?}: {error}");
    }
}
