//! Counted cost: instructions per record of a lane on the memory source and sink, by callgrind. Counts are the same on
//! a quiet and on a noisy machine, so a change of a few percent is seen at once.

use std::collections::BTreeMap;
use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use forebay::config::{Config, Options};
use forebay::core::codec::schemas::{RegisteredSchema, SchemaKey, Schemas};
use forebay::core::lane::{Lane, OnGap, Rules, Stop};
use forebay::core::memory::{MemorySource, Script};
use forebay::core::metrics::LaneMetrics;
use forebay::core::model::runtime;
use forebay::core::records::{Record, Records, TopicPartition};
use forebay::core::sink::{Confirmed, Outgoing, Sink, Ticket};
use forebay::core::source::Event;
use forebay::formats::Schooled;
use forebay::plan::Plan;
use forebay_counted::workloads::{NAMES, Workload};
use forebay_counted::{Failure, checkout, says, tabular};
use serde::{Deserialize, Serialize};

const BATCH: u64 = 500;
const BATCHES: u64 = 8;
/// What is counted beside the workloads as they are: the workload in front of the dash, with another pipeline.
const BESIDE: [&str; 1] = ["t-drift"];
/// A larger change must be explained, and its baseline updated with it.
const BOUND: f64 = 0.02;
/// What metrics and drift together may cost.
const METRICS_BOUND: f64 = 0.03;

/// The committed counts, and what they were made with: another compiler or library counts differently.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Baseline {
    made_with: BTreeMap<String, String>,
    instructions_per_record: BTreeMap<String, u64>,
}

