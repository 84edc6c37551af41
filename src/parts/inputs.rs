//! What a run reads.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use super::remarks::remarks;
use crate::board::Board;
use crate::capture::{Begun, Camera, CaptureError, Resume, Source};
use crate::cli::RunArgs;
#[cfg(feature = "page")]
use crate::cli::ServeArgs;
use crate::face::head::HeadModel;
use crate::face::{Observer, zoo};
use crate::machine::Machine;
#[cfg(feature = "page")]
use crate::publish::{PublishError, page};
use crate::record::past::{Mark, Past};
use crate::record::provenance::{Chosen, Provenance};
use crate::record::{RecordChoice, RecordError};
#[cfg(feature = "page")]
use crate::text::files;

/// All that a run reads, open and checked. Nothing is written yet.
pub struct Inputs {
    pub board: Board,
    pub source: Box<dyn Source>,
    pub observer: Observer,
    pub made_by: Arc<Provenance>,
    /// Files of which earlier runs recorded frames.
    pub recorded_files: usize,
    /// What earlier runs recorded in each file, where this one goes on.
    pub(super) pasts: Vec<Past>,
    /// The mean head of the landmark net.
    pub(super) head: Option<HeadModel>,
    /// Of MQTT users.
    pub(super) password: Option<String>,
    /// Where the page will be.
    #[cfg(feature = "page")]
    pub(super) page: Option<page::Listener>,
}

impl Inputs {
    /// The source comes last: it may keep for long who opens it.
    pub fn read(args: &RunArgs) -> anyhow::Result<Inputs> {
        let board = choose_board(args)?;
        remarks(args, &board).iter().for_each(|remark| log::warn!("{remark}"));
        let password =
            if args.publish.is_empty() { None } else { args.password.read_for("--publish", &args.publish)? };
        let pasts = read_pasts(args)?;
        let model = args.model.as_ref().unwrap_or(&board.model).read()?;
        let landmarks = model.net()?;
        if args.follow.fov.is_some() && landmarks.head.is_none() {
            log::warn!("of use to head pose alone: --fov; model {} has no head.csv", model.name());
        }
        let mut observer = Observer::new(&zoo::shipped(zoo::FACES)?.load()?, &landmarks, &args.follow.options(&board))?;
        if let Some(last) = shortest(&pasts) {
            observer.go_on_after(last.sequence, pasts.iter().map(|past| past.last_id).max().unwrap_or_default());
        }
        #[cfg(feature = "page")]
        let page = args.serve.listen()?;
        let source = open_source(args, &board, &pasts)?;
        let made_by = Arc::new(Provenance::here(Chosen {
            card: &landmarks.card,
            digest: model.digest(),
            board: &board.slug,
            source: args.source.as_ref().map(ToString::to_string),
            camera: source.origin(),
        }));
        log::info!("{made_by}");
        Ok(Inputs {
            board,
            source,
            observer,
            made_by,
            recorded_files: pasts.iter().map(|past| past.sources.len()).min().unwrap_or_default(),
            pasts,
            head: landmarks.head,
            password,
            #[cfg(feature = "page")]
            page,
        })
    }
}

fn choose_board(args: &RunArgs) -> anyhow::Result<Board> {
    let board = Board::choose(args.board.board.as_ref())?;
    board.doubts(&Machine::here(), &[board.threads]).iter().for_each(|doubt| log::warn!("{doubt}"));
    // The command line was held against itself; it may not know what the profile says.
    match args.shared_file(args.screen.choice(&board)) {
        Some(words) => anyhow::bail!(words),
        None => Ok(board),
    }
}

/// What earlier runs recorded in each file, where the run goes on.
fn read_pasts(args: &RunArgs) -> Result<Vec<Past>, RecordError> {
    let files = args.record.iter().filter_map(RecordChoice::file).filter(|_| args.resume);
    files.map(|file: &Path| Past::read(file, args.log.record_fields)).collect()
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

fn open_source(args: &RunArgs, board: &Board, pasts: &[Past]) -> Result<Box<dyn Source>, CaptureError> {
    let wish = args.camera.wish(&board.camera);
    match &args.source {
        Some(choice) if args.resume => choice.resume(wish, &resume_after(pasts)),
        Some(choice) => choice.open(args.live, wish),
        None => Ok(Box::new(Camera::open(board.camera.device.as_deref(), wish).map_err(CaptureError::from)?)),
    }
}

#[cfg(feature = "page")]
impl ServeArgs {
    /// The page's port and token, if it is asked for.
    fn listen(&self) -> Result<Option<page::Listener>, PublishError> {
        let token = self.token_file.as_deref().map(page::Token::read).transpose()?;
        self.token_file.iter().for_each(|path| files::warn_of_readers(path));
        self.serve.map(|at| page::Listener::bind(at, token)).transpose()
    }
}
