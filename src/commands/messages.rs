//! How much is said on standard error.

use log::LevelFilter;

/// What others say, unless they are named: tract, by itself, says ten thousand lines at `debug`.
const OTHERS: LevelFilter = LevelFilter::Warn;

/// Messages as `RUST_LOG` asks for them, without it warnings and errors. A level is ours; another
/// crate's messages below a warning come only where it is named: `RUST_LOG=debug,tract_core=debug`.
pub fn start() {
    let wanted = std::env::var("RUST_LOG").unwrap_or_default();
    env_logger::Builder::new().parse_filters(&filters(&wanted)).format_timestamp(None).format_target(false).init();
}

/// `RUST_LOG` with each level that names no target written as ours.
fn filters(wanted: &str) -> String {
    // A regular expression for the messages follows the first slash.
    let (directives, pattern) = wanted.split_once('/').map_or((wanted, None), |(before, after)| (before, Some(after)));
    let ours = |directive: &str| match directive.trim().parse::<LevelFilter>() {
        Ok(level) => format!("{},wingmark={level}", level.min(OTHERS)),
        Err(_) => directive.trim().into(),
    };
    let given = directives.split(',').filter(|directive| !directive.trim().is_empty());
    let all: Vec<String> = std::iter::once(OTHERS.to_string()).chain(given.map(ours)).collect();
    all.join(",") + &pattern.map(|pattern| format!("/{pattern}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use log::{Level, Log, Metadata, Record};

    use super::*;

    /// Whether a message of that target and level would be said.
    fn says(wanted: &str, target: &str, level: Level) -> bool {
        let logger = env_logger::Builder::new().parse_filters(&filters(wanted)).build();
        let metadata = Metadata::builder().target(target).level(level).build();
        logger.enabled(&metadata) && logger.matches(&Record::builder().metadata(metadata).build())
    }

    #[test]
    fn a_level_is_ours_and_others_are_named() {
        for (wanted, ours, kernels, tract) in [
            ("", Level::Warn, Level::Warn, Level::Warn),
            ("info", Level::Info, Level::Info, Level::Warn),
            ("debug", Level::Debug, Level::Debug, Level::Warn),
            ("error", Level::Error, Level::Error, Level::Error),
            ("debug,tract_core=info", Level::Debug, Level::Debug, Level::Info),
            ("wingmark::record=debug", Level::Warn, Level::Warn, Level::Warn),
        ] {
            for (target, most) in
                [("wingmark::face", ours), ("wingmark_kernels", kernels), ("tract_core::model", tract)]
            {
                assert!(says(wanted, target, most), "{wanted:?}: {target} {most}");
                let more = Level::iter().find(|level| *level > most).expect("there is trace");
                assert!(!says(wanted, target, more), "{wanted:?}: {target} {more}");
            }
        }
        assert!(says("wingmark::record=debug", "wingmark::record::log", Level::Debug));
        assert!(!says("off", "wingmark", Level::Error) && !says("off", "tract_core", Level::Error));
    }
}
