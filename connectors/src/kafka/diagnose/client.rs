//! A client that listens to what librdkafka says of its connections: the one step that uses the credentials.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use forebay_auth::Subscription;
use forebay_core::Result;
use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::metadata::Metadata;

use crate::kafka::endpoint::Endpoint;
use crate::kafka::login::subscribe;
use crate::kafka::refused;

/// Keeps what was said; the lines of its log are about what is being looked into, and not repeated.
#[derive(Debug, Default)]
pub(in crate::kafka) struct Listener {
    heard: Mutex<Vec<(Code, String)>>,
}

impl ClientContext for Listener {
    fn log(&self, _level: RDKafkaLogLevel, _facility: &str, text: &str) {
        tracing::debug!(target: "librdkafka", "{text}");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(code) = error.rdkafka_error_code() {
            heard.push((code, reason.to_owned()));
        }
    }
}

impl ConsumerContext for Listener {}

/// A client without a group.
pub(in crate::kafka) struct Probe {
    // Before the client: it holds its handle.
    _token: Option<Subscription>,
    pub(in crate::kafka) client: BaseConsumer<Listener>,
}

/// What a client got to know.
pub(in crate::kafka) enum Answer {
    Cluster(Metadata),
    /// The brokers refuse these credentials, in their words.
    Refused(String),
    /// Nothing, until the time was over; what was said last.
    Silence(Option<Said>),
}

/// What librdkafka said of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::kafka) struct Said {
    /// The address, where it is a broker's own and not one of `bootstrap`.
    pub(in crate::kafka) broker: Option<String>,
    pub(in crate::kafka) text: String,
}

/// Between two looks at what was said.
const LOOK: Duration = Duration::from_millis(250);

impl Probe {
    pub(in crate::kafka) fn open(endpoint: &Endpoint) -> Result<Self> {
        let client = endpoint.probe().create_with_context(Listener::default());
        let client: BaseConsumer<Listener> = client.map_err(refused)?;
        Ok(Self {
            _token: subscribe(&endpoint.credentials, client.client())?,
            client,
        })
    }

    /// Asks for the cluster, or for one topic of it.
    pub(in crate::kafka) fn metadata(&self, topic: Option<&str>, until: Instant) -> Answer {
        loop {
            if let Ok(metadata) = self.client.fetch_metadata(topic, LOOK) {
                return Answer::Cluster(metadata);
            }
            // Errors come with a poll.
            drop(self.client.poll(Duration::ZERO));
            let mut heard = self
                .client
                .context()
                .heard
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            if let Some((_, reason)) = heard.iter().find(|(code, _)| *code == Code::Authentication) {
                return Answer::Refused(Said::of(reason).text);
            }
            if Instant::now() >= until {
                let telling = heard.iter().rev().find(|(code, _)| *code != Code::AllBrokersDown);
                return Answer::Silence(telling.map(|(_, reason)| Said::of(reason)));
            }
            let surplus = heard.len().saturating_sub(16);
            heard.drain(..surplus);
        }
    }
}

impl Said {
    /// From `PROTOCOL://HOST:PORT/bootstrap: TEXT (after ..)` or, of a broker that the cluster has named,
    /// `HOST:PORT/ID: TEXT (after ..)`.
    fn of(reason: &str) -> Self {
        let text = reason.split_once("]: ").map_or(reason, |(_, text)| text);
        let (front, text) = text.split_once(": ").unwrap_or(("", text));
        let place = front.split_once("://").map_or(front, |(_, place)| place);
        let (address, id) = place.rsplit_once('/').unwrap_or(("", ""));
        let is_place = address.contains(':');
        let named = is_place && id != "bootstrap";
        let text = if is_place || front.is_empty() {
            text
        } else {
            reason
        };
        let text = text.split_once(" (after ").map_or(text, |(text, _)| text);
        Self {
            broker: named.then(|| address.to_owned()),
            text: text.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_between_address_and_time_are_kept() {
        for (reason, broker, text) in [
            (
                "sasl_ssl://localhost:9093/bootstrap: SASL authentication error: no (after 12ms in state AUTH_REQ)",
                None,
                "SASL authentication error: no",
            ),
            (
                "[thrd:ssl://b:1/bootstrap]: ssl://b:1/bootstrap: refused (after 1ms in state CONNECT)",
                None,
                "refused",
            ),
            (
                "localhost:1/3: Connect failed: refused (after 0ms)",
                Some("localhost:1"),
                "Connect failed: refused",
            ),
            ("sasl_ssl://b:9/2: closed", Some("b:9"), "closed"),
            ("1/1 brokers are down: all", None, "1/1 brokers are down: all"),
            ("as it is", None, "as it is"),
        ] {
            let said = Said::of(reason);
            assert_eq!((said.broker.as_deref(), said.text.as_str()), (broker, text));
        }
    }
}
