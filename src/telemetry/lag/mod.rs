//! Lag per partition, in records and in time. A thread of its own asks the brokers where the logs end, since a client's own figures
//! rest while it fetches nothing, and puts it beside where the lanes say that they are. Lanes do not wait for it.

mod collected;
mod history;
mod rests;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use forebay_connectors::LogBounds;
use forebay_core::metrics::{AllMetrics, Ends, Lag};
use forebay_core::records::{Partitions, TopicPartition};
use tracing::{debug, info, warn};

pub(super) use self::collected::Collected;
use self::history::{History, Sample};
use self::rests::Rests;
use super::liveness;

/// How often the brokers are asked.
const EVERY: Duration = Duration::from_secs(5);
/// A lane that has not gone round for so long does not turn.
const TURNS: Duration = Duration::from_secs(10);
/// Partitions that are shown by themselves, at most; sums and the longest lag count all.
const SHOWN: usize = 1000;

/// The lag of all lanes at one moment.
#[derive(Debug, Default)]
pub(super) struct Shown {
    pub(super) lanes: Vec<OfLane>,
    /// By lane; those that are furthest behind where there are more than are shown.
    pub(super) partitions: Vec<(usize, TopicPartition, Lag)>,
}

/// Over the partitions of a lane.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct OfLane {
    pub(super) records: u64,
    /// The longest; `None` where none is known.
    pub(super) seconds: Option<f64>,
}

impl Shown {
    pub(super) fn of(lanes: &AllMetrics) -> Self {
        let mut shown = Self::default();
        for (lane, metrics) in lanes.iter().enumerate() {
            let mut all = OfLane::default();
            for (partition, lag) in metrics.lags() {
                all.records += lag.records;
                all.seconds = all.seconds.into_iter().chain(lag.seconds).reduce(f64::max);
                shown.partitions.push((lane, partition, lag));
            }
            shown.lanes.push(all);
        }
        if shown.partitions.len() > SHOWN {
            shown
                .partitions
                .sort_by_key(|(_, _, lag)| std::cmp::Reverse(lag.records));
            shown.partitions.truncate(SHOWN);
        }
        shown
    }
}

/// The thread; stops when dropped.
pub(super) struct Asking {
    running: Option<(SyncSender<()>, JoinHandle<()>)>,
}

impl fmt::Debug for Asking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Asking")
    }
}

impl Asking {
    pub(super) fn start(bounds: Box<dyn LogBounds>, lanes: AllMetrics) -> Self {
        let (stop, stopped) = sync_channel(0);
        let thread = thread::Builder::new().name("lag".into()).spawn(move || {
            let mut asker = Asker::new(bounds, lanes);
            // The first answer is wanted soon, and the lanes have to join before.
            let mut wait = Duration::from_secs(1);
            while stopped.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
                wait = if asker.ask() {
                    EVERY
                } else {
                    Duration::from_secs(1)
                };
            }
        });
        if let Err(error) = &thread {
            warn!("lag is not measured: {error}");
        }
        Self {
            running: thread.ok().map(|thread| (stop, thread)),
        }
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        let Some((stop, thread)) = self.running.take() else {
            return;
        };
        drop(stop);
        if thread.join().is_err() {
            warn!("the thread that measures lag panicked");
        }
    }
}

/// What the thread knows.
struct Asker {
    bounds: Box<dyn LogBounds>,
    lanes: AllMetrics,
    histories: BTreeMap<TopicPartition, History>,
    rests: Rests,
    /// What the brokers said last.
    ends: Ends,
    /// Whether it was said that not all partitions are shown.
    said: bool,
}

impl Asker {
    fn new(bounds: Box<dyn LogBounds>, lanes: AllMetrics) -> Self {
        Self {
            bounds,
            lanes,
            histories: BTreeMap::new(),
            rests: Rests::default(),
            ends: Ends::new(),
            said: false,
        }
    }

    /// Asks once, of all partitions; `false` where there are none.
    fn ask(&mut self) -> bool {
        let progress: Vec<_> = self.lanes.iter().map(|lane| lane.progress.load_full()).collect();
        let owned = progress.iter().flat_map(|of_lane| of_lane.iter());
        let partitions: Partitions = owned.map(|one| one.partition.clone()).collect();
        self.histories
            .retain(|partition, _| partitions.contains(partition));
        if partitions.is_empty() {
            self.measured();
            return false;
        }
        if partitions.len() > SHOWN && !self.said {
            self.said = true;
            info!(
                partitions = partitions.len(),
                "the {SHOWN} partitions furthest behind have a lag of their own on /metrics and /status; sums and the longest lag count all"
            );
        }
        match self.bounds.ask(&partitions) {
            Ok(ends) => {
                if let Err(error) = self.rests.look(self.bounds.as_mut(), &progress, &ends) {
                    debug!(%error, "what waits is not known for now");
                }
                self.ends = ends;
                self.measured();
            }
            // What is known to wait waits longer, though nobody knows what came meanwhile.
            Err(error) => warn!(%error, "lag is not measured for now"),
        }
        let ends = std::mem::take(&mut self.ends);
        self.publish(&ends);
        self.ends = ends;
        true
    }

    fn measured(&self) {
        for lane in &self.lanes {
            lane.measured.set(liveness::now_ms());
        }
    }

    fn publish(&mut self, ends: &Ends) {
        let (at, now_ms) = (Instant::now(), liveness::now_ms());
        for metrics in &self.lanes {
            let mut lags = BTreeMap::new();
            let turned = Duration::from_millis(now_ms.saturating_sub(metrics.heartbeat.get()));
            // Asked for again: what came meanwhile counts.
            for one in metrics.progress.load().iter() {
                let Some(bounds) = ends.get(&one.partition) else {
                    debug!(partition = %one.partition, "the brokers told no end");
                    continue;
                };
                let sample = Sample {
                    at,
                    bounds: *bounds,
                    position: self.rests.reached(one),
                    turns: turned < TURNS,
                };
                let written_at = match self.rests.first(one) {
                    Some(first) => first.at,
                    None => one.settled_at,
                };
                let history = self.histories.entry(one.partition.clone()).or_default();
                let now_ms = i64::try_from(now_ms).unwrap_or(i64::MAX);
                lags.insert(one.partition.clone(), history.observe(sample, written_at, now_ms));
            }
            metrics.asked.store(Arc::new(lags));
        }
    }
}

#[cfg(test)]
mod tests;
