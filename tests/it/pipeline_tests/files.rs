//! The files of a case: what their lines may hold, what an update writes, what is said of mistakes.

use std::fs;

use super::{Folder, PIPELINE, contains_all};

#[test]
fn records_carry_keys_headers_and_places_and_are_compared_where_given() {
    let pipeline = PIPELINE
        .replace(
            "SELECT id,",
            "SELECT id, _topic, _partition, _offset, _timestamp AS at, _key AS old,",
        )
        .replace("topic: orders\n", "pattern: ^orders-.*\n");
    let input = r#"{"topic":"orders-a","partition":2,"key":"k","headers":{"t":["1","2"],"n":null},"timestamp":1000,"value":{"id":1,"price":1}}
{"topic":"orders-b","key":{"base64":"/w=="},"text":"{\"id\":2,\"price\":2}"}
{"topic":"orders-a","partition":2,"base64":"e30="}
"#;
    let folder = Folder::new(&pipeline, &[("one.input.records.jsonl", input)]);
    let (code, text) = folder.test(&["--update"]);
    assert_eq!(code, 0, "{text}");
    let results = concat!(
        r#"{"key":"1","headers":{"t":["1","2"],"n":null,"by":"forebay"},"value":{"id":1,"_topic":"orders-a","_partition":2,"#,
        r#""_offset":0,"at":"1970-01-01T00:00:01Z","old":"aw==","double":2.0,"note":null}}"#,
        "\n",
        r#"{"key":"2","headers":{"by":"forebay"},"value":{"id":2,"_topic":"orders-b","_partition":0,"#,
        r#""_offset":0,"at":"1970-01-01T00:00:00Z","old":"/w==","double":4.0,"note":null}}"#,
        "\n",
    );
    assert_eq!(folder.read("one.results.records.jsonl"), results);
    contains_all(
        &folder.read("one.rejects.jsonl"),
        &[r#"{"line":3,"stage":"decode","reason":"column `id`"#],
    );

    let wrong = results
        .replace("\"key\":\"2\"", "\"timestamp\":5,\"key\":\"3\"")
        .replace("\"n\":null,", "");
    fs::write(folder.case("one.results.records.jsonl"), wrong).expect("write the results");
    let (code, text) = folder.test(&[]);
    assert_eq!(code, 1, "{text}");
    contains_all(
        &text,
        &[
            "line 1, from input line 1: field `_headers.n`: expected nothing, found null",
            "line 2, from input line 2: field `_key`: expected \"3\", found \"2\"",
            "field `_timestamp`: expected 5, found 0",
        ],
    );
}

#[test]
fn raw_pipelines_are_written_by_column() {
    let pipeline = r#"
connector: c
connectors: { c: { kind: kafka, bootstrap: ["none:1"] } }
pipeline:
  name: raw
  source: { topic: in, group: g, format: raw, columns: { id: int64, p: "float32[2]" } }
  steps:
    - sql: SELECT id, p, p[2] + CAST(0.1 AS FLOAT) AS q FROM input
  sink: { topic: out, format: raw, key: id }
  dead_letters: { topic: dead }
"#;
    let input = "{\"id\":7,\"p\":[0.5,0.2]}\n";
    let folder = Folder::new(pipeline, &[("one.input.jsonl", input)]);
    let (code, text) = folder.test(&["--update"]);
    assert_eq!(code, 0, "{text}");
    let results = folder.read("one.results.jsonl");
    assert!(results.starts_with(r#"{"p":[0.5,0.2],"q":0.3"#), "{results}");
    fs::write(
        folder.case("one.results.jsonl"),
        results.replace("[0.5,0.2]", "[0.5,0.3]"),
    )
    .expect("write");
    let (code, text) = folder.test(&[]);
    assert_eq!(code, 1, "{text}");
    contains_all(&text, &["field `p[2]`: expected 0.3, found 0.2"]);
    fs::write(folder.case("one.input.jsonl"), "{\"id\":7,\"p\":[0.5]}\n").expect("write");
    let (code, text) = folder.test(&[]);
    assert_eq!(code, 2, "{text}");
    contains_all(
        &text,
        &["one.input.jsonl:1: the column `p` is a list of 2 numbers, float32"],
    );
}

#[test]
fn an_update_writes_what_comes_out_and_leaves_what_fits() {
    let folder = Folder::all(&[("all.results.jsonl", ""), ("all.rejects.jsonl", "")]);
    let (code, text) = folder.test(&["--update"]);
    assert_eq!(code, 0, "{text}");
    contains_all(
        &text,
        &["all.results.jsonl: 3 results", "all.rejects.jsonl: 1 reject"],
    );
    let written = "{\"id\":1,\"double\":3.0,\"note\":\"a\"}\n{\"id\":4,\"double\":0.2,\"note\":null}\n{\"id\":5,\"double\":6.0,\"note\":\"b\"}\n";
    assert_eq!(folder.read("all.results.jsonl"), written);
    let (code, text) = folder.test(&[]);
    assert_eq!(code, 0, "{text}");
    let (_, text) = folder.test(&["--update"]);
    assert!(!text.contains("wrote"), "nothing has changed: {text}");

    // A line written by hand that fits stays; a field that is not compared is not written.
    let by_hand = written
        .replace("{\"id\":1,\"double\":3.0", "{ \"double\": 3, \"id\": 1")
        .replace("0.2,", "0.9,");
    fs::write(folder.case("all.results.jsonl"), &by_hand).expect("write the results");
    fs::write(folder.case("all.yaml"), "ignore: [note]\n").expect("write the options");
    let (code, text) = folder.test(&["--update"]);
    assert_eq!(code, 0, "{text}");
    assert_eq!(
        folder.read("all.results.jsonl"),
        by_hand.replace("\"double\":0.9,\"note\":null", "\"double\":0.2")
    );

    fs::write(
        folder.case("all.input.jsonl"),
        "{\"id\":1,\"price\":1.5,\"note\":\"a\"}\n",
    )
    .expect("write the input");
    let (code, text) = folder.test(&["--update"]);
    assert_eq!(code, 0, "{text}");
    contains_all(&text, &["removed", "all.rejects.jsonl: nothing is rejected"]);
    assert!(!folder.case("all.rejects.jsonl").exists());
}

#[test]
fn test_files_that_do_not_fit_are_named_with_file_and_line() {
    let cases: &[(&str, &str, &[&str])] = &[
        (
            "all.input.jsonl",
            "{\"id\":1,\"price\":1}\n{\"id\":2,\n",
            &["all.input.jsonl:2:8: "],
        ),
        (
            "all.input.jsonl",
            "{\"id\":1,\"price\":1}\n\n{\"id\":2}\n",
            &["all.input.jsonl:2: an empty line"],
        ),
        (
            "all.results.jsonl",
            "{} {}\n",
            &["all.results.jsonl:1:4: trailing characters"],
        ),
        (
            "all.rejects.jsonl",
            "{\"line\":1,\"stages\":\"sql\"}\n",
            &["all.rejects.jsonl:1:18: unknown field `stages`"],
        ),
        (
            "all.rejects.jsonl",
            "{\"line\":1,\"stage\":\"decod\"}\n",
            &["all.rejects.jsonl:1: there is no stage `decod`"],
        ),
        (
            "all.input.records.jsonl",
            "{}\n",
            &["both", "all.input.jsonl", "remove one of the two"],
        ),
        (
            "all.result.jsonl",
            "{}\n",
            &["all.result.jsonl belongs to no case"],
        ),
        (
            "other.results.jsonl",
            "{}\n",
            &["other.results.jsonl has no input"],
        ),
        (
            "all.yaml",
            "tolerence: {}\n",
            &["all.yaml:1:1: unknown key `tolerence`: did you mean `tolerance`?"],
        ),
        (
            "all.yaml",
            "tolerance: { absolute: -1 }\n",
            &["all.yaml:1:24: must be at least 0"],
        ),
        (
            "all.yaml",
            "fields: { dubble: { absolute: 1 } }\n",
            &["names `dubble`", "id, double, note, _key"],
        ),
        (
            "all.yaml",
            "\n# nothing\n",
            &["all.yaml:1:1: the file sets nothing"],
        ),
        ("all.results.jsonl", "", &["the case expects nothing", "--update"]),
    ];
    for (name, text, words) in cases {
        let (code, said) = Folder::all(&[(name, text)]).test(&[]);
        assert_eq!(code, 2, "{name}: {said}");
        contains_all(&said, words);
    }
    let records: &[(&str, &str)] = &[
        (
            "{\"text\":\"a\",\"value\":1}\n",
            "all.input.records.jsonl:1: a record has exactly one of",
        ),
        (
            "{\"key\":1,\"value\":1}\n",
            "expected a string, null or { \"base64\"",
        ),
        ("{\"base64\":\"?\"}\n", "all.input.records.jsonl:1: not base64"),
        (
            "{\"value\":1,\"topic\":\"others\"}\n",
            "does not read this `topic`; it reads: orders",
        ),
        ("{\"value\":1,\"valeu\":1}\n", "unknown field `valeu`"),
    ];
    for (text, words) in records {
        let folder = Folder::new(
            PIPELINE,
            &[("all.input.records.jsonl", text), ("all.results.jsonl", "{}")],
        );
        let (code, said) = folder.test(&[]);
        assert_eq!(code, 2, "{text}: {said}");
        contains_all(&said, &[words]);
    }
}
