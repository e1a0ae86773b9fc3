//! `rules`: recording rules and alerts of a pipeline, and their tests for promtool.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use forebay::core::Error;
use forebay::plan::Plan;
use forebay::rules::{Rules as Written, Subject};

use super::say::{say, say_line};
use super::{Failure, Pipeline, load_file};

#[derive(Debug, Args)]
pub(super) struct Rules {
    #[command(flatten)]
    pipeline: Pipeline,
    /// The folder to write NAME.rules.yml and NAME.rules.test.yml into, by the pipeline's name. Without it the rules alone are printed.
    #[arg(long)]
    out: Option<PathBuf>,
}

pub(super) fn run(command: &Rules) -> Result<(), Failure> {
    let config = load_file(&command.pipeline)?;
    // The models and the rest are looked at only where a baseline is compared with them.
    let drift = match &config.document.pipeline.drift {
        Some(_) => Plan::new(&config)?.drift,
        None => None,
    };
    let subject = Subject::of(&config, drift.as_deref());
    let files = (subject.rules_file(), subject.tests_file());
    let rules = Written::of(subject);
    let Some(folder) = &command.out else {
        say(rules.to_yaml());
        return Ok(());
    };
    for (name, text) in [(files.0, rules.to_yaml()), (files.1, rules.tests_to_yaml())] {
        let path = folder.join(name);
        write(&path, &text)?;
        say_line(path.display());
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<(), Error> {
    let parent = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(parent)
        .and_then(|()| fs::write(path, text))
        .map_err(|e| {
            Error::config("write the rules: name a folder that can be written to with --out")
                .with("path", path.display())
                .caused_by(e)
        })
}
