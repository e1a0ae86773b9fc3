//! What `doctor` says of a registry.

use super::*;
use crate::finding::Outcome;

#[test]
fn a_registry_that_can_be_used_is_told_from_every_other() {
    let (stub, control) = (RegistryStub::start(), control());
    stub.answer("GET /subjects", 200, r#"["a","b"]"#);
    let keys = json!({ "url": stub.url(), "api_key": "ABC", "api_secret": "planted-secret", "allow_insecure": true,
        "timeout": "1s" });
    let registry = open(keys, &control);
    let found = registry.diagnose();
    assert_eq!((found.step, found.outcome), ("registry", Outcome::Ok));
    assert!(
        found.found.contains("2 subjects") && found.found.contains("as ABC"),
        "{found:?}"
    );
    for (outage, kind, says, remedy) in [
        (Outage::Expired, Kind::Auth, "answered 401", "check `api_key`"),
        (Outage::Denied, Kind::Auth, "answered 403", "give them the right"),
        (
            Outage::Missing,
            Kind::Config,
            "not as a schema registry",
            "check the path",
        ),
        (Outage::Throttled, Kind::Fatal, "answered 429", "ask it less"),
        (Outage::ServerError, Kind::Fatal, "answered 500", "own log"),
        (Outage::Html, Kind::Config, "a page of HTML", "login page"),
        (Outage::Silent, Kind::Fatal, "no answer within 1s", "overloaded"),
        (Outage::Down, Kind::Fatal, "no answer", "check the host"),
    ] {
        stub.service().fail(Some(outage));
        let found = registry.diagnose();
        assert_eq!(found.outcome, Outcome::Failure(kind), "{found:?}");
        let told = found.remedy.clone().unwrap_or_default();
        assert!(found.found.contains(says) && told.contains(remedy), "{found:?}");
        assert!(!format!("{found:?}").contains("planted"), "{found:?}");
        let line = format!("{}: {}", found.subject, found.found);
        assert_eq!(line.matches(stub.url()).count(), 1, "{line}");
    }
    let nowhere = open(json!({ "url": "http://no-such-host.invalid:8081" }), &control).diagnose();
    assert!(
        nowhere
            .remedy
            .is_some_and(|remedy| remedy.contains("check the name"))
    );
    let authority = forebay_testcontainers::Authority::new();
    stub.service().fail(None);
    let secure = stub.https(&authority.server("registry").issue());
    let strange = open(json!({ "url": secure.url() }), &control).diagnose();
    assert!(strange.remedy.is_some_and(|remedy| remedy.contains("tls.ca")));
}
