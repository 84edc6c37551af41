//! A long run of the binary, watched from outside: memory, file descriptors, threads, latency and
//! CPU time stay flat, and every frame and every loss is counted.
//!
//! ```sh
//! cargo test --test soak -- --ignored --nocapture                                # two minutes
//! WINGMARK_SOAK_MINUTES=60 cargo test --test soak -- --ignored --nocapture
//! WINGMARK_SOAK_FRAMES=2600000 cargo test --test soak -- --ignored --nocapture   # a day's frames
//! ```
//!
//! It gets pictures of a face that moves, goes and comes back, and records them in three formats.
//! Files rotate every few seconds, and a cap removes old ones. A mosquitto takes what is published,
//! where it is installed, and one viewer looks at the page.
//!
//! By minutes, thirty pictures a second come as a camera's do. By frames, small pictures come as
//! fast as they are taken, to `nano`; `WINGMARK_SOAK_MINUTES` then ends a run that takes longer.
//! `WINGMARK_SOAK_DIR` takes report.md, samples.csv, latency.csv and the logs.

mod broker;
mod feed;
mod figures;
mod judge;
mod report;
mod rows;
mod viewer;
mod watch;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use broker::{Broker, Tied};
use feed::Pictures;
use rows::Rows;
use viewer::Viewer;
use watch::Sample;

const SAMPLE_EVERY: Duration = Duration::from_secs(2);
/// A day's frames are nearly as many.
const FOR_EVER: Duration = Duration::from_secs(7 * 24 * 3600);

/// How long, and at which speed.
struct Wish {
    frames: Option<u64>,
    lasts: Duration,
}

impl Wish {
    fn read() -> Wish {
        let number = |name| std::env::var(name).ok().map(|text| text.parse::<f64>().expect(name));
        let frames = number("WINGMARK_SOAK_FRAMES").map(|frames| frames as u64);
        let minutes = number("WINGMARK_SOAK_MINUTES").or(frames.is_none().then_some(2.0));
        Wish { frames, lasts: minutes.map_or(FOR_EVER, |minutes| Duration::from_secs_f64(minutes * 60.0)) }
    }

    fn is_done(&self, fed: u64, lasted: Duration) -> bool {
        self.frames.is_some_and(|frames| fed >= frames) || lasted >= self.lasts
    }

    fn pictures(&self) -> Pictures {
        if self.frames.is_some() { Pictures::SmallAtOnce } else { Pictures::OfACamera }
    }

    fn arguments(&self) -> Vec<String> {
        let words = match self.pictures() {
            Pictures::OfACamera => "--live",
            Pictures::SmallAtOnce => "--model nano --faces 1",
        };
        // Of a run of a minute nothing is removed; of a long one nearly all.
        words.split(' ').map(str::to_owned).chain(["--rotate-size=2M".into(), "--keep=64M".into()]).collect()
    }
}

/// The run, and what stands around it.
struct Soak {
    child: Tied,
    broker: Option<Broker>,
    viewer: Viewer,
    rows: Rows,
    samples: Vec<Sample>,
    fed: Arc<AtomicU64>,
}

impl Soak {
    fn start(folder: &Path, wish: &Wish) -> Soak {
        let broker = Broker::start(folder);
        let page = viewer::free_port();
        let mut command = Command::new(env!("CARGO_BIN_EXE_wingmark"));
        command.args(["run", "--settings", "none", "--source", "-", "--screen", "none", "--metrics", "run.prom"]);
        command.args(["--record", "run.csv", "--record", "run.jsonl", "--record", "run.mcap"]);
        command.args(["--serve", &page.to_string()]).args(wish.arguments());
        command.args(broker.iter().flat_map(|broker| ["--publish".to_owned(), broker.url()]));
        let log = std::fs::File::create(folder.join("messages.log")).unwrap();
        command.current_dir(folder).env("RUST_LOG", "info");
        let mut child = Tied(command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(log).spawn().unwrap());
        let fed = feed::start(child.0.stdin.take().unwrap(), wish.pictures());
        let (viewer, rows) = (Viewer::start(page), Rows::of(folder));
        Soak { child, broker, viewer, rows, samples: Vec::new(), fed }
    }

    /// Looks at it until all that was wished for is done.
    fn watch(&mut self, wish: &Wish) {
        let start = Instant::now();
        while !wish.is_done(self.fed.load(Ordering::Relaxed), start.elapsed()) {
            std::thread::sleep(SAMPLE_EVERY);
            assert!(self.child.0.try_wait().unwrap().is_none(), "it ended by itself");
            let fed = self.fed.load(Ordering::Relaxed);
            self.samples.push(Sample::take(self.child.0.id(), start.elapsed(), fed));
            self.rows.read_archives();
        }
    }

    fn stop(&mut self) -> (ExitStatus, Duration) {
        let stopping = Instant::now();
        kill_process(Pid::from_child(&self.child.0), Signal::TERM).unwrap();
        let status = self.child.0.wait().unwrap();
        let took = stopping.elapsed();
        self.rows.read_rest();
        (status, took)
    }
}

#[test]
#[ignore = "takes minutes"]
fn a_long_run_stays_flat() {
    let wish = Wish::read();
    let folder = std::env::var_os("WINGMARK_SOAK_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("soak"), PathBuf::from);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();

    let mut soak = Soak::start(&folder, &wish);
    soak.watch(&wish);
    let (status, took) = soak.stop();
    let metrics = std::fs::read_to_string(folder.join("run.prom")).unwrap();
    let Soak { broker, viewer, rows, samples, fed, .. } = soak;
    let mut verdicts = vec![
        judge::memory(&samples),
        judge::steady("file descriptors", samples.iter().map(|s| s.descriptors)),
        judge::steady("threads", samples.iter().map(|s| s.threads)),
        judge::latency(rows.windows()),
        judge::work(&samples),
        judge::accounted(rows.found(), fed.load(Ordering::Relaxed), &metrics),
        judge::outlets(&metrics),
        judge::viewer(&viewer.finish(), rows.found()),
        judge::stopped(status, took),
    ];
    verdicts.extend(broker.map(|broker| judge::broker(&broker.finish(), rows.found())));
    report::write(&folder, &samples, &rows, &verdicts);
    println!("{}", report::text(&samples, &rows, &verdicts));
    assert!(verdicts.iter().all(|verdict| verdict.holds), "see {}", folder.join("report.md").display());
}
