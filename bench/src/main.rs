//! What a record costs: systems that score the same events on a real Kafka, one after another, each output audited.

mod audit;
mod latency;
mod machine;
mod report;
mod round;
mod scrape;
mod system;
mod topics;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use forebay::core::model::runtime;
use forebay_counted::workloads::{self, DISTINCT, Workload};
use forebay_counted::{Failure, checkout, says, tabular};
use forebay_testcontainers::{Kafka, RegistryStub};
use ort::environment::Environment;
use serde_json::json;

use report::{Failed, Measured, Report};
use round::{Place, START_RECORDS};
use system::System;
use topics::PARTITIONS;

/// The most that one workload's topic may hold.
const TOPIC_BYTES: u64 = 3_000_000_000;
/// What the broker, the systems and their results need beside it.
const BESIDE: u64 = 4_000_000_000;

#[derive(Debug, Parser)]
#[command(about = "What a record costs: systems that score the same events on a real Kafka")]
struct Arguments {
    #[command(subcommand)]
    command: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Every system on every workload, and its report.
    Run(Box<Options>),
    /// What a scrape of thousands of series takes.
    Scrape,
}

#[derive(Debug, Args)]
struct Options {
    /// Fewer events and rounds: some 5 minutes.
    #[arg(long)]
    quick: bool,
    /// Rounds of each system and workload; 5, or 2 where it is to be quick.
    #[arg(long)]
    rounds: Option<usize>,
    /// Workloads, in this order.
    #[arg(long, value_delimiter = ',', default_values = workloads::NAMES)]
    workloads: Vec<String>,
    /// Systems: folders with a `run` script.
    #[arg(long, value_delimiter = ',', default_values = ["floor", "python", "forebay-1-lane", "forebay-2-lanes"])]
    systems: Vec<String>,
    /// The folder of the systems.
    #[arg(long)]
    systems_in: Option<PathBuf>,
    /// Events of each workload, instead of its own number.
    #[arg(long)]
    records: Option<u64>,
    /// Rates at which latency is measured on T, in events a second.
    #[arg(long, value_delimiter = ',', default_values_t = [2_000, 20_000])]
    latency: Vec<u64>,
    /// Seconds at each rate; 20, or 8 where it is to be quick.
    #[arg(long)]
    latency_seconds: Option<u64>,
    #[arg(long)]
    no_latency: bool,
    /// Seconds without a new result after which a system hangs.
    #[arg(long, default_value_t = 20)]
    patience: u64,
    /// The folder of the broker's data, instead of memory where that is large enough and a temporary folder elsewhere.
    #[arg(long)]
    data: Option<PathBuf>,
    /// The folder of the report.
    #[arg(long)]
    out: Option<PathBuf>,
}

fn main() -> ExitCode {
    end_when_interrupted();
    let outcome = checkout().and_then(|root| match Arguments::parse().command {
        What::Run(options) => run(&root, &options),
        What::Scrape => scrape::measure(),
    });
    match outcome {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(Failure(why)) => {
            eprintln!("error: {why}");
            ExitCode::FAILURE
        }
    }
}

/// What a script starts in its background inherits that SIGINT is ignored; a benchmark ends when it is asked to.
#[allow(unsafe_code, reason = "a plain call; no handler of ours is involved")]
fn end_when_interrupted() {
    // SAFETY: the default action is set before any thread is started.
    unsafe { libc::signal(libc::SIGINT, libc::SIG_DFL) };
}

