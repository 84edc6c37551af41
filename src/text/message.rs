//! What other libraries say, for messages of ours.

#[cfg(feature = "program")]
use std::ffi::OsString;
use std::fmt::Display;

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
/// property that is called one (`user-pw=PASSWORD`, `password=..`).
pub fn without_passwords(text: &str) -> String {
    let is_end = |c: char| c.is_whitespace() || "\"'".contains(c);
    let mut clean = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, url) = rest.split_at(at + 3);
        clean += before;
        rest = url;
        if let Some((name, password)) = login(&url[..url.find(is_end).unwrap_or(url.len())]) {
            clean += &format!("{name}:***");
            rest = &url[name.len() + 1 + password.len()..];
        }
    }
    without_secret_properties(&(clean + rest))
}

/// Name and password in what stands behind `://`. People write a password as it is, with any letter
/// in it; but what reads as a port is one.
fn login(url: &str) -> Option<(&str, &str)> {
    let ends_host = |c: char| "/?#".contains(c);
    let (name, password) = url[..url.rfind('@')?].split_once(':')?;
    let port = password.find(ends_host).map(|end| &password[..end]);
    let is_port = port.is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit()));
    // An IPv6 address stands in brackets.
    let is_name = !name.starts_with('[') && !name.contains(ends_host);
    (is_name && !is_port).then_some((name, password))
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
        if ["pw=", "password=", "passwd=", "token="].iter().any(|name| key.ends_with(name)) {
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
