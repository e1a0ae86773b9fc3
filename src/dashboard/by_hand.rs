//! The panels that say most, by row. One whose metric the table has not is left out.

use super::panel::{Panel, chosen, metric, quantile, rate};

/// The panels of a row.
pub(super) fn panels(row: &str) -> Vec<Panel> {
    let of: &[fn() -> Option<Panel>] = match row {
        "Overview" => OVERVIEW,
        "Stages" => STAGES,
        "Kafka" => KAFKA,
        "Model" => MODEL,
        "Drift" => DRIFT,
        _ => &[],
    };
    of.iter().filter_map(|panel| panel()).collect()
}

const OVERVIEW: &[fn() -> Option<Panel>] = &[
    || {
        let consumed = metric("forebay_records_consumed_total")?;
        let expr = format!("sum(rate({}[$__rate_interval]))", chosen(consumed, "", ""));
        Some(Panel::new("Records in", consumed, "cps").query(expr, "").number())
    },
    || {
        let delivered = metric("forebay_records_delivered_total")?;
        let expr = format!("sum(rate({}[$__rate_interval]))", chosen(delivered, "", ""));
        Some(
            Panel::new("Results out", delivered, "cps")
                .query(expr, "")
                .number(),
        )
    },
    || {
        let lag = metric("forebay_lag_records")?;
        let expr = format!("sum({})", chosen(lag, "", ""));
        Some(Panel::new("Lag", lag, "short").query(expr, "").number())
    },
    || {
        let lag = metric("forebay_lag_seconds")?;
        let expr = format!("max({})", chosen(lag, "", ""));
        Some(Panel::new("Lag in time", lag, "s").query(expr, "").number())
    },
    || {
        let (dead, dropped) = (
            metric("forebay_records_dead_lettered_total")?,
            metric("forebay_records_dropped_total")?,
        );
        let consumed = metric("forebay_records_consumed_total")?;
        let of = |metric| format!("sum(rate({}[$__rate_interval]))", chosen(metric, "", ""));
        let expr = format!("({} + {}) / {}", of(dead), of(dropped), of(consumed));
        Some(
            Panel::new("Rejected", dead, "percentunit")
                .query(expr, "")
                .number(),
        )
    },
    || {
        let assigned = metric("forebay_partitions_assigned")?;
        let of = chosen(assigned, "", "");
        let expr = format!("count(count by (job, instance) ({of}))");
        Some(
            Panel::new("Processes", assigned, "short")
                .query(expr, "")
                .number(),
        )
    },
    || {
        let consumed = metric("forebay_records_consumed_total")?;
        let outcomes = ["delivered", "filtered", "dead_lettered", "dropped", "abandoned"];
        let mut panel = Panel::new("Records by what became of them", consumed, "cps")
            .query(rate(consumed, "pipeline", ""), "{{pipeline}} consumed");
        for outcome in outcomes {
            let of = metric(&format!("forebay_records_{outcome}_total"))?;
            panel = panel
                .query(rate(of, "pipeline", ""), &format!("{{{{pipeline}}}} {outcome}"))
                .and(of);
        }
        Some(panel)
    },
    || {
        let latency = metric("forebay_latency_seconds")?;
        let panel = Panel::new("From event to result", latency, "s");
        let all = [(0.5, "p50"), (0.95, "p95"), (0.99, "p99")];
        Some(all.iter().fold(panel, |panel, (q, name)| {
            panel.query(quantile(latency, *q), &format!("{{{{pipeline}}}} {name}"))
        }))
    },
    || {
        let rejects = metric("forebay_rejects_total")?;
        let by = "pipeline, stage, reason";
        let legend = "{{pipeline}} {{stage}}: {{reason}}";
        Some(Panel::new("Rejects by reason", rejects, "cps").query(rate(rejects, by, ""), legend))
    },
];

const STAGES: &[fn() -> Option<Panel>] = &[
    || {
        let stages = metric("forebay_stage_seconds_total")?;
        let expr = rate(stages, "pipeline, stage, step", "");
        Some(
            Panel::new("Where the time goes, in lanes", stages, "short")
                .query(expr, "{{pipeline}} {{stage}} {{step}}"),
        )
    },
    || {
        let confirmation = metric("forebay_confirmation_seconds")?;
        Some(
            Panel::new("Confirmation by the sink", confirmation, "s")
                .query(quantile(confirmation, 0.5), "{{pipeline}} p50")
                .query(quantile(confirmation, 0.99), "{{pipeline}} p99"),
        )
    },
    || {
        let rows = metric("forebay_batch_rows")?;
        let of = |suffix| {
            format!(
                "sum by (pipeline) (rate({}[$__rate_interval]))",
                chosen(rows, suffix, "")
            )
        };
        Some(
            Panel::new("Rows a batch", rows, "short")
                .query(format!("{} / {}", of("_sum"), of("_count")), "{{pipeline}} mean")
                .query(quantile(rows, 0.99), "{{pipeline}} p99"),
        )
    },
];

