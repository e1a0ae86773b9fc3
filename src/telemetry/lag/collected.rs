//! Lag, as Prometheus reads it. Partitions that are handed over vanish with the next scrape.

use std::fmt;

use forebay_core::metrics::{AllMetrics, Lag, State};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use super::Shown;
use crate::telemetry::table::{self, Metric};

type Encoded = Result<(), fmt::Error>;
type Get = fn(&Lag) -> Option<f64>;

static OF_PARTITIONS: &[(&Metric, Get)] = &[
    (&table::PARTITION_LAG_RECORDS, |lag| Some(lag.records as f64)),
    (&table::PARTITION_LAG_SECONDS, |lag| lag.seconds),
    (&table::PARTITION_DRAIN_SECONDS, |lag| lag.drain_seconds),
];

#[derive(Debug)]
pub(in crate::telemetry) struct Collected {
    pub(in crate::telemetry) pipeline: String,
    pub(in crate::telemetry) lanes: AllMetrics,
}

impl Collected {
    fn of_lanes(&self, shown: &Shown, to: &mut DescriptorEncoder<'_>) -> Encoded {
        let mut series = table::LAG_RECORDS.begin(to)?;
        for (lane, all) in shown.lanes.iter().enumerate() {
            series.level(
                &[("pipeline", &self.pipeline), ("lane", &lane.to_string())],
                all.records,
            )?;
        }
        let mut series = table::LAG_SECONDS.begin(to)?;
        for (lane, all) in shown.lanes.iter().enumerate() {
            if let Some(longest) = all.seconds {
                series.gauge(
                    &[("pipeline", &self.pipeline), ("lane", &lane.to_string())],
                    longest,
                )?;
            }
        }
        let mut series = table::LAG_MEASURED.begin(to)?;
        for (lane, metrics) in self.lanes.iter().enumerate() {
            series.gauge(
                &[("pipeline", &self.pipeline), ("lane", &lane.to_string())],
                metrics.measured.get() as f64 / 1e3,
            )?;
        }
        Ok(())
    }
}

impl Collector for Collected {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> Encoded {
        let shown = Shown::of(&self.lanes);
        self.of_lanes(&shown, &mut to)?;
        let named = shown
            .partitions
            .iter()
            .map(|(lane, one, lag)| (lane.to_string(), one, one.partition.to_string(), lag));
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
            for (lane, one, partition, lag) in &named {
                if let Some(value) = get(lag) {
                    series.gauge(&labels(lane, &one.topic, partition), value)?;
                }
            }
        }
        let mut series = table::PARTITION_STATE.begin(&mut to)?;
        for (lane, one, partition, lag) in &named {
            for state in State::ALL {
                let [pipeline, lane, topic, partition] = labels(lane, &one.topic, partition);
                let labels = [pipeline, lane, topic, partition, ("state", state.name())];
                series.level(&labels, u64::from(lag.state == state))?;
            }
        }
        Ok(())
    }
}
