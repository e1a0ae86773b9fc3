//! The client against a stand-in that fails as told, and against a real registry.

mod credentials;
mod disk;
mod doctor;
mod faults;
mod keys;
mod log;
mod real;
mod references;
mod start;
mod subjects;

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use forebay_core::Kind;
use forebay_testcontainers::{Outage, RegistryStub};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::*;

/// What must come comes within this.
const WITHIN: Duration = Duration::from_secs(30);
/// A schema that means nothing to this client.
const INT: &str = "\"int\"";

/// A control plane with one thread.
fn control() -> Runtime {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(1).enable_all().build().expect("a runtime")
}

fn settings(config: Value) -> Result<RegistrySettings, Vec<crate::Wrong>> {
    let config: SchemaRegistryConfig = serde_json::from_value(config).expect("keys that are known");
    let settings = SchemaRegistryConfig::of(Some(&config), Path::new("/nowhere"));
    settings.map(|settings| settings.expect("a registry"))
}

fn open(config: Value, control: &Runtime) -> Arc<Registry> {
    Registry::open(&settings(config).expect("settings that fit"), control.handle())
}

/// As a lane does: asks until there is a schema.
fn arrives(registry: &Registry, key: SchemaKey) -> Arc<RegisteredSchema> {
    let until = Instant::now() + WITHIN;
    loop {
        match registry.schema(key) {
            Ok(schema) => return schema,
            Err(error) => assert!(
                error.kind() == Kind::Retry && Instant::now() < until,
                "no {key}: {error}"
            ),
        }
    }
}

/// Asks until what goes wrong is told in these words.
fn fails(registry: &Registry, key: SchemaKey, says: &str) -> Error {
    let until = Instant::now() + WITHIN;
    loop {
        let error = registry.schema(key).expect_err(says);
        if error.to_string().contains(says) {
            return error;
        }
        assert!(Instant::now() < until, "not {says:?}: {error}");
    }
}

#[test]
fn one_question_is_asked_however_many_lanes_want_a_schema() {
    let (stub, control) = (RegistryStub::start(), control());
    stub.schema(7, &json!({ "schema": INT }));
    stub.service()
        .fail(Some(Outage::Slow(Duration::from_millis(200))));
    let registry = open(json!({ "url": stub.url() }), &control);
    thread::scope(|scope| {
        let lanes: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| arrives(&registry, SchemaKey::Id(7))))
            .collect();
        for lane in lanes {
            assert_eq!(lane.join().expect("a lane").text, INT);
        }
    });
    assert_eq!(stub.count("GET /schemas/ids/7"), 1);
    for _ in 0..1000 {
        registry.schema(SchemaKey::Id(7)).expect("there");
    }
    assert_eq!(stub.service().asked(), 1, "and never again");
    let status = registry.status();
    assert_eq!((status.schemas, status.answered, status.last_error), (1, 1, None));
}

#[test]
fn a_lane_waits_for_a_while_and_the_question_goes_on() {
    let (stub, control) = (RegistryStub::start(), control());
    stub.schema(7, &json!({ "schema": INT }));
    stub.service().fail(Some(Outage::Slow(Duration::from_secs(2))));
    let registry = open(json!({ "url": stub.url() }), &control);
    let begin = Instant::now();
    let error = registry.schema(SchemaKey::Id(7)).expect_err("not yet");
    assert!(
        begin.elapsed() < Duration::from_millis(1500),
        "{:?}",
        begin.elapsed()
    );
    assert_eq!(error.kind(), Kind::Retry);
    let said = error.to_string();
    assert!(
        said.contains("schema=id 7") && said.contains("not answered yet"),
        "{said}"
    );
    arrives(&registry, SchemaKey::Id(7));
    assert_eq!(stub.service().asked(), 1);
}

#[test]
fn the_address_that_answers_is_remembered() {
    let (away, stub, control) = (RegistryStub::start(), RegistryStub::start(), control());
    away.service().fail(Some(Outage::Down));
    for id in [7, 8, 9] {
        stub.schema(id, &json!({ "schema": INT }));
        away.schema(id, &json!({ "schema": INT }));
    }
    let registry = open(
        json!({ "urls": [format!("{}/", away.url()), stub.url()] }),
        &control,
    );
    arrives(&registry, SchemaKey::Id(7));
    let asked = away.service().asked();
    assert_ne!(asked, 0);
    arrives(&registry, SchemaKey::Id(8));
    assert_eq!((away.service().asked(), registry.url()), (asked, stub.url()));
    away.service().fail(None);
    stub.service().fail(Some(Outage::ServerError));
    arrives(&registry, SchemaKey::Id(9));
    assert_eq!(registry.url(), away.url());
}

#[test]
fn schemas_are_found_by_guid() {
    let (stub, control) = (RegistryStub::start(), control());
    let guid = "00010203-0405-0607-0809-0a0b0c0d0e0f";
    stub.guid(guid, &json!({ "schema": "syntax", "schemaType": "PROTOBUF" }));
    let registry = open(json!({ "url": stub.url() }), &control);
    let key = SchemaKey::Guid(std::array::from_fn(|i| i as u8));
    assert_eq!(arrives(&registry, key).text, "syntax");
    let error = registry.schema(SchemaKey::Guid([9; 16])).expect_err("unknown");
    assert_eq!(error.kind(), Kind::Reject);
    assert!(error.to_string().contains("no such schema"), "{error}");
    stub.answer("GET /schemas/guids/08080808-0808-0808-0808-080808080808", 404, "");
    // Asking again would change nothing: the record, and all behind it, would wait for ever.
    let error = registry.schema(SchemaKey::Guid([8; 16])).expect_err("no GUIDs");
    assert_eq!(error.kind(), Kind::Reject);
    assert!(error.to_string().contains("by GUID"), "{error}");
}

#[test]
fn a_question_ends_with_the_control_plane() {
    let (stub, control) = (RegistryStub::start(), control());
    stub.service().fail(Some(Outage::Silent));
    let registry = open(json!({ "url": stub.url() }), &control);
    registry.schema(SchemaKey::Id(7)).expect_err("silent");
    drop(control);
    let error = fails(&registry, SchemaKey::Id(7), "given up");
    assert_eq!(error.kind(), Kind::Retry);
}
