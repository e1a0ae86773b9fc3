//! The group's callbacks, turned into events: they record what happened and return. The source acts on it later, in
//! the lane's own thread and in its own order.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, RebalanceProtocol};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{ClientContext, TopicPartitionList};
use tracing::{debug, info, warn};

use super::traffic::Meter;

/// What happened to the group.
#[derive(Debug)]
pub(super) enum Change {
    Assign(TopicPartitionList),
    Revoke {
        partitions: TopicPartitionList,
        lost: bool,
    },
}

/// The inbox of a consumer's callbacks.
#[derive(Debug)]
pub(super) struct Group {
    meter: Meter,
    inbox: Mutex<VecDeque<Change>>,
    /// Set before the consumer is dropped: from then on nobody is left to act, and an assignment or a revocation
    /// that waits for somebody would hang the drop for ever.
    closing: AtomicBool,
    /// The last authentication that failed did so because the connection broke, or came at the wrong time.
    cut_off: AtomicBool,
}

/// Whether these words of librdkafka's are about a connection that ended while a client authenticated, and not about who it is. Brokers
/// end connections whose clients authenticate again too late, and answer so to those that do it twice within a second.
fn is_cut_off(reason: &str) -> bool {
    reason.contains("handshake failed: Local: ") || reason.contains("not valid in current SASL state")
}

impl Group {
    pub(super) fn new(meter: Meter) -> Self {
        Self {
            meter,
            inbox: Mutex::default(),
            closing: AtomicBool::default(),
            cut_off: AtomicBool::default(),
        }
    }

    /// Whether the authentication that failed last may well succeed the next time.
    pub(super) fn was_cut_off(&self) -> bool {
        self.cut_off.load(Ordering::Acquire)
    }

    pub(super) fn next(&self) -> Option<Change> {
        self.lock().pop_front()
    }

    pub(super) fn put_back(&self, change: Change) {
        self.lock().push_front(change);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::Release);
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Change>> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, change: Change) {
        self.lock().push_back(change);
    }
}

impl ClientContext for Group {
    fn log(&self, level: RDKafkaLogLevel, _facility: &str, text: &str) {
        log(level as i32, text);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::Authentication) {
            self.cut_off.store(is_cut_off(reason), Ordering::Release);
        }
        debug!(%error, reason, "kafka client");
    }

    fn stats_raw(&self, statistics: &[u8]) {
        self.meter.take(statistics);
    }
}

/// A line of librdkafka's log; the level is syslog's.
pub(super) fn log(level: i32, text: &str) {
    match level {
        0..=4 => warn!(target: "librdkafka", "{text}"),
        5 | 6 => info!(target: "librdkafka", "{text}"),
        _ => debug!(target: "librdkafka", "{text}"),
    }
}

impl ConsumerContext for Group {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        event: RDKafkaRespErr,
        partitions: &mut TopicPartitionList,
    ) {
        let cooperative = matches!(consumer.rebalance_protocol(), RebalanceProtocol::Cooperative);
        let assign = event == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        if self.closing.load(Ordering::Acquire) {
            // The client waits for an answer to an assignment, too, and its close with it: the answer is none.
            let done = if cooperative && !assign {
                consumer.incremental_unassign(partitions)
            } else {
                consumer.unassign()
            };
            if let Err(error) = done {
                debug!(%error, "unassign while closing");
            }
        } else if assign {
            self.push(Change::Assign(partitions.clone()));
        } else {
            let lost = consumer.assignment_lost();
            self.push(Change::Revoke {
                partitions: partitions.clone(),
                lost,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_that_ends_is_told_from_a_refusal() {
        let tail = "broker's supported mechanisms: (n/a) (after 0ms in state DOWN)";
        for (reason, cut_off) in [
            (
                "SASL OAUTHBEARER mechanism handshake failed: Local: Broker transport failure",
                true,
            ),
            (
                "SASL OAUTHBEARER mechanism handshake failed: Broker: Request not valid in current SASL state",
                true,
            ),
            (
                "SASL PLAIN mechanism handshake failed: Broker: Unsupported SASL mechanism",
                false,
            ),
            (
                "SASL authentication error: Authentication failed: invalid credentials",
                false,
            ),
        ] {
            let reason = format!("sasl_ssl://localhost:9093/1: {reason}: {tail}");
            assert_eq!(is_cut_off(&reason), cut_off, "{reason}");
        }
    }
}
