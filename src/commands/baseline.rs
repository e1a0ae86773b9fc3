//! `baseline`: records through a pipeline in memory, and what was seen of its columns into a file.

use std::ops::Range;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::{Duration, Instant};

use clap::Args;
use forebay::config::{Config, start};
use forebay::connectors::{Needs, Topics};
use forebay::control::Control;
use forebay::core::drift::{Baseline as File, Bins, Reference, Thresholds};
use forebay::core::lane::Stop;
use forebay::core::records::Records;
use forebay::core::{Error, Result};
use forebay::drift::capture::{self, Capture, Captured, Options, WINDOW_ROWS};
use forebay::formats::Schooled;
use forebay::live::grouped;
use forebay::logging::{self, Format};
use forebay::plan::Plan;

use super::run::stop_on_signals;
use super::say::say_line;
use super::waiting::Waiting;
use super::{Failure, Pipeline, options};

#[derive(Debug, Args)]
pub(super) struct Baseline {
    #[command(flatten)]
    pipeline: Pipeline,
    /// Events to read, one a line, instead of the pipeline's topic; `.records.jsonl` holds records with keys and headers.
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// Where to begin in the topic: earliest, or a time such as 2026-01-31T00:00:00Z.
    #[arg(
        long,
        value_name = "TIME",
        default_value = "earliest",
        conflicts_with = "from"
    )]
    start: String,
    /// The offsets to read of each partition: FROM..TO, without TO itself.
    #[arg(long, value_name = "FROM..TO", conflicts_with_all = ["from", "start"])]
    offsets: Option<Offsets>,
    /// So many records at most.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    count: u64,
    /// The file to write. The default is the pipeline's `drift.baseline`, or NAME.baseline.json beside NAME.yaml.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// The columns to observe. The default is those that a model reads, and all that it predicts.
    #[arg(long, value_name = "COLUMN", value_delimiter = ',', num_args = 1..)]
    columns: Option<Vec<String>>,
    /// Records of a window: a window with fewer is not judged while the pipeline runs.
    #[arg(long, value_name = "N", default_value_t = WINDOW_ROWS as u64, value_parser = clap::value_parser!(u64).range(50..=1_000_000))]
    window_rows: u64,
}

/// `FROM..TO`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Offsets(Range<i64>);

impl FromStr for Offsets {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let range = text.split_once("..").and_then(|(from, to)| {
            let (from, to) = (from.parse().ok()?, to.parse().ok()?);
            (0 <= from && from < to).then_some(from..to)
        });
        range
            .map(Self)
            .ok_or_else(|| "not a range of offsets such as 0..100000".to_owned())
    }
}

/// Between two looks at whether to stop.
const LOOK: Duration = Duration::from_millis(200);
/// A topic that gives nothing for so long, and says of no end, has failed.
const SILENCE: Duration = Duration::from_secs(60);

pub(super) fn run(command: &Baseline) -> Result<(), Failure> {
    logging::start(Format::Text)?;
    let path = &command.pipeline.pipeline;
    let said = options(command.pipeline.connector.as_deref());
    let config = match &command.from {
        Some(_) => Config::load_without_connectors(path, &said)?,
        None => Config::load(path, &said)?,
    };
    let plan = Plan::without_drift(&config)?;
    let wanted = Options {
        columns: command.columns.clone(),
        window_rows: usize::try_from(command.window_rows).unwrap_or(WINDOW_ROWS),
    };
    let captured = match &command.from {
        Some(file) => {
            let mut capture = Capture::new(&config, &plan, &Schooled::AsJson, &wanted)?;
            let events = capture::events(file, &config)?;
            take(&mut capture, &events, command)?;
            capture.finish()?
        }
        None => of_topic(command, &config, &plan, &wanted)?,
    };
    let out = command
        .out
        .clone()
        .unwrap_or_else(|| capture::place(path, &config));
    capture::write(&out, &captured.baseline)?;
    table(&captured);
    say_line(format_args!("\nwritten to {}", out.display()));
    if config.document.pipeline.drift.is_none() {
        let name = out.file_name().unwrap_or_default().to_string_lossy();
        say_line(format_args!(
            "compare with it: add `drift: {{ baseline: {name} }}` under `pipeline`; the path is relative to the pipeline file"
        ));
    }
    Ok(())
}

