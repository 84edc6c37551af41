//! Small files of text, and texts of others in messages of ours.

pub(crate) mod files;
pub(crate) mod message;
