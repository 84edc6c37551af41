//! Lets connections in and answers them, each on a thread of its own.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::json;

use super::feed::{EventFeed, Next};
use super::guests::{Guests, MOST_VIEWERS, Pass};
use super::newest::Look;
use super::request::{self, Request};
use super::token::Token;
use super::video::Video;
use super::{accept, answer};
use crate::machine::{State, Tree, VERSION};
use crate::record::metrics::Metrics;
use crate::text::seldom::OnceAMinute;
use crate::threads;

const PAGE: &str = include_str!("page.html");
/// A viewer hears something this often, so that silence is noticed there, and here who is gone.
const HEARTBEAT: Duration = Duration::from_secs(2);
/// Enough for one answer.
const STACK_BYTES: usize = 256 << 10;
/// Between tries where the system has no room for a connection.
const NAP: Duration = Duration::from_millis(50);

pub struct Server {
    pub feed: Arc<EventFeed>,
    pub video: Option<Arc<Video>>,
    pub metrics: Arc<Metrics>,
    pub token: Option<Token>,
    pub guests: Arc<Guests>,
}

pub fn start(listener: TcpListener, server: Server) -> io::Result<JoinHandle<()>> {
    let server = Arc::new(server);
    let accept = move || {
        let mut seldom = OnceAMinute::default();
        for stream in listener.incoming() {
            if server.guests.is_closed() {
                return;
            }
            if let Err(error) = stream.and_then(|stream| let_in(&server, stream)) {
                if seldom.due(Instant::now()) {
                    log::warn!("the page cannot let somebody in: {error}; it goes on trying");
                }
                std::thread::sleep(NAP);
            }
        }
    };
    threads::start_beside(thread(), "the page lets nobody in any more", accept)
}

/// Who gets no thread is sent away by the end of the connection.
fn let_in(server: &Arc<Server>, stream: TcpStream) -> io::Result<()> {
    // Frames are small and go one by one.
    let _ = stream.set_nodelay(true);
    let Some(pass) = server.guests.admit(stream) else { return Ok(()) };
    let server = Arc::clone(server);
    let thread = thread().stack_size(STACK_BYTES);
    // Without a thread the pass is dropped, and the connection with it.
    threads::start_beside(thread, "a viewer of the page is cut off", move || server.attend(&pass)).map(drop)
}

fn thread() -> Builder {
    Builder::new().name("page".into())
}

impl Server {
    fn attend(&self, pass: &Pass) {
        let request = match request::read(&pass.stream) {
            Ok(request) => request,
            Err(refusal) => {
                if let Some(answer) = answer::of_refusal(refusal) {
                    let _ = pass.write(&answer);
                    pass.say_goodbye();
                }
                return;
            }
        };
        // Who may not come in stays one that gives way.
        if let Some(refusal) = self.refusal(&request) {
            let _ = pass.write(&refusal);
            return pass.say_goodbye();
        }
        pass.has_asked();
        // Whoever is gone need not be told.
        let _ = self.answer(pass, &request);
        pass.say_goodbye();
    }

    fn refusal(&self, request: &Request) -> Option<Vec<u8>> {
        match &self.token {
            Some(token) if request.authorization.as_ref().is_some_and(|given| token.is_in(given)) => None,
            Some(_) => {
                let ask = "WWW-Authenticate: Basic realm=\"wingmark: any name, the token as password\", charset=\"UTF-8\"\r\n";
                Some(answer::short("401 Unauthorized", "a token is needed", ask, request.is_head))
            }
            None if request.is_for_this_machine() => None,
            None => {
                Some(answer::short("421 Misdirected Request", "ask by address or as localhost", "", request.is_head))
            }
        }
    }

