//! What lanes count, as Prometheus reads it. The counters are read at the scrape; a lane knows nothing of this file.

use std::fmt;

use forebay_connectors::kafka::library_version;
use forebay_core::metrics::{
    AllMetrics, Closed, Count, LaneMetrics, Latency, Snapshot, StepMetrics, bucket_end,
};
use forebay_core::reject::Stage;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

use super::reading::Reading;
use super::table::{self, Metric};
use super::{Beside, connectors, drift, lag, liveness, models, process, readiness, registries};

/// The content type of [`Exporter::scrape`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

type Encoded = Result<(), fmt::Error>;
type Get = fn(&Reading<'_>) -> u64;
type GetOfStep = fn(&StepMetrics) -> u64;

/// Counters with one series per lane.
static COUNTERS: &[(&Metric, Get)] = &[
    (&table::RECORDS_CONSUMED, |r| r.balance.consumed),
    (&table::RECORDS_DELIVERED, |r| r.balance.delivered),
    (&table::RECORDS_FILTERED, |r| r.balance.filtered),
    (&table::RECORDS_DEAD_LETTERED, |r| r.balance.dead_lettered),
    (&table::RECORDS_DROPPED, |r| r.balance.dropped),
    (&table::RECORDS_ABANDONED, |r| r.balance.abandoned),
    (&table::BYTES_CONSUMED, |r| r.lane.bytes_consumed.get()),
    (&table::BYTES_WRITTEN, |r| r.lane.bytes_written.get()),
    (&table::NOT_FINITE, |r| r.lane.not_finite.get()),
    (&table::WAITS, |r| r.lane.waits.get()),
    (&table::COMMITS, |r| r.lane.commits.get()),
    (&table::REVOCATIONS, |r| r.lane.revocations.get()),
    (&table::LOST_PARTITIONS, |r| r.lane.lost.get()),
    (&table::GAPS, |r| r.lane.gaps.get()),
    (&table::GAP_OFFSETS, |r| r.lane.gap_offsets.get()),
    (&table::RETRIES, |r| r.lane.retries.get()),
];

/// Gauges with one series per lane.
static GAUGES: &[(&Metric, Get)] = &[
    (&table::RECORDS_IN_FLIGHT, |r| r.balance.in_flight),
    (&table::WAITING, |r| r.lane.waiting.get()),
    (&table::PARTITIONS_ASSIGNED, |r| r.lane.partitions.get()),
];

/// Counters with one series per step.
static STEPS: &[(&Metric, GetOfStep)] = &[
    (&table::STEP_ROWS, |step| step.rows.get()),
    (&table::STEP_GONE, |step| step.gone.get()),
    (&table::STEP_RUNS, |step| step.runs.get()),
];

/// The upper ends of the latency's buckets are powers of two, 1 ms to 524 s: a [`Snapshot`]'s buckets fold into them
/// without splitting one.
const LATENCY_BUCKETS: u32 = 20;

/// What was built, for `forebay_build_info`.
#[derive(Clone, Debug)]
pub struct Build {
    pub version: String,
    pub librdkafka: String,
}

impl Build {
    /// This program.
    pub fn this() -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").into(),
            librdkafka: library_version(),
        }
    }
}

/// Turns the metrics of all lanes into the text of a scrape.
#[derive(Debug)]
pub struct Exporter {
    registry: Registry,
}

impl Exporter {
    /// Lanes are labelled by their place in `lanes`.
    pub fn new(pipeline: &str, lanes: AllMetrics, beside: Beside, build: Build) -> Self {
        let mut registry = Registry::default();
        if let Some(compared) = beside.drift {
            registry.register_collector(Box::new(drift::Collected::new(pipeline, compared, lanes.clone())));
        }
        registry.register_collector(Box::new(lag::Collected {
            pipeline: pipeline.to_string(),
            lanes: lanes.clone(),
        }));
        registry.register_collector(Box::new(Lanes {
            pipeline: pipeline.to_string(),
            names: (0..lanes.len()).map(|lane| lane.to_string()).collect(),
            lanes,
        }));
        registry.register_collector(Box::new(connectors::Collected {
            pipeline: pipeline.to_string(),
            connectors: beside.tokens,
        }));
        registry.register_collector(Box::new(connectors::Collected {
            pipeline: pipeline.to_string(),
            connectors: beside.clients,
        }));
        registry.register_collector(Box::new(registries::Collected {
            pipeline: pipeline.to_string(),
            registries: beside.registries,
        }));
        registry.register_collector(Box::new(models::Collected {
            pipeline: pipeline.to_string(),
            models: beside.models,
        }));
        registry.register_collector(Box::new(process::Collected { build }));
        Self { registry }
    }

