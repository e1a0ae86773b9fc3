//! A dashboard for Grafana, of the table of metrics: what a person on call looks at first has a panel by hand, and every other metric
//! has one by its kind. Pure: knows no Grafana but its JSON.

mod by_hand;
mod panel;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::telemetry::table::{self, Section};

use self::panel::{Panel, default_of};

/// Rows of panels, from above.
const ROWS: &[&str] = &["Overview", "Stages", "Kafka", "Model", "Drift", "Process"];

/// The row of a section's metrics.
fn row_of(section: &Section) -> &'static str {
    match section.title {
        "Records" | "Batches" | "Time" => "Stages",
        "Steps and models" => "Model",
        "Drift" => "Drift",
        "Process" => "Process",
        _ => "Kafka",
    }
}

/// The panels by row: those by hand, then those of the metrics that no panel shows yet.
fn rows() -> Vec<(&'static str, Vec<Panel>)> {
    let mut rows: Vec<(&'static str, Vec<Panel>)> =
        ROWS.iter().map(|row| (*row, by_hand::panels(row))).collect();
    let shown: BTreeSet<&str> = rows
        .iter()
        .flat_map(|(_, panels)| panels.iter().flat_map(|panel| panel.shows.iter().copied()))
        .collect();
    for section in table::SECTIONS {
        let row = row_of(section);
        let rest = section.metrics.iter();
        let rest = rest.filter(|metric| !shown.contains(metric.name));
        let rest: Vec<Panel> = rest.map(|metric| default_of(metric)).collect();
        if let Some((_, panels)) = rows.iter_mut().find(|(title, _)| *title == row) {
            panels.extend(rest);
        }
    }
    rows.retain(|(_, panels)| !panels.is_empty());
    rows
}

const HEIGHT: u32 = 8;
/// What Grafana divides a row into.
const WIDTH: u32 = 24;

/// The dashboard; `pipeline` is chosen at first, or all are.
pub fn made(pipeline: Option<&str>) -> Value {
    let mut panels = Vec::new();
    let (mut id, mut y) = (0_u32, 0);
    for (title, row) in rows() {
        id += 1;
        panels.push(json!({
            "id": id, "type": "row", "title": title, "collapsed": false, "panels": [],
            "gridPos": { "h": 1, "w": WIDTH, "x": 0, "y": y },
        }));
        y += 1;
        let (mut x, mut tallest) = (0, 0);
        for panel in row {
            let (width, height) = (panel.width(), panel.height());
            if x + width > WIDTH {
                (x, y, tallest) = (0, y + tallest, 0);
            }
            id += 1;
            panels.push(panel.to_json(id, json!({ "h": height, "w": width, "x": x, "y": y })));
            x += width;
            tallest = tallest.max(height);
        }
        y += tallest;
    }
    let title = pipeline.map_or("Forebay".to_owned(), |name| format!("Forebay: {name}"));
    json!({
        "uid": null,
        "title": title,
        "description": "What a pipeline reads, scores and delivers; `forebay dashboard` makes it of the table of metrics.",
        "tags": ["forebay"],
        "schemaVersion": 38,
        "editable": true,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": { "from": "now-1h", "to": "now" },
        "templating": { "list": variables(pipeline) },
        "panels": panels,
    })
}

fn variables(pipeline: Option<&str>) -> Value {
    let chosen = pipeline.map_or_else(
        || json!({ "text": ["All"], "value": ["$__all"] }),
        |name| json!({ "text": [name], "value": [name] }),
    );
    let of = |name: &str, label: &str, query: &str, current: Value| {
        json!({
            "name": name, "label": label, "type": "query", "query": { "query": query, "refId": name },
            "definition": query, "datasource": panel::datasource(), "refresh": 2, "sort": 1,
            "multi": true, "includeAll": true, "allValue": ".*", "current": current,
        })
    };
    json!([
        { "name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus" },
        of(
            "pipeline",
            "Pipeline",
            "label_values(forebay_records_consumed_total, pipeline)",
            chosen,
        ),
        of(
            "connector",
            "Connector",
            r#"label_values({__name__=~"forebay_.+", connector!=""}, connector)"#,
            json!({ "text": ["All"], "value": ["$__all"] }),
        ),
    ])
}

/// Every query, as Grafana sends it once its variables are filled in.
pub fn queries() -> Vec<String> {
    let panels = rows().into_iter().flat_map(|(_, panels)| panels);
    panels
        .flat_map(|panel| panel.queries)
        .map(|query| query.expr)
        .collect()
}
