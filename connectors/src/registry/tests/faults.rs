//! Every way in which a registry fails is a reason to come again, and says what to do; only what it says is not there is a reject.

use super::*;

/// A fault, and words of what is said of it and of the remedy.
const FAULTS: &[(Outage, &str, &str)] = &[
    (
        Outage::Expired,
        "answered 401",
        "check `api_key` and `api_secret`",
    ),
    (Outage::Denied, "answered 403", "give them the right"),
    (
        Outage::Missing,
        "answered 404 Not Found, but not as a schema registry",
        "check the path",
    ),
    (Outage::Throttled, "answered 429", "asked too often"),
    (Outage::ServerError, "answered 500", "trouble of its own"),
    (Outage::Html, "a page of HTML", "no proxy or login page"),
    (
        Outage::Empty,
        "none of a schema registry",
        "is this the registry's address",
    ),
    (
        Outage::Truncated,
        "breaks off after",
        "is this the registry's address",
    ),
    (Outage::Silent, "no answer within 1s", "is it overloaded"),
    (Outage::Down, "no answer", "check the host and the port"),
];

#[test]
fn every_fault_is_a_retry_with_a_reason_and_the_schema_comes_when_it_is_over() {
    log::keep();
    let (stub, control) = (RegistryStub::start(), control());
    stub.schema(7, &json!({ "schema": INT, "planted": "planted-answer" }));
    for (outage, says, remedy) in FAULTS {
        let registry = open(
            json!({ "url": stub.url(), "username": "app", "password": "planted-secret", "allow_insecure": true, "timeout": "1s" }),
            &control,
        );
        stub.service().fail(Some(*outage));
        let error = fails(&registry, SchemaKey::Id(7), says);
        assert_eq!(error.kind(), Kind::Retry, "{outage:?}");
        let said = error.to_string();
        assert!(
            said.contains(remedy) && said.contains(stub.url()),
            "{outage:?}: {said}"
        );
        let status = registry.status();
        assert!(
            status.last_error.is_some_and(|last| last.contains(says)) && status.schemas == 0,
            "{outage:?}"
        );
        stub.service().fail(None);
        assert_eq!(arrives(&registry, SchemaKey::Id(7)).text, INT, "{outage:?}");
        let counted: u64 = registry.status().requests().iter().map(|(_, count)| count).sum();
        assert!(
            counted >= 2 && registry.status().last_error.is_none(),
            "{outage:?}"
        );
        assert!(
            !format!("{error:?} {registry:?}").contains("planted"),
            "{outage:?}"
        );
    }
    let told = log::with(stub.url());
    for (outage, says, _) in FAULTS {
        let is_told = |line: &&String| {
            line.contains("WARN")
                && line.contains(says)
                && line.contains("schema=id 7")
                && line.contains("rest=")
        };
        assert!(told.iter().any(|line| is_told(&line)), "{outage:?} in {told:#?}");
    }
    assert_eq!(
        log::with("planted"),
        [""; 0],
        "no secret, and no word of an answer"
    );
}

#[test]
fn only_what_the_registry_says_is_not_there_is_rejected_and_it_is_not_asked_again_at_once() {
    let (stub, control) = (RegistryStub::start(), control());
    let registry = open(json!({ "url": stub.url() }), &control);
    for _ in 0..100 {
        let error = registry.schema(SchemaKey::Id(7)).expect_err("unknown");
        assert_eq!(error.kind(), Kind::Reject);
        let said = error.to_string();
        assert!(
            said.contains("it has no such schema") && said.contains("schema=id 7"),
            "{said}"
        );
    }
    assert_eq!(stub.count("GET /schemas/ids/7"), 1);
    assert_eq!(registry.status().absent, 1);
}

#[test]
fn a_registry_that_is_asked_too_often_is_left_alone_for_as_long_as_it_says() {
    let (stub, control) = (RegistryStub::start(), control());
    for id in [7, 8] {
        stub.schema(id, &json!({ "schema": INT }));
    }
    stub.service().fail(Some(Outage::Throttled));
    let registry = open(json!({ "url": stub.url() }), &control);
    let begin = Instant::now();
    fails(&registry, SchemaKey::Id(7), "answered 429");
    stub.service().fail(None);
    fails(&registry, SchemaKey::Id(8), "asked for a rest");
    assert_eq!(stub.service().asked(), 1);
    arrives(&registry, SchemaKey::Id(8));
    arrives(&registry, SchemaKey::Id(7));
    // `Retry-After: 2`
    assert!(begin.elapsed() >= Duration::from_secs(2), "{:?}", begin.elapsed());
    assert_eq!(stub.service().asked(), 3);
}

#[test]
fn a_registry_that_fails_is_asked_less_and_less() {
    let (stub, control) = (RegistryStub::start(), control());
    stub.service().fail(Some(Outage::ServerError));
    let registry = open(json!({ "url": stub.url() }), &control);
    let until = Instant::now() + Duration::from_secs(3);
    while Instant::now() < until {
        registry.schema(SchemaKey::Id(7)).expect_err("away");
    }
    // At the earliest after 0, 0.125, 0.375, 0.875 and 1.875 s; at the latest after 0, 0.25, 0.75 and 1.75 s.
    let asked = stub.service().asked();
    assert!((3..=5).contains(&asked), "{asked}");
}

#[test]
fn a_registry_without_trust_says_whose_authority_is_missing() {
    let (stub, control) = (RegistryStub::start(), control());
    stub.schema(7, &json!({ "schema": INT }));
    let authority = forebay_testcontainers::Authority::new();
    let secure = stub.https(&authority.server("registry").issue());
    let registry = open(json!({ "url": secure.url() }), &control);
    let error = fails(&registry, SchemaKey::Id(7), "certificate");
    assert_eq!(error.kind(), Kind::Retry);
    assert!(error.to_string().contains("`schema_registry.tls.ca`"), "{error}");
    let ca = authority.ca();
    let registry = open(json!({ "url": secure.url(), "tls": { "ca": ca } }), &control);
    arrives(&registry, SchemaKey::Id(7));
}

#[test]
fn a_name_that_nobody_knows_is_told_from_a_port_that_nobody_listens_on() {
    let control = control();
    let registry = open(json!({ "url": "http://no-such-host.invalid:8081" }), &control);
    let error = fails(&registry, SchemaKey::Id(7), "no answer");
    assert!(error.to_string().contains("check the name"), "{error}");
}

#[test]
fn a_long_schema_is_fine_and_an_answer_without_end_is_not() {
    let (stub, control) = (RegistryStub::start(), control());
    let long = "x".repeat(5_000_000);
    stub.schema(7, &json!({ "schema": long }));
    stub.schema(8, &json!({ "schema": "x".repeat(17 << 20) }));
    let registry = open(json!({ "url": stub.url() }), &control);
    assert_eq!(arrives(&registry, SchemaKey::Id(7)).text.len(), long.len());
    let error = fails(&registry, SchemaKey::Id(8), "longer than 16 MiB");
    assert_eq!(error.kind(), Kind::Retry);
}
