//! The whole matrix: three group protocols on one and on three brokers. Some minutes; `make test-long` runs it.

use forebay_testcontainers::Kafka;

use super::stress::Stress;

const PROTOCOLS: [&str; 3] = ["cooperative-sticky", "range", "consumer"];

#[test]
fn ten_joins_and_leaves_on_one_broker() {
    let kafka = Kafka::start();
    for protocol in PROTOCOLS {
        Stress::copying(&kafka, "joins", protocol).joins_and_leaves(10);
        Stress::scoring(&kafka, "joins", protocol).joins_and_leaves(10);
    }
}

#[test]
fn ten_joins_and_leaves_on_three_brokers() {
    let kafka = Kafka::builder().nodes(3).start();
    for protocol in PROTOCOLS {
        Stress::copying(&kafka, "joins", protocol).joins_and_leaves(10);
        Stress::scoring(&kafka, "joins", protocol).joins_and_leaves(10);
    }
}

#[test]
fn twenty_kills_on_one_broker() {
    let kafka = Kafka::start();
    for protocol in PROTOCOLS {
        Stress::copying(&kafka, "kills", protocol).kills(20);
    }
}

#[test]
fn twenty_kills_on_three_brokers() {
    let kafka = Kafka::builder().nodes(3).start();
    Stress::copying(&kafka, "kills", "cooperative-sticky").kills(20);
    Stress::scoring(&kafka, "kills", "cooperative-sticky").kills(20);
}

#[test]
fn a_frozen_member_on_each_protocol() {
    let kafka = Kafka::start();
    for protocol in PROTOCOLS {
        Stress::copying(&kafka, "freeze", protocol).freezes();
        Stress::scoring(&kafka, "freeze", protocol).freezes();
    }
}

#[test]
fn one_of_three_brokers_stops() {
    let kafka = Kafka::builder().nodes(3).start();
    Stress::copying(&kafka, "stop", "cooperative-sticky").broker_stops(1);
    Stress::scoring(&kafka, "stop", "cooperative-sticky").broker_stops(1);
}
