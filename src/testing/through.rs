//! Events through the pipeline, as `run` would carry them: one lane between the memory source and the memory sink. Knows
//! nothing of what is expected.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use forebay_core::dead_letters::DeadLetters;
use forebay_core::lane::{Lane, Stop};
use forebay_core::memory::{MemorySink, MemorySource, Message, Script, Written, lock};
use forebay_core::metrics::LaneMetrics;
use forebay_core::sink::{Confirmed, Outgoing, Sink, Ticket};
use forebay_core::{Error, Kind, Result};

use super::input::Event;
use crate::assemble;
use crate::config::Config;
use crate::formats::Schooled;
use crate::plan::Plan;

/// What came out.
#[derive(Debug, Default)]
pub(crate) struct Through {
    pub(crate) results: Vec<Delivered>,
    /// In the order of the input's lines.
    pub(crate) rejects: Vec<Rejected>,
    pub(crate) stopped: Option<Stopped>,
}

/// A result and the line of the input it comes from.
#[derive(Clone, Debug)]
pub(crate) struct Delivered {
    pub(crate) line: usize,
    pub(crate) message: Message,
}

/// A line of the input that was rejected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rejected {
    pub(crate) line: usize,
    pub(crate) stage: String,
    pub(crate) reason: String,
}

/// Why the pipeline stopped, and at which line where it is known.
#[derive(Clone, Debug)]
pub(crate) struct Stopped {
    pub(crate) line: Option<usize>,
    pub(crate) reason: String,
}

/// Topic, partition and offset of an event.
type Origin = (String, i32, i64);

/// A memory sink that also notes where each message comes from.
struct Noting {
    sink: MemorySink,
    origins: Arc<Mutex<Vec<Origin>>>,
}

/// What a [`Noting`] was given; stays when the lane has ended.
#[derive(Default)]
struct Notes {
    written: Arc<Mutex<Written>>,
    origins: Arc<Mutex<Vec<Origin>>>,
}

impl Notes {
    fn sink(&self) -> Box<dyn Sink> {
        Box::new(Noting {
            sink: MemorySink::new(Arc::clone(&self.written)),
            origins: Arc::clone(&self.origins),
        })
    }

    fn take(&self) -> Vec<(Origin, Message)> {
        let origins = std::mem::take(&mut *lock(&self.origins));
        let messages = std::mem::take(&mut lock(&self.written).messages);
        origins.into_iter().zip(messages).collect()
    }
}

impl Sink for Noting {
    fn write(&mut self, ticket: Ticket, rows: &Outgoing, from: usize) -> Result<usize> {
        let taken = self.sink.write(ticket, rows, from)?;
        let origin = |record: &u32| {
            let row = *record as usize;
            let partition = rows.records.partition(row);
            (
                partition.topic.to_string(),
                partition.partition,
                rows.records.offset(row),
            )
        };
        lock(&self.origins).extend(rows.origin[from..from + taken].iter().map(origin));
        Ok(taken)
    }

    fn confirmed(&mut self) -> Result<Confirmed> {
        self.sink.confirmed()
    }

    fn flush(&mut self, within: Duration) -> Result<()> {
        self.sink.flush(within)
    }
}

/// Carries `events` through.
///
/// # Errors
/// Where the pipeline cannot be opened; one that stops is no error but `stopped`.
pub(crate) fn carry(config: &Config, plan: &Plan, events: Vec<Event>) -> Result<Through> {
    let lines: HashMap<Origin, usize> = events
        .iter()
        .map(|e| {
            (
                (e.message.topic.clone(), e.message.partition, e.message.offset),
                e.line,
            )
        })
        .collect();
    let memory = usize::try_from(config.document.pipeline.memory.0).unwrap_or(usize::MAX);
    let mut rules = assemble::rules(config, memory / 4);
    rules.dead_letters = dead_letters(config, rules.dead_letters);
    let messages = events.into_iter().map(|e| e.message).collect();
    let metrics = Arc::new(LaneMetrics::default());
    let (results, rejects) = (Notes::default(), Notes::default());
    let lane = Lane::new(
        Box::new(MemorySource::new([Script::Messages(messages)])),
        plan.open_lane(Arc::clone(&metrics), &Schooled::AsJson)?,
        vec![results.sink(), rejects.sink()],
        rules,
        metrics,
        Stop::default(),
    );
    let outcome = lane.run();
    let line = |origin: &Origin| lines.get(origin).copied();
    let delivered = results
        .take()
        .into_iter()
        .filter_map(|(origin, message)| line(&origin).map(|line| Delivered { line, message }));
    let rejected = rejects
        .take()
        .into_iter()
        .filter_map(|(origin, message)| line(&origin).map(|line| rejected(line, &message)));
    let mut through = Through {
        results: delivered.collect(),
        rejects: rejected.collect(),
        stopped: None,
    };
    through.rejects.sort_by_key(|reject| reject.line);
    match outcome {
        Ok(()) => {}
        Err(error) if error.kind() == Kind::Config => return Err(error),
        Err(error) => {
            through.stopped = Some(Stopped {
                line: origin(&error).and_then(|origin| line(&origin)),
                reason: error.to_string(),
            });
        }
    }
    Ok(through)
}

/// Rejects go to the second sink, those that a run would drop as well: a test wants to see them.
fn dead_letters(config: &Config, configured: Option<DeadLetters>) -> Option<DeadLetters> {
    let pipeline = &config.document.pipeline;
    let dropped = pipeline.on_reject == crate::config::OnReject::Drop;
    let seen = dropped.then(|| DeadLetters {
        topic: "rejects".into(),
        sink: 1,
        pipeline: pipeline.name.as_str().into(),
        stop_after: None,
    });
    configured.map(|dead| DeadLetters { sink: 1, ..dead }).or(seen)
}

/// Stage and reason stand in the headers of a dead letter; the event's own headers come before them.
fn rejected(line: usize, letter: &Message) -> Rejected {
    let header = |name: &str| {
        let value = letter.headers.iter().rev().find(|(n, _)| n == name);
        let value = value.and_then(|(_, value)| value.as_deref()).unwrap_or_default();
        String::from_utf8_lossy(value).into_owned()
    };
    Rejected {
        line,
        stage: header("__connect.errors.stage"),
        reason: header("__connect.errors.exception.message"),
    }
}

/// The record that an error names.
fn origin(error: &Error) -> Option<Origin> {
    let fact = |name: &str| {
        error
            .context()
            .iter()
            .find(|(n, _)| *n == name)
            .map(|(_, value)| value)
    };
    Some((
        fact("topic")?.clone(),
        fact("partition")?.parse().ok()?,
        fact("offset")?.parse().ok()?,
    ))
}
