//! `policy`: the least rights that a pipeline needs. The rights go to standard output, what a person must know to standard error.

use clap::Args;
use forebay::connectors::Bootstrap;
use forebay::policy::{Uses, write};

use super::say::say;
use super::{Failure, Pipeline, load_file};

#[derive(Debug, Args)]
pub(super) struct Policy {
    #[command(flatten)]
    pipeline: Pipeline,
}

pub(super) fn run(command: &Policy) -> Result<(), Failure> {
    let config = load_file(&command.pipeline)?;
    for (name, connector) in &config.connectors {
        let bootstrap = match &connector.bootstrap {
            Bootstrap::Addresses(all) => all.join(","),
            Bootstrap::Lookup(_) => "BOOTSTRAP".to_owned(),
        };
        let policy = write(&connector.grants, &Uses::of(&config, name), &bootstrap);
        eprintln!("connector {name} ({})", config.kind_of(name));
        for note in policy.notes {
            eprintln!("note: {}", config.shown(&note));
        }
        say(policy.text);
    }
    Ok(())
}
