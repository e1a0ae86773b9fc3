//! Every metric's name, kind, labels and help, once: the exporter, the reference page, the rules and the dashboard take them from
//! here. Names and units by Prometheus' conventions (prometheus.io/docs/practices/naming).

use std::fmt;

use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

/// How a metric behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Counter,
    Gauge,
    Histogram,
    /// A gauge of 1 whose labels are what it says.
    Info,
}

impl Kind {
    /// As Prometheus names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::Info => "info",
        }
    }
}

/// One metric.
#[derive(Debug, PartialEq, Eq)]
pub struct Metric {
    /// As Prometheus shows it, the suffix of its kind included.
    pub name: &'static str,
    pub kind: Kind,
    pub labels: &'static [&'static str],
    pub help: &'static str,
}

/// Metrics that belong together.
#[derive(Debug)]
pub struct Section {
    pub title: &'static str,
    pub metrics: &'static [&'static Metric],
}

macro_rules! metrics {
    ($($title:literal { $($constant:ident = $kind:ident $name:literal [$($label:literal)*] $help:literal;)* })*) => {
        $($(
            pub(super) static $constant: Metric = Metric {
                name: $name,
                kind: Kind::$kind,
                labels: &[$($label),*],
                help: $help,
            };
        )*)*

        /// All of them, in the order of a scrape.
        pub static SECTIONS: &[Section] = &[$(
            Section { title: $title, metrics: &[$(&$constant),*] }
        ),*];
    };
}

