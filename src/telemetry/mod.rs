//! The process's HTTP answers: `/metrics` for Prometheus, `/livez` for whoever restarts it, `/readyz` for whoever sends it work or
//! waits for it, `/status` for programs, `/drift` for whoever asks what has changed, `/` for people. Runs on a thread of its own and only
//! reads; lanes neither wait for it nor know of it, and a port that is taken stops nothing.

mod connectors;
mod door;
mod drift;
mod lag;
mod liveness;
mod models;
mod page;
mod picture;
mod process;
mod prometheus;
mod readiness;
mod reading;
mod registries;
mod status;
pub mod table;
mod text;

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::IntoResponse;
use axum::routing::get;
use forebay_auth::{Secret, TokenStatus};
use forebay_connectors::{ClientStatus, LogBounds};
use forebay_core::metrics::AllMetrics;
use tokio::sync::oneshot;
use tracing::{info, warn};

use self::door::Door;
use self::page::Page;
use crate::digest::Model;
use crate::drift::Drift;

pub use connectors::{ByConnector, Now};
pub use picture::{Drawn, End, Picture, Rejects};
pub use prometheus::{Build, CONTENT_TYPE, Exporter};
pub use reading::{Balance, Reading};
pub use registries::Registries;

/// Where telemetry is served unless the pipeline says otherwise.
pub const DEFAULT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 9464);

/// The server; stops when dropped.
#[derive(Debug)]
pub struct Telemetry {
    running: Option<Running>,
    /// Looks at what drifts, whether it is served or not.
    _watcher: Option<drift::Watcher>,
    _asking: Option<lag::Asking>,
}

#[derive(Debug)]
struct Running {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

#[derive(Debug)]
struct Served {
    exporter: Exporter,
    lanes: AllMetrics,
    about: status::About,
    started: Instant,
    drifting: Option<Arc<drift::Drifting>>,
    page: Page,
}

/// Where and to whom telemetry is served.
#[derive(Debug, Default)]
pub struct Serving {
    /// Without one: at [`DEFAULT`], or at a free port where that is taken, since a second process on a host is normal.
    pub listen: Option<SocketAddr>,
    /// What requests must bring, but for `/livez`, `/readyz` and the page, which asks for it.
    pub token: Option<Secret>,
}

/// What connectors have beside lanes, by their names.
#[derive(Default)]
pub struct Beside {
    pub tokens: ByConnector<TokenStatus>,
    pub clients: ByConnector<ClientStatus>,
    pub registries: Registries,
    /// What model steps run.
    pub models: Vec<Model>,
    /// Who tells where the source's logs end.
    pub bounds: Option<Box<dyn LogBounds>>,
    /// What is compared with a reference.
    pub drift: Option<Arc<Drift>>,
    /// What the page draws.
    pub picture: Option<Picture>,
}

impl fmt::Debug for Beside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Beside").finish_non_exhaustive()
    }
}

impl Telemetry {
    /// Serves `lanes` and what is `beside` them. A configured address that cannot be had is a warning.
    pub fn start(serving: Serving, pipeline: &str, lanes: AllMetrics, mut beside: Beside) -> Self {
        let bounds = beside.bounds.take();
        let asking = bounds.map(|bounds| lag::Asking::start(bounds, lanes.clone()));
        let Serving { listen, token } = serving;
        if let (Some(address), None) = (listen, &token)
            && !address.ip().is_loopback()
        {
            warn!(%address, "telemetry is open to everyone who reaches this address: set telemetry.token, or listen on 127.0.0.1");
        }
        let drift = beside.drift.as_ref().map(Arc::clone);
        let drifting = drift.map(|drift| Arc::new(drift::Drifting::new(pipeline, drift, lanes.clone())));
        let watcher = drifting.as_ref().map(drift::Watcher::start);
        let about = status::About {
            pipeline: pipeline.to_owned(),
            picture: beside.picture.take(),
        };
        let served = Served {
            exporter: Exporter::new(pipeline, lanes.clone(), beside, Build::this()),
            lanes,
            about,
            started: Instant::now(),
            drifting,
            page: Page::new(),
        };
        let running = bind(listen, DEFAULT).and_then(|listener| serve(listener, served, token));
        match &running {
            Ok(running) => info!(
                "telemetry at http://{0}/, for programs /metrics, /status, /readyz and /livez",
                running.address
            ),
            Err(error) => warn!(
                "no telemetry: cannot listen on {} ({error}); the lanes run without; set telemetry.listen to a free address",
                listen.unwrap_or(DEFAULT)
            ),
        }
        Self {
            running: running.ok(),
            _watcher: watcher,
            _asking: asking,
        }
    }

