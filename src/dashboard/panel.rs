//! A panel: what it shows, and how a metric is shown by its kind and its unit.

use serde_json::{Value, json};

use crate::telemetry::table::{self, Kind, Metric};

use super::{HEIGHT, WIDTH};

/// What a panel asks Prometheus.
#[derive(Clone, Debug)]
pub(super) struct Query {
    pub(super) expr: String,
    pub(super) legend: String,
}

/// How a panel shows what it asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    Curves,
    Number,
    /// A line for each series, of its labels and its value now.
    Table,
}

/// One picture.
#[derive(Clone, Debug)]
pub(super) struct Panel {
    pub(super) title: String,
    pub(super) about: String,
    pub(super) unit: &'static str,
    pub(super) look: Look,
    pub(super) queries: Vec<Query>,
    /// The metrics that need no other panel.
    pub(super) shows: Vec<&'static str>,
}

/// The metric of that name; nothing where the table has none.
pub(super) fn metric(name: &str) -> Option<&'static Metric> {
    table::all().find(|metric| metric.name == name)
}

/// What queries are sent to.
pub(super) fn datasource() -> Value {
    json!({ "type": "prometheus", "uid": "${datasource}" })
}

impl Panel {
    /// Curves of a metric.
    pub(super) fn new(title: &str, metric: &'static Metric, unit: &'static str) -> Self {
        Self {
            title: title.to_owned(),
            about: format!("{}.", metric.help),
            unit,
            look: Look::Curves,
            queries: Vec::new(),
            shows: vec![metric.name],
        }
    }

    pub(super) fn query(mut self, expr: String, legend: &str) -> Self {
        self.queries.push(Query {
            expr,
            legend: legend.to_owned(),
        });
        self
    }

    /// It shows another metric, too.
    pub(super) fn and(mut self, metric: &'static Metric) -> Self {
        self.shows.push(metric.name);
        self
    }

    pub(super) fn number(mut self) -> Self {
        self.look = Look::Number;
        // A number shows too little to be all that there is of a metric.
        self.shows.clear();
        self
    }

    fn table(mut self) -> Self {
        self.look = Look::Table;
        self
    }

    pub(super) fn width(&self) -> u32 {
        match self.look {
            Look::Curves => WIDTH / 3,
            Look::Number => WIDTH / 6,
            Look::Table => WIDTH / 3 * 2,
        }
    }

    pub(super) fn height(&self) -> u32 {
        match self.look {
            Look::Number => HEIGHT / 2,
            Look::Curves | Look::Table => HEIGHT,
        }
    }

    pub(super) fn to_json(&self, id: u32, place: Value) -> Value {
        let is_now = self.look != Look::Curves;
        let targets = self.queries.iter().zip('A'..).map(|(query, letter)| {
            json!({
                "refId": letter.to_string(), "expr": query.expr, "legendFormat": query.legend,
                "datasource": datasource(), "instant": is_now, "range": !is_now,
            })
        });
        let (kind, options) = match self.look {
            Look::Number => (
                "stat",
                json!({ "reduceOptions": { "calcs": ["lastNotNull"], "fields": "", "values": false }, "graphMode": "none" }),
            ),
            Look::Curves => (
                "timeseries",
                json!({
                    "legend": { "displayMode": "list", "placement": "bottom", "showLegend": true },
                    "tooltip": { "mode": "multi", "sort": "desc" },
                }),
            ),
            Look::Table => ("table", json!({ "showHeader": true })),
        };
        let mut made = json!({
            "id": id,
            "type": kind,
            "title": self.title,
            "description": self.about,
            "datasource": datasource(),
            "gridPos": place,
            "fieldConfig": { "defaults": { "unit": self.unit, "min": 0 }, "overrides": [] },
            "options": options,
            "targets": targets.collect::<Vec<_>>(),
        });
        if self.look == Look::Table {
            made["targets"][0]["format"] = json!("table");
            let names =
                json!({ "excludeByName": { "Time": true }, "renameByName": { "Value": "processes" } });
            made["transformations"] = json!([{ "id": "organize", "options": names }]);
        }
        made
    }
}

