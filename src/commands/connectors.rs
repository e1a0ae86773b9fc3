//! `connectors`: what a connector's `kind` may name, and what one connector of a pipeline file comes to: every setting of its
//! clients with whose choice it is and why.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use forebay::assemble::specs;
use forebay::config::{Config, Options};
use forebay::connectors::kafka::{By, Clients, Line, Settings};
use forebay::connectors::registry::RegistrySettings;
use forebay::connectors::{KINDS, Limits, Resolved};
use forebay::core::Error;
use serde_json::{Value, json};

use super::say::{say, say_line};
use super::{Failure, options};

#[derive(Debug, Args)]
pub(super) struct Connectors {
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Prints the settings of a connector's clients, each with its reason; secrets are hidden, nothing is connected to.
    Show(Show),
}

#[derive(Debug, Args)]
struct Show {
    /// The connector's name in the pipeline file.
    name: String,
    /// The pipeline file.
    #[arg(default_value = "pipeline.yaml")]
    pipeline: PathBuf,
    /// One JSON document instead of lines.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(command: &Connectors) -> Result<(), Failure> {
    match &command.what {
        Some(What::Show(show)) => self::show(show),
        None => {
            say(kinds());
            Ok(())
        }
    }
}

fn kinds() -> String {
    let mut out = format!("{:<12} state\n", "kind");
    for kind in KINDS {
        let state = match kind.built {
            Some(_) => "built in".to_owned(),
            None => format!("built without it: rebuild with `--features {}`", kind.feature),
        };
        out.push_str(&format!("{:<12} {state}\n", kind.name));
    }
    out
}

/// The settings of a connector's clients, by who has them.
struct Shown {
    every: Vec<Line>,
    consumer: Vec<Line>,
    producer: Vec<Line>,
}

impl Shown {
    fn of(config: &Config, connector: &Resolved) -> Self {
        let clients = Clients::from(connector);
        let (source, sink) = specs(config);
        let (consumer, producer) = (clients.consumer(&source), clients.producer(&sink));
        let every = clients.probe();
        Self {
            consumer: beside(&every, &consumer),
            producer: beside(&every, &producer),
            every: every.lines().to_vec(),
        }
    }
}

/// What `own` has beside what every client has.
fn beside(every: &Settings, own: &Settings) -> Vec<Line> {
    let known = |line: &&Line| {
        let same = |other: &Line| other.name == line.name && other.shown() == line.shown();
        !every.lines().iter().any(same)
    };
    own.lines().iter().filter(known).cloned().collect()
}

fn show(command: &Show) -> Result<(), Failure> {
    let name = command.name.as_str();
    let options = Options {
        also: Some(name.to_owned()),
        ..options(Some(name))
    };
    let config = Config::load(&command.pipeline, &options)?;
    let connector = config.connectors.get(name);
    let connector = connector.ok_or_else(|| Error::config("find a connector").with("name", name))?;
    let shown = Shown::of(&config, connector);
    let kind = config.kind_of(name);
    if command.json {
        say_line(as_json(&config, name, connector, &shown));
        return Ok(());
    }
    say_line(format!("connector {name} ({kind})"));
    for (title, lines) in [
        ("every client", &shown.every),
        ("the consumer of a lane", &shown.consumer),
        ("the producer of a lane", &shown.producer),
    ] {
        say(as_text(&config, kind, title, lines));
    }
    if let Some(registry) = &connector.registry {
        say_line("the schema registry");
        for (name, value) in registry.shown() {
            say_line(format!("  {name:<7}  {}", config.shown(&value)));
        }
    }
    for limit in limits(&connector.limits) {
        say_line(format!("limit    {}: {}", limit.0, limit.1));
    }
    Ok(())
}

fn as_text(config: &Config, kind: &str, title: &str, lines: &[Line]) -> String {
    let value = |line: &Line| config.shown(line.shown().unwrap_or("***"));
    let width = |of: fn(&Line, &str) -> usize| {
        lines
            .iter()
            .map(|line| of(line, &value(line)))
            .max()
            .unwrap_or(0)
            .min(48)
    };
    let (names, values) = (
        width(|line, _| line.name.len()),
        width(|_, value| value.chars().count()),
    );
    let mut out = format!("{title}\n");
    for line in lines {
        let (name, value) = (&line.name, value(line));
        let whose = whose(config, kind, line);
        out += &format!("  {name:<names$}  {value:<values$}  {whose}{}\n", line.why);
    }
    out
}

/// Whose choice it is, where it is not Forebay's own.
fn whose(config: &Config, kind: &str, line: &Line) -> String {
    let instead = line.instead_of.as_deref().map(|old| config.shown(old));
    let instead = instead.map_or(String::new(), |old| format!(", instead of {old}"));
    match line.by {
        By::Forebay => String::new(),
        By::Kind => format!("[{kind}{instead}] "),
        By::File => format!("[this file{instead}] "),
    }
}

/// What the service does not do, with the reasons.
fn limits(limits: &Limits) -> Vec<(String, &'static str)> {
    let words = |what: &str, only: forebay::connectors::Only| {
        (format!("{what} is {}", only.words.join(" or ")), only.why)
    };
    let mut all = Vec::new();
    all.extend(limits.compressions.map(|only| words("sink.compression", only)));
    all.extend(
        limits
            .group_protocols
            .map(|only| words("source.group_protocol", only)),
    );
    all.extend(limits.commit_every.map(|least| {
        (
            format!("commit.every is at least {:?}", least.interval),
            least.why,
        )
    }));
    all.extend(
        limits
            .topic
            .as_ref()
            .map(|(topic, why)| (format!("the topic is {topic}"), *why)),
    );
    all.extend(
        limits
            .creates_no_topics
            .map(|why| ("no topics are created".to_owned(), why)),
    );
    all
}

fn as_json(config: &Config, name: &str, connector: &Resolved, shown: &Shown) -> Value {
    let one = |line: &Line| {
        json!({
            "name": line.name,
            "value": line.shown().map(|value| config.shown(value)),
            "by": match line.by { By::Forebay => "forebay", By::Kind => "kind", By::File => "file" },
            "why": line.why,
            "instead_of": line.instead_of.as_deref().map(|old| config.shown(old)),
        })
    };
    let all = |lines: &[Line]| lines.iter().map(one).collect::<Vec<_>>();
    let registry = |registry: &RegistrySettings| {
        let lines = registry.shown().into_iter();
        lines
            .map(|(name, value)| (name, config.shown(&value)))
            .collect::<BTreeMap<_, _>>()
    };
    json!({
        "format": 1,
        "connector": name,
        "kind": config.kind_of(name),
        "every": all(&shown.every),
        "consumer": all(&shown.consumer),
        "producer": all(&shown.producer),
        "schema_registry": connector.registry.as_ref().map(registry),
        "limits": limits(&connector.limits).iter().map(|(limit, why)| json!({ "limit": limit, "why": why })).collect::<Vec<_>>(),
    })
}
