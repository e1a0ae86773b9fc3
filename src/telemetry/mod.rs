//! The process's HTTP answers: `/metrics` for Prometheus, `/livez` for whoever restarts it. Runs on a thread of its
//! own and only reads; lanes neither wait for it nor know of it, and a port that is taken stops nothing.

mod liveness;
mod process;
mod prometheus;
mod reading;
mod registries;
pub mod table;
mod tokens;

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use forebay_core::metrics::AllMetrics;
use tokio::sync::oneshot;
use tracing::{info, warn};

pub use prometheus::{Build, CONTENT_TYPE, Exporter};
pub use reading::{Balance, Reading};
pub use registries::Registries;
pub use tokens::{TokenOf, Tokens};

/// Where telemetry is served unless the pipeline says otherwise.
pub const DEFAULT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 9464);

/// The server; stops when dropped.
#[derive(Debug)]
pub struct Telemetry {
    running: Option<Running>,
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
}

/// What connectors have beside lanes, by their names.
#[derive(Default)]
pub struct Beside {
    pub tokens: Tokens,
    pub registries: Registries,
}

impl fmt::Debug for Beside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Beside").finish_non_exhaustive()
    }
}

impl Telemetry {
    /// Serves `lanes` and what is `beside` them at `listen`. Without one: at [`DEFAULT`], or at a free port where that is taken, since a second
    /// process on a host is normal. A configured address that cannot be had is a warning.
    pub fn start(listen: Option<SocketAddr>, pipeline: &str, lanes: AllMetrics, beside: Beside) -> Self {
        let served = Served {
            exporter: Exporter::new(pipeline, lanes.clone(), beside, Build::this()),
            lanes,
        };
        let running = bind(listen, DEFAULT).and_then(|listener| serve(listener, served));
        match &running {
            Ok(running) => info!(
                "telemetry at http://{0}/metrics, liveness at http://{0}/livez",
                running.address
            ),
            Err(error) => warn!(
                "no telemetry: cannot listen on {} ({error}); the lanes run without; set telemetry.listen to a free address",
                listen.unwrap_or(DEFAULT)
            ),
        }
        Self {
            running: running.ok(),
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

fn serve(listener: TcpListener, served: Served) -> io::Result<Running> {
    let address = listener.local_addr()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (stop, stopped) = oneshot::channel::<()>();
    let router = router(served);
    let thread = thread::Builder::new().name("telemetry".into()).spawn(move || {
        // Open connections do not hold up the end: dropping the runtime ends them.
        let ended = runtime.block_on(async {
            let server = axum::serve(tokio::net::TcpListener::from_std(listener)?, router);
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

fn router(served: Served) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/livez", get(livez))
        .with_state(Arc::new(served))
}

async fn metrics(State(served): State<Arc<Served>>) -> impl IntoResponse {
    match served.exporter.scrape() {
        Ok(text) => (StatusCode::OK, [(header::CONTENT_TYPE, CONTENT_TYPE)], text),
        Err(error) => (
            StatusCode::INTERNAL_SERVER_ERROR,
            [(header::CONTENT_TYPE, "text/plain; charset=utf-8")],
            format!("cannot write the metrics: {error}\n"),
        ),
    }
}

async fn livez(State(served): State<Arc<Served>>) -> impl IntoResponse {
    match liveness::stuck(&served.lanes, liveness::now_ms()) {
        None => (StatusCode::OK, "ok\n".to_string()),
        Some(what) => (StatusCode::SERVICE_UNAVAILABLE, format!("{what}\n")),
    }
}

#[cfg(test)]
mod tests;
