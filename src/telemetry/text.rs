//! The text of a scrape for those who do not read OpenMetrics: the classic format, made of the other. Knows no metric.

use axum::http::{HeaderMap, header};

/// The content type of [`classic`].
pub(super) const CLASSIC: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Whether whoever asks reads OpenMetrics, as Prometheus does.
pub(super) fn reads_open(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter();
    let mut accepted = accepted.filter_map(|value| value.to_str().ok());
    accepted.any(|value| value.contains("application/openmetrics-text"))
}

/// The same series: a metric is named as its series are, and what is neither help nor type is a comment.
pub(super) fn classic(open: &str) -> String {
    let mut text = String::with_capacity(open.len());
    let mut help = "";
    for line in open.lines() {
        if let Some(told) = line.strip_prefix("# HELP ") {
            help = told.split_once(' ').map_or("", |(_, help)| help);
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|told| told.split_once(' '))
        {
            let (suffix, kind) = match kind {
                "counter" => ("_total", "counter"),
                "info" => ("_info", "gauge"),
                other => ("", other),
            };
            for part in [
                "# HELP ",
                name,
                suffix,
                " ",
                help,
                "\n# TYPE ",
                name,
                suffix,
                " ",
                kind,
                "\n",
            ] {
                text.push_str(part);
            }
        } else if !line.starts_with('#') {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_named_as_their_series_and_series_stay_as_they_are() {
        let open = "# HELP rows Rows of 1 # 2\n# TYPE rows counter\nrows_total{of=\"# TYPE x info\"} 7\n\
                    # HELP build What runs\n# TYPE build info\nbuild_info{version=\"1\"} 1\n\
                    # HELP lag_seconds Lag\n# TYPE lag_seconds gauge\n# UNIT lag_seconds seconds\nlag_seconds NaN\n# EOF\n";
        let expected = "# HELP rows_total Rows of 1 # 2\n# TYPE rows_total counter\nrows_total{of=\"# TYPE x info\"} 7\n\
                        # HELP build_info What runs\n# TYPE build_info gauge\nbuild_info{version=\"1\"} 1\n\
                        # HELP lag_seconds Lag\n# TYPE lag_seconds gauge\nlag_seconds NaN\n";
        assert_eq!(classic(open), expected);
    }
}
