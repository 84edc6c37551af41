//! `--serve`: a page for a browser, and the same figures for programs.
//!
//! | path | what |
//! |---|---|
//! | `/` | the page: one file, which names no other host |
//! | `/events` | server-sent events: the object of `--record -` for each frame, the newest first to a slow viewer; health every two seconds |
//! | `/metrics` | the figures of the metrics file, as Prometheus' text or, where it is asked for, OpenMetrics |
//! | `/healthz` | JSON; 200 where frames come, 503 where they do not |
//! | `/video` | MJPEG, only where pictures may be shown |
//!
//! One thread a connection, which is closed after its answer. At most 32 are open, 24 of them
//! those of viewers, who stay; one without a request yet gives way to a new one. A viewer that
//! takes nothing for five seconds is cut off. Frames never wait for a viewer: it takes the newest
//! one when it is ready.

mod accept;
mod answer;
mod feed;
mod guests;
mod newest;
mod request;
mod server;
mod token;
mod video;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;

use self::feed::EventFeed;
use self::guests::Guests;
use self::server::Server;
use super::{PublishError, Receiver, Way};
use crate::record::entry::Entry;
use crate::record::metrics::Metrics;

pub use token::{Token, TokenError};
pub use video::Video;

/// The port of a page that lets nobody in yet.
pub struct Listener {
    address: SocketAddr,
    socket: TcpListener,
    token: Option<Token>,
}

impl Listener {
    /// Port 0 takes any that is free. Without a token, only this machine may be let in.
    pub fn bind(at: SocketAddr, token: Option<Token>) -> Result<Self, PublishError> {
        if token.is_none() && !at.ip().is_loopback() {
            return Err(PublishError::NoToken(at));
        }
        let failed = |source| PublishError::Serve { at, source };
        let socket = TcpListener::bind(at).map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        Ok(Listener { address, socket, token })
    }
}

/// Serves until it is dropped.
pub struct Page {
    address: SocketAddr,
    feed: Arc<EventFeed>,
    video: Option<Arc<Video>>,
    guests: Arc<Guests>,
    accepts: Option<JoinHandle<()>>,
}

impl Page {
    /// Lets in who comes to that port.
    pub fn open(listener: Listener, with_video: bool, metrics: Arc<Metrics>) -> Result<Self, PublishError> {
        let Listener { address, socket, token } = listener;
        let feed = Arc::<EventFeed>::default();
        let video = with_video.then(Video::start).transpose().map_err(PublishError::Thread)?;
        let guests = Arc::<Guests>::default();
        let server =
            Server { feed: Arc::clone(&feed), video: video.clone(), metrics, token, guests: Arc::clone(&guests) };
        let accepts = server::start(socket, server).map_err(PublishError::Thread)?;
        log::info!("the page is at http://{address}");
        Ok(Page { address, feed, video, guests, accepts: Some(accepts) })
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes pictures, where they may be shown.
    pub fn video(&self) -> Option<Arc<Video>> {
        self.video.clone()
    }
}

impl Receiver for Page {
    fn deliver(&mut self, entry: &Entry) -> Result<Way, PublishError> {
        self.feed.show(entry);
        Ok(Way::Works)
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        self.feed.close();
        self.video.iter().for_each(|video| video.close());
        self.guests.close(self.address);
        if let Some(accepts) = self.accepts.take() {
            // A panic of the thread has been said and counted.
            let _ = accepts.join();
        }
    }
}
