//! What other libraries say, for messages of ours.

#[cfg(feature = "program")]
use std::ffi::OsString;
use std::fmt::Display;

use super::address::{is_numeric_or_local, is_v6};

/// The text with one space for each run of white space and control characters: a damaged file may
/// have any in its names.
pub fn in_one_line(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

/// The beginning of a text that may be of any length, as a program's last words.
pub fn shortened(text: &str) -> String {
    const MOST: usize = 300;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}..", &text[..end]),
        None => text.into(),
    }
}

/// The text with `***` for each password in it: of a URL (`rtsp://USER:PASSWORD@HOST`), and of a
/// property that is called one (`user-pw=PASSWORD`, `?token=..`).
pub fn without_passwords(text: &str) -> String {
    let mut clean = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, url) = rest.split_at(at + 3);
        clean += before;
        rest = url;
        if let Some((name, password)) = login(url, quote_before(&before[..at])) {
            clean += &format!("{name}:***");
            rest = &url[name.len() + 1 + password.len()..];
        }
    }
    without_secret_properties(&(clean + rest))
}

/// The quotation mark in which the URL stands whose scheme is the text's end.
fn quote_before(text: &str) -> Option<char> {
    let is_of_scheme = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    text.trim_end_matches(is_of_scheme).chars().next_back().filter(|c| "\"'".contains(*c))
}

/// Name and password in what stands behind `://`. People write a password as it is, with any letter
/// in it, even a blank; but what reads as a port is one.
fn login(text: &str, quote: Option<char>) -> Option<(&str, &str)> {
    let ends_host = |c: char| "/?#".contains(c);
    let end_of_word = text.find(|c: char| c.is_whitespace() || Some(c) == quote).unwrap_or(text.len());
    let (word, rest) = text.split_at(end_of_word);
    let (name, after) = word.split_once(':')?;
    let is_port = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    // Of IPv6 it stands in brackets, or ought to.
    if word.split(ends_host).next().is_some_and(is_v6) {
        return None;
    }
    if name.starts_with('[') || name.contains(ends_host) || (name.contains('@') && !after.contains('@')) {
        return None;
    }
    let password = match after.rfind('@') {
        Some(at) => &after[..at],
        // A port that is mistyped.
        None if is_numeric_or_local(name) => return None,
        None if is_port(&after[..after.find(ends_host).unwrap_or(after.len())]) => return None,
        // A blank in it ended the word, or what is behind it is missing.
        None => {
            let more = rest[..rest.find("://").unwrap_or(rest.len())].rfind('@').unwrap_or(0);
            &text[name.len() + 1..end_of_word + more]
        }
    };
    let port = password.find(ends_host).map(|end| &password[..end]);
    (!port.is_some_and(is_port)).then_some((name, password))
}

/// A text that quotes some of these arguments, without the passwords in them.
#[cfg(feature = "program")]
pub fn without_passwords_of(arguments: &[OsString], text: String) -> String {
    arguments.iter().fold(text, |text, argument| {
        let argument = argument.to_string_lossy();
        let value = argument.strip_prefix("--").and_then(|option| option.split_once('='));
        let value = value.map_or(&*argument, |(_, value)| value);
        let clean = without_passwords(value);
        if clean == value { text } else { text.replace(value, &clean) }
    })
}

fn without_secret_properties(text: &str) -> String {
    let mut clean = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('=') {
        let (key, value) = rest.split_at(at + 1);
        clean += key;
        rest = value;
        if is_secret(key[..at].trim_end()) {
            let blank = value.len() - value.trim_start().len();
            clean += &value[..blank];
            let value = &value[blank..];
            let quote = value.chars().next().filter(|c| "\"'".contains(*c));
            let end = match quote {
                Some(quote) => value[1..].find(quote).map(|end| end + 2),
                None => value.find(|c: char| c.is_whitespace() || "\"'&".contains(c)),
            };
            clean += "***";
            rest = &value[end.unwrap_or(value.len())..];
        }
    }
    clean + rest
}