    /// The text now, as OpenMetrics.
    pub fn scrape(&self) -> Result<String, fmt::Error> {
        let mut text = String::with_capacity(16 * 1024);
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

#[derive(Debug)]
struct Lanes {
    pipeline: String,
    names: Vec<String>,
    lanes: AllMetrics,
}

impl Lanes {
    fn labels(&self, lane: usize) -> [(&str, &str); 2] {
        [("pipeline", &self.pipeline), ("lane", &self.names[lane])]
    }

    fn with<'l, const N: usize>(
        &'l self,
        lane: usize,
        more: [(&'l str, &'l str); N],
    ) -> Vec<(&'l str, &'l str)> {
        self.labels(lane).into_iter().chain(more).collect()
    }

    /// Each lane's steps by their place in the pipeline file, from 1.
    fn steps(&self) -> impl Iterator<Item = (usize, String, &StepMetrics)> {
        self.lanes.iter().enumerate().flat_map(|(lane, metrics)| {
            let steps = metrics.steps.get().into_iter().flatten().enumerate();
            steps.map(move |(nth, step)| (lane, (nth + 1).to_string(), &**step))
        })
    }

    fn rejects(&self, to: &mut DescriptorEncoder<'_>) -> Encoded {
        let mut series = table::REJECTS.begin(to)?;
        for (lane, metrics) in self.lanes.iter().enumerate() {
            for (stage, reason, count) in metrics.rejects.all() {
                let labels = self.with(lane, [("stage", stage.name()), ("reason", reason)]);
                series.count(&labels, count)?;
            }
        }
        Ok(())
    }

    fn batches(&self, to: &mut DescriptorEncoder<'_>) -> Encoded {
        let mut series = table::BATCHES.begin(to)?;
        for (lane, metrics) in self.lanes.iter().enumerate() {
            for (why, count) in Closed::NAMES.into_iter().zip(&metrics.closed) {
                series.count(&self.with(lane, [("closed", why)]), count.get())?;
            }
        }
        let mut series = table::BATCH_ROWS.begin(to)?;
        for (lane, metrics) in self.lanes.iter().enumerate() {
            let mut buckets: Vec<(f64, u64)> =
                metrics.batch_rows.iter().enumerate().map(rows_bucket).collect();
            if let Some(last) = buckets.last_mut() {
                last.0 = f64::INFINITY;
            }
            series.histogram(&self.labels(lane), metrics.consumed.get() as f64, &buckets)?;
        }
        Ok(())
    }

    fn stages(&self, to: &mut DescriptorEncoder<'_>) -> Encoded {
        let mut series = table::STAGE_SECONDS.begin(to)?;
        for (lane, metrics) in self.lanes.iter().enumerate() {
            let around = [
                ("poll", &metrics.polling),
                ("decode", &metrics.decoding),
                ("encode", &metrics.encoding),
                ("write", &metrics.writing),
            ];
            for (stage, nanos) in around {
                let labels = self.with(lane, [("stage", stage), ("step", "")]);
                series.seconds(&labels, nanos.get() as f64 / 1e9)?;
            }
        }
        for (lane, nth, step) in self.steps() {
            let labels = self.with(lane, [("stage", step.stage.name()), ("step", &nth)]);
            series.seconds(&labels, step.busy.get() as f64 / 1e9)?;
        }
        for (metric, get) in STEPS {
            let mut series = metric.begin(to)?;
            for (lane, nth, step) in self.steps() {
                let labels = self.with(lane, [("stage", step.stage.name()), ("step", &nth)]);
                series.count(&labels, get(step))?;
            }
        }
        let mut series = table::STEP_OPENING.begin(to)?;
        for (lane, nth, step) in self.steps() {
            let labels = self.with(lane, [("stage", step.stage.name()), ("step", &nth)]);
            series.gauge(&labels, step.opening.get() as f64 / 1e9)?;
        }
        let mut series = table::MODEL_NOT_FINITE.begin(to)?;
        for (lane, nth, step) in self.steps().filter(|(_, _, step)| step.stage == Stage::Model) {
            series.count(&self.with(lane, [("step", &nth)]), step.not_finite.get())?;
        }
        Ok(())
    }

    fn times(&self, to: &mut DescriptorEncoder<'_>) -> Encoded {
        type Of = fn(&LaneMetrics) -> &Latency;
        let all: [(&Metric, Of); 2] = [
            (&table::CONFIRMATION_SECONDS, |lane| &lane.confirmation),
            (&table::LATENCY_SECONDS, |lane| &lane.latency),
        ];
        for (metric, of) in all {
            let mut series = metric.begin(to)?;
            for (lane, metrics) in self.lanes.iter().enumerate() {
                let snapshot = of(metrics).snapshot();
                let seconds = snapshot.sum_ms as f64 / 1e3;
                series.histogram(&self.labels(lane), seconds, &fold(&snapshot))?;
            }
        }
        let mut series = table::HEARTBEAT.begin(to)?;
        for (lane, metrics) in self.lanes.iter().enumerate() {
            series.gauge(&self.labels(lane), metrics.heartbeat.get() as f64 / 1e3)?;
        }
        let mut series = table::UNREACHABLE.begin(to)?;
        let now = liveness::now_ms();
        for (lane, metrics) in self.lanes.iter().enumerate() {
            let silent = readiness::unreachable_for(metrics, now);
            series.gauge(&self.labels(lane), silent.as_secs_f64())?;
        }
        Ok(())
    }
}

fn rows_bucket((bucket, count): (usize, &Count)) -> (f64, u64) {
    ((1_u64 << bucket) as f64, count.get())
}

/// The counts per exported bucket, not cumulative: the encoder adds up.
fn fold(snapshot: &Snapshot) -> Vec<(f64, u64)> {
    let mut ends: Vec<u64> = (0..LATENCY_BUCKETS).map(|i| 1 << i).collect();
    ends.push(u64::MAX);
    let mut buckets: Vec<(f64, u64)> = ends.iter().map(|end| (*end as f64 / 1e3, 0)).collect();
    if let Some(last) = buckets.last_mut() {
        last.0 = f64::INFINITY;
    }
    for (bucket, n) in snapshot.counts.iter().enumerate() {
        let at = ends.partition_point(|end| *end < bucket_end(bucket));
        buckets[at].1 += n;
    }
    buckets
}

impl Collector for Lanes {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> Encoded {
        let readings: Vec<Reading<'_>> = self.lanes.iter().map(|lane| Reading::of(lane)).collect();
        for (metric, get) in COUNTERS {
            let mut series = metric.begin(&mut to)?;
            for (lane, reading) in readings.iter().enumerate() {
                series.count(&self.labels(lane), get(reading))?;
            }
        }
        for (metric, get) in GAUGES {
            let mut series = metric.begin(&mut to)?;
            for (lane, reading) in readings.iter().enumerate() {
                series.level(&self.labels(lane), get(reading))?;
            }
        }
        self.rejects(&mut to)?;
        self.batches(&mut to)?;
        self.stages(&mut to)?;
        self.times(&mut to)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::{Duration, UNIX_EPOCH};

