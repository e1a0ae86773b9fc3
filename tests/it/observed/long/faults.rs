//! The faults that take a minute to show: what falls behind, does not get on, is not finite, does not rest, or asks in vain.

use std::sync::OnceLock;

use forebay_testcontainers::{Frozen, Kafka, Load, Outage, RegistryStub, await_until};
use serde_json::json;

use super::super::watched::{WITHIN, Watched, once};
use crate::sensors;

#[test]
fn a_backlog_that_grows_and_is_slow_to_go_calls_once_and_is_over() {
    let kafka = Kafka::start();
    // The lane is frozen for longer than its heartbeat may rest; that is not what is looked at here.
    let alerts = "{ window: 15s, for: 3s, lag: 5s, drain: 1s, silent: 10m }";
    let one = [("  dead_letters", "  lanes: 1\n  dead_letters")];
    let mut watched = Watched::start(&kafka, &kafka, "behind", alerts, &one);
    let load = Load::start(kafka.bootstrap(), &watched.input, 5000, sensors::event);
    await_until(WITHIN, "results", || kafka.count(&watched.output) > 1000);
    let frozen = Frozen::thread(&watched.forebay, "lane-0").expect("stop the lane");
    watched.await_firing(&["ForebayLagRising"]);
    await_until(WITHIN, "much waits", || {
        watched.value("max(forebay_lag_seconds)") > Some(60.0)
    });
    drop(frozen);
    watched.await_firing(&["ForebayDrainSlow"]);
    watched.await_calm();
    load.stop();
    let mut fired = watched.fired();
    // Whether something was in flight when the lane was frozen is chance.
    fired.retain(|one| *one != ("ForebayNoResults".to_owned(), 1));
    let names = ["ForebayDrainSlow", "ForebayLagRising", "ForebayStalled"];
    assert_eq!(fired, once(&names));
    watched.stop();
}

#[test]
fn partitions_that_do_not_get_on_call_once_and_are_over() {
    let (kafka, sink) = (Kafka::start(), Kafka::start());
    let alerts = "{ window: 15s, for: 3s }";
    let mut watched = Watched::start(&kafka, &sink, "stalled", alerts, &[]);
    let load = Load::start(kafka.bootstrap(), &watched.input, 200, sensors::event);
    await_until(WITHIN, "results", || sink.count(&watched.output) > 1000);
    sink.stop_node(0);
    let names = ["ForebayNoResults", "ForebayStalled"];
    watched.await_firing(&names);
    sink.start_node(0);
    watched.await_calm();
    assert_eq!(watched.fired(), once(&names));
    load.stop();
    watched.stop();
}

#[test]
fn a_result_that_is_not_finite_calls_once_and_is_over() {
    let kafka = Kafka::start();
    let score = (
        "probabilities[2] AS score",
        "probabilities[2] / CASE WHEN id < 0 THEN 0 ELSE 1 END AS score",
    );
    let edits = [score, (sensors::DRIFT, "")];
    let mut watched = Watched::start(&kafka, &kafka, "infinite", "{ window: 15s, for: 3s }", &edits);
    let load = Load::start(kafka.bootstrap(), &watched.input, 200, sensors::event);
    await_until(WITHIN, "results", || kafka.count(&watched.output) > 1000);
    Load::all(kafka.bootstrap(), &watched.input, 5, |n| {
        super::with(n, "id", "-1")
    });
    watched.await_firing(&["ForebayNotFinite"]);
    watched.await_calm();
    assert_eq!(watched.fired(), once(&["ForebayNotFinite"]));
    load.stop();
    watched.stop();
}

