//! From the command line to opened and checked parts, so that what follows need not check again.

use std::collections::HashSet;
use std::env::VarError;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;

use crate::board::{self, Board};
use crate::capture::v4l2::Aim;
use crate::capture::{Begun, Camera, CameraWish, CaptureError, Resume, Source};
#[cfg(feature = "page")]
use crate::cli::ServeArgs;
use crate::cli::{CameraArgs, FollowArgs, LogArgs, PasswordArgs, RunArgs, ScreenArgs};
use crate::face::{Observer, Options, zoo};
use crate::machine::Machine;
#[cfg(feature = "page")]
use crate::publish::page::{self, Page, Video};
use crate::publish::{LONGEST_LOGIN, Policy, PublishError, Publisher, ReceiverSettings, Stdout, Target};
use crate::record::journal::Limits;
use crate::record::log::{Log, LogOptions};
use crate::record::metrics::Metrics;
use crate::record::metrics_file::MetricsFile;
use crate::record::past::{Mark, Past};
use crate::record::provenance::{Chosen, Provenance};
use crate::record::selection::Selection;
use crate::record::{RecordChoice, RecordError};
use crate::screen::{Screen, ScreenChoice, ScreenError, ScreenSettings, View};
use crate::text::files;

const PASSWORD_VARIABLE: &str = "WINGMARK_MQTT_PASSWORD";
/// From one state to the next that a broker gets.
const STATE_EVERY: Duration = Duration::from_millis(200);

impl CameraArgs {
    /// What the command line asks for has to be had; what the board's profile says is aimed at.
    pub fn wish(&self, profile: &board::CameraProfile) -> CameraWish {
        let any = Aim::default();
        let aim = Aim {
            format: profile.format,
            size: profile.size.unwrap_or(any.size),
            rate: profile.rate.map_or(any.rate, f64::from),
        };
        CameraWish { format: self.format, size: self.size, rate: self.rate, aim }
    }
}

impl FollowArgs {
    /// Of an Observer on that board.
    pub fn options(&self, board: &Board) -> Options {
        let fov = self.fov.or(board.camera.fov).unwrap_or_default();
        Options { threads: board.threads, smoothing: self.smoothing, most_faces: self.faces, fov }
    }
}

impl ScreenArgs {
    /// What the board's profile says, changed by what the command line says.
    pub fn settings(&self, profile: &ScreenSettings) -> ScreenSettings {
        ScreenSettings { rotation: self.rotate.unwrap_or(profile.rotation), ..profile.clone() }
    }

    /// `None` where nothing is to be shown, or nothing can be.
    pub fn open(&self, board: &Board, settings: &ScreenSettings) -> Result<Option<Box<dyn Screen>>, ScreenError> {
        self.screen.as_ref().unwrap_or(&board.screen).open(settings)
    }
}

impl LogArgs {
    fn options(&self) -> LogOptions {
        let quarter = self.keep.0.map(|total| total / 4);
        let limits = Limits {
            file_bytes: self.rotate_size.0.into_iter().chain(quarter).min(),
            file_age: self.rotate_every.0,
            total_bytes: self.keep.0,
        };
        LogOptions { flush_interval: self.flush_every, limits, fields: self.record_fields }
    }

    /// Which frames are recorded.
    pub fn selection(&self) -> Selection {
        Selection { every: self.record_every.unwrap_or_default(), when: self.record_when.unwrap_or_default() }
    }

    /// `pasts` are what earlier runs recorded in each, where this one goes on.
    fn open(&self, files: &[&Path], pasts: Vec<Past>) -> Result<Vec<Log>, RecordError> {
        let mut pasts = pasts.into_iter();
        let open = |file: &&Path| match pasts.next() {
            Some(past) => Log::resume(file, self.options(), past),
            None => Log::to(file, self.options()),
        };
        files.iter().map(open).collect()
    }
}

impl PasswordArgs {
    /// The password, if there is one. `option` names the targets.
    pub fn read_for(&self, option: &str, targets: &[Target]) -> anyhow::Result<Option<String>> {
        let password = self.read()?;
        if password.is_some() && !targets.iter().any(Target::wants_password) {
            log::warn!("the password is sent to nobody: no URL of {option} names a user without one, mqtt://USER@HOST");
        }
        Ok(password)
    }

