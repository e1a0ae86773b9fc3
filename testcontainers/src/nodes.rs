//! The nodes of a cluster: KRaft, each both controller and broker, on free loopback ports. It does not know whether they
//! run in containers.

use std::fs;
use std::io;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use crate::access::Access;
use crate::authority::Authority;
use crate::backend::Backend;
use crate::connections::Connections;
use crate::jvm::{Jvm, Site};
use crate::reaper::Reaper;
use crate::settings::{self, Property};
use crate::{await_until, docker, ports};

/// How nodes run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    pub(crate) folder: Option<PathBuf>,
    pub(crate) for_speed: bool,
    pub(crate) class_path: Vec<PathBuf>,
}

/// A cluster's processes and their data.
#[derive(Debug)]
pub(crate) struct Nodes {
    nodes: Vec<Node>,
    // After the nodes: the processes end before their data goes.
    data: TempDir,
    reaper: Reaper,
    site: Site,
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
    process: Option<Jvm>,
}

/// Any id will do; brokers of one cluster must agree on it.
const CLUSTER_ID: &str = "Zm9yZWJheS10ZXN0cy0xMg";
/// One compiler of the JVM's two: it starts faster.
const QUICK_START: &str = "-XX:TieredStopAtLevel=1";
const LOGGING: &str = include_str!("../kafka/log4j2.properties");
const LOGGING_FILE: &str = "log4j2.properties";
const STOPS_WITHIN: Duration = Duration::from_secs(10);
/// The ports of a node that has ended are free within this.
const RELEASED_WITHIN: Duration = Duration::from_secs(30);

impl Nodes {
    pub(crate) fn start(
        count: usize,
        properties: &[Property],
        options: &Options,
        access: &Access,
    ) -> io::Result<Self> {
        let backend = Backend::own()?.clone();
        let access = access.complete();
        let data = data_folder(options)?;
        let reaper = Reaper::of_cluster(data.path(), &backend)?;
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
        let settings = write_settings(&nodes, properties, &access)?;
        let mut class_path = options.class_path.clone();
        class_path.extend(access.classes()?);
        let site = site(backend, data.path(), &settings, &class_path)?;
        let mut nodes = Self {
            nodes,
            data,
            reaper,
            site,
            for_speed: options.for_speed,
            access,
        };
        nodes.format()?;
        (0..count).try_for_each(|i| nodes.start_node(i))?;
        Ok(nodes)
    }

    /// Makes the folders of all nodes at once.
    fn format(&mut self) -> io::Result<()> {
        let more = self.access.format_arguments()?;
        for node in &mut self.nodes {
            let mut arguments = ["kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c"]
                .map(String::from)
                .to_vec();
            arguments.push(node.settings());
            arguments.extend(more.iter().cloned());
            let options = ["-Xmx128m", QUICK_START];
            node.process = Some(self.site.start(&node.folder, &options, &arguments)?);
        }
        for node in &mut self.nodes {
            let status = node.process.take().map(|mut p| p.wait()).transpose()?;
            if !status.is_some_and(|s| s.success()) {
                return Err(io::Error::other(format!(
                    "kafka storage format failed: {}",
                    tail(&node.folder)
                )));
            }
        }
        Ok(())
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
        let arguments = ["kafka.Kafka".to_string(), node.settings()];
        node.process = Some(self.site.start(&node.folder, &options, &arguments)?);
        Ok(())
    }

    /// SIGTERM, and SIGKILL where the node does not end: the last of three loses its quorum and never would.
    pub(crate) fn stop_node(&mut self, i: usize, signal: i32) -> io::Result<()> {
        match self.nodes[i].process.take() {
            Some(mut process) => process.end(signal, STOPS_WITHIN),
            None => Ok(()),
        }
    }

    /// The end of the log of the first node that ended by itself.
    pub(crate) fn failure(&mut self) -> Option<String> {
        let ended = |n: &mut &mut Node| n.process.as_mut().is_some_and(Jvm::is_over);
        let node = self
            .nodes
            .iter_mut()
            .find_map(|mut n| ended(&mut n).then_some(n))?;
        Some(tail(&node.folder))
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

    /// What the nodes have counted of a listener's connections.
    pub(crate) fn connections(&self, listener: &str) -> io::Result<Connections> {
        let mut all = Connections::default();
        for node in &self.nodes {
            all = all.and(Connections::read(&node.folder, listener)?);
        }
        Ok(all)
    }

    /// Where node `i` listens.
    pub(crate) fn address(&self, i: usize) -> String {
        format!("127.0.0.1:{}", self.nodes[i].port)
    }

    #[cfg(test)]
    pub(crate) fn folder(&self) -> &Path {
        self.data.path()
    }
}

impl Drop for Nodes {
    fn drop(&mut self) {
        for process in self.nodes.iter_mut().filter_map(|n| n.process.as_mut()) {
            // Tests need no orderly end; data goes with the folder.
            drop(process.kill());
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

    /// The file of its settings.
    fn settings(&self) -> String {
        self.folder.join("server.properties").display().to_string()
    }
}

/// Where the nodes' processes run, and see what their settings and their class path name.
fn site(backend: Backend, data: &Path, settings: &[Property], class_path: &[PathBuf]) -> io::Result<Site> {
    let class_path: Vec<PathBuf> = class_path
        .iter()
        .map(std::path::absolute)
        .collect::<io::Result<_>>()?;
    let named = settings.iter().map(|(_, value)| value.as_str());
    let named = named.chain(class_path.iter().filter_map(|entry| entry.to_str()));
    let others = docker::folders(named).into_iter();
    Ok(Site {
        backend,
        data: data.into(),
        others: others.filter(|folder| !folder.starts_with(data)).collect(),
        class_path,
    })
}

/// A new folder for a cluster, at an absolute path.
fn data_folder(options: &Options) -> io::Result<TempDir> {
    let parent = options.folder.clone().unwrap_or_else(std::env::temp_dir);
    tempfile::Builder::new()
        .prefix("forebay-kafka-")
        .tempdir_in(std::path::absolute(parent)?)
}

/// Writes the settings of all nodes; returns those of all of them.
fn write_settings(nodes: &[Node], properties: &[Property], access: &Access) -> io::Result<Vec<Property>> {
    let voter = |(i, node): (usize, &Node)| format!("{}@127.0.0.1:{}", i + 1, node.controller);
    let voters: Vec<String> = nodes.iter().enumerate().map(voter).collect();
    let mut written = Vec::new();
    for (i, node) in nodes.iter().enumerate() {
        let mut all = settings::node(i + 1, nodes.len(), &voters.join(","), &node.folder);
        all.extend(access.properties(node.port, node.controller, &node.others));
        all.extend(properties.iter().cloned());
        fs::write(node.settings(), settings::text(&all))?;
        written.extend(all);
    }
    Ok(written)
}

/// The last lines of a node's log.
fn tail(folder: &Path) -> String {
    let text = fs::read_to_string(folder.join("kafka.log")).unwrap_or_default();
    let lines: Vec<&str> = text.lines().rev().take(15).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join("\n")
}
