//! The tokens of connectors, as Prometheus reads them: when each expires, and how its issuer answers. Read at the scrape.

use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use forebay_auth::TokenStatus;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use super::table::{self, Metric};

/// How a connector's token is now; nothing where it has none.
pub type TokenOf = Arc<dyn Fn() -> Option<TokenStatus> + Send + Sync>;

/// Connectors by name.
pub type Tokens = Vec<(String, TokenOf)>;

type Get = fn(&TokenStatus) -> u64;

static COUNTERS: &[(&Metric, Get)] = &[
    (&table::TOKEN_FETCHES, |token| token.fetched),
    (&table::TOKEN_FETCH_FAILURES, |token| token.failures),
];

type Moment = fn(&TokenStatus) -> SystemTime;

static MOMENTS: &[(&Metric, Moment)] = &[
    (&table::TOKEN_FETCHED, |token| token.fetched_at),
    (&table::TOKEN_EXPIRES, |token| token.expires_at),
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
        let labels = |connector| [("pipeline", self.pipeline.as_str()), ("connector", connector)];
        for (metric, get) in COUNTERS {
            let mut series = metric.begin(&mut to)?;
            for (connector, token) in &all {
                series.count(&labels(connector), get(token))?;
            }
        }
        for (metric, get) in MOMENTS {
            let mut series = metric.begin(&mut to)?;
            for (connector, token) in &all {
                let at = get(token).duration_since(UNIX_EPOCH).unwrap_or_default();
                series.gauge(&labels(connector), at.as_secs_f64())?;
            }
        }
        Ok(())
    }
}
