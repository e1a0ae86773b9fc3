//! Clouds on loopback: a real Kafka with a cloud's listeners and mechanisms over TLS, and the services around it. One
//! file or folder per cloud; what a cloud's services say is theirs alone.

mod confluent;
mod event_hubs;
mod google;
mod msk;
mod random;
pub(crate) mod time;

use std::fmt;
use std::time::Duration;

use crate::{Kafka, KafkaBuilder, Listener};

pub use confluent::ConfluentCloud;
pub use event_hubs::EventHubs;
pub use google::GoogleKafka;
pub use msk::{Account, Msk, StsCall};

/// A stand-in to be described.
pub struct CloudBuilder<C> {
    kafka: KafkaBuilder,
    reauthenticate: Option<Duration>,
    start: fn(Plan) -> C,
}

/// What a stand-in is made of.
pub(crate) struct Plan {
    pub(crate) kafka: KafkaBuilder,
    reauthenticate: Option<Duration>,
}

impl<C> CloudBuilder<C> {
    pub(crate) fn new(start: fn(Plan) -> C) -> Self {
        Self {
            kafka: Kafka::builder(),
            reauthenticate: None,
            start,
        }
    }

    /// Changes the cluster under the stand-in: its nodes, its properties.
    #[must_use]
    pub fn configure(mut self, change: impl FnOnce(KafkaBuilder) -> KafkaBuilder) -> Self {
        self.kafka = change(self.kafka);
        self
    }

    /// Who came with a token must come again with one within this time, or is cut off; without it, before the token
    /// expires.
    #[must_use]
    pub fn reauthenticate(mut self, within: Duration) -> Self {
        self.reauthenticate = Some(within);
        self
    }

    /// Nobody may do anything but what [`Kafka::allow`] says, except over the plain listener.
    #[must_use]
    pub fn authorizer(mut self) -> Self {
        self.kafka = self.kafka.authorizer();
        self
    }

    /// Starts it and waits until every broker answers.
    ///
    /// # Panics
    /// Where something cannot be started; the text says what.
    pub fn start(self) -> C {
        (self.start)(Plan {
            kafka: self.kafka,
            reauthenticate: self.reauthenticate,
        })
    }
}

impl<C> fmt::Debug for CloudBuilder<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CloudBuilder")
            .field("kafka", &self.kafka)
            .field("reauthenticate", &self.reauthenticate)
            .finish_non_exhaustive()
    }
}

impl Plan {
    /// A listener with tokens, whose clients may have to come again.
    pub(crate) fn tokens(&self, listener: Listener) -> Listener {
        match self.reauthenticate {
            Some(within) => listener.reauthenticate(within),
            None => listener,
        }
    }
}

/// Variables of an environment, as [`std::process::Command::envs`] takes them.
pub(crate) fn variables<const N: usize>(pairs: [(&str, String); N]) -> Vec<(String, String)> {
    pairs
        .into_iter()
        .map(|(name, value)| (name.into(), value))
        .collect()
}
