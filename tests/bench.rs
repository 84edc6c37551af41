//! `wingmark bench` and `wingmark compare`, as a user meets them.

#[path = "common/program.rs"]
mod program;

use std::collections::BTreeSet;
use std::path::Path;

use program::{text, wingmark};
use serde_json::Value;

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// A report as `bench` writes it; the times mean nothing in a build for tests.
fn measured(folder: &Path) -> Value {
    let output = wingmark(
        folder,
        &["bench", "--model", "small", "--seconds", "0.5", "--threads", "1", "--json", "measured.json"],
    );
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("frame ms"), "{}", text(&output.stdout));
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), 1, "something was left behind");
    json(&folder.join("measured.json"))
}

/// Changes a report, writes it, and gives its name.
fn write(folder: &Path, name: &str, report: &Value, change: impl FnOnce(&mut Value)) -> String {
    let mut report = report.clone();
    change(&mut report);
    std::fs::write(folder.join(name), report.to_string()).unwrap();
    name.into()
}

/// Makes times longer by a share, and the noise none.
fn slower(share: f64) -> impl FnOnce(&mut Value) {
    move |report| {
        let model = &mut report["models"][0];
        for figure in ["/frame", "/stages/net"] {
            let timed = model.pointer_mut(figure).unwrap();
            for key in ["min_us", "median_us", "p90_us", "p99_us"] {
                timed[key] = (timed[key].as_f64().unwrap() * (1.0 + share)).into();
            }
        }
        model["noise"]["waited_share"] = 0.into();
        model["noise"]["spin"] =
            serde_json::json!({"count": 9, "min_us": 1000, "median_us": 1000, "p90_us": 1000, "p99_us": 1000});
    }
}

/// Every key of a report with its path; elements of lists as `[]`, stages as `*`.
fn keys(value: &Value, at: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                let key = if at == "models[].stages" { "*" } else { key };
                let path = if at.is_empty() { key.to_string() } else { format!("{at}.{key}") };
                found.insert(path.clone());
                keys(value, &path, found);
            }
        }
        Value::Array(list) => list.iter().for_each(|element| keys(element, &format!("{at}[]"), found)),
        _ => {}
    }
}

#[test]
fn a_report_has_the_documented_keys_and_figures_that_can_be() {
    let folder = tempfile::tempdir().unwrap();
    let report = measured(folder.path());
    let schema = include_str!("../boards/results/SCHEMA.md");
    let mut found = BTreeSet::new();
    keys(&report, "", &mut found);
    for path in &found {
        let name = path.rsplit('.').next().unwrap();
        let described = [format!("`{path}"), format!("`.{name}`"), format!("`{name}`")];
        assert!(described.iter().any(|text| schema.contains(text)), "SCHEMA.md does not describe {path}");
    }
    assert!(found.contains("models[].frame.p99_us") && found.contains("machine.cpu.features"), "{found:?}");

    let model = &report["models"][0];
    assert_eq!((&model["name"], &model["threads"]), (&"small".into(), &1.into()));
    let median = |figure: &str| model.pointer(&format!("{figure}/median_us")).unwrap().as_f64().unwrap();
    let frames = model["frame"]["count"].as_u64().unwrap();
    assert!(frames >= 10);
    for stage in ["capture", "crop", "net", "decode", "track", "overlay", "present", "record"] {
        assert_eq!(model["stages"][stage]["count"].as_u64(), Some(frames), "{stage}: {model}");
    }
    let parts: f64 = ["crop", "net", "decode", "overlay"].map(|stage| median(&format!("/stages/{stage}"))).iter().sum();
    assert!(median("/stages/net") < median("/frame") && parts < 1.5 * median("/frame"), "{model}");
    // A frame is drawn and recorded, which takes memory, but no more than some tens of pieces.
    let allocations = model["allocations_a_frame"].as_f64().unwrap();
    assert!((1.0..200.0).contains(&allocations), "{allocations}");
    assert!(model["peak_memory_bytes"].as_u64().unwrap() > 5_000_000);
    assert!(model["first_landmarks_ms"].as_f64().unwrap() > 0.0);
    assert_eq!(model["accuracy"]["split"], "common");
}

#[test]
fn a_slower_report_of_one_machine_is_a_regression() {
    let folder = tempfile::tempdir().unwrap();
    let report = measured(folder.path());
    let before = write(folder.path(), "before.json", &report, slower(0.0));
    let little = write(folder.path(), "little.json", &report, slower(0.04));
    let much = write(folder.path(), "much.json", &report, slower(0.2));
    let elsewhere = write(folder.path(), "elsewhere.json", &report, |report| {
        slower(0.2)(report);
        report["board"] = "another one".into();
    });
    for (after, code, said) in [
        (&little, 0, "frame rose by 4.0 % (5.0 % allowed)"),
        (&much, 1, "frame rose by 20.0 % (5.0 % allowed)"),
        (&elsewhere, 0, "two machines (board: "),
    ] {
        let output = wingmark(folder.path(), &["compare", &before, after]);
        assert_eq!(output.status.code(), Some(code), "{after}: {}", text(&output.stderr));
        assert!(text(&output.stdout).contains(said), "{said} is not in {}", text(&output.stdout));
    }
    let output = wingmark(folder.path(), &["compare", &before, &much]);
    assert!(
        text(&output.stdout).contains("-x86-64 (much.json)") || !cfg!(target_arch = "x86_64"),
        "{}",
        text(&output.stdout)
    );
    assert!(text(&output.stderr).contains("2 regressions, the worst: small, 1 thread"), "{}", text(&output.stderr));
    let output = wingmark(folder.path(), &["compare", &much, &before, &much]);
    assert!(output.status.success(), "three reports are shown, not checked: {}", text(&output.stderr));
}

