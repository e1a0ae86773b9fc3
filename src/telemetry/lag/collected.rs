//! Lag, as Prometheus reads it. Partitions that are handed over vanish with the next scrape.

use std::fmt;

use forebay_core::metrics::AllMetrics;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use super::history::State;
use super::{Lagging, Lags};
use crate::telemetry::table::{self, Metric};

/// Partitions with series of their own, at most; sums and the longest lag count all.
const SHOWN: usize = 1000;

type Encoded = Result<(), fmt::Error>;
type Get = fn(&Lagging) -> f64;

static OF_PARTITIONS: &[(&Metric, Get)] = &[
    (&table::PARTITION_LAG_RECORDS, |one| one.figures.records as f64),
    (&table::PARTITION_LAG_SECONDS, |one| one.figures.seconds),
    (&table::PARTITION_DRAIN_SECONDS, |one| one.figures.drain_seconds),
];

#[derive(Debug)]
pub(in crate::telemetry) struct Collected {
    pub(in crate::telemetry) pipeline: String,
    pub(in crate::telemetry) lanes: AllMetrics,
    pub(in crate::telemetry) lags: Lags,
}

impl Collector for Collected {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> Encoded {
        let mut all = self.lags.of(&self.lanes);
        if all.is_empty() {
            return Ok(());
        }
        let mut series = table::LAG_SECONDS.begin(&mut to)?;
        for lane in 0..self.lanes.len() {
            let own = all
                .iter()
                .filter(|one| one.lane == lane)
                .map(|one| one.figures.seconds);
            if let Some(longest) = own.reduce(f64::max) {
                let lane = lane.to_string();
                series.gauge(&[("pipeline", &self.pipeline), ("lane", &lane)], longest)?;
            }
        }
        // Those that are furthest behind, where not all are shown.
        all.sort_by_key(|one| std::cmp::Reverse(one.figures.records));
        all.truncate(SHOWN);
        let named = all
            .iter()
            .map(|one| (one, one.lane.to_string(), one.partition.partition.to_string()));
        let named: Vec<_> = named.collect();
        let labels = |lane, topic, partition| {
            [
                ("pipeline", self.pipeline.as_str()),
                ("lane", lane),
                ("topic", topic),
                ("partition", partition),
            ]
        };
        for (metric, get) in OF_PARTITIONS {
            let mut series = metric.begin(&mut to)?;
            for (one, lane, partition) in &named {
                series.gauge(&labels(lane, &one.partition.topic, partition), get(one))?;
            }
        }
        let mut series = table::PARTITION_STATE.begin(&mut to)?;
        for (one, lane, partition) in &named {
            for (state, name) in State::ALL {
                let [pipeline, lane, topic, partition] = labels(lane, &one.partition.topic, partition);
                let labels = [pipeline, lane, topic, partition, ("state", name)];
                series.level(&labels, u64::from(one.figures.state == state))?;
            }
        }
        Ok(())
    }
}