    /// Where it is served; `None` where the address could not be had.
    pub fn address(&self) -> Option<SocketAddr> {
        self.running.as_ref().map(|running| running.address)
    }
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        let Some(running) = self.running.take() else {
            return;
        };
        // A receiver that is gone means that the thread has ended by itself.
        if running.stop.send(()).is_ok() && running.thread.join().is_err() {
            warn!("the telemetry thread panicked");
        }
    }
}

fn bind(listen: Option<SocketAddr>, default: SocketAddr) -> io::Result<TcpListener> {
    let listener = match listen {
        Some(address) => TcpListener::bind(address),
        None => TcpListener::bind(default).or_else(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0))),
    }?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

fn serve(listener: TcpListener, served: Served, token: Option<Secret>) -> io::Result<Running> {
    let address = listener.local_addr()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (stop, stopped) = oneshot::channel::<()>();
    let router = router(served, token.map(Arc::new));
    let thread = thread::Builder::new().name("telemetry".into()).spawn(move || {
        // Open connections do not hold up the end: dropping the runtime ends them.
        let ended = runtime.block_on(async {
            let server = axum::serve(Door::new(tokio::net::TcpListener::from_std(listener)?), router);
            tokio::select! {
                ended = async { server.await } => ended,
                _ = stopped => Ok(()),
            }
        });
        if let Err(error) = ended {
            warn!("telemetry at {address} ended: {error}");
        }
    })?;
    Ok(Running {
        address,
        stop,
        thread,
    })
}

fn router(served: Served, token: Option<Arc<Secret>>) -> Router {
    let guarded = Router::new()
        .route("/metrics", get(metrics))
        .route("/status", get(status))
        .route("/drift", get(drifts))
        .layer(from_fn_with_state(token, door::guarded));
    let open = Router::new()
        .route("/", get(page))
        .route("/livez", get(livez))
        .route("/readyz", get(readyz));
    guarded.merge(open).with_state(Arc::new(served))
}

async fn status(State(served): State<Arc<Served>>) -> impl IntoResponse {
    let status = status::of(&served.about, served.started.elapsed(), &served.lanes);
    ([(header::CONTENT_TYPE, "application/json")], status.to_string())
}

async fn page(State(served): State<Arc<Served>>) -> impl IntoResponse {
    served.page.answer()
}

async fn readyz(State(served): State<Arc<Served>>) -> impl IntoResponse {
    answer(readiness::missing(&served.lanes, liveness::now_ms()))
}

/// Fine, or what is not.
fn answer(wrong: Option<String>) -> (StatusCode, String) {
    match wrong {
        None => (StatusCode::OK, "ok\n".to_owned()),
        Some(what) => (StatusCode::SERVICE_UNAVAILABLE, format!("{what}\n")),
    }
}

async fn metrics(State(served): State<Arc<Served>>, headers: HeaderMap) -> impl IntoResponse {
    match served.exporter.scrape() {
        Ok(text) if text::reads_open(&headers) => {
            (StatusCode::OK, [(header::CONTENT_TYPE, CONTENT_TYPE)], text)
        }
        Ok(text) => (
            StatusCode::OK,
            [(header::CONTENT_TYPE, text::CLASSIC)],
            text::classic(&text),
        ),
        Err(error) => (
            StatusCode::INTERNAL_SERVER_ERROR,
            [(header::CONTENT_TYPE, "text/plain; charset=utf-8")],
            format!("cannot write the metrics: {error}\n"),
        ),
    }
}

async fn livez(State(served): State<Arc<Served>>) -> impl IntoResponse {
    answer(liveness::stuck(&served.lanes, liveness::now_ms()))
}

async fn drifts(State(served): State<Arc<Served>>) -> impl IntoResponse {
    match &served.drifting {
        Some(drifting) => (
            StatusCode::OK,
            [(header::CONTENT_TYPE, "application/json")],
            drifting.to_json().to_string(),
        ),
        None => (
            StatusCode::NOT_FOUND,
            [(header::CONTENT_TYPE, "text/plain; charset=utf-8")],
            "the pipeline file has no `drift` section\n".to_owned(),
        ),
    }
}

#[cfg(test)]
mod tests;
