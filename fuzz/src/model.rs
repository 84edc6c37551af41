//! Model files of any bytes: refused, or run on a picture.
use std::sync::LazyLock;

use wingmark::model::Model;
use wingmark::picture::crop::CropImage;
use wingmark_kernels::Kernel;

/// Larger pictures would only make the runs slow.
const MAX_INPUT_PX: u32 = 64;

/// Kernels as they are shipped, without a self-test for each file, which takes longer than the
/// file.
static KERNEL: LazyLock<Kernel> = LazyLock::new(|| Kernel::from_environment().expect("kernels of this machine"));

pub fn check(bytes: &[u8]) {
    let Ok(model) = Model::with_kernel(bytes, *KERNEL) else { return };
    if (1..=MAX_INPUT_PX).contains(&model.input_side_px()) {
        // A net may fail in a run, but only by saying so.
        let _ = model.session().infer(&CropImage::new(model.input_side_px()));
    }
}
