//! `dashboard`: a dashboard for Grafana, on standard output.

use std::path::PathBuf;

use clap::Args;
use forebay::core::Error;
use forebay::dashboard;

use super::say::say_line;
use super::{Failure, Pipeline, load_file};

#[derive(Debug, Args)]
pub(super) struct Dashboard {
    /// The pipeline file whose pipeline is chosen at first. Without it all are.
    pipeline: Option<PathBuf>,
    /// Replaces the file's default connector.
    #[arg(long, requires = "pipeline")]
    connector: Option<String>,
}

pub(super) fn run(command: &Dashboard) -> Result<(), Failure> {
    let pipeline = match &command.pipeline {
        Some(path) => {
            let pipeline = Pipeline {
                pipeline: path.clone(),
                connector: command.connector.clone(),
            };
            Some(load_file(&pipeline)?.document.pipeline.name)
        }
        None => None,
    };
    let made = dashboard::made(pipeline.as_deref());
    let text = serde_json::to_string_pretty(&made);
    say_line(text.map_err(|e| Error::fatal("write the dashboard").caused_by(e))?);
    Ok(())
}
