//! What a writer may change under a pipeline that stays as it is.

use super::fixtures::{Put, body, column, nullable, record, value, with_default};
use super::{AvroDecoder, AvroSchema, way};
use crate::codec::{Column, ColumnKind, DefaultValue, Part};

#[test]
fn a_writer_may_change_its_schema() {
    use Put::{Double, Float, Long, Text};
    let n = || column("n", ColumnKind::Int64);
    let with_seven = || with_default("n", ColumnKind::Int64, DefaultValue::Int(7));
    let x = || column("x", ColumnKind::Float64);
    let old = r#"{"name":"n","type":"long"}"#;
    let inner = r#"{"name":"o","type":{"type":"record","name":"o","fields":[{"name":"m","type":"int"}]}}"#;
    let cases: &[(&str, Column, &str, &[Put<'_>], &str)] = &[
        ("as it was", n(), old, &[Long(5)], "5"),
        (
            "a field added in front",
            n(),
            r#"{"name":"a","type":"string"},{"name":"n","type":"long"}"#,
            &[Text("x"), Long(5)],
            "5",
        ),
        (
            "a field added behind",
            n(),
            r#"{"name":"n","type":"long"},{"name":"a","type":["null","double"]}"#,
            &[Long(5), Long(1), Double(1.0)],
            "5",
        ),
        (
            "reordered",
            n(),
            r#"{"name":"x","type":"double"},{"name":"n","type":"long"}"#,
            &[Double(1.0), Long(5)],
            "5",
        ),
        (
            "removed, default",
            with_seven(),
            r#"{"name":"a","type":"int"}"#,
            &[Long(5)],
            "7",
        ),
        (
            "removed, nullable",
            nullable("n", ColumnKind::Int64),
            r#"{"name":"a","type":"int"}"#,
            &[Long(5)],
            "null",
        ),
        ("added: not there yet", with_seven(), "", &[], "7"),
        ("added: there", with_seven(), old, &[Long(5)], "5"),
        (
            "renamed, alias",
            n(),
            r#"{"name":"count","aliases":["n"],"type":"long"}"#,
            &[Long(5)],
            "5",
        ),
        (
            "renamed, and another took its name",
            n(),
            r#"{"name":"count","aliases":["n"],"type":"long"},{"name":"n","type":"long"}"#,
            &[Long(5), Long(6)],
            "6",
        ),
        (
            "long to int",
            n(),
            r#"{"name":"n","type":"int"}"#,
            &[Long(5)],
            "5",
        ),
        (
            "int to float",
            x(),
            r#"{"name":"x","type":"float"}"#,
            &[Float(0.5)],
            "0.5",
        ),
        (
            "float to double",
            x(),
            r#"{"name":"x","type":"double"}"#,
            &[Double(0.5)],
            "0.5",
        ),
        (
            "double to long",
            x(),
            r#"{"name":"x","type":"long"}"#,
            &[Long(5)],
            "5",
        ),
        (
            "made nullable: a value",
            n(),
            r#"{"name":"n","type":["null","long"]}"#,
            &[Long(1), Long(5)],
            "5",
        ),
        (
            "made nullable, null last",
            n(),
            r#"{"name":"n","type":["long","null"]}"#,
            &[Long(0), Long(5)],
            "5",
        ),
        (
            "a column that was nullable: no more nulls",
            nullable("n", ColumnKind::Int64),
            old,
            &[Long(5)],
            "5",
        ),
        (
            "more branches",
            n(),
            r#"{"name":"n","type":["null","string","long"]}"#,
            &[Long(2), Long(5)],
            "5",
        ),
        (
            "an inner record",
            column("o.m", ColumnKind::Int32),
            inner,
            &[Long(5)],
            "5",
        ),
        (
            "an inner record gone",
            nullable("o.m", ColumnKind::Int32),
            old,
            &[Long(5)],
            "null",
        ),
        (
            "string to bytes",
            column("s", ColumnKind::String),
            r#"{"name":"s","type":"bytes"}"#,
            &[Text("x")],
            "x",
        ),
        (
            "enum to string",
            column("s", ColumnKind::String),
            r#"{"name":"s","type":"string"}"#,
            &[Text("x")],
            "x",
        ),
    ];
    for (change, column, fields, parts, expected) in cases {
        let found = value(&record(fields), column, &body(parts));
        assert_eq!(found.as_deref(), Ok(*expected), "{change}");
    }
}

#[test]
fn what_a_null_does_is_up_to_the_column() {
    let schema = record(r#"{"name":"n","type":["null","long"]}"#);
    let refused = value(&schema, &column("n", ColumnKind::Int64), &[0]).expect_err("a null");
    assert_eq!(
        refused,
        "column `n`: null in a column that is not nullable at byte 0; make the column `nullable`"
    );
    // A default fills what is absent; a null is not absent.
    let with_seven = with_default("n", ColumnKind::Int64, DefaultValue::Int(7));
    let refused = value(&schema, &with_seven, &[0]).expect_err("a null");
    let advice = "; make the column `nullable` and fill it with coalesce(n, 7) in a sql step";
    assert!(refused.ends_with(advice), "{refused}");
    let parsed = AvroSchema::parse(&schema, &[]).expect("a schema");
    let found = way(&parsed, &with_seven).expect("a way");
    assert_eq!((found.null, found.default), (true, false));
    // What is inside a record that is null is absent.
    let inside = r#"["null",{"type":"record","name":"i","fields":[{"name":"n","type":"long"}]}]"#;
    let schema = record(&format!(r#"{{"name":"o","type":{inside}}}"#));
    let with_seven = with_default("o.n", ColumnKind::Int64, DefaultValue::Int(7));
    assert_eq!(value(&schema, &with_seven, &[0]).as_deref(), Ok("7"));
    let parsed = AvroSchema::parse(&schema, &[]).expect("a schema");
    let found = way(&parsed, &with_seven).expect("a way");
    assert_eq!((found.null, found.default), (false, true));
}

#[test]
fn a_change_that_breaks_the_columns_is_named() {
    let cases = [
        (column("n", ColumnKind::Int64), "", "no field `n`"),
        (
            column("n", ColumnKind::Int64),
            r#"{"name":"nn","type":"long"}"#,
            "did you mean \"nn\"?",
        ),
        (
            column("n", ColumnKind::Int64),
            r#"{"name":"n","type":"double"}"#,
            "double does not convert to int64",
        ),
        (
            column("n.m", ColumnKind::Int64),
            r#"{"name":"n","type":"long"}"#,
            "found long",
        ),
        (
            column("n", ColumnKind::Int64),
            r#"{"name":"n","type":{"type":"map","values":"long"}}"#,
            "map of long does not convert",
        ),
    ];
    for (column, fields, reason) in cases {
        let error = AvroDecoder::plain(&[column], Part::Value, &record(fields)).expect_err(reason);
        assert!(error.to_string().contains(reason), "{error}");
    }
}
