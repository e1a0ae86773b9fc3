//! Groups under stress: members join, leave, are killed and frozen, brokers stop. What may be lost or seen twice is
//! counted by the records' numbers, on members that copy bytes from topic to topic.

mod member;
mod stress;

mod closing;
mod long;

use forebay_testcontainers::Kafka;

use stress::Stress;

#[test]
fn joins_and_leaves_lose_and_duplicate_nothing() {
    let kafka = Kafka::shared();
    Stress::copying(kafka, "joins", "cooperative-sticky").joins_and_leaves(4);
}

#[test]
fn joins_and_leaves_lose_and_duplicate_nothing_where_the_broker_assigns() {
    let kafka = Kafka::shared();
    Stress::copying(kafka, "joins-848", "consumer").joins_and_leaves(4);
}

#[test]
fn a_scoring_pipeline_joins_leaves_and_is_killed_like_a_copy() {
    let kafka = Kafka::shared();
    Stress::scoring(kafka, "joins", "cooperative-sticky").joins_and_leaves(2);
    Stress::scoring(kafka, "kills", "consumer").kills(2);
}

#[test]
fn kills_lose_nothing_and_duplicate_at_most_max_records_a_lane() {
    let kafka = Kafka::shared();
    Stress::copying(kafka, "kills", "cooperative-sticky").kills(4);
}

#[test]
fn a_frozen_member_commits_nothing_it_no_longer_owns() {
    let kafka = Kafka::shared();
    Stress::copying(kafka, "freeze", "cooperative-sticky").freezes();
}

#[test]
fn a_broker_that_stops_for_ten_seconds_is_waited_for() {
    let kafka = Kafka::start();
    Stress::copying(&kafka, "stop", "cooperative-sticky").broker_stops(0);
}
