//! `mqtt://` and, by TLS, `mqtts://`: to a broker, and through it to Home Assistant.
//!
//! | topic below the prefix | what | retained |
//! |---|---|---|
//! | `available` | `online`; `offline` at the end, by last will where the connection broke | yes |
//! | `about` | who speaks: `made_by` of the JSON Schema | yes |
//! | `state` | the nearest face's numbers and the run's, so many times a second as is asked for, and where somebody comes or nobody is left | yes |
//! | `faces` | every face's measures, as often | yes |
//! | `events` | one event a message, at once | no |
//!
//! `docs/live.md` describes them. What cannot be sent is not kept: the next state says more.

mod beat;
mod discovery;
mod echoes;
mod error;
mod forget;
mod session;
mod state;
#[cfg(feature = "tls")]
mod tls;
mod transport;

use std::sync::Arc;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use self::beat::Beat;
use self::echoes::Echoes;
use self::session::{BrokerSession, Message};
use self::state::RunFigures;
use super::backoff::Backoff;
use super::{PublishError, Receiver, Way};
use crate::face::Observation;
use crate::face::nearest::Nearest;
use crate::machine::{State, Tree};
use crate::record::entry::Entry;
use crate::record::metrics::Metrics;
use crate::record::provenance::Provenance;

pub use error::SessionError;
pub use forget::forget;

/// Without a frame for so long, what was seen last says nothing.
const STALE_AFTER: Duration = Duration::from_secs(2);
/// A session that the broker ends sooner had hardly begun.
const SOON: Duration = Duration::from_secs(60);
/// What is published comes back within this time, where it is taken and may be read.
const COMES_BACK_WITHIN: Duration = Duration::from_secs(5);
/// Heat and frames a second are looked at this often.
const RUN_EVERY: Duration = Duration::from_secs(2);

/// A text that is shown nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(a secret)")
    }
}

/// Where the broker is, and who we are there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broker {
    pub host: String,
    pub port: u16,
    /// Whether the connection is encrypted, and the broker has to say who it is.
    pub tls: bool,
    pub user: Option<String>,
    pub password: Option<Secret>,
    /// What all topics begin with.
    pub prefix: String,
}

impl Broker {
    /// The same each time, so that a new connection ends a dead one of ours, and another one on
    /// each machine, so that two that share a prefix do not end each other's. Who is no run is
    /// another client. MQTT 3.1.1 guarantees 23 letters and digits.
    fn client_id(&self, host_name: &str, is_run: bool) -> String {
        let visits = if is_run { "" } else { "\nvisits" };
        format!("wingmark{:014x}", hash(&format!("{host_name}\n{}{visits}", self.prefix)) >> 8)
    }

    /// Of the device in Home Assistant, which allows letters, digits, `_` and `-`. Where these are
    /// not enough to tell the prefix from any other, its hash is added.
    fn device_id(&self) -> String {
        let is_kept = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let slug = |c: char| Some(c.to_ascii_lowercase()).filter(|c| is_kept(*c)).unwrap_or('_');
        let name: String = self.prefix.chars().map(slug).collect();
        if self.prefix.chars().all(|c| is_kept(c) || c == '/') {
            format!("wingmark_{name}")
        } else {
            format!("wingmark_{name}_{:08x}", hash(&self.prefix) >> 32)
        }
    }

    fn topic(&self, name: &str) -> String {
        format!("{}/{name}", self.prefix)
    }
}

/// The same on each machine.
fn hash(text: &str) -> u64 {
    u64::from_be_bytes(Sha256::digest(text)[..8].try_into().expect("eight bytes"))
}

/// Whom a state is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Attendance {
    Somebody,
    Nobody,
    /// No frame says.
    Unknown,
}

impl Attendance {
    fn of(entry: &Entry, frame: Option<u32>) -> Self {
        match frame {
            None => Attendance::Unknown,
            Some(_) if entry.seen.faces.is_empty() => Attendance::Nobody,
            Some(_) => Attendance::Somebody,
        }
    }
}

