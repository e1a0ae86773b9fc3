//! Nobody is called while all is well, and each fault calls once for as long as it lasts. Some minutes; `make test-long` runs it.

mod faults;

use std::process::Command;
use std::time::{Duration, Instant};

use forebay_testcontainers::{Failure, Frozen, Kafka, Load, await_until};
use tempfile::TempDir;

use super::run::poison;
use super::watched::{WITHIN, Watched, once};
use crate::{secure, sensors};

/// Thresholds that a fault passes within seconds.
const SHORT: &str =
    "{ window: 15s, for: 3s, silent: 5s, input_stopped: 20s, latency: 5s, lag: 5s, rejects: 0.02 }";

/// An event with another value of one field.
fn with(number: u64, field: &str, value: &str) -> (Vec<u8>, Vec<u8>) {
    let (key, event) = sensors::event(number);
    let event = String::from_utf8(event).expect("text");
    let (before, rest) = event.split_once(&format!("\"{field}\":")).expect("a field");
    let (_, behind) = rest.split_once(',').expect("another field");
    (key, format!("{before}\"{field}\":{value},{behind}").into_bytes())
}

#[test]
fn nobody_is_called_in_five_calm_minutes() {
    let kafka = Kafka::start();
    let mut watched = Watched::start(&kafka, &kafka, "calm", SHORT, &[]);
    let load = Load::start(kafka.bootstrap(), &watched.input, 500, sensors::event);
    let began = Instant::now();
    let mut looks = 0_u32;
    await_until(Duration::from_secs(400), "five minutes have passed", || {
        assert_eq!(watched.firing(), Vec::<String>::new());
        looks += 1;
        began.elapsed() >= Duration::from_secs(300)
    });
    assert!(looks > 100, "{looks}");
    assert_eq!(watched.fired(), once(&[]));
    load.stop();
    watched.stop();
}

#[test]
fn poison_calls_once_and_is_over() {
    let kafka = Kafka::start();
    let mut watched = Watched::start(&kafka, &kafka, "poison", SHORT, &[]);
    let load = Load::start(kafka.bootstrap(), &watched.input, 200, sensors::event);
    await_until(WITHIN, "results", || kafka.count(&watched.output) > 1000);
    await_until(WITHIN, "it is called", || {
        poison(&kafka, &watched.input, 200);
        watched.firing() == ["ForebayRejectsHigh"]
    });
    watched.await_calm();
    assert_eq!(watched.fired(), once(&["ForebayRejectsHigh"]));
    load.stop();
    watched.stop();
}

#[test]
fn a_model_that_is_given_nulls_calls_once_and_is_over() {
    let kafka = Kafka::start();
    // Missing values are drift, too, and not what is looked at here.
    let nullable = [
        ("f1: float32", "f1: { type: float32, nullable: true }"),
        (sensors::DRIFT, ""),
    ];
    let mut watched = Watched::start(&kafka, &kafka, "nulls", SHORT, &nullable);
    let load = Load::start(kafka.bootstrap(), &watched.input, 200, sensors::event);
    await_until(WITHIN, "results", || kafka.count(&watched.output) > 1000);
    // Few enough that the model is not taken for broken.
    let nulls = Load::start(kafka.bootstrap(), &watched.input, 10, |n| with(n, "f1", "null"));
    let names = ["ForebayModelFailing", "ForebayRejectsHigh"];
    watched.await_firing(&names);
    nulls.stop();
    watched.await_calm();
    assert_eq!(watched.fired(), once(&names));
    load.stop();
    watched.stop();
}

#[test]
fn a_slow_model_calls_once_and_is_over() {
    let kafka = Kafka::start();
    let folder = TempDir::new().expect("a folder");
    let model = folder.path().join("slow.onnx").display().to_string();
    let mut python = Command::new(crate::python("examples/export/requirements.txt"));
    python
        .args(["tests/observed/slow.py", &model])
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    crate::schemas::said_by(python);
    let path = format!("path: {model}");
    let edits = [("path: model.onnx", path.as_str()), (sensors::DRIFT, "")];
    let alerts = "{ window: 15s, for: 3s, latency: 1s, lag: 5m, silent: 5m }";
    let mut watched = Watched::start(&kafka, &kafka, "slow", alerts, &edits);
    let load = Load::start(kafka.bootstrap(), &watched.input, 200, sensors::event);
    await_until(WITHIN, "results", || kafka.count(&watched.output) > 1000);
    assert_eq!(watched.firing(), Vec::<String>::new());
    // One in a batch is enough, and each batch has one.
    let slow = Load::start(kafka.bootstrap(), &watched.input, 20, |n| {
        with(n, "f1", "1500000")
    });
    watched.await_firing(&["ForebayLatencyHigh"]);
    slow.stop();
    watched.await_calm();
    assert_eq!(watched.fired(), once(&["ForebayLatencyHigh"]));
    load.stop();
    watched.stop();
}

