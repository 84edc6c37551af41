//! The rules of the house: which wing may import which.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// From the ground up. What stands in a wing imports from its own and from those before it.
const WINGS: [&str; 18] = [
    "picture", "text", "machine", "capture", "model", "face", "dataset", "report", "overlay", "record", "screen",
    "publish", "pipeline", "board", "doctor", "cli", "plan", "commands",
];

/// The folder or file of `src/` that a file belongs to.
fn wing(file: &Path) -> String {
    let first = file.components().next().expect("a file has a name");
    Path::new(first.as_os_str()).with_extension("").display().to_string()
}

/// The wings that a text names by `crate::`, outside its tests, and whether `use` does or a path in
/// the code.
fn imports(text: &str) -> BTreeSet<&str> {
    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    text.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| line.split("crate::").skip(1))
        .filter_map(|rest| rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next())
        .filter(|name| !name.is_empty())
        .collect()
}

/// Every Rust file below `folder`, by its path from there.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path.strip_prefix(folder).unwrap().to_path_buf());
            }
        }
    }
    found
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
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = sources(&src);
    assert!(files.len() > 100, "{} files below {}", files.len(), src.display());
    let inside = files.iter().filter(|file| !matches!(file.to_str(), Some("lib.rs" | "main.rs")));
    let found: Vec<String> =
        inside.flat_map(|file| faults(file, &std::fs::read_to_string(src.join(file)).unwrap())).collect();
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn a_broken_rule_is_seen() {
    let seen = |file: &str, text: &str| !faults(Path::new(file), text).is_empty();
    assert!(seen("picture/crop.rs", "use crate::model::Model;\n"));
    assert!(seen("model/card.rs", "use crate::face::Landmark;\n"));
    assert!(seen("face/look.rs", "fn f() { crate::record::write() }\n"));
    assert!(seen("plan.rs", "use crate::commands::Outcome;\n"));
    assert!(seen("attic/junk.rs", "fn f() {}\n"));
    assert!(!seen("face/look.rs", "use crate::model::Model;\nuse crate::face::Landmark;\n"));
    assert!(!seen(
        "face/scene.rs",
        "/// See crate::screen.\nfn f() {}\n#[cfg(test)]\nmod tests {\n    use crate::screen::View;\n}\n"
    ));
}

/// Lines of `unsafe fn` that state no contract. Methods of a trait have the trait's.
fn without_contract(text: &str) -> Vec<usize> {
    let lines: Vec<&str> = text.lines().collect();
    let mut of_trait = None;
    let mut found = Vec::new();
    for (i, line) in lines.iter().enumerate() {
        let code = line.trim_start();
        let indent = line.len() - code.len();
        if code.starts_with("unsafe impl") || code.starts_with("impl") && code.contains(" for ") {
            of_trait = Some(indent);
        } else if code.starts_with('}') && of_trait == Some(indent) {
            of_trait = None;
        }
        let declares = !code.starts_with("//") && code.contains("unsafe fn ") && !code.starts_with("type ");
        let above = lines[..i].iter().rev().take_while(|line| {
            let line = line.trim_start();
            line.starts_with("///") || line.starts_with("#[")
        });
        if declares && of_trait.is_none() && !above.into_iter().any(|line| line.contains("# Safety")) {
            found.push(i + 1);
        }
    }
    found
}

#[test]
fn every_unsafe_function_states_its_contract() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for folder in ["src", "kernels/src", "benches"] {
        for file in sources(&root.join(folder)) {
            let text = std::fs::read_to_string(root.join(folder).join(&file)).unwrap();
            found.extend(without_contract(&text).into_iter().map(|line| format!("{folder}/{}:{line}", file.display())));
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn a_missing_contract_is_seen() {
    assert_eq!(without_contract("/// Adds.\n#[inline]\nunsafe fn add() {}\n"), [3]);
    assert_eq!(without_contract("/// # Safety\n/// None.\n#[inline]\nunsafe fn add() {}\n"), [0; 0]);
    assert_eq!(without_contract("impl Dot for A {\n    unsafe fn add() {}\n}\nunsafe fn b() {}\n"), [4]);
}
