//! Model files of any bytes: loaded or refused.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = wingmark::model::Model::from_onnx(bytes);
});
