//! Rights: who is known but not allowed is refused, for topics, groups and transactional ids.

use std::time::Duration;

use forebay_testcontainers::{Operation, Resource, await_until};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::producer::{BaseProducer, Producer};
use rdkafka::types::RDKafkaErrorCode;

use super::attempt::{read, write};
use super::passwords::user;
use super::{OTHER_USER, WITHIN, cluster};

const PRINCIPAL: &str = "User:other";

fn other() -> ClientConfig {
    user("OPEN", "sasl_plaintext", "PLAIN", OTHER_USER)
}

#[test]
fn a_topic_is_written_and_read_with_the_right_to() {
    let (kafka, config) = (cluster(), other());
    let topic = kafka.create_topic("rights", 1);
    let refused = |result: Result<(), String>| {
        let error = result.expect_err("refused");
        assert!(error.contains("TopicAuthorizationFailed"), "{error}");
    };
    refused(write(&config, None, &topic));
    kafka.allow(PRINCIPAL, Operation::Write, Resource::Topic(&topic));
    write(&config, None, &topic).expect("write");
    // A consumer that only assigns itself asks for its group's coordinator all the same.
    kafka.allow(PRINCIPAL, Operation::Read, Resource::Group("app"));
    refused(read(&config, None, &topic).map(drop));
    kafka.allow(PRINCIPAL, Operation::Read, Resource::TopicPrefix("right"));
    assert_eq!(read(&config, None, &topic).as_deref(), Ok("written"));
    kafka.deny(PRINCIPAL, Operation::Write, Resource::Topic(&topic));
    refused(write(&config, None, &topic));
    kafka.revoke(PRINCIPAL, Operation::Write, Resource::Topic(&topic));
    refused(write(&config, None, &topic));
    kafka.allow(PRINCIPAL, Operation::Write, Resource::Topic(&topic));
    write(&config, None, &topic).expect("write again");
}

#[test]
fn a_group_is_joined_with_the_right_to() {
    let (kafka, mut config) = (cluster(), other());
    let topic = kafka.create_topic("rights-group", 1);
    kafka.allow(PRINCIPAL, Operation::Read, Resource::Topic(&topic));
    config.set("group.id", "rights");
    let consumer = || -> BaseConsumer {
        let consumer: BaseConsumer = config.create().expect("a consumer");
        consumer.subscribe(&[&topic]).expect("subscribe");
        consumer
    };
    let refused = consumer();
    await_until(WITHIN, "the group is refused", || {
        let answer = refused.poll(Duration::from_millis(10));
        answer
            .is_some_and(|answer| code(answer.map(drop)) == Some(RDKafkaErrorCode::GroupAuthorizationFailed))
    });
    kafka.allow(PRINCIPAL, Operation::Read, Resource::Group("rights"));
    let taken = consumer();
    await_until(WITHIN, "the group is joined", || {
        if let Some(answer) = taken.poll(Duration::from_millis(10)) {
            answer.map(drop).expect("no error");
        }
        taken.assignment().is_ok_and(|list| list.count() == 1)
    });
}

#[test]
fn a_transactional_id_is_used_with_the_right_to() {
    let (kafka, mut config) = (cluster(), other());
    config.set("transactional.id", "rights");
    let start = || {
        let producer: BaseProducer = config.create().expect("a producer");
        code(producer.init_transactions(WITHIN))
    };
    assert_eq!(
        start(),
        Some(RDKafkaErrorCode::TransactionalIdAuthorizationFailed)
    );
    kafka.allow(PRINCIPAL, Operation::Write, Resource::TransactionalId("rights"));
    assert_eq!(start(), None);
}

fn code(result: Result<(), KafkaError>) -> Option<RDKafkaErrorCode> {
    let error = result.err()?;
    Some(error.rdkafka_error_code().unwrap_or_else(|| panic!("{error}")))
}
