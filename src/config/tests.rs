//! Files with mistakes, and what is said of them.

use super::*;

const GOOD: &str = r#"connector: local
connectors:
  local: { kind: kafka, bootstrap: ["localhost:9092"] }
pipeline:
  name: fraud
  source:
    topic: payments
    group: fraud
    format: json
    columns:
      amount: float64
      currency: { type: string, nullable: true }
  steps:
    - sql: SELECT amount FROM input
  sink: { topic: scores, format: json }
  lanes: "${LANES}"
"#;

fn load(text: &str) -> Result<Config, Vec<Problem>> {
    let env = |name: &str| match name {
        "LANES" => Some("3".to_owned()),
        "SECRET" => Some("hunter2".to_owned()),
        _ => None,
    };
    let file = File {
        name: "p.yaml".to_owned(),
        text: text.to_owned(),
    };
    let options = Options {
        connector: None,
        also: None,
        env: &env,
    };
    parse(file, &options)
}

/// A config without problems.
fn parse(file: File, options: &Options<'_>) -> Result<Config, Vec<Problem>> {
    let (config, problems) = Config::parse(file, PathBuf::new(), options, true)?;
    if problems.is_empty() {
        Ok(config)
    } else {
        Err(problems)
    }
}

/// Replaces `from` once and gives the problems, one text each.
fn broken(from: &str, to: &str) -> Vec<String> {
    assert!(GOOD.contains(from), "{from}");
    let problems = load(&GOOD.replacen(from, to, 1)).err().unwrap_or_default();
    problems.iter().map(ToString::to_string).collect()
}

#[test]
fn a_good_file_is_typed_with_its_defaults() {
    let config = load(GOOD).unwrap_or_else(|e| panic!("{e:?}"));
    assert_eq!(config.document.pipeline.lanes, Some(3));
    assert_eq!(config.document.pipeline.memory, Size(512 << 20));
    assert_eq!(config.start, forebay_connectors::Start::Earliest);
    assert_eq!(config.columns.len(), 2);
}

#[test]
fn a_token_that_no_request_can_bring_is_refused_and_not_shown() {
    let with = |token: &str| {
        broken(
            "pipeline:",
            &format!("telemetry: {{ token: {token} }}\npipeline:"),
        )
    };
    assert!(with("\"!aZ~9\"").is_empty());
    let empty = "p.yaml:4:21: telemetry.token is empty: ";
    assert!(with("\"\"")[0].starts_with(empty), "{:?}", with("\"\""));
    assert!(with("\"${NONE:-}\"")[0].starts_with(empty));
    for wrong in [
        "\"planted token\"",
        "\"planted\\ttoken\"",
        "plantedé",
        "\"planted\\n\"",
    ] {
        let said = with(wrong);
        assert!(
            said[0].contains("telemetry.token holds what a header cannot carry"),
            "{said:?}"
        );
        assert!(!said.concat().contains("planted"), "{said:?}");
    }
}

