//! `forebay schema` as an editor uses it: a validator that shares no code with Forebay, behind a YAML 1.2 loader, accepts
//! what runs, variables included, and marks what does not fit.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::{mistakes, page};

/// What the validator says of each of `files`.
fn validate(files: &[String]) -> Vec<Vec<String>> {
    let schema = crate::output(crate::forebay(&["schema"]));
    let schema: Value = serde_json::from_slice(&schema.stdout).expect("JSON");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut child = Command::new(crate::python("tests/schema/requirements.txt"))
        .arg(root.join("tests/schema/validate.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Python");
    let asked = json!({ "schema": schema, "files": files }).to_string();
    let mut input = child.stdin.take().expect("its input");
    input.write_all(asked.as_bytes()).expect("it reads");
    drop(input);
    let output = child.wait_with_output().expect("it ends");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// Every pipeline file of the examples.
fn examples() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let entries = |folder: &Path| {
        fs::read_dir(folder)
            .expect("a folder")
            .map(|e| e.expect("an entry").path())
    };
    let files = entries(&folder)
        .filter(|path| path.is_dir())
        .flat_map(|path| entries(&path).collect::<Vec<_>>());
    files
        .filter(|path| path.extension().is_some_and(|end| end == "yaml"))
        .collect()
}

#[test]
fn what_runs_is_accepted() {
    let mut files: Vec<String> = examples()
        .iter()
        .map(|path| fs::read_to_string(path).expect("a file"))
        .collect();
    assert!(files.len() > 3, "{files:?}");
    files.extend([page::fraud(), mistakes::PIPELINE.to_owned()]);
    // Where a number, a switch, a size or one of several words stands, a variable may stand.
    let filled = mistakes::PIPELINE
        .replace("lanes: 2", "lanes: \"${LANES}\"")
        .replace("kind: kafka", "kind: \"${KIND:-kafka}\"")
        .replace("nullable: true", "nullable: \"${NULLABLE}\"")
        .replace("64MiB", "\"${MEMORY}\"")
        .replace("on_reject: stop", "on_reject: \"${file:policy.txt}\"")
        .replace("unit: s", "unit: \"${UNIT}\"");
    assert_eq!(filled.matches("${").count(), 8);
    files.push(filled);
    for (file, said) in files.iter().zip(validate(&files)) {
        assert!(said.is_empty(), "{said:#?}\n{file}");
    }
}

/// What only Forebay sees: whether parts fit each other, and values that a schema has no words for.
const BEYOND: &[&str] = &[
    "  group: fraud\n    event_time: »amount\n",
    "  group: fraud\n    event_time: »when\n",
    "  group: fraud\n    start: »yesterday\n",
    "»localhost",
    "topic: payments\n    »topics: [other]\n",
    "pattern: »payments.*\n",
    "{ risk: »high }",
    "default: »none",
    "{ type: int64, unit: »s }",
    "      »_amount: float64\n      amount: float64",
    "[»\"${NOT_SET}\"]",
    "group: »${file:absent.txt}",
    "group: »${UNCLOSED",
    "connector: »lokal",
    "»acks: 1",
];

#[test]
fn mistakes_in_keys_and_values_are_marked() {
    let (mistakes, files): (Vec<&str>, Vec<String>) = mistakes::in_keys_and_values().unzip();
    let said = validate(&files);
    let silent = mistakes.iter().zip(said).filter(|(_, said)| said.is_empty());
    let missed: Vec<&str> = silent.map(|(mistake, _)| *mistake).collect();
    assert_eq!(missed, BEYOND, "of {}", mistakes.len());
}
