//! Against a real registry.

use forebay_core::codec::schemas::SchemaType;
use forebay_testcontainers::Registry as Real;

use super::*;

const MONEY: &str =
    r#"{"type":"record","name":"Money","namespace":"shop","fields":[{"name":"cents","type":"long"}]}"#;
const ORDER: &str = r#"{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"id","type":"string"},{"name":"price","type":"shop.Money"}]}"#;

fn avro(text: &str, references: &[Reference]) -> NewSchema {
    NewSchema {
        schema_type: SchemaType::Avro,
        text: text.to_owned(),
        references: references.to_vec(),
    }
}

fn registry(control: &Runtime) -> Arc<Registry> {
    open(json!({ "url": Real::shared().url() }), control)
}

#[test]
fn a_schema_and_what_it_refers_to_are_registered_and_read() {
    let control = control();
    let registry = registry(&control);
    let money = "references/money of \u{e4}ll+kinds";
    let id = registry.register(money, &avro(MONEY, &[])).expect("registered");
    assert_eq!(registry.register(money, &avro(MONEY, &[])).expect("the same"), id);
    let reference = Reference {
        name: "shop.Money".into(),
        subject: money.into(),
        version: 1,
    };
    let order = avro(ORDER, std::slice::from_ref(&reference));
    let id = registry.register("references-order", &order).expect("registered");
    let schema = arrives(&registry, SchemaKey::Id(id));
    assert_eq!(
        (schema.schema_type, schema.references.len()),
        (SchemaType::Avro, 1)
    );
    assert_eq!(schema.references[0].name, "shop.Money");
    assert_eq!(schema.references[0].text, MONEY);
    let latest = registry
        .latest("references-order")
        .expect("asked")
        .expect("there");
    assert_eq!((latest.id, latest.version, &latest.schema), (id, 1, &*schema));
    assert_eq!(latest.references, [reference]);
    let found = registry.find("references-order", &order).expect("asked");
    assert_eq!(found.expect("there").id, id);
    let subjects = registry.subjects().expect("subjects");
    assert!(subjects.iter().any(|subject| subject == money), "{subjects:?}");
}

#[test]
fn versions_are_listed_and_the_registry_judges_the_next_one() {
    let control = control();
    let registry = registry(&control);
    let with = |more: &str| {
        let text =
            format!(r#"{{"type":"record","name":"Event","fields":[{{"name":"id","type":"string"}}{more}]}}"#);
        avro(&text, &[])
    };
    let subject = "versions-value";
    assert!(
        registry
            .compatibility(subject, &with(""))
            .expect("judged")
            .compatible
    );
    registry.register(subject, &with("")).expect("registered");
    backward(&registry, subject);
    let good = with(r#",{"name":"score","type":"float","default":0.5}"#);
    let bad = with(r#",{"name":"score","type":"float"}"#);
    assert!(registry.compatibility(subject, &good).expect("judged").compatible);
    let judged = registry.compatibility(subject, &bad).expect("judged");
    assert!(!judged.compatible, "{judged:?}");
    let error = registry.register(subject, &bad).expect_err("refused");
    assert_eq!(error.kind(), Kind::Config);
    let said = error.to_string();
    assert!(
        said.contains("answered 409") && said.contains("/fields/1"),
        "{said}"
    );
    registry.register(subject, &good).expect("registered");
    assert_eq!(registry.versions(subject).expect("versions"), [1, 2]);
    let first = registry.version(subject, 1).expect("asked").expect("there");
    assert_eq!(first.schema.text, with("").text);
    assert_eq!(registry.find(subject, &bad).expect("asked"), None);
    assert_eq!(registry.version(subject, 9).expect("asked"), None);
    assert_eq!(registry.latest("versions-nobody").expect("asked"), None);
    assert_eq!(registry.versions("versions-nobody").expect("asked"), [0; 0]);
}

/// Sets the subject's rule, which this client has no need to.
fn backward(registry: &Registry, subject: &str) {
    let url = format!("{}/config/{subject}", registry.url());
    let set = registry.command(move |_| async move {
        let client = reqwest::Client::new();
        let request = client.put(url).header("content-type", "application/json");
        let answer = request
            .body(r#"{"compatibility":"BACKWARD"}"#)
            .send()
            .await
            .expect("an answer");
        assert!(answer.status().is_success(), "{}", answer.status());
        Ok(())
    });
    set.expect("set");
}

#[test]
fn all_three_languages_are_read_and_what_is_none_is_refused() {
    let control = control();
    let registry = registry(&control);
    let proto = "syntax = \"proto3\";\npackage shop;\nmessage Item { string id = 1; }\n";
    let json_schema = r#"{"$schema":"http://json-schema.org/draft-07/schema#","type":"object","properties":{"id":{"type":"string"}}}"#;
    for (schema_type, text) in [
        (SchemaType::Protobuf, proto),
        (SchemaType::JsonSchema, json_schema),
    ] {
        let schema = NewSchema {
            schema_type,
            text: text.to_owned(),
            references: Vec::new(),
        };
        let id = registry
            .register(&format!("languages-{}", schema_type.name()), &schema)
            .expect("registered");
        assert_eq!(arrives(&registry, SchemaKey::Id(id)).schema_type, schema_type);
        // This registry does not name the language of what it was asked for.
        let found = registry.find(&format!("languages-{}", schema_type.name()), &schema);
        let found = found.expect("an answer").expect("the one that was registered");
        assert_eq!((found.id, found.schema.schema_type), (id, schema_type));
    }
    let error = registry
        .register("languages-none", &avro("{", &[]))
        .expect_err("no schema");
    assert_eq!(error.kind(), Kind::Config);
    assert!(error.to_string().contains("answered 422"), "{error}");
    let error = registry.schema(SchemaKey::Id(999_999)).expect_err("unknown");
    assert_eq!(error.kind(), Kind::Reject);
    let error = registry.schema(SchemaKey::Guid([1; 16])).expect_err("no GUIDs");
    assert_eq!(error.kind(), Kind::Reject);
}

#[test]
fn doctor_counts_its_subjects() {
    let control = control();
    let found = registry(&control).diagnose();
    assert!(
        !found.is_failure() && found.found.contains("a schema registry with"),
        "{found:?}"
    );
}
