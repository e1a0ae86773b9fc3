//! One attempt of a client: what came of it, or what librdkafka said first.

use std::fmt::Debug;
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use rdkafka::client::OAuthToken;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::message::{DeliveryResult, Message as _};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};
use rdkafka::{ClientConfig, ClientContext, Offset, TopicPartitionList};

use super::WITHIN;

/// What a client was told about itself, and its token where it has one.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    token: Option<(String, i64)>,
    errors: Mutex<Vec<String>>,
    delivered: OnceLock<Result<(), String>>,
}

impl Seen {
    fn note(&self, what: String) {
        self.errors.lock().expect("the errors").push(what);
    }

    pub(crate) fn errors(&self) -> Result<(), String> {
        let errors = self.errors.lock().expect("the errors");
        if errors.is_empty() {
            Ok(())
        } else {
            Err(errors.join("\n"))
        }
    }
}

impl ClientContext for Seen {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn error(&self, error: KafkaError, reason: &str) {
        self.note(format!("{error:?} {reason}"));
    }

    fn generate_oauth_token(&self, _: Option<&str>) -> Result<OAuthToken, Box<dyn std::error::Error>> {
        let (token, lifetime_ms) = self.token.clone().ok_or("no token")?;
        Ok(OAuthToken {
            token,
            principal_name: "ignored".into(),
            lifetime_ms,
        })
    }
}

impl ProducerContext for Seen {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let result = result
            .as_ref()
            .map(|_| ())
            .map_err(|(error, _)| format!("{error:?}"));
        self.delivered.set(result).expect("one delivery");
    }
}

impl ConsumerContext for Seen {}

pub(crate) fn producer(
    config: &ClientConfig,
    token: Option<(String, i64)>,
) -> Result<BaseProducer<Seen>, String> {
    let seen = Seen {
        token,
        ..Seen::default()
    };
    config.create_with_context(seen).map_err(text)
}

/// Writes a record; fails with what librdkafka says first.
pub(crate) fn write(config: &ClientConfig, token: Option<(String, i64)>, topic: &str) -> Result<(), String> {
    let producer = producer(config, token)?;
    producer
        .send(BaseRecord::<(), str>::to(topic).payload("written"))
        .map_err(|(error, _)| text(error))?;
    let until = Instant::now() + WITHIN;
    while Instant::now() < until {
        producer.poll(Duration::from_millis(10));
        let seen = producer.context();
        if let Some(result) = seen.delivered.get() {
            return result.clone();
        }
        seen.errors()?;
    }
    Err(format!("no answer within {WITHIN:?}"))
}

/// Reads the first record of partition 0; fails with what librdkafka says first.
pub(crate) fn read(
    config: &ClientConfig,
    token: Option<(String, i64)>,
    topic: &str,
) -> Result<String, String> {
    let seen = Seen {
        token,
        ..Seen::default()
    };
    let consumer: BaseConsumer<Seen> = config.create_with_context(seen).map_err(text)?;
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, 0, Offset::Beginning)
        .map_err(text)?;
    consumer.assign(&list).map_err(text)?;
    let until = Instant::now() + WITHIN;
    while Instant::now() < until {
        match consumer.poll(Duration::from_millis(10)) {
            Some(Ok(record)) => {
                return Ok(String::from_utf8_lossy(record.payload().unwrap_or_default()).into());
            }
            Some(Err(error)) => return Err(text(error)),
            None => consumer.context().errors()?,
        }
    }
    Err(format!("no record within {WITHIN:?}"))
}

fn text(error: impl Debug) -> String {
    format!("{error:?}")
}
