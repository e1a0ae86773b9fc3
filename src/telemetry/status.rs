//! `/status`: what the process does, as JSON for programs and for the page. The same figures as `/metrics`, by lane, and what the page
//! draws; nothing else, and no value of the pipeline file but names.

use std::time::Duration;

use forebay_core::metrics::{AllMetrics, Closed, LaneMetrics, Snapshot, bucket_end};
use serde_json::{Value, json};

use super::lag::Shown;
use super::picture::Picture;
use super::reading::Reading;
use super::{liveness, readiness};

/// What does not change while the process runs.
#[derive(Debug)]
pub(super) struct About {
    pub(super) pipeline: String,
    pub(super) picture: Option<Picture>,
}

/// The status now, `uptime` after the start.
pub(super) fn of(about: &About, uptime: Duration, lanes: &AllMetrics) -> Value {
    let now = liveness::now_ms();
    let missing = readiness::missing(lanes, now);
    let mut latency = Snapshot::default();
    for lane in lanes {
        latency.merge(&lane.latency.snapshot());
    }
    let lags = Shown::of(lanes);
    let all = lanes.iter().enumerate();
    let all: Vec<Value> = all.map(|(nth, lane)| lane_of(nth, lane, &lags, now)).collect();
    json!({
        "pipeline": about.pipeline,
        "version": env!("CARGO_PKG_VERSION"),
        "uptime_seconds": uptime.as_secs_f64(),
        "ready": missing.is_none(),
        "missing": missing,
        "latency_seconds": {
            "p50": seconds(&latency, 0.5),
            "p99": seconds(&latency, 0.99),
            "buckets": buckets(&latency),
        },
        "picture": about.picture,
        "lanes": all,
    })
}

fn seconds(latency: &Snapshot, quantile: f64) -> Option<f64> {
    latency.quantile(quantile).map(|millis| millis as f64 / 1e3)
}

/// How many took how long since the start: the upper end of each bucket that is not empty, and its count. The difference of two answers
/// is the latency between them.
fn buckets(latency: &Snapshot) -> Vec<(f64, u64)> {
    let all = latency.counts.iter().enumerate().filter(|(_, count)| **count > 0);
    all.map(|(bucket, count)| (bucket_end(bucket) as f64 / 1e3, *count))
        .collect()
}

/// Batches by the most rows that they have, a power of two.
fn batch_rows(lane: &LaneMetrics) -> Vec<(u64, u64)> {
    let all = lane.batch_rows.iter().enumerate();
    all.map(|(bucket, count)| (1 << bucket, count.get()))
        .filter(|(_, count)| *count > 0)
        .collect()
}

/// The lag of a lane's partitions.
fn lags_of(nth: usize, lags: &Shown) -> Vec<Value> {
    let own = lags.partitions.iter().filter(|(lane, _, _)| *lane == nth);
    let all = own.map(|(_, one, lag)| {
        let mut of_partition = json!({
            "topic": &*one.topic,
            "partition": one.partition,
            "records": lag.records,
            "seconds": lag.seconds,
            "state": lag.state.name(),
        });
        if let Some(drain) = lag.drain_seconds {
            // JSON has no infinity: it is null.
            of_partition["drain_seconds"] = json!(drain);
        }
        of_partition
    });
    all.collect()
}

fn lane_of(nth: usize, lane: &LaneMetrics, lags: &Shown, now: u64) -> Value {
    let balance = Reading::of(lane).balance;
    let steps = lane.steps.get().into_iter().flatten().map(|step| {
        json!({
            "stage": step.stage.name(),
            "seconds": step.busy.get() as f64 / 1e9,
            "rows": step.rows.get(),
            "gone": step.gone.get(),
            "runs": step.runs.get(),
            "not_finite": step.not_finite.get(),
        })
    });
    let rejects = lane
        .rejects
        .all()
        .map(|(stage, reason, count)| json!({ "stage": stage.name(), "reason": reason, "count": count }));
    let closed = Closed::NAMES.into_iter().zip(&lane.closed);
    let closed = closed.map(|(why, count)| (why.to_owned(), json!(count.get())));
    let heartbeat = lane.heartbeat.get();
    json!({
        "heartbeat_age_seconds": (heartbeat > 0).then(|| now.saturating_sub(heartbeat) as f64 / 1e3),
        "joined": lane.joined.get() > 0,
        "waiting": lane.waiting.get() > 0,
        "partitions": lane.partitions.get(),
        "lag_records": lags.lanes[nth].records,
        "lags": lags_of(nth, lags),
        "records": {
            "consumed": balance.consumed,
            "delivered": balance.delivered,
            "filtered": balance.filtered,
            "dead_lettered": balance.dead_lettered,
            "dropped": balance.dropped,
            "abandoned": balance.abandoned,
            "in_flight": balance.in_flight,
        },
        "batches": lane.batches.get(),
        "batch_rows": batch_rows(lane),
        "closed": closed.collect::<serde_json::Map<_, _>>(),
        "bytes": { "consumed": lane.bytes_consumed.get(), "written": lane.bytes_written.get() },
        "seconds": {
            "poll": lane.polling.get() as f64 / 1e9,
            "decode": lane.decoding.get() as f64 / 1e9,
            "encode": lane.encoding.get() as f64 / 1e9,
            "write": lane.writing.get() as f64 / 1e9,
        },
        "steps": steps.collect::<Vec<_>>(),
        "rejects": rejects.collect::<Vec<_>>(),
        "commits": lane.commits.get(),
        "revocations": lane.revocations.get(),
        "retries": lane.retries.get(),
    })
}
