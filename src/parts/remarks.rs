//! Options that are given and do nothing, or not what they seem to.

use std::path::Path;

use crate::board::Board;
use crate::cli::RunArgs;
use crate::publish::Target;
use crate::record::{RecordChoice, journal};
use crate::screen::ScreenChoice;
use crate::text::files;

/// What is said of each, as far as it can be told before the model is read.
pub fn remarks(args: &RunArgs, board: &Board) -> Vec<String> {
    let idle = [of_screens(args, board), of_files(args), of_publish_rate(args)].into_iter().flatten();
    idle.chain(of_room(args)).collect()
}

/// A cap that does nothing, since the disk is full before, and one that leaves no room for records.
pub fn of_room(args: &RunArgs) -> Vec<String> {
    /// Four files, each with some records of four faces.
    const LEAST: u64 = 256 << 10;
    let Some(keep) = args.log.keep.0 else { return Vec::new() };
    let mut found = Vec::new();
    if keep < LEAST {
        found.push(format!("--keep of {} KiB keeps the last few records alone; 1M or more is of use", keep >> 10));
    }
    let records = args.record.iter().filter_map(RecordChoice::file).filter(|file| !file.exists() || file.is_file());
    found.extend(records.filter_map(|file| {
        let room = room_for(file)?;
        let (keep, room) = (keep >> 20, room >> 20);
        (room < keep).then(|| {
            let file = file.display();
            format!("--keep lets {file} take {keep} MiB, and its disk has room for {room}: it is full before --keep removes anything")
        })
    }));
    found
}

/// What is free where a record lies or will lie, and what its files take by now.
fn room_for(file: &Path) -> Option<u64> {
    let target = files::target(file);
    let above =
        target.ancestors().skip(1).map(|above| if above.as_os_str().is_empty() { Path::new(".") } else { above });
    let free = above.into_iter().find_map(files::free_bytes)?;
    let taken = journal::files(&target).unwrap_or_default();
    let taken = taken.iter().filter_map(|file| Some(file.metadata().ok()?.len())).sum::<u64>();
    Some(free.saturating_add(taken))
}

fn of_screens(args: &RunArgs, board: &Board) -> Option<String> {
    let idle = args.given_for_screens();
    let is_idle = *args.screen.choice(board) == ScreenChoice::None && !idle.is_empty();
    is_idle.then(|| format!("of use to a screen alone: {}; nothing is shown", idle.join(", ")))
}

fn of_files(args: &RunArgs) -> Option<String> {
    let idle = args.log.given();
    let has_file = args.record.iter().any(|record| record.file().is_some());
    let is_idle = !args.record.is_empty() && !has_file && !idle.is_empty();
    is_idle.then(|| {
        format!("of use to files alone: {}; standard output gets every frame, whole and at once", idle.join(", "))
    })
}

fn of_publish_rate(args: &RunArgs) -> Option<String> {
    let is_idle = args.publish_rate.is_some() && !args.publish.iter().any(Target::is_retained);
    is_idle.then(|| "--publish-rate holds for nobody: no URL of --publish names a broker, mqtt://HOST".into())
}
