//! One round: a fresh group, the whole topic, one system; its output audited before anything is said of its speed.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use forebay_testcontainers::Kafka;
use serde::Serialize;

use crate::audit::Audit;
use crate::machine::Others;
use crate::system::{Running, System, Used};
use crate::topics::{self, Counter, PARTITIONS};
use forebay_counted::Failure;
use forebay_counted::workloads::Workload;

/// Events of the small topic that shows what starting and ending costs: one full batch.
pub(crate) const START_RECORDS: u64 = 500;
/// Above this, in cores, a round is redone.
pub(crate) const LOAD_LIMIT: f64 = 0.1;
const RETRIES: usize = 3;

/// Where everything happens.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    pub(crate) kafka: &'a Kafka,
    /// The URL of the registry that has A's schema.
    pub(crate) registry: &'a str,
    pub(crate) programs: &'a Path,
    pub(crate) logs: &'a Path,
    pub(crate) onnxruntime: &'a Path,
    /// A system that brings no new result for so long hangs.
    pub(crate) patience: Duration,
}

/// What one round showed.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Round {
    pub(crate) system: String,
    /// Between the first and the last append of a result.
    pub(crate) records_per_s: f64,
    /// From the start of the process to the last result, starting included.
    pub(crate) whole_s: f64,
    /// CPU of the process, without what starting and ending costs.
    pub(crate) cpu_us_per_record: f64,
    /// CPU of the process for starting, one batch and ending.
    pub(crate) start_cpu_s: f64,
    /// From the start of the process to its first result.
    pub(crate) start_s: f64,
    pub(crate) peak_mib: f64,
    /// Cores that others kept busy meanwhile.
    pub(crate) others_cores: f64,
    /// Rounds that were thrown away because of outside load.
    pub(crate) redone: usize,
}

/// One system on one topic, started and ended.
struct Ran {
    used: Used,
    first: Duration,
    whole: Duration,
    appended: (i64, i64),
    others: f64,
}

impl Place<'_> {
    /// What systems get to know.
    pub(crate) fn settings(
        &self,
        workload: &Workload,
        input: &str,
        output: &str,
        linger_ms: u32,
    ) -> BTreeMap<&'static str, String> {
        BTreeMap::from([
            ("BENCH_BOOTSTRAP", self.kafka.bootstrap().to_owned()),
            ("BENCH_REGISTRY", self.registry.to_owned()),
            ("BENCH_WORKLOAD", workload.name.to_owned()),
            ("BENCH_INPUT", input.to_owned()),
            ("BENCH_OUTPUT", output.to_owned()),
            // The output is fresh each time, so the group is, too.
            ("BENCH_GROUP", output.to_owned()),
            ("BENCH_MODEL", workload.model.display().to_string()),
            ("BENCH_BATCH", "500".to_owned()),
            ("BENCH_COMMIT_MS", "1000".to_owned()),
            ("BENCH_LINGER_MS", linger_ms.to_string()),
            ("BENCH_BIN", self.programs.display().to_string()),
            ("ORT_DYLIB_PATH", self.onnxruntime.display().to_string()),
        ])
    }

    /// A round of `records` events in `input`, and one of [`START_RECORDS`] in `start`, redone while others load the
    /// machine.
    pub(crate) fn round(
        &self,
        system: &System,
        workload: &Workload,
        (input, records): (&str, u64),
        start: &str,
    ) -> Result<Result<Round, String>, Failure> {
        let mut redone = 0;
        loop {
            let started = match self.run(system, workload, (start, START_RECORDS))? {
                Ok(ran) => ran,
                Err(why) => return Ok(Err(why)),
            };
            let ran = match self.run(system, workload, (input, records))? {
                Ok(ran) => ran,
                Err(why) => return Ok(Err(why)),
            };
            if ran.others > LOAD_LIMIT && redone < RETRIES {
                redone += 1;
                eprintln!("    {:.2} cores were busy with other work: once more", ran.others);
                continue;
            }
            let cpu = ran.used.cpu.saturating_sub(started.used.cpu).as_secs_f64();
            let window = (ran.appended.1 - ran.appended.0).max(1) as f64 / 1000.0;
            return Ok(Ok(Round {
                system: system.name.clone(),
                records_per_s: records as f64 / window,
                whole_s: ran.whole.as_secs_f64(),
                cpu_us_per_record: cpu * 1e6 / (records - START_RECORDS) as f64,
                start_cpu_s: started.used.cpu.as_secs_f64(),
                start_s: started.first.as_secs_f64(),
                peak_mib: ran.used.peak_bytes as f64 / f64::from(1 << 20),
                others_cores: ran.others,
                redone,
            }));
        }
    }

    fn run(
        &self,
        system: &System,
        workload: &Workload,
        (input, records): (&str, u64),
    ) -> Result<Result<Ran, String>, Failure> {
        let output = self.output(&system.name);
        let settings = self.settings(workload, input, &output, 5);
        let counter = Counter::new(self.kafka, &output)?;
        let others = Others::watch();
        let mut running = system.start(&settings, &self.logs.join(format!("{output}.log")))?;
        let outcome = await_results(&mut running, &counter, records, self.patience)?;
        let (first, whole) = match outcome {
            Ok(times) => times,
            Err(why) => return Ok(Err(why)),
        };
        let used = match running.end() {
            Ok(used) => used,
            Err(why) => return Ok(Err(why)),
        };
        let others = others.cores();
        // What came behind the last one that was waited for is counted, too.
        let count = counter.count()?;
        let mut audit = Audit::new(workload, records);
        topics::audit(self.kafka, &output, count, &mut audit)?;
        self.kafka.delete_topic(&output);
        Ok(audit.verdict().map(|()| Ran {
            used,
            first,
            whole,
            appended: audit.appended.unwrap_or_default(),
            others,
        }))
    }

    /// A fresh topic for results; the broker stamps what is appended.
    pub(crate) fn output(&self, system: &str) -> String {
        use std::sync::atomic::{AtomicU32, Ordering};
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("{system}-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let topic = self.kafka.topic(&name).partitions(PARTITIONS);
        topic.config("message.timestamp.type", "LogAppendTime").create()
    }
}

/// Waits until `records` results are there; returns when the first came and when the last.
fn await_results(
    running: &mut Running,
    counter: &Counter,
    records: u64,
    patience: Duration,
) -> Result<Result<(Duration, Duration), String>, Failure> {
    let (mut count, mut first, mut since) = (0, None, Instant::now());
    loop {
        if let Some(why) = running.failure() {
            return Ok(Err(format!("{why}; {count} of {records} results were there")));
        }
        let now = counter.count()?;
        if now > count {
            (count, since) = (now, Instant::now());
            first.get_or_insert_with(|| running.started.elapsed());
        }
        if let (true, Some(first)) = (count >= records, first) {
            return Ok(Ok((first, running.started.elapsed())));
        }
        if since.elapsed() > patience {
            return Ok(Err(format!(
                "brought no result for {patience:?}; {count} of {records} were there"
            )));
        }
        // Often until the first one, to see it come; seldom while the machine is to work for others.
        std::thread::sleep(Duration::from_millis(if first.is_none() { 5 } else { 50 }));
    }
}
