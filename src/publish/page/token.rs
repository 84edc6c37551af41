//! The page's password.

use std::path::{Path, PathBuf};

use base64ct::{Base64, Encoding};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::text::files;

/// Shorter ones are guessed.
const SHORTEST: usize = 8;
/// Longer ones, beside the other headers of a browser, find no room in a request.
const LONGEST: usize = 1000;

/// Kept as a hash, and compared by it, so that the time it takes tells nothing.
#[derive(Clone)]
pub struct Token([u8; 32]);

/// Why a file gives no token.
#[derive(Debug, Error)]
#[allow(missing_docs)] // The messages say what each is.
pub enum TokenError {
    #[error("cannot read the token from {path}: {source}")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{0}: the first line is no token; expected eight to 1000 letters without blanks at its ends")]
    Length(PathBuf),
}

impl Token {
    /// The first line of a file.
    pub fn read(path: &Path) -> Result<Self, TokenError> {
        let text = files::read_text(path).map_err(|source| TokenError::Read { path: path.into(), source })?;
        let line = text.lines().next().unwrap_or_default().trim();
        let fits = line.chars().count() >= SHORTEST && line.len() <= LONGEST;
        if fits { Ok(Token(hash(line))) } else { Err(TokenError::Length(path.into())) }
    }

    /// Whether the value of a header `Authorization` has the token: as a bearer token, or as the
    /// password of any user, which is how browsers ask for it.
    pub fn is_in(&self, authorization: &str) -> bool {
        let Some((scheme, rest)) = authorization.split_once(' ') else { return false };
        let rest = rest.trim();
        let given = if scheme.eq_ignore_ascii_case("bearer") {
            Some(rest.to_string())
        } else if scheme.eq_ignore_ascii_case("basic") {
            let pair = Base64::decode_vec(rest).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            pair.and_then(|pair| pair.split_once(':').map(|(_, password)| password.to_string()))
        } else {
            None
        };
        given.is_some_and(|given| hash(&given) == self.0)
    }
}

fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_a_password_or_a_bearer_s() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, "correct horse\n# a note\n").unwrap();
        let token = Token::read(&path).unwrap();
        let basic = |pair: &str| format!("Basic {}", Base64::encode_string(pair.as_bytes()));
        for right in ["Bearer correct horse".into(), basic("me:correct horse"), basic(":correct horse")] {
            assert!(token.is_in(&right), "{right}");
        }
        let wrong = ["", "Bearer", "Bearer correct", "correct horse", "Basic !!!!", "Basic correct horse", "Digest x"];
        for wrong in wrong.map(String::from).into_iter().chain([basic("correct horse:"), basic("correct horse")]) {
            assert!(!token.is_in(&wrong), "{wrong}");
        }
        // An editor's byte order mark is none of it.
        std::fs::write(&path, "\u{feff}correct horse\r\n").unwrap();
        assert!(Token::read(&path).unwrap().is_in("Bearer correct horse"));
        for unfit in ["short", "äöüäöüä", &"x".repeat(9000)] {
            std::fs::write(&path, unfit).unwrap();
            assert!(Token::read(&path).is_err(), "{unfit}");
        }
        assert!(Token::read(Path::new("/nowhere")).is_err());
    }
}
