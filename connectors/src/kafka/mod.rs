//! The one Kafka client, for every cloud: an endpoint is data, this is behaviour. One consumer and one producer per lane.

mod endpoint;
mod ffi;
mod group;
mod login;
mod sink;
mod source;
mod start;
#[cfg(all(test, feature = "demo"))]
mod tests;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use forebay_core::sink::Sink;
use forebay_core::source::Source;
use forebay_core::{Error, Result};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::connector::{Connector, SinkSpec, SourceSpec};
pub use crate::self_hosted::OWNED;
pub use endpoint::Endpoint;

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

    fn partitions(&self, probe: &BaseConsumer, topic: &str, until: Instant) -> Result<usize> {
        let bootstrap = self.endpoint.bootstrap.join(",");
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let metadata = probe.fetch_metadata(Some(topic), left.max(Duration::from_millis(1)));
            let found = metadata
                .as_ref()
                .ok()
                .and_then(|m| m.topics().iter().find(|t| t.name() == topic));
            let error = match (&metadata, found) {
                (Err(error), _) => {
                    return Err(Error::fatal(
                        "no broker answered; check the address, the network and that the listener is plaintext",
                    )
                    .with("bootstrap", &bootstrap)
                    .with("topic", topic)
                    .caused_by(error.clone()));
                }
                (Ok(_), Some(topic)) => match topic.error() {
                    None if !topic.partitions().is_empty() => return Ok(topic.partitions().len()),
                    error => error.map(RDKafkaErrorCode::from),
                },
                (Ok(_), None) => None,
            };
            // A topic that was created a moment ago may have no leader yet.
            let passing = matches!(error, None | Some(RDKafkaErrorCode::LeaderNotAvailable));
            if !passing || Instant::now() + RETRY >= until {
                let cause = error.map_or_else(|| "it has no partitions yet".to_string(), |e| e.to_string());
                return Err(Error::fatal(
                    "the topic cannot be used; create it first, or correct its name: Forebay creates none",
                )
                .with("topic", topic)
                .with("bootstrap", &bootstrap)
                .with("found", cause));
            }
            std::thread::sleep(RETRY);
        }
    }
}

/// Between two questions for a topic without a leader.
const RETRY: Duration = Duration::from_millis(100);

impl Connector for Kafka {
    fn verify(&self, topics: &[String], within: Duration) -> Result<BTreeMap<String, usize>> {
        let until = Instant::now() + within;
        let probe: BaseConsumer = self.endpoint.probe().create().map_err(refused)?;
        topics
            .iter()
            .map(|topic| Ok((topic.clone(), self.partitions(&probe, topic, until)?)))
            .collect()
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
