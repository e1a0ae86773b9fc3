//! Confluent Cloud: API keys, and tokens with the two extensions.

use std::sync::OnceLock;

use forebay_testcontainers::{ConfluentCloud, Issuer, Operation, Resource};
use rdkafka::ClientConfig;
use serde_json::{Value, json};

use super::ask::ask;
use super::sasl::Connection;
use crate::secure::attempt::{read, write};

fn cloud() -> &'static ConfluentCloud {
    static CLOUD: OnceLock<ConfluentCloud> = OnceLock::new();
    CLOUD.get_or_init(|| ConfluentCloud::builder().authorizer().start())
}

fn show(token: &str, extensions: &[(&str, &str)]) -> Result<i64, String> {
    Connection::open(&cloud().bootstrap_oauth(), &cloud().ca()).bearer(token, extensions)
}

fn extensions() -> [(&'static str, &'static str); 2] {
    [
        ("logicalCluster", cloud().logical_cluster()),
        ("identityPoolId", cloud().identity_pool()),
    ]
}

/// A token of the identity provider's endpoint.
fn token() -> String {
    let cloud = cloud();
    let form = format!(
        "grant_type=client_credentials&client_id={}&client_secret={}",
        cloud.client_id(),
        super::aws::encoded(cloud.client_secret())
    );
    let answer: Value = ask(&cloud.issuer().token_url(), "POST", &[], &form).json();
    answer["access_token"].as_str().expect("a token").into()
}

#[test]
fn an_api_key_opens_its_endpoint() {
    let cloud = cloud();
    let topic = cloud.kafka().create_topic("key", 1);
    let principal = format!("User:{}", cloud.api_key());
    cloud
        .kafka()
        .allow(&principal, Operation::All, Resource::Topic(&topic));
    cloud
        .kafka()
        .allow(&principal, Operation::Read, Resource::Group("app"));
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", cloud.bootstrap())
        .set("broker.address.family", "v4")
        .set("security.protocol", "SASL_SSL")
        .set("ssl.ca.location", cloud.ca().display().to_string())
        .set("sasl.mechanism", "PLAIN")
        .set("sasl.username", cloud.api_key())
        .set("sasl.password", cloud.api_secret())
        .set("group.id", "app")
        .set("log_level", "0");
    write(&config, None, &topic).expect("write");
    assert_eq!(read(&config, None, &topic).as_deref(), Ok("written"));
    let connect = || Connection::open(&cloud.bootstrap(), &cloud.ca());
    assert!(connect().plain(cloud.api_key(), "guess").is_err());
    assert!(connect().plain("guess", cloud.api_secret()).is_err());
}

#[test]
fn a_token_comes_with_both_extensions() {
    let [cluster, pool] = extensions();
    let token = token();
    show(&token, &extensions()).expect("taken");
    show(&token, &[cluster, pool, ("other", "thing")]).expect("taken with another one");
    for (given, words) in [
        (
            &[][..],
            &["logicalCluster: missing", "identityPoolId: missing"][..],
        ),
        (
            &[cluster],
            &["1 extensions are invalid", "identityPoolId: missing"],
        ),
        (&[pool], &["1 extensions are invalid", "logicalCluster: missing"]),
        (
            &[("logicalCluster", "lkc-other"), pool],
            &["logicalCluster: unknown"],
        ),
        (
            &[cluster, ("identityPoolId", "pool-other")],
            &["identityPoolId: unknown"],
        ),
    ] {
        let said = show(&token, given).expect_err("refused");
        assert!(words.iter().all(|word| said.contains(word)), "{given:?}: {said}");
    }
}

#[test]
fn a_token_of_another_audience_issuer_or_time_is_refused_with_all_extensions() {
    for (claim, value) in [
        ("aud", json!("others")),
        ("iss", json!("http://other")),
        ("exp", json!(1_700_000_000)),
    ] {
        let mut claims = cloud().issuer().claims("forebay");
        claims[claim] = value;
        let token = cloud().issuer().sign(&claims);
        let said = show(&token, &extensions()).expect_err("refused");
        assert!(said.contains("invalid_token"), "{claim}: {said}");
    }
    assert!(show(&Issuer::start().token("forebay"), &extensions()).is_err());
}

#[test]
fn names_look_as_the_clouds_do() {
    let cloud = cloud();
    assert!(cloud.logical_cluster().starts_with("lkc-") && cloud.identity_pool().starts_with("pool-"));
    assert_eq!(cloud.api_key().len(), 16);
    let shown = format!("{cloud:?}");
    assert!(
        !shown.contains(cloud.api_secret().get(..20).expect("a secret")),
        "a secret is shown"
    );
}
