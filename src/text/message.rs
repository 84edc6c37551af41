//! What other libraries say, for messages of ours.

use std::fmt::Display;

/// The text with one space for each run of white space and control characters: a damaged file may
/// have any in its names.
pub fn in_one_line(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

/// The text with `***` for each password in it: of a URL (`rtsp://USER:PASSWORD@HOST`), and of a
/// property that is called one (`user-pw=PASSWORD`, `password=..`).
pub fn without_passwords(text: &str) -> String {
    let is_end = |c: char| c.is_whitespace() || "/\"'?#".contains(c);
    let mut clean = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, authority) = rest.split_at(at + 3);
        clean += before;
        let host_end = authority.find(is_end).unwrap_or(authority.len());
        let (user, after) = authority.split_at(authority[..host_end].rfind('@').unwrap_or(host_end));
        match user.split_once(':').filter(|_| after.starts_with('@')) {
            Some((name, _)) => clean += &format!("{name}:***"),
            None => clean += user,
        }
        rest = after;
    }
    without_secret_properties(&(clean + rest))
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

    #[test]
    fn a_quote_does_not_end_a_quoted_word() {
        assert_eq!((quoted("a b"), quoted("it's")), ("'a b'".into(), r"'it'\''s'".into()));
    }

    #[test]
    fn a_line_has_neither_breaks_nor_commands_for_a_terminal() {
        assert_eq!(in_one_line(" unknown\r\n key \u{1b}[2J\t`a`\n"), "unknown key [2J `a`");
    }
}
