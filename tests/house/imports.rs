//! Which wing may import which.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::{root, rust_files};

/// From the ground up. What stands in a wing imports from its own and from those before it.
const WINGS: [&str; 19] = [
    "text", "threads", "picture", "machine", "capture", "model", "face", "dataset", "report", "overlay", "record",
    "screen", "publish", "pipeline", "board", "doctor", "cli", "parts", "commands",
];

/// The folder or file of `src/` that a file belongs to.
fn wing(file: &Path) -> String {
    let first = file.components().next().expect("a file has a name");
    Path::new(first.as_os_str()).with_extension("").display().to_string()
}

/// The wings that a text names by `crate::`, outside its tests.
fn imports(text: &str) -> BTreeSet<&str> {
    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    text.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| line.split("crate::").skip(1))
        // Of a group, `use crate::{face::.., ..}`, the bracket is given: no wing is called so.
        .map(|rest| rest.split(|c: char| !c.is_ascii_alphanumeric() && !"_{".contains(c)).next().unwrap_or_default())
        .filter(|name| !name.is_empty())
        .collect()
}

/// What is wrong with the imports of one file.
fn faults(file: &Path, text: &str) -> Vec<String> {
    let place = |name: &str| WINGS.iter().position(|wing| *wing == name);
    let own = wing(file);
    let Some(level) = place(&own) else { return vec![format!("{}: {own} has no place in the house", file.display())] };
    let above = |name: &&str| place(name).is_none_or(|other| other > level);
    imports(text).into_iter().filter(above).map(|name| format!("{} imports {name}", file.display())).collect()
}

#[test]
fn no_wing_imports_what_stands_above_it() {
    let src = root().join("src");
    let files = rust_files(&src);
    assert!(files.len() > 100, "{} files below {}", files.len(), src.display());
    let inside = files.iter().filter(|file| !matches!(file.to_str(), Some("lib.rs" | "main.rs")));
    let found: Vec<String> =
        inside.flat_map(|file| faults(file, &std::fs::read_to_string(src.join(file)).unwrap())).collect();
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn only_the_wing_of_models_names_tract() {
    let src = root().join("src");
    let names = |file: &PathBuf| std::fs::read_to_string(src.join(file)).unwrap().contains("tract_onnx::");
    let found: Vec<_> = rust_files(&src).into_iter().filter(names).collect();
    assert!(found.len() > 10 && found.iter().all(|file| wing(file) == "model"), "{found:#?}");
}

#[test]
fn a_broken_rule_is_seen() {
    let seen = |file: &str, text: &str| !faults(Path::new(file), text).is_empty();
    assert!(seen("picture/crop.rs", "use crate::model::Model;\n"));
    assert!(seen("model/card.rs", "use crate::face::Landmark;\n"));
    assert!(seen("face/look.rs", "fn f() { crate::record::write() }\n"));
    assert!(seen("parts/mod.rs", "use crate::commands::Outcome;\n"));
    assert!(seen("picture/crop.rs", "use crate::{record::Log, picture::frame::Frame};\n"));
    assert!(seen("attic/junk.rs", "fn f() {}\n"));
    assert!(!seen("face/look.rs", "use crate::model::Model;\nuse crate::face::Landmark;\n"));
    assert!(!seen(
        "face/scene.rs",
        "/// See crate::screen.\nfn f() {}\n#[cfg(test)]\nmod tests {\n    use crate::screen::View;\n}\n"
    ));
}
