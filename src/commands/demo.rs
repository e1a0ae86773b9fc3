//! `demo`: the example's pipeline as it stands, on a cluster inside this process, with a generator in front and a
//! reader behind. Half way through the events shift; the page and the summary tell whether that was seen.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use clap::Args;
use forebay::assemble;
use forebay::config::Config;
use forebay::connectors::embedded::{Embedded, MAX_LEAD};
use forebay::connectors::embedded_ends::{Reader, Writer};
use forebay::connectors::{Bootstrap, Login, Scalar, Topics};
use forebay::core::lane::Stop;
use forebay::core::metrics::AllMetrics;
use forebay::core::{Error, Result};
use forebay::demo::confusion::Confusions;
use forebay::demo::drifting::{Looking, Seen};
use forebay::demo::telemetry::{OFF_BY, SENSOR, TIMES, Telemetry};
use forebay::live::{Live, Totals, grouped, millis};
use forebay::logging::{self, Format};
use forebay::telemetry::{self, Beside, Serving};

use super::run::{beside, stop_on_signals};
use super::say::{say, say_line};
use super::{Failure, load};

#[derive(Debug, Args)]
pub(super) struct Demo {
    /// The example's pipeline; the telemetry lies beside it.
    #[arg(default_value = "examples/sensors/pipeline.yaml")]
    pipeline: PathBuf,
    /// How long events are made.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// Events a second.
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    rate: u64,
    /// The first row of the telemetry that streams; those before it trained the model.
    #[arg(long, default_value_t = 30_000)]
    from: usize,
}

const PARTITIONS: i32 = 2;
/// What is compared with the baseline: half a demo is shorter than a pipeline's window.
const DRIFT_WINDOW: Duration = Duration::from_secs(5);
/// Everything made is scored within this.
const DRAIN_WITHIN: Duration = Duration::from_secs(15);

pub(super) fn run(command: &Demo) -> Result<(), Failure> {
    logging::start(Format::Text)?;
    let (mut config, mut plan) = load(&command.pipeline, None)?;
    if let Some(drift) = plan.drift.as_mut().and_then(Arc::get_mut) {
        drift.window = drift.window.min(DRIFT_WINDOW);
    }
    let telemetry = Telemetry::open(&config.base.join("shuttle.csv.gz"), command.from)?;
    let (source, sink) = topics(&config)?;
    let mut all = vec![(source.as_str(), PARTITIONS), (sink.as_str(), PARTITIONS)];
    let dead = config
        .document
        .pipeline
        .dead_letters
        .as_ref()
        .map(|d| d.topic.clone());
    all.extend(dead.iter().map(|topic| (topic.as_str(), 1)));
    let embedded = Embedded::start(&all)?;
    for connector in config.connectors.values_mut() {
        connector.bootstrap = Bootstrap::Addresses(vec![embedded.bootstrap().to_string()]);
        (connector.tls, connector.login) = (None, Login::None);
        // The mock cluster does not wake a waiting fetch when records come; a real one does.
        let wait = Scalar("5".into());
        connector.client.entry("fetch.wait.max.ms".into()).or_insert(wait);
    }
    // The mock cluster takes no commit from a member while another one leaves: several lanes would part in discord.
    config.document.pipeline.lanes = Some(1);
    let running = assemble::start(&config, &plan, &mut drop)?;
    let ended = Stop::default();
    stop_on_signals(ended.clone())?;
    let (metrics, stop) = (running.metrics.clone(), running.stop());
    let shift = Shift::default();
    let reader = read(
        Reader::new(embedded.bootstrap(), &sink, PARTITIONS)?,
        metrics.clone(),
        stop.clone(),
        shift.clone(),
    )?;
    let beside = beside(&running, &config, &plan)?;
    let served = serve(&config, &metrics, beside);
    let looking = served.address().map(Looking::start).transpose()?;
    say_line(format_args!(
        "streaming held-back telemetry through {} for {} s",
        command.pipeline.display(),
        command.seconds
    ));
    let live = Live::start(metrics.clone());
    let begin = Instant::now();
    let made = generate(
        command,
        telemetry,
        Writer::new(embedded.bootstrap())?,
        &source,
        &metrics,
        (&ended, &shift),
    );
    let drained = made.as_ref().is_ok_and(|(made, _)| drain(*made, &metrics));
    let took = begin.elapsed();
    stop.request();
    drop(live);
    let seen = looking.map(Looking::end).unwrap_or_default();
    running.join()?;
    let confusions = reader
        .join()
        .map_err(|_| Error::fatal("the demo's reader panicked"))?;
    let (made, shifted) = made?;
    say(summary(made, took, &Totals::of(&metrics), &confusions));
    if let Some(shifted) = shifted {
        say(after(&confusions, &seen, shifted));
    }
    drop(served);
    if drained {
        Ok(())
    } else {
        Err(Error::fatal("not every event was scored in time").into())
    }
}

fn topics(config: &Config) -> Result<(String, String)> {
    match &config.topics {
        Topics::Names(names) if names.len() == 1 => {
            Ok((names[0].clone(), config.document.pipeline.sink.topic.clone()))
        }
        _ => Err(Error::config("the demo needs a pipeline with one source topic")),
    }
}

