//! How long a line of prose may be. Tables, code blocks and what links lead to do not count.

use std::path::Path;

use crate::{files, root};

const MOST_COLUMNS: usize = 100;

/// Where the prose of a file stands.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Prose {
    /// In every line: Markdown.
    All,
    /// Behind `//`.
    Slashes,
    /// In lines that begin with `#`.
    Hashes,
}

impl Prose {
    fn of(file: &Path, text: &str) -> Option<Self> {
        match file.extension().and_then(|extension| extension.to_str()) {
            Some("md") => Some(Prose::All),
            Some("rs") => Some(Prose::Slashes),
            Some("py" | "sh" | "toml" | "yml" | "yaml" | "service" | "conf") => Some(Prose::Hashes),
            _ if text.starts_with("#!") || file.ends_with("Containerfile") => Some(Prose::Hashes),
            _ => None,
        }
    }

    /// The prose of a line, without the mark before it; `None` where there is none.
    fn in_line(self, line: &str) -> Option<&str> {
        let words = match self {
            Prose::All => return Some(line),
            Prose::Slashes => {
                let begins = line.trim_start().starts_with("//");
                let at = if begins { line.find("//") } else { line.rfind(" // ").map(|at| at + 1) };
                line[at?..].trim_start_matches('/').trim_start_matches('!')
            }
            Prose::Hashes => line.trim_start().strip_prefix('#')?,
        };
        Some(words.strip_prefix(' ').unwrap_or(words))
    }
}

/// The columns of a line, without those of what its links lead to.
fn columns(line: &str) -> usize {
    let mut rest = line;
    let mut count = 0;
    while let Some(at) = [rest.find("]("), rest.find("://")].into_iter().flatten().min() {
        count += rest[..at].chars().count();
        rest = rest[at + 2..].find([')', '>', ' ']).map_or("", |end| &rest[at + 2 + end..]);
    }
    count + rest.chars().count()
}

/// Numbers of the lines of prose that are too long.
fn too_long(prose: Prose, text: &str) -> Vec<usize> {
    let mut is_fenced = false;
    let mut found = Vec::new();
    for (i, line) in text.lines().enumerate() {
        let Some(words) = prose.in_line(line) else { continue };
        let is_fence = words.trim_start().starts_with("```");
        is_fenced ^= is_fence;
        let is_code = prose != Prose::Hashes && (is_fenced || is_fence || words.starts_with("    "));
        let is_table = words.trim_start().starts_with('|');
        if !is_code && !is_table && columns(line) > MOST_COLUMNS {
            found.push(i + 1);
        }
    }
    found
}

#[test]
fn lines_of_prose_are_short() {
    let mut read = 0;
    let mut found = Vec::new();
    for file in files(root()) {
        let Ok(text) = std::fs::read_to_string(root().join(&file)) else { continue };
        let Some(prose) = Prose::of(&file, &text) else { continue };
        read += 1;
        found.extend(too_long(prose, &text).into_iter().map(|line| format!("{}:{line}", file.display())));
    }
    assert!(read > 400, "{read} files below {}", root().display());
    assert!(found.is_empty(), "lines of more than {MOST_COLUMNS} columns: {found:#?}");
}

#[test]
fn a_long_line_is_seen() {
    let words = "word ".repeat(21);
    let long = |prose, text: &str| !too_long(prose, text).is_empty();
    assert!(long(Prose::All, &words));
    assert!(long(Prose::All, &format!("```\nok\n```\n* {words}\n")));
    assert!(!long(Prose::All, &format!("```\n{words}\n```\n    {words}\n| {words} |\n")));
    assert!(!long(Prose::All, &format!("[words](https://example.com/{})", "a".repeat(100))));
    assert!(!long(Prose::All, &format!("<https://example.com/{}>", "a".repeat(100))));
    assert!(long(Prose::Slashes, &format!("fn f() {{}}\n    /// {words}\n")));
    assert!(long(Prose::Slashes, &format!("let a = 1; // {words}")));
    assert!(!long(Prose::Slashes, &format!("let a = \"{words}\";")));
    assert!(!long(Prose::Slashes, &format!("//! ```text\n//! {words}\n//! ```\n//! | {words} |\n")));
    assert!(long(Prose::Hashes, &format!("# {words}")) && !long(Prose::Hashes, &format!("echo {words}")));
    assert_eq!(Prose::of(Path::new("tests/arm/run"), "#!/bin/sh\n"), Some(Prose::Hashes));
    assert_eq!(Prose::of(Path::new("assets/demo.webp"), "RIFF"), None);
}