metrics! {
    "Records" {
        RECORDS_CONSUMED = Counter "forebay_records_consumed_total" ["pipeline" "lane"] "Records read from the source";
        RECORDS_DELIVERED = Counter "forebay_records_delivered_total" ["pipeline" "lane"] "Records whose result the sink confirmed";
        RECORDS_FILTERED = Counter "forebay_records_filtered_total" ["pipeline" "lane"] "Records that a step filtered";
        RECORDS_DEAD_LETTERED = Counter "forebay_records_dead_lettered_total" ["pipeline" "lane"] "Records whose dead letter was confirmed";
        RECORDS_DROPPED = Counter "forebay_records_dropped_total" ["pipeline" "lane"] "Rejects dropped because the pipeline asks for it";
        RECORDS_ABANDONED = Counter "forebay_records_abandoned_total" ["pipeline" "lane"] "Records of partitions given up before they were confirmed; somebody reads them again";
        RECORDS_IN_FLIGHT = Gauge "forebay_records_in_flight" ["pipeline" "lane"] "Records read and not yet settled";
        BYTES_CONSUMED = Counter "forebay_consumed_bytes_total" ["pipeline" "lane"] "Bytes of keys, payloads and headers read from the source";
        BYTES_WRITTEN = Counter "forebay_written_bytes_total" ["pipeline" "lane"] "Bytes of results and dead letters handed to the sinks, but for what is passed on as it came";
        REJECTS = Counter "forebay_rejects_total" ["pipeline" "lane" "stage" "reason"] "Rejects by stage and reason";
        NOT_FINITE = Counter "forebay_not_finite_total" ["pipeline" "lane"] "Numbers written as null because they were NaN or infinite";
    }
    "Batches" {
        BATCHES = Counter "forebay_batches_total" ["pipeline" "lane" "closed"] "Batches by why they were not larger: full, drained (nothing more had arrived), limited (by memory, or by what may be read twice)";
        BATCH_ROWS = Histogram "forebay_batch_rows" ["pipeline" "lane"] "Records a batch";
        WAITS = Counter "forebay_waits_total" ["pipeline" "lane"] "Times a batch could not be carried yet and was kept, as while a schema registry does not answer";
        WAITING = Gauge "forebay_waiting" ["pipeline" "lane"] "1 while a batch waits for something outside, such as a schema registry";
    }
    "Time" {
        STAGE_SECONDS = Counter "forebay_stage_seconds_total" ["pipeline" "lane" "stage" "step"] "Time of the lane by stage: poll (waiting for records and reading them), decode, each step, encode, write";
        CONFIRMATION_SECONDS = Histogram "forebay_confirmation_seconds" ["pipeline" "lane"] "From handing a batch's results to the sink to their confirmation";
        LATENCY_SECONDS = Histogram "forebay_latency_seconds" ["pipeline" "lane"] "From the event's timestamp to its confirmed result";
        HEARTBEAT = Gauge "forebay_lane_heartbeat_timestamp_seconds" ["pipeline" "lane"] "When the lane last went round its loop";
    }
    "Steps and models" {
        STEP_ROWS = Counter "forebay_step_rows_total" ["pipeline" "lane" "stage" "step"] "Rows that came to a step";
        STEP_GONE = Counter "forebay_step_gone_rows_total" ["pipeline" "lane" "stage" "step"] "Rows that a step filtered or rejected";
        STEP_RUNS = Counter "forebay_step_runs_total" ["pipeline" "lane" "stage" "step"] "Batches that a step was run on";
        STEP_OPENING = Gauge "forebay_step_opening_seconds" ["pipeline" "lane" "stage" "step"] "How long it took to open a step: to load its model, above all";
        MODEL = Info "forebay_model_info" ["pipeline" "step" "file" "version" "sha256"] "Which model a step runs; version is what the file says it is of, empty where it says none";
        MODEL_NOT_FINITE = Counter "forebay_model_not_finite_total" ["pipeline" "lane" "step"] "NaN and infinite numbers among a model's results";
    }
    "Group" {
        PARTITIONS_ASSIGNED = Gauge "forebay_partitions_assigned" ["pipeline" "lane"] "Partitions assigned now";
        LAG_RECORDS = Gauge "forebay_lag_records" ["pipeline" "lane"] "Records in the log behind the lane's positions, over all its partitions";
        LAG_SECONDS = Gauge "forebay_lag_seconds" ["pipeline" "lane"] "How long the record has waited that waits longest, over the lane's partitions";
        LAG_MEASURED = Gauge "forebay_lag_measured_timestamp_seconds" ["pipeline" "lane"] "When the brokers last said where the logs end; 0 where they have not yet";
        PARTITION_LAG_RECORDS = Gauge "forebay_partition_lag_records" ["pipeline" "lane" "topic" "partition"] "Records in the log behind the position; of the 1,000 partitions of the process that are furthest behind";
        PARTITION_LAG_SECONDS = Gauge "forebay_partition_lag_seconds" ["pipeline" "lane" "topic" "partition"] "How long the first record behind the position has waited; absent where that is not known";
        PARTITION_DRAIN_SECONDS = Gauge "forebay_partition_drain_seconds" ["pipeline" "lane" "topic" "partition"] "Until all is worked off at the rates of the last minute; +Inf where it does not shrink";
        PARTITION_STATE = Gauge "forebay_partition_state" ["pipeline" "lane" "topic" "partition" "state"] "1 for the state of the partition: ok, warning, stalled, stopped or rewound";
        COMMITS = Counter "forebay_commits_total" ["pipeline" "lane"] "Commits acknowledged";
        REVOCATIONS = Counter "forebay_revocations_total" ["pipeline" "lane"] "Times partitions were revoked";
        LOST_PARTITIONS = Counter "forebay_lost_partitions_total" ["pipeline" "lane"] "Times partitions were lost";
        GAPS = Counter "forebay_gaps_total" ["pipeline" "lane"] "Gaps in a partition that on_gap passed";
        GAP_OFFSETS = Counter "forebay_gap_offsets_total" ["pipeline" "lane"] "Offsets that gaps skipped";
        RETRIES = Counter "forebay_retries_total" ["pipeline" "lane"] "Times the source or a sink had to be tried again";
        UNREACHABLE = Gauge "forebay_unreachable_seconds" ["pipeline" "lane"] "How long the source or a sink has not been reached; 0 while both are";
    }
    "Connectors" {
        TOKEN_FETCHES = Counter "forebay_token_fetches_total" ["pipeline" "connector"] "Tokens that the issuer gave";
        TOKEN_FETCH_FAILURES = Counter "forebay_token_fetch_failures_total" ["pipeline" "connector"] "Times the issuer gave none";
        TOKEN_FETCHED = Gauge "forebay_token_fetched_timestamp_seconds" ["pipeline" "connector"] "When the issuer last gave a token, in seconds since the epoch";
        TOKEN_EXPIRES = Gauge "forebay_token_expires_timestamp_seconds" ["pipeline" "connector"] "When the connector's token expires, in seconds since the epoch";
        CLIENT_CONNECTS = Counter "forebay_client_connects_total" ["pipeline" "connector"] "Connections to brokers that were made";
        CLIENT_DISCONNECTS = Counter "forebay_client_disconnects_total" ["pipeline" "connector"] "Connections to brokers that ended";
        CLIENT_TIMEOUTS = Counter "forebay_client_request_timeouts_total" ["pipeline" "connector"] "Requests that a broker did not answer in time";
        CLIENT_RETRIES = Counter "forebay_client_request_retries_total" ["pipeline" "connector"] "Requests that were sent again";
        CLIENT_THROTTLE = Gauge "forebay_client_throttle_seconds" ["pipeline" "connector"] "The longest that a broker held an answer back for a quota's sake, in the last 10 s";
        CLIENT_ROUND_TRIP = Gauge "forebay_client_round_trip_seconds" ["pipeline" "connector"] "What 99 of 100 requests took at most in the last 10 s, of the slowest broker";
        REGISTRY_REQUESTS = Counter "forebay_schema_registry_requests_total" ["pipeline" "connector" "outcome"] "Requests to the schema registry, by what came of them";
        REGISTRY_FROM_DISK = Counter "forebay_schema_registry_from_disk_total" ["pipeline" "connector"] "Schemas taken from disk while the registry did not answer";
        REGISTRY_SCHEMAS = Gauge "forebay_schema_registry_schemas" ["pipeline" "connector"] "Schemas that are known";
    }
    "Drift" {
        DRIFT_ROWS = Counter "forebay_drift_rows_total" ["pipeline" "part" "column" "bin"] "Rows by the bin that a column's value lies in; (missing) and (not finite) are no part of the distribution";
        DRIFT_REFERENCE_ROWS = Gauge "forebay_drift_reference_rows" ["pipeline" "part" "column" "bin"] "Rows of the baseline by bin";
        DRIFT_LIMIT = Gauge "forebay_drift_limit" ["pipeline" "part" "column" "score"] "The score above which a column drifts";
    }
    "Process" {
        BUILD = Info "forebay_build_info" ["version" "librdkafka"] "What runs here";
        PROCESS_CPU = Counter "process_cpu_seconds_total" [] "User and system time of the process";
        PROCESS_RESIDENT = Gauge "process_resident_memory_bytes" [] "Memory of the process that is in RAM";
        PROCESS_VIRTUAL = Gauge "process_virtual_memory_bytes" [] "Address space of the process";
        PROCESS_THREADS = Gauge "process_threads" [] "Threads of the process";
        PROCESS_OPEN_FDS = Gauge "process_open_fds" [] "Open file descriptors of the process";
        PROCESS_START = Gauge "process_start_time_seconds" [] "When the process started, in seconds since the epoch";
    }
}

