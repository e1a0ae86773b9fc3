//! Accepts connections on loopback and hands each to a thread of its own; all of them end with their owner. It knows
//! nothing of what is said on them.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

/// A port that is listened on; closed on drop, with its connections.
#[derive(Debug)]
pub(crate) struct Acceptor {
    address: SocketAddr,
    connections: Arc<Connections>,
    thread: Option<JoinHandle<()>>,
}

/// The connections there are, so that they can be closed from elsewhere.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    ended: AtomicBool,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    streams: HashMap<usize, TcpStream>,
    /// How many there ever were.
    count: usize,
}

/// Keeps a connection closable.
pub(crate) struct Kept<'a> {
    connections: &'a Connections,
    number: usize,
}

impl Acceptor {
    pub(crate) fn start(
        handle: impl Fn(TcpStream, &Connections) + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, crate::ports::free()))?;
        let address = listener.local_addr()?;
        let connections = Arc::new(Connections::default());
        let (shared, handle) = (Arc::clone(&connections), Arc::new(handle));
        let thread = thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.ended.load(Ordering::Acquire) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                let (shared, handle) = (Arc::clone(&shared), Arc::clone(&handle));
                thread::spawn(move || {
                    // A connection that cannot be kept is closed, here and below.
                    if let Ok(_kept) = shared.keep(&stream) {
                        handle(stream, &shared);
                    }
                });
            }
        });
        Ok(Self {
            address,
            connections,
            thread: Some(thread),
        })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn connections(&self) -> &Connections {
        &self.connections
    }
}

impl Drop for Acceptor {
    fn drop(&mut self) {
        self.connections.ended.store(true, Ordering::Release);
        // Wakes the thread that accepts.
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
        self.connections.close();
    }
}

impl Connections {
    /// Keeps a connection closable while the answer lives; closes it where the end has come already.
    pub(crate) fn keep(&self, stream: &TcpStream) -> io::Result<Kept<'_>> {
        let twin = stream.try_clone()?;
        let mut open = self.open();
        open.count += 1;
        let number = open.count;
        open.streams.insert(number, twin);
        drop(open);
        if self.ended.load(Ordering::Acquire) {
            self.close();
        }
        Ok(Kept {
            connections: self,
            number,
        })
    }

    /// Closes every connection there is.
    pub(crate) fn close(&self) {
        for stream in self.open().streams.values() {
            // It fails only where the other side was faster.
            drop(stream.shutdown(Shutdown::Both));
        }
    }

    /// How many were kept so far.
    pub(crate) fn count(&self) -> usize {
        self.open().count
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Kept<'_> {
    fn drop(&mut self) {
        self.connections.open().streams.remove(&self.number);
    }
}
