//! Why a server gives no frames.

use std::io;

use thiserror::Error;

use super::{MAX_FIELDS, MAX_HEAD_BYTES, MAX_REDIRECTS};
use crate::capture::recipe::by_ffmpeg;
use crate::text::address::AddressError;

/// Why a server gives no frames.
#[derive(Debug, Error)]
#[allow(missing_docs)] // The messages say what each is.
#[non_exhaustive]
pub enum HttpError {
    #[error(
        "expected http://HOST/PATH, or http://USER:PASSWORD@HOST:PORT/PATH, with %40 for @, %2F for / in a password"
    )]
    Url,
    #[error("in a password, # is written %23, / %2F and ? %3F")]
    Password,
    #[error(transparent)]
    Address(AddressError),
    #[error("of user and password, each % has to be followed by a code; it is itself written %25")]
    Login,
    #[error("{host} is not known: {source}")]
    Unknown { host: String, source: io::Error },
    #[error("cannot connect to {host}: {source}")]
    Connect { host: String, source: io::Error },
    #[error("it gave no answer: {0}")]
    Read(#[from] io::Error),
    #[error("its answer is no HTTP")]
    NoHttp,
    #[error("the head of its answer has more than {MAX_HEAD_BYTES} bytes or {MAX_FIELDS} fields")]
    LongHead,
    #[error("it ends the connection without an answer")]
    NoAnswer,
    #[error("it answers {0}")]
    Status(String),
    #[error("it wants a password by {0}; only basic authentication is known; let another program fetch the stream")]
    OtherPassword(String),
    #[error("it refuses this user and password")]
    WrongPassword,
    #[error("it sends us elsewhere more than {MAX_REDIRECTS} times")]
    Circle,
    #[error("it sends us elsewhere and does not say where; give the address of the stream itself")]
    Nowhere,
    #[error("it wants a user and a password: http://USER:PASSWORD@HOST/PATH (sent in the clear)")]
    NoPassword,
    #[error("it sends one picture and no more; expected a stream of them, MJPEG (multipart/x-mixed-replace)")]
    OnePicture,
    #[error("it sends {0}; expected MJPEG (multipart/x-mixed-replace)")]
    Kind(String),
    #[error("it sends a list of films ({0}), which ffmpeg reads: {recipe} --live", recipe = by_ffmpeg("URL"))]
    Playlist(String),
    #[error("it packs what it sends ({0}); expected a stream as it is; let another program fetch it")]
    Packed(String),
    #[error("it sends us elsewhere, to {0}, which is not read; give http:// alone, or let another program fetch it")]
    Elsewhere(String),
}

impl From<AddressError> for HttpError {
    fn from(error: AddressError) -> Self {
        match error {
            AddressError::Form => HttpError::Url,
            error => HttpError::Address(error),
        }
    }
}
