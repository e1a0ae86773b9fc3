//! `docs/check.md` is what `check` says: its texts of the README's pipeline, and every key of its JSON. And what the plan
//! says of ways that are longer than the page's.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

fn read(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).expect(name)
}

/// The README's second pipeline.
pub(super) fn fraud() -> String {
    let readme = read("README.md");
    let (_, behind) = readme
        .split_once("With a table, filters, defaults and dead letters:\n\n```yaml\n")
        .expect("its place");
    behind.split_once("```").expect("its end").0.to_owned()
}

/// `check` on `text`, beside its table and its model: exit code, what it prints, what it complains of.
fn check(text: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
    let folder = TempDir::new().expect("a folder");
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("a file");
    write("fraud.yaml", text);
    write("merchants.csv", "merchant_id,risk\nm1,0.25\n");
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("core/tests/models/sum.onnx");
    fs::copy(model, folder.path().join("fraud.onnx")).expect("a model");
    let mut command = crate::forebay(&["check"]);
    command
        .args(arguments)
        .arg("fraud.yaml")
        .current_dir(folder.path())
        .env_remove("KAFKA");
    let output = crate::output(command);
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn plan(text: &str) -> Value {
    let (code, said, _) = check(text, &["--json"]);
    assert_eq!(code, Some(0), "{said}");
    serde_json::from_str(&said).expect("JSON")
}

/// Without the path of a library that lies elsewhere on each machine.
fn comparable(text: &str) -> String {
    let line = |line: &str| match line.trim_start().starts_with("onnxruntime ") {
        true => "onnxruntime\n".to_owned(),
        false => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

/// The page's blocks that begin with the command.
fn shown() -> Vec<String> {
    let page = read("docs/check.md");
    let mut parts = page.split("```\n$ forebay check fraud.yaml\n");
    parts.next();
    parts
        .map(|part| comparable(part.split_once("```").expect("an end").0))
        .collect()
}

#[test]
fn the_page_shows_what_is_printed() {
    let shown = shown();
    let (code, said, complaint) = check(&fraud(), &[]);
    assert_eq!(
        (code, comparable(&said), complaint.as_str()),
        (Some(0), shown[0].clone(), "")
    );
    let wrong = fraud()
        .replace("currency = ", "curency = ")
        .replace("on: merchant_id", "on: merchant")
        .replace("card_age_days, risk]", "card_age_days]");
    let (code, said, complaint) = check(&wrong, &[]);
    assert_eq!(
        (code, said.as_str(), comparable(&complaint)),
        (Some(2), "", shown[1].clone())
    );
}

#[test]
fn the_page_names_every_key_of_the_json() {
    fn keys(value: &Value, all: &mut BTreeSet<String>) {
        match value {
            Value::Object(map) => map.iter().for_each(|(key, value)| {
                all.insert(key.clone());
                keys(value, all);
            }),
            Value::Array(items) => items.iter().for_each(|item| keys(item, all)),
            _ => {}
        }
    }
    let page = read("docs/check.md");
    let mut all = BTreeSet::new();
    keys(&plan(&fraud()), &mut all);
    keys(&plan(&with_warnings()), &mut all);
    let named = |key: &&String| {
        [format!("`{key}`"), format!("`{key}[]`"), format!(".{key}")]
            .iter()
            .any(|word| page.contains(word))
    };
    let unnamed: Vec<&String> = all.iter().filter(|key| !named(key)).collect();
    assert!(unnamed.is_empty() && all.len() > 40, "{unnamed:?} of {all:?}");
}

/// The page's pipeline with a column that nothing reads, and a null on its way to a tensor.
fn with_warnings() -> String {
    fraud()
        .replace("currency: {", "city: string\n      currency: {")
        .replace("{ type: int64, default: 0 }", "{ type: int64, nullable: true }")
        .replace(
            "SELECT *, ln",
            "SELECT payment_id, merchant_id, card_age_days, ln",
        )
}

#[test]
fn what_runs_and_may_not_be_meant_is_a_warning_at_its_place() {
    let text = with_warnings();
    let all = plan(&text);
    let place = |needle: &str| {
        let line = text.lines().position(|line| line.contains(needle)).expect(needle);
        let column = text.lines().nth(line).and_then(|l| l.find(needle)).expect(needle);
        (line as u64 + 1, column as u64 + 1)
    };
    let warnings = all["problems"].as_array().expect("problems").iter();
    let said: Vec<((u64, u64), &str)> = warnings
        .map(|w| {
            assert_eq!(w["severity"], "warning");
            let number = |name: &str| w[name].as_u64().expect("a number");
            (
                (number("line"), number("column")),
                w["message"].as_str().expect("a text"),
            )
        })
        .collect();
    assert_eq!(said.len(), 2, "{said:#?}");
    assert_eq!(said[0].0, place("city"));
    assert!(said[0].1.contains("nothing reads the column `city`"), "{said:?}");
    assert_eq!(said[1].0, place("card_age_days, risk"));
    assert!(
        said[1].1.contains("null") && said[1].1.contains("features"),
        "{said:?}"
    );
}

#[test]
fn a_way_is_followed_through_every_step() {
    let text = fraud().replace(
        "    - lookup:",
        "    - sql: SELECT payment_id, merchant_id, log_amount * 2 + card_age_days AS mixed, _key AS k FROM input\n    - lookup:",
    );
    let text = text
        .replace("[log_amount, card_age_days, risk]", "[mixed, mixed, risk]")
        .replace(
            "payment_id, fraud_score FROM",
            "payment_id, k, fraud_score + risk AS both FROM",
        );
    let all = plan(&text);
    let column = |name: &str| {
        let columns = all["plan"]["source"]["columns"].as_array().expect("columns");
        columns.iter().find(|c| c["name"] == name).expect(name).clone()
    };
    for name in ["amount", "card_age_days"] {
        let tensors = column(name)["tensors"].clone();
        let way = serde_json::json!({ "step": 3, "tensor": "features", "column": "mixed", "cast": "float32", "nullable": false });
        assert_eq!(tensors[0], way, "{name}");
    }
    assert_eq!(
        (&column("currency")["used"], &column("currency")["tensors"]),
        (&true.into(), &serde_json::json!([]))
    );
    let fields = all["plan"]["sink"]["fields"].as_array().expect("fields").iter();
    let from: Vec<String> = fields
        .map(|f| format!("{}<-{}", f["name"].as_str().unwrap_or("?"), f["from"]))
        .collect();
    assert_eq!(
        from,
        [
            r#"payment_id<-["payment_id"]"#,
            r#"k<-["_key"]"#,
            r#"both<-["fraud.onnx:score","merchants.risk"]"#
        ]
    );
}
