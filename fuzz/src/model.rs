//! Model files of any bytes: refused, or run on a picture.
use wingmark::convert::CropImage;
use wingmark::model::Model;

/// Larger pictures would only make the runs slow.
const MAX_INPUT_PX: u32 = 64;

pub fn check(bytes: &[u8]) {
    let Ok(model) = Model::from_onnx(bytes) else { return };
    if (1..=MAX_INPUT_PX).contains(&model.input_side_px()) {
        // A net may fail in a run, but only by saying so.
        let _ = model.session().infer(&CropImage::new(model.input_side_px()));
    }
}
