//! The connections that are open, and how long one may keep its thread.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use rustix::event::{self, PollFd, PollFlags, Timespec};

/// So many at most, each with a thread.
pub const MOST: usize = 32;
/// So many of them stay and watch. The other places are left to those who ask for one answer, such
/// as a monitor for `/healthz`.
pub const MOST_VIEWERS: usize = 24;
/// Who does not take one part of an answer in this time is gone.
pub const TAKES_WITHIN: Duration = Duration::from_secs(5);
/// After a refusal, what was sent meanwhile is read for so long, or the refusal is lost on its way.
const LINGER: Duration = Duration::from_millis(300);

#[derive(Default)]
pub struct Guests {
    open: Mutex<Vec<Guest>>,
    closed: AtomicBool,
}

struct Guest {
    stream: Arc<TcpStream>,
    stage: Stage,
}

#[derive(PartialEq)]
enum Stage {
    /// Has not asked for anything yet.
    Asking,
    /// Gets its answer.
    Answered,
    /// Gets what comes until it goes.
    Watching,
}

/// A connection while it is open.
pub struct Pass {
    guests: Arc<Guests>,
    pub stream: Arc<TcpStream>,
}

impl Guests {
    fn lock(&self) -> MutexGuard<'_, Vec<Guest>> {
        self.open.lock().expect("nobody panics while holding the guests")
    }

    /// Where all places are taken, the guest that has waited longest without a request has to
    /// leave. `None` where all have sent one.
    pub fn admit(self: &Arc<Self>, stream: TcpStream) -> Option<Pass> {
        let stream = Arc::new(stream);
        let mut open = self.lock();
        if open.len() >= MOST {
            let longest = open.iter().position(|guest| guest.stage == Stage::Asking)?;
            let _ = open.remove(longest).stream.shutdown(Shutdown::Both);
        }
        open.push(Guest { stream: Arc::clone(&stream), stage: Stage::Asking });
        Some(Pass { guests: Arc::clone(self), stream })
    }

    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// Sends everybody home; `address` is where new ones are let in.
    pub fn close(&self, address: SocketAddr) {
        self.closed.store(true, Ordering::Relaxed);
        self.lock().iter().for_each(|guest| {
            let _ = guest.stream.shutdown(Shutdown::Both);
        });
        // Whoever waits for a connection gets one, and sees that there is no more to do.
        let _ = TcpStream::connect_timeout(&address, Duration::from_secs(1));
    }
}

impl Pass {
    /// It has asked, and stays until it is answered.
    pub fn has_asked(&self) {
        self.set(&mut self.guests.lock(), Stage::Answered);
    }

    /// Whether there is a place for one more viewer, which it has then.
    pub fn may_watch(&self) -> bool {
        let mut open = self.guests.lock();
        let viewers = open.iter().filter(|guest| guest.stage == Stage::Watching).count();
        let may = viewers < MOST_VIEWERS;
        if may {
            self.set(&mut open, Stage::Watching);
        }
        may
    }

    fn set(&self, open: &mut [Guest], stage: Stage) {
        if let Some(own) = open.iter_mut().find(|guest| Arc::ptr_eq(&guest.stream, &self.stream)) {
            own.stage = stage;
        }
    }

    /// Whether the other end is closed, for who has nothing to write by which it would be noticed.
    pub fn has_left(&self) -> bool {
        let closed = PollFlags::RDHUP | PollFlags::HUP | PollFlags::ERR;
        let mut polled = [PollFd::new(&*self.stream, PollFlags::RDHUP)];
        // What cannot be asked is tried with the next write.
        event::poll(&mut polled, Some(&Timespec::default())).is_ok() && polled[0].revents().intersects(closed)
    }

    /// Writes all, within [`TAKES_WITHIN`] however slowly it is taken.
    pub fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let deadline = Instant::now() + TAKES_WITHIN;
        let mut rest = bytes;
        let mut stream = &*self.stream;
        while !rest.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            stream.set_write_timeout(Some(left))?;
            match stream.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => rest = &rest[count..],
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    /// Says that no more comes, and lets the other end read it.
    pub fn say_goodbye(&self) {
        let _ = self.stream.shutdown(Shutdown::Write);
        let deadline = Instant::now() + LINGER;
        let mut part = [0; 1024];
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let may_wait = !left.is_zero() && self.stream.set_read_timeout(Some(left)).is_ok();
            if !may_wait || !matches!((&*self.stream).read(&mut part), Ok(1..)) {
                return;
            }
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.guests.lock().retain(|guest| !Arc::ptr_eq(&guest.stream, &self.stream));
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn who_has_left_is_noticed_without_a_word() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let viewer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let pass = Arc::<Guests>::default().admit(listener.accept().unwrap().0).unwrap();
        assert!(!pass.has_left());
        drop(viewer);
        let deadline = Instant::now() + Duration::from_secs(20);
        while !pass.has_left() {
            assert!(Instant::now() < deadline);
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}
