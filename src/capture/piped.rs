//! Live frames through a pipe or a socket. They are read on a thread of their own, so that waiting
//! for one can end.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread::Builder;
use std::time::Duration;

use super::returning::{Arrival, FrameStream, Lost};
use super::stream::Reader;
use super::{CaptureError, Fault, FlawWatch, MjpegError, Pace};
use crate::picture::frame::Frame;
use crate::threads;

/// What writes to the pipe. Dropping it ends that, and the reading thread with it.
pub trait Upstream: Send {
    /// What is known of why it ended by itself.
    fn why_ended(&mut self) -> Option<String>;
}

/// A stream that may end at any time.
pub struct Piped<W: Upstream> {
    writer: W,
    frames: Receiver<Turn>,
    /// Memory of frames that were taken.
    used: SyncSender<Frame>,
    /// Those that came while its stream was opened.
    first: VecDeque<(Frame, Option<Fault>)>,
    next: u32,
    /// Whether a byte came.
    has_bytes: Arc<AtomicBool>,
}

/// What one turn of the reader gave; an error without a fault is the end.
type Turn = Result<(Frame, Option<Fault>), End>;

/// Why a stream is over.
struct End {
    reason: String,
    /// It is of the wrong form, so that reading it was ended here, and its writer fails of that.
    is_of_form: bool,
}

impl End {
    fn of(error: CaptureError, words: fn(CaptureError) -> String) -> End {
        End { is_of_form: error.is_of_form(), reason: words(error) }
    }

    fn by_writer() -> End {
        End { reason: "it ended".into(), is_of_form: false }
    }
}

/// A reader that tells whether a byte came.
struct Noticed<R> {
    input: R,
    has_bytes: Arc<AtomicBool>,
}

impl<R: Read> Read for Noticed<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(into)?;
        self.has_bytes.fetch_or(read > 0, Relaxed);
        Ok(read)
    }
}

impl<W: Upstream> Piped<W> {
    /// `name` is what messages call the stream, `words` makes one of what is wrong with it, and
    /// `flaws` says what is wrong with its pictures.
    pub fn start(
        writer: W,
        input: Box<dyn Read + Send>,
        name: String,
        words: fn(CaptureError) -> String,
        flaws: FlawWatch,
    ) -> io::Result<Self> {
        let (give, frames) = mpsc::sync_channel(1);
        let (used, unused) = mpsc::sync_channel(2);
        let has_bytes = Arc::<AtomicBool>::default();
        let input = Box::new(Noticed { input, has_bytes: Arc::clone(&has_bytes) });
        let read = move || read_all(Reader::open(input, &name, Pace::default(), flaws), &name, words, &give, &unused);
        threads::start_beside(Builder::new().name("stream".into()), "the stream of a camera is opened anew", read)?;
        Ok(Piped { writer, frames, used, first: VecDeque::new(), next: 0, has_bytes })
    }

    /// Waits for the first frame, and no longer than that; an error where the stream ends without
    /// one, or with one that cannot be used.
    pub fn wait_for_first(&mut self, within: Duration) -> Result<(), Lost> {
        let Some((frame, fault)) = self.turn(within)? else { return Ok(()) };
        let next = match &fault {
            Some(fault) => self.turn(within).map_err(|lost| lost.after(fault))?,
            None => None,
        };
        self.first.extend([Some((frame, fault)), next].into_iter().flatten());
        Ok(())
    }

    /// Whether it ends right after the frame that was waited for.
    pub fn ends_with_first(&mut self, within: Duration) -> bool {
        if self.first.len() != 1 {
            return false;
        }
        let next = self.turn(within);
        let is_end = next.is_err();
        self.first.extend(next.ok().flatten());
        is_end
    }

    /// What comes next; `None` where nothing does within the time.
    fn turn(&mut self, within: Duration) -> Result<Option<(Frame, Option<Fault>)>, Lost> {
        let end = match self.frames.recv_timeout(within) {
            Ok(Ok(arrived)) => return Ok(Some(arrived)),
            Err(RecvTimeoutError::Timeout) => return Ok(None),
            Ok(Err(end)) => end,
            Err(RecvTimeoutError::Disconnected) => End::by_writer(),
        };
        let said = if end.is_of_form { None } else { self.writer.why_ended() };
        Err(Lost(said.unwrap_or(end.reason)))
    }
}

impl<W: Upstream> FrameStream for Piped<W> {
    fn next_into(&mut self, frame: &mut Frame, within: Duration) -> Result<Option<Arrival>, Lost> {
        let next = match self.first.pop_front() {
            Some(first) => Some(first),
            None => self.turn(within)?,
        };
        let Some((mut arrived, fault)) = next else { return Ok(None) };
        std::mem::swap(frame, &mut arrived);
        // Where there is no room for it, its memory is not needed.
        let _ = self.used.try_send(arrived);
        let sequence = self.next;
        self.next = self.next.wrapping_add(1);
        Ok(Some(Arrival { sequence, captured_at: None, fault }))
    }

    fn is_back(&self) -> bool {
        self.has_bytes.load(Relaxed)
    }
}

/// Gives frames until nobody wants them or there are no more.
fn read_all(
    opened: Result<Reader, CaptureError>,
    name: &str,
    words: fn(CaptureError) -> String,
    give: &SyncSender<Turn>,
    unused: &Receiver<Frame>,
) {
    let mut reader = match opened {
        Ok(reader) => reader,
        Err(e) => return drop(give.send(Err(End::of(e, words)))),
    };
    loop {
        let mut frame = unused.try_recv().unwrap_or_default();
        let (read, is_end) = match reader.read_into(&mut frame, name) {
            Ok(true) => (Ok((frame, None)), false),
            Ok(false) => (Err(End::by_writer()), true),
            Err(CaptureError::Mjpeg { source: MjpegError::Picture { source, .. }, .. }) => {
                (Ok((frame, Some(Fault::Jpeg(source)))), false)
            }
            Err(e) => (Err(End::of(e, words)), true),
        };
        if give.send(read).is_err() || is_end {
            return;
        }
    }
}