    fn answer(&self, pass: &Pass, request: &Request) -> io::Result<()> {
        let whole = |status: &str, kind: &str, body: &[u8]| {
            pass.write(answer::head(status, kind, body.len(), "").as_bytes())?;
            if request.is_head { Ok(()) } else { pass.write(body) }
        };
        let not_found = |words: &str| pass.write(&answer::short("404 Not Found", words, "", request.is_head));
        match (request.path.as_str(), &self.video) {
            ("/", _) => whole("200 OK", "text/html; charset=utf-8", PAGE.as_bytes()),
            ("/metrics", _) => {
                let format = accept::format(request.accept.as_deref());
                whole("200 OK", format.content_type(), self.metrics.text(format).as_bytes())
            }
            ("/healthz", _) => {
                let (is_well, text) = self.health();
                let status = if is_well { "200 OK" } else { "503 Service Unavailable" };
                whole(status, "application/json", (text + "\n").as_bytes())
            }
            ("/events", _) => {
                let head = answer::stream_head("text/event-stream");
                self.stream(pass, request, &head, || self.send_events(pass))
            }
            ("/video", Some(video)) => {
                let head = answer::stream_head("multipart/x-mixed-replace; boundary=picture");
                self.stream(pass, request, &head, || send_pictures(pass, video))
            }
            ("/video", None) => not_found("this run shows no pictures"),
            (_, Some(_)) => not_found("there are /, /events, /video, /metrics and /healthz"),
            (_, None) => not_found("there are /, /events, /metrics and /healthz"),
        }
    }

    /// An answer without an end, where there is a place for one more viewer.
    fn stream(
        &self,
        pass: &Pass,
        request: &Request,
        head: &str,
        send: impl FnOnce() -> io::Result<()>,
    ) -> io::Result<()> {
        if request.is_head {
            return pass.write(head.as_bytes());
        }
        if !pass.may_watch() {
            let words = format!("{MOST_VIEWERS} viewers watch already; try again when one has left");
            return pass.write(&answer::short("503 Service Unavailable", &words, "Retry-After: 5\r\n", false));
        }
        pass.write(head.as_bytes())?;
        send()
    }

    /// Whether frames come, and how the run does.
    fn health(&self) -> (bool, String) {
        let health = self.metrics.health();
        let outlets = health.outlets.iter();
        let outlets = outlets.map(|outlet| json!({ "name": outlet.name, "sent": outlet.done, "lost": outlet.lost }));
        let text = json!({
            "healthy": health.trouble.is_none(), "trouble": health.trouble,
            "frames": health.frames, "dropped": health.dropped, "source_errors": health.source_errors,
            "outlets": outlets.collect::<Vec<_>>(), "temperature_c": State::hottest(&Tree::here()), "video": self.video.is_some(),
            "version": VERSION,
        });
        (health.trouble.is_none(), text.to_string())
    }

    fn send_events(&self, pass: &Pass) -> io::Result<()> {
        let mut cursor = self.feed.cursor();
        let mut due = Instant::now();
        loop {
            let now = Instant::now();
            if now >= due {
                pass.write(format!("event: health\ndata: {}\n\n", self.health().1).as_bytes())?;
                due = now + HEARTBEAT;
            }
            match cursor.next(due.saturating_duration_since(now)) {
                Next::End => return Ok(()),
                Next::Nothing => {}
                Next::Json(json) => pass.write(&[b"data: ", json.as_slice(), b"\n\n"].concat())?,
            }
        }
    }
}

fn send_pictures(pass: &Pass, video: &Video) -> io::Result<()> {
    let pictures = video.pictures();
    let _viewer = pictures.viewer();
    let mut seen = 0;
    loop {
        match pictures.look(seen, HEARTBEAT) {
            Look::Closed => return Ok(()),
            // Nothing may stand between two pictures, by which it would be noticed who has left.
            Look::Nothing if pass.has_left() => return Ok(()),
            Look::Nothing => {}
            Look::New(number, jpeg) => {
                seen = number;
                let head = format!("--picture\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n", jpeg.len());
                pass.write(&[head.as_bytes(), jpeg.as_slice(), b"\r\n"].concat())?;
            }
        }
    }
}
