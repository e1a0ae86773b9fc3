//! The schema registries beside connectors, as Prometheus reads them: what was asked, and what came of it. Read at the scrape.

use std::fmt;
use std::sync::Arc;

use forebay_connectors::registry::{Registry, RegistryStatus};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use super::table;

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
        let mut series = table::REGISTRY_REQUESTS.begin(&mut to)?;
        for (connector, status) in &all {
            for (outcome, count) in status.requests() {
                let labels = [pipeline, ("connector", connector), ("outcome", outcome)];
                series.count(&labels, count)?;
            }
        }
        let mut series = table::REGISTRY_FROM_DISK.begin(&mut to)?;
        for (connector, status) in &all {
            series.count(&[pipeline, ("connector", connector)], status.from_disk)?;
        }
        let mut series = table::REGISTRY_SCHEMAS.begin(&mut to)?;
        for (connector, status) in &all {
            series.level(&[pipeline, ("connector", connector)], status.schemas)?;
        }
        Ok(())
    }
}
