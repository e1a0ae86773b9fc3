//! `connectors show` and `policy`: what a connector comes to, and which rights it needs; nothing is connected to.

use std::fs;

use serde_json::Value;
use tempfile::TempDir;

const PIPELINE: &str = r#"connector: aws
connectors:
  aws:
    kind: msk
    cluster_arn: "arn:aws:kafka:eu-west-1:111122223333:cluster/prod/aa-bb-7"
    auth: { iam: {} }
    client: { reconnect.backoff.ms: 2000, fetch.wait.max.ms: "${SECRET}" }
    schema_registry: { urls: ["https://a/api/", "https://b/api"], username: app, password: "${SECRET}", cache: schemas }
  azure: { kind: event-hubs, auth: { connection_string: "${EVENT_HUBS}" } }
  cloud: { kind: confluent, bootstrap: ["pkc-1.example:9092"], auth: { api_key: ABC, api_secret: "${SECRET}" } }
  local: { kind: kafka, bootstrap: ["k:9092"], allow_insecure: true, sasl: { mechanism: plain, username: app, password: "${SECRET}" } }
pipeline:
  name: copy
  source: { topic: events, group: copiers, format: json, columns: { id: string } }
  steps:
    - sql: SELECT id FROM input
  sink: { topic: copies, format: json }
  dead_letters: { topic: events.dead }
"#;

const EVENT_HUBS: &str =
    "Endpoint=sb://contoso.servicebus.windows.net/;SharedAccessKeyName=app;SharedAccessKey=planted";

/// What the command prints to both ends; it must succeed, and show nothing planted.
fn said(arguments: &[&str]) -> (String, String) {
    said_of(PIPELINE, arguments)
}

fn said_of(pipeline: &str, arguments: &[&str]) -> (String, String) {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("pipeline.yaml");
    fs::write(&path, pipeline).expect("a pipeline");
    let arguments: Vec<String> = arguments
        .iter()
        .map(|one| one.replace("FILE", &path.display().to_string()))
        .collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut command = crate::forebay(&arguments);
    command.env("SECRET", "planted").env("EVENT_HUBS", EVENT_HUBS);
    let output = crate::output(command);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{out}{err}");
    assert!(!out.contains("planted") && !err.contains("planted"), "{out}{err}");
    (out, err)
}

#[test]
fn every_setting_is_shown_with_its_reason_and_overrides_are_marked() {
    let (out, _) = said(&["connectors", "show", "aws", "FILE"]);
    let line = |name: &str| {
        let line = out.lines().find(|line| line.trim_start().starts_with(name));
        line.unwrap_or_else(|| panic!("no {name}:\n{out}")).to_owned()
    };
    assert!(
        line("bootstrap.servers").contains("the brokers of arn:aws:kafka:eu-west-1"),
        "{out}"
    );
    assert!(line("sasl.mechanisms").contains("OAUTHBEARER"), "{out}");
    assert!(
        line("reconnect.backoff.ms").contains("[this file, instead of 1000]"),
        "{out}"
    );
    assert!(
        line("reconnect.backoff.max.ms").contains("[msk, instead of 1000] brokers of MSK"),
        "{out}"
    );
    assert!(line("fetch.wait.max.ms").contains("${SECRET}"), "{out}");
    assert!(line("url").contains("https://a/api, https://b/api"), "{out}");
    assert!(line("login").contains("basic, as app"), "{out}");
    let (out, _) = said(&["connectors", "show", "aws", "FILE", "--json"]);
    let json: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(json["schema_registry"]["timeout"], "10s");
    let (out, _) = said(&["connectors", "show", "azure", "FILE"]);
    assert!(out.contains("sasl.password") && out.contains("***"), "{out}");
    assert!(
        out.contains("limit    sink.compression is none: Event Hubs takes gzip"),
        "{out}"
    );
    let (out, _) = said(&["connectors", "show", "local", "FILE", "--json"]);
    let json: Value = serde_json::from_str(&out).expect("JSON");
    let every = json["every"].as_array().expect("settings");
    let of = |name: &str| every.iter().find(|line| line["name"] == name).expect(name);
    assert_eq!(of("sasl.username")["value"], "app");
    assert!(of("sasl.password")["value"].is_null());
    assert_eq!(of("security.protocol")["by"], "forebay");
}

