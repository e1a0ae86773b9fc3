//! What clients count of their connections, added up over the clients of a connector. Read from librdkafka's statistics, whose fields stand in
//! its STATISTICS.md; whoever serves a client's events hands them over here.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use forebay_core::metrics::Count;
use serde::Deserialize;
use tracing::debug;

use crate::connector::ClientStatus;

/// The clients of one connector.
#[derive(Debug, Default)]
pub struct Traffic {
    connects: Count,
    disconnects: Count,
    timeouts: Count,
    retries: Count,
    live: Mutex<Vec<Weak<Latest>>>,
}

/// What one client said last: no sum, but the worst of its brokers.
#[derive(Debug, Default)]
struct Latest {
    throttle_ms: Count,
    round_trip_us: Count,
}

/// Reads the statistics of one client.
#[derive(Debug)]
pub(super) struct Meter {
    all: Arc<Traffic>,
    latest: Arc<Latest>,
    /// What is counted already.
    counted: Mutex<Counts>,
}

/// A client's own sums since it was created.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    connects: u64,
    disconnects: u64,
    timeouts: u64,
    retries: u64,
}

/// What is read of the statistics.
#[derive(Deserialize)]
struct Statistics {
    #[serde(default)]
    brokers: HashMap<Box<str>, Broker>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Broker {
    connects: u64,
    disconnects: u64,
    req_timeouts: u64,
    txretries: u64,
    throttle: Window,
    rtt: Window,
}

/// Of the interval between two statistics.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Window {
    max: u64,
    p99: u64,
}

impl Traffic {
    /// All of it, now.
    pub(super) fn status(&self) -> ClientStatus {
        let mut live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        live.retain(|client| client.strong_count() > 0);
        let worst = |of: fn(&Latest) -> u64| {
            let all = live.iter().filter_map(Weak::upgrade);
            all.map(|latest| of(&latest)).max().unwrap_or(0)
        };
        ClientStatus {
            connects: self.connects.get(),
            disconnects: self.disconnects.get(),
            timeouts: self.timeouts.get(),
            retries: self.retries.get(),
            throttle: worst(|latest| latest.throttle_ms.get()) as f64 / 1e3,
            round_trip: worst(|latest| latest.round_trip_us.get()) as f64 / 1e6,
        }
    }

    /// For a client that is created.
    pub(super) fn meter(self: &Arc<Self>) -> Meter {
        let latest = Arc::<Latest>::default();
        let mut live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        live.push(Arc::downgrade(&latest));
        Meter {
            all: Arc::clone(self),
            latest,
            counted: Mutex::default(),
        }
    }
}

impl Meter {
    /// Takes the client's statistics, JSON as librdkafka writes it.
    pub(super) fn take(&self, statistics: &[u8]) {
        let brokers = match serde_json::from_slice::<Statistics>(statistics) {
            Ok(statistics) => statistics.brokers,
            Err(error) => {
                debug!(%error, "statistics of a client that cannot be read");
                return;
            }
        };
        let sum = |of: fn(&Broker) -> u64| brokers.values().map(of).sum::<u64>();
        let now = Counts {
            connects: sum(|broker| broker.connects),
            disconnects: sum(|broker| broker.disconnects),
            timeouts: sum(|broker| broker.req_timeouts),
            retries: sum(|broker| broker.txretries),
        };
        let before = std::mem::replace(
            &mut *self.counted.lock().unwrap_or_else(PoisonError::into_inner),
            now,
        );
        // A broker that left the cluster takes its counts with it.
        let all = &self.all;
        all.connects.add(now.connects.saturating_sub(before.connects));
        all.disconnects
            .add(now.disconnects.saturating_sub(before.disconnects));
        all.timeouts.add(now.timeouts.saturating_sub(before.timeouts));
        all.retries.add(now.retries.saturating_sub(before.retries));
        let worst = |of: fn(&Broker) -> u64| brokers.values().map(of).max().unwrap_or(0);
        self.latest.throttle_ms.set(worst(|broker| broker.throttle.max));
        self.latest.round_trip_us.set(worst(|broker| broker.rtt.p99));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statistics(connects: u64, throttle: u64) -> String {
        let second = r#""2": { "connects": 1, "disconnects": 1, "req_timeouts": 2, "txretries": 3, "rtt": { "p99": 1500, "max": 9000 } }"#;
        format!(
            r#"{{ "name": "forebay#consumer-1", "brokers": {{ "1": {{ "state": "UP", "connects": {connects}, "disconnects": 0,
               "throttle": {{ "min": 0, "max": {throttle}, "p99": 7 }}, "toppars": {{ "t-0": {{ "topic": "t" }} }} }}, {second} }},
               "topics": {{}} }}"#
        )
    }

    #[test]
    fn counts_of_all_clients_add_up_and_only_rise() {
        let traffic = Arc::new(Traffic::default());
        let (first, second) = (traffic.meter(), traffic.meter());
        first.take(statistics(3, 250).as_bytes());
        first.take(statistics(5, 40).as_bytes());
        second.take(statistics(1, 90).as_bytes());
        let status = traffic.status();
        assert_eq!((status.connects, status.disconnects), (8, 2));
        assert_eq!((status.timeouts, status.retries), (4, 6));
        // The worst of the clients that live, in the last interval.
        assert!((status.throttle - 0.09).abs() < 1e-9, "{status:?}");
        assert!((status.round_trip - 0.0015).abs() < 1e-9, "{status:?}");
        drop(second);
        assert!((traffic.status().throttle - 0.04).abs() < 1e-9);
        // The client's successor begins at nought.
        traffic.meter().take(statistics(1, 0).as_bytes());
        assert_eq!(traffic.status().connects, 10);
    }

    #[test]
    fn what_cannot_be_read_changes_nothing() {
        let traffic = Arc::new(Traffic::default());
        let meter = traffic.meter();
        for bad in [
            "",
            "{",
            "[]",
            r#"{ "brokers": 1 }"#,
            r#"{ "brokers": { "1": { "connects": -1 } } }"#,
        ] {
            meter.take(bad.as_bytes());
        }
        assert_eq!(traffic.status().connects, 0);
    }
}