pub struct Mqtt {
    name: String,
    broker: Broker,
    metrics: Arc<Metrics>,
    session: Option<BrokerSession>,
    /// When the last session began, until it failed.
    opened_at: Option<Instant>,
    echoes: Echoes,
    backoff: Backoff,
    /// Why the last session failed.
    failure: String,
    /// Whether the broker ended the last session soon.
    ended_soon: bool,
    /// When the next state is due.
    beat: Beat,
    /// What the last one said.
    told: Attendance,
    frame_at: Instant,
    /// Whom the state is about.
    nearest: Nearest,
    run: RunFigures,
    run_at: Option<(Instant, u64)>,
    /// Who was said to speak.
    about: Option<Arc<Provenance>>,
}

impl Mqtt {
    /// `name` is said in messages; the state is sent no more often than `every`.
    pub fn new(name: String, broker: Broker, every: Duration, metrics: Arc<Metrics>) -> Self {
        Mqtt {
            name,
            broker,
            metrics,
            session: None,
            opened_at: None,
            echoes: Echoes::default(),
            backoff: Backoff::default(),
            failure: String::new(),
            ended_soon: false,
            beat: Beat::new(every),
            told: Attendance::Unknown,
            frame_at: Instant::now(),
            nearest: Nearest::default(),
            run: RunFigures::default(),
            run_at: None,
            about: None,
        }
    }

    /// Does `work` over the connection, which is made first where there is none and it is time for
    /// an attempt; it begins with what is seen, as in [`tell`](Self::tell). Where it fails, the
    /// connection is given up.
    fn attempt(
        &mut self,
        entry: &Entry,
        frame: Option<u32>,
        work: impl FnOnce(&mut Self, &mut BrokerSession) -> Result<(), SessionError>,
    ) -> Result<(), PublishError> {
        if self.session.is_none() && !self.backoff.is_over() {
            return Err(PublishError::Waiting { target: self.name.clone(), cause: self.failure.clone() });
        }
        let done = self.connected(entry, frame).and_then(|mut session| {
            work(self, &mut session)?;
            self.session = Some(session);
            Ok(())
        });
        let lasted = self.opened_at.map(|at| at.elapsed());
        let source = match done {
            Ok(()) => {
                self.backoff.worked_for(lasted.unwrap_or_default());
                return Ok(());
            }
            Err(source) => source,
        };
        let is_soon = matches!(source, SessionError::Ended) && lasted.is_some_and(|lasted| lasted < SOON);
        // Somebody may have stopped the broker: one such end says nothing of us.
        let source = if is_soon && self.ended_soon { self.echoes.ended_soon() } else { source };
        self.ended_soon = is_soon;
        self.opened_at = None;
        self.backoff.failed();
        self.failure = source.to_string();
        Err(PublishError::Mqtt { target: self.name.clone(), source })
    }

    fn connected(&mut self, entry: &Entry, frame: Option<u32>) -> Result<BrokerSession, SessionError> {
        let available = self.broker.topic("available");
        let mut session = match self.session.take() {
            Some(session) => session,
            None => {
                let mut session = BrokerSession::open(&self.broker, Some(&available))?;
                self.opened_at = Some(Instant::now());
                // What the broker keeps may be old, and Home Assistant takes it for what is so
                // once we are there.
                self.beat.begin(Instant::now());
                self.say_what_is_seen(&mut session, entry, frame)?;
                self.announce(&mut session)?;
                let config = discovery::topic(&self.broker.device_id());
                session.subscribe(&[
                    discovery::STATUS.into(),
                    available.clone(),
                    self.broker.topic("about"),
                    config,
                ])?;
                session
            }
        };
        let mut is_to_announce = false;
        for Message { topic, payload, .. } in session.attend()? {
            // Home Assistant may have just started, and its broker may have lost what it kept; or
            // somebody removed that, though we are there.
            if topic == discovery::STATUS {
                is_to_announce |= payload == b"online";
            } else if payload.is_empty() || (topic == available && payload != b"online") {
                is_to_announce = true;
            } else {
                self.echoes.heard(&topic);
            }
        }
        if self.opened_at.is_some_and(|at| at.elapsed() > COMES_BACK_WITHIN)
            && let Some(unheard) = self.echoes.missed()
        {
            log::warn!("{}: {unheard}", self.name);
        }
        if is_to_announce {
            self.announce(&mut session)?;
        }
        Ok(session)
    }