const KAFKA: &[fn() -> Option<Panel>] = &[
    || {
        let lag = metric("forebay_lag_records")?;
        let expr = format!("sum by (pipeline) ({})", chosen(lag, "", ""));
        Some(Panel::new("Lag", lag, "short").query(expr, "{{pipeline}}"))
    },
    || {
        let lag = metric("forebay_lag_seconds")?;
        let expr = format!("max by (pipeline) ({})", chosen(lag, "", ""));
        Some(Panel::new("Lag in time", lag, "s").query(expr, "{{pipeline}}"))
    },
    || {
        let state = metric("forebay_partition_state")?;
        let expr = format!("sum by (pipeline, state) ({})", chosen(state, "", ""));
        Some(Panel::new("Partitions by state", state, "short").query(expr, "{{pipeline}} {{state}}"))
    },
    || {
        let expires = metric("forebay_token_expires_timestamp_seconds")?;
        let of = chosen(expires, "", "");
        Some(Panel::new("Tokens are good for", expires, "s").query(
            format!("min by (pipeline, connector) ({of}) - time()"),
            "{{pipeline}} {{connector}}",
        ))
    },
];

const MODEL: &[fn() -> Option<Panel>] = &[
    || {
        let rows = metric("forebay_step_rows_total")?;
        let model = r#"stage="model""#;
        Some(
            Panel::new("Rows scored", rows, "cps")
                .query(rate(rows, "pipeline, step", model), "{{pipeline}} {{step}}"),
        )
    },
    || {
        let (seconds, rows) = (
            metric("forebay_stage_seconds_total")?,
            metric("forebay_step_rows_total")?,
        );
        let of = |metric| rate(metric, "pipeline, step", r#"stage="model""#);
        let mut panel = Panel::new("Model time a row", seconds, "s")
            .query(format!("{} / {}", of(seconds), of(rows)), "{{pipeline}} {{step}}");
        panel.shows.clear();
        Some(panel)
    },
    || {
        let (rows, runs) = (
            metric("forebay_step_rows_total")?,
            metric("forebay_step_runs_total")?,
        );
        let of = |metric| rate(metric, "pipeline, step", r#"stage="model""#);
        let mut panel = Panel::new("Rows a run of the model", runs, "short")
            .query(format!("{} / {}", of(rows), of(runs)), "{{pipeline}} {{step}}");
        panel.shows.clear();
        Some(panel)
    },
];

const DRIFT: &[fn() -> Option<Panel>] = &[
    || {
        let limit = metric("forebay_drift_limit")?;
        let score = r#"column:forebay_drift_score:window{pipeline=~"$pipeline",score="psi"}"#;
        let of = chosen(limit, "", r#"score="psi""#);
        let by = "pipeline, part, column";
        Some(
            Panel::new(
                "Population stability index, as a share of its limit",
                limit,
                "percentunit",
            )
            .query(
                format!("{score} / on ({by}) group_left () max by ({by}) ({of})"),
                "{{pipeline}} {{part}} {{column}}",
            ),
        )
    },
    || {
        let rows = metric("forebay_drift_rows_total")?;
        let of = |by| rate(rows, by, r#"part="prediction""#);
        Some(Panel::new("Predictions by bin", rows, "percentunit").query(
            format!(
                "{} / on (pipeline, column) group_left () {}",
                of("pipeline, column, bin"),
                of("pipeline, column")
            ),
            "{{pipeline}} {{column}} {{bin}}",
        ))
    },
    || {
        let rows = metric("forebay_drift_rows_total")?;
        let of = |more| rate(rows, "pipeline, part, column", more);
        let missing = r#"bin=~"\\(missing\\)|\\(not finite\\)""#;
        Some(Panel::new("Missing values", rows, "percentunit").query(
            format!("{} / {}", of(missing), of("")),
            "{{pipeline}} {{part}} {{column}}",
        ))
    },
];
