//! Boards of a fleet without cameras or nets. Their observations are made up; the code that sends
//! them ships. `tests/fleet/run` starts them, a broker and Prometheus.

#[path = "../common/face.rs"]
mod face;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use wingmark::capture::Status;
use wingmark::face::measure::{Event, EventKind};
use wingmark::face::{Observation, Timings, zoo};
use wingmark::publish::page::{Listener, Page};
use wingmark::publish::{Policy, Publisher, ReceiverSettings, Target};
use wingmark::record::entry::Entry;
use wingmark::record::metrics::Metrics;
use wingmark::record::provenance::{Chosen, Provenance};

/// Frames a second, and how often one of them has an event.
const RATE: u32 = 10;
const EVENT_EVERY: u32 = 20;
/// So long before the end the last board is switched off, and the camera of the one before it has
/// come back this often.
const FAULTS_S: u32 = 40;
const RECONNECTS: u64 = 9;

/// A number that the environment gives.
fn number<T: std::str::FromStr>(name: &str) -> T {
    let text = std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run tests/fleet/run"));
    text.parse().ok().unwrap_or_else(|| panic!("{name}={text} is no number"))
}

struct Board {
    metrics: Arc<Metrics>,
    publishers: Vec<Publisher>,
}

impl Board {
    fn start(number: u16, broker: u16, page: u16) -> Board {
        let made_by = Provenance::here(Chosen {
            card: &zoo::SHIPPED[0].card().unwrap(),
            digest: zoo::Choice::Shipped(&zoo::SHIPPED[0]).read().unwrap().digest(),
            board: &format!("simulated-{number:02}"),
            source: None,
            camera: None,
        });
        let metrics = Arc::<Metrics>::default();
        metrics.describe(&Arc::new(made_by));
        let target: Target = format!("mqtt://127.0.0.1:{broker}/fleet/{number:02}").parse().unwrap();
        let receiver = target.receiver(&ReceiverSettings {
            head: None,
            every: Duration::from_millis(200),
            password: None,
            metrics: &metrics,
        });
        let address = SocketAddr::from(([127, 0, 0, 1], page + number));
        let page = Page::open(Listener::bind(address, None).unwrap(), false, Arc::clone(&metrics)).unwrap();
        let start = |name: String, receiver| Publisher::start(name, Policy::Newest, receiver).unwrap();
        let publishers = vec![start(target.to_string(), receiver), start("page".into(), Box::new(page))];
        publishers.iter().for_each(|publisher| metrics.add_receiver(publisher.name(), publisher.tally()));
        Board { metrics, publishers }
    }

    fn see(&mut self, sequence: u32) {
        let captured_at = Duration::from_secs(1) * sequence / RATE;
        let event = Event { kind: EventKind::Blink, face: 1, at: captured_at, lasted: Duration::from_millis(150) };
        let seen = Observation {
            sequence,
            captured_at,
            faces: vec![face::face(1)],
            events: sequence.is_multiple_of(EVENT_EVERY).then_some(event).into_iter().collect(),
            timings: Timings { total: Duration::from_millis(12), ..Timings::default() },
            ..Observation::default()
        };
        self.metrics.count(&seen);
        let entry = Entry::now(seen);
        self.publishers.iter_mut().for_each(|publisher| publisher.publish(&entry));
    }

    /// Ends as a run does.
    fn end(self) {
        let deadline = Instant::now() + Duration::from_secs(5);
        for publisher in self.publishers {
            publisher.finish(deadline);
        }
    }
}

#[test]
#[ignore = "takes a minute and needs a broker: tests/fleet/run"]
fn boards() {
    let (count, seconds) = (number::<u16>("WINGMARK_FLEET_BOARDS"), number::<u32>("WINGMARK_FLEET_SECONDS"));
    let (broker, page) = (number("WINGMARK_FLEET_BROKER"), number("WINGMARK_FLEET_PAGE"));
    let mut boards: Vec<Board> = (0..count).map(|number| Board::start(number, broker, page)).collect();
    let start = Instant::now();
    for sequence in 0..seconds * RATE {
        if sequence == (seconds - FAULTS_S) * RATE {
            boards.pop().into_iter().for_each(Board::end);
            let board = boards.last().expect("there are more boards than one");
            board.metrics.set_camera(&Status::Live, RECONNECTS);
        }
        boards.iter_mut().for_each(|board| board.see(sequence));
        let next = start + Duration::from_secs(1) * (sequence + 1) / RATE;
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    boards.into_iter().for_each(Board::end);
}
