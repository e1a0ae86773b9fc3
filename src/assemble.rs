//! From a plan to running lanes: the only place where all crates meet.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use forebay_connectors::kafka::Wait;
use forebay_connectors::{AUTH_TIMEOUT, Connector, GroupProtocol, Needs, SinkSpec, SourceSpec, Topics};
use forebay_core::codec::schemas::Schemas;
use forebay_core::dead_letters::DeadLetters;
use forebay_core::lane::{Lane, OnGap, Rules, Stop};
use forebay_core::metrics::{AllMetrics, LaneMetrics};
use forebay_core::{Error, Result};

use crate::config::{self, Compression, Config, OnReject, Protocol};
use crate::control::{Connectors, Control};
use crate::formats::Schooled;
use crate::plan::Plan;
use crate::results::Wanted;

/// How long the cluster may take to answer at the start.
const ANSWER_WITHIN: Duration = Duration::from_secs(12);
/// How long a flush may take when partitions are handed over.
const FLUSH_WITHIN: Duration = Duration::from_secs(30);

/// Lanes that run.
#[derive(Debug)]
pub struct Running {
    pub metrics: AllMetrics,
    pub connectors: Connectors,
    control: Control,
    stop: Stop,
    lanes: Vec<JoinHandle<()>>,
    outcomes: Receiver<Result<()>>,
}

impl Running {
    /// Asks every lane to drain and leave.
    pub fn stop(&self) -> Stop {
        self.stop.clone()
    }

    /// Waits for the lanes. Where one fails, the others drain and leave.
    ///
    /// # Errors
    /// What the first lane failed with.
    pub fn join(self) -> Result<()> {
        let mut outcome = Ok(());
        // Every lane has sent its outcome, or is gone, when the channel ends.
        for one in &self.outcomes {
            if one.is_err() {
                self.stop.request();
                outcome = outcome.and(one);
            }
        }
        for lane in self.lanes {
            if lane.join().is_err() && outcome.is_ok() {
                outcome = Err(Error::fatal(
                    "a lane panicked; what it had not committed is read again",
                ));
            }
        }
        // Tokens are kept fresh until the last client is gone.
        drop(self.connectors);
        drop(self.control);
        outcome
    }
}

/// Opens the connectors, checks the topics, and starts the lanes. Tells what it waits for until the connectors are open, and `None`
/// then.
///
/// # Errors
/// `Fatal` where the cluster does not answer or a topic does not exist, within 15 seconds, naming it.
pub fn start(config: &Config, plan: &Plan, tell: &mut dyn FnMut(Option<Wait>)) -> Result<Running> {
    let control = Control::start()?;
    let connectors = control.open(config, &mut |wait| tell(Some(wait)))?;
    tell(None);
    let partitions = verify(config, &connectors)?;
    let schooled = schooled(config, plan, &connectors, tell)?;
    tell(None);
    let lanes = config
        .document
        .pipeline
        .lanes
        .map_or(cores().min(partitions).max(1), usize::from);
    let stop = Stop::default();
    let (report, outcomes) = sync_channel(lanes);
    let mut running = Running {
        control,
        metrics: Vec::new(),
        connectors: connectors.clone(),
        stop: stop.clone(),
        lanes: Vec::new(),
        outcomes,
    };
    for number in 0..lanes {
        let metrics = Arc::new(LaneMetrics::default());
        let lane = lane(
            config,
            (plan, &schooled),
            &connectors,
            (number, lanes),
            Arc::clone(&metrics),
            stop.clone(),
        );
        let lane = lane.inspect_err(|_| stop.request())?;
        let report = report.clone();
        let thread = thread::Builder::new()
            .name(format!("lane-{number}"))
            .spawn(move || {
                // Where nobody waits for the outcome any more, there is nobody to tell.
                drop(report.send(lane.run()));
            });
        running
            .lanes
            .push(thread.map_err(|e| Error::fatal("start a lane's thread").caused_by(e))?);
        running.metrics.push(metrics);
    }
    Ok(running)
}

fn connector<'a>(connectors: &'a Connectors, name: &str) -> Result<&'a Arc<dyn Connector>> {
    connectors
        .get(name)
        .ok_or_else(|| Error::config("find a connector").with("name", name))
}

/// Asks each cluster for what the pipeline needs there; returns the number of partitions to read.
fn verify(config: &Config, connectors: &Connectors) -> Result<usize> {
    let mut partitions = usize::MAX;
    for (name, needs) in needs(config) {
        let found = connector(connectors, name)?.verify(&needs, ANSWER_WITHIN)?;
        if name == config.source_connector && !needs.read.is_empty() {
            partitions = needs.read.iter().filter_map(|topic| found.get(topic)).sum();
        }
    }
    Ok(partitions)
}

/// Where formats get their schemas. What results are written with is settled before the first record.
fn schooled(
    config: &Config,
    plan: &Plan,
    connectors: &Connectors,
    tell: &mut dyn FnMut(Option<Wait>),
) -> Result<Schooled> {
    let registry = |name: &str| Ok::<_, Error>(connector(connectors, name)?.registry());
    // Registries have the time that credentials have.
    let within = |name: &str| {
        config
            .connectors
            .get(name)
            .map_or(AUTH_TIMEOUT, |own| own.auth_timeout)
    };
    let since = Instant::now();
    let source = registry(&config.source_connector)?;
    if let Some(registry) = source
        .as_ref()
        .filter(|_| config.document.pipeline.source.asks_registry())
    {
        // Later a refusal is waited for: credentials are changed while pipelines run.
        let within = within(&config.source_connector);
        registry.admits(within, &mut |what| tell(Some(Wait::new(what, since, within))))?;
    }
    let results = match Wanted::of(config, plan)? {
        None => None,
        Some(wanted) => {
            let Some(registry) = registry(&config.sink_connector)? else {
                return Err(Error::config(
                    "results need a schema registry, and the sink's connector has none",
                )
                .with("connector", &config.sink_connector));
            };
            let (since, within) = (Instant::now(), within(&config.sink_connector));
            let mut tell = |what| tell(Some(Wait::new(what, since, within)));
            Some(wanted.resolve(&registry, within, &mut tell)?)
        }
    };
    Ok(Schooled::Registries {
        source: source.map(|registry| registry as Arc<dyn Schemas>),
        results,
    })
}

