//! Logs that are gone on with.

use std::time::Duration;

use wingmark::record::Format;
use wingmark::record::Recorder;
use wingmark::record::fields::Fields;
use wingmark::record::journal::Limits;
use wingmark::record::log::{Log, LogOptions};
use wingmark::record::past::Past;
use wingmark::record::storage::Disk;

use crate::read_back::{files, frames_of_log};
use crate::sample::{NO_LIMITS, SOURCE, entries, observation, packed, write, writer};

const OPTIONS: LogOptions =
    LogOptions { flush_interval: Duration::from_secs(1), limits: NO_LIMITS, fields: Fields::ALL };
const WITHIN: Duration = Duration::from_secs(60);

/// Goes on with a log up to ten frames, of which it is offered all.
fn go_on(path: &std::path::Path, past: Past) {
    let mut log = Log::resume(path, OPTIONS, past).unwrap();
    (0..10).for_each(|i| log.record(&observation(i)).unwrap());
    log.finish(WITHIN).unwrap();
}

#[test]
fn a_log_that_was_cut_anywhere_is_gone_on_with() {
    for format in Format::ALL {
        let whole = {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("faces").with_extension(format.extension());
            let (mut log, _) = writer(Disk, &path, NO_LIMITS);
            write(&mut log, &entries(8), 2);
            std::fs::read(&path).unwrap()
        };
        let step = whole.len() / 23;
        for end in (0..=whole.len()).step_by(step).chain([whole.len()]) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("faces").with_extension(format.extension());
            std::fs::write(&path, &whole[..end]).unwrap();
            let past = Past::read(&path, Fields::ALL).unwrap();
            if end == whole.len() {
                let last = past.last.as_ref().unwrap();
                assert_eq!((last.sequence, last.first_sequence, last.source.as_str()), (7, 0, SOURCE));
                assert_eq!((last.captured_at.as_millis(), past.last_id), (280, 2));
            }
            if format == Format::Jsonl {
                let lines = whole[..end].iter().filter(|byte| **byte == b'\n').count();
                assert_eq!(past.last.as_ref().map_or(0, |last| last.sequence as usize + 1), lines, "cut at {end}");
            }
            // Who records nothing changes nothing.
            Log::resume(&path, OPTIONS, past.clone()).unwrap().finish(WITHIN).unwrap();
            assert!(std::fs::read(&path).unwrap() == whole[..end], "{format:?} cut at {end} of {}", whole.len());
            go_on(&path, past);
            let frames = frames_of_log(&path);
            assert!(frames.iter().copied().eq(0..10), "{format:?} cut at {end} of {}: {frames:?}", whole.len());
            if format == Format::Csv && end > 4000 {
                let text = std::fs::read_to_string(&path).unwrap();
                assert_eq!((text.matches("frame,face_id").count(), files(&path).len()), (1, 1));
            }
        }
    }
}

#[test]
fn a_log_behind_a_link_is_gone_on_with() {
    for format in Format::ALL {
        let (folder, links) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let path = folder.path().join("faces").with_extension(format.extension());
        let link = links.path().join("link").with_extension(format.extension());
        let (mut log, _) = writer(Disk, &path, NO_LIMITS);
        write(&mut log, &entries(8), 2);
        std::os::unix::fs::symlink(&path, &link).unwrap();
        go_on(&link, Past::read(&link, Fields::ALL).unwrap());
        assert!(frames_of_log(&path).into_iter().eq(0..10), "{format:?}");
    }
}

#[test]
fn what_was_rotated_counts() {
    for format in Format::ALL {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("faces").with_extension(format.extension());
        let (mut log, _) = writer(Disk, &path, Limits { file_bytes: Some(packed(format, 5_000)), ..NO_LIMITS });
        write(&mut log, &entries(9), 1);
        assert!(files(&path).len() > 1, "{format:?}");
        let past = Past::read(&path, Fields::ALL).unwrap();
        assert!(past.has(SOURCE, 0) && past.has(SOURCE, 8) && !past.has(SOURCE, 9) && !past.has("other", 0));
        go_on(&path, past);
        assert!(frames_of_log(&path).into_iter().eq(0..10), "{format:?}");
    }
}

#[test]
fn nothing_recorded_is_a_begin_and_other_columns_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("not/yet/faces.csv");
    let past = Past::read(&path, Fields::ALL).unwrap();
    assert_eq!(past, Past::default());
    go_on(&path, past);
    assert!(frames_of_log(&path).into_iter().eq(0..10));
    std::fs::write(&path, "frame,x_0\n1,2\n").unwrap();
    let error = Past::read(&path, Fields::ALL).unwrap_err().to_string();
    assert!(error.contains("its columns are not those that are recorded now"), "{error}");
}

#[test]
fn numbers_that_leave_none_to_go_on_with_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("faces.jsonl");
    let read = |frame: u32, face: u32| {
        let faces = format!(r#"[{{"id":{face}}}]"#);
        let line = format!(r#"{{"sequence":{frame},"captured_s":0.1,"source":"a.y4m","faces":{faces}}}"#);
        std::fs::write(&path, line + "\n").unwrap();
        Past::read(&path, Fields::NONE).map(|past| past.last_id).map_err(|e| e.to_string())
    };
    let highest = u32::MAX / 2;
    assert_eq!(read(highest, highest), Ok(highest));
    for (frame, face, expected) in
        [(7, u32::MAX, "face number 4294967295 is"), (1 << 31, 7, "frame number 2147483648 is")]
    {
        let error = read(frame, face).unwrap_err();
        assert!(error.contains(expected) && error.contains("expected 2147483647 at most"), "{error}");
    }
}
