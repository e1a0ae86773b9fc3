//! Which models run, as Prometheus reads them.

use std::fmt;

use forebay_core::drift::ModelDigest;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use super::table;

/// Models by the numbers of their steps, from 1.
pub type Models = Vec<(usize, ModelDigest)>;

#[derive(Debug)]
pub(super) struct Collected {
    pub(super) pipeline: String,
    pub(super) models: Models,
}

impl Collector for Collected {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        if self.models.is_empty() {
            return Ok(());
        }
        let mut series = table::MODEL.begin(&mut to)?;
        for (number, model) in &self.models {
            series.info(&[
                ("pipeline", self.pipeline.as_str()),
                ("step", &number.to_string()),
                ("file", &model.path),
                ("sha256", &model.sha256),
            ])?;
        }
        Ok(())
    }
}