/// What the pipeline needs of each connector.
pub fn needs(config: &Config) -> BTreeMap<&str, Needs> {
    let pipeline = &config.document.pipeline;
    let mut all: BTreeMap<&str, Needs> = BTreeMap::new();
    let read = all.entry(&config.source_connector).or_default();
    read.group = Some(pipeline.source.group.clone());
    if let Topics::Names(names) = &config.topics {
        read.read.clone_from(names);
    }
    let written = all.entry(&config.sink_connector).or_default();
    written.write.push(pipeline.sink.topic.clone());
    if let Some(dead) = &pipeline.dead_letters {
        let written = all.entry(&config.dead_letters_connector).or_default();
        written.write.push(dead.topic.clone());
    }
    all
}

/// What the first of a pipeline's lanes opens, with the memory it has at the least.
pub fn specs(config: &Config) -> (SourceSpec, SinkSpec) {
    let lanes = config.document.pipeline.lanes.map_or_else(cores, usize::from);
    let quarter = quarter_of_memory(config, lanes);
    (source_spec(config, 0, quarter), sink_spec(config, quarter))
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// A quarter each: what is prefetched, what is on its way, what the producer holds; the rest for the batch at hand.
fn quarter_of_memory(config: &Config, lanes: usize) -> usize {
    let memory = usize::try_from(config.document.pipeline.memory.0).unwrap_or(usize::MAX);
    memory / lanes / 4
}

fn lane(
    config: &Config,
    (plan, schooled): (&Plan, &Schooled),
    connectors: &Connectors,
    (number, lanes): (usize, usize),
    metrics: Arc<LaneMetrics>,
    stop: Stop,
) -> Result<Lane> {
    let quarter = quarter_of_memory(config, lanes);
    let source =
        connector(connectors, &config.source_connector)?.source(&source_spec(config, number, quarter))?;
    let sink = sink_spec(config, quarter);
    let mut sinks = vec![connector(connectors, &config.sink_connector)?.sink(&sink)?];
    let apart = config.dead_letters_connector != config.sink_connector;
    if apart && config.document.pipeline.dead_letters.is_some() {
        sinks.push(connector(connectors, &config.dead_letters_connector)?.sink(&sink)?);
    }
    let carrier = plan.open_lane(Arc::clone(&metrics), schooled)?;
    Ok(Lane::new(
        source,
        carrier,
        sinks,
        rules(config, quarter),
        metrics,
        stop,
    ))
}

fn source_spec(config: &Config, lane: usize, prefetch_bytes: usize) -> SourceSpec {
    let source = &config.document.pipeline.source;
    SourceSpec {
        topics: config.topics.clone(),
        group: source.group.clone(),
        start: config.start,
        protocol: match source.group_protocol {
            Protocol::CooperativeSticky => GroupProtocol::CooperativeSticky,
            Protocol::Range => GroupProtocol::Range,
            Protocol::Consumer => GroupProtocol::Consumer,
        },
        instance_id: source.instance_id.as_ref().map(|id| format!("{id}-{lane}")),
        prefetch_bytes,
    }
}

fn sink_spec(config: &Config, buffer_bytes: usize) -> SinkSpec {
    let sink = &config.document.pipeline.sink;
    let compression = match sink.compression {
        Compression::None => "none",
        Compression::Gzip => "gzip",
        Compression::Snappy => "snappy",
        Compression::Lz4 => "lz4",
        Compression::Zstd => "zstd",
    };
    SinkSpec {
        compression: compression.into(),
        linger: sink.linger.0,
        buffer_bytes,
    }
}

/// The shortest interval between commits that the source's connector allows.
fn commit_at_least(config: &Config) -> Duration {
    let source = config.connectors.get(&config.source_connector);
    let limit = source.and_then(|connector| connector.limits.commit_every);
    limit.map_or(Duration::ZERO, |limit| limit.interval)
}

/// What lanes of this pipeline may do, with `max_bytes` on their way at most.
pub(crate) fn rules(config: &Config, max_bytes: usize) -> Rules {
    let pipeline = &config.document.pipeline;
    let apart = config.dead_letters_connector != config.sink_connector;
    Rules {
        max_rows: pipeline.batch.max_rows as usize,
        commit_every: pipeline.commit.every.0,
        commit_at_least: commit_at_least(config),
        max_records: pipeline.commit.max_records.into(),
        max_bytes,
        on_gap: match pipeline.source.on_gap {
            config::OnGap::Stop => OnGap::Stop,
            config::OnGap::Earliest => OnGap::Earliest,
            config::OnGap::Latest => OnGap::Latest,
        },
        drop_rejects: pipeline.on_reject == OnReject::Drop,
        dead_letters: pipeline.dead_letters.as_ref().map(|dead| DeadLetters {
            topic: dead.topic.as_str().into(),
            sink: usize::from(apart),
            pipeline: pipeline.name.as_str().into(),
            stop_after: dead.stop_after.map(|s| s.consecutive.into()),
        }),
        flush_within: FLUSH_WITHIN,
    }
}
