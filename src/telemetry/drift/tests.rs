use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, Float32Array, RecordBatch};
use arrow::datatypes::DataType;
use forebay_core::drift::counting;
use forebay_core::drift::{Bins, Measure, Observed, Part, Reference, Spread, Thresholds, Watch};
use forebay_core::metrics::{AllMetrics, LaneMetrics};

use super::*;
use crate::drift::Against;

const MINUTE: Duration = Duration::from_secs(60);

/// One column of numbers, half of the reference's below 1 and half above.
fn drift(with_baseline: bool) -> Arc<Drift> {
    let bins = Bins::Numbers(vec![0.0, 1.0, 2.0]);
    let observed = Observed::of(Part::Input, "a\n\"b", &DataType::Float32, 0, 0);
    let spread = Spread {
        psi: Measure { mean: 0.0, sd: 0.0 },
        ..Spread::default()
    };
    let reference = Reference {
        part: Part::Input,
        name: "a\n\"b".into(),
        data_type: "float32".into(),
        bins: bins.clone(),
        counts: vec![0, 50, 50, 0, 0, 0],
        spread,
    };
    let against = Against {
        limits: reference.limits(&Thresholds::default()),
        least_rows: 10,
        reference,
    };
    Arc::new(Drift {
        counted: counting::Plan::new(vec![(observed[0].clone(), bins.clone())]).unwrap(),
        columns: vec![Compared {
            part: Part::Input,
            name: "a\n\"b".into(),
            data_type: "float32".into(),
            bins,
            against: with_baseline.then_some(against),
        }],
        window: 10 * MINUTE,
        file: None,
    })
}

/// Two lanes, and what counts for each.
fn lanes(drift: &Drift) -> (AllMetrics, Vec<Watch>) {
    let (mut all, mut watches) = (AllMetrics::new(), Vec::new());
    for _ in 0..2 {
        let (watch, counted) = drift.counted.open().unwrap();
        let lane = Arc::new(LaneMetrics::default());
        lane.drift.set(counted).unwrap();
        all.push(lane);
        watches.extend(watch);
    }
    (all, watches)
}

fn observe(watch: &mut Watch, values: &[f32]) {
    let values: ArrayRef = Arc::new(Float32Array::from(values.to_vec()));
    watch
        .what
        .observe(&RecordBatch::try_from_iter([("a", values)]).unwrap());
}

#[test]
fn a_shift_is_drift_until_its_window_has_passed() {
    let drift = drift(true);
    let (lanes, mut watches) = lanes(&drift);
    let drifting = Drifting::new("p", Arc::clone(&drift), lanes);
    let mut verdicts = BTreeMap::new();
    for minute in 1..=40_u32 {
        let value = if (11..20).contains(&minute) {
            [1.5; 4]
        } else {
            [0.5, 0.5, 1.5, 1.5]
        };
        for watch in &mut watches {
            observe(watch, &value);
        }
        let looked = drifting.look_at(MINUTE * minute);
        let word = match &looked[0].verdict {
            Verdict::Judged(_, above) if above.is_empty() => "ok",
            Verdict::Judged(..) => "drift",
            Verdict::TooFewRows => "few",
            Verdict::NoBaseline => "none",
        };
        verdicts.insert(minute, word);
    }
    let of = |minutes: &[u32]| minutes.iter().map(|minute| verdicts[minute]).collect::<Vec<_>>();
    assert_eq!(
        of(&[1, 2, 10, 14, 19, 32, 40]),
        ["few", "ok", "ok", "drift", "drift", "ok", "ok"],
        "{verdicts:?}"
    );
}

#[test]
fn what_drifts_is_said_once_a_window() {
    let drift = drift(true);
    let column = &drift.columns[0];
    let mut said = Said::default();
    let scores = Scores {
        psi: 1.0,
        js: 0.5,
        missing: 0.0,
        new_categories: None,
    };
    let mut changes = 0;
    for second in 0..3600_u64 {
        let above = if second % 2 == 0 { vec!["psi"] } else { Vec::new() };
        let before = said.at;
        say(
            column,
            &Verdict::Judged(scores, above),
            &mut said,
            Duration::from_secs(second),
            drift.window,
        );
        say(
            column,
            &Verdict::TooFewRows,
            &mut said,
            Duration::from_secs(second),
            drift.window,
        );
        changes += u32::from(said.at != before);
    }
    assert_eq!(changes, 6);
}

#[test]
fn the_answer_and_the_metrics_hold_counts_scores_and_limits() {
    let drift = drift(true);
    let (lanes, mut watches) = lanes(&drift);
    let drifting = Drifting::new("p", Arc::clone(&drift), lanes.clone());
    observe(&mut watches[0], &[0.5; 20]);
    observe(&mut watches[1], &[f32::NAN, 1.5]);
    let json = drifting.to_json();
    let column = &json["columns"][0];
    assert_eq!(
        (&column["verdict"], &column["rows"], &column["least_rows"]),
        (&"drift".into(), &22.into(), &10.into())
    );
    assert_eq!(column["above"], serde_json::json!(["psi", "js", "missing"]));
    assert_eq!(
        column["bins"][1],
        serde_json::json!({ "bin": "0..1", "rows": 20, "reference": 0.5 })
    );
    assert!(
        column["scores"]["psi"].as_f64() > column["limits"]["psi"].as_f64(),
        "{column}"
    );
    let beside = super::super::Beside {
        drift: Some(drift),
        ..Default::default()
    };
    let exporter = super::super::Exporter::new("p", lanes, beside, super::super::Build::this());
    let text = exporter.scrape().unwrap();
    let labels = r#"{pipeline="p",part="input",column="a\n\"b",bin="#;
    for line in [
        format!("forebay_drift_rows_total{labels}\"0..1\"}} 20\n"),
        format!("forebay_drift_rows_total{labels}\"1..2\"}} 1\n"),
        format!("forebay_drift_rows_total{labels}\"(not finite)\"}} 1\n"),
        format!("forebay_drift_reference_rows{labels}\"1..2\"}} 50\n"),
        r#"forebay_drift_limit{pipeline="p",part="input",column="a\n\"b",score="psi"} 0.05"#.to_owned(),
    ] {
        assert!(text.contains(&line), "{line} is not in\n{text}");
    }
}

#[test]
fn without_a_baseline_there_are_counts_and_no_verdict() {
    let drift = drift(false);
    let (lanes, mut watches) = lanes(&drift);
    let drifting = Drifting::new("p", Arc::clone(&drift), lanes);
    observe(&mut watches[0], &[0.5; 20]);
    let json = drifting.to_json();
    assert_eq!(json["columns"][0]["verdict"], "no_baseline");
    assert_eq!(json["columns"][0]["bins"][1]["rows"], 20);
    assert!(
        json["columns"][0]["scores"].is_null() && json["columns"][0]["limits"].is_null(),
        "{json}"
    );
}

#[test]
fn the_watcher_ends_when_dropped() {
    let drift = drift(true);
    let (lanes, _) = lanes(&drift);
    let drifting = Arc::new(Drifting::new("p", drift, lanes));
    drop(Watcher::start(&drifting));
    assert_eq!(Arc::strong_count(&drifting), 1);
}
