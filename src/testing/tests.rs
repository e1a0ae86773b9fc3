//! Comparing, pairing and reading on their own.

use std::fs;

use serde_json::{Value, json};

use super::align::{Pair, pair};
use super::compare::{Difference, Rules};
use super::lines;
use super::numbers;
use super::options::{CaseOptions, Stops, Tolerance};
use super::record::{self, Content, Text};
use crate::config::beside;

fn differences(expected: &Value, found: &Value) -> Vec<Difference> {
    let mut out = Vec::new();
    Rules::default().differences("", expected, found, &mut out);
    out
}

#[test]
fn floats_have_a_tolerance_and_whole_numbers_none() {
    let equal = [
        (json!(0.1), json!(0.1000009)),
        (json!(1), json!(1.0)),
        (json!(1e9), json!(1_000_000_999.0)),
        (json!(u64::MAX), json!(u64::MAX)),
        (json!({"a": 1, "b": 2}), json!({"b": 2, "a": 1})),
    ];
    for (a, b) in equal {
        assert_eq!(differences(&a, &b), [], "{a} {b}");
    }
    let different = [
        (json!(0.1), json!(0.1000011)),
        (json!(1e9), json!(1_000_001_001.0)),
        (json!(1_000_000_000), json!(1_000_000_001)),
        (json!(u64::MAX), json!(-1)),
        (json!(0), json!(null)),
        (json!("1"), json!(1)),
        (json!(true), json!(1)),
        (json!([1]), json!([1, 2])),
        (json!({"a": null}), json!({})),
    ];
    for (a, b) in different {
        assert_eq!(differences(&a, &b).len(), 1, "{a} {b}");
    }
}

#[test]
fn a_difference_names_the_field_and_how_far_it_is() {
    let expected = json!({"m": {"id": 1}, "p": [0.5, 0.25]});
    let found = json!({"m": {"id": 2}, "p": [0.5, 0.75]});
    let texts: Vec<String> = differences(&expected, &found)
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        texts,
        [
            "field `m.id`: expected 1, found 2 (off by 1, whole numbers are exact)",
            "field `p[2]`: expected 0.25, found 0.75 (off by 0.5, allowed 1e-6)",
        ]
    );
}

/// Pairs rows that are words: words with a letter in common are alike.
fn paired(expected: &str, found: &str, order: bool) -> Vec<Pair> {
    let (e, f): (Vec<&str>, Vec<&str>) = (expected.split(' ').collect(), found.split(' ').collect());
    let unlike = |i: usize, j: usize| match (e[i], f[j]) {
        (a, b) if a == b => 0.0,
        (a, b) if a.chars().any(|c| b.contains(c)) => 0.5,
        _ => 1.0,
    };
    pair(e.len(), f.len(), order, &unlike)
}

#[test]
fn one_row_too_few_does_not_shift_the_others() {
    use Pair::{Both, Missing, Moved, Surplus};
    assert_eq!(paired("a b c", "a c", true), [Both(0, 0), Missing(1), Both(2, 1)]);
    assert_eq!(paired("a c", "a b c", true), [Both(0, 0), Surplus(1), Both(1, 2)]);
    assert_eq!(
        paired("ax bx cx", "ay cy", true),
        [Both(0, 0), Missing(1), Both(2, 1)]
    );
    assert_eq!(
        paired("a b c", "b c a", true),
        [Moved(0, 2), Both(1, 0), Both(2, 1)]
    );
    assert_eq!(paired("a b", "b a", false), [Both(0, 1), Both(1, 0)]);
    assert_eq!(
        paired("a a b", "a b b", false),
        [Both(0, 0), Both(2, 1), Both(1, 2)]
    );
}

#[test]
fn more_rows_than_can_be_compared_are_paired_by_their_place() {
    let pairs = pair(3000, 3001, true, &|_, _| 1.0);
    assert_eq!(pairs.len(), 3001);
    assert_eq!((pairs[7], pairs[3000]), (Pair::Both(7, 7), Pair::Surplus(3000)));
}

