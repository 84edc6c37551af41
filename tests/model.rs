//! Quantised ONNX files against what onnxruntime recorded for them (tests/nets/generate.py).

mod common;

use std::fs;
use std::path::PathBuf;

use common::{Agreement, compare};
use wingmark::face::zoo::Choice;
use wingmark::model::Model;
use wingmark::model::card::ModelCard;
use wingmark::picture::crop::CropImage;
use wingmark_kernels::{Chunk, Kernel};

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

#[test]
fn a_float_net_gives_onnxruntimes_maps_to_a_step() {
    let (file, rgb, recorded) = net("float");
    let model = Model::with_kernel(&file, Kernel::portable()).unwrap();
    let mut session = model.session();
    let found = compare(&session.infer(&crop(&model, &rgb)).unwrap(), &recorded);
    // Two ways to add the same floats differ in their last bits, and now and then that is just
    // where a step ends.
    assert!(found.max_steps <= 1 && found.equal >= 0.98, "{found:?}");
    assert_eq!(model.kernel_name(), "tract f32");
}

/// Loads, and runs what loads; an error has to be one line.
fn load_damaged(file: &[u8], damage: &str) -> Result<(), String> {
    let model = Model::with_kernel(file, Kernel::portable()).map_err(|error| error.to_string())?;
    let picture = CropImage::new(model.input_side_px());
    let loaded = model.session().infer(&picture).map(|maps| assert!(!maps.cells.is_empty(), "{damage}"));
    loaded.map_err(|error| error.to_string())
}

#[test]
fn a_file_cut_anywhere_is_refused_in_one_line() {
    for name in ["all", "float"] {
        let (file, ..) = net(name);
        for length in (0..file.len()).step_by(file.len() / 150) {
            let message = load_damaged(&file[..length], &format!("{name} cut to {length} bytes")).unwrap_err();
            assert!(!message.contains('\n') && message.len() < 400, "{name} cut to {length} bytes: {message}");
        }
    }
}

#[test]
fn flipped_bits_give_another_net_or_one_line() {
    let mut refused = 0;
    for name in ["all", "float"] {
        let (file, ..) = net(name);
        for i in 0..200u64 {
            let bit = (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) % (file.len() as u64 * 8)) as usize;
            let mut damaged = file.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            if let Err(message) = load_damaged(&damaged, &format!("{name}, bit {bit}")) {
                refused += 1;
                assert!(!message.contains('\n') && message.len() < 400, "{name}, bit {bit}: {message}");
            }
        }
    }
    assert!(refused > 0);
}

#[test]
fn an_operator_that_cannot_run_in_int8_is_named() {
    let (mut file, ..) = net("all");
    while let Some(at) = file.windows(7).position(|bytes| bytes == b"MaxPool") {
        file[at..at + 7].copy_from_slice(b"MinPool");
    }
    let message = Model::with_kernel(&file, Kernel::portable()).err().unwrap().to_string();
    assert!(message.contains("operator MinPool (node MinPool_") && message.contains("QLinearConv"), "{message}");
}

#[test]
fn a_card_of_another_net_is_refused() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join("models/small/card.toml")).unwrap();
    let card = ModelCard::from_toml(&text).unwrap();
    let (file, ..) = net("all");
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("model.onnx"), &file).unwrap();
    let load = |card: &ModelCard| {
        fs::write(folder.path().join("card.toml"), card.to_toml()).unwrap();
        Choice::Folder(folder.path().into()).load().err().map(|error| error.to_string())
    };
    let other_file = load(&card).unwrap();
    assert!(other_file.contains("SHA-256") && other_file.contains(&card.sha256), "{other_file}");
    let other_shape = load(&ModelCard { sha256: ModelCard::sha256_of(&file), ..card }).unwrap();
    assert!(other_shape.contains("reads 32 px") && other_shape.contains("128 px"), "{other_shape}");
}

/// How many times as fast as one thread `threads` are by the plan alone: no time is lost but where
/// chunks are too few or too unlike.
fn planned_gain(model: &Model, threads: usize) -> f64 {
    let mut chunks: Vec<Chunk> = Vec::new();
    let picture = CropImage::new(model.input_side_px());
    assert!(model.session().run_chunks(&picture, threads, |chunk| chunks.push(chunk)));
    let alone: u64 = chunks.iter().map(|chunk| chunk.cycles).sum();
    let together: u64 = chunks
        .chunk_by(|a, b| a.step == b.step)
        .map(|step| {
            let mut free = vec![0_u64; threads];
            for chunk in step {
                *free.iter_mut().min().expect("a thread") += chunk.cycles;
            }
            free.into_iter().max().unwrap_or(0)
        })
        .sum();
    alone as f64 / together as f64
}

#[test]
fn the_plan_of_a_shipped_net_leaves_work_for_four_threads() {
    for (name, least) in [("nano", 2.8), ("small", 3.3), ("base", 3.5), ("faces", 3.3)] {
        let file =
            fs::read(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("models/{name}/model.onnx"))).unwrap();
        for kernel in Kernel::supported() {
            let model = Model::with_kernel(&file, kernel).unwrap();
            let gain = planned_gain(&model, 4);
            assert!(gain >= least, "{name} on {}: {gain:.2} times as fast as one thread", kernel.name());
        }
    }
}
