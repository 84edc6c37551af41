//! What a run takes anew while it goes on: the model, and some of its settings. They are read,
//! checked and loaded on a thread of their own, so that no frame waits for them, and taken between
//! two frames: all of them or, where one is wrong, none.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::thread::{Builder, ScopedJoinHandle};

use log::warn;
use rustix::process::nice;
use thiserror::Error;

use super::settings::{self, Arguments, SettingsError};
use super::slate::{Slate, Verdict};
use crate::board::Board;
use crate::face::golden::{self, CheckError};
use crate::face::zoo::{Files, LoadError};
use crate::face::{LandmarkNet, Options};
use crate::model::card::{CardError, ModelCard};
use crate::record::selection::Selection;
use crate::threads;

/// The settings that are taken without a new start.
const TAKEN: [&str; 6] = ["model", "faces", "smoothing", "fov", "record-every", "record-when"];

/// Where a run has only one core, loading takes about a tenth of it.
const NICENESS: i32 = 10;

/// Why everything stays as it was.
#[derive(Debug, Error)]
pub enum RenewalError {
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error(transparent)]
    Check(#[from] CheckError),
    #[error(transparent)]
    Card(#[from] CardError),
    #[error("cannot start a thread to load the model: {0}")]
    Thread(std::io::Error),
    #[error("the thread that loads the model panicked")]
    Panicked,
}

/// What a run does from the next frame on.
pub struct Renewed {
    /// `None` where the model is the one at work.
    pub model: Option<Loaded>,
    pub options: Options,
    pub selection: Selection,
    /// What is taken, for the log.
    pub summary: String,
    now: AtWork,
}

/// A model that is taken.
pub struct Loaded {
    pub net: LandmarkNet,
    pub card: ModelCard,
    /// Of its files.
    pub digest: String,
}

/// What a run works with.
#[derive(Clone)]
struct AtWork {
    /// Of the settings file, as the command line would say them.
    settings: Vec<OsString>,
    /// Those of them that the command line overrides.
    overridden: Vec<OsString>,
    /// Of the model's files.
    digest: String,
}

impl AtWork {
    fn of(read: &Arguments, digest: String) -> Self {
        let overridden = read.overridden.iter().flat_map(|setting| &setting.arguments);
        AtWork { settings: read.settings.clone(), overridden: overridden.cloned().collect(), digest }
    }
}

/// Makes what a run takes anew, whenever it is asked to.
pub struct Renewal {
    given: Vec<OsString>,
    /// The settings file that the run began with.
    file: Option<PathBuf>,
    board: Board,
    /// What the run began with.
    begun: AtWork,
    now: AtWork,
    under_way: Option<Receiver<Result<Renewed, RenewalError>>>,
    /// It was asked for once more meanwhile.
    again: bool,
    /// Who asked is told by it.
    slate: Slate,
}

impl Renewal {
    /// `read` are the arguments that the run began with, `board` its profile and `digest` that of
    /// the model at work.
    pub fn of(read: &Arguments, board: Board, digest: String) -> Self {
        let now = AtWork::of(read, digest);
        let (given, file) = (read.given.clone(), read.file.clone());
        Renewal { given, file, board, begun: now.clone(), now, under_way: None, again: false, slate: Slate::new() }
    }

    /// Begins to make one, or another one after that under way.
    pub fn begin(&mut self) {
        if self.under_way.is_some() {
            self.again = true;
            return;
        }
        self.slate.begin();
        let (given, file, board) = (self.given.clone(), self.file.clone(), self.board.clone());
        let (begun, now) = (self.begun.clone(), self.now.clone());
        let (send, made) = mpsc::sync_channel(1);
        let refuse = send.clone();
        let make = move || {
            // Nobody waits for it where the run has ended.
            let _ = send.send(check_again(file).and_then(|()| renewed(&given, &board, &begun, &now)));
        };
        if let Err(e) = threads::start("renewal", make) {
            refuse.send(Err(RenewalError::Thread(e))).expect("there is room for one, and the receiver is here");
        }
        self.under_way = Some(made);
    }

    /// What was made since the last call, if anything was. [`Renewal::tell`] has to follow.
    pub fn take(&mut self) -> Option<Result<Renewed, RenewalError>> {
        let made = match self.under_way.as_ref()?.try_recv() {
            Err(TryRecvError::Empty) => return None,
            Err(TryRecvError::Disconnected) => Err(RenewalError::Panicked),
            Ok(made) => made,
        };
        self.under_way = None;
        if let Ok(renewed) = &made {
            self.now = renewed.now.clone();
        }
        Some(made)
    }

    /// Tells who asked what became of it, and begins the next one where that was asked for
    /// meanwhile.
    pub fn tell(&mut self, verdict: Verdict) {
        self.slate.end(verdict);
        if std::mem::take(&mut self.again) {
            self.begin();
        }
    }
}

/// What came by a pipe was read for good: its settings would all be gone, and a run would wait for
/// nobody who writes.
fn check_again(settings: Option<PathBuf>) -> Result<(), RenewalError> {
    match settings {
        Some(path) if path.metadata().is_ok_and(|about| !about.is_file()) => Err(SettingsError::ReadOnce(path).into()),
        _ => Ok(()),
    }
}

fn renewed(given: &[OsString], board: &Board, begun: &AtWork, before: &AtWork) -> Result<Renewed, RenewalError> {
    let (args, read) = settings::read(given.to_vec())?;
    let choice = args.model.as_ref().unwrap_or(&board.model);
    let files = choice.read()?;
    let now = AtWork::of(&read, files.digest());
    let (model, words) = if now.digest == before.digest {
        (None, format!("model {choice} is the one at work"))
    } else {
        let (net, card) = checked(&files, board.threads)?;
        let (name, date) = (&card.name, &card.date);
        let words = format!("model {choice} is at work now: {name} of {date}, SHA-256 {:.12}", card.sha256);
        (Some(Loaded { net, card, digest: now.digest.clone() }), words)
    };
    let is_taken = |name: &String| TAKEN.contains(&&**name);
    let mut taken = settings::differing(&before.settings, &now.settings);
    taken.retain(is_taken);
    let mut left = settings::differing(&begun.settings, &now.settings);
    left.retain(|name| !is_taken(name));
    if !left.is_empty() {
        warn!("changed in the settings, and taken at the next start: {}", list(&left));
    }
    let in_vain = settings::differing(&begun.overridden, &now.overridden);
    if !in_vain.is_empty() {
        warn!("changed in the settings, in vain, since the command line overrides them: {}", list(&in_vain));
    }
    let settings = if taken.is_empty() { String::new() } else { format!("; settings taken: {}", list(&taken)) };
    Ok(Renewed {
        model,
        options: args.follow.options(board),
        selection: args.log.selection(),
        summary: format!("{words}, digest {:.12}{settings}", now.digest),
        now,
    })
}

fn list(names: &BTreeSet<String>) -> String {
    names.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

fn checked(files: &Files, threads: usize) -> Result<(LandmarkNet, ModelCard), RenewalError> {
    // The threads that share the net's work are started below. They inherit the niceness of this
    // thread.
    let load = || {
        // Of this thread alone. It may be forbidden, and with a core to spare it is not needed.
        let _ = nice(NICENESS);
        golden::checked(files)
    };
    let loaded = std::thread::scope(|scope| Builder::new().spawn_scoped(scope, load).map(ScopedJoinHandle::join));
    let (net, _) = loaded.map_err(RenewalError::Thread)?.map_err(|_| RenewalError::Panicked)??;
    Ok((LandmarkNet::new(&net, threads)?, net.card))
}
