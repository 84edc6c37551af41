//! A line of words, as a shell or systemd parts it.

/// Words with blanks between them; what stands in quotation marks is one.
pub fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in line.chars() {
        match quote {
            Some(end) if c == end => quote = None,
            None if c == '"' || c == '\'' => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            None if c.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_parted_as_a_shell_does() {
        let pipeline = "nvarguscamerasrc ! 'video/x-raw(memory:NVMM), width=640' ! y4menc ! fdsink name=\"a b\" x=''";
        let expected = [
            "nvarguscamerasrc",
            "!",
            "video/x-raw(memory:NVMM), width=640",
            "!",
            "y4menc",
            "!",
            "fdsink",
            "name=a b",
            "x=",
        ];
        assert_eq!(words(pipeline), expected);
        assert_eq!(words("  "), Vec::<String>::new());
    }
}
