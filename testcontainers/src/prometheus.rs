//! A real Prometheus: a native process on a free port of loopback that scrapes what it is told every second, with rules that it evaluates
//! as often. What starts it is on the path or in the cache; where it is not, the script that fetches it is run once.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::reaper::Reaper;
use crate::{jvm, ports, process};

/// A Prometheus that runs; ends on drop.
#[derive(Debug)]
pub struct Prometheus {
    child: Mutex<Child>,
    port: u16,
    // After the process, which writes into it.
    folder: TempDir,
    reaper: Reaper,
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
const PROMTOOL_WITHIN: Duration = Duration::from_secs(60);

impl Prometheus {
    /// Starts one that scrapes `targets` (`host:port`) and evaluates the rules of `rules`, and waits until it answers.
    ///
    /// # Panics
    /// Where it cannot be fetched or started; the text says why.
    pub fn start(targets: &[String], rules: &[PathBuf]) -> Self {
        Self::try_start(targets, rules).unwrap_or_else(|error| panic!("start Prometheus: {error}"))
    }

    fn try_start(targets: &[String], rules: &[PathBuf]) -> io::Result<Self> {
        let program = program("prometheus")?;
        let folder = tempfile::Builder::new().prefix("forebay-prometheus-").tempdir()?;
        let reaper = Reaper::watch(folder.path())?;
        let port = ports::free();
        fs::write(folder.path().join("prometheus.yml"), config(targets, rules))?;
        let child = spawn(&program, folder.path(), port)?;
        let prometheus = Self {
            child: Mutex::new(child),
            port,
            folder,
            reaper,
        };
        prometheus.await_ready()?;
        Ok(prometheus)
    }

    /// Runs `promtool` with these arguments in a folder.
    ///
    /// # Panics
    /// Where it cannot be fetched or started, or does not end within a minute.
    pub fn promtool(folder: &Path, arguments: &[&str]) -> Output {
        let program = program("promtool").unwrap_or_else(|error| panic!("find promtool: {error}"));
        let mut command = Command::new(program);
        command.args(arguments).current_dir(folder);
        process::output(command, PROMTOOL_WITHIN)
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
        let text = self.ask(method, path, body);
        let text = text.unwrap_or_else(|error| panic!("ask Prometheus for {path}: {error}\n{}", self.tail()));
        serde_json::from_str(&text)
            .unwrap_or_else(|error| panic!("read the answer to {path}: {error}\n{text}"))
    }

    /// The body of an answer.
    fn ask(&self, method: &str, path: &str, body: &str) -> io::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        let request = format!(
            "{method} {path} HTTP/1.0\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let body = answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned());
        body.ok_or_else(|| io::Error::other("the answer has no body"))
    }

    fn await_ready(&self) -> io::Result<()> {
        let until = Instant::now() + READY_WITHIN;
        while !self
            .ask("GET", "/-/ready", "")
            .is_ok_and(|text| text.contains("Ready"))
        {
            let ended = self
                .child
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .try_wait()?;
            if ended.is_some() || Instant::now() >= until {
                let what = ended.map_or_else(
                    || format!("it did not answer within {READY_WITHIN:?}"),
                    |status| format!("it ended with {status}"),
                );
                return Err(io::Error::other(format!("{what}:\n{}", self.tail())));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// The last lines of its log.
    fn tail(&self) -> String {
        let text = fs::read_to_string(log_of(self.folder.path())).unwrap_or_default();
        let lines: Vec<&str> = text.lines().rev().take(15).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let child = self.child.get_mut().unwrap_or_else(PoisonError::into_inner);
        // It may have ended by itself.
        drop(child.kill());
        drop(child.wait());
        if std::thread::panicking() {
            self.reaper.keep();
            self.folder.disable_cleanup(true);
            eprintln!("Prometheus' log is kept in {}", self.folder.path().display());
        }
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

fn log_of(folder: &Path) -> PathBuf {
    folder.join("prometheus.log")
}

fn config(targets: &[String], rules: &[PathBuf]) -> String {
    let rules: Vec<String> = rules.iter().map(|path| path.display().to_string()).collect();
    // JSON is YAML.
    serde_json::json!({
        "global": { "scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s" },
        "rule_files": rules,
        "scrape_configs": [{ "job_name": "forebay", "static_configs": [{ "targets": targets }] }],
    })
    .to_string()
}

fn spawn(program: &Path, folder: &Path, port: u16) -> io::Result<Child> {
    let log = File::create(log_of(folder))?;
    let mut command = Command::new(program);
    command
        .arg("--config.file=prometheus.yml")
        .arg("--storage.tsdb.path=data")
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .current_dir(folder);
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    process::spawn(command)
}

/// A text as a value of a form.
fn encoded(text: &str) -> String {
    let one = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(one).collect()
}

/// `prometheus` or `promtool`, on the path or in the cache; fetched where it is in neither.
fn program(name: &str) -> io::Result<PathBuf> {
    static FETCHED: OnceLock<Result<(), String>> = OnceLock::new();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).map(|folder| folder.join(name));
    if let Some(found) = on_path.into_iter().find(|program| program.is_file()) {
        return Ok(found);
    }
    let cache = jvm::cache()
        .ok_or_else(|| io::Error::other("there is no cache folder; set HOME or XDG_CACHE_HOME"))?;
    let program = cache.join("forebay/prometheus").join(name);
    if !program.is_file() {
        FETCHED.get_or_init(fetch).clone().map_err(io::Error::other)?;
    }
    Ok(program)
}

fn fetch() -> Result<(), String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/fetch-prometheus.sh");
    if !script.exists() {
        return Err("it is neither on the path nor in the cache; install Prometheus".to_owned());
    }
    let output = process::output(Command::new(script), FETCHED_WITHIN);
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(format!("scripts/fetch-prometheus.sh failed:\n{text}"))
}
