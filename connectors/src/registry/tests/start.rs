//! What a start waits for, and what it does not.

use std::collections::BTreeSet;

use super::*;

const SOON: Duration = Duration::from_secs(1);

/// What a start of a source comes to, and what it told on its way.
fn start(registry: &Registry, within: Duration) -> (Result<()>, Vec<String>) {
    let mut told = Vec::new();
    let admitted = registry.admits(within, &mut |what| told.push(what));
    (admitted, told)
}

#[test]
fn a_fault_that_passes_is_waited_for() {
    let (stub, control) = (RegistryStub::start(), control());
    stub.answer("GET /schemas/types", 200, r#"["AVRO"]"#);
    let registry = open(json!({ "url": stub.url(), "timeout": "500ms" }), &control);
    for outage in [
        Outage::Throttled,
        Outage::ServerError,
        Outage::Truncated,
        Outage::Silent,
        Outage::Down,
    ] {
        stub.service().fail(Some(outage));
        let before = stub.service().asked();
        thread::scope(|scope| {
            let started = scope.spawn(|| start(&registry, WITHIN));
            let asked = || stub.service().asked() > before;
            forebay_testcontainers::await_until(WITHIN, "it is asked", asked);
            assert!(!started.is_finished(), "{outage:?} is waited for");
            stub.service().fail(None);
            let (admitted, told) = started.join().expect("a start");
            admitted.unwrap_or_else(|error| panic!("{outage:?}: {error}"));
            assert!(told.iter().any(|what| what.contains(stub.url())), "{told:?}");
        });
    }
}

#[test]
fn the_rest_that_it_asks_for_is_given() {
    let (stub, control) = (RegistryStub::start(), control());
    stub.service().fail(Some(Outage::Throttled));
    let registry = open(json!({ "url": stub.url() }), &control);
    let error = start(&registry, SOON).0.expect_err("throttled");
    // `Retry-After: 2` is longer than there is time: once at first, once at the end.
    assert_eq!(stub.service().asked(), 2, "{error}");
}

#[test]
fn a_fault_that_does_not_pass_ends_the_start_with_the_last_answer() {
    let (stub, control) = (RegistryStub::start(), control());
    let registry = open(json!({ "url": stub.url(), "timeout": "500ms" }), &control);
    for (outage, says) in [
        (Outage::Throttled, "answered 429"),
        (Outage::ServerError, "answered 500"),
        (Outage::Silent, "no answer within 500ms"),
        (Outage::Down, "no answer"),
    ] {
        stub.service().fail(Some(outage));
        let begin = Instant::now();
        let error = start(&registry, SOON).0.expect_err("away");
        assert_eq!(error.kind(), Kind::Fatal, "{outage:?}");
        let said = error.to_string();
        assert!(
            said.contains(says) && said.contains(stub.url()) && said.contains("within 1s"),
            "{said}"
        );
        assert!(
            begin.elapsed() >= SOON && begin.elapsed() < 5 * SOON,
            "{:?}",
            begin.elapsed()
        );
    }
}

#[test]
fn a_refusal_is_not_waited_for_and_has_the_registrys_words_without_secrets() {
    let (stub, control) = (RegistryStub::start(), control());
    let registry = open(
        json!({ "url": stub.url(), "username": "app", "password": "planted-secret", "allow_insecure": true }),
        &control,
    );
    let own = json!({ "error_code": 40301, "message": "app:planted-secret (Basic YXBwOnBsYW50ZWQtc2VjcmV0) lacks READ on *" });
    stub.answer("GET /schemas/types", 403, own);
    let error = start(&registry, WITHIN).0.expect_err("refused");
    assert_eq!((error.kind(), stub.service().asked()), (Kind::Auth, 1));
    let said = error.to_string();
    assert!(said.contains("app:*** (Basic ***) lacks READ on *"), "{said}");
    stub.service().fail(Some(Outage::Expired));
    assert_eq!(
        start(&registry, WITHIN).0.expect_err("refused").kind(),
        Kind::Auth
    );
}

#[test]
fn an_address_that_is_no_registrys_ends_the_start() {
    let control = control();
    let another = json!({ "status": 404, "title": "Not Found" }).to_string();
    for (status, body, says) in [
        (
            404,
            "<html>",
            "answered 404 Not Found, but not as a schema registry",
        ),
        (
            404,
            another.as_str(),
            "answered 404 Not Found, but not as a schema registry",
        ),
        (200, "<html>", "a page of HTML"),
        (200, "{}", "JSON, but none of a schema registry"),
        (302, "", "it is somewhere else"),
    ] {
        let stub = RegistryStub::start();
        for path in ["/apis/wrong/schemas/types", "/apis/wrong/subjects"] {
            stub.answer(&format!("GET {path}"), status, body);
        }
        let registry = open(json!({ "url": format!("{}/apis/wrong", stub.url()) }), &control);
        let error = start(&registry, WITHIN).0.expect_err("no registry");
        assert_eq!(error.kind(), Kind::Config, "{error}");
        let said = error.to_string();
        let asked = format!("{}/apis/wrong/subjects", stub.url());
        assert!(said.contains(says) && said.contains(&asked), "{said}");
        assert!(status != 404 || said.contains("/apis/ccompat/v7"), "{said}");
        let once = BTreeSet::from(["GET /apis/wrong/schemas/types", "GET /apis/wrong/subjects"]);
        let requests = stub.service().requests();
        assert_eq!(requests.len(), 2);
        assert_eq!(requests.iter().map(String::as_str).collect::<BTreeSet<_>>(), once);
    }
}

#[test]
fn a_registry_that_knows_no_types_of_schemas_is_one() {
    let (stub, control) = (RegistryStub::start(), control());
    let unknown = json!({ "error_code": 404, "message": "HTTP 404 Not Found" });
    stub.answer("GET /schemas/types", 404, unknown);
    stub.answer("GET /subjects", 200, r#"["a-value"]"#);
    let registry = open(json!({ "url": stub.url() }), &control);
    start(&registry, WITHIN).0.expect("a registry");
}

#[test]
fn one_whose_schemas_are_on_disk_is_not_waited_for_but_may_refuse() {
    let (stub, control) = (RegistryStub::start(), control());
    let folder = tempfile::tempdir().expect("a folder");
    let cached = || open(json!({ "url": stub.url(), "cache": folder.path() }), &control);
    stub.schema(7, &json!({ "schema": INT }));
    assert!(!cached().is_warm());
    arrives(&cached(), SchemaKey::Id(7));
    assert!(cached().is_warm());
    for outage in [Outage::ServerError, Outage::Throttled, Outage::Missing] {
        stub.service().fail(Some(outage));
        let before = stub.service().asked();
        start(&cached(), WITHIN)
            .0
            .unwrap_or_else(|error| panic!("{outage:?}: {error}"));
        assert!(stub.service().asked() <= before + 2, "{outage:?}");
    }
    stub.service().fail(Some(Outage::Denied));
    assert_eq!(
        start(&cached(), WITHIN).0.expect_err("refused").kind(),
        Kind::Auth
    );
}
