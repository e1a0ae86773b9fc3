//! Who comes in: a bounded number of connections, none of which may dawdle, and whoever knows the token where there is one.
//! Knows no metric.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::serve::Listener;
use forebay_auth::Secret;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_io_timeout::TimeoutStream;

/// Connections at a time; the next one waits until one ends.
const CONNECTIONS: usize = 256;
/// How long a connection may send nothing, or take nothing of what is sent. Prometheus keeps one open from scrape to scrape.
const IDLE: Duration = Duration::from_secs(60);

/// Accepts connections.
pub(super) struct Door {
    listener: TcpListener,
    free: Arc<Semaphore>,
    idle: Duration,
}

impl Door {
    pub(super) fn new(listener: TcpListener) -> Self {
        Self::with(listener, CONNECTIONS, IDLE)
    }

    pub(super) fn with(listener: TcpListener, connections: usize, idle: Duration) -> Self {
        Self {
            listener,
            free: Arc::new(Semaphore::new(connections)),
            idle,
        }
    }
}

impl Listener for Door {
    type Io = Guest;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Guest, SocketAddr) {
        loop {
            let permit = Arc::clone(&self.free).acquire_owned().await;
            let Ok((stream, address)) = self.listener.accept().await else {
                // Out of file descriptors, say: others may come free.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            let mut stream = TimeoutStream::new(stream);
            stream.set_read_timeout(Some(self.idle));
            stream.set_write_timeout(Some(self.idle));
            let guest = Guest {
                stream: Box::pin(stream),
                _permit: permit.ok(),
            };
            return (guest, address);
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// One connection.
pub(super) struct Guest {
    stream: Pin<Box<TimeoutStream<TcpStream>>>,
    /// Given back when the connection ends.
    _permit: Option<OwnedSemaphorePermit>,
}

impl AsyncRead for Guest {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.stream.as_mut().poll_read(cx, to)
    }
}

impl AsyncWrite for Guest {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.stream.as_mut().poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.as_mut().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.as_mut().poll_shutdown(cx)
    }
}

/// Lets requests pass that bring the token.
pub(super) async fn guarded(
    State(token): State<Option<Arc<Secret>>>,
    request: Request,
    next: Next,
) -> Response {
    let brought = request.headers().get(header::AUTHORIZATION);
    let brought = brought.and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
    match token {
        Some(token) if !brought.is_some_and(|brought| same(brought, token.expose().as_bytes())) => {
            let ask = [(header::WWW_AUTHENTICATE, "Bearer")];
            let why = "send the pipeline file's `telemetry.token` as `Authorization: Bearer TOKEN`\n";
            (StatusCode::UNAUTHORIZED, ask, why).into_response()
        }
        _ => next.run(request).await,
    }
}

/// In a time that does not tell how much of it is right.
fn same(brought: &[u8], token: &[u8]) -> bool {
    let differences = brought.iter().zip(token).fold(0, |all, (a, b)| all | (a ^ b));
    brought.len() == token.len() && differences == 0
}
