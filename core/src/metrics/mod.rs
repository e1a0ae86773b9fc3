//! The handles a lane counts with. Counting is a few atomic additions per batch, and none of it waits for whoever reads.
//!
//! For every lane: `consumed = delivered + filtered + dead-lettered + dropped + abandoned + in flight`.

mod latency;
mod progress;
mod rejects;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

pub use latency::{Latency, Snapshot, bucket_end};
pub use progress::{Bounds, Ends, First, Lag, Progress, State};
pub use rejects::Rejects;

use arc_swap::ArcSwap;
use tracing::warn;

use crate::drift::Counted;
use crate::records::{Records, TopicPartition};
use crate::reject::{Reject, Stage};

/// What one lane counts. Plain atomics; whoever exports them reads them.
#[derive(Debug, Default)]
pub struct LaneMetrics {
    /// When the lane last went round its loop, in milliseconds since the epoch.
    pub heartbeat: Count,
    /// When the brokers last said where the logs end, or the process had no partition to ask for, in milliseconds since the epoch; 0 before.
    pub measured: Count,
    /// 1 once the group has told the lane which partitions it has, if any.
    pub joined: Count,
    /// Since when the source or a sink cannot be reached, in milliseconds since the epoch; 0 while both can.
    pub unreachable_since: Count,
    /// When that was last said. Clients repeat it, and do not say when it is over.
    pub unreachable_last: Count,
    /// Records read from the source.
    pub consumed: Count,
    /// Records whose result was confirmed by the sink.
    pub delivered: Count,
    /// Records that a step filtered.
    pub filtered: Count,
    /// Records whose dead letter was confirmed.
    pub dead_lettered: Count,
    /// Rejects dropped because the pipeline says `on_reject: drop`.
    pub dropped: Count,
    /// Records of partitions revoked, lost or rewound before they were confirmed: somebody reads them again.
    pub abandoned: Count,
    /// Records read and not yet settled.
    pub in_flight: Count,
    /// Batches carried through.
    pub batches: Count,
    /// Batches by rows: in a power of two's place, those of at most so many rows.
    pub batch_rows: [Count; ROW_BUCKETS],
    /// Batches by why they were not larger, in the order of [`Closed`].
    pub closed: [Count; 3],
    /// Bytes of the records read: keys, payloads, headers.
    pub bytes_consumed: Count,
    /// Bytes of the results and dead letters handed to sinks.
    pub bytes_written: Count,
    /// Rejects by stage and cause.
    pub rejects: Rejects,
    /// Commits acknowledged.
    pub commits: Count,
    /// Partitions assigned now.
    pub partitions: Count,
    /// Times partitions were revoked.
    pub revocations: Count,
    /// Times partitions were lost.
    pub lost: Count,
    /// Gaps passed by `on_gap`.
    pub gaps: Count,
    /// Offsets that gaps skipped.
    pub gap_offsets: Count,
    /// Where the lane is.
    pub progress: ArcSwap<Vec<Progress>>,
    /// How far behind it is, by whoever asks the brokers.
    pub asked: ArcSwap<BTreeMap<TopicPartition, Lag>>,
    /// Times the source or a sink had to be tried again.
    pub retries: Count,
    /// 1 while a batch waits for something outside, such as a schema registry.
    pub waiting: Count,
    /// Times a batch could not be carried yet, and was kept.
    pub waits: Count,
    /// Numbers written as null because they were NaN or infinite.
    pub not_finite: Count,
    /// Nanoseconds in the source, waiting for records or reading them.
    pub polling: Count,
    /// Nanoseconds of decoding.
    pub decoding: Count,
    /// What each step does, in the order of the pipeline file; known as soon as the lane has its steps.
    pub steps: OnceLock<Vec<Arc<StepMetrics>>>,
    /// Nanoseconds of encoding.
    pub encoding: Count,
    /// Nanoseconds of handing results to sinks.
    pub writing: Count,
    /// From handing results to a sink to its confirmation.
    pub confirmation: Latency,
    /// From the event's timestamp to its confirmed result.
    pub latency: Latency,
    /// Values per bin of the columns that are observed, in the order of the plan; empty where none is.
    pub drift: OnceLock<Vec<Arc<Counted>>>,
}

