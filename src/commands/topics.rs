//! `produce`, `consume` and `topics`: events into topics and out of them, and the topics that a pipeline needs.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::PathBuf;

use clap::{Args, Subcommand};
use forebay::assemble::needs;
use forebay::config::{Config, SinkFormat, start};
use forebay::connectors::Topics::{Names, Pattern};
use forebay::connectors::{Connector, Needs, NewTopic, Start};
use forebay::contract::language;
use forebay::control::{Connectors, Control};
use forebay::core::lane::Stop;
use forebay::core::{Error, Result};
use forebay::logging::{self, Format};
use forebay::topics::consume::Consume;
use forebay::topics::produce::{Produce, unreadable};

use super::run::stop_on_signals;
use super::say::say_line;
use super::waiting::Waiting;
use super::{Failure, Pipeline, load_file};

/// Which end of the pipeline a topic is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Source,
    Sink,
}

#[derive(Debug, Args)]
pub(super) struct ProduceLines {
    #[command(flatten)]
    pipeline: Pipeline,
    /// Where lines come from; without it standard input.
    #[arg(long)]
    file: Option<PathBuf>,
    /// Another topic than the one the pipeline reads.
    #[arg(long)]
    topic: Option<String>,
    /// The field that becomes the key, such as `id` or `merchant.id`.
    #[arg(long)]
    key: Option<String>,
    /// Each line is a record, as `consume --records` writes them: key, headers, timestamp and payload.
    #[arg(long)]
    records: bool,
    /// Writes lines as they stand, where the topic's format has schemas, too: the pipeline cannot read them.
    #[arg(long)]
    raw: bool,
    /// Records a second.
    #[arg(long)]
    rate: Option<u64>,
    /// So many at most.
    #[arg(long)]
    count: Option<u64>,
}