/// Runs all of it; returns how many systems have no figure.
fn run(root: &Path, options: &Options) -> Result<usize, Failure> {
    let programs = std::env::current_exe()
        .ok()
        .and_then(|p| Some(p.parent()?.to_path_buf()));
    let programs = programs.ok_or_else(|| Failure("find the folder of this program".into()))?;
    let systems_in = options
        .systems_in
        .clone()
        .unwrap_or_else(|| root.join("bench/systems"));
    let systems = options.systems.iter().map(|name| System::find(&systems_in, name));
    let systems: Vec<System> = systems.collect::<Result<_, _>>()?;
    let (data, on) = data_folder(options.data.as_deref())?;
    let (library, runtime) = onnxruntime()?;
    let kafka = Kafka::builder().folder(&data).for_speed().start();
    let logs = tempfile::Builder::new().prefix("forebay-bench-").tempdir();
    let logs = logs.map_err(|e| Failure(format!("make a folder for logs: {e}")))?;
    let registry = registry();
    let place = Place {
        kafka: &kafka,
        registry: registry.url(),
        programs: &programs,
        logs: logs.path(),
        patience: Duration::from_secs(options.patience),
        onnxruntime: &library,
    };
    let mut report = Report {
        about: about(root, on, options),
        workloads: Vec::new(),
        latency: Vec::new(),
        failed: Vec::new(),
    };
    for name in &options.workloads {
        let workload = Workload::new(name, DISTINCT, root, runtime)?;
        measure(&place, &systems, &workload, options, &mut report)?;
    }
    if !options.no_latency {
        let workload = Workload::new("t", DISTINCT, root, runtime)?;
        // A broker that has just started is slow for some seconds: nobody is measured on that.
        if let Some(first) = systems.first() {
            latency::measure(&place, first, &workload, 2_000, 5)?.ok();
        }
        let seconds = options
            .latency_seconds
            .unwrap_or(if options.quick { 8 } else { 20 });
        for per_s in &options.latency {
            for system in &systems {
                eprintln!("==> latency of {} at {per_s}/s", system.name);
                match latency::measure(&place, system, &workload, *per_s, seconds)? {
                    Ok(latency) => report.latency.push(latency),
                    Err(reason) => report.fail(system, &format!("{per_s}/s"), reason),
                }
            }
        }
    }
    let out = options.out.clone().unwrap_or_else(|| root.join("bench"));
    report.write(&out)?;
    eprintln!("==> {}", out.join("report.md").display());
    if !report.failed.is_empty() {
        eprintln!("{} figures are missing; the report says why", report.failed.len());
    }
    Ok(report.failed.len())
}

impl Report {
    fn fail(&mut self, system: &System, at: &str, reason: String) {
        eprintln!("    {} has no figure: {reason}", system.name);
        self.failed.push(Failed {
            system: system.name.clone(),
            at: at.into(),
            reason,
        });
    }
}

/// A registry that has the schema of A, in this process: systems ask it once, at their start.
fn registry() -> RegistryStub {
    let registry = RegistryStub::start();
    registry.schema(tabular::SCHEMA_ID, &json!({ "schema": tabular::schema().text }));
    registry
}

/// All rounds of one workload: its topic is filled once, then the systems take turns, there and back.
fn measure(
    place: &Place<'_>,
    systems: &[System],
    workload: &Workload,
    options: &Options,
    report: &mut Report,
) -> Result<(), Failure> {
    let fits = TOPIC_BYTES / workload.event_bytes();
    let own = if options.quick {
        workload.records / 4
    } else {
        workload.records
    };
    let records = options.records.unwrap_or(own).clamp(START_RECORDS + 1, fits);
    let rounds = options.rounds.unwrap_or(if options.quick { 2 } else { 5 });
    eprintln!(
        "==> {}: {} × {records} events",
        workload.name.to_uppercase(),
        workload.about
    );
    let kafka = place.kafka;
    let start = kafka.create_topic(&format!("{}-start", workload.name), PARTITIONS);
    topics::fill(kafka, &start, workload, 0..START_RECORDS)?;
    let input = kafka.create_topic(&format!("{}-events", workload.name), PARTITIONS);
    topics::fill(kafka, &input, workload, 0..records)?;
    let mut measured = Measured {
        name: workload.name.into(),
        about: workload.about.into(),
        event_bytes: workload.event_bytes(),
        records,
        rounds: Vec::new(),
    };
    let mut failed: Vec<&str> = Vec::new();
    for round in 0..rounds {
        let mut order: Vec<&System> = systems.iter().collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for system in order {
            if failed.contains(&system.name.as_str()) {
                continue;
            }
            match place.round(system, workload, (&input, records), &start)? {
                Ok(round) => {
                    eprintln!(
                        "    {:<16} {:>9.0} records/s {:>7.2} µs/record",
                        round.system, round.records_per_s, round.cpu_us_per_record
                    );
                    measured.rounds.push(round);
                }
                Err(reason) => {
                    // A system that fails once has no figure at all.
                    failed.push(&system.name);
                    measured.rounds.retain(|r| r.system != system.name);
                    report.fail(system, &workload.name.to_uppercase(), reason);
                }
            }
        }
    }
    kafka.delete_topic(&start);
    kafka.delete_topic(&input);
    report.workloads.push(measured);
    Ok(())
}

