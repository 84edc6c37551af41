//! A long run of the binary, watched from outside: memory, file descriptors, threads and latency
//! stay flat.
//!
//! ```sh
//! cargo test --release --test soak -- --ignored --nocapture                             # two minutes
//! WINGMARK_SOAK_MINUTES=60 cargo test --release --test soak -- --ignored --nocapture
//! ```
//!
//! It gets thirty pictures a second of a face that moves, goes and comes back. It records them in
//! all formats; files rotate every few seconds, and a cap removes old ones. `WINGMARK_SOAK_DIR`
//! takes report.md, samples.csv and the logs.

mod feed;
mod judge;
mod latency;
mod report;
mod watch;

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use watch::Sample;

const SAMPLE_EVERY: Duration = Duration::from_secs(2);

#[test]
#[ignore = "takes minutes"]
fn a_long_run_stays_flat() {
    let minutes: f64 = std::env::var("WINGMARK_SOAK_MINUTES").map_or(2.0, |text| text.parse().expect("minutes"));
    let folder = std::env::var_os("WINGMARK_SOAK_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("soak"), PathBuf::from);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();

    // Of the CSV nothing is removed, of the others something.
    let keep = format!("{}M", (minutes * 8.0).ceil() as u64 + 8);
    let mut child = Command::new(env!("CARGO_BIN_EXE_wingmark"))
        .args(["run", "--source", "-", "--live", "--screen", "none", "--metrics", "run.prom"])
        .args(["--record", "run.csv", "--record", "run.jsonl", "--record", "run.mcap"])
        .args(["--rotate-size", "1M", "--keep", &keep])
        .current_dir(&folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let start = Instant::now();
    let fed = feed::start(child.stdin.take().unwrap());
    let mut samples = Vec::new();
    while start.elapsed().as_secs_f64() < minutes * 60.0 {
        std::thread::sleep(SAMPLE_EVERY);
        assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
        samples.push(Sample::take(child.id(), start.elapsed()));
    }
    let stopping = Instant::now();
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    let status = child.wait().unwrap();
    let stopped_in = stopping.elapsed();
    let fed = fed.join().unwrap();

    let rows = latency::rows(&folder);
    let windows = latency::windows(&rows);
    let verdicts = [
        judge::memory(&samples),
        judge::steady("file descriptors", samples.iter().map(|s| s.descriptors)),
        judge::steady("threads", samples.iter().map(|s| s.threads)),
        judge::latency(&windows),
        judge::accounted(&rows, fed, &std::fs::read_to_string(folder.join("run.prom")).unwrap()),
        judge::stopped(status, stopped_in),
    ];
    report::write(&folder, &samples, &windows, &verdicts);
    println!("{}", report::table(&verdicts));
    assert!(verdicts.iter().all(|verdict| verdict.holds), "see {}", folder.join("report.md").display());
}
