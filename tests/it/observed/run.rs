//! A real Prometheus scrapes a real run: every metric is there, every panel has data, and nobody is called.

use forebay::dashboard;
use forebay::telemetry::table::{self, Kind};
use forebay_testcontainers::{Kafka, Load, Registry, await_until};
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

use super::watched::{WITHIN, Watched, once};
use crate::{secure, sensors};

/// Writes records that cannot be decoded.
pub(super) fn poison(kafka: &Kafka, topic: &str, count: usize) {
    let mut config = ClientConfig::new();
    let producer: BaseProducer = config
        .set("bootstrap.servers", kafka.bootstrap())
        .create()
        .expect("a producer");
    for _ in 0..count {
        let record = BaseRecord::<(), _>::to(topic).payload("{");
        producer.send(record).map_err(|(e, _)| e).expect("queue");
    }
    producer.flush(WITHIN).expect("write");
}

#[test]
fn every_metric_and_every_panel_has_data_and_no_alert_fires() {
    // A connector that has what a connector can have: tokens, and a registry.
    let kafka = &secure::cluster().kafka;
    let local = secure::cluster().connector("OAUTH", secure::TOKENS);
    let bare = local.strip_suffix(" }").expect("a map");
    let registry = Registry::shared().url();
    let local = format!("{bare}, schema_registry: {{ url: {registry:?} }} }}");
    let alerts = "{ window: 15s, for: 5s, latency: 10s, input_stopped: 30s, rejects: 0.5 }";
    let mut watched = Watched::through(&local, [kafka, kafka], "observed", alerts, &[]);
    let load = Load::start(kafka.bootstrap(), &watched.input, 200, sensors::event);
    // So that there is a reject to be shown.
    poison(kafka, &watched.input, 1);

    for metric in table::all() {
        let name = match metric.kind {
            Kind::Histogram => format!("{}_bucket", metric.name),
            _ => metric.name.to_owned(),
        };
        await_until(WITHIN, &name, || !watched.prometheus.query(&name).is_empty());
    }
    for query in dashboard::queries() {
        let query = query
            .replace("$pipeline", "sensors")
            .replace("$connector", ".*")
            .replace("$__rate_interval", "15s");
        await_until(WITHIN, &query, || !watched.prometheus.query(&query).is_empty());
    }
    await_until(WITHIN, "a window of results is recorded", || {
        watched
            .value("pipeline:forebay_results:rate")
            .is_some_and(|rate| (150.0..250.0).contains(&rate))
    });
    assert_eq!(watched.prometheus.alerts(), []);
    assert_eq!(watched.fired(), once(&[]));
    load.stop();
    watched.stop();
}

#[test]
fn a_process_that_is_gone_calls_once_and_is_over() {
    let kafka = Kafka::start();
    let mut watched = Watched::start(&kafka, &kafka, "gone", "{ window: 15s, for: 3s }", &[]);
    let load = Load::start(kafka.bootstrap(), &watched.input, 200, sensors::event);
    await_until(WITHIN, "results", || kafka.count(&watched.output) > 1000);
    watched.stop();
    watched.await_firing(&["ForebayDown"]);
    watched.start_again();
    watched.await_calm();
    assert_eq!(watched.fired(), once(&["ForebayDown"]));
    load.stop();
    watched.stop();
}
