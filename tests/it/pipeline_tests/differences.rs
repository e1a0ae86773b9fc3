//! What differs is named; what may differ passes; a stop can be what is expected.

use std::fs;

use super::{Folder, INPUT, PIPELINE, REJECTS, RESULTS, contains_all};

#[test]
fn what_differs_is_named_by_row_and_field() {
    let rows: Vec<&str> = RESULTS.lines().collect();
    let lines = |lines: &[&str]| lines.iter().map(|line| format!("{line}\n")).collect::<String>();
    let cases: &[(&str, String, &[&str])] = &[
        (
            "all.results.jsonl",
            RESULTS.replace("0.2000001", "0.21"),
            &[
                "all.results.jsonl line 2, from input line 4: field `double`: expected 0.21, found 0.2 (off by 0.01, allowed 1e-6)",
            ],
        ),
        (
            "all.results.jsonl",
            RESULTS.replace("\"b\"", "\"c\""),
            &["line 3, from input line 5: field `note`: expected \"c\", found \"b\""],
        ),
        (
            "all.results.jsonl",
            RESULTS.replace("\"id\":4,", "\"extra\":true,"),
            &[
                "field `extra`: expected true, found nothing",
                "field `id`: expected nothing, found 4",
            ],
        ),
        (
            "all.results.jsonl",
            RESULTS.replace("\"id\":4", "\"id\":7"),
            &["field `id`: expected 7, found 4 (off by 3, whole numbers are exact)"],
        ),
        (
            "all.results.jsonl",
            lines(&[rows[0], rows[2]]),
            &["a result too many, from input line 4: {\"id\":4,\"double\":0.2,\"note\":null}"],
        ),
        (
            "all.results.jsonl",
            lines(&[rows[0], rows[1], r#"{"id":9,"double":9.5,"note":"z"}"#, rows[2]]),
            &["all.results.jsonl line 3 is missing: {\"id\":9,\"double\":9.5,\"note\":\"z\"}"],
        ),
        (
            "all.results.jsonl",
            lines(&[rows[1], rows[0], rows[2]]),
            &["all.results.jsonl line 1 is out of order: it came as result 2, from input line 4"],
        ),
        (
            "all.rejects.jsonl",
            String::new(),
            &["input line 3 was rejected, which all.rejects.jsonl does not expect: decode: column `price`"],
        ),
        (
            "all.rejects.jsonl",
            REJECTS.replace("decode", "model"),
            &["all.rejects.jsonl line 1, input line 3: expected the stage model, found decode"],
        ),
        (
            "all.rejects.jsonl",
            REJECTS.replace("price", "cost"),
            &["expected a reason with `column `cost``, found `column `price`"],
        ),
        (
            "all.rejects.jsonl",
            format!("{REJECTS}{{\"line\":2}}\n{{\"line\":4}}\n"),
            &[
                "all.rejects.jsonl line 2: input line 2 was not rejected: the input has no such line, or a filter took it",
                "all.rejects.jsonl line 3: input line 4 was not rejected: it came out as result 2",
            ],
        ),
    ];
    for (file, changed, words) in cases {
        let (code, text) = Folder::all(&[(file, changed)]).test(&[]);
        assert_eq!(code, 1, "{changed}: {text}");
        contains_all(&text, words);
        contains_all(
            &text,
            &[
                "FAILED",
                "pipeline.yaml: all",
                "0 of 1 case passed",
                "error: 1 case failed",
            ],
        );
        let behind = text.split("pipeline.yaml: all\n").nth(1).unwrap_or_default();
        let said = behind.lines().take_while(|line| line.starts_with("  ")).count();
        assert_eq!(said, words.len(), "and nothing else: {text}");
    }
}

#[test]
fn options_say_how_far_what_may_be_off() {
    let off = RESULTS.replace("0.2000001", "0.21");
    let swapped: String = RESULTS.lines().rev().map(|line| format!("{line}\n")).collect();
    let cases: &[(&str, &str, i32)] = &[
        ("tolerance: { absolute: 0.1 }\n", &off, 0),
        ("tolerance: { relative: 0.1 }\n", &off, 0),
        ("fields: { double: { absolute: 0.1 } }\n", &off, 0),
        ("fields: { double: { absolute: 0, relative: 0 } }\n", RESULTS, 1),
        ("ignore: [double]\n", &off, 0),
        ("ignore: [note]\n", &off, 1),
        ("order: false\n", &swapped, 0),
        ("order: true\n", &swapped, 1),
    ];
    for (options, results, expected) in cases {
        let (code, text) = Folder::all(&[("all.yaml", options), ("all.results.jsonl", results)]).test(&[]);
        assert_eq!(code, *expected, "{options}: {text}");
    }
}

#[test]
fn a_stop_can_be_expected_and_is_a_failure_where_it_is_not() {
    let pipeline = PIPELINE.replace("  dead_letters: { topic: dead }\n", "");
    let folder = Folder::new(
        &pipeline,
        &[("all.input.jsonl", INPUT), ("all.results.jsonl", RESULTS)],
    );
    let (code, text) = folder.test(&[]);
    assert_eq!(code, 1, "{text}");
    contains_all(
        &text,
        &[
            "the pipeline stopped at input line 3: a record was rejected in the decode stage",
            "all.yaml",
        ],
    );
    let (code, text) = folder.test(&["--update"]);
    assert_eq!(code, 1, "an update does not hide a stop: {text}");
    assert_eq!(folder.read("all.results.jsonl"), RESULTS);

    let stops = |options: &str| {
        fs::write(folder.case("all.yaml"), options).expect("write the options");
        folder.test(&[])
    };
    let (code, text) = stops("stops: { line: 3 }\n");
    assert_eq!(code, 2, "{text}");
    contains_all(&text, &["all.yaml expects a stop", "remove", "all.results.jsonl"]);
    fs::remove_file(folder.case("all.results.jsonl")).expect("remove the results");
    let (code, text) = stops("stops: { line: 3, stage: decode, reason: column `price` }\n");
    assert_eq!(code, 0, "{text}");
    let (code, text) = stops("stops: { line: 4, stage: model }\n");
    assert_eq!(code, 1, "{text}");
    contains_all(
        &text,
        &["was to stop at input line 4, in the model stage; the pipeline stopped at input line 3"],
    );
    fs::write(folder.case("all.input.jsonl"), "{\"id\":1,\"price\":1}\n").expect("write the input");
    let (code, text) = stops("stops: {}\n");
    assert_eq!(code, 1, "{text}");
    contains_all(&text, &["the pipeline was to stop, and did not"]);
}

#[test]
fn dropped_rejects_are_seen() {
    let pipeline = PIPELINE.replace("  dead_letters: { topic: dead }\n", "  on_reject: drop\n");
    let folder = Folder::new(
        &pipeline,
        &[
            ("all.input.jsonl", INPUT),
            ("all.results.jsonl", RESULTS),
            ("all.rejects.jsonl", REJECTS),
        ],
    );
    let (code, text) = folder.test(&[]);
    assert_eq!(code, 0, "{text}");
    fs::remove_file(folder.case("all.rejects.jsonl")).expect("remove the rejects");
    let (code, text) = folder.test(&[]);
    assert_eq!(code, 1, "{text}");
}
