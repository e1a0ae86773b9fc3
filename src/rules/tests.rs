use std::collections::BTreeSet;
use std::path::Path;

use super::*;
use crate::telemetry::table::{self, Kind};

/// One that has everything.
pub(super) fn every() -> Subject {
    Subject {
        pipeline: "a \"b\"\n{{ $labels.x }}".to_owned(),
        alerts: Alerts {
            latency: Some(crate::config::Span(Duration::from_secs(1))),
            input_stopped: Some(crate::config::Span(Duration::from_secs(600))),
            ..Alerts::default()
        },
        model: true,
        tokens: true,
        registry: true,
        drift: Some(Drifts {
            window: Duration::from_secs(300),
            least_rows: 500,
        }),
    }
}

#[test]
fn rules_name_metrics_of_the_table_and_what_rules_before_them_record() {
    let rules = Rules::of(every());
    let word = |c: char| c.is_ascii_alphanumeric() || "_:".contains(c);
    let mut recorded = BTreeSet::new();
    let exprs = rules.recordings.iter().map(|rule| (&rule.expr, Some(rule.name)));
    for (expr, name) in exprs.chain(rules.alerts.iter().map(|alert| (&alert.expr, None))) {
        for used in expr.split(|c| !word(c)).filter(|used| used.contains("forebay_")) {
            let known = match used.contains(':') {
                true => recorded.contains(used),
                false => is_metric(used),
            };
            assert!(known, "{used} is known to nobody: {expr}");
        }
        recorded.extend(name);
        assert!(
            expr.contains(r#"pipeline="a \"b\"\n{{ $labels.x }}""#) || expr.contains(':'),
            "{expr}"
        );
    }
}

fn is_metric(name: &str) -> bool {
    table::all().any(|metric| match metric.kind {
        Kind::Histogram => name.strip_suffix("_bucket") == Some(metric.name),
        _ => name == metric.name,
    })
}

#[test]
fn every_alert_has_its_section_of_the_runbook_and_every_section_an_alert() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/runbook.md");
    let page = std::fs::read_to_string(page).unwrap();
    let sections: BTreeSet<&str> = page.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    let rules = Rules::of(every());
    let alerts: BTreeSet<&str> = rules.alerts().collect();
    assert_eq!(sections, alerts);
    for alert in alerts {
        let section = page
            .split("\n## ")
            .find(|section| section.starts_with(alert))
            .unwrap();
        for part in ["**Meaning.**", "**Look at.**", "**Do.**"] {
            assert!(section.contains(part), "{alert} has no {part}");
        }
    }
}

#[test]
fn a_pipeline_gets_the_alerts_that_make_sense_for_it() {
    let plain = Subject {
        pipeline: "p/1".to_owned(),
        alerts: Alerts::default(),
        model: false,
        tokens: false,
        registry: false,
        drift: None,
    };
    assert_eq!(plain.rules_file(), "p_1.rules.yml");
    let (all, few) = (Rules::of(every()), Rules::of(plain));
    let without: BTreeSet<&str> = few.alerts().collect();
    let gone: Vec<&str> = all.alerts().filter(|name| !without.contains(name)).collect();
    assert_eq!(
        gone,
        [
            "ForebayLatencyHigh",
            "ForebayInputStopped",
            "ForebayModelFailing",
            "ForebayTokenExpiring",
            "ForebayTokenNotRenewed",
            "ForebayRegistryDown",
            "ForebayInputDrift",
            "ForebayPredictionDrift"
        ]
    );
    assert!(!few.to_yaml().contains("drift"));
}
