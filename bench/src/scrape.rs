//! How long a scrape takes: a lane that has so many partitions that there are more than 5,000 series.

use std::sync::Arc;
use std::time::{Duration, Instant};

use forebay::core::metrics::{Lag, LaneMetrics, Progress, State};
use forebay::core::records::TopicPartition;
use forebay::telemetry::{Beside, Build, Exporter};
use forebay_counted::Failure;

const PARTITIONS: i32 = 1000;
const SCRAPES: usize = 200;
/// What the quickest scrape may take: others on the machine slow some down, and none up.
const BOUND: Duration = Duration::from_millis(10);

/// Prints what scrapes take; returns 1 where the quickest takes longer than [`BOUND`].
pub(crate) fn measure() -> Result<usize, Failure> {
    let lane = LaneMetrics::default();
    lane.latency.observe_all(0..1000);
    let named = |partition| TopicPartition::new("telemetry", partition);
    let progress = |partition| Progress {
        partition: named(partition),
        position: 1 << 41,
        settled_at: None,
        behind: None,
    };
    let of = |partition| {
        let lag = Lag {
            records: 1 << 40,
            seconds: Some(1234.5),
            drain_seconds: Some(67.5),
            state: State::Ok,
        };
        (named(partition), lag)
    };
    lane.progress
        .store(Arc::new((0..PARTITIONS).map(progress).collect()));
    lane.asked.store(Arc::new((0..PARTITIONS).map(of).collect()));
    let exporter = Exporter::new("sensors", vec![Arc::new(lane)], Beside::default(), Build::this());
    let mut times = Vec::with_capacity(SCRAPES);
    let mut text = String::new();
    for _ in 0..SCRAPES {
        let began = Instant::now();
        text = exporter
            .scrape()
            .map_err(|e| Failure(format!("scrape {PARTITIONS} partitions: {e}")))?;
        times.push(began.elapsed());
    }
    times.sort_unstable();
    let series = text.lines().filter(|line| !line.starts_with('#')).count();
    let (quickest, median) = (times[0], times[SCRAPES / 2]);
    let holds = quickest <= BOUND && series > 5000;
    println!(
        "{} a scrape of {series} series, {} bytes: {quickest:.2?} at best, {median:.2?} in the middle of {SCRAPES}; the bound is {BOUND:?}",
        if holds { "PASS" } else { "FAIL" },
        text.len()
    );
    Ok(usize::from(!holds))
}
