//! What is seen in a frame. The [`Observer`] is the one thing that is timed, logged and evaluated.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nalgebra::Vector2;
use thiserror::Error;

use crate::face::clock::FrameClock;
use crate::face::confirm::{Confirmer, LookContext};
use crate::face::detect::{Detection, Detector};
use crate::face::head::HeadModel;
use crate::face::look::{Landmarker, Look, LookTimings};
use crate::face::measure::Event;
use crate::face::openness::Ratios;
use crate::face::person::Person;
use crate::face::pose::{FieldOfView, Pinhole};
use crate::face::room::Room;
use crate::face::scene::{Change, SceneWatch};
use crate::face::search::{Missed, Search};
use crate::face::track::{Expected, Sighting, Smoothing, Tracker};
use crate::face::zoo::Net;
use crate::face::{Face, Observation, Timings};
use crate::model::ModelError;
use crate::model::card::{Calibration, CardError};
use crate::model::scheme::{IBUG_68, Scheme};
use crate::picture::frame::{Frame, Size};
use crate::picture::geometry::Rect;

// How many looks may be in vain was chosen by `wingmark eval --detect` on held-out faces of
// AFLW2000: `docs/decisions/finding.md`.

/// So many looks at what the detector saw may be in vain in the first frame of a scene,
const IN_VAIN_IN_NEW_SCENE: usize = 20;
/// and in another one where no face is followed.
const IN_VAIN_ALONE: usize = 2;
/// The same in the first frame of a scene, rotated by quarters because nobody was seen.
const IN_VAIN_ROTATED: usize = 8;

/// How an [`Observer`] works.
#[derive(Debug, Clone)]
pub struct Options {
    /// Threads that share each frame, the caller's included.
    pub threads: usize,
    /// How points are steadied from frame to frame.
    pub smoothing: Smoothing,
    /// No more faces are followed at once.
    pub most_faces: NonZeroUsize,
    /// What the camera sees, for head pose.
    pub fov: FieldOfView,
}

impl Default for Options {
    fn default() -> Self {
        let most_faces = NonZeroUsize::new(8).expect("eight");
        Options { threads: 1, smoothing: Smoothing::default(), most_faces, fov: FieldOfView::default() }
    }
}

impl Options {
    /// For pictures that stand alone, and for points as the net finds them.
    pub fn unsmoothed() -> Self {
        Options { smoothing: Smoothing::Off, ..Options::default() }
    }
}

/// What a frame has taken so far.
#[derive(Default)]
struct Spent {
    detect: Duration,
    looks: LookTimings,
}

