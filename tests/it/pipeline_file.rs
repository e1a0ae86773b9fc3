//! `check` on a pipeline without a model: places of mistakes, connectors, and what variables gave, which is never shown.

use std::path::Path;
use std::process::Output;

const PIPELINE: &str = r#"connector: local
connectors:
  local: { kind: kafka, bootstrap: ["localhost:1"], client: { client.id: "${SECRET}" } }
  other: { kind: kafka, bootstrap: ["${NOT_SET}"] }
pipeline:
  name: fraud
  source:
    topic: payments
    group: fraud
    format: json
    columns:
      payment_id: string
      amount: float64
      merchant_id: { type: string, path: merchant.id }
  steps:
    - sql: SELECT * FROM input WHERE payment_id <> '${SECRET}'
    - lookup: { table: merchants, on: merchant_id, columns: [risk], missing: { risk: 0.5 } }
    - sql: SELECT payment_id, risk > 0.9 AS blocked FROM input
  sink: { topic: scores, format: json, key: payment_id }
tables:
  merchants: { file: merchants.csv, key: merchant_id, columns: { merchant_id: string, risk: float64 } }
"#;

fn forebay(args: &[&str]) -> Output {
    let mut command = crate::forebay(args);
    command.env("SECRET", "hunter2").env_remove("NOT_SET");
    crate::output(command)
}

/// `check` on a file; returns the exit code and both outputs.
fn check(text: &str, more: &[&str]) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("p.yaml");
    std::fs::write(&file, text).expect("a file");
    std::fs::write(folder.path().join("merchants.csv"), "merchant_id,risk\nm1,0.25\n").expect("a table");
    let output = forebay(&[&["check", shown(&file)], more].concat());
    (output.status.code(), said(&output))
}

fn shown(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

fn said(output: &Output) -> String {
    let text = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    String::from_utf8(text).expect("UTF-8")
}

#[test]
fn a_plan_is_printed_without_a_broker_and_without_secrets() {
    let (code, said) = check(PIPELINE, &[]);
    assert_eq!(code, Some(0), "{said}");
    for part in [
        "payments on connector local",
        "lookup   ",
        "blocked     bool",
        "payment_id <> '${SECRET}'",
    ] {
        assert!(said.contains(part), "{part}\n{said}");
    }
    assert!(!said.contains("hunter2"), "{said}");
}

#[test]
fn mistakes_end_with_2_and_name_their_place() {
    let cases = [
        ("amount: float64", "amount: flot64", ":13:15: not a type"),
        (
            "  steps:",
            "  stepz:",
            ":15:3: unknown key `stepz`: did you mean `steps`?",
        ),
        ("risk > 0.9", "rsk > 0.9", "p.yaml:18:"),
        (
            "key: payment_id }",
            "key: payment }",
            "p.yaml:19:45: `key` names the unknown column `payment`: did you mean `payment_id`?",
        ),
        ("merchants.csv", "absent.csv", "p.yaml:21:"),
        (
            "missing: { risk",
            "missing: { rsk",
            "`missing` names \"rsk\", which is not looked up; did you mean \"risk\"?",
        ),
        ("table: merchants", "table: merchant", "p.yaml:17:"),
    ];
    for (from, to, part) in cases {
        assert!(PIPELINE.contains(from), "{from}");
        let (code, said) = check(&PIPELINE.replacen(from, to, 1), &[]);
        assert_eq!(code, Some(2), "{to}\n{said}");
        assert!(
            said.starts_with("error: ") && said.contains(part),
            "{to}: {part}\n{said}"
        );
        assert!(!said.contains("hunter2"), "{said}");
    }
}

#[test]
fn the_connector_can_be_replaced_and_only_then_needs_its_variables() {
    let (code, said) = check(PIPELINE, &["--connector", "other"]);
    assert_eq!(code, Some(2));
    assert!(
        said.contains(":4:37: the variable `NOT_SET` is not set"),
        "{said}"
    );
    let (code, said) = check(PIPELINE, &["--connector", "lokal"]);
    assert_eq!(code, Some(2));
    assert!(said.contains("did you mean `local`?"), "{said}");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let output = forebay(&["check", "absent.yaml"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("absent.yaml"));
}