/// A metric of the pipelines and connectors that are chosen; `suffix` is a histogram's, `more` are further matchers.
pub(super) fn chosen(metric: &Metric, suffix: &str, more: &str) -> String {
    let mut matchers = Vec::new();
    for label in ["pipeline", "connector"] {
        if metric.labels.contains(&label) {
            matchers.push(format!("{label}=~\"${label}\""));
        }
    }
    if !more.is_empty() {
        matchers.push(more.to_owned());
    }
    format!("{}{suffix}{{{}}}", metric.name, matchers.join(","))
}

/// How fast a counter rises.
pub(super) fn rate(metric: &Metric, by: &str, more: &str) -> String {
    format!(
        "sum by ({by}) (rate({}[$__rate_interval]))",
        chosen(metric, "", more)
    )
}

/// A quantile of a histogram.
pub(super) fn quantile(metric: &Metric, quantile: f64) -> String {
    let buckets = chosen(metric, "_bucket", "");
    format!("histogram_quantile({quantile}, sum by (pipeline, le) (rate({buckets}[$__rate_interval])))")
}

/// What processes tell of themselves, of those alone that run the pipelines that are chosen.
pub(super) fn of_processes(expr: &str) -> String {
    format!(
        "{expr} * on (job, instance) group_left () max by (job, instance) (forebay_partitions_assigned{{pipeline=~\"$pipeline\"}} * 0 + 1)"
    )
}

/// The panel of a metric that has none by hand.
pub(super) fn default_of(metric: &'static Metric) -> Panel {
    let mut by: Vec<&str> = metric.labels.to_vec();
    // How lanes and partitions compare is for the page of the process.
    by.retain(|label| !["lane", "partition"].contains(label));
    let legend: Vec<String> = by.iter().map(|label| format!("{{{{{label}}}}}")).collect();
    let (by, legend) = (by.join(", "), legend.join(" "));
    let title = title_of(metric);
    let name = metric.name;
    if metric.labels.is_empty() {
        let expr = match metric.kind {
            Kind::Counter => format!("rate({name}[$__rate_interval])"),
            _ if name.ends_with("_time_seconds") => format!("(time() - {name})"),
            _ => name.to_owned(),
        };
        return Panel::new(&title, metric, unit_of(metric)).query(of_processes(&expr), "{{instance}}");
    }
    let panel = Panel::new(&title, metric, unit_of(metric));
    match metric.kind {
        Kind::Counter => panel.query(rate(metric, &by, ""), &legend),
        Kind::Histogram => panel
            .query(quantile(metric, 0.5), &format!("p50 {legend}"))
            .query(quantile(metric, 0.99), &format!("p99 {legend}")),
        Kind::Info => {
            let of = chosen(metric, "", "");
            let of = match metric.labels.contains(&"pipeline") {
                true => of,
                false => of_processes(&of),
            };
            // How many processes say so: two lines are a rollout under way.
            panel.query(format!("count by ({by}) ({of})"), "").table()
        }
        Kind::Gauge => {
            let of = chosen(metric, "", "");
            let expr = match name {
                _ if name.ends_with("_timestamp_seconds") => format!("time() - min by ({by}) ({of} > 0)"),
                // Times of lanes do not add up.
                _ if name.ends_with("_seconds") => format!("max by ({by}) ({of})"),
                _ => format!("sum by ({by}) ({of})"),
            };
            panel.query(expr, &legend)
        }
    }
}

/// The metric's name in words.
fn title_of(metric: &Metric) -> String {
    let name = metric
        .name
        .trim_start_matches("forebay_")
        .trim_end_matches("_total");
    let words = name.replace('_', " ");
    let mut chars = words.chars();
    let first = chars.next().map(|c| c.to_ascii_uppercase());
    first.into_iter().chain(chars).collect()
}

/// Grafana's name of the unit, by that of the metric.
pub(super) fn unit_of(metric: &Metric) -> &'static str {
    let name = metric.name.trim_end_matches("_total");
    match metric.kind {
        Kind::Counter if name.ends_with("_seconds") => "percentunit",
        Kind::Counter if name.ends_with("_bytes") => "Bps",
        Kind::Counter => "cps",
        _ if name.ends_with("_seconds") => "s",
        _ if name.ends_with("_bytes") => "bytes",
        _ if name.ends_with("_ratio") => "percentunit",
        _ => "short",
    }
}
