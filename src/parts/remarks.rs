//! Options that are given and do nothing.

use crate::board::Board;
use crate::cli::RunArgs;
use crate::publish::Target;
use crate::screen::ScreenChoice;

/// What is said of each, as far as it can be told before the model is read.
pub fn remarks(args: &RunArgs, board: &Board) -> Vec<String> {
    [of_screens(args, board), of_files(args), of_publish_rate(args)].into_iter().flatten().collect()
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
