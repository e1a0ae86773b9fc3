//! A service of a cloud, on loopback: what it was asked, and how it fails when told to. It knows no cloud.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{future, io};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, DATE};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::serve::Listener;
use tokio::net::{TcpListener, TcpStream};

use crate::cloud::time::Clock;
use crate::http::{self, Server};

/// What a service does instead of its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outage {
    /// Refuses, in the service's own form: access is denied, there is no such role or identity.
    Denied,
    /// What is handed out has expired already; a service that only checks says that its caller's credentials have.
    Expired,
    /// Too many requests, in the service's own form.
    Throttled,
    /// 500, in the service's own form.
    ServerError,
    /// 200 with a page of HTML, as a proxy answers that wants a login.
    Html,
    /// 200 with `{}`.
    Empty,
    /// 404 with a page of HTML, as a server answers that is another one.
    Missing,
    /// The first half of the answer.
    Truncated,
    /// Takes the request and never answers.
    Silent,
    /// Answers, after so long.
    Slow(Duration),
    /// Ends every connection without a word.
    Down,
}

/// A service that can be told to fail; ends on drop.
#[derive(Debug)]
pub struct Service {
    url: String,
    switch: Arc<Switch>,
    _server: Server,
}

/// What a service answers in an outage, in its own form; `None`: what it answers else.
pub(crate) type Refusal = fn(Outage) -> Option<Response>;

#[derive(Debug)]
struct Switch {
    refusal: Refusal,
    state: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    outage: Option<Outage>,
    /// What time it is there, where it is another than here.
    clock: Option<Clock>,
    requests: Vec<String>,
}

impl Service {
    pub(crate) fn start(routes: Router, refusal: Refusal) -> io::Result<Self> {
        let switch = Arc::new(Switch {
            refusal,
            state: Mutex::default(),
        });
        let routes = routes.layer(middleware::from_fn_with_state(Arc::clone(&switch), pass));
        let (listener, url) = http::bind()?;
        let door = Arc::clone(&switch);
        let server = Server::start(listener, routes, |listener| Door {
            listener,
            switch: door,
        })?;
        Ok(Self {
            url,
            switch,
            _server: server,
        })
    }

    /// `http://127.0.0.1:port`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Fails from now on; `None`: does not.
    pub fn fail(&self, outage: Option<Outage>) {
        self.switch.seen().outage = outage;
    }

    /// The service's clock, as its answers show it, is so much ahead of this machine's from now on. What it hands out
    /// keeps its time.
    pub fn clock_ahead(&self, by: Duration) {
        self.switch.seen().clock = Some(Clock::Ahead(by));
    }

    /// The service's clock, as its answers show it, is so much behind this machine's from now on. What it hands out keeps
    /// its time.
    pub fn clock_behind(&self, by: Duration) {
        self.switch.seen().clock = Some(Clock::Behind(by));
    }

    /// How many requests came so far; connections that were ended without a word count, too.
    pub fn asked(&self) -> usize {
        self.switch.seen().requests.len()
    }

    /// What came so far, such as `GET /path`, without queries; `-` where the connection was ended.
    pub fn requests(&self) -> Vec<String> {
        self.switch.seen().requests.clone()
    }
}

impl Switch {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends connections while the service is down.
struct Door {
    listener: TcpListener,
    switch: Arc<Switch>,
}

impl Listener for Door {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        loop {
            let accepted = Listener::accept(&mut self.listener).await;
            let mut seen = self.switch.seen();
            if seen.outage != Some(Outage::Down) {
                return accepted;
            }
            seen.requests.push("-".into());
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// Every request's way in: counted, and answered here where the service fails. A connection serves one request, so that
/// the next one sees what was switched meanwhile.
async fn pass(State(switch): State<Arc<Switch>>, mut request: Request, next: Next) -> Response {
    let line = format!("{} {}", request.method(), request.uri().path());
    let outage = {
        let mut seen = switch.seen();
        seen.requests.push(line);
        seen.outage
    };
    let truncated = outage == Some(Outage::Truncated);
    let refusal = match outage {
        Some(Outage::Slow(time)) => {
            tokio::time::sleep(time).await;
            None
        }
        Some(Outage::Silent | Outage::Down) => future::pending().await,
        Some(Outage::Html) => Some(html()),
        Some(Outage::Empty) => Some(json(StatusCode::OK, "{}")),
        Some(Outage::Missing) => Some(missing()),
        Some(Outage::Truncated) => None,
        Some(outage) => {
            request.extensions_mut().insert(outage);
            (switch.refusal)(outage)
        }
        None => None,
    };
    let mut response = match refusal {
        Some(refusal) => refusal,
        None => next.run(request).await,
    };
    if truncated {
        response = half(response).await;
    }
    response
        .headers_mut()
        .insert(CONNECTION, HeaderValue::from_static("close"));
    let clock = switch.seen().clock;
    if let Some(date) = clock.and_then(Clock::date) {
        response.headers_mut().insert(DATE, date);
    }
    response
}

fn missing() -> Response {
    typed(
        StatusCode::NOT_FOUND,
        "text/html",
        "<html><body>404 Not Found</body></html>",
    )
}

/// An answer that ends in its middle, and says nothing of it.
async fn half(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    parts.headers.remove(CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(body.slice(..body.len() / 2)))
}

fn html() -> Response {
    let page =
        "<!DOCTYPE html><html><head><title>Sign in</title></head><body>Sign in to the network</body></html>";
    typed(StatusCode::OK, "text/html", page)
}

/// An answer in JSON.
pub(crate) fn json(status: StatusCode, text: impl ToString) -> Response {
    typed(status, "application/json", text)
}

/// An answer of a content type.
pub(crate) fn typed(status: StatusCode, kind: &'static str, text: impl ToString) -> Response {
    (status, [(CONTENT_TYPE, kind)], Body::from(text.to_string())).into_response()
}
