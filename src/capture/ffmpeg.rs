//! What ffmpeg says of a film beside its frames' times: which of it means that a part was lost.

use crate::text::message::{counted, in_one_line, shortened};

/// What ffmpeg adds to an error, about options that are not the user's.
const ADVICE: &str = "To ignore this,";
/// What it says of a film without pictures.
const NO_STREAM: &str = "matches no streams";
/// What it says, and goes on, where a part of a film is missing or could not be decoded: demuxers,
/// then what is common to all decoders, in version 5 and in later ones. Decoders themselves call
/// much an error that costs nothing.
const LOSSES: [&str; 8] = [
    "ended prematurely",
    "partial file",
    "packet corrupt",
    "corrupt decoded frame",
    "error while decoding",
    "error submitting",
    "decoding error",
    "error during demuxing",
];
/// What is said of a film of the kind that is joined from recordings, which begin and end anywhere:
/// packets, and what a decoder makes of them, count as broken there, too.
const JOINED: &str = "Input #0, mpegts";

/// The messages of a run of ffmpeg, as `-v level+info` has it write them.
#[derive(Debug, Default)]
pub struct Messages {
    losses: Kept,
    /// Those that are no loss.
    errors: Kept,
    last: Option<String>,
    has_no_stream: bool,
    may_be_joined: bool,
}

/// The first message of a kind, and how many there were.
#[derive(Debug, Default)]
struct Kept {
    first: Option<String>,
    count: u32,
}

impl Kept {
    fn add(&mut self, text: &str) {
        self.count = self.count.saturating_add(1);
        self.first.get_or_insert_with(|| text.into());
    }

    /// The first one, and whether there are more.
    fn in_words(&self) -> Option<String> {
        let first = self.first.as_ref()?;
        let more = self.count - 1;
        Some(match more {
            0 => first.clone(),
            more => format!("{first} (and {})", counted(more, "message more", "messages more")),
        })
    }
}

impl Messages {
    pub fn add(&mut self, line: &str) {
        let Line { level, text } = Line::of(line);
        if text.is_empty() || text.starts_with(ADVICE) {
            return;
        }
        let text = shortened(&in_one_line(text));
        self.has_no_stream |= text.contains(NO_STREAM);
        let is_error = matches!(level, "error" | "fatal" | "panic");
        self.may_be_joined |= text.starts_with(JOINED);
        // Who writes without a level may mean either.
        if (is_error || matches!(level, "warning" | "")) && is_loss(&text) {
            self.losses.add(&text);
        } else if is_error {
            self.errors.add(&text);
        }
        self.last = Some(text);
    }

    /// What is said of a film of which a part was lost; `None` where it was decoded whole.
    pub fn loss(&self) -> Option<String> {
        self.losses.in_words().filter(|_| !self.may_be_joined)
    }

    /// What may have cost nothing.
    pub fn errors(&self) -> Option<String> {
        let losses = self.losses.in_words().filter(|_| self.may_be_joined);
        losses.or_else(|| self.errors.in_words())
    }

    /// Why ffmpeg failed, after "which": the first error is the cause, those after it follow.
    pub fn failure(&self, status: impl std::fmt::Display) -> String {
        if self.has_no_stream {
            return "finds no pictures in it, only sound".into();
        }
        let first = self.errors.first.as_ref().or(self.losses.first.as_ref()).or(self.last.as_ref());
        format!("failed ({status}): {}", first.map_or("it says no more", String::as_str))
    }
}

fn is_loss(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    LOSSES.iter().any(|loss| text.contains(loss))
}

/// `[matroska,webm @ 0x55] [error] File ended prematurely`, without who speaks: that may be missing
/// and may be several.
struct Line<'a> {
    /// Empty where there is none.
    level: &'a str,
    text: &'a str,
}

impl Line<'_> {
    fn of(line: &str) -> Line<'_> {
        const LEVELS: [&str; 6] = ["panic", "fatal", "error", "warning", "info", "verbose"];
        let mut rest = line.trim();
        while let Some((name, after)) = rest.strip_prefix('[').and_then(|inside| inside.split_once(']')) {
            if LEVELS.contains(&name) {
                return Line { level: name, text: after.trim() };
            }
            if !name.contains(" @ ") {
                break;
            }
            rest = after.trim_start();
        }
        Line { level: "", text: line.trim() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(lines: &[&str]) -> Messages {
        let mut messages = Messages::default();
        lines.iter().for_each(|line| messages.add(line));
        messages
    }

    /// What version 5.1 says of films that were cut or damaged.
    #[test]
    fn a_loss_is_told_from_what_costs_nothing() {
        for (line, loss) in [
            ("[matroska,webm @ 0x55] [error] File ended prematurely", true),
            ("[matroska,webm @ 0x55] [warning] File ended prematurely at pos. 1 (0x1)", true),
            ("[mov,mp4,m4a,3gp,3g2,mj2 @ 0x55] [error] stream 0, offset 0x1dd04: partial file", true),
            ("[avi @ 0x55] [warning] Packet corrupt (stream = 0, dts = 12).", true),
            ("[warning] file:a.mkv: corrupt decoded frame in stream 0", true),
            ("[vist#0:0/h264 @ 0x55] [dec:h264 @ 0x56] [warning] corrupt decoded frame", true),
            ("[error] Error while decoding stream #0:0: Invalid data found when processing input", true),
            ("[warning] file:a.ts: corrupt input packet in stream 0", false),
            ("[h264 @ 0x55] [error] mmco: unref short failure", false),
            ("[info]     title           : Error while decoding", false),
            ("partial file", true),
            ("\u{1b}[48;5;0m\u{1b}[38;5;226m[mov @ 0x55] \u{1b}[0mpartial file", true),
        ] {
            assert_eq!(messages(&[line]).loss().is_some(), loss, "{line}");
        }
        // Recordings of a broadcast are joined anywhere.
        let error = "[error] Error while decoding stream #0:0: Invalid data found when processing input";
        let packet = "[mpegts @ 0x55] [warning] Packet corrupt (stream = 0, dts = 468000).";
        let said = messages(&[packet, "[info] Input #0, mpegts, from 'file:a.ts':", error]);
        let expected = "Packet corrupt (stream = 0, dts = 468000). (and 1 message more)";
        assert_eq!((said.loss(), said.errors().as_deref()), (None, Some(expected)));
        let said = messages(&["[h264 @ 0x55] [error] no frame!", "[swscaler @ 0x55] [warning] deprecated"]);
        assert_eq!((said.loss(), said.errors().as_deref()), (None, Some("no frame!")));
        let said = messages(&["[error] Error while decoding a", "[error] Error while decoding b", "[error] c"]);
        assert_eq!(said.loss().as_deref(), Some("Error while decoding a (and 1 message more)"));
    }

    #[test]
    fn the_first_error_is_the_cause_of_a_failure() {
        let cut = [
            "[mov,mp4,m4a,3gp,3g2,mj2 @ 0x55] [error] moov atom not found",
            "[error] file:cut.mp4: Invalid data found when processing input",
        ];
        assert_eq!(messages(&cut).failure(1), "failed (1): moov atom not found");
        let sound =
            ["[fatal] Stream map '0:v:0' matches no streams.", "To ignore this, add a trailing '?' to the map."];
        assert_eq!(messages(&sound).failure(1), "finds no pictures in it, only sound");
        assert_eq!(messages(&["a", "b"]).failure(1), "failed (1): b");
        assert_eq!(messages(&[]).failure(1), "failed (1): it says no more");
    }
}