#[test]
fn mistakes_are_named_with_their_place() {
    let cases = [
        (
            "pipeline:",
            "pipelin:",
            "p.yaml:4:1: unknown key `pipelin`: did you mean `pipeline`?",
        ),
        (
            "    group:",
            "    grup:",
            "p.yaml:8:5: unknown key `grup`: did you mean `group`?",
        ),
        (
            "  steps:",
            "  step:",
            "p.yaml:13:3: unknown key `step`: did you mean `steps`?",
        ),
        (
            "- sql:",
            "- sqk:",
            "p.yaml:14:7: unknown key `sqk`: did you mean `sql`?",
        ),
        (
            "amount: float64",
            "amount: float46",
            "p.yaml:11:15: not a type: did you mean `float64`? allowed: bool,",
        ),
        (
            "nullable: true",
            "nulable: true",
            "p.yaml:12:33: unknown key `nulable`: did you mean `nullable`?",
        ),
        (
            "bootstrap",
            "bootstrp",
            "p.yaml:3:25: unknown key `bootstrp`: did you mean `bootstrap`?",
        ),
        (
            "kind: kafka",
            "kind: kafak",
            "p.yaml:3:18: not allowed here: did you mean `kafka`?",
        ),
        (
            "kind: kafka",
            "kind: msk",
            "p.yaml:3:3: the key `auth` is missing under `local`: how this client proves who it is",
        ),
        ("\"${LANES}\"", "many", "p.yaml:16:10: expected a whole number"),
        (
            "  lanes: \"${LANES}\"\n",
            "telemetry: { listen: localhost }\n",
            "p.yaml:16:22: not an address such as 127.0.0.1:9464",
        ),
        (
            "topic: payments",
            "topics: []",
            "must not be empty: expected a list, such as `[\"payments\"]`",
        ),
        (
            "connector: local",
            "connector: lokal",
            "p.yaml:1:12: there is no connector `lokal`",
        ),
        (
            "  name: fraud",
            "  name: fraud\n  name: b",
            "p.yaml:6:3: `name` is given twice, first in line 5",
        ),
    ];
    for (from, to, said) in cases {
        let problems = broken(from, to);
        assert!(
            problems.iter().any(|p| p.contains(said)),
            "{to}: {said}\n{problems:#?}"
        );
    }
}

#[test]
fn all_problems_come_at_once() {
    let text = GOOD
        .replace("    group:", "    grup:")
        .replace("float64", "flot64");
    let problems = load(&text).err().unwrap_or_default();
    let lines: Vec<usize> = problems.iter().map(|problem| problem.line).collect();
    assert_eq!(lines, [8, 11], "{problems:?}");
}

#[test]
fn a_value_that_was_filled_in_is_never_shown() {
    for place in ["\"${LANES}\"", "float64", "kafka", "earliest"] {
        let text = GOOD.replace("format: json\n", "format: json\n    start: earliest\n");
        let problems = load(&text.replace(place, "\"${SECRET}\""))
            .err()
            .unwrap_or_default();
        assert!(!problems.is_empty(), "{place}");
        assert!(
            problems.iter().all(|p| !p.to_string().contains("hunter2")),
            "{problems:?}"
        );
    }
}

#[test]
fn a_value_that_is_a_part_of_a_name_in_the_file_does_not_hide_it() {
    let text = GOOD
        .replace("\"${LANES}\"", "1")
        .replace("group: fraud", "group: \"${GROUP}\"")
        .replace("kind: kafka,", "kind: kafka, client_rack: hidden,");
    let parsed = |group: &'static str| {
        let file = File {
            name: "p.yaml".to_owned(),
            text: text.clone(),
        };
        let options = Options {
            connector: None,
            also: None,
            env: &|_| Some(group.to_owned()),
        };
        parse(file, &options).unwrap_or_else(|e| panic!("{e:?}"))
    };
    let config = parsed("amount");
    assert_eq!(
        config.shown("amount; fields: id, amounts, my-amount"),
        "amount; fields: id, ${GROUP}s, my-amount"
    );
    assert_eq!(parsed("curr").shown("currency, current"), "currency, ${GROUP}ent");
    // Of several words, and what a connector's keys hold, is masked all the same.
    assert_eq!(parsed("amount-currency").shown("amount-currency"), "${GROUP}");
    assert_eq!(parsed("hidden").shown("hidden"), "${GROUP}");
}

#[test]
fn owned_settings_are_refused_and_their_line_is_not_shown() {
    let problems = broken("\"]", "\"], client: { sasl.password: hunter2, acks: 1 }");
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(
        problems
            .iter()
            .all(|p| p.contains("Forebay's own") && !p.contains("hunter2"))
    );
}

#[test]
fn variables_of_other_connectors_are_left_alone() {
    let other = "  other: { kind: kafka, bootstrap: [\"${NOT_SET}\"] }\npipeline:";
    assert!(load(&GOOD.replacen("pipeline:", other, 1)).is_ok());
}

