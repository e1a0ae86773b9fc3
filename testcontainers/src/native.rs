//! A server that is a process of this machine's: a folder of its own, a log in it, and an end with its owner. It knows no server.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::process;
use crate::reaper::Reaper;

/// A server that runs; ends on drop.
#[derive(Debug)]
pub(crate) struct Native {
    name: &'static str,
    child: Mutex<Child>,
    // After the process, which writes into it.
    folder: TempDir,
    reaper: Reaper,
}

impl Native {
    /// Starts what `command` makes, in a folder that is made for it.
    pub(crate) fn start(
        name: &'static str,
        command: impl FnOnce(&Path) -> io::Result<Command>,
    ) -> io::Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix(&format!("forebay-{name}-"))
            .tempdir()?;
        let reaper = Reaper::watch(folder.path())?;
        let mut command = command(folder.path())?;
        let log = File::create(log_of(folder.path()))?;
        command.current_dir(folder.path());
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        Ok(Self {
            name,
            child: Mutex::new(process::spawn(command)?),
            folder,
            reaper,
        })
    }

    /// Waits until it answers; fails with its log where it ends before, or does not within `within`.
    pub(crate) fn await_ready(&self, within: Duration, answers: impl Fn() -> bool) -> io::Result<()> {
        let until = Instant::now() + within;
        while !answers() {
            let ended = self
                .child
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .try_wait()?;
            if ended.is_some() || Instant::now() >= until {
                let what = ended.map_or_else(
                    || format!("it did not answer within {within:?}"),
                    |status| format!("it ended with {status}"),
                );
                return Err(io::Error::other(format!("{what}:\n{}", self.tail())));
            }
            std::thread::sleep(Duration::from_millis(50)); // a pause between two looks
        }
        Ok(())
    }

    /// The last lines of its log.
    pub(crate) fn tail(&self) -> String {
        let text = fs::read_to_string(log_of(self.folder.path())).unwrap_or_default();
        let lines: Vec<&str> = text.lines().rev().take(15).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Native {
    fn drop(&mut self) {
        let child = self.child.get_mut().unwrap_or_else(PoisonError::into_inner);
        // It may have ended by itself.
        drop(child.kill());
        drop(child.wait());
        if std::thread::panicking() {
            self.reaper.keep();
            self.folder.disable_cleanup(true);
            let folder = self.folder.path().display();
            eprintln!("the log of {} is kept in {folder}", self.name);
        }
    }
}

fn log_of(folder: &Path) -> PathBuf {
    folder.join("server.log")
}

/// The body of what a server on loopback answers, whatever the status.
pub(crate) fn ask(port: u16, method: &str, path: &str, body: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
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
