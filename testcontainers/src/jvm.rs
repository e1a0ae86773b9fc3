//! A Java process with Kafka's classes: a child, or a container that its `docker run`, a child too, stands for. It does
//! not know what a node is.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::backend::Backend;
use crate::docker::{self, Container};
use crate::process;

/// Where such processes run.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) backend: Backend,
    /// What they write is below it.
    pub(crate) data: PathBuf,
    /// Folders elsewhere that their settings or their class path name.
    pub(crate) others: BTreeSet<PathBuf>,
    /// Jars and folders of classes that come before Kafka's own.
    pub(crate) class_path: Vec<PathBuf>,
}

/// A process that was started, and may have ended.
#[derive(Debug)]
pub(crate) struct Jvm {
    child: Child,
    container: Option<Container>,
}

/// Of every process. The configuration of its log lies beside its folder.
const OPTIONS: &[&str] = &[
    "-XX:+UseSerialGC",
    "-Xshare:auto",
    "-Dlog4j2.configurationFile=../log4j2.properties",
];
/// A container is gone within this, whatever it was doing when it was killed.
const REMOVED_WITHIN: Duration = Duration::from_secs(30);

impl Site {
    /// Starts one in `folder`, where what it says is appended to `kafka.log`.
    pub(crate) fn start(&self, folder: &Path, options: &[&str], arguments: &[String]) -> io::Result<Jvm> {
        let (mut command, jars, container) = match &self.backend {
            Backend::Native => (Command::new("java"), home()?.join("*"), None),
            Backend::Container { image } => {
                let container = Container::new(&self.data);
                let mut command = Command::new("docker");
                command.args(container.run(image, "java", folder, &self.others)?);
                (command, docker::HOME.into(), Some(container))
            }
        };
        let mut class_path = self.class_path.clone();
        class_path.push(jars);
        let class_path = std::env::join_paths(class_path).map_err(io::Error::other)?;
        let log = folder.join("kafka.log");
        let log = File::options().create(true).append(true).open(log)?;
        command
            .args(options)
            .args(OPTIONS)
            .arg("-cp")
            .arg(class_path)
            .args(arguments);
        command.current_dir(folder).stdin(Stdio::null());
        command.stdout(log.try_clone()?).stderr(log);
        let child = process::spawn(command)?;
        Ok(Jvm { child, container })
    }
}

impl Jvm {
    pub(crate) fn wait(&mut self) -> io::Result<ExitStatus> {
        self.child.wait()
    }

    pub(crate) fn is_over(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)))
    }

    /// Sends it `signal`, and kills it where it has not ended `within`.
    pub(crate) fn end(&mut self, signal: i32, within: Duration) -> io::Result<()> {
        let sent = match &self.container {
            Some(container) => container.signal(signal),
            None => {
                process::signal(&self.child, signal);
                Ok(())
            }
        };
        if !self.is_over() {
            sent?;
        }
        let until = Instant::now() + within;
        while !self.is_over() && Instant::now() < until {
            thread::sleep(Duration::from_millis(20));
        }
        self.kill()
    }

    /// Kills it and waits until it is gone.
    pub(crate) fn kill(&mut self) -> io::Result<()> {
        let until = Instant::now() + REMOVED_WITHIN;
        // Again and again: the engine may be making the container right now.
        while let Some(container) = &self.container
            && self.child.try_wait()?.is_none()
            && Instant::now() < until
        {
            container.remove();
            thread::sleep(Duration::from_millis(20));
        }
        self.child.kill()?;
        self.child.wait().map(|_| ())
    }
}

/// The user's folder for what can be made again.
pub(crate) fn cache() -> Option<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))
}

/// The folder of Kafka's jars on this machine.
pub(crate) fn home() -> io::Result<PathBuf> {
    let named = std::env::var_os("FOREBAY_KAFKA_HOME").map(PathBuf::from);
    let cache = cache();
    let home = named
        .or_else(|| Some(cache?.join("forebay/kafka/4.4.0")))
        .filter(|h| h.is_dir());
    home.ok_or_else(|| {
        io::Error::other(
            "Apache Kafka's jars are not in the cache; run `make kafka`, or set FOREBAY_KAFKA_HOME",
        )
    })
}
