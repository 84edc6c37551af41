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
    /// In such lines, and in docstrings.
    Python,
}

impl Prose {
    fn of(file: &Path, text: &str) -> Option<Self> {
        match file.extension().and_then(|extension| extension.to_str()) {
            Some("md") => Some(Prose::All),
            Some("rs" | "c") => Some(Prose::Slashes),
            Some("py") => Some(Prose::Python),
            Some("sh" | "toml" | "yml" | "yaml" | "service" | "conf") => Some(Prose::Hashes),
            _ if text.starts_with("#!/usr/bin/env python3") => Some(Prose::Python),
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
            Prose::Hashes | Prose::Python => line.trim_start().strip_prefix('#')?,
        };
        Some(words.strip_prefix(' ').unwrap_or(words))
    }
}

/// Follows the texts within three quotation marks in a file of Python.
#[derive(Default)]
struct Docstrings {
    is_open: bool,
    /// Of the last such text, where it is a docstring.
    indent: Option<usize>,
}

impl Docstrings {
    /// The next line without the docstring's indent; `None` where it is in none.
    fn in_line<'a>(&mut self, line: &'a str) -> Option<&'a str> {
        const MARK: &str = "\"\"\"";
        let (was_open, marks) = (self.is_open, line.matches(MARK).count());
        self.is_open ^= marks % 2 == 1;
        if !was_open && marks > 0 {
            let code = line.trim_start();
            self.indent = code.starts_with(MARK).then_some(line.len() - code.len());
        }
        let indent = self.indent.filter(|_| was_open || marks > 0)?;
        Some(line.get(indent..).unwrap_or_default())
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
    let mut docstrings = Docstrings::default();
    let mut found = Vec::new();
    for (i, line) in text.lines().enumerate() {
        let documented = if prose == Prose::Python { docstrings.in_line(line) } else { None };
        let Some(words) = documented.or_else(|| prose.in_line(line)) else { continue };
        let has_code = documented.is_some() || matches!(prose, Prose::All | Prose::Slashes);
        let is_fence = words.trim_start().starts_with("```");
        is_fenced ^= is_fence;
        let is_code = has_code && (is_fenced || is_fence || words.starts_with("    "));
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
    assert!(long(Prose::Python, &format!("\"\"\"{words}\n\"\"\"\n")) && long(Prose::Python, &format!("# {words}")));
    assert!(long(Prose::Python, &format!("def f():\n    \"\"\"Ok.\n\n    {words}\"\"\"\n")));
    assert!(!long(Prose::Python, &format!("\"\"\"Ok.\n\n    {words}\n\"\"\"\nx = \"{words}\"\n")));
    assert!(!long(Prose::Python, &format!("x = \"\"\"\n{words}\n\"\"\"\n{words}\n")));
    assert_eq!(Prose::of(Path::new("tests/fleet/run"), "#!/usr/bin/env python3\n"), Some(Prose::Python));
    assert_eq!(Prose::of(Path::new("tests/arm/run"), "#!/bin/sh\n"), Some(Prose::Hashes));
    assert_eq!(Prose::of(Path::new("assets/demo.webp"), "RIFF"), None);
}
