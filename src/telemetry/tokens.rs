//! The tokens of connectors, as Prometheus reads them: when each expires, and how its issuer answers. Read at the scrape.

use std::fmt;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use forebay_auth::TokenStatus;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

/// How a connector's token is now; nothing where it has none.
pub type TokenOf = Arc<dyn Fn() -> Option<TokenStatus> + Send + Sync>;

/// Connectors by name.
pub type Tokens = Vec<(String, TokenOf)>;

type Get = fn(&TokenStatus) -> u64;

const COUNTERS: &[(&str, &str, Get)] = &[
    ("token_fetches", "Tokens that the issuer gave", |token| {
        token.fetched
    }),
    ("token_fetch_failures", "Times the issuer gave none", |token| {
        token.failures
    }),
];

pub(super) struct Collected {
    pub(super) pipeline: String,
    pub(super) tokens: Tokens,
}

impl fmt::Debug for Collected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Collected").finish_non_exhaustive()
    }
}

impl Collector for Collected {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let now = |(name, token): &(String, TokenOf)| Some((name.clone(), token()?));
        let all: Vec<(String, TokenStatus)> = self.tokens.iter().filter_map(now).collect();
        if all.is_empty() {
            return Ok(());
        }
        for (name, help, get) in COUNTERS {
            let mut metric = to.encode_descriptor(name, help, None, MetricType::Counter)?;
            for (connector, token) in &all {
                let labels = [("pipeline", self.pipeline.as_str()), ("connector", connector)];
                let mut one = metric.encode_family(&labels)?;
                one.encode_counter::<NoLabelSet, _, u64>(&get(token), None)?;
            }
        }
        let help = "When the connector's token expires, in seconds since the epoch";
        let mut metric =
            to.encode_descriptor("token_expires_timestamp_seconds", help, None, MetricType::Gauge)?;
        for (connector, token) in &all {
            let labels = [("pipeline", self.pipeline.as_str()), ("connector", connector)];
            let at = token.expires_at.duration_since(UNIX_EPOCH).unwrap_or_default();
            metric.encode_family(&labels)?.encode_gauge(&at.as_secs_f64())?;
        }
        Ok(())
    }
}
