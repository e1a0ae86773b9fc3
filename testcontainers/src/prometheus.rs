//! A real Prometheus: a native process on a free port of loopback that scrapes what it is told every second, with rules that it evaluates
//! as often, and an Alertmanager that it tells of alerts. What starts it is on the path or in the cache; where it is not, the script that
//! fetches it is run once.

use std::io::{Seek, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::time::Duration;
use std::{fs, io};

use serde_json::{Value, json};

use crate::alertmanager::Alertmanager;
use crate::native::{self, Native};
use crate::{jvm, ports, process};

/// A Prometheus that runs; ends on drop.
#[derive(Debug)]
pub struct Prometheus {
    port: u16,
    server: Native,
}

/// An alert as Prometheus has it now.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Alert {
    pub name: String,
    /// Whether it fires; else it is pending.
    pub firing: bool,
    /// The labels beside its name, as `name=value`.
    pub labels: Vec<String>,
}

const READY_WITHIN: Duration = Duration::from_secs(60);
const FETCHED_WITHIN: Duration = Duration::from_secs(600);
const PROMTOOL_WITHIN: Duration = Duration::from_secs(300);

impl Prometheus {
    /// Starts one that scrapes `targets` (`host:port`), evaluates the rules of `rules` and tells `alertmanager` of what fires, and waits
    /// until it answers.
    ///
    /// # Panics
    /// Where it cannot be fetched or started; the text says why.
    pub fn start(targets: &[String], rules: &[PathBuf], alertmanager: &Alertmanager) -> Self {
        let config = config(targets, rules, alertmanager.address());
        Self::try_start(&config).unwrap_or_else(|error| panic!("start Prometheus: {error}"))
    }

    fn try_start(config: &Value) -> io::Result<Self> {
        let program = program("prometheus", "prometheus")?;
        let port = ports::free();
        let server = Native::start("prometheus", |folder| {
            // JSON is YAML.
            fs::write(folder.join("prometheus.yml"), config.to_string())?;
            let mut command = Command::new(program);
            command.args(["--config.file=prometheus.yml", "--storage.tsdb.path=data"]);
            command.arg(format!("--web.listen-address=127.0.0.1:{port}"));
            Ok(command)
        })?;
        server.await_ready(READY_WITHIN, || {
            native::ask(port, "GET", "/-/ready", "").is_ok_and(|text| text.contains("Ready"))
        })?;
        Ok(Self { port, server })
    }

    /// Runs `promtool` with these arguments in a folder.
    ///
    /// # Panics
    /// Where it cannot be fetched or started, or does not end within five minutes.
    pub fn promtool(folder: &Path, arguments: &[&str]) -> Output {
        let program =
            program("prometheus", "promtool").unwrap_or_else(|error| panic!("find promtool: {error}"));
        let mut command = Command::new(program);
        command.args(arguments).current_dir(folder);
        process::output(command, PROMTOOL_WITHIN)
    }

    /// Runs `promtool check metrics` on what a scrape gave.
    ///
    /// # Panics
    /// As [`Prometheus::promtool`] does, and where the text cannot be written to a file.
    pub fn check_metrics(text: &str) -> Output {
        let program =
            program("prometheus", "promtool").unwrap_or_else(|error| panic!("find promtool: {error}"));
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(text.as_bytes()).expect("write the metrics");
        file.rewind().expect("the file's begin");
        let mut command = Command::new(program);
        command.args(["check", "metrics"]);
        process::output_of(command, file, PROMTOOL_WITHIN)
    }

    /// What an expression gives now: each series' labels and its value.
    ///
    /// # Panics
    /// Where Prometheus does not understand it.
    pub fn query(&self, expr: &str) -> Vec<(Value, f64)> {
        let answer = self.answer("POST", "/api/v1/query", &format!("query={}", encoded(expr)));
        assert_eq!(answer["status"], "success", "{expr}: {answer}");
        let all = answer["data"]["result"].as_array().into_iter().flatten();
        let value = |one: &Value| one["value"][1].as_str().and_then(|text| text.parse().ok());
        all.filter_map(|one| Some((one["metric"].clone(), value(one)?)))
            .collect()
    }

