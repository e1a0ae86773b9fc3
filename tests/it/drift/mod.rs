//! Drift: baselines as the binary captures them, scores as others compute them, and a shift that is caught while a pipeline runs.

mod files;
mod long;
mod scores;
mod topic;

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::sensors;

/// Events `from..to` of the example, one a line.
fn write_events(path: &Path, from: u64, to: u64) {
    let lines = (from..to).map(|number| {
        let (_, event) = sensors::event(number);
        String::from_utf8(event).expect("JSON") + "\n"
    });
    fs::write(path, lines.collect::<String>()).expect("write events");
}

/// The example's pipeline with this under `drift`, beside what is in the folder.
fn with_drift(folder: &TempDir, drift: &str) -> PathBuf {
    sensors::pipeline(folder, &[(sensors::DRIFT, &format!("drift: {drift}"))])
}

/// The folder of a pipeline, and a baseline captured from 6,000 events by the binary; what it printed.
fn captured() -> (TempDir, String) {
    let folder = TempDir::new().expect("a folder");
    let pipeline = sensors::pipeline(&folder, &[(sensors::DRIFT, "")])
        .display()
        .to_string();
    let events = folder.path().join("events.jsonl");
    write_events(&events, 0, 6000);
    let mut command = crate::forebay(&["baseline", &pipeline, "--from"]);
    command.arg(&events);
    let output = crate::output(command);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    (folder, String::from_utf8_lossy(&output.stdout).into_owned())
}
