//! Where unsafe code stands, and what each unsafe function asks of its caller.

use crate::{root, rust_files};

/// Where unsafe code may stand in `src/`; all of `kernels/` may have it.
const UNSAFE: [&str; 4] = ["capture/v4l2", "capture/tied.rs", "screen/drm.rs", "screen/fbdev.rs"];

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
    let mut found = Vec::new();
    for folder in ["src", "kernels/src", "benches"] {
        for file in rust_files(&root().join(folder)) {
            let text = std::fs::read_to_string(root().join(folder).join(&file)).unwrap();
            found.extend(without_contract(&text).into_iter().map(|line| format!("{folder}/{}:{line}", file.display())));
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn unsafe_code_stands_where_it_may() {
    let src = root().join("src");
    let has_unsafe =
        |text: &str| text.lines().any(|line| !line.trim_start().starts_with("//") && line.contains("unsafe "));
    let mut found = rust_files(&src);
    found.retain(|file| !UNSAFE.iter().any(|place| file.starts_with(place)));
    assert!(found.len() > 100, "{} files below {}", found.len(), src.display());
    found.retain(|file| has_unsafe(&std::fs::read_to_string(src.join(file)).unwrap()));
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn a_missing_contract_is_seen() {
    assert_eq!(without_contract("/// Adds.\n#[inline]\nunsafe fn add() {}\n"), [3]);
    assert_eq!(without_contract("/// # Safety\n/// None.\n#[inline]\nunsafe fn add() {}\n"), [0; 0]);
    assert_eq!(without_contract("impl Dot for A {\n    unsafe fn add() {}\n}\nunsafe fn b() {}\n"), [4]);
}
