//! The shipped path in a plain loop: what happens to one frame, each stage timed.

use std::net::{Ipv4Addr, UdpSocket};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use super::looped::Looped;
use crate::capture::{Captured, Source, Status};
use crate::face::{Observer, Stage};
use crate::overlay::Figures;
use crate::picture::frame::Frame;
use crate::publish::{Datagrams, Policy, Publisher};
use crate::record::entry::Entry;
use crate::record::fields::Fields;
use crate::record::journal::Limits;
use crate::record::log::{Log, LogOptions};
use crate::record::storage::Disk;
use crate::screen::{MemoryScreen, PresentTime, ScreenSettings, View};

/// A camera that gives no frame for this long is gone.
const PATIENCE: Duration = Duration::from_secs(10);
/// The log is kept within this, so that a long run fills no disk.
const LOG_BYTES: u64 = 64 << 20;
const FLUSH_INTERVAL: Duration = Duration::from_secs(1);
/// The log has this long to be made safe.
const SAFE_WITHIN: Duration = Duration::from_secs(30);

/// Everything a frame goes through.
pub struct Rig {
    source: Looped,
    /// When frame 0 is due, where frames are to come at the source's rate.
    pace_from: Option<Instant>,
    observer: Observer,
    frame: Frame,
    view: View,
    figures: Figures,
    present_time: PresentTime,
    log: Log,
    publisher: Publisher,
    /// Where it sends; nobody reads there.
    _listener: UdpSocket,
    _folder: TemporaryFolder,
}

/// What a frame took.
#[derive(Debug, Default)]
pub struct Turn {
    /// In order; stages that did not run are zero.
    pub stages: [Duration; Stage::ALL.len()],
    /// From the frame in hand to the end.
    pub total: Duration,
    pub faces: usize,
}

impl Rig {
    pub fn new(source: Looped, observer: Observer, paced: bool) -> anyhow::Result<Rig> {
        let screen = MemoryScreen::default();
        let present_time = screen.took();
        let view = View::new(Box::new(screen), observer.scheme(), &ScreenSettings::default());
        let folder = TemporaryFolder::create()?;
        let limits = Limits { file_bytes: Some(LOG_BYTES / 4), file_age: None, total_bytes: Some(LOG_BYTES) };
        let log = Log::open(
            Disk,
            &folder.0.join("seen.csv"),
            LogOptions { flush_interval: FLUSH_INTERVAL, limits, fields: Fields::ALL },
        )?;
        let listener = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).context("cannot open a UDP port")?;
        let (name, port) = ("udp://localhost".to_string(), listener.local_addr()?.port());
        let datagrams = Datagrams::to(name.clone(), Ipv4Addr::LOCALHOST.to_string(), port);
        let publisher = Publisher::start(name, Policy::Newest, Box::new(datagrams))?;
        Ok(Rig {
            source,
            pace_from: paced.then(Instant::now),
            observer,
            frame: Frame::default(),
            view,
            figures: Figures::default(),
            present_time,
            log,
            publisher,
            _listener: listener,
            _folder: folder,
        })
    }

    /// Takes one frame all the way.
    pub fn turn(&mut self) -> anyhow::Result<Turn> {
        let start = Instant::now();
        let mut standing = None;
        loop {
            match self.source.capture_into(&mut self.frame)? {
                Captured::Frame => break,
                Captured::End => bail!("the source gives no frame"),
                Captured::Waiting(status) => {
                    if !standing.as_ref().is_some_and(|said: &Status| said.is_like(&status)) {
                        log::warn!("{status}");
                    }
                    standing = Some(status);
                }
                Captured::Damaged | Captured::Nothing => {}
            }
            if start.elapsed() > PATIENCE {
                let why = standing.map_or("the source gives none".into(), |status| status.to_string());
                bail!("no frame within {} s: {why}", PATIENCE.as_secs());
            }
        }
        let capture = start.elapsed();
        if let Some(start) = self.pace_from {
            std::thread::sleep((start + self.frame.captured_at()).saturating_duration_since(Instant::now()));
        }
        let start = Instant::now();
        let entry = Entry::now(self.observer.observe(&self.frame)?);
        let seen = &entry.seen;
        let observed = Instant::now();
        self.view.show(&self.frame, seen, self.figures.count(seen))?;
        let shown = Instant::now();
        self.log.add(&entry);
        let recorded = Instant::now();
        self.publisher.publish(&entry);
        let published = Instant::now();
        let (timings, present) = (seen.timings, self.present_time.get());
        Ok(Turn {
            stages: Stage::ALL.map(|stage| match stage {
                Stage::Capture => capture,
                Stage::Overlay => (shown - observed).saturating_sub(present),
                Stage::Present => present,
                Stage::Record => recorded - shown,
                Stage::Publish => published - recorded,
                within => timings.of(within),
            }),
            total: published - start,
            faces: seen.faces.len(),
        })
    }

    /// Completes the log; gives the number of records that the disk was too slow for.
    pub fn finish(self) -> u64 {
        let tally = Arc::clone(self.log.tally());
        // Losses are what is asked for; nobody wants the records.
        let _ = self.log.finish(SAFE_WITHIN);
        tally.lost()
    }
}

/// A folder that goes when its owner does.
struct TemporaryFolder(PathBuf);

impl TemporaryFolder {
    fn create() -> anyhow::Result<Self> {
        let path = std::env::temp_dir().join(format!("wingmark-bench-{}", std::process::id()));
        std::fs::create_dir_all(&path).with_context(|| format!("cannot make the folder {}", path.display()))?;
        Ok(TemporaryFolder(path))
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        if let Err(e) = std::fs::remove_dir_all(&self.0) {
            log::warn!("cannot remove {}: {e}", self.0.display());
        }
    }
}
