//! Which wingmark this is.

/// As in Cargo.toml: `0.1.0`.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The first twelve digits of the commit that it was built from; `unknown` where that is, as in a
/// library.
pub const COMMIT: &str = match option_env!("WINGMARK_COMMIT") {
    Some(commit) => commit,
    None => "unknown",
};
