//! What is seen in a frame. The [`Observer`] is the one thing that is timed, logged and evaluated.

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use thiserror::Error;

use crate::face::clock::Clock;
use crate::face::confirm::{Confirmer, Looking, is_followed};
use crate::face::detect::{Detection, Detector};
use crate::face::head::HeadModel;
use crate::face::look::{Landmarker, Look, LookTimings};
use crate::face::measure::{Event, Person};
use crate::face::openness::Ratios;
use crate::face::pose::{Pinhole, USUAL_FOV_DEG};
use crate::face::scene::{Change, SceneWatch};
use crate::face::track::{Smoothing, Tracker};
use crate::face::zoo::Net;
use crate::face::{Face, Observation, Timings};
use crate::model::ModelError;
use crate::model::card::{Calibration, CardError};
use crate::model::scheme::{IBUG_68, Scheme};
use crate::picture::frame::{Frame, Size};
use crate::picture::geometry::Rect;

// How often is searched was set by hand; `wingmark bench` measures what it costs. How many looks
// may be in vain was chosen by `wingmark eval --detect` on held-out faces of AFLW2000:
// `docs/decisions/finding.md`.

/// While faces are followed, every frame of this many is searched for new ones.
const FRAMES_A_SEARCH: u32 = 15;
/// The same while one of them stays lost.
const FRAMES_A_SEARCH_FOR_LOST: u32 = 5;
/// While faces are followed, the detector takes so many frames for a look.
const FRAMES_A_LOOK: usize = 6;
/// So many looks at what the detector saw may be in vain in the first frame of a scene,
const IN_VAIN_IN_NEW_SCENE: usize = 20;
/// and in another one where no face is followed.
const IN_VAIN_ALONE: usize = 2;
/// The same in the first frame of a scene, turned by quarters because nobody was seen.
const IN_VAIN_TURNED: usize = 8;
/// What is known of a person is kept for so long after the face was seen last.
const LOST_FOR: Duration = Duration::from_secs(1);

/// How an [`Observer`] works.
#[derive(Debug, Clone)]
pub struct Options {
    /// Threads that share each frame, the caller's included.
    pub threads: usize,
    /// How points are steadied from frame to frame.
    pub smoothing: Smoothing,
    /// No more faces are followed at once.
    pub faces: NonZeroUsize,
}

impl Default for Options {
    fn default() -> Self {
        Options { threads: 1, smoothing: Smoothing::default(), faces: NonZeroUsize::new(8).expect("eight") }
    }
}

impl Options {
    /// For pictures that stand alone, and for points as the net finds them.
    pub fn unsmoothed() -> Self {
        Options { smoothing: Smoothing::Off, ..Options::default() }
    }
}

/// A look at a face, and the face's id where it is followed.
type FaceLook = (Option<u32>, Look);

/// Which of the faces that were expected in a frame were not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Missed {
    Nobody,
    /// One that was not in the frame before either.
    Lost,
    /// One that was.
    Seen,
}

impl Missed {
    fn frames_a_search(self) -> u32 {
        match self {
            Missed::Nobody => FRAMES_A_SEARCH,
            Missed::Lost => FRAMES_A_SEARCH_FOR_LOST,
            Missed::Seen => 0,
        }
    }
}

