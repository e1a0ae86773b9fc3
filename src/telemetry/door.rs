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
use tokio::time::{Sleep, sleep};
use tokio_io_timeout::TimeoutStream;

/// What connections may take.
pub(super) struct Limits {
    /// Connections at a time; the next one waits until one ends.
    pub(super) connections: usize,
    /// How long a connection may send nothing, or take nothing of what is sent.
    pub(super) idle: Duration,
    /// How long a request may take, from its first byte to the last one of its answer, however busily it dawdles.
    pub(super) request: Duration,
}

/// Prometheus keeps a connection open from scrape to scrape, and by default gives a scrape up after ten seconds.
const LIMITS: Limits = Limits {
    connections: 256,
    idle: Duration::from_secs(60),
    request: Duration::from_secs(10),
};

/// Accepts connections.
pub(super) struct Door {
    listener: TcpListener,
    free: Arc<Semaphore>,
    limits: Limits,
}

impl Door {
    pub(super) fn new(listener: TcpListener) -> Self {
        Self::with(listener, LIMITS)
    }

    pub(super) fn with(listener: TcpListener, limits: Limits) -> Self {
        Self {
            listener,
            free: Arc::new(Semaphore::new(limits.connections)),
            limits,
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
                sleep(Duration::from_millis(100)).await;
                continue;
            };
            let mut stream = TimeoutStream::new(stream);
            stream.set_read_timeout(Some(self.limits.idle));
            stream.set_write_timeout(Some(self.limits.idle));
            let guest = Guest {
                stream: Box::pin(stream),
                request: self.limits.request,
                until: None,
                answering: false,
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
    request: Duration,
    /// When the request under way must be answered; between requests there is none.
    until: Option<Pin<Box<Sleep>>>,
    /// Whether some of an answer is written.
    answering: bool,
    /// Given back when the connection ends.
    _permit: Option<OwnedSemaphorePermit>,
}

impl Guest {
    /// Fails what has to wait although the request has had its time.
    fn in_time<T>(&mut self, cx: &mut Context<'_>, step: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match &mut self.until {
            Some(until) if step.is_pending() => until
                .as_mut()
                .poll(cx)
                .map(|()| Err(io::ErrorKind::TimedOut.into())),
            _ => step,
        }
    }
}

impl AsyncRead for Guest {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = to.filled().len();
        let read = self.stream.as_mut().poll_read(cx, to);
        if to.filled().len() > before && self.until.is_none() {
            self.until = Some(Box::pin(sleep(self.request)));
        }
        self.in_time(cx, read)
    }
}

impl AsyncWrite for Guest {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = self.stream.as_mut().poll_write(cx, bytes);
        self.answering |= written.is_ready();
        self.in_time(cx, written)
    }

    /// What is flushed after a write is a whole answer: answers are of one piece.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = self.stream.as_mut().poll_flush(cx);
        if flushed.is_ready() && std::mem::take(&mut self.answering) {
            self.until = None;
        }
        self.in_time(cx, flushed)
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
    let brought = brought.and_then(|value| bearer(value.as_bytes()));
    match token {
        Some(token) if !brought.is_some_and(|brought| same(brought, token.expose().as_bytes())) => {
            let ask = [(header::WWW_AUTHENTICATE, "Bearer")];
            let why = "send the pipeline file's `telemetry.token` as `Authorization: Bearer TOKEN`\n";
            (StatusCode::UNAUTHORIZED, ask, why).into_response()
        }
        _ => next.run(request).await,
    }
}

/// The token of `Bearer TOKEN`; a scheme's case means nothing.
fn bearer(credentials: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = credentials.split_at_checked("Bearer ".len())?;
    scheme
        .eq_ignore_ascii_case(b"Bearer ")
        .then(|| token.trim_ascii_start())
}

/// In a time that does not tell how much of it is right.
fn same(brought: &[u8], token: &[u8]) -> bool {
    let differences = brought.iter().zip(token).fold(0, |all, (a, b)| all | (a ^ b));
    brought.len() == token.len() && differences == 0
}
