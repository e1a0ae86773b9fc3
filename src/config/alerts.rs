//! When people are called: the thresholds of the rules that `forebay rules` writes for Prometheus. A run does not read them.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::values::Span;

/// When people are called, as `forebay rules` writes it for Prometheus. A run does not read it.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Alerts {
    /// How old the oldest record may be that is not read yet, before a lag that rises is one.
    pub lag: Span,
    /// How long it may take to work off what lies in the log, at the rates of the last `window`.
    pub drain: Span,
    /// The time from event to result that 99 of 100 records keep. Without it nobody is called for latency.
    pub latency: Option<Span>,
    /// The share of records that may be rejected, from 0 to 1; of those that come to a model, too.
    #[schemars(range(min = 0, max = 1))]
    pub rejects: f64,
    /// How often within an hour a lane may lose partitions to other members of its group.
    #[schemars(range(min = 1))]
    pub rebalances: u32,
    /// How long a connector's token must still be good for.
    pub token: Span,
    /// How long a lane may take for one round of its loop.
    pub silent: Span,
    /// How long no record may arrive: eight scrapes of Prometheus at least. Without it an input may rest as long as it likes.
    pub input_stopped: Option<Span>,
    /// What rates are taken over: four scrapes of Prometheus at least.
    pub window: Span,
    /// How long a state lasts before somebody is called.
    #[serde(rename = "for")]
    pub lasts: Span,
    /// The page that each alert links to, at a heading of its own.
    #[schemars(example = &"https://wiki.example.com/forebay")]
    pub runbook: String,
}

/// The page in the repository, as it looks from its root.
const RUNBOOK: &str = "docs/runbook.md";

const MINUTE: u64 = 60;

impl Default for Alerts {
    fn default() -> Self {
        let minutes = |n: u64| Span(Duration::from_secs(n * MINUTE));
        Self {
            lag: minutes(5),
            drain: minutes(30),
            latency: None,
            rejects: 0.01,
            rebalances: 10,
            token: minutes(2),
            silent: minutes(2),
            input_stopped: None,
            window: minutes(5),
            lasts: minutes(2),
            runbook: RUNBOOK.to_owned(),
        }
    }
}
