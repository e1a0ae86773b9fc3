//! Listeners that are not what a client hopes for.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::accept::{Acceptor, Connections};
use crate::ports;

/// A listener that never does what a client hopes for; ends on drop, with its connections.
#[derive(Debug)]
pub struct Fault {
    acceptor: Acceptor,
}

impl Fault {
    /// Takes connections and every byte, and never answers.
    ///
    /// # Panics
    /// Where it cannot listen.
    pub fn black_hole() -> Self {
        Self::new(|mut stream, _| {
            // Until the client goes, or the listener does.
            drop(std::io::copy(&mut stream, &mut std::io::sink()));
        })
    }

    /// Closes every connection at once.
    ///
    /// # Panics
    /// Where it cannot listen.
    pub fn cut() -> Self {
        Self::new(|stream, _| drop(stream))
    }

    /// A web server: whatever it is sent is a bad request.
    ///
    /// # Panics
    /// Where it cannot listen.
    pub fn http() -> Self {
        Self::new(|mut stream, _| {
            let answer = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            if stream.read(&mut [0; 4096]).is_ok() {
                // The client may have gone.
                drop(stream.write_all(answer.as_bytes()));
            }
        })
    }

    /// The address of a port that nobody listens on.
    pub fn closed_port() -> String {
        format!("127.0.0.1:{}", ports::free())
    }

    fn new(handle: impl Fn(TcpStream, &Connections) + Send + Sync + 'static) -> Self {
        let acceptor =
            Acceptor::start(handle).unwrap_or_else(|error| panic!("start a faulty listener: {error}"));
        Self { acceptor }
    }

    /// `127.0.0.1:port`.
    pub fn address(&self) -> String {
        self.acceptor.address().to_string()
    }

    /// How many connections came so far.
    pub fn connections(&self) -> usize {
        self.acceptor.connections().count()
    }
}