/// Where the broker's data fits: in memory where that is large enough, else on disk.
fn data_folder(named: Option<&Path>) -> Result<(PathBuf, &'static str), Failure> {
    let shm = Path::new("/dev/shm");
    let needed = TOPIC_BYTES + BESIDE;
    let memory = machine::memory_available();
    if named.is_none() && shm.is_dir() && machine::free(shm) >= needed && memory >= needed {
        return Ok((shm.into(), "tmpfs"));
    }
    let folder = named.map_or_else(std::env::temp_dir, Path::to_path_buf);
    let gb = |bytes: u64| bytes as f64 / 1e9;
    let free = machine::free(&folder);
    if free < needed {
        return Err(Failure(format!(
            "the broker's data needs {:.0} GB, {} has {:.1} GB free: name another folder with --data",
            gb(needed),
            folder.display(),
            gb(free)
        )));
    }
    if memory < BESIDE / 2 {
        return Err(Failure(format!(
            "the broker and the systems need {:.0} GB of memory, {:.1} GB are available",
            gb(BESIDE / 2),
            gb(memory)
        )));
    }
    Ok((
        folder,
        if named.is_some() {
            "a folder of one's own"
        } else {
            "disk"
        },
    ))
}

/// The library that all systems use but Python, which brings its own.
fn onnxruntime() -> Result<(PathBuf, &'static Environment), Failure> {
    let said = |e: forebay::core::Error| Failure(e.to_string());
    let path = runtime::locate(None).map_err(said)?;
    let environment = runtime::load(&path).map_err(said)?;
    Ok((path, environment))
}

fn about(root: &Path, on: &str, options: &Options) -> BTreeMap<String, String> {
    let git = |arguments: &[&str]| says("git", &[&["-C", &root.display().to_string()], arguments].concat());
    let changed = if git(&["status", "--porcelain", "--untracked-files=no"]).is_empty() {
        ""
    } else {
        ", changed since"
    };
    let python = std::env::var("BENCH_PYTHON").unwrap_or_else(|_| "python3".into());
    let packages = "import sys, importlib.metadata as m; print('Python', sys.version.split()[0], \
                    *(f'{p} {m.version(p)}' for p in ('confluent-kafka', 'orjson', 'fastavro', 'numpy', 'onnxruntime')))";
    let librdkafka = rdkafka::util::get_rdkafka_version().1;
    let mut about = machine::description();
    about.extend(
        [
            ("commit", git(&["rev-parse", "--short=12", "HEAD"]) + changed),
            ("date", says("date", &["-u", "+%F %R UTC"])),
            ("kafka", format!("4.4.0, one broker, data on {on}, {PARTITIONS} partitions a topic")),
            ("librdkafka", format!("{librdkafka} (floor, forebay)")),
            ("python", says(&python, &["-c", packages])),
            ("rustc", says("rustc", &["--version"])),
            (
                "settings",
                "batch 500, acks=all, idempotent, linger 5 ms, commit each second, fetch.queue.backoff.ms 5, \
                 one ONNX Runtime thread, no spinning"
                    .into(),
            ),
            ("mode", if options.quick { "quick" } else { "full" }.into()),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    );
    about
}
