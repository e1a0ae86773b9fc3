//! Lag per partition, in records and in time. A thread of its own asks the brokers where the logs end, since a client's own figures
//! rest while it fetches nothing, and puts it beside where the lanes say that they are. Lanes do not wait for it.

mod collected;
mod history;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use forebay_connectors::LogBounds;
use forebay_core::Result;
use forebay_core::metrics::{AllMetrics, Bounds, Ends, Progress};
use forebay_core::records::{Partitions, Positions, TopicPartition};
use tracing::{debug, warn};

pub(super) use self::collected::Collected;
use self::history::{Figures, History, Sample};
use super::liveness;

/// How often the brokers are asked.
const EVERY: Duration = Duration::from_secs(5);
/// A lane that has not gone round for so long does not turn.
const TURNS: Duration = Duration::from_secs(10);

/// One partition of one lane.
#[derive(Clone, Debug)]
pub(super) struct Lagging {
    pub(super) lane: usize,
    pub(super) partition: TopicPartition,
    pub(super) figures: Figures,
}

/// The figures of now, for whoever shows them.
#[derive(Clone, Debug, Default)]
pub(super) struct Lags(Arc<Mutex<Vec<Lagging>>>);

impl Lags {
    fn lock(&self) -> MutexGuard<'_, Vec<Lagging>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those of partitions that are still their lane's.
    pub(super) fn of(&self, lanes: &AllMetrics) -> Vec<Lagging> {
        let mut all = self.lock().clone();
        let owned: Vec<_> = lanes.iter().map(|lane| lane.progress.load_full()).collect();
        all.retain(|one| {
            let owned = owned.get(one.lane);
            owned.is_some_and(|owned| owned.iter().any(|progress| progress.partition == one.partition))
        });
        all
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
    pub(super) fn start(bounds: Box<dyn LogBounds>, lanes: AllMetrics, lags: Lags) -> Self {
        let (stop, stopped) = sync_channel(0);
        let thread = thread::Builder::new()
            .name("lag".into())
            .spawn(move || ask(bounds, &lanes, &lags, &stopped));
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

/// Positions that do not move though their logs go on behind them. A transaction ends with a marker, and one that is aborted leaves
/// records that nobody reads: where there is nothing else, nothing waits.
#[derive(Debug, Default)]
struct Rests {
    last: Positions,
    /// Positions with nothing up to these ends.
    empty: BTreeMap<TopicPartition, (i64, i64)>,
}

impl Rests {
    fn look(
        &mut self,
        bounds: &mut dyn LogBounds,
        progress: &[Arc<Vec<Progress>>],
        ends: &Ends,
    ) -> Result<()> {
        let owned = || progress.iter().flat_map(|of_lane| of_lane.iter());
        let looked_at = owned().filter(|one| {
            let known = self.empty.get(&one.partition);
            ends.get(&one.partition).is_some_and(|end| {
                end.lag(one.position) > 0
                    && self.last.get(&one.partition) == Some(&one.position)
                    && known != Some(&(one.position, end.high))
            })
        });
        let looked_at: Positions = looked_at
            .map(|one| (one.partition.clone(), one.position))
            .collect();
        self.last = owned().map(|one| (one.partition.clone(), one.position)).collect();
        self.empty
            .retain(|partition, _| self.last.contains_key(partition));
        if looked_at.is_empty() {
            return Ok(());
        }
        for partition in bounds.empty(&looked_at)? {
            if let (Some(position), Some(end)) = (looked_at.get(&partition), ends.get(&partition)) {
                self.empty.insert(partition, (*position, end.high));
            }
        }
        Ok(())
    }

    /// Lets nothing wait where nothing does.
    fn pass(&self, ends: &mut Ends) {
        for (partition, (_, end)) in &self.empty {
            if let Some(bounds) = ends.get_mut(partition) {
                bounds.low = bounds.low.max(*end);
            }
        }
    }

    /// The position, or the end where nothing lies between.
    fn reached(&self, one: &Progress, bounds: Bounds) -> i64 {
        match self.empty.get(&one.partition) {
            Some((position, end)) if *position == one.position => bounds.high.min(*end).max(one.position),
            _ => one.position,
        }
    }
}

fn ask(mut bounds: Box<dyn LogBounds>, lanes: &AllMetrics, lags: &Lags, stopped: &Receiver<()>) {
    let mut histories: BTreeMap<TopicPartition, History> = BTreeMap::new();
    let mut rests = Rests::default();
    // The first answer is wanted soon, and the lanes have to join before.
    let mut wait = Duration::from_secs(1);
    while stopped.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
        let progress: Vec<_> = lanes.iter().map(|lane| lane.progress.load_full()).collect();
        let owned = progress.iter().flat_map(|of_lane| of_lane.iter());
        let partitions: Partitions = owned.map(|one| one.partition.clone()).collect();
        wait = if partitions.is_empty() {
            Duration::from_secs(1)
        } else {
            EVERY
        };
        histories.retain(|partition, _| partitions.contains(partition));
        if partitions.is_empty() {
            lags.lock().clear();
            continue;
        }
        let mut ends = match bounds.ask(&partitions) {
            Ok(ends) => ends,
            Err(error) => {
                warn!(%error, "lag is not measured for now");
                continue;
            }
        };
        if let Err(error) = rests.look(bounds.as_mut(), &progress, &ends) {
            debug!(%error, "whether records wait is not known for now");
        }
        let (at, now_ms) = (Instant::now(), liveness::now_ms());
        let mut all = Vec::with_capacity(partitions.len());
        for (lane, metrics) in lanes.iter().enumerate() {
            // Asked for again: what came meanwhile counts.
            let progress = metrics.progress.load();
            let turned = Duration::from_millis(now_ms.saturating_sub(metrics.heartbeat.get()));
            for one in progress.iter() {
                let Some(bounds) = ends.get(&one.partition) else {
                    debug!(partition = %one.partition, "the brokers told no end");
                    continue;
                };
                let sample = Sample {
                    at,
                    bounds: *bounds,
                    position: rests.reached(one, *bounds),
                    turns: turned < TURNS,
                };
                let history = histories.entry(one.partition.clone()).or_default();
                let now_ms = i64::try_from(now_ms).unwrap_or(i64::MAX);
                all.push(Lagging {
                    lane,
                    partition: one.partition.clone(),
                    figures: history.observe(sample, one.read_at, now_ms),
                });
            }
        }
        rests.pass(&mut ends);
        let ends = Arc::new(ends);
        for metrics in lanes {
            metrics.ends.store(Arc::clone(&ends));
        }
        *lags.lock() = all;
    }
}
