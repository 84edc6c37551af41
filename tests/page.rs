//! The page's server, as browsers, programs and attackers meet it.

#[path = "common/face.rs"]
mod face;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use wingmark::face::Observation;
use wingmark::picture::built_in_picture;
use wingmark::publish::page::{Listener, Page, Token, Video};
use wingmark::publish::{Policy, Publisher};
use wingmark::record::entry::Entry;
use wingmark::record::metrics::{Metrics, MetricsFormat};

/// Longer than anything here takes on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(60);
const LOCAL: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// A run that shows a hundred frames a second on its page, until it is dropped.
struct Run {
    address: SocketAddr,
    metrics: Arc<Metrics>,
    frames: Arc<AtomicU32>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Run {
    fn start(token: Option<Token>, with_video: bool) -> Run {
        Run::with_faces(1, token, with_video)
    }

    fn with_faces(count: usize, token: Option<Token>, with_video: bool) -> Run {
        let metrics = Arc::<Metrics>::default();
        let page = Page::open(Listener::bind(LOCAL, token).unwrap(), with_video, Arc::clone(&metrics)).unwrap();
        let (address, video) = (page.address(), page.video());
        let mut publisher = Publisher::start("page".into(), Policy::Newest, Box::new(page)).unwrap();
        metrics.add_receiver(publisher.name(), publisher.tally());
        let (frames, stop) = (Arc::default(), Arc::default());
        let mut run = Run { address, metrics, frames, stop, thread: None };
        let (frames, stop) = (Arc::clone(&run.frames), Arc::clone(&run.stop));
        let metrics = Arc::clone(&run.metrics);
        let go_on = move || {
            let mut sequence = 0;
            while !stop.load(Ordering::Relaxed) {
                sequence += 1;
                let captured_at = Duration::from_millis(10) * sequence;
                let seen =
                    Observation { sequence, captured_at, faces: vec![face::face(7); count], ..Observation::default() };
                publisher.publish(&Entry::now(seen.clone()));
                offer(video.as_deref());
                metrics.count(&seen);
                frames.store(sequence, Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(10));
            }
            publisher.finish(Instant::now() + PATIENCE);
        };
        run.thread = Some(std::thread::spawn(go_on));
        run
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// The whole answer to a request, which may be cut where the server had enough.
    fn ask(&self, request: &[u8]) -> String {
        let mut stream = self.connect();
        let _ = stream.write_all(request);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }

    fn get(&self, path: &str, more: &str) -> String {
        self.ask(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{more}\r\n").as_bytes())
    }

    /// Looks at `/events` from now on.
    fn watch(&self) -> BufReader<TcpStream> {
        let mut stream = self.connect();
        stream.write_all(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        BufReader::new(stream)
    }

    /// Waits until so many more frames were published: nobody holds them up.
    fn goes_on(&self, frames: u32) {
        let (from, start) = (self.frames.load(Ordering::Relaxed), Instant::now());
        while self.frames.load(Ordering::Relaxed) < from + frames {
            assert!(start.elapsed() < PATIENCE, "frames are held up");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

fn offer(video: Option<&Video>) {
    if let Some(video) = video {
        video.offer(&built_in_picture());
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap();
    }
}

/// The next event of a stream, and its name, which that of a frame has not.
fn next_event(viewer: &mut BufReader<TcpStream>) -> (String, serde_json::Value) {
    let mut name = String::new();
    loop {
        let mut line = String::new();
        assert!(viewer.read_line(&mut line).unwrap() > 0, "the stream ended");
        if let Some(said) = line.strip_prefix("event: ") {
            name = said.trim().into();
        } else if let Some(json) = line.strip_prefix("data: ") {
            return (name, serde_json::from_str(json).unwrap());
        }
    }
}

/// The next object of a frame.
fn next(viewer: &mut BufReader<TcpStream>) -> serde_json::Value {
    loop {
        let (name, object) = next_event(viewer);
        if name.is_empty() {
            return object;
        }
    }
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or("none")
}

#[test]
fn a_browser_gets_the_page_and_programs_their_figures() {
    let run = Run::start(None, false);
    run.goes_on(2);
    let page = run.get("/", "");
    assert!(page.starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/html"), "{}", &page[..200]);
    let (head, body) = page.split_once("\r\n\r\n").unwrap();
    assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())));
    assert!(head.contains("default-src 'none'"));
    // Nothing comes from elsewhere.
    assert!(!body.contains("http://") && !body.contains("https://") && !body.contains("//cdn"));
    for (path, host, expected) in [
        ("/", "localhost", "200"),
        ("/healthz", "localhost", "200"),
        ("/events", "localhost", "200"),
        ("/video", "localhost", "404"),
        ("/nowhere", "localhost", "404"),
        ("/", "evil.example", "421"),
    ] {
        let head = run.ask(format!("HEAD {path} HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes());
        assert!(head.ends_with("\r\n\r\n") && status(&head) == expected, "{path}: {head}");
    }
    for (accept, format) in [
        ("", MetricsFormat::Prometheus),
        ("Accept: application/openmetrics-text; version=1.0.0\r\n", MetricsFormat::OpenMetrics),
    ] {
        let figures = run.get("/metrics", accept);
        let (head, figures) = figures.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("Content-Type: {}\r\n", format.content_type())), "{head}");
        let (first, last) = (figures.lines().next(), figures.lines().last().unwrap());
        assert_eq!(first, run.metrics.text(format).lines().next());
        assert_eq!(last == "# EOF", format == MetricsFormat::OpenMetrics, "{last}");
    }
    let health = run.get("/healthz", "");
    let object: serde_json::Value = serde_json::from_str(health.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!((status(&health), &object["healthy"], &object["video"]), ("200", &true.into(), &false.into()));
    assert_eq!(object["outlets"][0]["name"], "page");
    let trouble = wingmark::capture::Status::Gone { name: "camera".into(), reason: "unplugged".into() };
    run.metrics.set_camera(&trouble, 0);
    let health = run.get("/healthz", "");
    assert!(status(&health) == "503" && health.contains("unplugged"), "{health}");
}

#[test]
fn ten_viewers_get_the_objects_of_the_record() {
    let run = Run::start(None, false);
    let mut viewers: Vec<_> = (0..10).map(|_| run.watch()).collect();
    for viewer in &mut viewers {
        let (first, second) = (next(viewer), next(viewer));
        assert!(first["sequence"].as_u64() < second["sequence"].as_u64());
        assert_eq!(first["faces"][0]["points"].as_array().unwrap().len(), 68);
        assert_eq!(first["schema"], wingmark::record::jsonl::SCHEMA);
    }
}

#[test]
fn a_viewer_hears_how_the_run_does() {
    let run = Run::start(None, false);
    run.goes_on(2);
    let mut viewer = run.watch();
    let (name, health) = next_event(&mut viewer);
    assert_eq!((name.as_str(), &health["healthy"]), ("health", &true.into()));
    let trouble = wingmark::capture::Status::Gone { name: "camera".into(), reason: "unplugged".into() };
    run.metrics.set_camera(&trouble, 0);
    let start = Instant::now();
    loop {
        assert!(start.elapsed() < PATIENCE, "the trouble is not said");
        let (name, health) = next_event(&mut viewer);
        if name == "health" && health["trouble"].as_str().is_some_and(|words| words.contains("unplugged")) {
            break;
        }
    }
}

/// Resident memory of this process.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn who_never_reads_holds_up_nothing_and_is_gone() {
    // Some 80 KB a frame, so that a second fills the buffers between two processes.
    let run = Run::with_faces(30, None, false);
    let silent: Vec<_> = (0..5).map(|_| run.watch()).collect();
    let mut viewer = run.watch();
    next(&mut viewer);
    let before = resident_kib();
    let until = Instant::now() + Duration::from_secs(12);
    while Instant::now() < until {
        next(&mut viewer);
    }
    assert!(resident_kib() < before + 20_000, "{before} KiB grew to {}", resident_kib());
    // Who reads has the newest frame, or one of the few that come while it is read here.
    let newest = u64::from(run.frames.load(Ordering::Relaxed));
    let mut seen = 0;
    for _ in 0..100 {
        seen = next(&mut viewer)["sequence"].as_u64().unwrap();
    }
    assert!(seen >= newest, "{seen} of {newest}");
    // The silent ones were sent away: their streams end.
    for mut viewer in silent {
        let (mut rest, mut end) = (vec![0; 65536], 1);
        while end > 0 {
            end = viewer.get_mut().read(&mut rest).unwrap_or(0);
        }
    }
}

#[test]
fn viewers_leave_places_to_monitors() {
    let run = Run::start(None, false);
    let watch = || {
        let (mut viewer, mut first) = (run.watch(), String::new());
        viewer.read_line(&mut first).unwrap();
        (status(&first).to_string(), viewer)
    };
    let viewers: Vec<_> = (0..24).map(|_| watch()).collect();
    assert!(viewers.iter().all(|(status, _)| status == "200"));
    for _ in 0..10 {
        let (refused, _viewer) = watch();
        assert_eq!(refused, "503");
        for path in ["/healthz", "/metrics", "/"] {
            assert_eq!(status(&run.get(path, "")), "200", "{path}");
        }
    }
    // One who leaves makes room.
    drop(viewers);
    let start = Instant::now();
    while watch().0 != "200" {
        assert!(start.elapsed() < PATIENCE, "nobody was let in again");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn who_asks_slowly_keeps_nobody_out() {
    let run = Run::start(None, false);
    // More than there are places for, none of which ever ends its request.
    let mut slow: Vec<_> = (0..100)
        .map(|_| {
            let mut stream = run.connect();
            let _ = stream.write_all(b"GET / HTTP/1.1\r\nHost: loc");
            stream
        })
        .collect();
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(6) {
        slow.iter_mut().for_each(|stream| {
            let _ = stream.write_all(b"a");
        });
        assert_eq!(status(&run.get("/healthz", "")), "200");
        next(&mut run.watch());
        std::thread::sleep(Duration::from_millis(200));
    }
    // Each of them is gone by now: a request has five seconds.
    std::thread::sleep(Duration::from_secs(1));
    for mut stream in slow {
        let _ = stream.read_to_end(&mut Vec::new());
    }
}

#[test]
fn bad_requests_are_refused_and_leave_nothing_behind() {
    let run = Run::start(None, false);
    let long = format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "a".repeat(20_000));
    let many = format!("GET / HTTP/1.1\r\nHost: localhost\r\n{}\r\n", "a: b\r\n".repeat(200));
    let cases: [(&[u8], &str); 11] = [
        (b"POST / HTTP/1.1\r\nHost: localhost\r\n\r\n", "405"),
        (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", "400"),
        (b"GET / HTTP/9.9\r\n\r\n", "400"),
        (b"GET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n", "404"),
        (b"GET /../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n", "404"),
        (b"GET /video HTTP/1.1\r\nHost: localhost\r\n\r\n", "404"),
        (b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", "421"),
        (b"GET / HTTP/1.1\r\n\r\n", "421"),
        (b"GET / HTTP/1.1\r\nHost localhost\r\n\r\n", "400"),
        (long.as_bytes(), "431"),
        (many.as_bytes(), "431"),
    ];
    for (request, expected) in &cases {
        assert_eq!(
            status(&run.ask(request)),
            *expected,
            "{}",
            String::from_utf8_lossy(&request[..request.len().min(60)])
        );
    }
    let before = resident_kib();
    for round in 0..1000 {
        for (request, _) in &cases[..10] {
            let mut stream = run.connect();
            let _ = stream.write_all(&request[..request.len() - round % request.len().min(30)]);
        }
    }
    assert!(resident_kib() < before + 20_000, "{before} KiB grew to {}", resident_kib());
    run.goes_on(10);
    assert_eq!(status(&run.get("/healthz", "")), "200");
}

#[test]
fn nothing_is_shown_without_the_token() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    std::fs::write(&path, "open sesame\n").unwrap();
    let run = Run::start(Some(Token::read(Path::new(&path)).unwrap()), true);
    run.goes_on(1);
    for path in ["/", "/events", "/metrics", "/healthz", "/video", "/nowhere"] {
        for given in ["", "Authorization: Bearer open\r\n", "Authorization: Basic b3Blbjpz\r\n"] {
            let answer = run.get(path, given);
            assert!(status(&answer) == "401" && answer.contains("WWW-Authenticate: Basic"), "{answer}");
            assert!(answer.split_once("\r\n\r\n").unwrap().1 == "a token is needed\n", "{answer}");
        }
    }
    let head = run.ask(b"HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert!(head.ends_with("\r\n\r\n") && status(&head) == "401", "{head}");
    assert_eq!(status(&run.get("/", "Authorization: Bearer open sesame\r\n")), "200");
    // `wingmark:open sesame`, as a browser sends it; with a token any name of this machine will do.
    let basic = "Authorization: Basic d2luZ21hcms6b3BlbiBzZXNhbWU=\r\n";
    let request = format!("GET /healthz HTTP/1.1\r\nHost: kitchen.local\r\n{basic}\r\n");
    assert_eq!(status(&run.ask(request.as_bytes())), "200");
}

#[test]
fn other_machines_need_a_token() {
    let everywhere = "0.0.0.0:0".parse().unwrap();
    let error = Listener::bind(everywhere, None).err().unwrap().to_string();
    assert!(error.contains("no token"), "{error}");
}

#[test]
fn a_port_that_is_taken_is_said() {
    let run = Run::start(None, false);
    let error = Listener::bind(run.address, None).err().unwrap().to_string();
    assert!(error.contains("choose another port"), "{error}");
}

#[test]
fn pictures_are_shown_where_they_may_be() {
    let run = Run::start(None, true);
    assert!(run.get("/nowhere", "").ends_with("there are /, /events, /video, /metrics and /healthz\n"));
    let mut stream = run.connect();
    stream.write_all(b"GET /video HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut viewer = BufReader::new(stream);
    for _ in 0..3 {
        let mut length = 0;
        loop {
            let mut line = String::new();
            assert!(viewer.read_line(&mut line).unwrap() > 0);
            if let Some(count) = line.strip_prefix("Content-Length: ") {
                length = count.trim().parse().unwrap();
            } else if line == "\r\n" && length > 0 {
                break;
            }
        }
        let mut jpeg = vec![0; length];
        viewer.read_exact(&mut jpeg).unwrap();
        let picture = image::load_from_memory(&jpeg).unwrap();
        assert_eq!((picture.width(), picture.height()), (512, 512));
    }
}