/// The pipeline's topic, read beside its group: nothing is committed.
fn of_topic(command: &Baseline, config: &Config, plan: &Plan, wanted: &Options) -> Result<Captured> {
    let begin = start(&command.start).ok_or_else(|| {
        Error::config("not a place to begin: earliest or a time such as 2026-01-31T00:00:00Z")
            .with("start", &command.start)
    })?;
    let Topics::Names(topics) = &config.topics else {
        return Err(Error::config(
            "the pipeline reads a pattern of topics: write events into a file with `forebay consume --records`, and give it as `--from`",
        ));
    };
    let control = Control::start()?;
    let waiting = Waiting::start("from the connectors' credentials");
    let mut connectors = control.open(config, &mut |wait| waiting.same(Some(wait)))?;
    drop(waiting);
    let connector = connectors
        .remove(&config.source_connector)
        .ok_or_else(|| Error::config("find a connector").with("name", &config.source_connector))?;
    let needs = Needs {
        read: topics.clone(),
        ..Needs::default()
    };
    connector.verify(&needs, super::ANSWER_WITHIN)?;
    let schooled = Schooled::Registries {
        source: connector.registry().map(|registry| registry as _),
        results: None,
    };
    let mut capture = Capture::new(config, plan, &schooled, wanted)?;
    let stop = Stop::default();
    stop_on_signals(stop.clone())?;
    for topic in topics {
        let mut reader = connector.reader(topic, begin)?;
        let mut last = Instant::now();
        while capture.rows() < command.count && !reader.is_at_end() && !stop.requested() {
            let records = reader.read(LOOK)?;
            if !records.is_empty() {
                last = Instant::now();
            } else if last.elapsed() > SILENCE {
                return Err(
                    Error::fatal("read the topic: it gave nothing for a minute, and has not ended")
                        .with("topic", topic),
                );
            }
            take(&mut capture, &records, command)?;
        }
    }
    if stop.requested() {
        return Err(Error::fatal(
            "stopped before the reference was read; nothing was written",
        ));
    }
    capture.finish()
}

/// Takes in those of `records` that are asked for, up to the count.
fn take(capture: &mut Capture<'_>, records: &Records, command: &Baseline) -> Result<()> {
    let room = command.count.saturating_sub(capture.rows());
    let room = usize::try_from(room).unwrap_or(usize::MAX);
    let wanted = |row: &usize| match &command.offsets {
        None => true,
        Some(Offsets(range)) => range.contains(&records.offset(*row)),
    };
    let rows = (0..records.len()).filter(wanted).take(room);
    capture.take(&capture::part_of(records, rows))
}

/// What was captured, for a person to look at.
fn table(captured: &Captured) {
    let File {
        rows,
        window_rows,
        windows,
        columns,
        ..
    } = &captured.baseline;
    say_line(format_args!(
        "{} records, {} rejects, {windows} windows of {}\n",
        grouped(*rows),
        grouped(captured.rejects),
        grouped(*window_rows)
    ));
    let width = columns
        .iter()
        .map(|column| column.name.chars().count())
        .max()
        .unwrap_or(0)
        .max(6);
    say_line(format_args!(
        "{:<10}  {:<width$}  {:<8}  {:>12}  {:>10}  {:>10}  {:>8}  {:>8}",
        "part", "column", "type", "rows", "bins", "missing", "psi", "js"
    ));
    for column in columns {
        say_line(row(column, width));
    }
    say_line("\npsi and js are the limits that were learnt: a window above one of them drifts");
}

fn row(column: &Reference, width: usize) -> String {
    let bins = match &column.bins {
        Bins::Numbers(edges) => format!("{} ranges", edges.len() + 1),
        Bins::Categories(names) => format!("{} names", names.len()),
    };
    let limits = column.limits(&Thresholds::default());
    format!(
        "{:<10}  {:<width$}  {:<8}  {:>12}  {bins:>10}  {:>8.2} %  {:>8.3}  {:>8.3}",
        column.part.name(),
        column.name,
        column.data_type,
        grouped(column.rows()),
        column.missing() * 100.0,
        limits.psi,
        limits.js
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_of_offsets_is_two_numbers_that_rise() {
        assert_eq!("0..10".parse(), Ok(Offsets(0..10)));
        for wrong in ["", "5", "..", "5..5", "9..3", "-1..3", "a..b", "1..2..3"] {
            assert!(wrong.parse::<Offsets>().is_err(), "{wrong}");
        }
    }
}