#[derive(Debug, Args)]
pub(super) struct ConsumeLines {
    #[command(flatten)]
    pipeline: Pipeline,
    /// Another topic than the one the pipeline writes to.
    #[arg(long)]
    topic: Option<String>,
    /// Where to begin: earliest, latest, or a time such as 2026-01-31T00:00:00Z.
    #[arg(long, default_value = "earliest")]
    from: String,
    /// Waits for more at the end of the topic, until Ctrl-C.
    #[arg(long)]
    follow: bool,
    /// So many at most.
    #[arg(long)]
    count: Option<u64>,
    /// Records instead of payloads: topic, partition, offset, timestamp, key, headers and payload.
    #[arg(long)]
    records: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum Topics {
    /// Creates the topics of a pipeline that do not exist.
    Create(Create),
}

#[derive(Debug, Args)]
pub(super) struct Create {
    #[command(flatten)]
    pipeline: Pipeline,
    /// Partitions of each topic; without it the cluster's default.
    #[arg(long, value_parser = clap::value_parser!(i32).range(1..))]
    partitions: Option<i32>,
    /// Copies of each partition; without it the cluster's default.
    #[arg(long, value_parser = clap::value_parser!(i32).range(1..))]
    replication: Option<i32>,
}

pub(super) fn produce(command: &ProduceLines) -> Result<(), Failure> {
    logging::start(Format::Text)?;
    let config = load_file(&command.pipeline)?;
    let (topic, name) = one_topic(&config, command.topic.as_ref(), End::Source)?;
    let format = schema_format(&config, &topic).filter(|_| !command.raw);
    if let Some(format) = format.filter(|_| !command.records) {
        return Err(unreadable(format).with("topic", &topic).into());
    }
    let control = Control::start()?;
    let connector = open(&control, &config, &name)?;
    let needs = Needs {
        write: vec![topic.clone()],
        ..Needs::default()
    };
    connector.verify(&needs, super::ANSWER_WITHIN)?;
    let (mut input, from): (Box<dyn BufRead>, String) = match &command.file {
        None => (Box::new(io::stdin().lock()), "standard input".into()),
        Some(path) => {
            let file = File::open(path).map_err(|e| {
                Error::config("open a file of lines")
                    .with("file", path.display())
                    .caused_by(e)
            })?;
            (Box::new(BufReader::new(file)), path.display().to_string())
        }
    };
    let produce = Produce {
        topic,
        records: command.records,
        format,
        key: command.key.clone(),
        rate: command.rate,
        count: command.count,
    };
    let written = produce.run(&*connector, &mut *input, &from)?;
    eprintln!("{written} records written to {}", produce.topic);
    Ok(())
}

pub(super) fn consume(command: &ConsumeLines) -> Result<(), Failure> {
    logging::start(Format::Text)?;
    let config = load_file(&command.pipeline)?;
    let (topic, name) = one_topic(&config, command.topic.as_ref(), End::Sink)?;
    let start = start(&command.from).ok_or_else(|| {
        Error::config("not a place to begin: earliest, latest or a time such as 2026-01-31T00:00:00Z")
            .with("from", &command.from)
    })?;
    let control = Control::start()?;
    let connector = open(&control, &config, &name)?;
    let needs = Needs {
        read: vec![topic.clone()],
        ..Needs::default()
    };
    connector.verify(&needs, super::ANSWER_WITHIN)?;
    let stop = Stop::default();
    stop_on_signals(stop.clone())?;
    let consume = Consume {
        topic,
        start,
        until_end: !command.follow && start != Start::Latest,
        count: command.count,
        records: command.records,
    };
    consume.run(&*connector, &mut io::stdout().lock(), &stop)?;
    Ok(())
}

pub(super) fn topics(command: &Topics) -> Result<(), Failure> {
    let Topics::Create(create) = command;
    logging::start(Format::Text)?;
    let config = load_file(&create.pipeline)?;
    let control = Control::start()?;
    let connectors = opened(&control, &config)?;
    for (name, needs) in needs(&config) {
        let Some(connector) = connectors.get(name) else {
            continue;
        };
        let wanted: Vec<NewTopic> = needs
            .topics()
            .into_iter()
            .map(|topic| NewTopic {
                name: topic.to_owned(),
                partitions: create.partitions,
                replication: create.replication,
            })
            .collect();
        let created = connector.create_topics(&wanted)?;
        for topic in wanted {
            let what = if created.contains(&topic.name) {
                "created"
            } else {
                "exists "
            };
            say_line(format_args!("{what}  {} on {name}", topic.name));
        }
    }
    Ok(())
}

/// The format of the topic's payloads, where lines of JSON are none of it.
fn schema_format(config: &Config, topic: &str) -> Option<&'static str> {
    let pipeline = &config.document.pipeline;
    let read = match &config.topics {
        Names(names) => names.iter().any(|name| name == topic),
        Pattern(_) => topic != pipeline.sink.topic,
    };
    if read {
        let format = &pipeline.source.format;
        return language(format).map(|_| format.name());
    }
    let format = &pipeline.sink.format;
    let json = matches!(format, SinkFormat::Json(_) | SinkFormat::Raw(_));
    (topic == pipeline.sink.topic && !json).then(|| format.name())
}

/// The topic that is meant, and its connector.
fn one_topic(config: &Config, given: Option<&String>, end: End) -> Result<(String, String)> {
    let name = match end {
        End::Source => &config.source_connector,
        End::Sink => &config.sink_connector,
    };
    if let Some(topic) = given {
        return Ok((topic.clone(), name.clone()));
    }
    let topic = match (end, &config.topics) {
        (End::Sink, _) => config.document.pipeline.sink.topic.clone(),
        (End::Source, Names(names)) if names.len() == 1 => names[0].clone(),
        (End::Source, _) => {
            return Err(Error::config(
                "the pipeline reads several topics: name one with `--topic`",
            ));
        }
    };
    Ok((topic, name.clone()))
}

fn opened(control: &Control, config: &Config) -> Result<Connectors> {
    let waiting = Waiting::start("from the connectors' credentials");
    control.open(config, &mut |wait| waiting.same(Some(wait)))
}

fn open(control: &Control, config: &Config, name: &str) -> Result<std::sync::Arc<dyn Connector>> {
    let mut connectors = opened(control, config)?;
    connectors
        .remove(name)
        .ok_or_else(|| Error::config("find a connector").with("name", name))
}
