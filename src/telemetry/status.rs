//! `/status`: what the process does, as JSON for programs and for the page. The same figures as `/metrics`, by lane; nothing else, and no
//! value of the pipeline file but its name.

use forebay_core::metrics::{AllMetrics, Closed, LaneMetrics, Snapshot};
use serde_json::{Value, json};

use super::reading::Reading;
use super::{liveness, readiness};

/// The status now.
pub(super) fn of(pipeline: &str, version: &str, started_ms: u64, lanes: &AllMetrics) -> Value {
    let now = liveness::now_ms();
    let missing = readiness::missing(lanes, now);
    let mut latency = Snapshot::default();
    for lane in lanes {
        latency.merge(&lane.latency.snapshot());
    }
    let all: Vec<Value> = lanes.iter().map(|lane| lane_of(lane, now)).collect();
    json!({
        "pipeline": pipeline,
        "version": version,
        "uptime_seconds": now.saturating_sub(started_ms) / 1000,
        "ready": missing.is_none(),
        "missing": missing,
        "latency_seconds": {
            "p50": seconds(&latency, 0.5),
            "p99": seconds(&latency, 0.99),
        },
        "lanes": all,
    })
}

fn seconds(latency: &Snapshot, quantile: f64) -> Option<f64> {
    latency.quantile(quantile).map(|millis| millis as f64 / 1e3)
}

fn lane_of(lane: &LaneMetrics, now: u64) -> Value {
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
        "lag_records": lane.lag.get(),
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