#[derive(Debug, Parser)]
#[command(
    about = "Instructions per record of a lane on memory, beside the committed baseline. Needs valgrind"
)]
struct Arguments {
    /// Writes the baseline anew.
    #[arg(long)]
    update: bool,
    /// Compares this program, built with the feature `unmeasured`, instead of the baseline: what metrics and drift cost.
    #[arg(long, value_name = "PROGRAM")]
    unmeasured: Option<PathBuf>,
    /// What runs under callgrind.
    #[arg(long, hide = true, value_name = "WORKLOAD")]
    one: Option<String>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = checkout().and_then(|root| match (arguments.one, arguments.unmeasured) {
        (Some(workload), _) => count_one(&workload, &root).map(|()| 0),
        (None, Some(program)) => costs(&program),
        (None, None) => compare(&root, arguments.update),
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

/// Counts every workload and compares; with `update` it writes the baseline anew. Returns how many are off.
fn compare(root: &Path, update: bool) -> Result<usize, Failure> {
    let path = root.join("bench/counted.json");
    let text = fs::read_to_string(&path).unwrap_or_default();
    let known: Baseline = serde_json::from_str(&text).unwrap_or_default();
    let mut counted = Baseline {
        made_with: BTreeMap::from([
            ("rustc".into(), says("rustc", &["--version"])),
            ("valgrind".into(), says("valgrind", &["--version"])),
        ]),
        ..Baseline::default()
    };
    let program = this_program()?;
    let mut off = 0;
    for name in NAMES.into_iter().chain(BESIDE) {
        let now = count(&program, name)?;
        counted.instructions_per_record.insert(name.into(), now);
        let Some(before) = known.instructions_per_record.get(name) else {
            println!("NEW  {name}: {now} instructions/record");
            off += 1;
            continue;
        };
        let change = now as f64 / *before as f64 - 1.0;
        let holds = change.abs() <= BOUND;
        off += usize::from(!holds);
        println!(
            "{} {name}: {now} instructions/record, {before} in the baseline ({:+.1} %)",
            if holds { "PASS" } else { "FAIL" },
            change * 100.0
        );
    }
    if update {
        let text = serde_json::to_string_pretty(&counted).map_err(|e| Failure(e.to_string()))?;
        fs::write(&path, text + "\n").map_err(|e| Failure(format!("write {}: {e}", path.display())))?;
        return Ok(0);
    }
    if off > 0 {
        println!(
            "{off} of {} changed by more than {} %: mend it, or explain it in the commit that runs `make counted UPDATE=1`",
            NAMES.len() + BESIDE.len(),
            BOUND * 100.0
        );
        for (what, now) in &counted.made_with {
            let then = known.made_with.get(what).map_or("nothing", String::as_str);
            if then != now {
                println!("the baseline was made with {what} {then}, this is {now}");
            }
        }
    }
    Ok(off)
}

/// Prints what metrics cost, and metrics and drift together, beside the `unmeasured` program. Returns how many exceed
/// [`METRICS_BOUND`].
fn costs(unmeasured: &Path) -> Result<usize, Failure> {
    let without = count(unmeasured, "t")?;
    println!("t without metrics: {without} instructions/record");
    let measured = this_program()?;
    let mut off = 0;
    for (name, what) in [("t", "with metrics"), ("t-drift", "with metrics and drift")] {
        let with = count(&measured, name)?;
        let more = with as f64 / without as f64 - 1.0;
        let holds = more <= METRICS_BOUND;
        off += usize::from(!holds);
        let verdict = if holds { "PASS" } else { "FAIL" };
        println!("{verdict} t {what}: {with} ({:+.2} %)", more * 100.0);
    }
    Ok(off)
}

fn this_program() -> Result<PathBuf, Failure> {
    std::env::current_exe().map_err(|e| Failure(format!("find this program: {e}")))
}

/// Runs `program`, one of these, under callgrind, collecting inside of [`measured`] only.
fn count(program: &Path, workload: &str) -> Result<u64, Failure> {
    let failed = |e: &dyn std::fmt::Display| Failure(format!("count workload {workload}: {e}"));
    let folder = tempfile::tempdir().map_err(|e| failed(&e))?;
    let out = folder.path().join("callgrind.out");
    let output = Command::new("valgrind")
        .args([
            "--tool=callgrind",
            "--collect-atstart=no",
            "--toggle-collect=*counted*measured*",
        ])
        .arg(format!("--callgrind-out-file={}", out.display()))
        // The C library copies by words or by one long instruction, as the processor's caches suggest: fixed here.
        .env(
            "GLIBC_TUNABLES",
            "glibc.cpu.x86_rep_movsb_threshold=1000000000:glibc.cpu.x86_rep_stosb_threshold=1000000000:\
             glibc.cpu.x86_non_temporal_threshold=1000000000",
        )
        .arg(program)
        .args(["--one", workload])
        .output()
        .map_err(|e| failed(&format!("start valgrind: {e}; install the package `valgrind`")))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(failed(&format!("callgrind ended with {}: {said}", output.status)));
    }
    let text = fs::read_to_string(&out).map_err(|e| failed(&e))?;
    let total = own(&text);
    if total == 0 {
        return Err(failed(&"callgrind saw nothing of the lane"));
    }
    if let Some(kept) = std::env::var_os("BENCH_CALLGRIND") {
        let kept = PathBuf::from(kept).join(format!("callgrind.{workload}.out"));
        fs::copy(&out, kept).map_err(|e| failed(&e))?;
    }
    Ok(total / (BATCH * BATCHES))
}

/// The instructions of everything but ONNX Runtime, which is not ours and chooses its code by the processor. The format is
/// callgrind's: `ob=` names the object of the lines that follow, and the line behind `calls=` counts what was called.
fn own(profile: &str) -> u64 {
    let mut objects: BTreeMap<&str, bool> = BTreeMap::new();
    let (mut ours, mut called, mut total) = (true, false, 0);
    for line in profile.lines() {
        if let Some(object) = line.strip_prefix("ob=").or(line.strip_prefix("cob=")) {
            let (id, name) = object.split_once(' ').unwrap_or((object, ""));
            if !name.is_empty() {
                objects.insert(id, !name.contains("onnxruntime"));
            }
            if line.starts_with("ob=") {
                ours = objects.get(id).copied().unwrap_or(true);
            }
        } else if line.starts_with("calls=") {
            called = true;
        } else if line.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '*')) {
            let cost = line
                .split_whitespace()
                .nth(1)
                .and_then(|cost| cost.parse::<u64>().ok());
            total += cost.filter(|_| ours && !called).unwrap_or(0);
            called = false;
        }
    }
    total
}

/// A sink that reads what it gets and keeps nothing: a copy of each message would cost more than the lane's own work, and
/// as much as the allocator's free lists happen to ask for.
#[derive(Default)]
struct Reader {
    last: Option<Ticket>,
}

impl Sink for Reader {
    fn write(&mut self, ticket: Ticket, rows: &Outgoing, from: usize) -> forebay::core::Result<usize> {
        for row in from..rows.len() {
            black_box((rows.key(row), rows.payload(row), rows.headers(row).count()));
        }
        self.last = Some(ticket);
        Ok(rows.len() - from)
    }

    fn confirmed(&mut self) -> forebay::core::Result<Confirmed> {
        Ok(Confirmed {
            up_to: self.last,
            refused: Vec::new(),
        })
    }

    fn flush(&mut self, _within: Duration) -> forebay::core::Result<()> {
        Ok(())
    }
}

/// A registry on memory, which has the one schema that a workload asks for.
#[derive(Debug)]
struct Registry(Arc<RegisteredSchema>);

