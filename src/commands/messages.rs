//! How much is said on standard error.

use std::io::Write;

use log::{Level, LevelFilter};

/// What others say, unless they are named: tract, by itself, says ten thousand lines at `debug`.
const OTHERS: LevelFilter = LevelFilter::Warn;

/// The crates in this program that say anything.
const SPEAKERS: [&str; 12] = [
    "env_filter",
    "env_logger",
    "jiff",
    "mcap",
    "tract_core",
    "tract_hir",
    "tract_linalg",
    "tract_nnef",
    "tract_onnx",
    "tract_onnx_opl",
    "wingmark",
    "wingmark_kernels",
];

/// Messages as `RUST_LOG` asks for them, without it warnings and errors. A level is ours; another
/// crate's messages below a warning come only where it is named: `RUST_LOG=debug,tract_core=debug`.
pub fn start() {
    let wanted = std::env::var_os("RUST_LOG").unwrap_or_default();
    let wanted = Wanted::read(&wanted.to_string_lossy());
    let mut builder = env_logger::Builder::new();
    builder.parse_filters(&wanted.filters).format_timestamp(None).format_target(false);
    if is_journal() {
        builder.format(|out, record| {
            let words = record.args().to_string();
            words
                .lines()
                .try_for_each(|line| writeln!(out, "<{}>[{:<5}] {line}", priority(record.level()), record.level()))
        });
    }
    builder.init();
    for word in wanted.unknown {
        log::warn!(
            "RUST_LOG: {word:?} is passed over; expected off, error, warn, info, debug or trace, or a part of this program \
             with one, such as wingmark::record=debug"
        );
    }
}

/// Whether standard error is systemd's journal, which takes a number before each line for its
/// priority (`sd-daemon(3)`).
fn is_journal() -> bool {
    let stream = std::env::var("JOURNAL_STREAM").unwrap_or_default();
    let about = rustix::fs::fstat(std::io::stderr());
    about.is_ok_and(|about| stream == format!("{}:{}", about.st_dev, about.st_ino))
}

fn priority(level: Level) -> u8 {
    match level {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    }
}

/// What `RUST_LOG` asks for.
struct Wanted {
    /// With each level that names no target written as ours.
    filters: String,
    /// What would have no effect.
    unknown: Vec<String>,
}

impl Wanted {
    fn read(text: &str) -> Self {
        // Words that a message has to have follow the slash.
        let (directives, pattern) = text.split_once('/').map_or((text, None), |(before, after)| (before, Some(after)));
        let mut filters = vec![OTHERS.to_string()];
        let mut unknown = Vec::new();
        for directive in directives.split(',').map(str::trim).filter(|directive| !directive.is_empty()) {
            let (target, level) = directive.split_once('=').unwrap_or((directive, ""));
            let (target, level) = (target.trim(), level.trim());
            if let Ok(level) = directive.parse::<LevelFilter>() {
                filters.push(format!("{},wingmark={level}", level.min(OTHERS)));
            } else if may_speak(target) && (level.is_empty() || level.parse::<LevelFilter>().is_ok()) {
                filters.push(directive.into());
            } else {
                unknown.push(directive.into());
            }
        }
        let filters = filters.join(",");
        match pattern {
            None => Wanted { filters, unknown },
            // Those with a slash in them cannot be asked for.
            Some(pattern) if pattern.contains('/') => {
                unknown.push(format!("/{pattern}"));
                Wanted { filters, unknown }
            }
            Some(pattern) => Wanted { filters: format!("{filters}/{pattern}"), unknown },
        }
    }
}

/// Whether messages can come from a target of that name, or from what it begins.
fn may_speak(target: &str) -> bool {
    let name = target.split("::").next().unwrap_or_default();
    let is_part = target.contains("::");
    !name.is_empty() && SPEAKERS.iter().any(|speaker| *speaker == name || !is_part && speaker.starts_with(name))
}

#[cfg(test)]
mod tests {
    use log::{Log, Metadata, Record};

    use super::*;

    /// Whether a message of that target and level would be said.
    fn says(wanted: &str, target: &str, level: Level) -> bool {
        let logger = env_logger::Builder::new().parse_filters(&Wanted::read(wanted).filters).build();
        let metadata = Metadata::builder().target(target).level(level).build();
        logger.enabled(&metadata) && logger.matches(&Record::builder().metadata(metadata).build())
    }

    #[test]
    fn what_is_misspelt_is_known() {
        let unknown = |wanted: &str| Wanted::read(wanted).unknown;
        for wrong in
            ["inof", "debg", "wingmrak=debug", "tract-core=info", "wingmark=inof", "=info", "info=info", "a::b=info"]
        {
            assert_eq!(unknown(&format!("info, {wrong}")), [wrong]);
            assert!(says(&format!("info,{wrong}"), "wingmark::face", Level::Info), "{wrong}");
        }
        assert_eq!(unknown("info/a/b"), ["/a/b"]);
        for right in ["", ",", "INFO", "off", "wingmark", "tract=debug", "wingmark::record=", "warn,mcap = info/a b=c"]
        {
            assert_eq!(unknown(right), [""; 0], "{right}");
        }
    }

    #[test]
    fn every_crate_that_says_something_is_known() {
        let lock: toml::Table = include_str!("../../Cargo.lock").parse().unwrap();
        // In other programs than this one, or of Wayland's library in C.
        let others = ["generator", "jiff-core", "tracing-log", "wayland-sys", "wingmark-trainer"];
        for package in lock["package"].as_array().unwrap() {
            let name = package["name"].as_str().unwrap();
            let needs = package.get("dependencies").and_then(toml::Value::as_array);
            let speaks = needs.into_iter().flatten().any(|needed| needed.as_str() == Some("log"));
            assert!(!speaks || others.contains(&name) || may_speak(&name.replace('-', "_")), "{name}");
        }
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