    fn read(&self) -> anyhow::Result<Option<String>> {
        let (place, text) = match &self.publish_password_file {
            Some(path) => {
                let place = path.display().to_string();
                let text = files::read_text(path).with_context(|| format!("cannot read the password from {place}"))?;
                (place, text)
            }
            None => match std::env::var(PASSWORD_VARIABLE) {
                Ok(text) => (PASSWORD_VARIABLE.into(), text),
                Err(VarError::NotPresent) => return Ok(None),
                Err(VarError::NotUnicode(_)) => anyhow::bail!("{PASSWORD_VARIABLE} is no UTF-8"),
            },
        };
        match text.lines().next() {
            Some(line) if line.len() > LONGEST_LOGIN => {
                anyhow::bail!("{place}: the password has {} bytes; expected at most {LONGEST_LOGIN}", line.len())
            }
            Some(line) if !line.is_empty() => {
                self.publish_password_file.iter().for_each(|path| files::warn_of_readers(path));
                Ok(Some(line.into()))
            }
            _ => anyhow::bail!("{place}: the first line is empty; expected a password"),
        }
    }
}

/// Starts a thread for each receiver; standard output gets every frame of a source that can wait.
fn publishers(args: &RunArgs, is_live: bool, settings: &ReceiverSettings<'_>) -> Result<Vec<Publisher>, PublishError> {
    let mut publishers = Vec::new();
    if args.record.contains(&RecordChoice::Stdout) {
        let policy = if is_live { Policy::Newest } else { Policy::Every };
        publishers.push(Publisher::start("standard output".into(), policy, Box::<Stdout>::default())?);
    }
    for target in &args.publish {
        publishers.push(Publisher::start(target.to_string(), Policy::Newest, target.receiver(settings))?);
    }
    Ok(publishers)
}

#[cfg(feature = "page")]
impl ServeArgs {
    /// The page, if it is asked for, and its pictures, if they are.
    fn open(&self, metrics: &Arc<Metrics>) -> Result<(Option<Publisher>, Option<Arc<Video>>), PublishError> {
        let Some(at) = self.serve else { return Ok((None, None)) };
        let token = self.token_file.as_deref().map(page::Token::read).transpose()?;
        self.token_file.iter().for_each(|path| files::warn_of_readers(path));
        let page = Page::open(at, token, self.serve_video, Arc::clone(metrics))?;
        let video = page.video();
        let publisher = Publisher::start(format!("http://{}", page.address()), Policy::Newest, Box::new(page))?;
        Ok((Some(publisher), video))
    }
}

/// A run with all its parts open.
pub struct RunPlan {
    pub source: Box<dyn Source>,
    pub observer: Observer,
    /// Of the landmark model's files.
    pub digest: String,
    pub board: Board,
    pub logs: Vec<Log>,
    /// What the logs are given.
    pub selection: Selection,
    pub publishers: Vec<Publisher>,
    #[cfg(feature = "page")]
    pub video: Option<Arc<Video>>,
    pub made_by: Arc<Provenance>,
    pub metrics: Arc<Metrics>,
    pub metrics_file: Option<MetricsFile>,
    pub view: Option<View>,
    pub frames: Option<u32>,
    /// Files of which earlier runs recorded frames.
    pub recorded_files: usize,
}

/// Where the shortest record ends, and a run goes on; nowhere where one of them is empty. The other
/// records skip what they hold beyond that.
fn shortest(pasts: &[Past]) -> Option<&Mark> {
    pasts.iter().map(|past| past.last.as_ref()).min_by_key(|last| last.map(|last| last.sequence)).flatten()
}

/// Where a run over files goes on whose records hold this.
fn resume_after(pasts: &[Past]) -> Resume {
    let Some((first, others)) = pasts.split_first() else { return Resume::default() };
    let is_in_all = |source: &&String| others.iter().all(|past| past.sources.contains(*source));
    let mut done: HashSet<String> = first.sources.iter().filter(is_in_all).cloned().collect();
    let begun = shortest(pasts).map(|last| Begun {
        source: last.source.clone(),
        first: last.first_sequence,
        first_at: last.first_captured_at,
        last: last.sequence,
        last_at: last.captured_at,
    });
    // Of a film that was begun there may be more.
    pasts.iter().filter_map(|past| past.last.as_ref()).for_each(|last| {
        done.remove(&last.source);
    });
    Resume { done, begun }
}

/// What earlier runs recorded in these files, where the run goes on.
fn read_pasts(args: &RunArgs, files: &[&Path]) -> Result<Vec<Past>, RecordError> {
    let resumed = if args.resume { files } else { &[] };
    resumed.iter().map(|file| Past::read(file, args.log.record_fields)).collect()
}

