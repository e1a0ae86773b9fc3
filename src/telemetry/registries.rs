//! The schema registries beside connectors, as Prometheus reads them: what was asked, and what came of it. Read at the scrape.

use std::fmt;
use std::sync::Arc;

use forebay_connectors::registry::{Registry, RegistryStatus};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

/// Registries by the names of their connectors.
pub type Registries = Vec<(String, Arc<Registry>)>;

#[derive(Debug)]
pub(super) struct Collected {
    pub(super) pipeline: String,
    pub(super) registries: Registries,
}

impl Collector for Collected {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        if self.registries.is_empty() {
            return Ok(());
        }
        let now = |(name, registry): &(String, Arc<Registry>)| (name.clone(), registry.status());
        let all: Vec<(String, RegistryStatus)> = self.registries.iter().map(now).collect();
        let pipeline = ("pipeline", self.pipeline.as_str());
        let help = "Requests to the schema registry, by what came of them";
        let mut metric = to.encode_descriptor("schema_registry_requests", help, None, MetricType::Counter)?;
        for (connector, status) in &all {
            for (outcome, count) in status.requests() {
                let labels = [pipeline, ("connector", connector), ("outcome", outcome)];
                let mut one = metric.encode_family(&labels)?;
                one.encode_counter::<NoLabelSet, _, u64>(&count, None)?;
            }
        }
        let help = "Schemas taken from disk while the registry did not answer";
        let mut metric =
            to.encode_descriptor("schema_registry_from_disk", help, None, MetricType::Counter)?;
        for (connector, status) in &all {
            let labels = [pipeline, ("connector", connector)];
            let mut one = metric.encode_family(&labels)?;
            one.encode_counter::<NoLabelSet, _, u64>(&status.from_disk, None)?;
        }
        let help = "Schemas that are known";
        let mut metric = to.encode_descriptor("schema_registry_schemas", help, None, MetricType::Gauge)?;
        for (connector, status) in &all {
            let labels = [pipeline, ("connector", connector)];
            metric.encode_family(&labels)?.encode_gauge(&status.schemas)?;
        }
        Ok(())
    }
}
