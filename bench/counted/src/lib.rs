//! What is counted and measured: the workloads. Apart from what measures them on a broker, so that counting builds no cloud's SDK.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

pub mod tabular;
pub mod workloads;

/// What ends the whole benchmark: said as it is.
#[derive(Debug)]
pub struct Failure(pub String);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The checkout this was built in.
pub fn checkout() -> Result<PathBuf, Failure> {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    root.canonicalize()
        .map_err(|e| Failure(format!("open {}: {e}", root.display())))
}

/// What `command` prints, on one line; empty where it fails.
pub fn says(command: &str, arguments: &[&str]) -> String {
    let output = Command::new(command).args(arguments).output();
    let text = output.map_or(String::new(), |o| String::from_utf8_lossy(&o.stdout).into_owned());
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
