//! Kafka nodes as native processes: KRaft, each both controller and broker, on free loopback ports.

use std::fs::{self, File};
use std::io;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::access::Access;
use crate::authority::Authority;
use crate::reaper::Reaper;
use crate::settings::{self, Property};
use crate::{await_until, ports, process};

/// How processes run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    pub(crate) folder: Option<PathBuf>,
    pub(crate) for_speed: bool,
}

/// A cluster's processes and their data.
#[derive(Debug)]
pub(crate) struct Native {
    nodes: Vec<Node>,
    // After the nodes: the processes end before their data goes.
    data: TempDir,
    reaper: Reaper,
    for_speed: bool,
    /// Also holds the certificates that the nodes read.
    access: Access,
}

#[derive(Debug)]
struct Node {
    folder: PathBuf,
    port: u16,
    controller: u16,
    /// One per listener beside the plain one.
    others: Vec<u16>,
    process: Option<Child>,
}

/// Any id will do; brokers of one cluster must agree on it.
const CLUSTER_ID: &str = "Zm9yZWJheS10ZXN0cy0xMg";
/// One compiler of the JVM's two: it starts faster.
const QUICK_START: &str = "-XX:TieredStopAtLevel=1";
const LOGGING: &str = include_str!("../kafka/log4j2.properties");
const LOGGING_FILE: &str = "log4j2.properties";
/// The ports of a node that has ended are free within this.
const RELEASED_WITHIN: Duration = Duration::from_secs(30);

impl Native {
    pub(crate) fn start(
        count: usize,
        properties: &[Property],
        options: &Options,
        access: &Access,
    ) -> io::Result<Self> {
        let access = access.complete();
        let mut data = tempfile::Builder::new();
        let data = data.prefix("forebay-kafka-");
        let data = match &options.folder {
            Some(folder) => data.tempdir_in(folder)?,
            None => data.tempdir()?,
        };
        let reaper = Reaper::watch(data.path())?;
        fs::write(data.path().join(LOGGING_FILE), LOGGING)?;
        let mut nodes = Vec::new();
        for i in 0..count {
            let folder = data.path().join(format!("node-{}", i + 1));
            fs::create_dir_all(&folder)?;
            nodes.push(Node {
                folder,
                port: ports::free(),
                controller: ports::free(),
                others: access.listeners.iter().map(|_| ports::free()).collect(),
                process: None,
            });
        }
        let voter = |(i, node): (usize, &Node)| format!("{}@127.0.0.1:{}", i + 1, node.controller);
        let voters: Vec<String> = nodes.iter().enumerate().map(voter).collect();
        for (i, node) in nodes.iter().enumerate() {
            let mut all = settings::node(i + 1, count, &voters.join(","), &node.folder);
            all.extend(access.properties(node.port, node.controller, &node.others));
            all.extend(properties.iter().cloned());
            fs::write(node.folder.join("server.properties"), settings::text(&all))?;
        }
        let arguments = access.format_arguments()?;
        let formats: io::Result<Vec<Child>> = nodes.iter().map(|n| n.format(&arguments)).collect();
        for mut child in formats? {
            if !child.wait()?.success() {
                return Err(io::Error::other(format!(
                    "kafka storage format failed: {}",
                    tail(data.path())
                )));
            }
        }
        let mut native = Self {
            nodes,
            data,
            reaper,
            for_speed: options.for_speed,
            access,
        };
        (0..count).try_for_each(|i| native.start_node(i))?;
        Ok(native)
    }

    pub(crate) fn bootstrap(&self) -> String {
        let addresses: Vec<String> = self
            .nodes
            .iter()
            .map(|n| format!("127.0.0.1:{}", n.port))
            .collect();
        addresses.join(",")
    }

    pub(crate) fn start_node(&mut self, i: usize) -> io::Result<()> {
        let options: &[&str] = match (self.for_speed, self.nodes.len()) {
            (true, _) => &["-Xmx1g"],
            (false, 1) => &["-Xmx512m", QUICK_START],
            (false, _) => &["-Xmx320m", QUICK_START],
        };
        let more = self.access.java_options();
        let options = options.iter().copied().chain(more.iter().map(String::as_str));
        let options: Vec<&str> = options.collect();
        let node = &mut self.nodes[i];
        await_until(RELEASED_WITHIN, "the node's ports are free", || {
            node.ports().all(ports::is_free)
        });
        let classes = self.access.classes()?;
        let mut command = java(&options, &node.folder, classes.as_deref())?;
        command
            .arg("kafka.Kafka")
            .arg(node.folder.join("server.properties"));
        node.process = Some(process::spawn(command)?);
        Ok(())
    }