fn open_source(args: &RunArgs, board: &Board, pasts: &[Past]) -> Result<Box<dyn Source>, CaptureError> {
    let wish = args.camera.wish(&board.camera);
    match &args.source {
        Some(choice) if args.resume => choice.resume(wish, &resume_after(pasts)),
        Some(choice) => choice.open(args.live, wish),
        None => Ok(Box::new(Camera::open(board.camera.device.as_deref(), wish).map_err(CaptureError::from)?)),
    }
}

impl RunPlan {
    /// Opens what the run reads before what it writes, so that a mistake leaves no empty files
    /// behind.
    pub fn open(args: &RunArgs) -> anyhow::Result<RunPlan> {
        let board = Board::choose(args.board.board.as_ref())?;
        board.doubts(&Machine::here(), &[board.threads]).iter().for_each(|doubt| log::warn!("{doubt}"));
        // The command line was held against itself; it may not know what the profile says.
        let screen = args.screen.screen.as_ref().unwrap_or(&board.screen);
        if let Some(words) = args.shared_file(screen) {
            anyhow::bail!(words);
        }
        let idle = args.given_for_screens();
        if *screen == ScreenChoice::None && !idle.is_empty() {
            log::warn!("of use to a screen alone: {}; nothing is shown", idle.join(", "));
        }
        let files: Vec<&Path> = args.record.iter().filter_map(RecordChoice::file).collect();
        let pasts = read_pasts(args, &files)?;
        let idle = args.log.given();
        if files.is_empty() && !args.record.is_empty() && !idle.is_empty() {
            log::warn!(
                "of use to files alone: {}; standard output gets every frame, whole and at once",
                idle.join(", ")
            );
        }
        let source = open_source(args, &board, &pasts)?;
        let model = args.model.as_ref().unwrap_or(&board.model).read()?;
        let landmarks = model.net()?;
        let options = args.follow.options(&board);
        if args.follow.fov.is_some() && landmarks.head.is_none() {
            log::warn!("of use to head pose alone: --fov; model {} has no head.csv", model.name());
        }
        let mut observer = Observer::new(&zoo::shipped(zoo::FACES)?.load()?, &landmarks, &options)?;
        if let Some(last) = shortest(&pasts) {
            observer.go_on_after(last.sequence, pasts.iter().map(|past| past.last_id).max().unwrap_or_default());
        }
        let recorded_files = pasts.iter().map(|past| past.sources.len()).min().unwrap_or_default();
        let made_by = Arc::new(Provenance::here(Chosen {
            card: &landmarks.card,
            digest: model.digest(),
            board: &board.slug,
            source: args.source.as_ref().map(ToString::to_string),
            camera: source.origin(),
        }));
        log::info!("{made_by}");
        let mut settings = args.screen.settings(&board.screen_settings);
        settings.mirror |= args.mirror;
        let view = args.screen.open(&board, &settings)?.map(|screen| View::new(screen, observer.scheme(), &settings));
        let mut logs = args.log.open(&files, pasts)?;
        logs.iter_mut().for_each(|log| log.describe(&made_by));
        let metrics = Arc::new(Metrics::of_logs(&logs));
        metrics.describe(&made_by);
        let mut publishers = {
            let password =
                if args.publish.is_empty() { None } else { args.password.read_for("--publish", &args.publish)? };
            if args.publish_rate.is_some() && !args.publish.iter().any(Target::is_retained) {
                log::warn!("--publish-rate holds for nobody: no URL of --publish names a broker, mqtt://HOST");
            }
            let (head, every) = (landmarks.head.as_ref(), args.publish_rate.unwrap_or(STATE_EVERY));
            let settings = ReceiverSettings { head, every, password: password.as_deref(), metrics: &metrics };
            publishers(args, source.is_live(), &settings)?
        };
        #[cfg(feature = "page")]
        let (page, video) = args.serve.open(&metrics)?;
        #[cfg(feature = "page")]
        publishers.extend(page);
        publishers.iter_mut().for_each(|publisher| publisher.describe(&made_by));
        publishers.iter().for_each(|publisher| metrics.add_receiver(publisher.name(), publisher.tally()));
        let start = |path| MetricsFile::start(path, args.metrics_every, Arc::clone(&metrics));
        let metrics_file = args.metrics.as_deref().map(start).transpose()?;
        Ok(RunPlan {
            source,
            observer,
            digest: made_by.model_digest.clone(),
            board,
            logs,
            selection: args.log.selection(),
            publishers,
            #[cfg(feature = "page")]
            video,
            made_by,
            metrics,
            metrics_file,
            view,
            frames: args.frames.map(u32::from),
            recorded_files,
        })
    }
}