/// Whether the property that the text ends with is called as secrets are.
fn is_secret(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    let word = text.rsplit(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
    ["pw", "psw", "pwd", "pass", "key", "auth", "loginpas"].contains(&word)
        || ["password", "passwd", "passphrase", "secret", "token"].iter().any(|name| word.ends_with(name))
}

/// A word that a shell takes as it is.
pub fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// `1 face`, `2 faces`.
pub fn counted(number: impl TryInto<u64> + Display, one: &str, many: &str) -> String {
    let text = number.to_string();
    let is_one = number.try_into().is_ok_and(|number| number == 1);
    format!("{text} {}", if is_one { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_shown_nowhere() {
        for (text, shown) in [
            ("rtsp://me:secret@cam:554/x ! a", "rtsp://me:***@cam:554/x ! a"),
            ("location=\"rtsp://me:se%2Fcr@et@cam/x\"", "location=\"rtsp://me:***@cam/x\""),
            ("rtsp://me:se/cr?et#1@cam/x then http://a:b@c", "rtsp://me:***@cam/x then http://a:***@c"),
            ("http://[::1]:80/x@y", "http://[::1]:80/x@y"),
            ("http://cam/a:b@c", "http://cam/a:b@c"),
            ("https://cam/x&u=rtsp://u:p@h", "https://cam/x&u=rtsp://u:***@h"),
            ("http://cam:80/x?mail=a@b", "http://cam:80/x?mail=a@b"),
            ("a http://cam/x and mqtt://u:p@h:1", "a http://cam/x and mqtt://u:***@h:1"),
            ("http://me@cam:80/x", "http://me@cam:80/x"),
            ("rtspsrc user-id=me user-pw=secret latency=0", "rtspsrc user-id=me user-pw=*** latency=0"),
            ("user-pw=\"se cret\" ! fdsink fd=1", "user-pw=*** ! fdsink fd=1"),
            ("http://cam/x?token=abc&a=b", "http://cam/x?token=***&a=b"),
            ("rtsp://me:it's@cam/x", "rtsp://me:***@cam/x"),
            ("'rtsp://me:se\"cret@cam/x' and a@b", "'rtsp://me:***@cam/x' and a@b"),
            ("http://me:se cr et@cam/x", "http://me:***@cam/x"),
            ("mqtt://me:secret", "mqtt://me:***"),
            ("mqtt://127.0.0.1:x/a", "mqtt://127.0.0.1:x/a"),
            ("--publish udp://::1:9 udp://fe80::1%eth0:9/x", "--publish udp://::1:9 udp://fe80::1%eth0:9/x"),
            ("mqtt://me@home:secret@h", "mqtt://me@home:***@h"),
            ("mqtt://broker:1883 and a@b", "mqtt://broker:1883 and a@b"),
            ("srtsrc uri=srt://cam:7001?passphrase=secret ! a", "srtsrc uri=srt://cam:7001?passphrase=*** ! a"),
            ("user-pw = secret latency = 0", "user-pw = *** latency = 0"),
            ("\"http://cam/x?usr=a&Password=secret\"", "\"http://cam/x?usr=a&Password=***\""),
            ("http://cam/x?pwd=secret&api_key=abc", "http://cam/x?pwd=***&api_key=***"),
            ("http://cam/x?loginuse=a&loginpas=b", "http://cam/x?loginuse=a&loginpas=***"),
            ("x264enc key-int-max=30 bypass=1", "x264enc key-int-max=30 bypass=1"),
            ("nothing", "nothing"),
        ] {
            assert_eq!(without_passwords(text), shown);
        }
    }

    #[cfg(feature = "program")]
    #[test]
    fn what_is_quoted_of_arguments_has_no_password_and_its_advice_stays() {
        let arguments = ["--publish=mqtt://me:a/b@h", "-i", "rtsp://me:c@h"].map(OsString::from);
        let text = "'mqtt://me:a/b@h' and 'rtsp://me:c@h': expected http://USER:PASSWORD@HOST";
        let clean = "'mqtt://me:***@h' and 'rtsp://me:***@h': expected http://USER:PASSWORD@HOST";
        assert_eq!(without_passwords_of(&arguments, text.into()), clean);
    }

    #[test]
    fn a_quote_does_not_end_a_quoted_word() {
        assert_eq!((quoted("a b"), quoted("it's")), ("'a b'".into(), r"'it'\''s'".into()));
    }

    #[test]
    fn a_line_has_neither_breaks_nor_commands_for_a_terminal() {
        assert_eq!(in_one_line(" unknown\r\n key \u{1b}[2J\t`a`\n"), "unknown key [2J `a`");
    }
}