/// An hour has to pass until it is over, which promtool's cases show and no test waits for.
#[test]
fn members_that_come_and_go_call() {
    let kafka = Kafka::start();
    let alerts = "{ window: 15s, for: 3s, rebalances: 1 }";
    let mut watched = Watched::start(&kafka, &kafka, "storm", alerts, &[]);
    let load = Load::start(kafka.bootstrap(), &watched.input, 200, sensors::event);
    await_until(WITHIN, "results", || kafka.count(&watched.output) > 1000);
    for _ in 0..2 {
        let had = watched.value("sum(forebay_partitions_assigned)");
        assert_eq!(had, Some(4.0));
        watched.with_another(|| {
            await_until(WITHIN, "another member has taken partitions", || {
                watched.value("sum(forebay_partitions_assigned)") < Some(4.0)
            });
        });
        await_until(WITHIN, "they are back", || {
            watched.value("sum(forebay_partitions_assigned)") == Some(4.0)
        });
    }
    watched.await_firing(&["ForebayRebalanceStorm"]);
    await_until(WITHIN, "it is called", || {
        watched.open_calls() == ["ForebayRebalanceStorm"]
    });
    assert_eq!(watched.firing(), ["ForebayRebalanceStorm"]);
    load.stop();
    watched.stop();
}

/// Behind a frame that names schema `id`.
fn framed(id: u8, number: u64) -> (Vec<u8>, Vec<u8>) {
    let (key, event) = sensors::event(number);
    (key, [&[0, 0, 0, 0, id], &event[..]].concat())
}

#[test]
fn a_registry_that_is_down_calls_once_and_is_over() {
    let kafka = Kafka::start();
    let stub = RegistryStub::start();
    let anything = json!({ "schema": "{}", "schemaType": "JSON" });
    stub.schema(1, &anything);
    let local = format!(
        "local: {{ kind: kafka, bootstrap: [{:?}], schema_registry: {{ url: {:?} }} }}",
        kafka.bootstrap(),
        stub.url()
    );
    let format = (
        "format: json\n    columns",
        "format: { json-schema: { validate: true } }\n    columns",
    );
    // Longer than the pauses between questions. What waits for a schema does not get on.
    let alerts = "{ window: 45s, for: 3s }";
    let mut watched = Watched::through(&local, [&kafka, &kafka], "registry", alerts, &[format]);
    let load = Load::start(kafka.bootstrap(), &watched.input, 200, |n| framed(1, n));
    await_until(WITHIN, "results", || kafka.count(&watched.output) > 1000);
    stub.service().fail(Some(Outage::Down));
    Load::all(kafka.bootstrap(), &watched.input, 100, |n| framed(2, n));
    let names = ["ForebayNoResults", "ForebayRegistryDown", "ForebayStalled"];
    watched.await_firing(&names);
    stub.schema(2, &anything);
    stub.service().fail(None);
    watched.await_calm();
    assert_eq!(watched.fired(), once(&names));
    load.stop();
    watched.stop();
}

/// Nothing but what the model calls an anomaly, which few events are.
fn anomaly(number: u64) -> (Vec<u8>, Vec<u8>) {
    static ALL: OnceLock<Vec<(Vec<u8>, Vec<u8>)>> = OnceLock::new();
    let all = ALL.get_or_init(|| {
        let events = (0..49_000).map(sensors::event);
        let anomalous = |event: &[u8]| String::from_utf8_lossy(event).contains(r#""anomaly":1"#);
        events.filter(|(_, event)| anomalous(event)).collect()
    });
    all[number as usize % all.len()].clone()
}

#[test]
fn other_predictions_call_once_and_are_over() {
    let kafka = Kafka::start();
    let drift = "drift: { baseline: pipeline.baseline.json, window: 20s }";
    let edits = [(sensors::DRIFT, drift)];
    let alerts = "{ window: 15s, for: 3s }";
    let mut watched = Watched::start(&kafka, &kafka, "classes", alerts, &edits);
    let load = Load::start(kafka.bootstrap(), &watched.input, 200, sensors::event);
    await_until(WITHIN, "results", || kafka.count(&watched.output) > 5000);
    assert_eq!(watched.firing(), Vec::<String>::new());
    let shifted = Load::start(kafka.bootstrap(), &watched.input, 400, anomaly);
    let names = ["ForebayInputDrift", "ForebayPredictionDrift"];
    watched.await_firing(&names);
    shifted.stop();
    watched.await_calm();
    assert_eq!(watched.fired(), once(&names));
    load.stop();
    watched.stop();
}
