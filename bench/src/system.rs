//! A system under test: a folder with a `run` script, started, watched and ended as one process.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use forebay_testcontainers::process;

use forebay_counted::Failure;

/// How long a system may take to end after SIGTERM.
const END_WITHIN: Duration = Duration::from_secs(20);

/// A folder under `systems/`.
#[derive(Clone, Debug)]
pub(crate) struct System {
    pub(crate) name: String,
    script: PathBuf,
}

impl System {
    /// The system `name` in `folder`.
    pub(crate) fn find(folder: &Path, name: &str) -> Result<Self, Failure> {
        let script = folder.join(name).join("run");
        if !script.is_file() {
            return Err(Failure(format!(
                "there is no system `{name}`: {} is missing",
                script.display()
            )));
        }
        Ok(Self {
            name: name.into(),
            script,
        })
    }

    /// Starts it with `settings` in its environment; what it prints goes to `log`.
    pub(crate) fn start(&self, settings: &BTreeMap<&str, String>, log: &Path) -> Result<Running, Failure> {
        let failed = |e: std::io::Error| Failure(format!("start {}: {e}", self.script.display()));
        let out = File::create(log).map_err(failed)?;
        let mut command = Command::new(&self.script);
        command
            .envs(settings)
            .stdin(Stdio::null())
            .stdout(out.try_clone().map_err(failed)?)
            .stderr(out);
        Ok(Running {
            started: Instant::now(),
            child: process::spawn(command).map_err(failed)?,
            log: log.into(),
            ended: None,
        })
    }
}

/// What a process has used, with the children it has waited for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Used {
    pub(crate) cpu: Duration,
    /// The largest resident set.
    pub(crate) peak_bytes: u64,
}

/// A system that runs; killed on drop.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) started: Instant,
    child: Child,
    log: PathBuf,
    ended: Option<(i32, Used)>,
}

impl Running {
    /// Why it is gone, where it has ended by itself.
    pub(crate) fn failure(&mut self) -> Option<String> {
        let (status, _) = self.reap()?;
        Some(format!(
            "ended by itself with {}{}",
            said(status),
            self.last_words()
        ))
    }

    /// SIGTERM, and what it has used in all.
    pub(crate) fn end(mut self) -> Result<Used, String> {
        if let Some(why) = self.failure() {
            return Err(why);
        }
        process::signal(&self.child, libc::SIGTERM);
        let until = Instant::now() + END_WITHIN;
        while Instant::now() < until {
            match self.reap() {
                Some((0, used)) => return Ok(used),
                Some((status, _)) => {
                    return Err(format!(
                        "ended with {} after SIGTERM{}",
                        said(status),
                        self.last_words()
                    ));
                }
                None => std::thread::sleep(Duration::from_millis(2)),
            }
        }
        Err(format!(
            "did not end within {END_WITHIN:?} of SIGTERM{}",
            self.last_words()
        ))
    }

    /// The last line it wrote.
    fn last_words(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let last = text.lines().rev().find(|line| !line.trim().is_empty());
        last.map_or(String::new(), |line| format!(": {line}"))
    }

    fn reap(&mut self) -> Option<(i32, Used)> {
        if self.ended.is_none() {
            self.ended = wait(&self.child);
        }
        self.ended
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.reap().is_none() {
            process::signal(&self.child, libc::SIGKILL);
            while self.reap().is_none() {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }
}

fn said(status: i32) -> String {
    if libc::WIFSIGNALED(status) {
        format!("signal {}", libc::WTERMSIG(status))
    } else {
        format!("exit code {}", libc::WEXITSTATUS(status))
    }
}

/// The status and the use of a child that has ended; the standard library knows no `rusage`.
#[allow(unsafe_code)]
fn wait(child: &Child) -> Option<(i32, Used)> {
    let pid = i32::try_from(child.id()).ok()?;
    let mut status = 0;
    // SAFETY: all zeros is a valid rusage.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: both are ours and outlive the call; the child is waited for nowhere else.
    let got = unsafe { libc::wait4(pid, &raw mut status, libc::WNOHANG, &raw mut usage) };
    if got != pid {
        return None;
    }
    let time = |t: libc::timeval| Duration::from_micros(t.tv_sec as u64 * 1_000_000 + t.tv_usec as u64);
    let used = Used {
        cpu: time(usage.ru_utime) + time(usage.ru_stime),
        peak_bytes: usage.ru_maxrss as u64 * 1024,
    };
    Some((status, used))
}
