//! What clients go through, as they count it: connections that end, and a broker that holds its answers back for a quota's sake.

use forebay_testcontainers::{Kafka, Load, await_until};
use tempfile::TempDir;

use super::watched::WITHIN;
use crate::schemas::{java, said_by};
use crate::{metric, secure, sensors};

#[test]
fn connections_that_end_and_quotas_are_on_metrics() {
    let kafka = Kafka::start();
    for topic in ["telemetry", "telemetry-scores", "telemetry.dead"] {
        kafka.create_topic(topic, 2);
    }
    let (folder, port) = (TempDir::new().expect("a folder"), crate::free_port());
    // The clients' own interval is as long as a test should be.
    let local = format!(
        "bootstrap: [\"{}\"], client: {{ statistics.interval.ms: 100 }}",
        kafka.bootstrap()
    );
    let listen = format!("connector: local\ntelemetry: {{ listen: \"127.0.0.1:{port}\" }}\n");
    let edits = [
        ("bootstrap: [\"localhost:9092\"]", local.as_str()),
        ("connector: local\n", &listen),
    ];
    let mut forebay = secure::run(&sensors::pipeline(&folder, &edits));
    let of = |what: &str| metric(port, &format!("forebay_client_{what}"));
    await_until(WITHIN, "it has its connections", || of("connects_total") >= 2);
    assert_eq!(of("throttle_seconds"), 0);

    let mut quota = java("serdes", "Quota.java");
    quota.args([kafka.bootstrap(), "forebay", "producer_byte_rate", "1000"]);
    said_by(quota);
    let load = Load::start(kafka.bootstrap(), "telemetry", 1000, sensors::event);
    await_until(WITHIN, "a broker holds an answer back for seconds", || {
        of("throttle_seconds") >= 1
    });
    load.stop();

    let (made, ended) = (of("connects_total"), of("disconnects_total"));
    kafka.stop_node(0);
    await_until(WITHIN, "connections have ended", || {
        of("disconnects_total") > ended
    });
    kafka.start_node(0);
    await_until(WITHIN, "there are new ones", || of("connects_total") > made);
    // What the quota holds back would be confirmed too late for an end in order.
    forebay.kill().expect("end it");
    forebay.wait().expect("forebay");
}
