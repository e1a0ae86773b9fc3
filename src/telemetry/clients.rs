//! The clients of connectors, as Prometheus reads them: their connections to brokers. Read at the scrape.

use std::fmt;
use std::sync::Arc;

use forebay_connectors::ClientStatus;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use super::table::{self, Metric};

/// How a connector's clients are now; nothing where it has none.
pub type ClientsOf = Arc<dyn Fn() -> Option<ClientStatus> + Send + Sync>;

/// Connectors by name.
pub type Clients = Vec<(String, ClientsOf)>;

type Get = fn(&ClientStatus) -> u64;

static COUNTERS: &[(&Metric, Get)] = &[
    (&table::CLIENT_CONNECTS, |clients| clients.connects),
    (&table::CLIENT_DISCONNECTS, |clients| clients.disconnects),
    (&table::CLIENT_TIMEOUTS, |clients| clients.timeouts),
    (&table::CLIENT_RETRIES, |clients| clients.retries),
];

type Seconds = fn(&ClientStatus) -> f64;

static SECONDS: &[(&Metric, Seconds)] = &[
    (&table::CLIENT_THROTTLE, |clients| clients.throttle),
    (&table::CLIENT_ROUND_TRIP, |clients| clients.round_trip),
];

pub(super) struct Collected {
    pub(super) pipeline: String,
    pub(super) clients: Clients,
}

impl fmt::Debug for Collected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Collected").finish_non_exhaustive()
    }
}

impl Collector for Collected {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let now = |(name, clients): &(String, ClientsOf)| Some((name.clone(), clients()?));
        let all: Vec<(String, ClientStatus)> = self.clients.iter().filter_map(now).collect();
        if all.is_empty() {
            return Ok(());
        }
        let labels = |connector| [("pipeline", self.pipeline.as_str()), ("connector", connector)];
        for (metric, get) in COUNTERS {
            let mut series = metric.begin(&mut to)?;
            for (connector, clients) in &all {
                series.count(&labels(connector), get(clients))?;
            }
        }
        for (metric, seconds) in SECONDS {
            let mut series = metric.begin(&mut to)?;
            for (connector, clients) in &all {
                series.gauge(&labels(connector), seconds(clients))?;
            }
        }
        Ok(())
    }
}
