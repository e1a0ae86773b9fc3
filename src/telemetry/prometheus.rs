//! What lanes count, as Prometheus reads it: every metric's exported name and help stands here, once. The counters
//! are read at the scrape; a lane knows nothing of this file.

use std::fmt;

use forebay_connectors::kafka::library_version;
use forebay_core::metrics::{AllMetrics, LaneMetrics, Snapshot, bucket_end};
use forebay_core::reject::Stage;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use super::reading::Reading;
use super::{Beside, registries, tokens};

/// The content type of [`Exporter::scrape`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

type Encoded = Result<(), fmt::Error>;
type Get = fn(&Reading<'_>) -> u64;

/// Counters with one series per lane; the format appends `_total`.
const COUNTERS: &[(&str, &str, Get)] = &[
    ("records_consumed", "Records read from the source", |r| {
        r.balance.consumed
    }),
    (
        "records_delivered",
        "Records whose result the sink confirmed",
        |r| r.balance.delivered,
    ),
    ("records_filtered", "Records that a step filtered", |r| {
        r.balance.filtered
    }),
    (
        "records_dead_lettered",
        "Records whose dead letter was confirmed",
        |r| r.balance.dead_lettered,
    ),
    (
        "records_dropped",
        "Rejects dropped because the pipeline asks for it",
        |r| r.balance.dropped,
    ),
    (
        "records_abandoned",
        "Records of partitions given up before they were confirmed; somebody reads them again",
        |r| r.balance.abandoned,
    ),
    ("batches", "Batches carried through", |r| r.lane.batches.get()),
    ("commits", "Commits acknowledged", |r| r.lane.commits.get()),
    ("revocations", "Times partitions were revoked", |r| {
        r.lane.revocations.get()
    }),
    ("lost_partitions", "Times partitions were lost", |r| {
        r.lane.lost.get()
    }),
    ("gaps", "Gaps in a partition that on_gap passed", |r| {
        r.lane.gaps.get()
    }),
    ("gap_offsets", "Offsets that gaps skipped", |r| {
        r.lane.gap_offsets.get()
    }),
    (
        "retries",
        "Times the source or a sink had to be tried again",
        |r| r.lane.retries.get(),
    ),
    (
        "waits",
        "Times a batch could not be carried yet and was kept, as while a schema registry does not answer",
        |r| r.lane.waits.get(),
    ),
    (
        "not_finite",
        "Numbers written as null because they were NaN or infinite",
        |r| r.lane.not_finite.get(),
    ),
];

/// Gauges with one series per lane.
const GAUGES: &[(&str, &str, Get)] = &[
    ("records_in_flight", "Records read and not yet settled", |r| {
        r.balance.in_flight
    }),
    ("partitions_assigned", "Partitions assigned now", |r| {
        r.lane.partitions.get()
    }),
    (
        "lag_records",
        "Records in the log behind the lane's positions",
        |r| r.lane.lag.get(),
    ),
    (
        "waiting",
        "1 while a batch waits for something outside, such as a schema registry",
        |r| r.lane.waiting.get(),
    ),
];

/// Where the time of a lane goes, in the order of [`LaneMetrics::busy`].
const BUSY: [&str; 4] = ["decode", "steps", "encode", "sink"];

/// The order of [`LaneMetrics::rejects`].
const STAGES: [Stage; 7] = [
    Stage::Decode,
    Stage::Sql,
    Stage::Lookup,
    Stage::Model,
    Stage::Encode,
    Stage::Sink,
    Stage::Schema,
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
        let mut registry = Registry::with_prefix("forebay");
        registry.register_collector(Box::new(Lanes {
            pipeline: pipeline.to_string(),
            names: (0..lanes.len()).map(|lane| lane.to_string()).collect(),
            lanes,
            build,
        }));
        registry.register_collector(Box::new(tokens::Collected {
            pipeline: pipeline.to_string(),
            tokens: beside.tokens,
        }));
        registry.register_collector(Box::new(registries::Collected {
            pipeline: pipeline.to_string(),
            registries: beside.registries,
        }));
        Self { registry }
    }

    /// The text now.
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
    build: Build,
}