    /// SIGTERM, and SIGKILL where the node does not end: the last of three loses its quorum and never would.
    pub(crate) fn stop_node(&mut self, i: usize, signal: i32) -> io::Result<()> {
        let Some(mut child) = self.nodes[i].process.take() else {
            return Ok(());
        };
        process::signal(&child, signal);
        let until = Instant::now() + Duration::from_secs(10);
        while child.try_wait()?.is_none() {
            if Instant::now() >= until {
                child.kill()?;
                child.wait()?;
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// The first node that ended by itself, with the end of its log.
    pub(crate) fn failure(&mut self) -> Option<String> {
        let ended = |n: &mut Node| {
            n.process
                .as_mut()
                .is_some_and(|p| matches!(p.try_wait(), Ok(Some(_))))
        };
        let node = self
            .nodes
            .iter_mut()
            .find_map(|n| ended(n).then(|| n.folder.clone()))?;
        Some(tail(&node))
    }

    /// Where a listener beside the plain one is, on every node.
    pub(crate) fn listener(&self, name: &str) -> Option<String> {
        let at = self.access.listeners.iter().position(|l| l.name() == name)?;
        let addresses: Vec<String> = self
            .nodes
            .iter()
            .map(|n| format!("localhost:{}", n.others[at]))
            .collect();
        Some(addresses.join(","))
    }

    pub(crate) fn authority(&self) -> Option<Authority> {
        self.access.authority.clone()
    }

    /// Whether node `i` takes connections on every listener: they open one after the other.
    pub(crate) fn is_open(&self, i: usize) -> bool {
        self.nodes[i]
            .ports()
            .all(|port| TcpStream::connect(("127.0.0.1", port)).is_ok())
    }

    /// What node `i` has written since its data was made.
    pub(crate) fn log(&self, i: usize) -> io::Result<String> {
        fs::read_to_string(self.nodes[i].folder.join("kafka.log"))
    }

    /// Where node `i` listens.
    pub(crate) fn address(&self, i: usize) -> String {
        format!("127.0.0.1:{}", self.nodes[i].port)
    }

    #[cfg(test)]
    pub(crate) fn pids(&self) -> Vec<u32> {
        self.nodes
            .iter()
            .filter_map(|n| n.process.as_ref().map(Child::id))
            .collect()
    }
}

impl Drop for Native {
    fn drop(&mut self) {
        for child in self.nodes.iter_mut().filter_map(|n| n.process.as_mut()) {
            // Tests need no orderly end; data goes with the folder.
            drop(child.kill());
            drop(child.wait());
        }
        if std::thread::panicking() {
            self.reaper.keep();
            self.data.disable_cleanup(true);
            // Hundreds of megabytes that no reader of logs misses.
            self.nodes
                .iter()
                .for_each(|n| drop(fs::remove_dir_all(n.folder.join("data"))));
            eprintln!("kafka's logs are kept in {}", self.data.path().display());
        }
    }
}

impl Node {
    fn ports(&self) -> impl Iterator<Item = u16> {
        [self.port, self.controller]
            .into_iter()
            .chain(self.others.iter().copied())
    }

    fn format(&self, arguments: &[String]) -> io::Result<Child> {
        let mut command = java(&["-Xmx128m", QUICK_START], &self.folder, None)?;
        command.args(["kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c"]);
        command.arg(self.folder.join("server.properties"));
        command.args(arguments);
        process::spawn(command)
    }
}

/// Java with Kafka's jars, and the classes of a folder.
fn java(options: &[&str], folder: &Path, classes: Option<&Path>) -> io::Result<Command> {
    let mut jars = home()?.join("*").into_os_string();
    if let Some(classes) = classes {
        jars.push(":");
        jars.push(classes);
    }
    let log = File::options()
        .create(true)
        .append(true)
        .open(folder.join("kafka.log"))?;
    let mut command = Command::new("java");
    command.args(options).args([
        "-XX:+UseSerialGC",
        "-Xshare:auto",
        "-Dlog4j2.configurationFile=../log4j2.properties",
        "-cp",
    ]);
    command.arg(jars).current_dir(folder).stdin(Stdio::null());
    command.stdout(log.try_clone()?).stderr(log);
    Ok(command)
}

/// The folder of Kafka's jars.
pub(crate) fn home() -> io::Result<PathBuf> {
    let named = std::env::var_os("FOREBAY_KAFKA_HOME").map(PathBuf::from);
    let home = named
        .or_else(|| Some(cache()?.join("forebay/kafka/4.4.0")))
        .filter(|h| h.is_dir());
    home.ok_or_else(|| {
        io::Error::other(
            "Apache Kafka's jars are not in the cache; run `make kafka`, or set FOREBAY_KAFKA_HOME",
        )
    })
}

/// The user's folder for what can be made again.
pub(crate) fn cache() -> Option<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))
}

/// The last lines of the logs below `folder`.
fn tail(folder: &Path) -> String {
    let log = if folder.join("kafka.log").exists() {
        folder.join("kafka.log")
    } else {
        folder.join("node-1/kafka.log")
    };
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().rev().take(15).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join("\n")
}
