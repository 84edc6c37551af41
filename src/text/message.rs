//! What other libraries say, for messages of ours.

use std::fmt::Display;

/// The text with one space for each run of white space and control characters: a damaged file may
/// have any in its names.
pub fn in_one_line(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
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
    fn a_line_has_neither_breaks_nor_commands_for_a_terminal() {
        assert_eq!(in_one_line(" unknown\r\n key \u{1b}[2J\t`a`\n"), "unknown key [2J `a`");
    }
}
