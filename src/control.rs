//! The control plane: one runtime beside the lanes, for what is asynchronous. It opens connectors and keeps their tokens
//! fresh; no record passes here.

use std::collections::BTreeMap;
use std::sync::Arc;

use forebay_connectors::kafka::{Endpoint, Kafka, Patience, Tell};
use forebay_connectors::registry::Registry;
use forebay_connectors::{Connector, Resolved};
use forebay_core::{Error, Result};
use tokio::runtime::Runtime;

use crate::config::Config;

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

    /// Opens the connectors that the pipeline uses: gets their credentials, connects to no broker yet. Tells what it waits for.
    ///
    /// # Errors
    /// `Auth` where there is no token or no address, naming the connector.
    pub fn open(&self, config: &Config, tell: Tell<'_>) -> Result<Connectors> {
        let one = |(name, connector): (&String, &Resolved)| {
            let opened = self
                .connect(connector, Patience::UntilTimeout, tell)
                .map_err(|e| e.with("connector", name))?;
            Ok((name.clone(), opened))
        };
        config.connectors.iter().map(one).collect()
    }

    /// The schema registry beside the connector `name`; asks it nothing yet.
    ///
    /// # Errors
    /// `Config` where the connector has none.
    pub fn registry(&self, config: &Config, name: &str) -> Result<Arc<Registry>> {
        let settings = config
            .connectors
            .get(name)
            .and_then(|connector| connector.registry.as_ref());
        let settings = settings
            .ok_or_else(|| Error::config("the connector has no `schema_registry`").with("connector", name))?;
        Ok(Registry::open(settings, self.runtime.handle()))
    }

    /// Opens one connector. Tells what it waits for.
    ///
    /// # Errors
    /// `Auth` where there is no token, or no address.
    pub fn connect(
        &self,
        connector: &Resolved,
        patience: Patience,
        tell: Tell<'_>,
    ) -> Result<Arc<dyn Connector>> {
        let endpoint = Endpoint::open(connector, patience, self.runtime.handle(), tell)?;
        Ok(Arc::new(Kafka::new(endpoint)))
    }
}
