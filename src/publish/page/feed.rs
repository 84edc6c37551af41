//! What is seen, for those who look at `/events`.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

use super::newest::{Look, Newest, Viewer};
use crate::face::measure::Event;
use crate::record::entry::Entry;
use crate::record::fields::Fields;
use crate::record::jsonl;

/// Events that are kept for viewers who miss frames.
const MOST_EVENTS: usize = 256;

#[derive(Default)]
pub struct EventFeed {
    newest: Newest<Shown>,
    recent: Mutex<Recent>,
}

struct Shown {
    entry: Entry,
    json: Vec<u8>,
    /// How many events there were up to this one.
    events: u64,
    /// How many frames were dropped up to this one.
    dropped: u64,
}

#[derive(Default)]
struct Recent {
    events: VecDeque<Event>,
    count: u64,
    /// Frames so far.
    dropped: u64,
}

/// Where a viewer stands.
pub struct Cursor<'a> {
    feed: &'a EventFeed,
    _viewer: Viewer<'a, Shown>,
    seen: u64,
    events: u64,
    dropped: u64,
}

/// What a viewer gets next.
pub enum Next {
    /// The object of a frame.
    Json(Vec<u8>),
    /// Nothing came.
    Nothing,
    /// Nothing will come.
    End,
}

impl EventFeed {
    /// Encodes once for all viewers, and not at all without one.
    pub fn show(&self, entry: &Entry) {
        let (events, dropped) = {
            let mut recent = self.recent.lock().expect(UNPOISONED);
            recent.count += entry.seen.events.len() as u64;
            recent.events.extend(&entry.seen.events);
            let surplus = recent.events.len().saturating_sub(MOST_EVENTS);
            recent.events.drain(..surplus);
            recent.dropped += u64::from(entry.seen.dropped);
            (recent.count, recent.dropped)
        };
        if self.newest.has_viewers() {
            let mut json = Vec::new();
            jsonl::write_object(&mut json, entry, Fields::ALL, None);
            self.newest.put(Shown { entry: entry.clone(), json, events, dropped });
        }
    }

    pub fn close(&self) {
        self.newest.close();
    }

    /// For a viewer who comes now.
    pub fn cursor(&self) -> Cursor<'_> {
        let recent = self.recent.lock().expect(UNPOISONED);
        let (events, dropped) = (recent.count, recent.dropped);
        Cursor { feed: self, _viewer: self.newest.viewer(), seen: 0, events, dropped }
    }

    /// The last of so many events, out of those up to number `last`.
    fn events(&self, wanted: u64, last: u64) -> Vec<Event> {
        let recent = self.recent.lock().expect(UNPOISONED);
        let newer = (recent.count - last) as usize;
        let end = recent.events.len().saturating_sub(newer);
        let start = end.saturating_sub(wanted as usize);
        recent.events.range(start..end).copied().collect()
    }
}

const UNPOISONED: &str = "nobody panics while holding events";

impl Cursor<'_> {
    /// The newest frame; with it come the events of those that this viewer missed, and what was
    /// dropped before them.
    pub fn next(&mut self, within: Duration) -> Next {
        match self.feed.newest.look(self.seen, within) {
            Look::Closed => Next::End,
            Look::Nothing => Next::Nothing,
            Look::New(number, shown) => {
                let wanted = shown.events.saturating_sub(self.events);
                let dropped = shown.dropped.saturating_sub(self.dropped);
                (self.seen, self.events, self.dropped) = (number, shown.events, shown.dropped);
                if wanted as usize == shown.entry.seen.events.len() && dropped == u64::from(shown.entry.seen.dropped) {
                    return Next::Json(shown.json.clone());
                }
                let mut entry = shown.entry.clone();
                entry.seen.events = self.feed.events(wanted, shown.events);
                entry.seen.dropped = u32::try_from(dropped).unwrap_or(u32::MAX);
                let mut json = Vec::new();
                jsonl::write_object(&mut json, &entry, Fields::ALL, None);
                Next::Json(json)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::face::Observation;
    use crate::face::measure::EventKind;

    fn entry(sequence: u32) -> Entry {
        let event = Event { kind: EventKind::Blink, face: sequence, at: Duration::ZERO, lasted: Duration::ZERO };
        Entry::now(Observation { sequence, dropped: 1, events: vec![event], ..Observation::default() })
    }

    fn next(cursor: &mut Cursor<'_>) -> (u64, Vec<u64>) {
        let Next::Json(json) = cursor.next(Duration::from_secs(20)) else { panic!("nothing comes") };
        let object: serde_json::Value = serde_json::from_slice(&json).unwrap();
        let faces = object["events"].as_array().unwrap().iter().map(|event| event["face"].as_u64().unwrap());
        let faces = Vec::from_iter(faces);
        let sequence = object["sequence"].as_u64().unwrap();
        // As many events as frames were dropped, but for those that nobody keeps.
        let missed = object["dropped"].as_u64().unwrap();
        assert!(faces.len() as u64 == missed.min(MOST_EVENTS as u64), "{missed} dropped before frame {sequence}");
        (sequence, faces)
    }

    #[test]
    fn a_viewer_who_misses_frames_misses_no_event() {
        let feed = EventFeed::default();
        feed.show(&entry(0));
        let (mut quick, mut slow) = (feed.cursor(), feed.cursor());
        feed.show(&entry(1));
        assert_eq!((next(&mut quick), next(&mut slow)), ((1, vec![1]), (1, vec![1])));
        for sequence in 2..5 {
            feed.show(&entry(sequence));
            assert_eq!(next(&mut quick), (sequence.into(), vec![sequence.into()]));
        }
        assert_eq!(next(&mut slow), (4, vec![2, 3, 4]));
        (5..5000).for_each(|sequence| feed.show(&entry(sequence)));
        let (sequence, events) = next(&mut slow);
        assert_eq!((sequence, events.len(), events.last()), (4999, MOST_EVENTS, Some(&4999)));
        assert!(matches!(slow.next(Duration::ZERO), Next::Nothing));
    }

    #[test]
    fn nothing_is_kept_for_nobody() {
        let feed = EventFeed::default();
        drop(feed.cursor());
        feed.show(&entry(0));
        assert!(matches!(feed.cursor().next(Duration::ZERO), Next::Nothing));
    }
}
