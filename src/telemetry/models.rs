//! Which models run, as Prometheus reads them.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use super::table;
use crate::digest::Model;

#[derive(Debug)]
pub(super) struct Collected {
    pub(super) pipeline: String,
    pub(super) models: Vec<Model>,
}

impl Collector for Collected {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        if self.models.is_empty() {
            return Ok(());
        }
        let mut series = table::MODEL.begin(&mut to)?;
        for model in &self.models {
            let version = model.version.map(|version| version.to_string());
            series.info(&[
                ("pipeline", self.pipeline.as_str()),
                ("step", &model.step.to_string()),
                ("file", &model.file.path),
                ("version", version.as_deref().unwrap_or_default()),
                ("sha256", &model.file.sha256),
            ])?;
        }
        Ok(())
    }
}