#[test]
fn data_that_shifts_calls_once_for_each_column_and_is_over() {
    let kafka = Kafka::start();
    let drift = "drift: { baseline: pipeline.baseline.json, window: 20s }";
    let edits = [(sensors::DRIFT, drift)];
    let alerts = "{ window: 15s, for: 3s }";
    let mut watched = Watched::start(&kafka, &kafka, "shifts", alerts, &edits);
    let load = Load::start(kafka.bootstrap(), &watched.input, 200, sensors::event);
    await_until(WITHIN, "results", || kafka.count(&watched.output) > 5000);
    assert_eq!(watched.firing(), Vec::<String>::new());
    let shifted = Load::start(kafka.bootstrap(), &watched.input, 200, |n| with(n, "f3", "120"));
    watched.await_firing(&["ForebayInputDrift"]);
    shifted.stop();
    watched.await_calm();
    let fired = watched.fired();
    assert!(fired.contains(&("ForebayInputDrift".to_owned(), 1)), "{fired:?}");
    // What is predicted from such values may drift with them.
    let others = fired.iter().filter(|(name, _)| name != "ForebayInputDrift");
    assert!(
        others
            .clone()
            .all(|(name, times)| name == "ForebayPredictionDrift" && *times == 1),
        "{fired:?}"
    );
    load.stop();
    watched.stop();
}

#[test]
fn an_input_that_stops_calls_once_and_is_over() {
    let kafka = Kafka::start();
    let mut watched = Watched::start(&kafka, &kafka, "paused", SHORT, &[]);
    let load = Load::start(kafka.bootstrap(), &watched.input, 200, sensors::event);
    await_until(WITHIN, "results", || kafka.count(&watched.output) > 1000);
    load.stop();
    watched.await_firing(&["ForebayInputStopped"]);
    let load = Load::start(kafka.bootstrap(), &watched.input, 200, sensors::event);
    watched.await_calm();
    assert_eq!(watched.fired(), once(&["ForebayInputStopped"]));
    load.stop();
    watched.stop();
}

#[test]
fn a_lane_that_hangs_calls_once_and_is_over() {
    let kafka = Kafka::start();
    let alerts = "{ window: 15s, for: 3s, silent: 5s }";
    let one = [("  dead_letters", "  lanes: 1\n  dead_letters")];
    let mut watched = Watched::start(&kafka, &kafka, "hangs", alerts, &one);
    // Less than a hang leaves behind, so that nothing else is late.
    let load = Load::start(kafka.bootstrap(), &watched.input, 200, sensors::event);
    await_until(WITHIN, "results", || kafka.count(&watched.output) > 1000);
    let frozen = Frozen::thread(&watched.forebay, "lane-0").expect("stop the lane");
    watched.await_firing(&["ForebayLaneStuck"]);
    drop(frozen);
    watched.await_calm();
    assert_eq!(
        watched
            .fired()
            .iter()
            .find(|(name, _)| name == "ForebayLaneStuck")
            .map(|(_, n)| *n),
        Some(1)
    );
    load.stop();
    watched.stop();
}

#[test]
fn a_sink_that_stops_calls_once_and_is_over() {
    let (kafka, sink) = (Kafka::start(), Kafka::start());
    let alerts = "{ window: 15s, for: 3s }";
    let mut watched = Watched::start(&kafka, &sink, "sink-stops", alerts, &[]);
    let load = Load::start(kafka.bootstrap(), &watched.input, 200, sensors::event);
    await_until(WITHIN, "results", || sink.count(&watched.output) > 1000);
    sink.stop_node(0);
    watched.await_firing(&["ForebayNoResults"]);
    sink.start_node(0);
    watched.await_calm();
    assert_eq!(watched.fired(), once(&["ForebayNoResults"]));
    load.stop();
    watched.stop();
}

#[test]
fn brokers_that_stop_call_once_and_are_over() {
    let kafka = Kafka::start();
    let alerts = "{ window: 15s, for: 3s }";
    let mut watched = Watched::start(&kafka, &kafka, "stops", alerts, &[]);
    Load::all(kafka.bootstrap(), &watched.input, 10_000, sensors::event);
    await_until(WITHIN, "results", || kafka.count(&watched.output) == 10_000);
    kafka.stop_node(0);
    watched.await_firing(&["ForebayUnreachable"]);
    kafka.start_node(0);
    // The next record shows that both are reached again.
    let load = Load::start(kafka.bootstrap(), &watched.input, 200, sensors::event);
    watched.await_calm();
    assert_eq!(watched.fired(), once(&["ForebayUnreachable"]));
    load.stop();
    watched.stop();
}

#[test]
fn a_token_that_is_not_renewed_calls_once_and_is_over() {
    let (kafka, issuer) = (&secure::cluster().kafka, &secure::cluster().moody);
    // Renewed while a good third of it is left.
    issuer.lifetime(Duration::from_secs(120));
    let local = secure::cluster().connector("MOODY", secure::TOKENS);
    let alerts = "{ window: 45s, for: 3s, token: 30s }";
    let mut watched = Watched::through(&local, [kafka, kafka], "expiring", alerts, &[]);
    let load = Load::start(kafka.bootstrap(), &watched.input, 200, sensors::event);
    await_until(WITHIN, "results", || kafka.count(&watched.output) > 1000);
    issuer.fail(Some(Failure::ServerError));
    let names = ["ForebayTokenExpiring", "ForebayTokenNotRenewed"];
    await_until(WITHIN * 2, "both fire", || watched.firing() == names);
    issuer.fail(None);
    watched.await_calm();
    assert_eq!(watched.fired(), once(&names));
    load.stop();
    watched.stop();
}
