use std::collections::BTreeSet;

use serde_json::Value;

use super::*;
use crate::rules::recorded;
use crate::telemetry::table::Kind;

/// The metrics that an expression names.
fn named(expr: &str) -> BTreeSet<String> {
    let word = |c: char| c.is_ascii_alphanumeric() || "_:".contains(c);
    let words = expr.split(|c| !word(c));
    let ours = |name: &&str| {
        ["forebay_", "process_", ":"]
            .iter()
            .any(|part| name.contains(part))
    };
    words.filter(ours).map(str::to_owned).collect()
}

#[test]
fn every_query_names_metrics_of_the_table_and_every_metric_is_shown() {
    let mut seen = BTreeSet::new();
    for query in queries() {
        let names = named(&query);
        assert!(!names.is_empty(), "{query}");
        for name in names {
            let base = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|suffix| name.strip_suffix(suffix))
                .filter(|base| table::all().any(|m| m.name == *base && m.kind == Kind::Histogram));
            let name = base.unwrap_or(&name).to_owned();
            let known = table::all().any(|metric| metric.name == name) || recorded().contains(&name.as_str());
            assert!(known, "{name} is in no table: {query}");
            seen.insert(name);
        }
    }
    for metric in table::all() {
        assert!(seen.contains(metric.name), "{} is in no panel", metric.name);
    }
}

#[test]
fn panels_have_places_of_their_own_units_and_words() {
    let made = made(Some("sensors"));
    let panels = made["panels"].as_array().unwrap();
    let mut taken = BTreeSet::new();
    let mut ids = BTreeSet::new();
    for panel in panels {
        assert!(ids.insert(panel["id"].as_u64()), "{panel}");
        let at = |key: &str| panel["gridPos"][key].as_u64().unwrap();
        for x in at("x")..at("x") + at("w") {
            for y in at("y")..at("y") + at("h") {
                assert!(x < 24 && taken.insert((x, y)), "{panel}");
            }
        }
        if panel["type"] == "row" {
            continue;
        }
        for text in ["/title", "/description", "/fieldConfig/defaults/unit"] {
            assert!(
                panel
                    .pointer(text)
                    .and_then(Value::as_str)
                    .is_some_and(|text| !text.is_empty()),
                "{panel}"
            );
        }
        assert!(!panel["targets"].as_array().unwrap().is_empty(), "{panel}");
    }
    let rows = panels.iter().filter(|panel| panel["type"] == "row").count();
    assert!(rows >= 5, "{rows}");
    let names: Vec<&str> = made["templating"]["list"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|one| one["name"].as_str())
        .collect();
    assert_eq!(names, ["datasource", "pipeline", "connector"]);
    assert_eq!(made["templating"]["list"][1]["current"]["value"][0], "sensors");
}

/// Two versions at once are two lines.
#[test]
fn what_runs_is_a_table_with_a_line_for_each_version() {
    let made = made(None);
    let panels = made["panels"].as_array().unwrap();
    let mut tables = panels.iter().filter(|panel| panel["type"] == "table");
    for (title, expr) in [
        (
            "Model info",
            r#"count by (pipeline, step, file, version, sha256) (forebay_model_info{pipeline=~"$pipeline"})"#,
        ),
        (
            "Build info",
            r#"count by (version, librdkafka) (forebay_build_info{} * on (job, instance) group_left () "#,
        ),
    ] {
        let table = tables.next().unwrap();
        assert_eq!(table["title"], title);
        let target = &table["targets"][0];
        assert!(target["expr"].as_str().unwrap().starts_with(expr), "{target}");
        assert_eq!(
            (&target["format"], &target["instant"]),
            (&"table".into(), &true.into())
        );
    }
    assert!(tables.next().is_none());
}