/// Why a frame could not be looked at.
#[derive(Debug, Error)]
#[allow(missing_docs)] // The messages say what each is.
pub enum ObserveError {
    #[error(transparent)]
    Model(#[from] ModelError),
}

/// Finds faces, follows them, and finds their landmarks.
pub struct Observer {
    detector: Detector,
    landmarker: Landmarker,
    tracker: Tracker,
    frames_since_search: u32,
    /// Nothing is known of the scene: every view is looked at in one frame.
    is_new_scene: bool,
    /// Which view is searched next.
    turn: usize,
    /// What the detector saw in the frame before, if it was searched.
    detections: Vec<Detection>,
    /// How many crops of that frame the landmark net saw.
    looks: usize,
    /// Boxes of the faces that were followed in the frame that is being searched.
    beside: Vec<Rect>,
    confirmer: Confirmer,
    clock: Clock,
    scene: SceneWatch,
    most_faces: usize,
    said_more_faces: bool,
    /// Number of the frame before.
    previous: Option<u32>,
    head: Option<HeadModel>,
    fov_deg: f32,
    /// Those whose faces were in the frame before.
    people: Vec<Person>,
}

/// A landmark net ready to work: made beside an [`Observer`] that is at work, for
/// [`Observer::set_landmarks`].
pub struct LandmarkNet {
    landmarker: Landmarker,
    unhurried: Landmarker,
    head: Option<HeadModel>,
}

impl LandmarkNet {
    /// `threads`, the caller's included, share each look. An error says that the net does not find
    /// landmarks.
    pub fn new(net: &Net, threads: usize) -> Result<Self, CardError> {
        let (landmarker, unhurried) = (Landmarker::new(net, threads)?, Landmarker::new(net, 1)?);
        Ok(LandmarkNet { landmarker, unhurried, head: net.head.clone() })
    }
}

impl Observer {
    /// An Observer with these nets. An error says that a net does not find what it is to find.
    pub fn new(faces: &Net, landmarks: &Net, options: &Options) -> Result<Self, CardError> {
        let threads = options.threads;
        let LandmarkNet { landmarker, unhurried, head } = LandmarkNet::new(landmarks, threads)?;
        Ok(Observer {
            detector: Detector::new(faces, threads)?,
            landmarker,
            tracker: Tracker::new(options.smoothing),
            frames_since_search: 0,
            is_new_scene: true,
            turn: 0,
            detections: Vec::new(),
            looks: 0,
            beside: Vec::new(),
            confirmer: Confirmer::new(unhurried),
            clock: Clock::default(),
            scene: SceneWatch::default(),
            most_faces: options.faces.get(),
            said_more_faces: false,
            previous: None,
            head,
            fov_deg: USUAL_FOV_DEG,
            people: Vec::new(),
        })
    }

    /// What the landmarks are, in the order of [`Face::landmarks`](crate::face::Face::landmarks).
    pub fn scheme(&self) -> &'static Scheme {
        self.landmarker.scheme()
    }

    /// What the landmark net's confidences and covariances were fitted to; none where its card does
    /// not say.
    pub fn calibration(&self) -> Option<&Calibration> {
        self.landmarker.calibration()
    }

    /// The camera sees this many degrees from the left to the right edge of its picture; 60 if it
    /// is not said.
    pub fn set_fov(&mut self, degrees: f32) {
        self.fov_deg = degrees;
    }

    /// Finds landmarks with another net from the next frame on. Faces that are followed keep their
    /// ids.
    pub fn set_landmarks(&mut self, net: LandmarkNet) {
        (self.landmarker, self.head) = (net.landmarker, net.head);
        self.confirmer.set_net(net.unhurried);
    }

    /// Follows faces otherwise from the next frame on; threads stay as they are.
    pub fn set_options(&mut self, options: &Options) {
        self.tracker.set_smoothing(options.smoothing);
        if self.most_faces != options.faces.get() {
            (self.most_faces, self.said_more_faces) = (options.faces.get(), false);
        }
    }

    /// What was seen so far has nothing to do with the next frame.
    pub fn forget(&mut self) {
        self.tracker.forget();
        self.confirmer.forget();
        self.is_new_scene = true;
    }

    /// Earlier observations ended with the frame of this number, and no face of theirs has a higher
    /// id than this.
    pub fn go_on_after(&mut self, sequence: u32, last_id: u32) {
        self.previous = Some(sequence);
        self.tracker.number_from(last_id);
    }

    /// What the detector saw in the frame observed last, faces or not; nothing where that was not
    /// searched.
    pub fn detections(&self) -> &[Detection] {
        &self.detections
    }

