//! What lanes counted for drift, as Prometheus reads it: counts per bin, which add up over processes, beside the reference's and the
//! limits. Scores are for recording rules: those of two processes do not add up. Read at the scrape.

use std::fmt;
use std::sync::Arc;

use forebay_core::metrics::AllMetrics;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use super::counts;
use crate::drift::{Against, Compared, Drift};
use crate::telemetry::table;

type Encoded = Result<(), fmt::Error>;

#[derive(Debug)]
pub(in crate::telemetry) struct Collected {
    pipeline: String,
    drift: Arc<Drift>,
    /// The labels of each column's bins: they are made once.
    labels: Vec<Vec<String>>,
    lanes: AllMetrics,
}

impl Collected {
    pub(in crate::telemetry) fn new(pipeline: &str, drift: Arc<Drift>, lanes: AllMetrics) -> Self {
        Self {
            pipeline: pipeline.to_owned(),
            labels: drift.columns.iter().map(|column| column.bins.labels()).collect(),
            drift,
            lanes,
        }
    }

    fn of<'a>(&'a self, column: &'a Compared, last: (&'a str, &'a str)) -> [(&'a str, &'a str); 4] {
        [
            ("pipeline", &self.pipeline),
            ("part", column.part.name()),
            ("column", &column.name),
            last,
        ]
    }

    fn rows(&self, to: &mut DescriptorEncoder<'_>) -> Encoded {
        let mut series = table::DRIFT_ROWS.begin(to)?;
        let all = counts(&self.drift, &self.lanes);
        for ((column, labels), counts) in self.drift.columns.iter().zip(&self.labels).zip(all) {
            for (label, count) in labels.iter().zip(counts) {
                series.count(&self.of(column, ("bin", label)), count)?;
            }
        }
        Ok(())
    }

    fn compared(&self) -> impl Iterator<Item = (&Compared, &Vec<String>, &Against)> {
        let columns = self.drift.columns.iter().zip(&self.labels);
        columns.filter_map(|(column, labels)| Some((column, labels, column.against.as_ref()?)))
    }

    fn reference(&self, to: &mut DescriptorEncoder<'_>) -> Encoded {
        let mut series = table::DRIFT_REFERENCE_ROWS.begin(to)?;
        for (column, labels, against) in self.compared() {
            for (label, count) in labels.iter().zip(&against.reference.counts) {
                series.level(&self.of(column, ("bin", label)), *count)?;
            }
        }
        Ok(())
    }

    fn limits(&self, to: &mut DescriptorEncoder<'_>) -> Encoded {
        let mut series = table::DRIFT_LIMIT.begin(to)?;
        for (column, _, against) in self.compared() {
            let limits = &against.limits;
            let all = [
                ("psi", Some(limits.psi)),
                ("js", Some(limits.js)),
                ("missing", Some(limits.missing)),
                ("new_categories", limits.new_categories),
            ];
            for (score, limit) in all {
                let Some(limit) = limit else { continue };
                series.gauge(&self.of(column, ("score", score)), limit)?;
            }
        }
        Ok(())
    }
}

impl Collector for Collected {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> Encoded {
        self.rows(&mut to)?;
        if self.compared().next().is_none() {
            return Ok(());
        }
        self.reference(&mut to)?;
        self.limits(&mut to)
    }
}