/// Every metric.
pub fn all() -> impl Iterator<Item = &'static Metric> {
    SECTIONS
        .iter()
        .flat_map(|section| section.metrics.iter().copied())
}

type Encoded = Result<(), fmt::Error>;
type Labels<'l> = &'l [(&'l str, &'l str)];

impl Metric {
    /// Begins it in a scrape; its series follow.
    pub(super) fn begin<'s>(&'s self, to: &'s mut DescriptorEncoder<'_>) -> Result<Series<'s>, fmt::Error> {
        let kind = match self.kind {
            Kind::Counter => MetricType::Counter,
            Kind::Gauge => MetricType::Gauge,
            Kind::Histogram => MetricType::Histogram,
            Kind::Info => MetricType::Info,
        };
        // The format appends the suffixes itself.
        let name = self.name.strip_suffix("_total").unwrap_or(self.name);
        let name = name.strip_suffix("_info").unwrap_or(name);
        Ok(Series {
            encoder: to.encode_descriptor(name, self.help, None, kind)?,
            metric: self,
        })
    }
}

/// The series of one metric.
pub(super) struct Series<'s> {
    encoder: MetricEncoder<'s>,
    metric: &'s Metric,
}

impl Series<'_> {
    fn check(&self, labels: Labels<'_>) {
        debug_assert!(
            labels.iter().map(|(name, _)| name).eq(self.metric.labels),
            "{} has the labels {:?}",
            self.metric.name,
            self.metric.labels
        );
    }

    pub(super) fn count(&mut self, labels: Labels<'_>, value: u64) -> Encoded {
        self.check(labels);
        let mut series = self.encoder.encode_family(&labels)?;
        series.encode_counter::<NoLabelSet, _, u64>(&value, None)
    }

    pub(super) fn seconds(&mut self, labels: Labels<'_>, value: f64) -> Encoded {
        self.check(labels);
        let mut series = self.encoder.encode_family(&labels)?;
        series.encode_counter::<NoLabelSet, _, u64>(&value, None)
    }

    pub(super) fn level(&mut self, labels: Labels<'_>, value: u64) -> Encoded {
        self.check(labels);
        self.encoder.encode_family(&labels)?.encode_gauge(&value)
    }

    pub(super) fn gauge(&mut self, labels: Labels<'_>, value: f64) -> Encoded {
        self.check(labels);
        self.encoder.encode_family(&labels)?.encode_gauge(&value)
    }

    /// `buckets` are upper ends and what lies in each, not cumulative; the last end is infinite.
    pub(super) fn histogram(&mut self, labels: Labels<'_>, sum: f64, buckets: &[(f64, u64)]) -> Encoded {
        self.check(labels);
        let count = buckets.iter().map(|(_, n)| n).sum();
        let mut series = self.encoder.encode_family(&labels)?;
        series.encode_histogram::<NoLabelSet>(sum, count, buckets, None)
    }

    pub(super) fn info(&mut self, labels: Labels<'_>) -> Encoded {
        self.check(labels);
        self.encoder.encode_info(&labels)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_follow_the_conventions_and_stand_once() {
        let mut seen = BTreeSet::new();
        for metric in all() {
            let name = metric.name;
            assert!(seen.insert(name), "{name} stands twice");
            assert!(
                name.starts_with("forebay_") || name.starts_with("process_"),
                "{name}"
            );
            assert_eq!(name.ends_with("_total"), metric.kind == Kind::Counter, "{name}");
            assert_eq!(name.ends_with("_info"), metric.kind == Kind::Info, "{name}");
            for unit in ["_ms", "_millis", "_minutes", "_kb", "_mb", "_percent"] {
                assert!(!name.trim_end_matches("_total").ends_with(unit), "{name}");
            }
            assert!(!metric.help.ends_with('.') && !metric.help.is_empty(), "{name}");
        }
    }
}
