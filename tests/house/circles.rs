//! Files that import each other, directly or through others.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::{root, rust_files};

/// Which files each file imports, by the names of their modules.
type Imports = BTreeMap<String, BTreeSet<String>>;

/// Opening this one would make a third file of one function.
const KNOWN: [&str; 2] = ["capture::v4l2::buffers", "capture::v4l2::device"];

/// The module that a file is: `face::look` of `face/look.rs`.
fn module(file: &Path) -> String {
    let names: Vec<String> =
        file.with_extension("").components().map(|name| name.as_os_str().to_string_lossy().into_owned()).collect();
    names.strip_suffix(&["mod".to_owned()]).unwrap_or(&names).join("::")
}

/// The paths that a `use` names; `rest` is what stands behind that word, up to its semicolon.
fn paths(rest: &str) -> Vec<String> {
    let Some((before, group)) = rest.split_once('{') else {
        return vec![rest.split(" as ").next().unwrap_or_default().trim().to_owned()];
    };
    let (mut depth, mut parts) = (0, vec![String::new()]);
    for c in group.rsplit_once('}').map_or(group, |(group, _)| group).chars() {
        depth += i32::from(c == '{') - i32::from(c == '}');
        match c {
            ',' if depth == 0 => parts.push(String::new()),
            _ => parts.last_mut().expect("one at least").push(c),
        }
    }
    let named = parts.iter().filter(|part| !part.trim().is_empty());
    named.flat_map(|part| paths(part.trim())).map(|path| format!("{}{path}", before.trim())).collect()
}

/// A path of a `use` in `own` as the crate has it.
fn absolute(own: &str, path: &str) -> String {
    let mut parents: Vec<&str> = own.split("::").collect();
    let mut path = path.strip_prefix("self::").unwrap_or(path);
    let is_relative = path.starts_with("super::");
    while let Some(rest) = path.strip_prefix("super::") {
        parents.pop();
        path = rest;
    }
    match path.strip_prefix("crate::") {
        Some(rest) => rest.to_owned(),
        None if is_relative => [&parents[..], &[path]].concat().join("::"),
        None => format!("{own}::{path}"),
    }
}

/// What the files import of each other. A module and those in it are not told apart.
fn imports(files: &BTreeMap<String, String>) -> Imports {
    let of_file = |(own, text): (&String, &String)| {
        let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
        let code: Vec<&str> = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        let code = code.join(" ");
        let uses = code.split("use ").skip(1).filter_map(|rest| rest.split_once(';')).flat_map(|(rest, _)| paths(rest));
        let named = uses.filter_map(|path| {
            let path = absolute(own, &path);
            let ends = path.match_indices("::").map(|(at, _)| at).chain([path.len()]);
            ends.map(|end| path[..end].to_owned()).filter(|module| files.contains_key(module)).last()
        });
        let is_within = |a: &str, b: &str| a == b || a.starts_with(&format!("{b}::"));
        (own.clone(), named.filter(|other| !is_within(own, other) && !is_within(other, own)).collect())
    };
    files.iter().map(of_file).collect()
}

/// The modules that import themselves, through others.
fn in_circles(imports: &Imports) -> Vec<&str> {
    let returns = |own: &&String| {
        let mut seen = BTreeSet::new();
        let mut open: Vec<&String> = imports[*own].iter().collect();
        while let Some(next) = open.pop() {
            if seen.insert(next) {
                open.extend(&imports[next]);
            }
        }
        seen.contains(own)
    };
    imports.keys().filter(returns).map(String::as_str).collect()
}

#[test]
fn no_file_imports_itself_through_others() {
    let src = root().join("src");
    let read = |file: &PathBuf| (module(file), std::fs::read_to_string(src.join(file)).unwrap());
    let files: BTreeMap<String, String> = rust_files(&src).iter().map(read).collect();
    let imports = imports(&files);
    assert!(imports.values().map(BTreeSet::len).sum::<usize>() > 500, "{imports:#?}");
    assert_eq!(in_circles(&imports), KNOWN);
}

#[test]
fn a_circle_is_seen() {
    let files = [
        ("face", "use self::look::Look;\n"),
        ("face::look", "use super::decode::decode;\nuse crate::model::{card::{ModelCard, Task}, Model};\n"),
        ("face::decode", "use super::{Face, shape::Shape};\n"),
        ("face::shape", "// use super::look;\n#[cfg(test)]\nmod tests {\n    use super::super::look::Look;\n}\n"),
        ("model", "pub mod card;\n"),
        ("model::card", "use crate::model::Model;\n"),
    ];
    let mut files: BTreeMap<String, String> = files.map(|(module, text)| (module.to_owned(), text.to_owned())).into();
    assert_eq!(
        imports(&files)["face::look"],
        BTreeSet::from(["face::decode".into(), "model".into(), "model::card".into()])
    );
    assert_eq!(in_circles(&imports(&files)), [""; 0]);
    files.insert("face::shape".into(), "use super::look::Look;\n".into());
    assert_eq!(in_circles(&imports(&files)), ["face::decode", "face::look", "face::shape"]);
}
