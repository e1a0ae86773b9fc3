//! The control plane: one runtime beside the lanes, for what is asynchronous. It opens connectors and keeps their tokens
//! fresh; no record passes here.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use forebay_connectors::Connector;
use forebay_connectors::kafka::{Endpoint, Kafka};
use forebay_core::{Error, Result};
use tokio::runtime::Runtime;

use crate::config::{Config, ConnectorConfig};

/// How long an issuer that is away is asked again for the first token.
const TOKEN_WITHIN: Duration = Duration::from_secs(10);

/// The connectors that a run uses, by name.
pub type Connectors = BTreeMap<String, Arc<dyn Connector>>;

/// The runtime. Connectors that were opened by it must not outlive it: their tokens would grow old.
#[derive(Debug)]
pub struct Control {
    runtime: Runtime,
}

impl Control {
    /// Starts the runtime's one thread.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn start() -> Result<Self> {
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime
            .worker_threads(1)
            .thread_name("control")
            .enable_all()
            .build();
        let runtime = runtime.map_err(|e| Error::fatal("start the control thread").caused_by(e))?;
        Ok(Self { runtime })
    }

    /// Opens the connectors that the pipeline uses: gets their credentials, connects to no broker yet.
    ///
    /// # Errors
    /// `Auth` or `Fatal` where there is no token, naming the connector.
    pub fn open(&self, config: &Config) -> Result<Connectors> {
        let one = |(name, connector): (&String, &ConnectorConfig)| {
            let opened = self
                .connect(connector, TOKEN_WITHIN)
                .map_err(|e| e.with("connector", name))?;
            Ok((name.clone(), opened))
        };
        config.connectors.iter().map(one).collect()
    }

    /// Opens one connector. An issuer that is away is asked again for `within`.
    ///
    /// # Errors
    /// `Auth` or `Fatal` where there is no token.
    pub fn connect(&self, connector: &ConnectorConfig, within: Duration) -> Result<Arc<dyn Connector>> {
        let ConnectorConfig::Kafka(kafka) = connector;
        let endpoint = Endpoint::open(kafka, within, self.runtime.handle())?;
        Ok(Arc::new(Kafka::new(endpoint)))
    }
}
