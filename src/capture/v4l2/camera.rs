//! A camera as a source that outlives its cable: it is looked for until it is back, for ever.

use std::path::Path;
use std::time::{Duration, Instant};

use super::buffers::{Buffers, Filled};
use super::identity::{self, Identity};
use super::{CameraError, CameraWish, Device};
use crate::capture::{CaptureError, Captured, Source, Status};
use crate::picture::frame::Frame;
use crate::picture::jpeg;

/// No call takes longer than this for want of a frame.
const PATIENCE: Duration = Duration::from_millis(200);
/// A camera without a frame for so long has stalled.
const STALLED_AFTER: Duration = Duration::from_secs(2);
/// And is opened anew after so long.
const REOPENED_AFTER: Duration = Duration::from_secs(10);
/// Time between two looks for a camera that is gone; it doubles from the first to the last.
const LOOK_AGAIN: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(4)];
/// A time stamp that differs more than this from the time of arrival is one of another clock.
const CLOCK_SLACK: Duration = Duration::from_secs(2);

/// Opens the camera that it stands for, again and again.
pub trait Opener: Send {
    type Stream: FrameStream;

    fn open(&mut self) -> Result<Self::Stream, CameraError>;
}

/// A camera that is open.
pub trait FrameStream: Send {
    /// Overwrites the frame's pixels; `None` where no frame comes within the time. An error is the end of the stream.
    fn next_into(&mut self, frame: &mut Frame, within: Duration) -> Result<Option<Arrival>, CameraError>;
}

/// What comes with a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// Counts from the start of the stream, dropped frames included.
    pub sequence: u32,
    /// By the monotonic clock, if the driver knows it.
    pub captured_at: Option<Duration>,
    /// The frame's pixels are not to be trusted.
    pub is_damaged: bool,
}

/// Gives a camera's frames, numbered and timed as one sequence however often it went away.
pub struct Camera<O: Opener> {
    name: String,
    opener: O,
    state: State<O::Stream>,
    status: Status,
    numbers: Numbers,
    clock: Clock,
}

enum State<S> {
    Open { stream: S, last_frame: Instant },
    Gone { look_at: Instant, wait: Duration },
}

impl Camera<V4l2> {
    /// Opens the camera at a path, or the first one, and starts it.
    pub fn open(path: Option<&Path>, wish: CameraWish) -> Result<Self, CameraError> {
        let device = path.map_or_else(identity::first, Device::open)?;
        let opener = V4l2 { identity: Identity::of(&device), wish };
        let name = format!("camera {}", opener.identity.path().display());
        let stream = V4l2Stream::new(device.start(&wish)?);
        Ok(Camera::new(name, opener, stream))
    }
}

impl<O: Opener> Camera<O> {
    fn new(name: String, opener: O, stream: O::Stream) -> Self {
        let now = Instant::now();
        Camera {
            name,
            opener,
            state: State::Open { stream, last_frame: now },
            status: Status::Live,
            numbers: Numbers::default(),
            clock: Clock { started: now, offset_nanos: None, last: Duration::ZERO },
        }
    }

    fn is_gone(&mut self, reason: String, wait: Duration) -> Captured {
        self.state = State::Gone { look_at: Instant::now() + wait, wait };
        self.wait(Status::Gone { name: self.name.clone(), reason })
    }

    fn wait(&mut self, status: Status) -> Captured {
        self.status = status;
        Captured::Waiting(self.status.clone())
    }

    /// Looks for a camera that is gone when it is time to.
    fn look(&mut self, look_at: Instant, wait: Duration) -> Captured {
        let early = look_at.saturating_duration_since(Instant::now());
        if !early.is_zero() {
            std::thread::sleep(early.min(PATIENCE));
            return Captured::Waiting(self.status.clone());
        }
        match self.opener.open() {
            Ok(stream) => {
                self.numbers.restart();
                self.state = State::Open { stream, last_frame: Instant::now() };
                self.wait(Status::Returning { name: self.name.clone() })
            }
            Err(e) => self.is_gone(e.reason(), (wait * 2).min(LOOK_AGAIN[1])),
        }
    }
}