    /// How many crops of the frame observed last the landmark net saw.
    pub fn looks(&self) -> usize {
        self.looks
    }

    /// Sees what is in the next frame of a source. A cut in the source starts anew.
    pub fn observe(&mut self, frame: &Frame) -> Result<Observation, ObserveError> {
        let start = Instant::now();
        let previous = self.previous.replace(frame.sequence());
        let now = self.clock.at(frame.captured_at());
        let change = self.scene.watch(frame, now);
        if change == Change::Cut {
            self.forget();
        }
        self.detections.clear();
        let mut looked = LookTimings::default();
        let mut detect = Duration::ZERO;

        let (mut looks, missed) = self.look_at_expected(frame, now, &mut looked)?;
        self.frames_since_search += 1;
        // Faces that went with the light are waited for; a search would not find them either.
        let waits = change == Change::Dark && self.tracker.follows_any();
        // That there are more faces has been said; none of them would be followed.
        let is_full = self.said_more_faces && looks.len() >= self.most_faces;
        if !waits && !is_full {
            let is_new_scene = self.is_new_scene;
            let most_in_vain = if is_new_scene { IN_VAIN_IN_NEW_SCENE } else { IN_VAIN_ALONE };
            let followed: Vec<Rect> = looks.iter().map(|(_, look)| look.bounds()).collect();
            self.detections = self.search(frame, &followed, missed, &mut detect)?;
            let new = self.detections.iter().filter(|seen| !is_followed(&self.beside, &seen.bounds));
            self.confirmer.take(new.copied(), now);
            let mut found = self.look_for_new(frame, &followed, most_in_vain, &mut looked)?;
            if is_new_scene && found.is_empty() {
                self.search_turned(frame, now, &mut detect)?;
                found = self.look_for_new(frame, &followed, IN_VAIN_TURNED, &mut looked)?;
            }
            looks.extend(found.into_iter().map(|look| (None, look)));
        }
        self.looks = looked.count;
        let tracking = Instant::now();
        let mut faces = self.tracker.update(looks, now);
        let events = self.measure(&mut faces, frame.size(), now);
        Ok(Observation {
            sequence: frame.sequence(),
            captured_at: frame.captured_at(),
            source: frame.source().cloned(),
            dropped: match previous {
                None => frame.sequence(),
                Some(sequence) => frame.sequence().wrapping_sub(sequence).saturating_sub(1),
            },
            size: frame.size(),
            faces,
            events,
            timings: Timings {
                detect,
                crop: looked.crop,
                net: looked.net,
                decode: looked.decode,
                track: tracking.elapsed(),
                total: start.elapsed(),
            },
        })
    }

    /// Head pose, eyes and mouth of each face, and what the faces did.
    fn measure(&mut self, faces: &mut [Face], size: Size, now: Duration) -> Vec<Event> {
        let mut events = Vec::new();
        if self.landmarker.scheme() != &IBUG_68 {
            return events;
        }
        let camera = Pinhole::of(size, self.fov_deg);
        let is_there = |person: &Person| faces.iter().any(|face| face.id == person.id());
        self.people.retain(|person| is_there(person) || person.was_seen_within(LOST_FOR, now));
        for face in faces {
            let pose = self.head.as_ref().and_then(|head| head.pose(&face.landmarks, &camera));
            let ratios = Ratios::of(&face.landmarks, pose.as_ref());
            let known = self.people.iter().position(|person| person.id() == face.id);
            let index = known.unwrap_or_else(|| {
                self.people.push(Person::new(face.id, now));
                self.people.len() - 1
            });
            face.measures = self.people[index].take(now, pose, ratios, &mut events);
        }
        events
    }

