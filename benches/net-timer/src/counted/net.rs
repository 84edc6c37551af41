//! A net by itself.

use anyhow::{Context, Result};
use wingmark::model::{Model, Session};
use wingmark::picture::crop::CropImage;

use super::{begin, done};

const FRAMES: usize = 3;

/// The net in a file, ready to run, and a picture for it.
pub fn open(file: &str) -> Result<(Model, Session, CropImage)> {
    let model = Model::from_onnx(&std::fs::read(file).with_context(|| file.to_owned())?)?;
    let session = model.session();
    let mut picture = CropImage::new(model.input_side_px());
    for (i, byte) in picture.rgb.iter_mut().enumerate() {
        *byte = (i * 31 % 251) as u8;
    }
    Ok((model, session, picture))
}

/// Counts frames; the net's multiply-accumulates stand beside each.
pub fn run(file: &str) -> Result<()> {
    let (model, mut session, picture) = open(file)?;
    let part = format!("net {}", model.macs().with_context(|| format!("{file} is not quantised"))?);
    for _ in 0..FRAMES {
        begin();
        session.infer(&picture)?;
        done(&part);
    }
    Ok(())
}