impl<O: Opener> Source for Camera<O> {
    fn capture_into(&mut self, frame: &mut Frame) -> Result<Captured, CaptureError> {
        let (stream, last_frame) = match &mut self.state {
            State::Gone { look_at, wait } => {
                let (look_at, wait) = (*look_at, *wait);
                return Ok(self.look(look_at, wait));
            }
            State::Open { stream, last_frame } => (stream, last_frame),
        };
        match stream.next_into(frame, PATIENCE) {
            Ok(Some(arrival)) => {
                *last_frame = Instant::now();
                self.status = Status::Live;
                frame.sequence = self.numbers.number(arrival.sequence);
                frame.captured_at = self.clock.time(arrival.captured_at);
                Ok(if arrival.is_damaged { Captured::Damaged } else { Captured::Frame })
            }
            Ok(None) => {
                let since = last_frame.elapsed();
                Ok(if since >= REOPENED_AFTER {
                    self.is_gone(format!("no frame for {} s", since.as_secs()), Duration::ZERO)
                } else if since >= STALLED_AFTER {
                    let since = Duration::from_secs(since.as_secs());
                    self.wait(Status::Stalled { name: self.name.clone(), since })
                } else {
                    Captured::Waiting(self.status.clone())
                })
            }
            Err(e) => Ok(self.is_gone(e.reason(), LOOK_AGAIN[0])),
        }
    }

    fn is_live(&self) -> bool {
        true
    }
}

/// Numbers frames through all streams of a camera.
#[derive(Debug, Default)]
struct Numbers {
    next: u32,
    /// The driver's number of the frame before, in this stream.
    last: Option<u32>,
}

impl Numbers {
    /// The next frame is the first of a stream.
    fn restart(&mut self) {
        self.last = None;
    }

    fn number(&mut self, sequence: u32) -> u32 {
        let steps = match self.last.replace(sequence) {
            None => 1,
            // Some drivers give every frame the same number, and some begin anew.
            Some(last) => match sequence.wrapping_sub(last) {
                forward @ 1..=0x7fff_ffff => forward,
                _ => 1,
            },
        };
        self.next = self.next.wrapping_add(steps);
        self.next.wrapping_sub(1)
    }
}

/// Turns time stamps into time since the source's start.
#[derive(Debug)]
struct Clock {
    started: Instant,
    /// From a time stamp to the time since the start, in nanoseconds. The clock of both is the same, and no frame arrives
    /// before it was captured, so it is what the frame of least delay says.
    offset_nanos: Option<i128>,
    last: Duration,
}

impl Clock {
    fn time(&mut self, stamp: Option<Duration>) -> Duration {
        self.time_at(stamp, self.started.elapsed())
    }

    fn time_at(&mut self, stamp: Option<Duration>, arrived: Duration) -> Duration {
        let stamped = stamp.and_then(|stamp| {
            let stamp = stamp.as_nanos() as i128;
            let offset = arrived.as_nanos() as i128 - stamp;
            let least = self.offset_nanos.map_or(offset, |least| least.min(offset));
            self.offset_nanos = Some(least);
            let time = Duration::from_nanos(u64::try_from(stamp + least).ok()?);
            (time.abs_diff(arrived) <= CLOCK_SLACK).then_some(time)
        });
        self.last = self.last.max(stamped.unwrap_or(arrived));
        self.last
    }
}

/// Opens a camera by V4L2.
pub struct V4l2 {
    identity: Identity,
    wish: CameraWish,
}

impl Opener for V4l2 {
    type Stream = V4l2Stream;

    fn open(&mut self) -> Result<V4l2Stream, CameraError> {
        Ok(V4l2Stream::new(self.identity.find()?.start(&self.wish)?))
    }
}