/// What one step does.
#[derive(Debug)]
pub struct StepMetrics {
    /// `Sql`, `Lookup` or `Model`.
    pub stage: Stage,
    /// Nanoseconds.
    pub busy: Count,
    /// Nanoseconds that it took to open it.
    pub opening: Count,
    /// Rows that came to it.
    pub rows: Count,
    /// Rows that it filtered or rejected.
    pub gone: Count,
    /// Batches that it was run on.
    pub runs: Count,
    /// NaN and infinite numbers among the results of a model.
    pub not_finite: Count,
}

impl StepMetrics {
    /// Of a step that has not run.
    pub fn new(stage: Stage) -> Self {
        Self {
            stage,
            busy: Count::default(),
            opening: Count::default(),
            rows: Count::default(),
            gone: Count::default(),
            runs: Count::default(),
            not_finite: Count::default(),
        }
    }
}

/// Why a batch was not larger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// It has the most rows that a batch may have.
    Full,
    /// Nothing more had arrived.
    Drained,
    /// More would have exceeded the memory, or what may be read twice.
    Limited,
}

impl Closed {
    /// In the order of [`LaneMetrics::closed`].
    pub const NAMES: [&str; 3] = ["full", "drained", "limited"];
}

/// Batches of up to 65,536 rows have a bucket by themselves.
pub const ROW_BUCKETS: usize = 18;

impl LaneMetrics {
    /// Counts a reject of `records`, and says so where the like was not said for a while.
    pub fn rejected(&self, reject: &Reject, records: &Records) {
        let Some(so_far) = self.rejects.count(reject, self.heartbeat.get()) else {
            return;
        };
        let row = reject.record as usize;
        let origin = records.partition(row);
        warn!(
            stage = %reject.stage, reason = %reject.reason, topic = %origin.topic, partition = origin.partition,
            offset = records.offset(row), so_far, "records are rejected; the next line of this kind comes in a minute or later"
        );
    }

    /// Counts a batch that the source gave.
    pub fn batch(&self, rows: usize, bytes: usize, closed: Closed) {
        let bucket = rows.next_power_of_two().trailing_zeros() as usize;
        self.batches.add(1);
        self.batch_rows[bucket.min(ROW_BUCKETS - 1)].add(1);
        self.closed[closed as usize].add(1);
        self.bytes_consumed.add(bytes as u64);
    }
}

/// Whether anything is counted: always, but for the count of what counting costs.
const MEASURED: bool = !cfg!(feature = "unmeasured");

/// A number that one lane writes and others read.
#[derive(Default)]
pub struct Count(AtomicU64);

impl Count {
    /// Adds `n`.
    pub fn add(&self, n: u64) {
        if MEASURED {
            self.0.fetch_add(n, Ordering::Relaxed);
        }
    }

    /// Adds a time in nanoseconds.
    pub fn add_nanos(&self, time: Duration) {
        self.add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Replaces the value.
    pub fn set(&self, n: u64) {
        if MEASURED {
            self.0.store(n, Ordering::Relaxed);
        }
    }

    /// The value now.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.get())
    }
}

/// The metrics of all lanes of a process.
pub type AllMetrics = Vec<Arc<LaneMetrics>>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_counted_by_rows_and_by_why_they_closed() {
        let lane = LaneMetrics::default();
        for (rows, closed) in [(1, Closed::Drained), (2, Closed::Drained), (512, Closed::Full)] {
            lane.batch(rows, 10, closed);
        }
        lane.batch(300, 10, Closed::Limited);
        lane.batch(1_000_000, 10, Closed::Full);
        let rows: Vec<u64> = lane.batch_rows.iter().map(Count::get).collect();
        assert_eq!((rows[0], rows[1], rows[9], rows[17]), (1, 1, 2, 1));
        assert_eq!(rows.iter().sum::<u64>(), lane.batches.get());
        assert_eq!(lane.closed.each_ref().map(Count::get), [2, 2, 1]);
        assert_eq!(lane.bytes_consumed.get(), 50);
    }
}
