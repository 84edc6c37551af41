//! Files, texts in them, and texts of others in messages of ours.

pub(crate) mod address;
pub(crate) mod files;
pub(crate) mod message;
pub(crate) mod numbers;
pub(crate) mod percent;
pub(crate) mod seldom;
pub(crate) mod stand_in;
pub(crate) mod words;
