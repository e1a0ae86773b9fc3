//! What schemas refer to: each once, in order, and not without end.

use super::*;

fn needs(text: &str, others: &[(&str, i32)]) -> Value {
    let reference = |(subject, version): &(&str, i32)| json!({ "name": format!("{subject}.name"), "subject": subject, "version": version });
    let references: Vec<Value> = others.iter().map(reference).collect();
    json!({ "schema": text, "references": references })
}

fn rejected(stub: &RegistryStub, says: &str) {
    let control = control();
    let registry = open(json!({ "url": stub.url() }), &control);
    let error = fails(&registry, SchemaKey::Id(7), says);
    assert_eq!(error.kind(), Kind::Reject, "{error}");
}

#[test]
fn what_is_needed_comes_first_and_once() {
    let (stub, control) = (RegistryStub::start(), control());
    stub.schema(7, &needs("root", &[("left", 1), ("right", 2)]));
    stub.version("left", 1, 1, &needs("left", &[("base", 3)]));
    stub.version("right", 2, 2, &needs("right", &[("base", 3), ("left", 1)]));
    stub.version("base", 3, 3, &needs("base", &[]));
    let registry = open(json!({ "url": stub.url() }), &control);
    let schema = arrives(&registry, SchemaKey::Id(7));
    let texts: Vec<&str> = schema.references.iter().map(|one| one.text.as_str()).collect();
    assert_eq!(
        (schema.text.as_str(), texts),
        ("root", vec!["base", "left", "right"])
    );
    assert_eq!(schema.references[0].name, "base.name");
    assert_eq!(stub.service().asked(), 4, "{:?}", stub.service().requests());
}

#[test]
fn a_subject_of_any_name_is_asked_for() {
    let (stub, control) = (RegistryStub::start(), control());
    stub.schema(7, &needs("root", &[("a/b c", 1)]));
    stub.version("a%2Fb%20c", 1, 1, &needs("base", &[]));
    let registry = open(json!({ "url": stub.url() }), &control);
    assert_eq!(arrives(&registry, SchemaKey::Id(7)).references.len(), 1);
}

#[test]
fn circles_are_refused() {
    let stub = RegistryStub::start();
    stub.schema(7, &needs("root", &[("a", 1)]));
    stub.version("a", 1, 1, &needs("a", &[("b", 1)]));
    stub.version("b", 1, 2, &needs("b", &[("a", 1)]));
    rejected(
        &stub,
        "its references go in a circle: `a` version 1, `b` version 1, `a` version 1",
    );
    assert_eq!(stub.service().asked(), 3);
    stub.version("a", 1, 1, &needs("a", &[("a", 1)]));
    rejected(&stub, "`a` version 1, `a` version 1");
}

#[test]
fn more_than_anybody_means_is_refused() {
    let stub = RegistryStub::start();
    stub.schema(7, &needs("root", &[("s", 1)]));
    for n in 1..50 {
        stub.version("s", n, 100 + n, &needs("x", &[("s", n as i32 + 1)]));
    }
    rejected(&stub, "nested deeper than 32");
    let names: Vec<String> = (0..300).map(|n| format!("n{n}")).collect();
    let many: Vec<(&str, i32)> = names.iter().map(|name| (name.as_str(), 1)).collect();
    stub.schema(7, &needs("root", &many));
    for name in &names {
        stub.version(name, 1, 1, &needs("x", &[]));
    }
    rejected(&stub, "more than 256 others");
    // One text under many names costs no questions, but memory.
    let name = |n: usize| json!({ "name": format!("n{n}"), "subject": "n0", "version": 1 });
    let names: Vec<Value> = (0..300).map(name).collect();
    stub.schema(7, &json!({ "schema": "root", "references": names }));
    rejected(&stub, "more than 256 others");
}

#[test]
fn one_name_for_two_schemas_is_refused_and_a_language_that_is_not_known() {
    let stub = RegistryStub::start();
    stub.schema(7, &needs("root", &[("a", 1), ("a", 2)]));
    stub.version("a", 1, 1, &needs("one", &[]));
    stub.version("a", 2, 2, &needs("two", &[]));
    rejected(&stub, "two different schemas are referred to as `a.name`");
    stub.schema(7, &json!({ "schema": "<a/>", "schemaType": "XSD" }));
    rejected(&stub, "a language that Forebay does not read");
}

#[test]
fn a_reference_that_is_not_there_is_named_and_one_that_cannot_be_read_now_is_a_retry() {
    let (stub, control) = (RegistryStub::start(), control());
    stub.schema(7, &needs("root", &[("gone", 4)]));
    rejected(&stub, "it refers to version 4 of `gone`");
    stub.answer("GET /subjects/gone/versions/4", 503, "{}");
    let registry = open(json!({ "url": stub.url() }), &control);
    let error = fails(&registry, SchemaKey::Id(7), "answered 503");
    assert_eq!(error.kind(), Kind::Retry);
    stub.version("gone", 4, 1, &needs("back", &[]));
    assert_eq!(arrives(&registry, SchemaKey::Id(7)).references[0].text, "back");
}