#[test]
fn compare_writes_tables_charts_and_a_page() {
    let folder = tempfile::tempdir().unwrap();
    let results = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reports");
    let reports = ["desk.json", "board.json", "emulated.json"].map(|name| results.join(name).display().to_string());
    let mut arguments = vec!["compare", "--markdown", "figures.md", "--html", "page.html", "--svg", "charts"];
    arguments.extend(reports.iter().map(String::as_str));
    let output = wingmark(folder.path(), &arguments);
    assert!(output.status.success(), "{}", text(&output.stderr));
    // What cannot take charts is said before any table.
    let refused = wingmark(folder.path(), &["compare", &reports[0], "--svg", "page.html"]);
    assert!(text(&refused.stderr).contains("page.html: it is a file; expected a folder"), "{refused:?}");
    assert_eq!((refused.status.code(), text(&refused.stdout).as_str()), (Some(1), ""));
    for name in ["figures.md", "page.html", "charts/accuracy.svg", "charts/stages.svg"] {
        let found = std::fs::read_to_string(folder.path().join(name)).unwrap();
        let golden = results.join(Path::new(name).file_name().unwrap());
        if std::env::var_os("WINGMARK_RECORD").is_some() {
            std::fs::write(&golden, &found).unwrap();
        }
        let expected = std::fs::read_to_string(&golden).unwrap();
        assert_eq!(found, expected, "{name}; WINGMARK_RECORD=1 records what is written now");
    }
}

#[test]
fn what_cannot_be_compared_is_refused_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let sound = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reports/desk.json")).unwrap();
    let deep = vec![b'['; 100_000];
    let other = text(&sound).replacen("\"schema\": 2", "\"schema\": 3", 1);
    for (name, bytes, expected) in [
        ("short.json", &sound[..sound.len() / 2], "is cut short"),
        ("empty.json", &[], "is cut short"),
        ("binary.json", &[0xff, 0xfe, 0][..], "is not JSON"),
        ("deep.json", &deep, "is not JSON"),
        ("other.json", other.as_bytes(), "has schema 3; this version of wingmark reads schema 2"),
    ] {
        std::fs::write(folder.path().join(name), bytes).unwrap();
        let output = wingmark(folder.path(), &["compare", name]);
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{name}: {message}");
        assert!(message.contains(name) && message.contains(expected), "{message}");
        assert_eq!(message.trim().lines().count(), 1, "{message}");
    }
    let output = wingmark(folder.path(), &["compare", "gone.json"]);
    assert!(text(&output.stderr).contains("cannot read gone.json"), "{}", text(&output.stderr));
}

#[test]
fn wrong_usage_is_told_from_failure() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, code, expected) in [
        (&["bench", "--seconds", "0"][..], 2, "expected 0.1 to 86400"),
        (&["bench", "--seconds", "NaN"], 2, "expected 0.1 to 86400"),
        (&["bench", "--threads", "1,0"], 2, "expected 1 to 64 threads"),
        (&["bench", "--threads", "1,2,1"], 2, "--threads 1 is given twice; give it once"),
        (&["bench", "--model", "nano", "--model", "small", "--model", "nano"], 2, "--model nano is given twice"),
        (&["bench", "--model", ".", "--model", "./"], 2, "--model . and --model ./ are the same; give one of them"),
        (&["bench", "--against", "a.onnx", "--against", "./a.onnx"], 2, "--against ./a.onnx are the same"),
        (&["bench", "--model", "tall"], 2, "there is no such model"),
        (&["compare"], 2, "REPORT.json"),
        (&["bench", "--model", "faces", "--seconds", "0.1"], 2, "it finds faces, not landmarks"),
        (&["bench", "--source", "gone", "--seconds", "0.1"], 1, "there is no gone; expected a file"),
        (&["bench", "--seconds", "0.1", "--json", "no/folder.json"], 1, "cannot write no/folder.json"),
    ] {
        let output = wingmark(folder.path(), arguments);
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {message}");
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn another_net_runs_on_tract_alone() {
    let folder = tempfile::tempdir().unwrap();

    let peer = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peer/net.onnx");
    let output = wingmark(folder.path(), &["bench", "--seconds", "0.1", "--against", peer, "--json", "a.json"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let found = &json(&folder.path().join("a.json"))["peers"][0];
    // Its batch is open in the file.
    assert_eq!((&found["name"], &found["input"]), (&"net".into(), &serde_json::json!([1, 3, 32, 48])));
    assert!(found["net"]["count"].as_u64().unwrap() >= 5);
}

#[test]
fn what_cannot_be_read_or_written_is_known_before_anything_is_measured() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("no.onnx"), "no net").unwrap();
    for (arguments, expected) in [
        (["--against", "no.onnx"], "no.onnx: cannot read the ONNX file"),
        (["--json", "nowhere/a.json"], "cannot write nowhere/a.json: "),
        (["--against", "nowhere.onnx"], "cannot read nowhere.onnx: "),
        (["--against", "."], "cannot read .: it is no file"),
    ] {
        // Far longer than any test may take.
        let output = wingmark(folder.path(), &[&["bench", "--seconds", "9999"][..], &arguments].concat());
        assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(1), ""), "{output:?}");
        assert!(text(&output.stderr).contains(expected), "{output:?}");
    }
}
