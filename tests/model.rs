//! Quantised ONNX files against what onnxruntime recorded for them (tests/nets/generate.py).

mod common;

use std::fs;
use std::path::PathBuf;

use common::{Agreement, compare};
use wingmark::convert::CropImage;
use wingmark::model::Model;
use wingmark_kernels::Kernel;

/// The file, the picture and the recorded maps.
fn net(name: &str) -> (Vec<u8>, Vec<u8>, Vec<u8>) {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/nets");
    let read = |extension: &str| fs::read(folder.join(format!("{name}.{extension}"))).unwrap();
    (read("onnx"), read("rgb"), read("maps"))
}

fn crop(model: &Model, rgb: &[u8]) -> CropImage {
    CropImage { side_px: model.input_side_px(), rgb: rgb.to_vec() }
}

#[test]
fn every_kernel_computes_what_onnxruntime_recorded() {
    for name in ["all", "wide", "stock"] {
        let (file, rgb, recorded) = net(name);
        for kernel in Kernel::supported() {
            let model = Model::with_kernel(&file, kernel).unwrap();
            let mut session = model.session();
            let maps = session.infer(&crop(&model, &rgb)).unwrap();
            let expected = Agreement { equal: 1.0, max_steps: 0 };
            assert_eq!(compare(&maps, &recorded), expected, "{name} on {}", kernel.name());
        }
    }
}
