//! What a run looks like from outside: one line on a terminal, rewritten twice a second; elsewhere a log line every
//! ten seconds. Reads the lanes' metrics and nothing else.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write as _};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use forebay_core::metrics::{AllMetrics, Snapshot};
use tracing::{info, warn};

const REWRITE: Duration = Duration::from_millis(500);
const LOG: Duration = Duration::from_secs(10);
/// To the start of the line, and erase it.
const ERASE: &str = "\r\x1b[2K";

/// The metrics of all lanes, added up, at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    pub lanes: usize,
    pub partitions: u64,
    pub consumed: u64,
    pub delivered: u64,
    pub batches: u64,
    pub rejects: u64,
    pub lag: u64,
    pub latency: Snapshot,
}

impl Totals {
    /// Of `lanes`, now.
    pub fn of(lanes: &AllMetrics) -> Self {
        let mut totals = Self {
            lanes: lanes.len(),
            ..Self::default()
        };
        for lane in lanes {
            totals.partitions += lane.partitions.get();
            totals.consumed += lane.consumed.get();
            totals.delivered += lane.delivered.get();
            totals.batches += lane.batches.get();
            totals.rejects += lane.rejects.total();
            totals.lag += lane.lag();
            totals.latency.merge(&lane.latency.snapshot());
        }
        totals
    }
}

/// What happened between two moments, in one line of less than 120 columns.
pub fn line(prev: &Totals, now: &Totals, elapsed: Duration) -> String {
    let consumed = now.consumed.saturating_sub(prev.consumed);
    let batches = now.batches.saturating_sub(prev.batches);
    let rate = consumed as f64 / elapsed.as_secs_f64().max(1e-3);
    let latency = now.latency.since(&prev.latency);
    let mut line = format!("{} records/s | lag {}", grouped(rate as u64), grouped(now.lag));
    if let (Some(p50), Some(p99)) = (latency.quantile(0.5), latency.quantile(0.99)) {
        append(
            &mut line,
            format_args!(" | p50 {} p99 {}", millis(p50), millis(p99)),
        );
    }
    if let Some(rows) = consumed.checked_div(batches) {
        append(&mut line, format_args!(" | {} rows/batch", grouped(rows)));
    }
    let (rejects, lanes, partitions) = (grouped(now.rejects), now.lanes, now.partitions);
    append(&mut line, format_args!(" | {rejects} rejects"));
    append(
        &mut line,
        format_args!(" | lanes {lanes} partitions {partitions}"),
    );
    line
}

fn append(line: &mut String, what: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    line.write_fmt(what).unwrap_or_default();
}

/// `1234567` as `1,234,567`.
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Milliseconds as a person reads them: `56 ms`, `2.5 s`.
pub fn millis(ms: u64) -> String {
    match ms {
        0..1000 => format!("{ms} ms"),
        1000..100_000 => format!("{:.1} s", ms as f64 / 1e3),
        _ => format!("{} s", grouped(ms / 1000)),
    }
}

/// Shows the lanes until it is dropped.
#[derive(Debug)]
pub struct Live {
    running: Option<(SyncSender<()>, JoinHandle<()>)>,
}

impl Live {
    /// Begins to show `lanes`.
    pub fn start(lanes: AllMetrics) -> Self {
        let (stop, stopped) = sync_channel(0);
        let show = move || match io::stderr().is_terminal() {
            true => on_terminal(&lanes, &stopped),
            false => in_log(&lanes, &stopped),
        };
        let thread = thread::Builder::new().name("live".into()).spawn(show);
        if let Err(error) = &thread {
            warn!("cannot show what the lanes do: {error}");
        }
        Self {
            running: thread.ok().map(|thread| (stop, thread)),
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let Some((stop, thread)) = self.running.take() else {
            return;
        };
        // The other end waits for this one to go.
        drop(stop);
        if thread.join().is_err() {
            warn!("the thread that shows what the lanes do panicked");
        }
    }
}

fn on_terminal(lanes: &AllMetrics, stopped: &Receiver<()>) {
    each(lanes, stopped, REWRITE, write_over);
    write_over("");
}

fn in_log(lanes: &AllMetrics, stopped: &Receiver<()>) {
    each(lanes, stopped, LOG, |line| info!("{line}"));
}

/// A terminal that is gone is no reason to stop.
fn write_over(line: &str) {
    let mut stderr = io::stderr().lock();
    write!(stderr, "{ERASE}{line}")
        .and_then(|()| stderr.flush())
        .unwrap_or_default();
}

fn each(lanes: &AllMetrics, stopped: &Receiver<()>, every: Duration, mut show: impl FnMut(&str)) {
    let (mut before, mut at) = (Totals::of(lanes), Instant::now());
    while stopped.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
        let (now, moment) = (Totals::of(lanes), Instant::now());
        show(&line(&before, &now, moment - at));
        (before, at) = (now, moment);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use forebay_core::metrics::Progress;
    use forebay_core::records::TopicPartition;
    use forebay_core::reject::{Reject, Stage};

    use super::*;

    #[test]
    fn the_line_tells_of_the_interval_only() {
        let lanes: AllMetrics = vec![Arc::default(), Arc::default()];
        lanes[0].consumed.add(1000);
        lanes[0].latency.observe(60_000);
        for record in 0..2 {
            lanes[0].rejects.count(
                &Reject {
                    record,
                    stage: Stage::Decode,
                    cause: "a test",
                    reason: "a test".into(),
                },
                0,
            );
        }
        let before = Totals::of(&lanes);
        lanes[1].consumed.add(2048);
        lanes[1].batches.add(4);
        lanes[1].progress.store(Arc::new(vec![Progress {
            partition: TopicPartition::new("in", 0),
            position: 0,
            settled_at: None,
            behind: Some(12_345),
        }]));
        lanes[1].partitions.set(3);
        lanes[1].latency.observe(5);
        let now = Totals::of(&lanes);
        assert_eq!(
            line(&before, &now, Duration::from_millis(500)),
            "4,096 records/s | lag 12,345 | p50 6 ms p99 6 ms | 512 rows/batch | 2 rejects | lanes 2 partitions 3"
        );
    }

    #[test]
    fn nothing_that_did_not_happen_is_invented() {
        let idle = Totals {
            lanes: 1,
            ..Totals::default()
        };
        assert_eq!(
            line(&idle, &idle, Duration::ZERO),
            "0 records/s | lag 0 | 0 rejects | lanes 1 partitions 0"
        );
    }

    #[test]
    fn numbers_are_grouped_and_times_have_units() {
        assert_eq!(
            [0, 999, 1000, 1_234_567].map(grouped),
            ["0", "999", "1,000", "1,234,567"]
        );
        assert_eq!([7, 2500, 120_000].map(millis), ["7 ms", "2.5 s", "120 s"]);
    }

    #[test]
    fn it_stops_when_dropped() {
        drop(Live::start(vec![Arc::default()]));
    }
}
