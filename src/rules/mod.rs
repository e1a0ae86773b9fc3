//! Rules for Prometheus, of a pipeline file: recording rules, alerts, and what shows for promtool that each alert fires and where it
//! does not. Pure: asks nobody, and knows no terminal. Every rule adds up over processes.

mod alert;
mod cases;
mod connectors;
mod drift;
mod flow;
mod members;
mod records;
#[cfg(test)]
mod tests;
mod yaml;

use std::time::Duration;

use forebay_connectors::Login;

use crate::config::{Alerts, Config, StepConfig};
use crate::drift::Drift;

use self::alert::{Alert, Recording, quoted, span};
use self::cases::Times;

/// What rules are written of.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The pipeline's name.
    pub pipeline: String,
    /// The thresholds.
    pub alerts: Alerts,
    /// Whether it has a model.
    pub model: bool,
    /// Whether a connector of it has tokens.
    pub tokens: bool,
    /// Whether a connector of it has a schema registry.
    pub registry: bool,
    /// How it is compared with a baseline, where there is one.
    pub drift: Option<Drifts>,
}

/// How a pipeline is compared with its baseline.
#[derive(Clone, Copy, Debug)]
pub struct Drifts {
    /// How long the window is that is compared.
    pub window: Duration,
    /// A window with fewer rows is not judged: its scores would be noise.
    pub least_rows: u64,
}

/// Nothing where no column is compared.
fn drifts(drift: &Drift) -> Option<Drifts> {
    let compared = drift.columns.iter().filter_map(|column| column.against.as_ref());
    let least_rows = compared.map(|against| against.least_rows).max()?;
    Some(Drifts {
        window: drift.window,
        least_rows,
    })
}

impl Subject {
    /// What `config` says, and how it is compared with a baseline.
    pub fn of(config: &Config, drift: Option<&Drift>) -> Self {
        let document = &config.document;
        let mut connectors = config.connectors.values();
        Self {
            pipeline: document.pipeline.name.clone(),
            alerts: document.alerts.clone(),
            model: document
                .pipeline
                .steps
                .iter()
                .any(|step| matches!(step, StepConfig::Model(_))),
            tokens: connectors.clone().any(|one| matches!(one.login, Login::Token(_))),
            registry: connectors.any(|one| one.registry.is_some()),
            drift: drift.and_then(drifts),
        }
    }

    /// The name of the file of its rules.
    pub fn rules_file(&self) -> String {
        format!("{}.rules.yml", self.stem())
    }

    /// The name of the file of their tests, which names the other.
    pub fn tests_file(&self) -> String {
        format!("{}.rules.test.yml", self.stem())
    }

    fn stem(&self) -> String {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let chars = self.pipeline.chars();
        chars.map(|c| if plain(c) { c } else { '_' }).collect()
    }

    fn runbook(&self, alert: &str) -> String {
        format!("{}#{}", self.alerts.runbook, alert.to_lowercase())
    }

    fn window(&self) -> String {
        span(self.alerts.window.0)
    }

    /// A metric of this pipeline; `more` are matchers beside the pipeline's.
    fn of_pipeline(&self, metric: &str, more: &str) -> String {
        let comma = if more.is_empty() { "" } else { "," };
        format!("{metric}{{pipeline={}{comma}{more}}}", quoted(&self.pipeline))
    }

    /// How fast a counter rises, over all processes.
    fn rate(&self, metric: &str, more: &str) -> String {
        format!(
            "sum by (pipeline) (rate({}[{}]))",
            self.of_pipeline(metric, more),
            self.window()
        )
    }

    /// By how much a counter rises within `over`, by `labels`, over all processes.
    fn increase(&self, labels: &str, metric: &str, more: &str, over: Duration) -> String {
        let selected = self.of_pipeline(metric, more);
        format!("sum by ({labels}) (increase({selected}[{}]))", span(over))
    }

    /// What lies between two scrapes in the rules' tests.
    fn step(&self) -> Duration {
        (self.alerts.window.0 / 10).clamp(Duration::from_millis(1), Duration::from_secs(60))
    }

    fn times(&self, over: Duration, lasts: Duration) -> Times {
        Times::of(self.step(), over, lasts)
    }
}

/// The rules of a pipeline.
#[derive(Clone, Debug)]
pub struct Rules {
    subject: Subject,
    recordings: Vec<Recording>,
    alerts: Vec<Alert>,
}

impl Rules {
    /// Those that make sense for it.
    pub fn of(subject: Subject) -> Self {
        let parts = [
            flow::rules(&subject),
            records::rules(&subject),
            members::rules(&subject),
            connectors::rules(&subject),
            drift::rules(&subject),
        ];
        let (mut recordings, mut alerts) = (Vec::new(), Vec::new());
        for (more, called) in parts {
            recordings.extend(more);
            alerts.extend(called);
        }
        Self {
            subject,
            recordings,
            alerts,
        }
    }

    /// The file for Prometheus.
    pub fn to_yaml(&self) -> String {
        yaml::rules(self)
    }

    /// The file for `promtool test rules`.
    pub fn tests_to_yaml(&self) -> String {
        yaml::tests(self)
    }

    /// The names of the alerts.
    pub fn alerts(&self) -> impl Iterator<Item = &'static str> {
        self.alerts.iter().map(|alert| alert.name)
    }
}

/// Rules that belong together.
type Part = (Vec<Recording>, Vec<Alert>);

/// The names of what rules record, of every kind of pipeline.
#[cfg(test)]
pub(crate) fn recorded() -> std::collections::BTreeSet<&'static str> {
    let rules = Rules::of(tests::every());
    rules.recordings.iter().map(|rule| rule.name).collect()
}
