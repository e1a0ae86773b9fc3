//! Schemas of one value without fields, which keys most often have: one column takes it, and more than one say why not.

use std::sync::Arc;

use super::fixtures::{Put, Registry, body, column, framed, nullable, text, value, with_default};
use super::{AvroDecoder, AvroSchema, Filled, way, ways};
use crate::codec::framing::Confluent;
use crate::codec::{Column, ColumnKind, Decode, DefaultValue, Part};
use crate::records::{Record, Records};

#[test]
fn one_column_takes_the_whole_value() {
    use ColumnKind::{Float64, Float64List, Int32, Int64, String};
    use Put::{Double, Long, Text};
    let of_two = r#"{"type":"array","items":"double"}"#;
    let cases: &[(&str, ColumnKind, &[Put<'_>], &str)] = &[
        (r#""long""#, Int64, &[Long(-7)], "-7"),
        (r#"{"type":"long"}"#, Int32, &[Long(7)], "7"),
        (r#""string""#, String, &[Text("north")], "north"),
        (r#""double""#, Float64, &[Double(0.5)], "0.5"),
        (r#"["null","long"]"#, Int64, &[Long(1), Long(7)], "7"),
        (r#"["string","long"]"#, Int64, &[Long(1), Long(7)], "7"),
        (
            r#"{"type":"enum","name":"e","symbols":["A","B"]}"#,
            String,
            &[Long(1)],
            "B",
        ),
        (
            of_two,
            Float64List(2),
            &[Long(2), Double(1.5), Double(2.5), Long(0)],
            "[1.5,2.5]",
        ),
    ];
    for (schema, kind, parts, expected) in cases {
        let wanted = column("acct", *kind);
        let found = value(schema, &wanted, &body(parts));
        assert_eq!(found.as_deref(), Ok(*expected), "{schema}");
        let parsed = AvroSchema::parse(schema, &[]).expect("a schema");
        let way = way(&parsed, &wanted).expect(schema);
        assert_eq!((way.filled, way.field.as_str()), (Filled::Field, ""), "{schema}");
    }
    let parsed = AvroSchema::parse(r#"["null","long"]"#, &[]).expect("a schema");
    let way = way(&parsed, &nullable("acct", Int32)).expect("a way");
    let said = "`acct` int32: the whole value, null or long; long to int32: what does not fit is a reject; may be null";
    assert_eq!(way.to_string(), said);
}

#[test]
fn a_null_in_place_of_the_value_is_up_to_the_column() {
    let schema = r#"["null","long"]"#;
    let null = body(&[Put::Long(0)]);
    let found = value(schema, &nullable("acct", ColumnKind::Int64), &null);
    assert_eq!(found.as_deref(), Ok("null"));
    let seven = with_default("acct", ColumnKind::Int64, DefaultValue::Int(7));
    for column in [column("acct", ColumnKind::Int64), seven] {
        let refused = value(schema, &column, &null).expect_err("a null");
        assert!(
            refused.contains("null in a column that is not nullable"),
            "{refused}"
        );
    }
}

/// Why the columns cannot be read from a long, as the decoder says it and as `check` does.
fn refused(columns: &[Column]) -> String {
    let error = AvroDecoder::plain(columns, Part::Value, r#""long""#).expect_err("no fields");
    let parsed = AvroSchema::parse(r#""long""#, &[]).expect("a schema");
    let first = ways(&parsed, columns).into_iter().find_map(Result::err);
    let first = first.expect("a problem").to_string();
    assert!(error.to_string().contains(&first), "{error}: {first}");
    first
}

#[test]
fn more_columns_and_a_path_find_no_fields_in_a_value() {
    let expected = "is looked for in a record or map, found long; a value without fields fills one column alone, which has no \
                    `path`";
    let two = [
        column("acct", ColumnKind::Int64),
        column("branch", ColumnKind::Int64),
    ];
    assert_eq!(refused(&two), format!("column `acct`: `acct` {expected}"));
    let path = Column {
        path: vec!["id".into()],
        ..column("acct", ColumnKind::Int64)
    };
    assert_eq!(refused(&[path]), format!("column `acct`: `id` {expected}"));
    let text = refused(&[column("acct", ColumnKind::String)]);
    assert_eq!(text, "column `acct`: long does not convert to string");
}

#[test]
fn keys_of_one_value_are_read_by_the_ids_in_front() {
    let registry = Registry::of(&[
        (3, r#""long""#),
        (4, r#""string""#),
        (
            5,
            r#"{"type":"record","name":"k","fields":[{"name":"acct","type":"int"}]}"#,
        ),
    ]);
    let seven = body(&[Put::Long(7)]);
    let keys = [
        framed(3, &seven),
        framed(4, &body(&[Put::Text("x")])),
        framed(5, &seven),
    ];
    let mut records = Records::default();
    let partition = records.intern(&"in".into(), 0);
    for key in &keys {
        let record = Record {
            key: Some(key),
            ..Record::default()
        };
        records.push(partition, record);
    }
    let columns = [column("acct", ColumnKind::Int64)];
    let mut decoder = AvroDecoder::registered(&columns, Part::Key, Arc::new(Confluent), registry);
    let decoded = decoder.decode(&Arc::new(records)).expect("a batch");
    assert_eq!(decoded.batch.origin, [0, 2]);
    let accounts = decoded.batch.rows.column(0);
    assert_eq!([text(accounts, 0), text(accounts, 1)], ["7", "7"]);
    let reason = &decoded.rejects[0].reason;
    assert_eq!(
        reason,
        "schema id 4: column `acct`: string does not convert to int64"
    );
}

#[test]
fn what_is_said_of_a_column_is_what_is_read() {
    for schema in [
        r#""null""#,
        r#"["null"]"#,
        r#"["null","string"]"#,
        r#"["string","null"]"#,
        r#""string""#,
    ] {
        let parsed = AvroSchema::parse(schema, &[]).expect("a schema");
        for path in ["a", "c.a", "c.c.b"] {
            for wanted in [
                column(path, ColumnKind::String),
                nullable(path, ColumnKind::String),
            ] {
                let said = way(&parsed, &wanted).is_ok();
                let read = AvroDecoder::plain(std::slice::from_ref(&wanted), Part::Value, schema).is_ok();
                assert_eq!(said, read, "{schema} {wanted:?}");
            }
        }
    }
}
