//! What connectors tell of themselves, as Prometheus reads it: their clients' connections to brokers, and their tokens. Read at the
//! scrape.

use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use forebay_auth::TokenStatus;
use forebay_connectors::ClientStatus;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use super::table::{self, Metric};

/// How something of a connector is now; nothing where it has none.
pub type Now<S> = Arc<dyn Fn() -> Option<S> + Send + Sync>;

/// By the names of connectors.
pub type ByConnector<S> = Vec<(String, Now<S>)>;

/// Metrics, and how each is read.
type Reads<S, N> = &'static [(&'static Metric, fn(&S) -> N)];

/// What of it is exported.
pub(super) trait Exported: Sized + 'static {
    const COUNTERS: Reads<Self, u64>;
    const GAUGES: Reads<Self, f64>;
}

impl Exported for ClientStatus {
    const COUNTERS: Reads<Self, u64> = &[
        (&table::CLIENT_CONNECTS, |clients| clients.connects),
        (&table::CLIENT_DISCONNECTS, |clients| clients.disconnects),
        (&table::CLIENT_TIMEOUTS, |clients| clients.timeouts),
        (&table::CLIENT_RETRIES, |clients| clients.retries),
    ];
    const GAUGES: Reads<Self, f64> = &[
        (&table::CLIENT_THROTTLE, |clients| clients.throttle),
        (&table::CLIENT_ROUND_TRIP, |clients| clients.round_trip),
    ];
}

impl Exported for TokenStatus {
    const COUNTERS: Reads<Self, u64> = &[
        (&table::TOKEN_FETCHES, |token| token.fetched),
        (&table::TOKEN_FETCH_FAILURES, |token| token.failures),
    ];
    const GAUGES: Reads<Self, f64> = &[
        (&table::TOKEN_FETCHED, |token| since_epoch(token.fetched_at)),
        (&table::TOKEN_EXPIRES, |token| since_epoch(token.expires_at)),
    ];
}

fn since_epoch(at: SystemTime) -> f64 {
    at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

pub(super) struct Collected<S> {
    pub(super) pipeline: String,
    pub(super) connectors: ByConnector<S>,
}

impl<S> fmt::Debug for Collected<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Collected").finish_non_exhaustive()
    }
}

impl<S: Exported> Collector for Collected<S> {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let now = |(name, now): &(String, Now<S>)| Some((name.clone(), now()?));
        let all: Vec<(String, S)> = self.connectors.iter().filter_map(now).collect();
        if all.is_empty() {
            return Ok(());
        }
        let labels = |connector| [("pipeline", self.pipeline.as_str()), ("connector", connector)];
        for (metric, get) in S::COUNTERS {
            let mut series = metric.begin(&mut to)?;
            for (connector, status) in &all {
                series.count(&labels(connector), get(status))?;
            }
        }
        for (metric, get) in S::GAUGES {
            let mut series = metric.begin(&mut to)?;
            for (connector, status) in &all {
                series.gauge(&labels(connector), get(status))?;
            }
        }
        Ok(())
    }
}
