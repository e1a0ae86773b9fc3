//! A TCP proxy in front of a broker, or of anything, that can be paused, slowed down and cut.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::accept::{Acceptor, Connections};

/// Forwards connections; ends on drop, with them. A listener that should only be reached through it advertises its
/// [`Proxy::address`].
#[derive(Debug)]
pub struct Proxy {
    shared: Arc<Shared>,
    acceptor: Acceptor,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    target: Option<String>,
    paused: bool,
    delay: Duration,
    refusing: bool,
    accepted: usize,
    /// Connections of an earlier round have been cut.
    round: u64,
}

impl Proxy {
    /// Forwards to `host:port`.
    ///
    /// # Panics
    /// Where it cannot listen.
    pub fn to(target: &str) -> Self {
        let proxy = Self::start();
        proxy.target(target);
        proxy
    }

    /// Closes every connection until it has a [`Proxy::target`]: for a broker that must know the proxy's address before
    /// it has one itself.
    ///
    /// # Panics
    /// Where it cannot listen.
    pub fn start() -> Self {
        let shared = Arc::new(Shared::default());
        let own = Arc::clone(&shared);
        // A connection that cannot be forwarded is closed, which is all that can be said on it.
        let acceptor = Acceptor::start(move |stream, all| drop(own.forward(&stream, all)));
        let acceptor = acceptor.unwrap_or_else(|error| panic!("start a proxy: {error}"));
        Self { shared, acceptor }
    }

    /// `localhost:port`.
    pub fn address(&self) -> String {
        format!("localhost:{}", self.acceptor.address().port())
    }

    /// Forwards new connections to `host:port` from now on.
    pub fn target(&self, target: &str) {
        self.change(|state| state.target = Some(target.into()));
    }

    /// Lets no byte through, while connections stay open and new ones are taken.
    pub fn pause(&self) {
        self.change(|state| state.paused = true);
    }

    /// Lets bytes through again, those held back first.
    pub fn resume(&self) {
        self.change(|state| state.paused = false);
    }

    /// Holds what is read up for so long, each way. What comes in the meantime waits behind it.
    pub fn delay(&self, delay: Duration) {
        self.change(|state| state.delay = delay);
    }

    /// Closes every connection there is.
    pub fn cut(&self) {
        self.change(|state| state.round += 1);
        self.acceptor.connections().close();
    }

    /// Closes new connections at once, or takes them again.
    pub fn refuse(&self, refusing: bool) {
        self.change(|state| state.refusing = refusing);
    }

    /// How many connections came so far, those refused included.
    pub fn connections(&self) -> usize {
        self.shared.state().accepted
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.shared.state());
        self.shared.changed.notify_all();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.refuse(true);
        self.cut();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn forward(&self, client: &TcpStream, all: &Connections) -> io::Result<()> {
        let (target, round) = {
            let mut state = self.state();
            state.accepted += 1;
            let target = state.target.clone().filter(|_| !state.refusing);
            (target, state.round)
        };
        let Some(target) = target else { return Ok(()) };
        let server = TcpStream::connect(target)?;
        let _kept = all.keep(&server)?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        thread::scope(|scope| {
            scope.spawn(|| self.pump(client, &server, round));
            self.pump(&server, client, round);
        });
        Ok(())
    }

    /// Copies one way until either side ends, then ends both.
    fn pump(&self, mut from: &TcpStream, mut to: &TcpStream, round: u64) {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(length) = from.read(&mut buffer) {
            if length == 0 || !self.pass(round) || to.write_all(&buffer[..length]).is_err() {
                break;
            }
        }
        for stream in [from, to] {
            drop(stream.shutdown(Shutdown::Both));
        }
    }

    /// Waits as long as bytes are held up; false: the connection was cut meanwhile.
    fn pass(&self, round: u64) -> bool {
        let begin = Instant::now();
        let mut state = self.state();
        loop {
            if state.round != round {
                return false;
            }
            let left = state.delay.saturating_sub(begin.elapsed());
            if !state.paused && left.is_zero() {
                return true;
            }
            // A pause ends with a notice, a delay with time.
            state = if state.paused {
                let waited = self.changed.wait(state);
                waited.unwrap_or_else(PoisonError::into_inner)
            } else {
                let waited = self.changed.wait_timeout(state, left);
                waited.unwrap_or_else(PoisonError::into_inner).0
            };
        }
    }
}
