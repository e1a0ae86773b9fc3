//! What leaves the process: JUnit XML, and nothing that a variable gave.

use std::fs;

use quick_junit::{NonSuccessKind, Report, TestCaseStatus};

use super::{Folder, PIPELINE, contains_all};

#[test]
fn junit_holds_every_case_and_escapes_what_it_quotes() {
    let folder = Folder::all(&[
        (
            "good.input.jsonl",
            "{\"id\":1,\"price\":1,\"note\":\"]]><&\\u0007\"}\n",
        ),
        (
            "good.results.jsonl",
            "{\"id\":1,\"double\":2.0,\"note\":\"<none>\"}\n",
        ),
        ("none.input.jsonl", "{\n"),
    ]);
    let (code, text) = folder.test(&["--junit", "report.xml"]);
    assert_eq!(code, 2, "{text}");
    let xml = fs::read_to_string(folder.path("report.xml")).expect("the report");
    let report = Report::deserialize_from_str(&xml).expect("JUnit");
    let suite = &report.test_suites[0];
    assert_eq!(
        (suite.name.as_str(), suite.tests, suite.failures, suite.errors),
        ("pipeline.yaml", 3, 1, 1)
    );
    let said = |name: &str| {
        let case = suite
            .test_cases
            .iter()
            .find(|c| c.name.as_str() == name)
            .expect("the case");
        match &case.status {
            TestCaseStatus::NonSuccess {
                kind, description, ..
            } => Some((*kind, description.as_ref().map_or("", |d| d.as_str()).to_owned())),
            _ => None,
        }
    };
    assert_eq!(said("all"), None);
    let (kind, text) = said("good").expect("a failure");
    assert_eq!(kind, NonSuccessKind::Failure);
    contains_all(
        &text,
        &["field `note`: expected \"<none>\", found \"]]><&\\u0007\""],
    );
    assert_eq!(said("none").expect("an error").0, NonSuccessKind::Error);
}

#[test]
fn what_variables_give_appears_nowhere() {
    const SECRET: &str = "planted-4711";
    let pipeline = PIPELINE
        .replace("note FROM", "'<${TOKEN}>' AS token, note FROM")
        .replace("by: forebay", "by: \"${TOKEN}\"");
    let records =
        format!("{{\"key\":null,\"headers\":{{\"in\":\"{SECRET}\"}},\"value\":{{\"id\":1,\"price\":1}}}}\n");
    let folder = Folder::new(
        &pipeline,
        &[
            ("all.input.records.jsonl", &records),
            ("all.results.jsonl", "{\"id\":1}\n"),
        ],
    );
    let env = [("TOKEN", SECRET)];
    let (code, text) = folder.test_with(&["--junit", "report.xml"], &env);
    assert_eq!(code, 1, "{text}");
    contains_all(&text, &["found \"<${TOKEN}>\""]);
    let xml = fs::read_to_string(folder.path("report.xml")).expect("the report");
    fs::remove_file(folder.case("all.results.jsonl")).expect("remove the results");
    let (code, updated) = folder.test_with(&["--update"], &env);
    assert_eq!(code, 0, "{updated}");
    let results = folder.read("all.results.records.jsonl");
    contains_all(&results, &["\"by\":\"${TOKEN}\"", "\"token\":\"<${TOKEN}>\""]);
    for text in [&text, &xml, &updated, &results] {
        assert!(!text.contains(SECRET), "{text}");
    }
    let (code, text) = folder.test_with(&[], &env);
    assert_eq!(code, 0, "{text}");
}