    use forebay_auth::TokenStatus;
    use forebay_core::reject::Reject;

    use super::super::connectors::Now;
    use super::*;

    fn exporter(lanes: AllMetrics) -> Exporter {
        let build = Build {
            version: "1".into(),
            librdkafka: "2".into(),
        };
        Exporter::new("sensors", lanes, Beside::default(), build)
    }

    #[test]
    fn a_token_tells_when_it_expires_and_how_its_issuer_answers() {
        let status = TokenStatus {
            expires_at: UNIX_EPOCH + Duration::from_millis(1_500),
            fetched_at: UNIX_EPOCH + Duration::from_millis(500),
            fetched: 3,
            failures: 2,
            last_error: None,
            principal: "app".into(),
            source: "a test".into(),
        };
        let token: Now<TokenStatus> = Arc::new(move || Some(status.clone()));
        let none: Now<TokenStatus> = Arc::new(|| None);
        let tokens = vec![("aws".to_owned(), token), ("local".to_owned(), none)];
        let beside = Beside {
            tokens,
            ..Beside::default()
        };
        let text = Exporter::new("sensors", Vec::new(), beside, Build::this())
            .scrape()
            .unwrap();
        let of = |name: &str| {
            value(
                &text,
                &format!("forebay_token_{name}{{pipeline=\"sensors\",connector=\"aws\"}}"),
            )
        };
        assert_eq!(
            (
                of("fetches_total"),
                of("fetch_failures_total"),
                of("fetched_timestamp_seconds"),
                of("expires_timestamp_seconds")
            ),
            (3.0, 2.0, 0.5, 1.5)
        );
        assert!(!text.contains("connector=\"local\""), "{text}");
    }