/// Why a frame could not be looked at.
#[derive(Debug, Error)]
#[allow(missing_docs)] // The messages say what each is.
#[non_exhaustive]
pub enum ObserveError {
    #[error(transparent)]
    Model(#[from] ModelError),
}

/// Finds faces, follows them, and finds their landmarks.
pub struct Observer {
    search: Search,
    landmarker: Landmarker,
    tracker: Tracker,
    /// What the detector saw in the frame before, if it was searched.
    detections: Vec<Detection>,
    /// How many crops of that frame the landmark net saw.
    looks: usize,
    confirmer: Confirmer,
    clock: FrameClock,
    scene: SceneWatch,
    room: Room,
    /// Number of the frame before, and the file that it came from.
    previous: Option<u32>,
    file: Option<Arc<str>>,
    head: Option<HeadModel>,
    fov: FieldOfView,
    /// Those whose faces are followed.
    people: Vec<Person>,
}

/// How many frames were dropped between one and the next. Numbers that go back are of another
/// source, which has lost none of its own.
fn dropped(previous: Option<u32>, sequence: u32) -> u32 {
    match previous.map(|previous| sequence.wrapping_sub(previous)) {
        None => sequence,
        Some(steps) if steps > u32::MAX / 2 => 0,
        Some(steps) => steps.saturating_sub(1),
    }
}

/// A landmark net ready to work: made beside an [`Observer`] that is at work, for
/// [`Observer::set_landmarks`].
pub struct LandmarkNet {
    landmarker: Landmarker,
    background: Landmarker,
    head: Option<HeadModel>,
}

impl LandmarkNet {
    /// `threads`, the caller's included, share each look. An error says that the net does not find
    /// landmarks.
    pub fn new(net: &Net, threads: usize) -> Result<Self, CardError> {
        let (landmarker, background) = (Landmarker::new(net, threads)?, Landmarker::new(net, 1)?);
        Ok(LandmarkNet { landmarker, background, head: net.head.clone() })
    }
}

impl Observer {
    /// An Observer with these nets. An error says that a net does not find what it is to find.
    pub fn new(faces: &Net, landmarks: &Net, options: &Options) -> Result<Self, CardError> {
        let threads = options.threads;
        let LandmarkNet { landmarker, background, head } = LandmarkNet::new(landmarks, threads)?;
        Ok(Observer {
            search: Search::new(Detector::new(faces, threads)?),
            landmarker,
            tracker: Tracker::new(options.smoothing),
            detections: Vec::new(),
            looks: 0,
            confirmer: Confirmer::new(background),
            clock: FrameClock::default(),
            scene: SceneWatch::default(),
            room: Room::new(options.most_faces.get()),
            previous: None,
            file: None,
            head,
            fov: options.fov,
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

    /// Finds landmarks with another net from the next frame on. Faces that are followed keep their
    /// ids.
    pub fn set_landmarks(&mut self, net: LandmarkNet) {
        (self.landmarker, self.head) = (net.landmarker, net.head);
        self.confirmer.set_net(net.background);
    }

    /// Follows faces otherwise from the next frame on; threads stay as they are. Where fewer faces
    /// are to be followed than are, those go that came last.
    pub fn set_options(&mut self, options: &Options) {
        self.tracker.set_smoothing(options.smoothing);
        self.fov = options.fov;
        let most_faces = options.most_faces.get();
        if self.room.most() != most_faces {
            self.room = Room::new(most_faces);
            self.tracker.keep_first(most_faces);
        }
    }

    /// What was seen so far has nothing to do with the next frame.
    pub fn forget(&mut self) {
        self.tracker.forget();
        self.forget_places();
    }

    /// Where faces may be has nothing to do with the next search.
    fn forget_places(&mut self) {
        self.confirmer.forget();
        self.search.forget();
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

    /// Sees what is in the next frame of a source. After a cut, a face goes on only if it looks as
    /// before and is near where it was.
    pub fn observe(&mut self, frame: &Frame) -> Result<Observation, ObserveError> {
        let start = Instant::now();
        let previous = self.previous.replace(frame.sequence());
        let now = self.clock.at(frame.captured_at());
        let change = self.scene.watch(frame, now);
        let is_of_other_file = self.file.as_ref() != frame.source();
        self.file = frame.source().cloned();
        match change {
            Change::Beginning => self.forget(),
            Change::Cut if is_of_other_file => self.forget(),
            Change::Cut => self.tracker.doubt(now),
            // Where the picture before showed no face, this one may.
            _ if is_of_other_file && !self.tracker.follows_any() => self.forget_places(),
            _ => {}
        }
        self.detections.clear();
        let mut spent = Spent::default();
        let (mut sightings, lost) = self.look_at_expected(frame, now, &mut spent.looks)?;
        let missed = |face: &Expected| if face.lost { Missed::Lost } else { Missed::Seen };
        let missed = lost.iter().map(missed).max().unwrap_or(Missed::Nobody);
        if change == Change::Cut && sightings.is_empty() {
            self.forget_places();
        }
        self.search.count_frame(self.clock.step());
        // Faces that went with the light are waited for; a search would not find them either.
        // Another picture of a folder may show somebody else.
        let waits = change == Change::Dark && self.tracker.follows_any() && !is_of_other_file;
        if !waits {
            let followed: Vec<Rect> = sightings.iter().map(|seen| seen.look.bounds()).collect();
            let found = self.find_new(frame, now, &followed, missed, &mut spent)?;
            // After a cut, who was there before is not waited for in the place of others.
            let waited_for = lost.iter().filter(|face| !face.is_doubted).count();
            let is_awaited = |look: &Look| lost.iter().any(|face| self.tracker.may_be(face, look));
            self.room.add(&mut sightings, found, waited_for, is_awaited);
        }
        let Spent { detect, looks: looked } = spent;
        self.looks = looked.count;
        let tracking = Instant::now();
        if change == Change::Dark {
            self.tracker.wait(now);
        }
        let mut faces = self.tracker.update(sightings, now);
        let mut events = self.measure(&mut faces, frame.size(), now);
        events.iter_mut().for_each(|event| event.at = frame.captured_at());
        Ok(Observation {
            sequence: frame.sequence(),
            captured_at: frame.captured_at(),
            source: frame.source().cloned(),
            dropped: dropped(previous, frame.sequence()),
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

    /// Finds faces beside those that are followed in this frame.
    fn find_new(
        &mut self,
        frame: &Frame,
        now: Duration,
        followed: &[Rect],
        missed: Missed,
        spent: &mut Spent,
    ) -> Result<Vec<Look>, ModelError> {
        let is_new_scene = self.search.is_of_new_scene();
        let most_in_vain = if is_new_scene { IN_VAIN_IN_NEW_SCENE } else { IN_VAIN_ALONE };
        // While every face is where it should be, a search and a look at a candidate take turns, so
        // that no frame runs both nets. What was begun first goes on first.
        let take_turns = !followed.is_empty() && missed == Missed::Nobody;
        let look_goes_on = take_turns && self.confirmer.is_looking();
        let frames_a_search = self.room.frames_a_search(followed.len(), missed, self.clock.step());
        if self.search.is_due(followed, frames_a_search) && !look_goes_on {
            let start = Instant::now();
            self.detections = self.search.go_on(frame, now, followed, missed)?;
            spent.detect += start.elapsed();
        }
        let unfollowed = self.search.unfollowed(&self.detections, frame, now);
        self.confirmer.take(unfollowed.into_iter(), now);
        if take_turns && !look_goes_on && self.search.is_looking() {
            return Ok(Vec::new());
        }
        let found = self.look_at_candidates(frame, now, followed, most_in_vain, &mut spent.looks)?;
        if !is_new_scene || !found.is_empty() {
            return Ok(found);
        }
        let start = Instant::now();
        let rotated = self.search.look_at_rotated(frame)?;
        spent.detect += start.elapsed();
        self.confirmer.take(rotated.iter().copied(), now);
        self.detections.extend(rotated);
        self.look_at_candidates(frame, now, followed, IN_VAIN_ROTATED, &mut spent.looks)
    }

    /// Head pose, eyes and mouth of each face, and what the faces did.
    fn measure(&mut self, faces: &mut [Face], size: Size, now: Duration) -> Vec<Event> {
        let mut events = Vec::new();
        if self.landmarker.scheme() != &IBUG_68 {
            return events;
        }
        let camera = Pinhole::of(size, self.fov);
        self.people.retain(|person| self.tracker.follows(person.id()));
        let is_there = |person: &Person| faces.iter().any(|face| face.id == person.id());
        self.people.iter_mut().filter(|person| !is_there(person)).for_each(|person| person.unseen(now));
        for face in faces {
            let known = self.people.iter().position(|person| person.id() == face.id);
            let index = known.unwrap_or_else(|| {
                self.people.push(Person::new(face.id, now));
                self.people.len() - 1
            });
            let person = &mut self.people[index];
            let pose = self.head.as_ref().and_then(|head| person.pose(head, &face.landmarks, &camera, now));
            face.guessed = self.landmarker.visibility().guessed(&face.landmarks, pose.as_ref(), size);
            let ratios = Ratios::of(&face.landmarks, pose.as_ref()).seen(&face.landmarks, &face.guessed, size);
            face.measures = person.take(now, pose, ratios, self.landmarker.eyes(), &mut events);
        }
        events
    }

    /// Looks where faces should be; gives those that are there, and those that are not.
    fn look_at_expected(
        &mut self,
        frame: &Frame,
        now: Duration,
        timings: &mut LookTimings,
    ) -> Result<(Vec<Sighting>, Vec<Expected>), ModelError> {
        let mut sightings: Vec<Sighting> = Vec::new();
        let mut missed = Vec::new();
        for face in self.tracker.expected(now) {
            // Where another face is seen, the lost one is behind it.
            let hidden = || sightings.iter().any(|seen| seen.look.is_at(&face.bounds()));
            if face.lost && (sightings.len() >= self.room.most() || hidden()) {
                missed.push(face);
                continue;
            }
            let crop = self.landmarker.crop_around_points(&face.points);
            let mut look = self.landmarker.look(frame, &crop, timings)?;
            if face.is_doubted {
                // Where the camera swung, the crop was cut beside the face.
                look = self.landmarker.look_closer(frame, &look, Vector2::zeros(), timings)?.unwrap_or(look);
            }
            if look.is_face() && (!face.is_doubted || self.tracker.is_like(face.id, &look)) {
                sightings.push(Sighting { id: Some(face.id), look });
            } else {
                missed.push(face);
            }
        }
        Ok((sightings, missed))
    }

    /// Looks at what the detector saw: in this frame, until so many looks were in vain, or in parts
    /// beside faces that are followed.
    fn look_at_candidates(
        &mut self,
        frame: &Frame,
        now: Duration,
        followed: &[Rect],
        most_in_vain: usize,
        timings: &mut LookTimings,
    ) -> Result<Vec<Look>, ModelError> {
        let step = self.clock.step();
        let context = &mut LookContext { frame, now, step, landmarker: &mut self.landmarker, timings };
        if followed.is_empty() {
            // One more, so that it can be said that there are more.
            self.confirmer.look_at_once(context, self.room.most() + 1, most_in_vain)
        } else {
            Ok(Vec::from_iter(self.confirmer.look_in_parts(context, followed)?))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_go_back_or_around_drop_nothing() {
        assert_eq!(dropped(None, 3), 3);
        assert_eq!(dropped(Some(3), 4), 0);
        assert_eq!(dropped(Some(3), 6), 2);
        assert_eq!(dropped(Some(3), 3), 0);
        assert_eq!(dropped(Some(500), 0), 0);
        assert_eq!(dropped(Some(u32::MAX), 1), 1);
    }
}
