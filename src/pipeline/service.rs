//! Runs for weeks under a service manager: signals, readiness and the watchdog.

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::Builder;
use std::time::{Duration, Instant};

use sd_notify::NotifyState;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::flag;
use signal_hook::iterator::{Handle, Signals as Iterated};

use crate::capture;
use crate::threads;

/// What signals asked for.
pub struct Signals {
    stop: Arc<AtomicBool>,
    reload: Arc<AtomicBool>,
    /// Whether there is nothing yet that has to be made safe.
    opening: Arc<AtomicBool>,
    /// Ends the thread that waits for a signal until then.
    first: Handle,
    /// Whether a terminal was there at the start.
    had_terminal: bool,
}

impl Signals {
    /// Catches SIGTERM and SIGINT (stop) and SIGHUP (reload, or stop where it is the terminal that
    /// went). A second SIGINT ends the
    /// process at once, and until [`Signals::opened`] so does the first signal: a driver may keep
    /// for long who opens its camera. What is to be said then `when_early` says, and gives the exit
    /// code. SIGXFSZ (a file may not grow any more) ends nothing: the write that it is about fails,
    /// as on a full disk.
    pub fn catch(when_early: impl FnOnce() -> i32 + Send + 'static) -> io::Result<Self> {
        let (stop, reload) = (Arc::<AtomicBool>::default(), Arc::<AtomicBool>::default());
        // The order matters: at the first SIGINT the flag is not set yet.
        flag::register_conditional_shutdown(SIGINT, 130, Arc::clone(&stop))?;
        for signal in [SIGTERM, SIGINT] {
            flag::register(signal, Arc::clone(&stop))?;
        }
        let opening = Arc::new(AtomicBool::new(true));
        let mut signals = Iterated::new([SIGTERM, SIGINT])?;
        let (first, still_opening) = (signals.handle(), Arc::clone(&opening));
        let wait = move || {
            if signals.forever().next().is_some() && still_opening.load(Relaxed) {
                capture::end_all();
                std::process::exit(when_early());
            }
        };
        threads::start_beside(Builder::new().name("signals".into()), "no signal ends what is being opened", wait)?;
        flag::register(SIGHUP, Arc::clone(&reload))?;
        flag::register(SIGXFSZ, Arc::default())?;
        Ok(Signals { stop, reload, opening, first, had_terminal: has_terminal() })
    }

    /// All that a run needs is open: from now on a signal lets what was begun come to its end.
    pub fn opened(&self) {
        self.opening.store(false, Relaxed);
        self.first.close();
    }

    pub fn stop(&self) -> bool {
        self.stop.load(Relaxed)
    }

    /// Whether a reload was asked for since the last call. Where the terminal went from which this
    /// was started, SIGHUP is a stop.
    pub fn take_reload(&self) -> bool {
        let came = self.reload.swap(false, Relaxed);
        if came && self.had_terminal && !has_terminal() {
            self.stop.store(true, Relaxed);
        }
        came && !self.stop()
    }
}

/// One that was hung up is none any more.
fn has_terminal() -> bool {
    io::stdin().is_terminal() || io::stderr().is_terminal()
}

/// The service manager that started this process, if one did (systemd's `sd_notify` protocol).
pub struct ServiceManager {
    /// Restarts this process when it hears nothing for so long.
    watchdog: Option<Duration>,
    fed_at: Option<Instant>,
}

impl ServiceManager {
    pub fn from_environment() -> Self {
        ServiceManager { watchdog: sd_notify::watchdog_enabled(), fed_at: None }
    }

    /// Whether it waits for news of this process.
    pub fn is_there(&self) -> bool {
        std::env::var_os("NOTIFY_SOCKET").is_some()
    }

    /// A frame went through the whole pipeline. The first one makes the service ready, and nothing
    /// else feeds the watchdog.
    pub fn frame_done(&mut self) {
        let due = match (self.fed_at, self.watchdog) {
            (None, _) => true,
            (Some(at), Some(watchdog)) => at.elapsed() >= watchdog / 4,
            (Some(_), None) => false,
        };
        if due {
            let ready = self.fed_at.is_none().then_some(NotifyState::Ready);
            self.fed_at = Some(Instant::now());
            tell(&ready.into_iter().chain([NotifyState::Watchdog]).collect::<Vec<_>>());
        }
    }

    /// What `systemctl status` shows.
    pub fn status(&self, text: &str) {
        tell(&[NotifyState::Status(text)]);
    }

    pub fn stopping(&self) {
        tell(&[NotifyState::Stopping]);
    }
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(e) = sd_notify::notify(states) {
        log::warn!("cannot reach the service manager: {e}");
    }
}