#[test]
fn a_connector_that_is_not_there_is_named_with_the_nearest_one() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("pipeline.yaml");
    fs::write(&path, PIPELINE).expect("a pipeline");
    let output = crate::output(crate::forebay(&[
        "connectors",
        "show",
        "azur",
        &path.display().to_string(),
    ]));
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(
        said.contains("no connector `azur`") && said.contains("did you mean `azure`?"),
        "{said}"
    );
}

#[test]
fn rights_come_in_the_words_of_each_service() {
    let (out, err) = said(&["policy", "FILE"]);
    let json: Value = serde_json::from_str(&out).expect("a policy is JSON");
    assert_eq!(json["Version"], "2012-10-17");
    assert!(
        out.contains(":topic/prod/aa-bb-7/events.dead") && err.contains("connector aws (msk)"),
        "{out}{err}"
    );
    let (out, _) = said(&["policy", "FILE", "--connector", "azure"]);
    assert!(
        out.contains("--namespace-name contoso") && out.contains("--rights Listen Send"),
        "{out}"
    );
    let (out, _) = said(&["policy", "FILE", "--connector", "cloud"]);
    assert!(out.contains("--consumer-group copiers"), "{out}");
    let (out, _) = said(&["policy", "FILE", "--connector", "local"]);
    assert!(
        out.contains("--allow-principal User:app --operation Read --operation Describe --topic events\n"),
        "{out}"
    );
}

#[test]
fn rights_at_the_registry_follow_the_formats() {
    let registry = "schema_registry: { url: \"https://r\", api_key: DEF, api_secret: \"${SECRET}\" } }";
    let avro = PIPELINE
        .replace(
            "api_key: ABC, api_secret: \"${SECRET}\" } }",
            &format!("api_key: ABC, api_secret: \"${{SECRET}}\" }}, {registry}"),
        )
        .replace(
            "group: copiers, format: json,",
            "group: copiers, format: avro, key: { format: avro, columns: { k: string } },",
        )
        .replace(
            "topic: copies, format: json",
            "topic: copies, format: { avro: { auto_register: true, subject: record-name } }",
        );
    let (out, _) = said_of(&avro, &["policy", "FILE", "--connector", "cloud"]);
    for binding in [
        "--role DeveloperRead --resource Subject:events-key\n",
        "--role DeveloperRead --resource Subject:events-value\n",
        "--role DeveloperRead --resource Subject:CopyResult\n",
        "--role DeveloperWrite --resource Subject:CopyResult\n",
    ] {
        assert!(out.contains(binding), "{binding}{out}");
    }
    assert_eq!(out.matches("role-binding").count(), 4, "{out}");
    let (out, err) = said_of(&avro, &["policy", "FILE"]);
    assert!(!out.contains("role-binding"), "{out}");
    assert!(
        err.contains("reads the subjects `CopyResult`, `events-key`, `events-value`"),
        "{err}"
    );
    let given = avro
        .replace("auto_register: true, ", "")
        .replace("topic: events, ", "pattern: ^ev.*, ");
    let (out, _) = said_of(&given, &["policy", "FILE", "--connector", "cloud"]);
    assert!(
        out.contains("--resource Subject:ev --prefix\n") && !out.contains("DeveloperWrite"),
        "{out}"
    );
}

#[test]
fn every_kind_is_listed() {
    let output = crate::output(crate::forebay(&["connectors"]));
    let said = String::from_utf8_lossy(&output.stdout);
    for kind in ["kafka", "msk", "confluent", "event-hubs", "google"] {
        assert!(
            said.lines()
                .any(|line| line.starts_with(kind) && line.ends_with("built in")),
            "{said}"
        );
    }
}