/// The page and the rest, for this machine only, whatever the pipeline says: so it needs no token.
fn serve(config: &Config, lanes: &AllMetrics, beside: Beside) -> telemetry::Telemetry {
    let serving = Serving {
        listen: config.listen.map(|at| (Ipv4Addr::LOCALHOST, at.port()).into()),
        token: None,
    };
    let name = &config.document.pipeline.name;
    let served = telemetry::Telemetry::start(serving, name, lanes.clone(), beside);
    if let Some(address) = served.address() {
        say_line(format_args!("what it does is shown at http://{address}/"));
    }
    served
}

/// The id of the first event that is shifted.
#[derive(Clone, Debug)]
struct Shift(Arc<AtomicU64>);

impl Default for Shift {
    fn default() -> Self {
        Self(Arc::new(AtomicU64::new(u64::MAX)))
    }
}

/// Makes events at the rate, never further ahead of the lanes than the cluster keeps; returns how many, and when they shifted.
fn generate(
    command: &Demo,
    mut telemetry: Telemetry,
    writer: Writer,
    topic: &str,
    lanes: &AllMetrics,
    (ended, shift): (&Stop, &Shift),
) -> Result<(u64, Option<Instant>)> {
    let begin = Instant::now();
    let (mut made, mut bytes, mut event) = (0, 0, String::new());
    let (lasts, mut shifted) = (Duration::from_secs(command.seconds), None);
    while begin.elapsed() < lasts && !ended.requested() {
        if shifted.is_none() && begin.elapsed() >= lasts / 2 {
            shift.0.store(telemetry.shift() as u64, Ordering::Release);
            shifted = Some(Instant::now());
        }
        let due = (begin.elapsed().as_secs_f64() * command.rate as f64) as u64;
        while made < due && bytes < MAX_LEAD {
            let id = telemetry.next(&mut event);
            while !writer.write(topic, id.to_string().as_bytes(), event.as_bytes())? {
                thread::sleep(Duration::from_millis(1));
            }
            made += 1;
            bytes += event.len() as u64;
        }
        thread::sleep(Duration::from_millis(2));
        // All of it counts as one partition's: the keys may be spread unevenly.
        bytes = (made - Totals::of(lanes).consumed) * event.len() as u64;
    }
    writer.flush(DRAIN_WITHIN)?;
    Ok((made, shifted))
}

/// Waits until everything made has an outcome.
fn drain(made: u64, lanes: &AllMetrics) -> bool {
    let until = Instant::now() + DRAIN_WITHIN;
    let settled = || {
        let of = |lane: &forebay::core::metrics::LaneMetrics| {
            lane.delivered.get() + lane.filtered.get() + lane.dead_lettered.get() + lane.dropped.get()
        };
        lanes.iter().map(|lane| of(lane)).sum::<u64>()
    };
    while settled() < made {
        if Instant::now() >= until {
            return false;
        }
        thread::sleep(Duration::from_millis(5));
    }
    true
}

/// Reads results until the lanes have stopped and everything delivered was read.
fn read(reader: Reader, lanes: AllMetrics, stop: Stop, shift: Shift) -> Result<JoinHandle<Confusions>> {
    let thread = thread::Builder::new().name("demo-reader".into()).spawn(move || {
        let mut confusions = Confusions::default();
        let (mut seen, mut last) = (0, Instant::now());
        loop {
            reader.read(Duration::from_millis(20), |result| {
                confusions.count(result, shift.0.load(Ordering::Acquire));
            });
            if confusions.total() != seen {
                (seen, last) = (confusions.total(), Instant::now());
            }
            let complete = confusions.total() >= Totals::of(&lanes).delivered;
            if stop.requested() && (complete || last.elapsed() > DRAIN_WITHIN) {
                return confusions;
            }
        }
    });
    thread.map_err(|e| Error::fatal("start the demo's reader").caused_by(e))
}

fn summary(made: u64, took: Duration, totals: &Totals, confusions: &Confusions) -> String {
    let rate = totals.delivered as f64 / took.as_secs_f64().max(1e-3);
    let quantile = |q| totals.latency.quantile(q).map_or_else(|| "-".into(), millis);
    let rows = totals.consumed as f64 / totals.batches.max(1) as f64;
    format!(
        "\nNASA shuttle telemetry, scored on librdkafka's mock cluster inside this process: a demonstration, not a\n\
         measure of Kafka.\n\n  \
         events in          {:>12}\n  results out        {:>12}\n  rejects            {:>12}\n  \
         records/s          {:>12}\n  event to result    p50 {}, p99 {}\n  rows per batch     {rows:>12.1}\n\n{}\n",
        grouped(made),
        grouped(totals.delivered),
        grouped(totals.rejects),
        grouped(rate as u64),
        quantile(0.5),
        quantile(0.99),
        confusions.before,
    )
}

/// What came of the shift.
fn after(confusions: &Confusions, seen: &Seen, shifted: Instant) -> String {
    format!(
        "\nHalf way through the data shifted: {SENSOR} reads {OFF_BY} too high, and anomalies are {TIMES} times as many. The accuracy above is\n\
         that of before.\n\n  \
         since the shift    {:>11.2} %\n{}\n",
        confusions.after.accuracy() * 100.0,
        seen.since(shifted),
    )
}
