//! A real schema registry, Apicurio, with Confluent's API: a native process on a free port of loopback, its content in memory.
//! What starts it is in the cache; where it is not, the script that fetches it is run once.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::reaper::Reaper;
use crate::{jvm, ports, process};

/// A schema registry that runs; ends on drop.
#[derive(Debug)]
pub struct Registry {
    child: Mutex<Child>,
    url: String,
    // After the process, which writes into it.
    folder: TempDir,
    reaper: Reaper,
}

/// Confluent's API, as Apicurio has it.
const API: &str = "/apis/ccompat/v7";
const VERSION: &str = "3.3.3";
const JAR: &str = "app/quarkus-run.jar";
const READY_WITHIN: Duration = Duration::from_secs(120);
const FETCHED_WITHIN: Duration = Duration::from_secs(600);
/// Its server misses the end of a request's body at times, the first one's above all, and waits for it, by default for a minute.
/// Clients ask again after that.
const BODY_WITHIN: &str = "2S";
const OPTIONS: &[&str] = &["-Xmx320m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"];

impl Registry {
    /// Starts one, empty, and waits until it answers.
    ///
    /// # Panics
    /// Where it cannot be fetched or started; the text says why.
    pub fn start() -> Self {
        Self::try_start().unwrap_or_else(|error| panic!("start a schema registry: {error}"))
    }

    /// One for all tests of a process that only need subjects of their own. It ends with the process.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Registry> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    fn try_start() -> io::Result<Self> {
        let home = home()?;
        let folder = tempfile::Builder::new().prefix("forebay-registry-").tempdir()?;
        let reaper = Reaper::watch(folder.path())?;
        let (port, management) = (ports::free(), ports::free());
        let child = spawn(&home, folder.path(), port, management)?;
        let registry = Self {
            child: Mutex::new(child),
            url: format!("http://127.0.0.1:{port}{API}"),
            folder,
            reaper,
        };
        registry.await_ready(port)?;
        Ok(registry)
    }

    /// Where Confluent's API is: `http://127.0.0.1:port/apis/ccompat/v7`.
    pub fn url(&self) -> &str {
        &self.url
    }

    fn await_ready(&self, port: u16) -> io::Result<()> {
        let until = Instant::now() + READY_WITHIN;
        while !answers(port) {
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

impl Drop for Registry {
    fn drop(&mut self) {
        let child = self.child.get_mut().unwrap_or_else(PoisonError::into_inner);
        // It may have ended by itself.
        drop(child.kill());
        drop(child.wait());
        if std::thread::panicking() {
            self.reaper.keep();
            self.folder.disable_cleanup(true);
            eprintln!(
                "the schema registry's log is kept in {}",
                self.folder.path().display()
            );
        }
    }
}

fn log_of(folder: &Path) -> PathBuf {
    folder.join("registry.log")
}

fn spawn(home: &Path, folder: &Path, port: u16, management: u16) -> io::Result<Child> {
    let log = File::create(log_of(folder))?;
    let mut command = Command::new(home.join("java/bin/java"));
    command
        .args(OPTIONS)
        .arg("-jar")
        .arg(home.join(JAR))
        .current_dir(folder);
    let host = "127.0.0.1";
    command
        .env("QUARKUS_HTTP_HOST", host)
        .env("QUARKUS_HTTP_PORT", port.to_string())
        .env("QUARKUS_HTTP_READ_TIMEOUT", BODY_WITHIN);
    command
        .env("QUARKUS_MANAGEMENT_HOST", host)
        .env("QUARKUS_MANAGEMENT_PORT", management.to_string());
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    process::spawn(command)
}

/// Whether the API answers with success.
fn answers(port: u16) -> bool {
    let ask = || -> io::Result<bool> {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        let request = format!("GET {API}/subjects HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes())?;
        let mut answer = [0; 12];
        stream.read_exact(&mut answer)?;
        Ok(answer.ends_with(b"200"))
    };
    ask().unwrap_or(false)
}

/// The folder of the registry and its Java; fetched where it is not there.
fn home() -> io::Result<PathBuf> {
    if let Some(named) = std::env::var_os("FOREBAY_REGISTRY_HOME") {
        return Ok(named.into());
    }
    let cache = jvm::cache()
        .ok_or_else(|| io::Error::other("there is no cache folder; set HOME or XDG_CACHE_HOME"))?;
    let home = cache.join("forebay/registry").join(VERSION);
    if !home.join(JAR).exists() {
        fetch()?;
    }
    Ok(home)
}

fn fetch() -> io::Result<()> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/fetch-registry.sh");
    if !script.exists() {
        return Err(io::Error::other(
            "it is not in the cache; run `make registry` in Forebay's sources, or set FOREBAY_REGISTRY_HOME",
        ));
    }
    let output = process::output(Command::new(script), FETCHED_WITHIN);
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(io::Error::other(format!(
        "scripts/fetch-registry.sh failed:\n{text}"
    )))
}
