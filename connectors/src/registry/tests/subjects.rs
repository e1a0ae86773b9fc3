//! What commands are told, where a real registry cannot be made to say it.

use forebay_core::codec::schemas::SchemaType;

use super::*;

fn schema() -> NewSchema {
    NewSchema {
        schema_type: SchemaType::Protobuf,
        text: "syntax".into(),
        references: Vec::new(),
    }
}

#[test]
fn the_registrys_own_words_are_told_without_what_proves_who_asks() {
    let (stub, control) = (RegistryStub::start(), control());
    let registry = open(
        json!({ "url": stub.url(), "bearer": "planted-token", "allow_insecure": true }),
        &control,
    );
    let messages = json!({ "is_compatible": false, "messages": ["reader\nlacks a default", "you sent planted-token", "x".repeat(9999)] });
    stub.answer(
        "POST /compatibility/subjects/a%2Fb/versions/latest",
        200,
        messages,
    );
    let judged = registry.compatibility("a/b", &schema()).expect("judged");
    assert!(!judged.compatible);
    assert_eq!(judged.messages[..2], ["reader lacks a default", "you sent ***"]);
    assert_eq!(judged.messages[2].len(), 2000);
    stub.answer(
        "POST /subjects/a%2Fb/versions",
        422,
        json!({ "error_code": 42201, "message": "no schema, planted-token" }),
    );
    let error = registry.register("a/b", &schema()).expect_err("refused");
    assert_eq!(error.kind(), Kind::Config);
    let said = error.to_string();
    assert!(
        said.contains("no schema, ***") && said.contains("subject=a/b"),
        "{said}"
    );
}

#[test]
fn a_write_that_is_refused_wants_the_right_to_write() {
    let (stub, control) = (RegistryStub::start(), control());
    let registry = open(json!({ "url": stub.url() }), &control);
    stub.service().fail(Some(Outage::Denied));
    let reads = [
        registry.latest("a").expect_err("refused"),
        registry.find("a", &schema()).expect_err("refused"),
    ];
    let writes = [
        registry.compatibility("a", &schema()).expect_err("refused"),
        registry.register("a", &schema()).expect_err("refused"),
    ];
    for (errors, role, other) in [
        (reads, "`DeveloperRead`", "DeveloperWrite"),
        (writes, "`DeveloperWrite`", "DeveloperRead"),
    ] {
        for error in errors {
            let said = error.to_string();
            assert!(said.contains(role) && !said.contains(other), "{said}");
        }
    }
}

#[test]
fn what_is_not_there_is_nothing_and_what_does_not_answer_is_an_error() {
    let (stub, control) = (RegistryStub::start(), control());
    let registry = open(json!({ "url": stub.url() }), &control);
    assert_eq!(registry.latest("a").expect("asked"), None);
    assert_eq!(registry.find("a", &schema()).expect("asked"), None);
    assert_eq!(registry.versions("a").expect("asked"), [0; 0]);
    assert!(registry.compatibility("a", &schema()).expect("judged").compatible);
    stub.answer("GET /subjects/a/versions/latest", 200, json!({ "schema": INT }));
    let error = registry.latest("a").expect_err("no version of a subject");
    assert!(error.to_string().contains("names no subject"), "{error}");
    stub.service().fail(Some(Outage::ServerError));
    let error = registry.subjects().expect_err("away");
    assert_eq!(error.kind(), Kind::Retry);
    stub.service().fail(Some(Outage::Denied));
    let error = registry.register("a", &schema()).expect_err("refused");
    assert_eq!(error.kind(), Kind::Auth);
}