    /// Looks where faces should be; gives those that are there, and what is not.
    fn look_at_expected(
        &mut self,
        frame: &Frame,
        now: Duration,
        timings: &mut LookTimings,
    ) -> Result<(Vec<FaceLook>, Missed), ModelError> {
        let mut looks: Vec<(Option<u32>, Look)> = Vec::new();
        let mut missed = Missed::Nobody;
        for face in self.tracker.expected(now) {
            // Where another face is seen, the lost one is behind it.
            let hidden = || looks.iter().any(|(_, look)| look.is_at(&face.bounds()));
            if face.lost && (looks.len() >= self.most_faces || hidden()) {
                missed = missed.max(Missed::Lost);
                continue;
            }
            let crop = self.landmarker.crop_around_points(&face.points);
            let look = self.landmarker.look(frame, &crop, timings)?;
            if look.is_face() {
                looks.push((Some(face.id), look));
            } else {
                missed = missed.max(if face.lost { Missed::Lost } else { Missed::Seen });
            }
        }
        Ok((looks, missed))
    }

    /// Searches a new scene at once, in all views. After that the views take turns: where nobody is
    /// followed, one a frame; else the work on one is spread over the next frames, so that a search
    /// holds up none of them.
    fn search(
        &mut self,
        frame: &Frame,
        followed: &[Rect],
        missed: Missed,
        detecting: &mut Duration,
    ) -> Result<Vec<Detection>, ModelError> {
        let alone = followed.is_empty();
        let is_due = self.frames_since_search >= missed.frames_a_search();
        if !alone && !is_due && !self.detector.is_looking() {
            return Ok(Vec::new());
        }
        let start = Instant::now();
        let found = if std::mem::take(&mut self.is_new_scene) {
            self.begin_turns();
            self.beside.clear();
            self.detector.detect(frame)?
        } else if alone {
            if missed == Missed::Seen {
                self.begin_turns();
            }
            self.begin_look(frame, followed);
            self.detector.go_on(1)?.unwrap_or_default()
        } else if self.detector.is_looking() {
            self.detector.go_on(FRAMES_A_LOOK)?.unwrap_or_default()
        } else {
            self.begin_look(frame, followed);
            Vec::new()
        };
        *detecting += start.elapsed();
        Ok(found)
    }

    /// Searches a scene that shows nobody in the frame turned by quarters.
    fn search_turned(&mut self, frame: &Frame, now: Duration, detecting: &mut Duration) -> Result<(), ModelError> {
        let start = Instant::now();
        let found = self.detector.detect_turned(frame)?;
        self.confirmer.take(found.iter().copied(), now);
        self.detections.extend(found);
        *detecting += start.elapsed();
        Ok(())
    }

    /// The whole frame comes next.
    fn begin_turns(&mut self) {
        (self.frames_since_search, self.turn) = (0, 0);
    }

    fn begin_look(&mut self, frame: &Frame, followed: &[Rect]) {
        self.frames_since_search = 0;
        self.beside.clear();
        self.beside.extend(followed);
        self.detector.begin(frame, self.turn);
        self.turn += 1;
    }

    /// Looks at what the detector saw: in this frame, until so many looks were in vain, or in parts
    /// beside faces that are followed.
    fn look_for_new(
        &mut self,
        frame: &Frame,
        followed: &[Rect],
        most_in_vain: usize,
        timings: &mut LookTimings,
    ) -> Result<Vec<Look>, ModelError> {
        let looking = &mut Looking { frame, landmarker: &mut self.landmarker, timings };
        let mut found = if followed.is_empty() {
            // One more, so that it can be said that there are more.
            self.confirmer.look_at_once(looking, self.most_faces + 1, most_in_vain)?
        } else {
            Vec::from_iter(self.confirmer.look_in_parts(looking, followed)?)
        };
        self.keep_to_most_faces(&mut found, followed.len());
        Ok(found)
    }

    /// Leaves faces out that are too many, and says so the first time.
    fn keep_to_most_faces(&mut self, found: &mut Vec<Look>, followed: usize) {
        let room = self.most_faces.saturating_sub(followed);
        if found.len() > room && !std::mem::replace(&mut self.said_more_faces, true) {
            log::warn!("a frame shows more faces than the {} that are followed", self.most_faces);
        }
        found.truncate(room);
    }
}
