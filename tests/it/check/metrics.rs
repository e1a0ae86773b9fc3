//! `docs/metrics.md` is made of the table that the exporter writes by. `make reference` writes it anew.

use std::path::Path;

use forebay::telemetry::table::SECTIONS;

const HEAD: &str = "# Metrics

What `/metrics` gives to Prometheus. `make reference` makes this page of the table that the exporter writes by. A series that a pipeline
has no use for is absent: steps where there are none, tokens where there is no issuer. `lane` counts the lanes of a process from 0, `step`
the steps of the pipeline file from 1.

At any time, for every lane:

    consumed = delivered + filtered + dead_lettered + dropped + abandoned + in_flight

The reasons of rejects are the program's own words, at most 64 pairs of stage and reason a lane; what comes beyond is `other`.
";

fn page() -> String {
    let mut out = HEAD.to_owned();
    for section in SECTIONS {
        out += &format!(
            "\n## {}\n\n| metric | kind | labels | meaning |\n| --- | --- | --- | --- |\n",
            section.title
        );
        for metric in section.metrics {
            let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
            let row = format!(
                "| `{}` | {} | {} | {} |\n",
                metric.name,
                metric.kind.name(),
                labels.join(", "),
                metric.help
            );
            out += &row.replace("  ", " ");
        }
    }
    out
}

#[test]
fn the_reference_of_metrics_is_made_of_their_table() {
    let made = page();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/metrics.md");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &made).expect("the page");
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == made,
        "docs/metrics.md is not what the table says; `make reference` writes it"
    );
}