    fn announce(&mut self, session: &mut BrokerSession) -> Result<(), SessionError> {
        let id = self.broker.device_id();
        let config = discovery::config(&id, &self.broker.prefix).to_string();
        self.keep(session, &discovery::topic(&id), config.as_bytes())?;
        self.about = None;
        self.say_who_speaks(session)?;
        self.keep(session, &self.broker.topic("available"), b"online")
    }

    /// Publishes what the broker has to keep, and to pass back to us.
    fn keep(&mut self, session: &mut BrokerSession, topic: &str, payload: &[u8]) -> Result<(), SessionError> {
        self.echoes.sent(topic, payload.len());
        session.publish(topic, payload, true)
    }

    /// Once a connection, and when a run has taken another model.
    fn say_who_speaks(&mut self, session: &mut BrokerSession) -> Result<(), SessionError> {
        let made_by = self.metrics.made_by();
        if let Some(made_by) = made_by.as_ref().filter(|_| made_by != self.about) {
            self.keep(session, &self.broker.topic("about"), made_by.to_json().as_bytes())?;
        }
        self.about = made_by;
        Ok(())
    }

    /// Sends the state where it is due, and at once where people came or nobody is left. `frame` is
    /// the number of the frame that the entry is of, where there is one.
    fn tell(&mut self, session: &mut BrokerSession, entry: &Entry, frame: Option<u32>) -> Result<(), SessionError> {
        let now = Instant::now();
        if self.told == Attendance::of(entry, frame) && !self.beat.is_due(now) {
            return Ok(());
        }
        self.beat.went(now);
        self.say_who_speaks(session)?;
        self.say_what_is_seen(session, entry, frame)
    }

    fn say_what_is_seen(
        &mut self,
        session: &mut BrokerSession,
        entry: &Entry,
        frame: Option<u32>,
    ) -> Result<(), SessionError> {
        self.told = Attendance::of(entry, frame);
        self.look_at_run();
        let face = self.nearest.choose(&entry.seen.faces);
        let state = state::state(entry, frame, face, &self.run).to_string();
        session.publish(&self.broker.topic("state"), state.as_bytes(), true)?;
        session.publish(&self.broker.topic("faces"), state::faces(entry).to_string().as_bytes(), true)
    }

    /// What was seen last is not so any more. Where this fails, the last will says `offline`.
    fn take_leave(&mut self, mut session: BrokerSession) -> Result<(), SessionError> {
        // A state has figures of the run, and it may be these that panicked.
        if self.told != Attendance::Unknown && !std::thread::panicking() {
            self.say_what_is_seen(&mut session, &nobody(), None)?;
        }
        session.publish(&self.broker.topic("available"), b"offline", true)?;
        session.close()
    }

    fn look_at_run(&mut self) {
        let health = self.metrics.health();
        (self.run.dropped, self.run.trouble) = (health.dropped, health.trouble);
        let now = Instant::now();
        match self.run_at {
            Some((at, _)) if now - at < RUN_EVERY => return,
            Some((at, frames)) => self.run.fps = Some((health.frames - frames) as f64 / (now - at).as_secs_f64()),
            None => {}
        }
        self.run_at = Some((now, health.frames));
        self.run.temperature_c = State::hottest(&Tree::here());
    }
}

/// What is seen now where no frame says.
fn nobody() -> Entry {
    Entry::now(Observation::default())
}

