//! The shipped nets against what onnxruntime made of the same pictures
//! (tests/ort/record_golden.py), and that a model whose files do not belong together is refused.

use std::fs;
use std::path::{Path, PathBuf};

use wingmark::face::golden::{self, Agreement, Farthest};
use wingmark::face::presence::PresenceModel;
use wingmark::face::zoo::Choice;
use wingmark::model::Model;

const NAMES: [&str; 4] = ["nano", "small", "base", "faces"];

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("models").join(name)
}

fn checked(folder: PathBuf) -> Result<Option<Agreement>, String> {
    let files = Choice::Folder(folder).read().map_err(|e| e.to_string())?;
    golden::checked(&files).map(|(_, agreement)| agreement).map_err(|e| e.to_string())
}

#[test]
fn the_shipped_nets_give_onnxruntimes_heat_and_what_an_independent_decoder_finds_there() {
    for name in NAMES {
        let Agreement { heats, a_step_off, farthest } = checked(folder(name)).unwrap().unwrap();
        assert_eq!(heats as u64, fs::metadata(folder(name).join("golden/heatmaps.u8")).unwrap().len());
        assert!(a_step_off * 1000 <= heats, "{name}: {a_step_off} of {heats} differ");
        let (is_detector, px) = match farthest {
            Farthest::Landmark(px) => (false, px),
            Farthest::Box(px) => (true, px),
        };
        assert!(px < 0.2 && is_detector == (name == "faces"), "{name}: {farthest:?}");
    }
}

/// The files of `small`, and of `faces`.
const OF_SMALL: &[&str] = &["card.toml", "model.onnx", "shape.csv", "head.csv", "presence.csv", "lids.csv"];
const OF_FACES: &[&str] = &["card.toml", "model.onnx"];

/// What is said of `small` after a file of it is changed.
fn fault(change: impl FnOnce(&Path)) -> String {
    fault_of("small", &[OF_SMALL, &["golden/landmarks.csv"]].concat(), change)
}

fn fault_of_faces(change: impl FnOnce(&Path)) -> String {
    fault_of("faces", &[OF_FACES, &["golden/faces.csv"]].concat(), change)
}

fn fault_of(name: &str, files: &[&str], change: impl FnOnce(&Path)) -> String {
    let copy = tempfile::tempdir().unwrap();
    fs::create_dir(copy.path().join("golden")).unwrap();
    for file in files.iter().chain(&["golden/input.png", "golden/heatmaps.u8"]) {
        fs::copy(folder(name).join(file), copy.path().join(file)).unwrap();
    }
    assert!(checked(copy.path().into()).is_ok());
    change(copy.path());
    let error = checked(copy.path().into()).unwrap_err();
    assert_eq!(error.lines().count(), 1, "{error}");
    error.replace(&copy.path().display().to_string(), name)
}

#[test]
fn a_model_that_is_not_whole_is_refused_in_one_line() {
    let remove = |file: &'static str| move |folder: &Path| fs::remove_file(folder.join(file)).unwrap();
    let write =
        |file: &'static str, text: &'static str| move |folder: &Path| fs::write(folder.join(file), text).unwrap();
    let of_nano =
        |file: &'static str| move |to: &Path| assert!(fs::copy(folder("nano").join(file), to.join(file)).is_ok());
    let expect = |found: String, expected: &str| assert!(found.starts_with(expected), "{found}");
    expect(fault(remove("card.toml")), "cannot read small/card.toml: ");
    expect(fault(remove("model.onnx")), "cannot read small/model.onnx: ");
    expect(fault(write("card.toml", "name = \"small\"")), "card of model small: ");
    expect(fault(of_nano("model.onnx")), "card of model small: model.onnx has the SHA-256 ");
    expect(fault(of_nano("card.toml")), "card of model small: model.onnx has the SHA-256 ");
    let unread = "model small: its golden sample cannot be read: ";
    expect(fault(remove("golden/input.png")), &format!("{unread}golden/input.png: No such file"));
    expect(fault(remove("golden/landmarks.csv")), &format!("{unread}golden/landmarks.csv: No such file"));
    expect(fault(write("golden/input.png", "")), &format!("{unread}golden/input.png is no JPEG or PNG"));
    let nets = "model small: golden/input.png has 192x192 px; the net reads 128x128";
    expect(
        fault(|to| assert!(fs::copy(folder("base").join("golden/input.png"), to.join("golden/input.png")).is_ok())),
        nets,
    );
    expect(fault(write("golden/heatmaps.u8", "heat")), "model small: golden/heatmaps.u8 has 4 bytes; expected 69632, ");
    expect(
        fault(write("golden/landmarks.csv", "1,2\n")),
        "model small: golden/landmarks.csv has 1 lines; expected 68 ",
    );
    expect(fault(write("golden/landmarks.csv", "1;2\n")), "model small: golden/landmarks.csv has the line \"1;2\"; ");
    let heat = fault(of_nano("golden/heatmaps.u8"));
    assert!(heat.contains(" of 69632 values of heat are not those of golden/heatmaps.u8, by up to "), "{heat}");
}