#[test]
fn no_line_is_skipped() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.jsonl");
    let read = |text: &[u8]| {
        fs::write(&path, text).expect("write a file");
        let read = lines::read(&path, |line, text| Ok((line, text.to_owned())));
        read.map_err(|wrong| wrong.join("|"))
    };
    let two = vec![(1, "x".to_owned()), (2, " y".to_owned())];
    assert_eq!(read(b"x\n y\n"), Ok(two.clone()));
    assert_eq!(read(b"x\r\n y"), Ok(two));
    assert_eq!(read(b""), Ok(Vec::new()));
    let wrong = read(b"x\n\n \n").expect_err("empty lines");
    assert!(
        wrong.contains("a.jsonl:2: an empty line") && wrong.contains("a.jsonl:3: "),
        "{wrong}"
    );
    let wrong = read(b"x\ny\n\xff\n").expect_err("no text");
    assert!(wrong.contains("a.jsonl:3: not UTF-8"), "{wrong}");
}

#[test]
fn a_record_is_what_its_line_gives() {
    let read = |line: &str| record::record(line).ok();
    let record = read(r#"{"value":null,"key":null,"headers":{"a":["x",null]}}"#).expect("a record");
    assert_eq!(record.content, Content::Value(Value::Null));
    assert_eq!(record.key, Some(None));
    let headers = record.headers.expect("headers");
    assert_eq!(headers[0], ("a".to_owned(), Some(Text(b"x".to_vec()))));
    assert_eq!(headers[1], ("a".to_owned(), None));
    assert_eq!(record::headers_json(&headers), json!({"a": ["x", null]}));
    let record = read(r#"{"base64":"AP8="}"#).expect("a record");
    assert_eq!((record.content, record.key), (Content::Bytes(vec![0, 255]), None));
    for wrong in [
        "{}",
        r#"{"text":"a","base64":""}"#,
        r#"{"tombstone":false}"#,
        r#"{"value":1,"key":7}"#,
        r#"{"value":1,"headers":{"a":1}}"#,
        r#"{"value":1,"value":2}"#,
    ] {
        assert!(read(wrong).is_none(), "{wrong}");
    }
}

#[test]
fn packed_numbers_come_back_with_their_own_digits() {
    use arrow::datatypes::{DataType, Field, Schema};
    let field = |name: &str, data_type| Field::new(name, data_type, false);
    let list = DataType::new_fixed_size_list(DataType::Float64, 2, false);
    let schema = Schema::new(vec![
        field("a", DataType::Int32),
        field("b", DataType::Int64),
        field("c", DataType::Float32),
        field("d", list),
    ]);
    let value = json!({"a": -1, "b": i64::MAX, "c": 0.1, "d": [0.1, 2.5]});
    let packed = numbers::pack(&schema, &value).expect("packed");
    assert_eq!(packed.len(), 4 + 8 + 4 + 16);
    assert_eq!(numbers::unpack(&schema, None, &packed), Some(value.clone()));
    assert_eq!(numbers::unpack(&schema, None, &packed[1..]), None);
    for (name, wrong) in [("a", json!(1_i64 << 40)), ("b", json!(0.5)), ("d", json!([1]))] {
        let mut value = value.clone();
        value[name] = wrong;
        assert!(
            numbers::pack(&schema, &value).is_err_and(|why| why.contains(name)),
            "{name}"
        );
    }
}

#[test]
fn the_options_in_the_documentation_are_read_and_say_the_defaults() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/testing.md");
    let page = fs::read_to_string(page).expect("the page");
    let folder = tempfile::tempdir().expect("a folder");
    let mut blocks = page.split("```yaml\n").skip(1).map(|block| {
        let path = folder.path().join("case.yaml");
        fs::write(&path, block.split("```").next().expect("the block's end")).expect("write a file");
        beside::read::<CaseOptions>(&path).unwrap_or_else(|e| panic!("{block}: {e:?}"))
    });
    let first = blocks.next().expect("options");
    assert_eq!((first.tolerance, first.order), (Tolerance::default(), true));
    assert_eq!(first.fields["fraud_score"].absolute, 1e-3);
    let Stops { line, stage, reason } = blocks.next().and_then(|o| o.stops).expect("a stop");
    assert_eq!((line, stage.as_deref()), (Some(3), Some("decode")));
    assert_eq!(reason.as_deref(), Some("column `amount`"));
}
