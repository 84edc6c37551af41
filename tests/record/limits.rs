//! Rotation, and what the log leaves alone.

use std::io::Read;
use std::time::Duration;

use mcap::sans_io::linear_reader::{LinearReadEvent, LinearReader, LinearReaderOptions};
use wingmark::record::fields::Fields;
use wingmark::record::journal::Limits;
use wingmark::record::log::{Log, LogOptions};
use wingmark::record::storage::Disk;
use wingmark::record::{Format, Recorder};

use crate::read_back::{files, frames_of_log, messages_of_mcap};
use crate::sample::{NO_LIMITS, entries, observation, packed, write, writer};

#[test]
fn files_end_at_their_size_and_are_complete() {
    for format in Format::ALL {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("faces").with_extension(format.extension());
        let limits = Limits { file_bytes: Some(packed(format, 12_000)), ..NO_LIMITS };
        let (mut log, tally) = writer(Disk, &path, limits);
        write(&mut log, &entries(30), 1);
        assert_eq!(tally.written(), 30);
        assert!(frames_of_log(&path).into_iter().eq(0..30), "{format:?}");
        let files = files(&path);
        assert!(files.len() >= 3, "{format:?}: {files:?}");
        for file in &files {
            let bytes = std::fs::read(file).unwrap();
            // One block too many, and the schemas of MCAP once more at the end.
            assert!(bytes.len() < 40_000, "{format:?}: {} bytes", bytes.len());
            if format == Format::Mcap {
                let summary = mcap::Summary::read(&bytes).unwrap().expect("a complete file has a summary");
                check_summary(&bytes, &summary);
            }
        }
    }
}

/// What the end of an MCAP file says of it is true.
fn check_summary(bytes: &[u8], summary: &mcap::Summary) {
    let messages = messages_of_mcap(bytes);
    let mut times = Vec::new();
    for index in &summary.chunk_indexes {
        let (opcode, length) = bytes[index.chunk_start_offset as usize..][..9].split_first().unwrap();
        let length = u64::from_le_bytes(length.try_into().unwrap());
        assert_eq!((*opcode, length + 9), (mcap::records::op::CHUNK, index.chunk_length));
        assert_eq!(index.compression, "lz4");
        for (channel, entries) in summary.read_message_indexes(bytes, index).unwrap() {
            times.extend(entries.iter().map(|entry| (entry.log_time, channel.id)));
        }
    }
    let statistics = summary.stats.as_ref().unwrap();
    assert_eq!(statistics.message_count, messages.len() as u64);
    assert_eq!(times.len(), messages.len());
    let (first, last) = (times.iter().min().unwrap().0, times.iter().max().unwrap().0);
    assert_eq!((statistics.message_start_time, statistics.message_end_time), (first, last));
    assert_eq!(statistics.chunk_count as usize, summary.chunk_indexes.len());
    let options = LinearReaderOptions::default()
        .with_emit_chunks(true)
        .with_validate_data_section_crc(true)
        .with_validate_summary_section_crc(true);
    let mut reader = LinearReader::new_with_options(options);
    let mut rest = bytes;
    while let Some(event) = reader.next_event() {
        if let LinearReadEvent::ReadRequest(wanted) = event.expect("the sums are right") {
            let read = rest.read(reader.insert(wanted)).unwrap();
            reader.notify_read(read);
        }
    }
    assert!(rest.is_empty());
}

#[test]
fn files_end_at_their_age() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("faces.csv");
    let (mut log, _) = writer(Disk, &path, Limits { file_age: Some(Duration::from_millis(20)), ..NO_LIMITS });
    for entry in &entries(3) {
        log.add(entry.clone());
        log.flush();
        std::thread::sleep(Duration::from_millis(30));
        // The block that finds the file old is its last.
        log.add(entry.clone());
        log.flush();
    }
    assert_eq!(files(&path).len(), 3);
}

#[test]
fn other_files_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let others = ["faces-1.csv", "faces-000001-holiday.csv", "faces-000001-20261124T062804Z.jsonl", "other.csv"];
    others.iter().for_each(|name| std::fs::write(folder.path().join(name), vec![b'x'; 100_000]).unwrap());
    let path = folder.path().join("faces.csv");
    let limits = Limits { file_bytes: Some(5_000), total_bytes: Some(15_000), ..NO_LIMITS };
    let (mut log, _) = writer(Disk, &path, limits);
    write(&mut log, &entries(30), 1);
    for name in others {
        assert_eq!(std::fs::metadata(folder.path().join(name)).unwrap().len(), 100_000, "{name}");
    }
}

#[test]
fn after_the_last_number_nothing_is_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("faces.csv");
    let last = folder.path().join(format!("faces-{}-20261124T062804Z.csv", u64::MAX));
    std::fs::write(&path, "an earlier run's").unwrap();
    std::fs::write(&last, "the last one").unwrap();
    let (mut log, tally) = writer(Disk, &path, NO_LIMITS);
    write(&mut log, &entries(3), 1);
    assert_eq!((tally.written(), tally.lost()), (0, 3));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "an earlier run's");
    assert_eq!(std::fs::read_to_string(&last).unwrap(), "the last one");
}

#[test]
fn an_earlier_file_of_the_same_name_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("faces.mcap");
    for run in entries(9).chunks(3) {
        let (mut log, _) = writer(Disk, &path, NO_LIMITS);
        write(&mut log, run, 2);
    }
    assert!(frames_of_log(&path).into_iter().eq(0..9));
    assert_eq!(files(&path).len(), 3);
}

#[test]
fn limits_hold_however_fast_records_come() {
    for format in Format::ALL {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("faces").with_extension(format.extension());
        let limit = |bytes| Some(packed(format, bytes));
        let limits = Limits { file_bytes: limit(100_000), total_bytes: limit(400_000), ..NO_LIMITS };
        let options = LogOptions { flush_interval: Duration::from_secs(60), limits, fields: Fields::ALL };
        let mut log = Log::open(Disk, &path, options).unwrap();
        for i in 0..600 {
            while !log.has_room() {
                std::thread::sleep(Duration::from_millis(1));
            }
            log.record(&observation(i)).unwrap();
        }
        log.finish(Duration::from_secs(60)).unwrap();
        let sizes: Vec<u64> = files(&path).iter().map(|file| std::fs::metadata(file).unwrap().len()).collect();
        // A record more, and the end of an MCAP file.
        assert!(sizes.iter().all(|bytes| *bytes < packed(format, 140_000)), "{format:?}: {sizes:?}");
        assert!(sizes.iter().sum::<u64>() <= packed(format, 400_000) && sizes.len() > 2, "{format:?}: {sizes:?}");
        let frames = frames_of_log(&path);
        assert!(frames.last() == Some(&599) && frames.is_sorted_by(|a, b| a + 1 == *b), "{format:?}: {frames:?}");
    }
}