impl Receiver for Mqtt {
    fn deliver(&mut self, entry: &Entry) -> Result<Way, PublishError> {
        self.frame_at = Instant::now();
        let frame = Some(entry.seen.sequence);
        self.attempt(entry, frame, |mqtt, session| {
            for event in &entry.seen.events {
                let event = state::event(event, entry).to_string();
                session.publish(&mqtt.broker.topic("events"), event.as_bytes(), false)?;
            }
            mqtt.tell(session, entry, frame)
        })?;
        Ok(Way::Works)
    }

    fn idle(&mut self) -> Result<Way, PublishError> {
        // Before it connects, which takes a while: the frames that come meanwhile are newer.
        let nobody = nobody();
        self.attempt(&nobody, None, |mqtt, session| {
            if mqtt.frame_at.elapsed() >= STALE_AFTER {
                mqtt.tell(session, &nobody, None)?;
            }
            Ok(())
        })?;
        Ok(Way::Works)
    }
}

impl Drop for Mqtt {
    fn drop(&mut self) {
        let _ = self.session.take().map(|session| self.take_leave(session));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::sync::mpsc;

    use bytes::BytesMut;
    use mqttbytes::v4::Packet;
    use nalgebra::Point2;
    use serde_json::Value;

    use super::*;
    use crate::face::Face;
    use crate::face::measure::Measures;
    use crate::picture::geometry::{Crop, Rect};
    use crate::text::seldom::EachOnceAMinute;

    /// A broker that greets so many clients and ends each connection; gives its port.
    fn impatient(clients: usize) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            for stream in listener.incoming().take(clients) {
                let mut stream = stream.unwrap();
                // What it is greeted with comes at once; its answer takes it.
                assert!(stream.read(&mut [0; 1024]).unwrap() > 0);
                stream.write_all(&[0x20, 2, 0, 0]).unwrap();
            }
        });
        port
    }

    #[test]
    fn a_broker_that_greets_and_leaves_is_tried_ever_less_often_and_the_cause_is_said() {
        let broker = Broker {
            host: "127.0.0.1".into(),
            port: impatient(2),
            tls: false,
            user: None,
            password: None,
            prefix: "desk".into(),
        };
        let mut mqtt = Mqtt::new("mqtt://broker".into(), broker, Duration::from_millis(1), Arc::default());
        let mut errors = Vec::new();
        while mqtt.backoff.next_pause() < Duration::from_secs(2) {
            errors.extend(mqtt.deliver(&Entry::now(Observation::default())).err());
            std::thread::sleep(Duration::from_millis(10));
        }
        let (mut seldom, now) = (EachOnceAMinute::default(), Instant::now());
        let is_said = errors.iter().map(|error| seldom.due(&error.cause(), now));
        assert_eq!(is_said.filter(|is_said| *is_said).count(), 2, "{errors:?}");
        let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
        let (ends, waits): (Vec<_>, Vec<_>) = errors.iter().partition(|error| !error.contains("not reached yet"));
        // A broker that was stopped ends the connection once; then nobody is there.
        assert_eq!(ends.len(), 2, "{ends:?}");
        assert_eq!(ends[0], "mqtt://broker: the broker ended the connection");
        assert!(ends[1].contains("ended the connection soon after it began; "), "{ends:?}");
        assert!(!waits.is_empty() && waits.iter().all(|error| error.contains("ended the connection")), "{errors:?}");
    }

    /// A broker that greets and takes everything; gives its port and the topics and payloads.
    fn patient() -> (u16, mpsc::Receiver<(String, String)>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (heard, messages) = mpsc::channel();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let (mut bytes, mut part) = (BytesMut::new(), [0; 4096]);
            while let Ok(count @ 1..) = stream.read(&mut part) {
                bytes.extend_from_slice(&part[..count]);
                while let Ok(packet) = mqttbytes::v4::read(&mut bytes, 1 << 20) {
                    match packet {
                        Packet::Connect(_) => stream.write_all(&[0x20, 2, 0, 0]).unwrap(),
                        Packet::Publish(message) => {
                            let text = String::from_utf8(message.payload.to_vec()).unwrap();
                            let _ = heard.send((message.topic, text));
                        }
                        _ => {}
                    }
                }
            }
        });
        (port, messages)
    }

    #[test]
    fn who_comes_and_who_is_gone_is_told_at_once_however_seldom_the_state_is() {
        let (port, messages) = patient();
        let broker =
            Broker { host: "127.0.0.1".into(), port, tls: false, user: None, password: None, prefix: "desk".into() };
        let mut mqtt = Mqtt::new("mqtt://broker".into(), broker, Duration::from_secs(100), Arc::default());
        for (sequence, faces) in (1..).zip([0, 0, 1, 2, 1, 0, 1, 1]) {
            let faces = vec![face(); faces];
            mqtt.deliver(&Entry::now(Observation { sequence, faces, ..Observation::default() })).unwrap();
        }
        mqtt.idle().unwrap();
        mqtt.frame_at = Instant::now().checked_sub(STALE_AFTER).unwrap();
        mqtt.idle().unwrap();
        mqtt.idle().unwrap();
        let last = Observation { sequence: 9, faces: vec![face()], ..Observation::default() };
        mqtt.deliver(&Entry::now(last)).unwrap();
        drop(mqtt);
        let messages: Vec<_> = messages.iter().collect();
        // Whoever hears that we are there has heard what is seen.
        let at = |topic: &str| messages.iter().position(|(name, _)| name == topic).unwrap();
        assert!(at("desk/state").max(at("desk/faces")) < at("desk/available"), "{messages:?}");
        let states = messages.iter().filter(|(topic, _)| topic == "desk/state");
        let states: Vec<Value> = states.map(|(_, text)| serde_json::from_str(text).unwrap()).collect();
        let told = states.iter().map(|state| (state["faces"].as_u64().unwrap(), state["sequence"].as_u64()));
        let expected = [(0, Some(1)), (1, Some(3)), (0, Some(6)), (1, Some(7)), (0, None), (1, Some(9)), (0, None)];
        assert_eq!(told.collect::<Vec<_>>(), expected);
        assert!(states.is_sorted_by_key(|state| state["wall_time"].as_str()), "{states:?}");
        let end: Vec<_> = messages[messages.len() - 3..].iter().map(|(topic, _)| topic.as_str()).collect();
        assert_eq!(end, ["desk/state", "desk/faces", "desk/available"]);
    }

    fn face() -> Face {
        Face {
            id: 1,
            bounds: Rect::new(0.0, 0.0, 9.0, 9.0),
            crop: Crop::new(Point2::origin(), 9.0, 0.0, 9),
            landmarks: Vec::new(),
            guessed: Vec::new(),
            presence: 1.0,
            measures: Measures::default(),
        }
    }

    #[test]
    fn names_keep_to_what_brokers_and_home_assistant_allow() {
        let broker = |prefix: &str| Broker {
            host: "h".into(),
            port: 1,
            tls: false,
            user: None,
            password: Some(Secret("hush".into())),
            prefix: prefix.into(),
        };
        let id = broker("car/Dash board").client_id("desk", true);
        assert!(id.len() <= 23 && id.chars().all(|c| c.is_ascii_alphanumeric()), "{id}");
        assert_eq!(id, broker("car/Dash board").client_id("desk", true));
        assert_ne!(id, broker("car").client_id("desk", true));
        assert_ne!(id, broker("car/Dash board").client_id("shelf", true));
        assert_ne!(id, broker("car/Dash board").client_id("desk", false));
        assert_eq!(broker("hall/desk-07").device_id(), "wingmark_hall_desk-07");
        let alike = ["car/dash board", "car/Dash board", "car/dash_board", "car/dash/board", "日本", "東京"];
        let ids: BTreeSet<String> = alike.iter().map(|prefix| broker(prefix).device_id()).collect();
        assert_eq!(ids.len(), alike.len(), "{ids:?}");
        assert!(ids.iter().all(|id| id.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c))), "{ids:?}");
        assert!(!format!("{:?}", broker("car")).contains("hush"));
    }
}