#[test]
fn files_of_another_net_are_known_by_what_comes_out() {
    let one_step_too_many = |folder: &Path| {
        let mut heat = fs::read(folder.join("golden/heatmaps.u8")).unwrap();
        heat[1234] = heat[1234].wrapping_add(2);
        fs::write(folder.join("golden/heatmaps.u8"), heat).unwrap();
    };
    let error = fault(one_step_too_many);
    assert!(error.contains("by up to "), "{error}");
    let error = fault(|folder: &Path| fs::remove_file(folder.join("shape.csv")).unwrap());
    assert!(error.ends_with("; the folder lacks the model's shape.csv"), "{error}");
    let error = fault(|to: &Path| assert!(fs::copy(folder("nano").join("shape.csv"), to.join("shape.csv")).is_ok()));
    assert!(error.ends_with("; shape.csv is another model's"), "{error}");
    let error = fault(|folder: &Path| fs::remove_file(folder.join("lids.csv")).unwrap());
    assert!(error.ends_with("; the folder lacks the model's lids.csv"), "{error}");
    let error = fault(|to: &Path| assert!(fs::copy(folder("nano").join("lids.csv"), to.join("lids.csv")).is_ok()));
    assert!(error.ends_with("; lids.csv is another model's"), "{error}");
    let nobody_is_a_face = |folder: &Path| {
        let model = PresenceModel { bias: -9.0, units: Vec::new() };
        fs::write(folder.join("presence.csv"), model.to_csv()).unwrap();
    };
    let error = fault(nobody_is_a_face);
    assert!(error.contains("is taken for none") && error.ends_with("presence.csv is another model's"), "{error}");
}

#[test]
fn a_detector_that_finds_other_faces_is_refused() {
    let with_card = |from: &'static str, to: &'static str| {
        move |folder: &Path| {
            let card = fs::read_to_string(folder.join("card.toml")).unwrap();
            fs::write(folder.join("card.toml"), card.replace(from, to)).unwrap();
        }
    };
    let error = fault_of_faces(with_card("score = 0.25", "score = 0.6"));
    assert!(error.ends_with(" in golden/faces.csv; the card is another model's"), "{error}");
    let error = fault_of_faces(with_card("octaves = 6.0", "octaves = 5.0"));
    assert!(error.contains(" px off golden/faces.csv; "), "{error}");
    let error = fault_of_faces(|folder: &Path| fs::write(folder.join("golden/faces.csv"), "1,2,3,4\n").unwrap());
    assert!(error.ends_with(r#"golden/faces.csv has the line "1,2,3,4"; expected x0,y0,x1,y1,roll"#), "{error}");
    let a_pixel_off = |folder: &Path| {
        let faces = fs::read_to_string(folder.join("golden/faces.csv")).unwrap();
        let (x0, rest) = faces.split_once(',').unwrap();
        fs::write(folder.join("golden/faces.csv"), format!("{},{rest}", x0.parse::<f32>().unwrap() - 1.0)).unwrap();
    };
    let error = fault_of_faces(a_pixel_off);
    assert!(error.contains("model faces: face 0 lies "), "{error}");
}

#[test]
fn a_digest_tells_every_file() {
    let digest = |folder: &Path| Choice::Folder(folder.into()).read().unwrap().digest();
    for (name, files) in [("small", OF_SMALL), ("faces", OF_FACES)] {
        let copy = tempfile::tempdir().unwrap();
        for file in files {
            fs::copy(folder(name).join(file), copy.path().join(file)).unwrap();
        }
        assert_eq!(digest(copy.path()), digest(&folder(name)));
        for file in files {
            let whole = fs::read(copy.path().join(file)).unwrap();
            fs::write(copy.path().join(file), [&whole[..], b"\n"].concat()).unwrap();
            assert_ne!(digest(copy.path()), digest(&folder(name)), "{file}");
            fs::write(copy.path().join(file), whole).unwrap();
        }
    }
}

#[test]
fn every_convolution_is_int8() {
    for name in NAMES {
        let model = Model::from_onnx(&fs::read(folder(name).join("model.onnx")).unwrap()).unwrap();
        let operators = model.operators();
        let int8 = operators.get("Int8Convolution").copied().unwrap_or_default();
        let all: usize = operators.iter().filter(|(name, _)| name.contains("Conv")).map(|(_, count)| count).sum();
        assert!(int8 >= 20 && int8 == all, "{name}: {operators:?}");
    }
}
