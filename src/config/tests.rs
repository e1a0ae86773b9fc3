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
    Config::parse(
        file,
        PathBuf::new(),
        &Options {
            connector: None,
            env: &env,
        },
    )
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
    assert_eq!(config.start, Start::Earliest);
    assert_eq!(config.columns.len(), 2);
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
            "p.yaml:11:15: not a type: bool,",
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
            "p.yaml:3:18: the kind `msk` is known, but not built yet",
        ),
        ("\"${LANES}\"", "many", "p.yaml:16:10: expected a whole number"),
        (
            "topic: payments",
            "topics: []",
            "exactly one of `topic`, `topics` and `pattern`",
        ),
        (
            "connector: local",
            "connector: lokal",
            "p.yaml:1:12: there is no connector `lokal`",
        ),
        (
            "  name: fraud",
            "  name: fraud\n  name: b",
            "p.yaml:6:3: this key is given twice",
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
    assert!(load(&text).is_err_and(|problems| problems.len() >= 3));
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
fn owned_settings_are_refused_and_their_line_is_not_shown() {
    let problems = broken("\"]", "\"], client: { sasl.password: hunter2, acks: 1 }");
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(
        problems
            .iter()
            .all(|p| p.contains("forebay's own") && !p.contains("hunter2"))
    );
}

#[test]
fn variables_of_other_connectors_are_left_alone() {
    let other = "  other: { kind: kafka, bootstrap: [\"${NOT_SET}\"] }\npipeline:";
    assert!(load(&GOOD.replacen("pipeline:", other, 1)).is_ok());
}
