//! The one Kafka client, for every cloud: an endpoint is data, this is behaviour. One consumer and one producer per lane.

mod acknowledged;
mod admin;
mod bounds;
mod diagnose;
mod endpoint;
mod ffi;
mod group;
mod login;
mod reader;
mod settings;
mod sink;
mod source;
mod start;
#[cfg(all(test, feature = "demo"))]
mod tests;
mod traffic;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use forebay_auth::{Credentials, TokenStatus};
use forebay_core::sink::Sink;
use forebay_core::source::Source;
use forebay_core::{Error, Result};
use rdkafka::error::KafkaError;

use crate::connector::{ClientStatus, Connector, LogBounds, NewTopic, Reader, SinkSpec, SourceSpec, Start};
use crate::finding::{Finding, Needs};
use crate::registry::Registry;
pub use endpoint::{Endpoint, Patience, Tell, Wait};
pub use settings::{By, Clients, Line, Settings};

/// A topic that was created a moment ago may not be known to every broker: so long it is asked for again.
const NEWS_TRAVEL: Duration = Duration::from_secs(4);

/// A Kafka cluster.
#[derive(Debug)]
pub struct Kafka {
    endpoint: Endpoint,
}

impl Kafka {
    /// The cluster at `endpoint`; connects to nothing yet.
    pub fn new(endpoint: Endpoint) -> Self {
        Self { endpoint }
    }
}

impl Connector for Kafka {
    fn verify(&self, needs: &Needs, within: Duration) -> Result<BTreeMap<String, usize>> {
        diagnose::verify(&self.endpoint, needs, within)
    }

    fn diagnose(&self, needs: &Needs, tell: &mut dyn FnMut(Finding)) {
        diagnose::diagnose(&self.endpoint, needs, tell);
        if let Some(registry) = &self.endpoint.registry {
            tell(registry.diagnose());
        }
    }

    fn reader(&self, topic: &str, start: Start) -> Result<Box<dyn Reader>> {
        Ok(Box::new(reader::KafkaReader::open(&self.endpoint, topic, start)?))
    }

    fn bounds(&self) -> Result<Option<Box<dyn LogBounds>>> {
        Ok(Some(Box::new(bounds::KafkaBounds::open(&self.endpoint)?)))
    }

    fn create_topics(&self, topics: &[NewTopic]) -> Result<Vec<String>> {
        if let Some(why) = self.endpoint.limits.creates_no_topics {
            return Err(Error::config(format!(
                "topics cannot be created through Kafka's protocol here: {why}"
            )));
        }
        admin::create(&self.endpoint, topics)
    }

    fn token(&self) -> Option<TokenStatus> {
        match &self.endpoint.credentials {
            Credentials::Token(cell) => Some(cell.status()),
            Credentials::None | Credentials::Password { .. } => None,
        }
    }

    fn clients(&self) -> Option<ClientStatus> {
        Some(self.endpoint.traffic.status())
    }

    fn registry(&self) -> Option<Arc<Registry>> {
        self.endpoint.registry.clone()
    }

    fn source(&self, spec: &SourceSpec) -> Result<Box<dyn Source>> {
        Ok(Box::new(source::KafkaSource::open(&self.endpoint, spec)?))
    }

    fn sink(&self, spec: &SinkSpec) -> Result<Box<dyn Sink>> {
        Ok(Box::new(sink::KafkaSink::open(&self.endpoint, spec)?))
    }
}

/// A client that could not be created. The text names the setting; its value may be a secret and is left out.
fn refused(error: KafkaError) -> Error {
    match error {
        KafkaError::ClientConfig(_, reason, name, _) => Error::config("librdkafka refused a client setting")
            .with("setting", name)
            .with("reason", reason),
        other => Error::config("create a Kafka client").caused_by(other),
    }
}

/// What librdkafka is, for `--version`: its version and the features built in.
pub fn librdkafka() -> (String, String) {
    let (_, version) = rdkafka::util::get_rdkafka_version();
    let config = rdkafka::ClientConfig::new().create_native_config();
    let features = config.and_then(|c| c.get("builtin.features")).unwrap_or_default();
    (version.to_string(), features)
}

/// The version of the client library underneath.
pub fn library_version() -> String {
    rdkafka::util::get_rdkafka_version().1
}