/// Copies frames out of a driver's memory, once, since that may be slow to read.
pub struct V4l2Stream {
    buffers: Buffers,
    /// A frame before it is decompressed.
    jpeg: Vec<u8>,
}

impl V4l2Stream {
    fn new(buffers: Buffers) -> Self {
        V4l2Stream { buffers, jpeg: Vec::new() }
    }
}

impl FrameStream for V4l2Stream {
    fn next_into(&mut self, frame: &mut Frame, within: Duration) -> Result<Option<Arrival>, CameraError> {
        let layout = *self.buffers.layout();
        let pixels = layout.format.pixels();
        let copy = if pixels.is_some() { &mut frame.bytes } else { &mut self.jpeg };
        let arrived = self.buffers.next(within, |Filled { bytes, sequence, captured_at, is_damaged }| {
            copy.clear();
            copy.extend_from_slice(bytes);
            Arrival { sequence, captured_at, is_damaged }
        });
        let arrived = arrived.map_err(|e| CameraError::from_io(self.buffers.device().path(), "taking a frame", e))?;
        let Some(mut arrival) = arrived else { return Ok(None) };
        let is_sound = match pixels {
            Some(format) => {
                frame.format = format;
                frame.size = layout.size;
                frame.stride_bytes = layout.stride_bytes.max(format.row_bytes(layout.size.width) as u32);
                frame.check().is_ok()
            }
            None => jpeg::whole(&self.jpeg).and_then(|jpeg| jpeg::decode_into(jpeg, frame)).is_ok(),
        };
        arrival.is_damaged |= !is_sound;
        Ok(Some(arrival))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::{Arc, Mutex};

    use super::*;

    /// What a camera does next.
    #[derive(Clone, Copy)]
    enum Step {
        /// A frame of that number.
        Frame(u32),
        Damaged(u32),
        /// Nothing comes, for so many seconds.
        Quiet(u64),
        Unplugged,
        /// It cannot be opened.
        Missing,
        /// It can.
        There,
    }

    #[derive(Clone)]
    struct Script(Arc<Mutex<VecDeque<Step>>>);

    impl Script {
        fn next(&self) -> Step {
            self.0.lock().unwrap().pop_front().expect("the camera is asked no more than that")
        }
    }

    impl Opener for Script {
        type Stream = Script;

        fn open(&mut self) -> Result<Script, CameraError> {
            match self.next() {
                Step::There => Ok(self.clone()),
                Step::Missing => Err(CameraError::Unplugged { path: "/dev/video0".into() }),
                _ => panic!("a camera is opened that is open"),
            }
        }
    }

    impl FrameStream for Script {
        fn next_into(&mut self, _: &mut Frame, _: Duration) -> Result<Option<Arrival>, CameraError> {
            let arrival = |sequence, is_damaged| Ok(Some(Arrival { sequence, captured_at: None, is_damaged }));
            match self.next() {
                Step::Frame(sequence) => arrival(sequence, false),
                Step::Damaged(sequence) => arrival(sequence, true),
                Step::Quiet(_) => Ok(None),
                Step::Unplugged => Err(CameraError::Unplugged { path: "/dev/video0".into() }),
                Step::Missing | Step::There => panic!("a camera is read that is not open"),
            }
        }
    }

    /// Runs a camera through the steps; gives what it captured and said.
    fn run(steps: &[Step]) -> Vec<String> {
        let script = Script(Arc::new(Mutex::new(steps.iter().copied().collect())));
        let mut camera = Camera::new("camera".into(), script.clone(), script.clone());
        let mut frame = Frame::default();
        let mut seen = Vec::new();
        loop {
            // Time passes as the step says, without anybody waiting for it.
            let next = script.0.lock().unwrap().front().copied();
            match (&mut camera.state, next) {
                (_, None) => return seen,
                (State::Open { last_frame, .. }, Some(Step::Quiet(seconds))) => {
                    *last_frame = Instant::now() - Duration::from_secs(seconds);
                }
                (State::Gone { look_at, .. }, _) => *look_at = Instant::now(),
                _ => {}
            }
            seen.push(match camera.capture_into(&mut frame).unwrap() {
                Captured::Frame => format!("frame {}", frame.sequence),
                Captured::Damaged => format!("damaged {}", frame.sequence),
                Captured::Waiting(status) => status.to_string(),
                Captured::End => "end".into(),
            });
        }
    }

    #[test]
    fn frames_keep_their_gaps_and_damaged_ones_their_numbers() {
        let steps =
            [Step::Frame(7), Step::Frame(8), Step::Damaged(9), Step::Frame(12), Step::Frame(12), Step::Frame(3)];
        assert_eq!(run(&steps), ["frame 0", "frame 1", "damaged 2", "frame 5", "frame 6", "frame 7"]);
    }

    #[test]
    fn a_camera_that_goes_is_taken_again_and_its_numbers_go_on() {
        let steps = [
            Step::Frame(0),
            Step::Unplugged,
            Step::Missing,
            Step::Missing,
            Step::There,
            Step::Quiet(0),
            Step::Frame(0),
            Step::Frame(2),
        ];
        let gone = "camera gone: unplugged; looking for it";
        let back = "camera is back; waiting for its first frame";
        assert_eq!(run(&steps), ["frame 0", gone, gone, gone, back, back, "frame 1", "frame 3"]);
    }

    #[test]
    fn a_camera_that_stalls_is_said_to_and_opened_anew() {
        let steps = [
            Step::Frame(0),
            Step::Quiet(1),
            Step::Quiet(3),
            Step::Quiet(11),
            Step::There,
            Step::Quiet(5),
            Step::Frame(0),
        ];
        let expected = [
            "frame 0",
            "live",
            "camera stalled: no frame for 3 s",
            "camera gone: no frame for 11 s; looking for it",
            "camera is back; waiting for its first frame",
            "camera stalled: no frame for 5 s",
            "frame 1",
        ];
        assert_eq!(run(&steps), expected);
    }

    #[test]
    fn looks_become_rarer_up_to_a_limit_and_no_call_takes_long() {
        let script = Script(Arc::new(Mutex::new([Step::Missing; 20].into())));
        let mut camera = Camera::new("camera".into(), script.clone(), script);
        camera.is_gone("unplugged".into(), LOOK_AGAIN[0]);
        let mut waits = Vec::new();
        for _ in 0..8 {
            let State::Gone { look_at, wait } = &mut camera.state else { panic!("it is gone") };
            waits.push(wait.as_millis());
            *look_at = Instant::now();
            camera.capture_into(&mut Frame::default()).unwrap();
        }
        assert_eq!(waits, [250, 500, 1000, 2000, 4000, 4000, 4000, 4000]);
        let before = Instant::now();
        camera.capture_into(&mut Frame::default()).unwrap();
        assert!(before.elapsed() < Duration::from_secs(2), "took {:?}", before.elapsed());
    }

    #[test]
    fn time_stamps_count_from_the_start_and_never_go_back() {
        let mut clock = Clock { started: Instant::now(), offset_nanos: None, last: Duration::ZERO };
        let ms = Duration::from_millis;
        let mut time = |stamp: Option<u64>, arrived| clock.time_at(stamp.map(ms), ms(arrived)).as_millis();
        assert_eq!(time(Some(500_000), 40), 40);
        assert_eq!(time(Some(500_033), 90), 73);
        // Earlier than the one before.
        assert_eq!(time(Some(500_020), 95), 73);
        // One of less delay, from which on the others' delay shows.
        assert_eq!(time(Some(500_090), 110), 110);
        assert_eq!(time(Some(500_120), 150), 140);
        assert_eq!(time(None, 160), 160);
        // Of another clock.
        assert_eq!(time(Some(400_000), 170), 170);
    }
}