    fn value(text: &str, series: &str) -> f64 {
        let line = text
            .lines()
            .find(|line| line.strip_prefix(series).is_some_and(|l| l.starts_with(' ')));
        let line = line.unwrap_or_else(|| panic!("no {series} in\n{text}"));
        line[series.len()..].trim().parse().unwrap()
    }

    #[test]
    fn quotes_lines_and_backslashes_in_names_stay_within_their_label() {
        let text = Exporter::new(
            "a\"b\\c\nd",
            vec![Arc::default()],
            Beside::default(),
            Build::this(),
        )
        .scrape()
        .unwrap();
        let series = r#"forebay_records_consumed_total{pipeline="a\"b\\c\nd",lane="0"}"#;
        assert_eq!(value(&text, series).to_bits(), 0.0_f64.to_bits());
        let strange = |line: &&str| !line.starts_with(['#', 'f', 'p']);
        assert_eq!(text.lines().find(strange), None);
    }

    #[test]
    fn the_balance_can_be_computed_from_a_scrape_of_every_lane() {
        let lanes: AllMetrics = vec![Arc::default(), Arc::default()];
        let m = &lanes[1];
        m.consumed.add(21);
        let parts = [
            &m.delivered,
            &m.filtered,
            &m.dead_lettered,
            &m.dropped,
            &m.abandoned,
            &m.in_flight,
        ];
        for (i, part) in parts.iter().enumerate() {
            part.add(1 + i as u64);
        }
        let text = exporter(lanes).scrape().unwrap();
        let of = |name: &str| {
            value(
                &text,
                &format!("forebay_records_{name}{{pipeline=\"sensors\",lane=\"1\"}}"),
            )
        };
        let settled = [
            "delivered_total",
            "filtered_total",
            "dead_lettered_total",
            "dropped_total",
            "abandoned_total",
        ];
        let settled: f64 = settled.iter().map(|name| of(name)).sum();
        assert_eq!(
            (of("consumed_total"), settled, of("in_flight")),
            (21.0, 15.0, 6.0)
        );
        assert_eq!(
            value(
                &text,
                "forebay_records_consumed_total{pipeline=\"sensors\",lane=\"0\"}"
            ),
            0.0
        );
    }

    #[test]
    fn stages_times_and_the_build_have_their_labels() {
        let lanes: AllMetrics = vec![Arc::default()];
        for record in 0..3 {
            lanes[0].rejects.count(
                &Reject {
                    record,
                    stage: Stage::Model,
                    cause: "null in front of a tensor",
                    reason: "of one record".into(),
                },
                0,
            );
        }
        lanes[0].encoding.add(1_500_000_000);
        let text = exporter(lanes).scrape().unwrap();
        let labels = "pipeline=\"sensors\",lane=\"0\",stage";
        assert_eq!(
            value(
                &text,
                &format!("forebay_rejects_total{{{labels}=\"model\",reason=\"null in front of a tensor\"}}")
            ),
            3.0
        );
        assert_eq!(
            value(
                &text,
                &format!("forebay_stage_seconds_total{{{labels}=\"encode\",step=\"\"}}")
            ),
            1.5
        );
        assert_eq!(
            value(&text, "forebay_build_info{version=\"1\",librdkafka=\"2\"}"),
            1.0
        );
        assert!(text.ends_with("# EOF\n"), "{text}");
    }

    #[test]
    fn latency_is_a_cumulative_histogram_in_seconds_that_keeps_every_observation() {
        let lanes: AllMetrics = vec![Arc::default()];
        for millis in [0, 1, 3, 4, 7, 8, 1023, 1024, 900_000] {
            lanes[0].latency.observe(millis);
        }
        let text = exporter(lanes).scrape().unwrap();
        let upto = |le: &str| {
            value(
                &text,
                &format!("forebay_latency_seconds_bucket{{le=\"{le}\",pipeline=\"sensors\",lane=\"0\"}}"),
            )
        };
        let bounds = [
            "0.001", "0.002", "0.004", "0.008", "0.016", "1.024", "2.048", "524.288", "+Inf",
        ];
        assert_eq!(bounds.map(upto), [1.0, 2.0, 3.0, 5.0, 6.0, 7.0, 8.0, 8.0, 9.0]);
        let labels = "{pipeline=\"sensors\",lane=\"0\"}";
        assert_eq!(
            value(&text, &format!("forebay_latency_seconds_count{labels}")),
            9.0
        );
        assert_eq!(
            value(&text, &format!("forebay_latency_seconds_sum{labels}")),
            902.07
        );
    }
}
