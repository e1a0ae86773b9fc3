//! The contract of connectors, on every kind there is and every way to reach it; and that each of its checks can fail.

mod mutants;

use std::thread;

use forebay::auth::{Credentials, Mechanism};
use forebay::connectors::contract::{Broken, CHECKS, Subject};
use forebay::connectors::kafka::{Endpoint, Kafka};
use forebay::connectors::memory::Memory;
use forebay::connectors::tls::Tls;
use forebay::connectors::{Connector, GroupProtocol, Scalar};
use forebay_testcontainers as testcontainers;

/// Runs every check at the same time: they wait more than they work. What is broken comes with the check's name.
fn broken(subject: &Subject<'_>) -> Vec<(&'static str, Broken)> {
    thread::scope(|scope| {
        let running: Vec<_> = CHECKS
            .iter()
            .map(|(name, check)| (*name, scope.spawn(move || check(subject))))
            .collect();
        let ended = running
            .into_iter()
            .map(|(name, check)| (name, check.join().expect(name)));
        ended
            .filter_map(|(name, outcome)| Some((name, outcome.err()?)))
            .collect()
    })
}

fn holds(connector: &dyn Connector, name: &str, protocol: GroupProtocol) {
    let broken = broken(&Subject::new(connector, name).protocol(protocol));
    let text: Vec<String> = broken
        .iter()
        .map(|(check, broken)| format!("{check}: {broken}"))
        .collect();
    assert!(broken.is_empty(), "{}", text.join("\n"));
}

fn kafka(bootstrap: &str) -> Endpoint {
    // A member that goes without a word is noticed soon.
    let client = [("session.timeout.ms", "6000"), ("heartbeat.interval.ms", "1000")];
    Endpoint {
        client: client
            .map(|(name, value)| (name.to_owned(), Scalar(value.to_owned())))
            .into(),
        ..Endpoint::plaintext(bootstrap)
    }
}

/// What CONTRIBUTING.md shows is this test.
#[test]
fn it_keeps_the_contract() {
    let connector = Memory::new(); // yours
    if let Err(broken) = Subject::new(&connector, "test").check_all() {
        panic!("{broken:#?}");
    }
}

#[test]
fn the_recipe_is_the_test_above() {
    let (guide, own) = (include_str!("../../../CONTRIBUTING.md"), include_str!("mod.rs"));
    let (_, shown) = guide
        .split_once("#[test]\nfn it_keeps_the_contract")
        .expect("its place");
    let shown = shown.split("```").next().expect("its end");
    assert!(own.contains(shown.trim_end()), "{shown}");
}

#[test]
fn memory_keeps_it() {
    holds(&Memory::new(), "memory", GroupProtocol::CooperativeSticky);
}

#[test]
fn kafka_keeps_it_in_plaintext() {
    let endpoint = kafka(testcontainers::Kafka::shared().bootstrap());
    holds(
        &Kafka::new(endpoint),
        "plaintext",
        GroupProtocol::CooperativeSticky,
    );
}

#[test]
fn kafka_keeps_it_with_eager_groups() {
    let endpoint = kafka(testcontainers::Kafka::shared().bootstrap());
    holds(&Kafka::new(endpoint), "range", GroupProtocol::Range);
}

#[test]
fn kafka_keeps_it_with_tls_and_scram() {
    let cluster = crate::secure::cluster();
    let ca = std::fs::read_to_string(cluster.authority.ca()).expect("the authority");
    let endpoint = Endpoint {
        tls: Some(Tls {
            ca: Some(ca),
            identity: None,
            check_host_name: true,
        }),
        credentials: Credentials::Password {
            mechanism: Mechanism::ScramSha512,
            username: "app".into(),
            password: crate::secure::PASSWORD.into(),
        },
        ..kafka(&cluster.kafka.address("SCRAM"))
    };
    holds(&Kafka::new(endpoint), "scram", GroupProtocol::CooperativeSticky);
}

#[test]
fn kafka_keeps_it_on_three_brokers() {
    let brokers = testcontainers::Kafka::builder().nodes(3).start();
    // How long a session lasts is the brokers' setting with this protocol.
    let endpoint = Endpoint {
        bootstrap: brokers.bootstrap().split(',').map(str::to_owned).collect(),
        ..Endpoint::plaintext("")
    };
    holds(&Kafka::new(endpoint), "three", GroupProtocol::Consumer);
}
