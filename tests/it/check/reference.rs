//! `docs/reference.md` is made of the pipeline file's types: every key with what it takes, its default and its meaning.
//! `make reference` writes it anew.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use serde_json::Value;

const HEAD: &str = "# The pipeline file

Every key, with what it takes and what it means where it is absent. `make reference` makes this page of the types that read the file.
`forebay schema > pipeline.schema.json` gives the same to an editor: with the YAML extension of VS Code, a first line
`# yaml-language-server: $schema=pipeline.schema.json` marks mistakes while you type.

`${NAME}`, `${NAME:-default}` and `${file:PATH}` fill in values, anywhere but in keys: variables, and files without the line break at
their end; `$${` is a literal `${`. What they give is never printed. Every path is relative to the pipeline file. A key that is not here is
an error.
";

/// A title, what leads there from the schema's root, and where it belongs.
type Part = (&'static str, &'static str, &'static str);

/// The parts of the file in the order of the page.
const PARTS: &[Part] = &[
    ("The file", "", ""),
    (
        "connectors.NAME",
        "/properties/connectors/additionalProperties/allOf/0/then",
        "of kind `kafka`",
    ),
    ("tls", "/$defs/TlsConfig", "of kind `kafka`"),
    ("sasl", "/$defs/SaslConfig", "of kind `kafka`"),
    (
        "connectors.NAME",
        "/properties/connectors/additionalProperties/allOf/1/then",
        "of kind `msk`",
    ),
    (
        "auth",
        "/$defs/MskAuth",
        "of kind `msk`; the word `none`, or exactly one of",
    ),
    ("iam", "/$defs/IamConfig", "of kind `msk`"),
    ("scram", "/$defs/ScramConfig", "of kind `msk`"),
    ("mtls", "/$defs/MtlsConfig", "of kind `msk`"),
    (
        "connectors.NAME",
        "/properties/connectors/additionalProperties/allOf/2/then",
        "of kind `confluent`",
    ),
    ("auth", "/$defs/ConfluentAuth", "of kind `confluent`"),
    ("oauth", "/$defs/OauthConfig", "of kind `confluent`"),
    (
        "connectors.NAME",
        "/properties/connectors/additionalProperties/allOf/3/then",
        "of kind `event-hubs`",
    ),
    (
        "auth",
        "/$defs/EventHubsAuth",
        "of kind `event-hubs`; exactly one of",
    ),
    (
        "managed_identity",
        "/$defs/ManagedIdentityConfig",
        "of kind `event-hubs`",
    ),
    (
        "client_secret",
        "/$defs/ClientSecretConfig",
        "of kind `event-hubs`",
    ),
    (
        "client_certificate",
        "/$defs/ClientCertificateConfig",
        "of kind `event-hubs`",
    ),
    (
        "connectors.NAME",
        "/properties/connectors/additionalProperties/allOf/4/then",
        "of kind `google`",
    ),
    ("tls", "/$defs/CaConfig", "of the clouds' kinds"),
    ("schema_registry", "/$defs/SchemaRegistryConfig", "of a connector"),
    ("oauth", "/$defs/RegistryOauthConfig", "of `schema_registry`"),
    ("tls", "/$defs/RegistryTlsConfig", "of `schema_registry`"),
    ("pipeline", "/$defs/Pipeline", ""),
    ("source", "/$defs/SourceConfig", "of `pipeline`"),
    (
        "format",
        "/$defs/SourceFormat",
        "of a source or a key; exactly one of",
    ),
    ("json", "/$defs/JsonSource", "of a source's `format`"),
    ("avro", "/$defs/AvroSource", "of a source's `format`"),
    ("json-schema", "/$defs/JsonSchemaSource", "of a source's `format`"),
    ("protobuf", "/$defs/ProtobufSource", "of a source's `format`"),
    ("key", "/$defs/KeyConfig", "of `source`"),
    ("columns.NAME", "/$defs/Column", "of a source, a key or a table"),
    ("steps", "/$defs/Step", "of `pipeline`; each has exactly one of"),
    ("lookup", "/$defs/LookupConfig", "as a step"),
    ("model", "/$defs/ModelConfig", "as a step"),
    ("sink", "/$defs/SinkConfig", "of `pipeline`"),
    ("format", "/$defs/SinkFormat", "of a sink; exactly one of"),
    ("avro", "/$defs/AvroSink", "of a sink's `format`"),
    ("json-schema", "/$defs/RegisteredSink", "of a sink's `format`"),
    ("protobuf", "/$defs/ProtobufSink", "of a sink's `format`"),
    ("dead_letters", "/$defs/DeadLetters", "of `pipeline`"),
    ("stop_after", "/$defs/StopAfter", "of `dead_letters`"),
    ("commit", "/$defs/Commit", "of `pipeline`"),
    ("batch", "/$defs/BatchConfig", "of `pipeline`"),
    ("drift", "/$defs/DriftConfig", "of `pipeline`"),
    ("tables.NAME", "/$defs/TableConfig", ""),
    ("telemetry", "/$defs/Telemetry", ""),
    ("alerts", "/$defs/Alerts", ""),
    ("onnxruntime", "/$defs/OnnxRuntime", ""),
];

fn page(schema: &Value) -> String {
    let mut out = HEAD.to_owned();
    for (title, pointer, where_) in PARTS {
        let part = schema.pointer(pointer).expect(pointer);
        let where_ = match *where_ {
            "" => String::new(),
            text => format!(", {text}"),
        };
        let code = if title.contains(' ') { "" } else { "`" };
        write!(out, "\n## {code}{title}{code}{where_}\n\n").expect("a text");
        out += "| key | takes | default | meaning |\n| --- | --- | --- | --- |\n";
        let required: Vec<&Value> = part["required"].as_array().into_iter().flatten().collect();
        for (key, own) in part["properties"].as_object().expect("keys") {
            let one = key == "sql" || *title == "steps" || where_.contains("exactly one");
            let default = match &own["default"] {
                _ if one => String::new(),
                _ if required.iter().any(|name| *name == key) => "required".to_owned(),
                Value::Null => String::new(),
                value => format!("`{value}`").replace('"', ""),
            };
            let meaning = own["description"].as_str().unwrap_or_default().replace('\n', " ");
            let row = format!(
                "| `{key}` | {} | {default} | {meaning} |",
                takes(schema, own).replace('|', "or")
            );
            out += &(row.replace("  ", " ") + "\n");
        }
    }
    out
}

/// What a key takes, in words.
fn takes(schema: &Value, own: &Value) -> String {
    if let Some(name) = own["$ref"]
        .as_str()
        .and_then(|path| path.strip_prefix("#/$defs/"))
    {
        return named(schema, name);
    }
    if let Some(word) = own["const"].as_str() {
        return format!("`{word}`");
    }
    if let Some(words) = words(own) {
        return words;
    }
    let types = match &own["type"] {
        Value::Array(all) => all.iter().filter_map(Value::as_str).find(|name| *name != "null"),
        one => one.as_str(),
    };
    if own["additionalProperties"]["allOf"].is_array() {
        return "name: a map, [below](#connectorsname-of-kind-kafka)".to_owned();
    }
    let example = own["examples"][0].as_str();
    match types {
        Some("string") => example.map_or("text".to_owned(), |text| format!("text, such as `{text}`")),
        Some("integer") => range(own),
        Some("number") => share(own),
        Some("boolean") => "`true` or `false`".to_owned(),
        Some("array") => format!("a list of {}", plural(&takes(schema, &own["items"]))),
        Some("object") => match &own["additionalProperties"] {
            Value::Object(_) => format!("name: {}", takes(schema, &own["additionalProperties"])),
            _ => "a map".to_owned(),
        },
        _ => "any value".to_owned(),
    }
}

/// What is defined once, under its name: another part of the page, or a kind of value.
fn named(schema: &Value, name: &str) -> String {
    let pointer = format!("/$defs/{name}");
    if let Some(part) = PARTS.iter().find(|(_, part, _)| *part == pointer) {
        let anchor = anchor(part);
        return match name {
            "SourceFormat" | "SinkFormat" => format!("a word, or [a map](#{anchor})"),
            "Step" => format!("[steps](#{anchor})"),
            "Column" => format!("a type, or [a map](#{anchor})"),
            "MskAuth" => format!("`none`, or a map, [below](#{anchor})"),
            _ => format!("a map, [below](#{anchor})"),
        };
    }
    let own = &schema["$defs"][name];
    if name == "Nothing" {
        return "`{}`".to_owned();
    }
    if let Some(words) = words(own) {
        return words;
    }
    match own["description"].as_str() {
        Some(text) => text.to_owned(),
        None => takes(schema, own),
    }
}

/// GitHub's anchor of a part's heading.
fn anchor((title, _, where_): &Part) -> String {
    let heading = format!("{title} {where_}").trim().to_lowercase();
    let kept = heading
        .chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

fn words(own: &Value) -> Option<String> {
    let all = own["anyOf"][0]["enum"].as_array()?;
    let all: Vec<String> = all
        .iter()
        .filter_map(Value::as_str)
        .map(|word| format!("`{word}`"))
        .collect();
    Some(all.join(", "))
}

fn range(own: &Value) -> String {
    match (own["minimum"].as_u64(), own["maximum"].as_u64()) {
        (Some(least), Some(most)) => format!("a whole number from {least} to {most}"),
        (Some(least), None) => format!("a whole number from {least}"),
        _ => "a whole number".to_owned(),
    }
}

fn share(own: &Value) -> String {
    match (own["minimum"].as_f64(), own["maximum"].as_f64()) {
        (Some(least), Some(most)) => format!("a number from {least} to {most}"),
        _ => "a number".to_owned(),
    }
}

fn plural(text: &str) -> String {
    match text.strip_prefix("text") {
        Some(rest) => format!("texts{rest}"),
        None => text.to_owned(),
    }
}

#[test]
fn the_reference_is_made_of_the_types() {
    let schema = crate::output(crate::forebay(&["schema"]));
    let schema: Value = serde_json::from_slice(&schema.stdout).expect("JSON");
    let every = schema["$defs"].as_object().expect("definitions").iter();
    let structs = every
        .filter(|(name, own)| own["properties"].is_object() && *name != "NoOptions" && *name != "Nothing");
    for (name, _) in structs {
        let shown = PARTS
            .iter()
            .any(|(_, pointer, _)| pointer.ends_with(&format!("/{name}")));
        assert!(shown, "{name} has no part of the page");
    }
    let made = page(&schema);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference.md");
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, &made).expect("the page");
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == made,
        "docs/reference.md is not what the types say; `make reference` writes it"
    );
}