impl Lanes {
    fn labels(&self, lane: usize) -> [(&str, &str); 2] {
        [("pipeline", &self.pipeline), ("lane", &self.names[lane])]
    }

    fn with(&self, lane: usize, name: &'static str, value: &'static str) -> [(&str, &str); 3] {
        let [pipeline, lane] = self.labels(lane);
        [pipeline, lane, (name, value)]
    }

    fn per_stage(
        &self,
        mut metric: MetricEncoder<'_>,
        stages: &[&'static str],
        value: impl Fn(&LaneMetrics, usize, &mut MetricEncoder<'_>) -> Encoded,
    ) -> Encoded {
        for (lane, metrics) in self.lanes.iter().enumerate() {
            for (index, stage) in stages.iter().enumerate() {
                let labels = self.with(lane, "stage", stage);
                value(metrics, index, &mut metric.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }

    fn latency(&self, mut metric: MetricEncoder<'_>) -> Encoded {
        for (lane, metrics) in self.lanes.iter().enumerate() {
            let snapshot = metrics.latency.snapshot();
            let seconds = snapshot.sum_ms as f64 / 1e3;
            let labels = self.labels(lane);
            metric.encode_family(&labels)?.encode_histogram::<NoLabelSet>(
                seconds,
                snapshot.count(),
                &fold(&snapshot),
                None,
            )?;
        }
        Ok(())
    }
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
        for (name, help, get) in COUNTERS {
            let mut metric = to.encode_descriptor(name, help, None, MetricType::Counter)?;
            for (lane, reading) in readings.iter().enumerate() {
                let labels = self.labels(lane);
                let mut one = metric.encode_family(&labels)?;
                one.encode_counter::<NoLabelSet, _, u64>(&get(reading), None)?;
            }
        }
        for (name, help, get) in GAUGES {
            let mut metric = to.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for (lane, reading) in readings.iter().enumerate() {
                metric
                    .encode_family(&self.labels(lane))?
                    .encode_gauge(&get(reading))?;
            }
        }
        let rejects = to.encode_descriptor("rejects", "Rejects by stage", None, MetricType::Counter)?;
        self.per_stage(rejects, &STAGES.map(Stage::name), |lane, i, one| {
            one.encode_counter::<NoLabelSet, _, u64>(&lane.rejects[i].get(), None)
        })?;
        let help = "Time the lane spent, by stage";
        let busy = to.encode_descriptor("busy_seconds", help, None, MetricType::Counter)?;
        self.per_stage(busy, &BUSY, |lane, i, one| {
            let seconds = lane.busy[i].get() as f64 / 1e9;
            one.encode_counter::<NoLabelSet, _, u64>(&seconds, None)
        })?;
        let help = "From the event's timestamp to its confirmed result";
        self.latency(to.encode_descriptor("latency_seconds", help, None, MetricType::Histogram)?)?;
        let labels = [
            ("version", self.build.version.as_str()),
            ("librdkafka", &self.build.librdkafka),
        ];
        to.encode_descriptor("build", "What runs here", None, MetricType::Info)?
            .encode_info(&labels)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::{Duration, UNIX_EPOCH};

    use forebay_auth::TokenStatus;

    use super::super::tokens::TokenOf;
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
            fetched: 3,
            failures: 2,
            last_error: None,
            principal: "app".into(),
            source: "a test".into(),
        };
        let token: TokenOf = Arc::new(move || Some(status.clone()));
        let none: TokenOf = Arc::new(|| None);
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
                of("expires_timestamp_seconds")
            ),
            (3.0, 2.0, 1.5)
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
        lanes[0].rejects[Stage::Model as usize].add(3);
        lanes[0].busy[2].add(1_500_000_000);
        let text = exporter(lanes).scrape().unwrap();
        let labels = "pipeline=\"sensors\",lane=\"0\",stage";
        assert_eq!(
            value(&text, &format!("forebay_rejects_total{{{labels}=\"model\"}}")),
            3.0
        );
        assert_eq!(
            value(
                &text,
                &format!("forebay_busy_seconds_total{{{labels}=\"encode\"}}")
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