    /// What an expression gave each second from one time to another, in seconds since the epoch: each series' labels and the times at
    /// which it gave something.
    ///
    /// # Panics
    /// Where Prometheus does not understand it.
    pub fn history(&self, expr: &str, from: f64, to: f64) -> Vec<(Value, Vec<f64>)> {
        let form = format!("query={}&start={from:.3}&end={to:.3}&step=1", encoded(expr));
        let answer = self.answer("POST", "/api/v1/query_range", &form);
        assert_eq!(answer["status"], "success", "{expr}: {answer}");
        let all = answer["data"]["result"].as_array().into_iter().flatten();
        let times = |one: &Value| {
            let values = one["values"].as_array().into_iter().flatten();
            values.filter_map(|pair| pair[0].as_f64()).collect()
        };
        all.map(|one| (one["metric"].clone(), times(one))).collect()
    }

    /// Every alert that is pending or fires now, in order.
    pub fn alerts(&self) -> Vec<Alert> {
        let answer = self.answer("GET", "/api/v1/alerts", "");
        let all = answer["data"]["alerts"].as_array().into_iter().flatten();
        let mut alerts: Vec<Alert> = all.map(alert).collect();
        alerts.sort();
        alerts
    }

    fn answer(&self, method: &str, path: &str, body: &str) -> Value {
        let text = native::ask(self.port, method, path, body);
        let tail = || self.server.tail();
        let text = text.unwrap_or_else(|error| panic!("ask Prometheus for {path}: {error}\n{}", tail()));
        serde_json::from_str(&text)
            .unwrap_or_else(|error| panic!("read the answer to {path}: {error}\n{text}"))
    }
}

fn alert(one: &Value) -> Alert {
    let labels = one["labels"].as_object().into_iter().flatten();
    let labels = labels.filter(|(name, _)| *name != "alertname");
    let mut labels: Vec<String> = labels
        .map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or_default()))
        .collect();
    labels.sort();
    Alert {
        name: one["labels"]["alertname"].as_str().unwrap_or_default().to_owned(),
        firing: one["state"] == "firing",
        labels,
    }
}

fn config(targets: &[String], rules: &[PathBuf], alertmanager: &str) -> Value {
    let rules: Vec<String> = rules.iter().map(|path| path.display().to_string()).collect();
    json!({
        "global": { "scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s" },
        "rule_files": rules,
        "scrape_configs": [{ "job_name": "forebay", "static_configs": [{ "targets": targets }] }],
        "alerting": { "alertmanagers": [{ "static_configs": [{ "targets": [alertmanager] }] }] },
    })
}

/// A text as a value of a form.
fn encoded(text: &str) -> String {
    let one = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(one).collect()
}

/// A program of a package, on the path or in the cache; fetched where it is in neither.
pub(crate) fn program(package: &str, name: &str) -> io::Result<PathBuf> {
    static FETCHED: OnceLock<Result<(), String>> = OnceLock::new();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).map(|folder| folder.join(name));
    if let Some(found) = on_path.into_iter().find(|program| program.is_file()) {
        return Ok(found);
    }
    let cache = jvm::cache()
        .ok_or_else(|| io::Error::other("there is no cache folder; set HOME or XDG_CACHE_HOME"))?;
    let program = cache.join("forebay").join(package).join(name);
    if !program.is_file() {
        FETCHED.get_or_init(fetch).clone().map_err(io::Error::other)?;
    }
    Ok(program)
}

fn fetch() -> Result<(), String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/fetch-prometheus.sh");
    if !script.exists() {
        return Err(
            "it is neither on the path nor in the cache; install Prometheus and Alertmanager".to_owned(),
        );
    }
    let output = process::output(Command::new(script), FETCHED_WITHIN);
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(format!("scripts/fetch-prometheus.sh failed:\n{text}"))
}