#[test]
fn nothing_that_was_filled_in_is_in_debug_or_in_later_problems() {
    let text = GOOD
        .replace("\"]", "\"], client: { client.id: \"${SECRET}\" }")
        .replace("FROM input", "FROM input WHERE currency = '${SECRET}'")
        .replace(
            "format: json }",
            "format: json, headers: { token: \"${SECRET}\" } }",
        );
    let config = load(&text).unwrap_or_else(|e| panic!("{e:?}"));
    let shown = format!(
        "{config:?} {:?} {:?} {}",
        config.connectors,
        config.start,
        config.problem_at("/pipeline/steps/0", "no column hunter2"),
    );
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(shown.contains("no column ${SECRET}"), "{shown}");
}

#[test]
fn a_value_cannot_add_structure() {
    let env = |_: &str| Some("x }\n  lanes: 9".to_owned());
    let file = File {
        name: "p.yaml".to_owned(),
        text: GOOD
            .replace("group: fraud", "group: \"${G}\"")
            .replace("\"${LANES}\"", "1"),
    };
    let options = Options {
        connector: None,
        also: None,
        env: &env,
    };
    let config = parse(file, &options).unwrap_or_else(|e| panic!("{e:?}"));
    assert_eq!(config.document.pipeline.source.group, "x }\n  lanes: 9");
    assert_eq!(config.document.pipeline.lanes, Some(1));
}

#[test]
fn forms_that_are_a_word_or_a_map_say_what_they_may_be() {
    let cases = [
        (
            "  lanes:",
            "  dead_letters: { topik: d }\n  lanes:",
            "unknown key `topik`: did you mean `topic`?",
        ),
        (
            "topic: scores, format: json",
            "topic: scores, format: xml",
            "not a format: json",
        ),
        (
            "topic: scores, format: json",
            "topic: scores, format: avor",
            "p.yaml:15:34: not a format: did you mean `avro`? allowed: json, avro, json-schema, protobuf, raw",
        ),
        (
            "topic: payments",
            "topic: payments\n    key: { format: json-shema, columns: { a: string } }",
            "not a format: did you mean `json-schema`? allowed: json, avro,",
        ),
        (
            "topic: scores, format: json",
            "topic: scores, format: { avro: { use_latest: true, auto_register: true } }",
            "p.yaml:15:62: `use_latest` writes with a schema that the registry has",
        ),
        (
            "topic: scores, format: json",
            "topic: scores, format: { jsn: {} }",
            "unknown key `jsn`: did you mean `json`?",
        ),
        (
            "amount: float64",
            "amount: { type: float64, unit: ms }",
            "`unit` is for columns of type timestamp",
        ),
        (
            "amount: float64",
            "amount: { type: int64, default: a }",
            "the value does not fit: expected a whole number",
        ),
        (
            "amount: float64",
            "_amount: float64",
            "kept for a record's metadata",
        ),
        (
            "sql: SELECT amount FROM input",
            "model: { path: m.onnx, inputs: { x: 5 } }",
            "a column or a list of columns",
        ),
        (
            "sql: SELECT amount FROM input",
            "{ sql: a, lookup: { table: t, on: a } }",
            "more than one",
        ),
        (
            "  lanes:",
            "  delivery: exactly-once\n  lanes:",
            "exactly-once is not built yet",
        ),
        ("  lanes:", "  memory: 5MB\n  lanes:", "not a size such as"),
        ("  lanes:", "  commit: { every: 5 }\n  lanes:", "expected"),
        (
            "format: json }",
            "format: json, linger: 5 ms }",
            "not a duration such as",
        ),
        ("topic: payments", "pattern: pay", "begins with `^`"),
        ("group: fraud", "group: fraud\n    start: soon", "not a start"),
        (
            "group: fraud",
            "group: fraud\n    event_time: at",
            "there is no column `at`",
        ),
    ];
    for (from, to, said) in cases {
        let problems = broken(from, to);
        assert!(
            problems.iter().any(|p| p.contains(said)),
            "{to}: {said}\n{problems:#?}"
        );
    }
}
