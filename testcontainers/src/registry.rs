//! A real schema registry, Apicurio, with Confluent's API: a native process on a free port of loopback, its content in memory.
//! What starts it is in the cache; where it is not, the script that fetches it is run once.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use crate::native::Native;
use crate::{jvm, ports, process};

/// A schema registry that runs; ends on drop.
#[derive(Debug)]
pub struct Registry {
    url: String,
    _server: Native,
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
        let (port, management) = (ports::free(), ports::free());
        let server = Native::start("registry", |_| Ok(command(&home, port, management)))?;
        server.await_ready(READY_WITHIN, || answers(port))?;
        Ok(Self {
            url: format!("http://127.0.0.1:{port}{API}"),
            _server: server,
        })
    }

    /// Where Confluent's API is: `http://127.0.0.1:port/apis/ccompat/v7`.
    pub fn url(&self) -> &str {
        &self.url
    }
}

fn command(home: &Path, port: u16, management: u16) -> Command {
    let mut command = Command::new(home.join("java/bin/java"));
    command.args(OPTIONS).arg("-jar").arg(home.join(JAR));
    let host = "127.0.0.1";
    command
        .env("QUARKUS_HTTP_HOST", host)
        .env("QUARKUS_HTTP_PORT", port.to_string())
        .env("QUARKUS_HTTP_READ_TIMEOUT", BODY_WITHIN);
    command
        .env("QUARKUS_MANAGEMENT_HOST", host)
        .env("QUARKUS_MANAGEMENT_PORT", management.to_string());
    command
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
