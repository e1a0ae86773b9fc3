//! A real Alertmanager: a native process on a free port of loopback, and the webhook that it calls, as whoever is on call is called.

use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use std::{fs, io};

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use serde_json::{Value, json};

use crate::http::{self, Server};
use crate::native::{self, Native};
use crate::ports;
use crate::prometheus::program;

/// An Alertmanager that runs; ends on drop. It tells its webhook of each alert by itself: when it comes, and when it is over.
#[derive(Debug)]
pub struct Alertmanager {
    address: String,
    calls: Arc<Mutex<Vec<Call>>>,
    _server: Native,
    _webhook: Server,
}

/// What whoever is on call was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The alert's labels, its name among them.
    pub labels: Value,
    /// What it says, and where to read on.
    pub annotations: Value,
    /// Whether it is over.
    pub resolved: bool,
}

impl Call {
    /// The alert's name.
    pub fn alert(&self) -> String {
        self.labels["alertname"].as_str().unwrap_or_default().to_owned()
    }
}

const READY_WITHIN: Duration = Duration::from_secs(60);

impl Alertmanager {
    /// Starts one and waits until it answers.
    ///
    /// # Panics
    /// Where it cannot be fetched or started; the text says why.
    pub fn start() -> Self {
        Self::try_start().unwrap_or_else(|error| panic!("start Alertmanager: {error}"))
    }

    fn try_start() -> io::Result<Self> {
        let program = program("alertmanager", "prometheus-alertmanager")?;
        let calls = Arc::<Mutex<Vec<Call>>>::default();
        let routes = Router::new()
            .route("/", post(called))
            .with_state(Arc::clone(&calls));
        let (listener, webhook) = http::bind()?;
        let _webhook = Server::start(listener, routes, |listener| listener)?;
        let port = ports::free();
        let _server = Native::start("alertmanager", |folder| {
            fs::write(folder.join("alertmanager.yml"), config(&webhook).to_string())?;
            let mut command = Command::new(program);
            command.args(["--config.file=alertmanager.yml", "--storage.path=data"]);
            // An empty address: it is no member of a cluster.
            command.arg("--cluster.listen-address=");
            command.arg(format!("--web.listen-address=127.0.0.1:{port}"));
            Ok(command)
        })?;
        _server.await_ready(READY_WITHIN, || {
            native::ask(port, "GET", "/-/ready", "").is_ok_and(|text| text.trim() == "OK")
        })?;
        Ok(Self {
            address: format!("127.0.0.1:{port}"),
            calls,
            _server,
            _webhook,
        })
    }

    /// What its webhook was told since the last time, in order.
    pub fn take_calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.calls.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What its webhook was told, in order.
    pub fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// `host:port`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }
}

/// Every alert is a group, told of at once, again within a second where it changes, and not repeated. JSON is YAML.
fn config(webhook: &str) -> Value {
    json!({
        "route": {
            "receiver": "webhook",
            "group_by": ["..."],
            "group_wait": "0s",
            "group_interval": "1s",
            "repeat_interval": "24h",
        },
        "receivers": [{ "name": "webhook", "webhook_configs": [{ "url": webhook, "send_resolved": true }] }],
    })
}

/// Takes what Alertmanager writes to a webhook, in its version 4.
async fn called(State(calls): State<Arc<Mutex<Vec<Call>>>>, told: String) {
    let told: Value = serde_json::from_str(&told).unwrap_or_default();
    let alerts = told["alerts"].as_array().into_iter().flatten();
    let told = alerts.map(|alert| Call {
        labels: alert["labels"].clone(),
        annotations: alert["annotations"].clone(),
        resolved: alert["status"] == "resolved",
    });
    calls.lock().unwrap_or_else(PoisonError::into_inner).extend(told);
}
