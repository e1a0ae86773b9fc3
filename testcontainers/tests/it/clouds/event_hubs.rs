//! Event Hubs' brokers: connection strings, and Entra's tokens.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use forebay_testcontainers::{EventHubs, Issuer, Operation, Resource, await_until};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use serde_json::json;

use super::sasl::Connection;
use crate::secure::attempt::{read, write};

/// The namespace, for one test at a time.
pub(super) fn alone() -> MutexGuard<'static, EventHubs> {
    static HUBS: OnceLock<Mutex<EventHubs>> = OnceLock::new();
    let hubs = HUBS.get_or_init(|| Mutex::new(EventHubs::builder().authorizer().start()));
    let hubs = hubs.lock().unwrap_or_else(PoisonError::into_inner);
    // A test that failed has not mended it.
    for service in [hubs.entra(), hubs.managed_identity(), hubs.cli()] {
        service.fail(None);
    }
    hubs
}

const USER: &str = "$ConnectionString";

pub(super) fn show(hubs: &EventHubs, token: &str) -> Result<i64, String> {
    Connection::open(&hubs.bootstrap_entra(), &hubs.ca()).bearer(token, &[])
}

#[test]
fn a_connection_string_opens_the_namespace() {
    let hubs = alone();
    let topic = hubs.kafka().create_topic("sas", 1);
    let principal = format!("User:{USER}");
    hubs.kafka()
        .allow(&principal, Operation::All, Resource::Topic(&topic));
    hubs.kafka()
        .allow(&principal, Operation::Read, Resource::Group("app"));
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", hubs.bootstrap())
        .set("broker.address.family", "v4")
        .set("security.protocol", "SASL_SSL")
        .set("ssl.ca.location", hubs.ca().display().to_string())
        .set("sasl.mechanism", "PLAIN")
        .set("sasl.username", USER)
        .set("sasl.password", hubs.connection_string())
        .set("group.id", "app")
        .set("log_level", "0");
    write(&config, None, &topic).expect("write");
    assert_eq!(read(&config, None, &topic).as_deref(), Ok("written"));
    config.set("sasl.password", hubs.connection_string_for(&topic));
    write(&config, None, &topic).expect("write with a hub's own string");
}

#[test]
fn another_connection_string_is_refused_with_the_reason_in_the_log() {
    let hubs = alone();
    let good = hubs.connection_string();
    let connect =
        |user: &str, string: &str| Connection::open(&hubs.bootstrap(), &hubs.ca()).plain(user, string);
    connect(USER, &good).expect("taken");
    let (without_key, key) = good.split_once(";SharedAccessKey=").expect("a key");
    for (user, string, reason) in [
        ("app", good.clone(), "the user is not $ConnectionString"),
        (
            USER,
            good.replace(hubs.namespace(), "other.servicebus.windows.net"),
            "its endpoint is not sb://",
        ),
        (
            USER,
            good.replace("RootManage", "Other"),
            "its key name is not known",
        ),
        (USER, without_key.into(), "its key is not the one of that name"),
        (USER, format!("{good}x"), "its key is not the one of that name"),
        (USER, key.into(), "its endpoint is not sb://"),
    ] {
        let said = connect(user, &string).expect_err("refused");
        assert!(said.contains("Authentication failed"), "{said}");
        let line = format!("refused a connection string: {reason}");
        assert!(hubs.kafka().log(0).contains(&line), "no {line}");
    }
    assert!(!hubs.kafka().log(0).contains(key), "the log shows the key");
}

#[test]
fn a_token_for_another_audience_or_of_another_tenant_is_refused() {
    let hubs = alone();
    let claims = || {
        let mut claims = hubs.signer().claims(hubs.object_id());
        claims["aud"] = json!(format!("https://{}", hubs.namespace()));
        claims["iss"] = json!(format!("https://sts.windows.net/{}/", hubs.tenant()));
        claims
    };
    show(&hubs, &hubs.signer().sign(&claims())).expect("taken");
    for (claim, value) in [
        ("aud", json!("https://other.servicebus.windows.net")),
        (
            "iss",
            json!("https://sts.windows.net/00000000-0000-0000-0000-000000000000/"),
        ),
        ("exp", json!(1_700_000_000)),
    ] {
        let mut claims = claims();
        claims[claim] = value;
        let said = show(&hubs, &hubs.signer().sign(&claims)).expect_err("refused");
        assert_eq!(said, r#"{"status":"invalid_token"}"#, "{claim}");
    }
    assert!(show(&hubs, &Issuer::start().sign(&claims())).is_err());
}

fn plain(hubs: &EventHubs) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", hubs.kafka().bootstrap())
        .set("message.max.bytes", "4000000")
        .set("log_level", "0");
    config
}

#[test]
fn a_request_that_is_too_large_is_not_taken() {
    let hubs = alone();
    let topic = hubs.kafka().create_topic("limits", 1);
    let producer: BaseProducer = plain(&hubs).create().expect("a producer");
    let send = |bytes: usize| {
        let payload = vec![b'x'; bytes];
        let record = BaseRecord::<(), [u8]>::to(&topic).payload(&payload);
        producer.send(record).expect("queue");
        producer.flush(Duration::from_secs(3)).is_ok()
    };
    assert!(send(1_000_000));
    assert!(!send(1_100_000));
    assert_eq!(hubs.kafka().count(&topic), 1);
}

#[test]
fn a_group_of_the_newer_protocol_is_not_taken() {
    let hubs = alone();
    let topic = hubs.kafka().create_topic("groups", 1);
    for (protocol, joins) in [("classic", true), ("consumer", false)] {
        let mut config = plain(&hubs);
        config.set("group.id", protocol).set("group.protocol", protocol);
        let consumer: BaseConsumer = config.create().expect("a consumer");
        consumer.subscribe(&[&topic]).expect("subscribe");
        let mut refused = false;
        await_until(Duration::from_secs(30), protocol, || {
            refused |= matches!(consumer.poll(Duration::from_millis(10)), Some(Err(_)));
            refused || consumer.assignment().is_ok_and(|list| list.count() == 1)
        });
        assert_eq!(!refused, joins, "{protocol}");
    }
}