impl Schemas for Registry {
    fn schema(&self, _: SchemaKey) -> forebay::core::Result<Arc<RegisteredSchema>> {
        Ok(Arc::clone(&self.0))
    }
}

/// What is counted: the lane, from the first batch to the end.
#[inline(never)]
fn measured(lane: Lane) -> forebay::core::Result<()> {
    // Something is left to be done behind the call: a function that only jumps is none to callgrind.
    black_box(lane.run())
}

/// One workload, once to warm up and once inside of [`measured`].
fn count_one(name: &str, root: &Path) -> Result<(), Failure> {
    let library = runtime::locate(None).map_err(|e| Failure(e.to_string()))?;
    let runtime = runtime::load(&library).map_err(|e| Failure(e.to_string()))?;
    let workload = name.split('-').next().unwrap_or(name);
    let workload = Workload::new(workload, BATCH as usize, root, runtime)?;
    let env = |name: &str| {
        let value = match name {
            "BENCH_BATCH" => "500",
            "BENCH_COMMIT_MS" => "1000",
            "BENCH_LINGER_MS" => "5",
            "LANES" => "1",
            "BENCH_BOOTSTRAP" => "none:1",
            "BENCH_REGISTRY" => "http://none:1",
            // Names of topics and a group, which nothing here asks for.
            _ => "none",
        };
        Some(value.to_owned())
    };
    let options = Options {
        connector: None,
        also: None,
        env: &env,
    };
    let said = |problems: Vec<forebay::config::Problem>| {
        Failure(
            problems
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join("\n"),
        )
    };
    let config = Config::load(&root.join(format!("bench/pipelines/{name}.yaml")), &options).map_err(said)?;
    let plan = Plan::new(&config).map_err(said)?;
    let failed = |e: forebay::core::Error| Failure(format!("workload {name}: {e}"));
    lane(&plan, &workload).map_err(failed)?.run().map_err(failed)?;
    measured(lane(&plan, &workload).map_err(failed)?).map_err(failed)
}

fn lane(plan: &Plan, workload: &Workload) -> forebay::core::Result<Lane> {
    let metrics = Arc::new(LaneMetrics::default());
    let partition = TopicPartition::new("events", 0);
    let assigned = Event::Assigned([(partition, 0)].into());
    let batches = (0..BATCHES).map(|batch| Event::Records(records(workload, batch * BATCH)));
    let script = std::iter::once(assigned).chain(batches).map(Script::Event);
    let rules = Rules {
        max_rows: BATCH as usize,
        commit_every: Duration::from_secs(1),
        commit_at_least: Duration::ZERO,
        max_records: u64::MAX,
        max_bytes: usize::MAX,
        on_gap: OnGap::Stop,
        drop_rejects: false,
        dead_letters: None,
        flush_within: Duration::from_secs(1),
    };
    let schooled = Schooled::Registries {
        source: Some(Arc::new(Registry(Arc::new(tabular::schema())))),
        results: None,
    };
    Ok(Lane::new(
        Box::new(MemorySource::new(script.collect::<Vec<_>>())),
        plan.open_lane(Arc::clone(&metrics), &schooled)?,
        vec![Box::new(Reader::default())],
        rules,
        metrics,
        Stop::default(),
    ))
}

fn records(workload: &Workload, first: u64) -> Records {
    let mut records = Records::default();
    let partition = records.intern(&"events".into(), 0);
    let mut payload = Vec::new();
    for id in first..first + BATCH {
        payload.clear();
        workload.payload(id, &mut payload);
        let key = id.to_string();
        records.push(
            partition,
            Record {
                offset: id as i64,
                timestamp: 0,
                key: Some(key.as_bytes()),
                payload: Some(&payload),
            },
        );
    }
    records
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_and_onnx_runtime_are_not_counted() {
        let profile = "events: Ir\nob=(1) /bin/bench\nfl=(1) ???\nfn=(1) a\n0 10\ncob=(2) /lib/libonnxruntime.so\n\
                       cfn=(2) b\ncalls=1 0\n0 500\n+3 5\n\nob=(2)\nfn=(2)\n0 500\n\nob=(3) /lib/libc.so\nfn=(3) c\n* 7\n\n\
                       ob=(1)\nfn=(1)\n-1 2\n";
        assert_eq!(own(profile), 10 + 5 + 7 + 2);
    }

    #[test]
    fn a_lane_on_memory_reads_every_event() {
        let root = checkout().expect("a checkout");
        for name in ["t", "a"] {
            // A reject would stop the lane.
            count_one(name, &root).expect(name);
        }
    }
}
