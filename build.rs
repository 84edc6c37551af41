//! What the program says of itself: which commit it was built from, and how much it was optimised.

use std::env;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=WINGMARK_COMMIT");
    println!("cargo:rustc-env=WINGMARK_OPT_LEVEL={}", env::var("OPT_LEVEL").unwrap_or_default());
    // A library need not be compiled anew after each commit.
    if env::var_os("CARGO_FEATURE_PROGRAM").is_none() {
        return;
    }
    let given = env::var("WINGMARK_COMMIT").ok().filter(|commit| !commit.is_empty());
    if let Some(commit) = given.or_else(commit_of_checkout) {
        println!("cargo:rustc-env=WINGMARK_COMMIT={commit:.12}");
    }
}

/// The commit of the git checkout of which this package is the root; `None` for a package out of a
/// registry.
fn commit_of_checkout() -> Option<String> {
    if !git(&["rev-parse", "--show-prefix"])?.is_empty() {
        return None;
    }
    println!("cargo:rerun-if-changed={}", git(&["rev-parse", "--git-path", "logs/HEAD"])?);
    git(&["rev-parse", "--short=12", "HEAD"])
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_string())
}
