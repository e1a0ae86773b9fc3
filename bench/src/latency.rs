//! Latency at a fixed rate: event `i` is due at `start + i / rate`, whatever happens. Latency counts from that moment
//! to the result's arrival at a reader, so a stall shows in every event that was due meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use rdkafka::Offset;
use rdkafka::consumer::BaseConsumer;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::message::Message;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use serde::Serialize;

use crate::round::Place;
use crate::system::{Running, System};
use crate::topics::{self, PARTITIONS};
use forebay_counted::Failure;
use forebay_counted::workloads::Workload;

/// Events at the start that are not counted.
const WARM_UP: Duration = Duration::from_secs(2);
/// How long the last results, or the first, may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Milliseconds from event to result.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Latency {
    pub(crate) system: String,
    pub(crate) per_s: u64,
    /// Of the system's producer.
    pub(crate) linger_ms: u32,
    pub(crate) events: u64,
    pub(crate) p50_ms: f64,
    pub(crate) p90_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) max_ms: f64,
    pub(crate) others_cores: f64,
}

/// Measures `system` for `seconds` at `per_s` events a second.
pub(crate) fn measure(
    place: &Place<'_>,
    system: &System,
    workload: &Workload,
    per_s: u64,
    seconds: u64,
) -> Result<Result<Latency, String>, Failure> {
    let output = place.output(&system.name);
    let input = place.kafka.create_topic(&format!("{output}-in"), PARTITIONS);
    let linger_ms = linger_ms(per_s);
    let settings = place.settings(workload, &input, &output, linger_ms);
    let reader = topics::reader_of(place.kafka, &output, Offset::Beginning)?;
    let mut running = system.start(&settings, &place.logs.join(format!("{output}-latency.log")))?;
    // Every partition is owned, and everything is warm, when these are through.
    let warm = PARTITIONS as u64 * 100;
    topics::fill(place.kafka, &input, workload, 0..warm)?;
    let mut seen = vec![false; (warm + per_s * (seconds + WARM_UP.as_secs())) as usize];
    let mut once = |id: u64| match seen.get_mut(id as usize) {
        Some(seen) if !*seen => {
            *seen = true;
            Ok(())
        }
        Some(_) => Err(format!("event {id} came twice")),
        None => Err(format!("a result has the key {id}, that no event has")),
    };
    if let Err(why) = drain(&reader, &mut running, warm, |id, _| once(id)) {
        return Ok(Err(why));
    }
    let others = crate::machine::Others::watch();
    let events = per_s * (seconds + WARM_UP.as_secs());
    let start = Instant::now() + Duration::from_millis(200);
    let due = move |event: u64| start + Duration::from_nanos(event * 1_000_000_000 / per_s);
    // Microseconds, up to a minute: longer than anybody waits here.
    let mut histogram =
        Histogram::<u64>::new_with_bounds(1, 60_000_000, 3).map_err(|e| Failure(e.to_string()))?;
    let counted_from = start + WARM_UP;
    let drained = thread::scope(|scope| {
        let stop = Arc::new(AtomicBool::new(false));
        let (input, stopped) = (&input, Arc::clone(&stop));
        let generator =
            scope.spawn(move || generate(place, input, workload, warm, (events, per_s), due, &stopped));
        let drained = drain(&reader, &mut running, events, |id, now| {
            once(id)?;
            let due = due(id.saturating_sub(warm));
            if due >= counted_from {
                histogram.saturating_record(now.saturating_duration_since(due).as_micros() as u64);
            }
            Ok(())
        });
        stop.store(true, Ordering::Relaxed);
        let generated = generator
            .join()
            .unwrap_or_else(|_| Err(Failure("the generator panicked".into())));
        generated.map(|()| drained)
    })?;
    let others_cores = others.cores();
    let ended = running.end();
    place.kafka.delete_topic(&input);
    place.kafka.delete_topic(&output);
    let ms = |quantile: f64| histogram.value_at_quantile(quantile) as f64 / 1000.0;
    Ok(drained.and(ended).map(|_| Latency {
        system: system.name.clone(),
        per_s,
        linger_ms,
        events: histogram.len(),
        p50_ms: ms(0.5),
        p90_ms: ms(0.9),
        p99_ms: ms(0.99),
        max_ms: histogram.max() as f64 / 1000.0,
        others_cores,
    }))
}

/// Of systems at a rate. Without a linger each result is a request of its own; at high rates that measures the broker
/// alone. The generator lingers for a millisecond then, which counts for every system alike.
fn linger_ms(per_s: u64) -> u32 {
    if per_s > 5_000 { 5 } else { 0 }
}

/// Sends each event when it is due; one that is late is sent at once, and is late.
fn generate(
    place: &Place<'_>,
    topic: &str,
    workload: &Workload,
    first: u64,
    (events, per_s): (u64, u64),
    due: impl Fn(u64) -> Instant,
    stopped: &AtomicBool,
) -> Result<(), Failure> {
    let failed = |e: rdkafka::error::KafkaError| Failure(format!("send events to {topic}: {e}"));
    let mut config = topics::client(place.kafka);
    config
        .set("linger.ms", if linger_ms(per_s) > 0 { "1" } else { "0" })
        .set("enable.metrics.push", "false");
    let producer: BaseProducer = config.create().map_err(failed)?;
    let mut payload = Vec::new();
    // A millisecond's events go to one partition, the next one's to the next, as sticky partitioners do: a request for
    // each event would keep the broker busy, not the system.
    let partition = |event: u64| (event * 1000 / per_s % PARTITIONS as u64) as i32;
    for event in 0..events {
        while Instant::now() < due(event) {
            if stopped.load(Ordering::Relaxed) {
                return Ok(());
            }
            producer.poll(Duration::ZERO);
            thread::sleep(due(event).saturating_duration_since(Instant::now()));
        }
        let id = first + event;
        payload.clear();
        workload.payload(id, &mut payload);
        let mut number = itoa::Buffer::new();
        let mut record = BaseRecord::to(topic)
            .key(number.format(id))
            .payload(&payload[..])
            .partition(partition(event));
        while let Err((error, back)) = producer.send(record) {
            if error.rdkafka_error_code() != Some(RDKafkaErrorCode::QueueFull) {
                return Err(failed(error));
            }
            record = back;
            producer.poll(Duration::from_millis(1));
        }
    }
    producer.flush(PATIENCE).map_err(failed)
}

/// Takes `count` results, each with the moment it came.
fn drain(
    reader: &BaseConsumer,
    running: &mut Running,
    count: u64,
    mut take: impl FnMut(u64, Instant) -> Result<(), String>,
) -> Result<(), String> {
    let (mut read, mut since) = (0, Instant::now());
    while read < count {
        match reader.poll(Duration::from_millis(100)) {
            Some(Ok(message)) => {
                let now = Instant::now();
                let id = message
                    .key()
                    .and_then(|k| std::str::from_utf8(k).ok()?.parse().ok());
                take(id.ok_or("a result has a key that no event has")?, now)?;
                (read, since) = (read + 1, now);
            }
            Some(Err(error)) => return Err(format!("its results could not be read: {error}")),
            None => {
                if let Some(why) = running.failure() {
                    return Err(why);
                }
                if since.elapsed() > PATIENCE {
                    return Err(format!(
                        "brought no result for {PATIENCE:?}; {read} of {count} were there"
                    ));
                }
            }
        }
    }
    Ok(())
}
