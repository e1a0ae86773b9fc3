//! What drifts in this process: lanes' counts over a sliding window, against the baseline. A thread of its own looks at them, says in
//! the log where a column begins and ceases to drift, and answers `/drift`. The lanes count; they know nothing of this.

mod collected;
mod shown;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use forebay_core::drift::{Scores, Windows};
use forebay_core::metrics::AllMetrics;
use serde_json::Value;
use tracing::{info, warn};

use crate::drift::{Compared, Drift};

pub(super) use collected::Collected;

/// What a window says of a column.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Verdict {
    /// The names of the scores that are above their limits; none = no drift.
    Judged(Scores, Vec<&'static str>),
    /// Its scores would be noise.
    TooFewRows,
    /// There is nothing to compare it with.
    NoBaseline,
}

/// The window of one column.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Looked {
    pub(super) counts: Vec<u64>,
    pub(super) verdict: Verdict,
}

/// What was said of a column.
#[derive(Clone, Copy, Debug, Default)]
struct Said {
    drifting: bool,
    at: Option<Duration>,
}

struct State {
    windows: Windows,
    said: Vec<Said>,
    covers: Duration,
}

/// The columns of a process and their windows.
pub(super) struct Drifting {
    pipeline: String,
    drift: Arc<Drift>,
    lanes: AllMetrics,
    began: Instant,
    state: Mutex<State>,
}

impl fmt::Debug for Drifting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Drifting({:?})", self.drift)
    }
}

impl Drifting {
    pub(super) fn new(pipeline: &str, drift: Arc<Drift>, lanes: AllMetrics) -> Self {
        let counts = counts(&drift, &lanes).concat();
        let state = State {
            windows: Windows::new(drift.window, Duration::ZERO, counts),
            said: vec![Said::default(); drift.columns.len()],
            covers: Duration::ZERO,
        };
        Self {
            pipeline: pipeline.to_owned(),
            state: Mutex::new(state),
            began: Instant::now(),
            drift,
            lanes,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn step(&self) -> Duration {
        self.state().windows.step()
    }

    /// The windows that end now; the clock is one that nobody sets.
    fn look(&self) -> Vec<Looked> {
        self.look_at(self.began.elapsed())
    }

    fn look_at(&self, now: Duration) -> Vec<Looked> {
        let mut state = self.state();
        let window = state
            .windows
            .slide(now, counts(&self.drift, &self.lanes).concat());
        state.covers = window.covers;
        let mut rest = window.counts.as_slice();
        let looked = self.drift.columns.iter().map(|column| {
            let (own, behind) = rest.split_at(column.bins.len().min(rest.len()));
            rest = behind;
            Looked {
                verdict: judge(column, own),
                counts: own.to_vec(),
            }
        });
        let looked: Vec<Looked> = looked.collect();
        let columns = self.drift.columns.iter().zip(&looked);
        for ((column, looked), said) in columns.zip(&mut state.said) {
            say(column, &looked.verdict, said, now, self.drift.window);
        }
        looked
    }

    /// What `/drift` answers.
    pub(super) fn to_json(&self) -> Value {
        let looked = self.look();
        let covers = self.state().covers;
        shown::json(&self.pipeline, &self.drift, covers, &looked)
    }
}

/// The counts of each column, added up over lanes.
fn counts(drift: &Drift, lanes: &AllMetrics) -> Vec<Vec<u64>> {
    let mut sums: Vec<Vec<u64>> = drift
        .columns
        .iter()
        .map(|column| vec![0; column.bins.len()])
        .collect();
    for counted in lanes.iter().filter_map(|lane| lane.drift.get()) {
        for (sum, column) in sums.iter_mut().zip(counted) {
            column.add_to(sum);
        }
    }
    sums
}

fn judge(column: &Compared, counts: &[u64]) -> Verdict {
    let Some(against) = &column.against else {
        return Verdict::NoBaseline;
    };
    let rows: u64 = counts.iter().sum();
    match against.reference.scores(counts) {
        Some(scores) if rows >= against.least_rows => {
            let passed = against.limits.passed(&scores);
            Verdict::Judged(scores, passed)
        }
        _ => Verdict::TooFewRows,
    }
}

/// Says where a column begins or ceases to drift: once a window at most, whatever it does in between.
fn say(column: &Compared, verdict: &Verdict, said: &mut Said, now: Duration, window: Duration) {
    let Verdict::Judged(scores, above) = verdict else {
        return;
    };
    let drifting = !above.is_empty();
    let lately = said.at.is_some_and(|at| now.saturating_sub(at) < window);
    if drifting == said.drifting || lately {
        return;
    }
    *said = Said {
        drifting,
        at: Some(now),
    };
    let (part, name) = (column.part.name(), column.name.as_str());
    if drifting {
        warn!(
            part,
            column = name,
            above = above.join(","),
            psi = short(scores.psi),
            js = short(scores.js),
            missing = short(scores.missing),
            new_categories = scores.new_categories.map(short),
            "a column drifts: it does not look like the baseline any more"
        );
    } else {
        info!(part, column = name, "a column does not drift any more");
    }
}

/// Four digits behind the point: as many as somebody reads.
fn short(score: f64) -> f64 {
    (score * 1e4).round() / 1e4
}

/// Looks once a step, until it is dropped.
#[derive(Debug)]
pub(super) struct Watcher {
    running: Option<(SyncSender<()>, JoinHandle<()>)>,
}

impl Watcher {
    pub(super) fn start(drifting: &Arc<Drifting>) -> Self {
        let (stop, stopped) = sync_channel::<()>(0);
        let drifting = Arc::clone(drifting);
        let step = drifting.step();
        let watch = move || {
            while stopped.recv_timeout(step) == Err(RecvTimeoutError::Timeout) {
                drop(drifting.look());
            }
        };
        let thread = thread::Builder::new().name("drift".into()).spawn(watch);
        if let Err(error) = &thread {
            warn!("cannot look at what drifts: {error}; /drift does when it is asked");
        }
        Self {
            running: thread.ok().map(|thread| (stop, thread)),
        }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let Some((stop, thread)) = self.running.take() else {
            return;
        };
        // The other end waits for this one to go.
        drop(stop);
        if thread.join().is_err() {
            warn!("the thread that looks at what drifts panicked");
        }
    }
}
