//! The rules which value fits which column, what an unset field means, and what a bad record says: case by case.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Float32Type, Float64Type, Int32Type, Int64Type, TimeUnit, TimestampNanosecondType};
use prost_reflect::DynamicMessage;
use prost_reflect::prost::Message;

use super::schema::Schema;
use super::wire::write_varint;
use super::{ProtobufDecoder, way};
use crate::codec::framing::Confluent;
use crate::codec::schemas::{RegisteredSchema, SchemaKey, SchemaReference, SchemaType, Schemas};
use crate::codec::{Column, ColumnKind, Decode, Decoded, DefaultValue, Part};
use crate::error::{Error, Kind, Result};
use crate::records::{Record, Records};

pub(super) fn schema(text: &str) -> RegisteredSchema {
    RegisteredSchema {
        schema_type: SchemaType::Protobuf,
        text: text.to_owned(),
        references: Vec::new(),
    }
}

fn column(path: &str, kind: ColumnKind) -> Column {
    Column {
        name: path.into(),
        path: path.split('.').map(str::to_owned).collect(),
        kind,
        nullable: false,
        default: None,
    }
}

fn nullable(path: &str, kind: ColumnKind) -> Column {
    Column {
        nullable: true,
        ..column(path, kind)
    }
}

fn with_default(path: &str, kind: ColumnKind, default: DefaultValue) -> Column {
    Column {
        default: Some(default),
        ..column(path, kind)
    }
}

pub(super) fn records(payloads: &[Option<&[u8]>]) -> Arc<Records> {
    let mut records = Records::default();
    let partition = records.intern(&"in".into(), 3);
    for (offset, payload) in payloads.iter().enumerate() {
        let record = Record {
            offset: offset as i64,
            payload: *payload,
            ..Record::default()
        };
        records.push(partition, record);
    }
    Arc::new(records)
}

/// The message that the text form says.
fn message(schema: &RegisteredSchema, text: &str) -> Vec<u8> {
    let of = Schema::compile(schema)
        .expect("a schema")
        .message(None)
        .expect("a message");
    DynamicMessage::parse_text_format(of, text)
        .expect(text)
        .encode_to_vec()
}

fn decode(schema: &RegisteredSchema, columns: &[Column], bodies: &[Vec<u8>]) -> Decoded {
    let bodies: Vec<_> = bodies.iter().map(|body| Some(body.as_slice())).collect();
    let mut decoder = ProtobufDecoder::plain(columns, Part::Value, schema, None).expect("a decoder");
    decoder.decode(&records(&bodies)).expect("a batch")
}

/// One row of one column, as text; `null` for a null.
fn cell(rows: &RecordBatch, column: usize, row: usize) -> String {
    let array = rows.column(column);
    if array.is_null(row) {
        return "null".to_owned();
    }
    use arrow::datatypes::DataType;
    match array.data_type() {
        DataType::Boolean => array.as_boolean().value(row).to_string(),
        DataType::Int32 => array.as_primitive::<Int32Type>().value(row).to_string(),
        DataType::Int64 => array.as_primitive::<Int64Type>().value(row).to_string(),
        DataType::Float32 => array.as_primitive::<Float32Type>().value(row).to_string(),
        DataType::Float64 => array.as_primitive::<Float64Type>().value(row).to_string(),
        DataType::Utf8 => array.as_string::<i32>().value(row).to_owned(),
        DataType::Binary => format!("{:?}", array.as_binary::<i32>().value(row)),
        DataType::Timestamp(..) => array
            .as_primitive::<TimestampNanosecondType>()
            .value(row)
            .to_string(),
        DataType::FixedSizeList(item, _) => {
            let list = array.as_fixed_size_list().value(row);
            match item.data_type() {
                DataType::Float32 => format!("{:?}", list.as_primitive::<Float32Type>().values().to_vec()),
                _ => format!("{:?}", list.as_primitive::<Float64Type>().values().to_vec()),
            }
        }
        other => panic!("{other}"),
    }
}

const EVENT: &str = r#"
syntax = "proto3";
package shop;
import "google/protobuf/timestamp.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/wrappers.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/any.proto";
import "confluent/type/decimal.proto";
import "confluent/meta.proto";

message Event {
  enum Colour { option allow_alias = true; NONE = 0; RED = 1; ROUGE = 1; BLUE = -2; }
  message Merchant { string id = 1; Merchant parent = 2; optional double risk = 3; google.protobuf.Timestamp since = 4; }
  string id = 1 [(confluent.field_meta).doc = "the key"];
  int64 n = 2;
  double d = 3;
  float f = 4;
  bool b = 5;
  bytes x = 6;
  Colour colour = 7;
  optional int32 maybe = 8;
  Merchant merchant = 9;
  repeated float list = 10;
  repeated int32 ints = 11 [packed = false];
  map<string, double> tags = 12;
  map<string, Merchant> by_name = 13;
  google.protobuf.Timestamp at = 14;
  google.protobuf.Duration took = 15;
  google.protobuf.DoubleValue wrapped = 16;
  google.protobuf.StringValue text = 17;
  confluent.type.Decimal price = 18;
  oneof either { string left = 19; sint64 right = 20; Merchant both = 21; }
  uint64 big = 22;
  sfixed32 fixed = 23;
  google.protobuf.Struct free = 24;
  map<int32, string> by_number = 25;
  string rfcTime = 26;
  int64 millis = 300;
  repeated Merchant many = 301;
}
"#;

/// What each column of one message is.
fn row(columns: &[Column], text: &str) -> Vec<String> {
    let event = schema(EVENT);
    let decoded = decode(&event, columns, &[message(&event, text)]);
    assert!(decoded.rejects.is_empty(), "{text}: {:?}", decoded.rejects);
    (0..columns.len())
        .map(|column| cell(&decoded.batch.rows, column, 0))
        .collect()
}

#[test]
fn every_type_fills_the_columns_it_fits() {
    use ColumnKind::{
        Bool, Bytes, Float32, Float32List, Float64, Float64List, Int32, Int64, String, Timestamp,
    };
    let millis = Timestamp(TimeUnit::Millisecond);
    let cases = [
        ("id", String, "id: 'ä日'", "ä日"),
        ("n", Int64, "n: -9223372036854775808", "-9223372036854775808"),
        ("n", Int32, "n: -7", "-7"),
        ("n", Float64, "n: 7", "7"),
        ("n", Float32, "n: 7", "7"),
        ("n", millis, "n: 1500", "1500000000"),
        ("d", Float64, "d: 0.1", "0.1"),
        ("d", Float64, "d: nan", "NaN"),
        ("d", Float32, "d: 0.5", "0.5"),
        ("d", Float32, "d: -inf", "-inf"),
        ("d", Int64, "d: 5", "5"),
        ("d", millis, "d: 1.5", "1500000"),
        ("f", Float32, "f: 0.1", "0.1"),
        ("f", Float64, "f: 0.5", "0.5"),
        ("b", Bool, "b: true", "true"),
        ("x", Bytes, r"x: '\001\377'", "[1, 255]"),
        ("colour", String, "colour: BLUE", "BLUE"),
        ("colour", String, "colour: ROUGE", "RED"),
        ("colour", Int32, "colour: BLUE", "-2"),
        ("maybe", Int64, "maybe: 0", "0"),
        ("merchant.id", String, "merchant { id: 'm' }", "m"),
        (
            "merchant.parent.parent.id",
            String,
            "merchant { parent { parent { id: 'p' } } }",
            "p",
        ),
        (
            "merchant.since",
            millis,
            "merchant { since { seconds: 1 } }",
            "1000000000",
        ),
        ("list", Float32List(2), "list: [1.5, -2]", "[1.5, -2.0]"),
        ("list", Float64List(2), "list: [1.5, -2]", "[1.5, -2.0]"),
        ("ints", Float32List(3), "ints: [1, -2, 3]", "[1.0, -2.0, 3.0]"),
        (
            "tags.a",
            Float64,
            "tags { key: 'b' value: 1 } tags { key: 'a' value: 2 }",
            "2",
        ),
        ("tags.a", Float64, "tags { key: 'a' }", "0"),
        (
            "by_name.a.id",
            String,
            "by_name { key: 'a' value { id: 'm' } }",
            "m",
        ),
        ("at", millis, "at { seconds: -1 nanos: 5 }", "-999999995"),
        ("at", millis, "at { }", "0"),
        ("at.seconds", Int64, "at { seconds: 3 }", "3"),
        ("took", Float64, "took { seconds: 1 nanos: 500000000 }", "1.5"),
        (
            "took",
            String,
            "took { seconds: -1 nanos: -500000000 }",
            "-1.500s",
        ),
        ("took", String, "took { seconds: 90 }", "90s"),
        ("wrapped", Float64, "wrapped { value: 2 }", "2"),
        ("wrapped", Float64, "wrapped { }", "0"),
        ("text", String, "text { value: 'w' }", "w"),
        ("text.value", String, "text { value: 'w' }", "w"),
        ("price", String, r"price { value: '\001\000' scale: 2 }", "2.56"),
        ("price", String, r"price { value: '\377' scale: 3 }", "-0.001"),
        ("price", String, r"price { value: '\001' scale: -2 }", "100"),
        ("price", Float64, r"price { value: '\377\177' scale: 2 }", "-1.29"),
        ("left", String, "left: ''", ""),
        ("right", Int64, "right: -3", "-3"),
        ("big", Int64, "big: 9223372036854775807", "9223372036854775807"),
        (
            "big",
            Float64,
            "big: 18446744073709551615",
            "18446744073709552000",
        ),
        ("fixed", Int32, "fixed: -1", "-1"),
        (
            "free.fields.k.number_value",
            Float64,
            "free { fields { key: 'k' value { number_value: 4 } } }",
            "4",
        ),
        ("rfcTime", millis, "rfcTime: '1970-01-01T00:00:01Z'", "1000000000"),
        (
            "byName.a.id",
            String,
            "by_name { key: 'a' value { id: 'm' } }",
            "m",
        ),
        ("millis", millis, "millis: 2", "2000000"),
    ];
    for (path, kind, text, expected) in cases {
        assert_eq!(
            row(&[column(path, kind)], text),
            [expected],
            "{path} as {kind:?} of {text}"
        );
    }
}

#[test]
fn an_unset_field_is_its_zero_or_absent_as_the_schema_says() {
    use ColumnKind::{Float32List, Float64, Int64, String};
    let columns = [
        column("n", Int64),
        column("id", String),
        column("colour", String),
        nullable("maybe", Int64),
        with_default("wrapped", Float64, DefaultValue::Float(7.0)),
        nullable("merchant.id", String),
        with_default("tags.a", Float64, DefaultValue::Int(1)),
        nullable("list", Float32List(2)),
        nullable("left", String),
        nullable("at", ColumnKind::Timestamp(TimeUnit::Second)),
        nullable("no_such", Int64),
        with_default("no.such", Int64, DefaultValue::Int(3)),
    ];
    let found = row(&columns, "");
    let null = "null";
    assert_eq!(
        found,
        ["0", "", "NONE", null, "7", null, "1", null, null, null, null, "3"]
    );
    let found = row(&columns[5..6], "merchant { risk: 1 }");
    assert_eq!(found, [""], "a field of a message that is there");
}

#[test]
fn the_last_value_counts_and_messages_merge() {
    let event = schema(EVENT);
    let body = |texts: &[&str]| -> Vec<u8> { texts.iter().flat_map(|text| message(&event, text)).collect() };
    let one = |column: Column, texts: &[&str]| {
        let decoded = decode(&event, &[column], &[body(texts)]);
        assert!(decoded.rejects.is_empty(), "{texts:?}: {:?}", decoded.rejects);
        cell(&decoded.batch.rows, 0, 0)
    };
    let text = ColumnKind::String;
    assert_eq!(one(column("n", ColumnKind::Int64), &["n: 1", "n: 2"]), "2");
    let merged = ["merchant { id: 'a' }", "merchant { risk: 2 }"];
    assert_eq!(one(column("merchant.id", text), &merged), "a");
    assert_eq!(one(column("merchant.risk", ColumnKind::Float64), &merged), "2");
    let list = ColumnKind::Float32List(3);
    assert_eq!(
        one(column("list", list), &["list: [1, 2]", "n: 1", "list: 3"]),
        "[1.0, 2.0, 3.0]"
    );
    // Another member of a oneof replaces the message, used or not.
    assert_eq!(one(nullable("left", text), &["left: 'l'", "right: 1"]), "null");
    assert_eq!(
        one(nullable("both.id", text), &["both { id: 'a' }", "left: 'l'"]),
        "null"
    );
    let again = ["both { id: 'a' }", "left: 'l'", "both { risk: 1 }"];
    assert_eq!(one(nullable("both.id", text), &again), "");
    // Entries of a map replace, they do not merge.
    let entries = [
        "by_name { key: 'k' value { id: 'a' } }",
        "by_name { key: 'k' value { risk: 1 } }",
    ];
    assert_eq!(one(column("by_name.k.id", text), &entries), "");
}

#[test]
fn proto2_has_required_fields_defaults_and_groups() {
    let old = schema(
        r#"syntax = "proto2";
        message Old {
          required int32 must = 1;
          optional int64 n = 2 [default = -5];
          optional string s = 3 [default = "x"];
          enum E { A = 3; B = 7; }
          optional E e = 4 [default = B];
          optional double plain = 5;
          optional group Inner = 6 { optional int32 v = 1; optional group Deep = 2 { optional int32 w = 1; } }
          optional bytes raw = 7 [default = "\001"];
          repeated double ds = 8;
        }"#,
    );
    let columns = [
        column("must", ColumnKind::Int32),
        column("n", ColumnKind::Float64),
        column("s", ColumnKind::String),
        column("e", ColumnKind::String),
        nullable("plain", ColumnKind::Float64),
        nullable("inner.v", ColumnKind::Int32),
        nullable("inner.deep.w", ColumnKind::Int32),
        column("raw", ColumnKind::Bytes),
        nullable("ds", ColumnKind::Float64List(2)),
    ];
    let bodies = [
        message(&old, "must: 1"),
        message(
            &old,
            "must: 2 n: 3 s: '' e: A Inner { v: 4 Deep { w: 5 } } ds: [1, 2]",
        ),
        Vec::new(),
    ];
    let decoded = decode(&old, &columns, &bodies);
    let rows = &decoded.batch.rows;
    let found = |row| (0..columns.len()).map(|c| cell(rows, c, row)).collect::<Vec<_>>();
    assert_eq!(
        found(0),
        ["1", "-5", "x", "B", "null", "null", "null", "[1]", "null"]
    );
    assert_eq!(
        found(1),
        ["2", "3", "", "A", "null", "4", "5", "[1]", "[1.0, 2.0]"]
    );
    let reason = &decoded.rejects[0].reason;
    assert_eq!(
        reason,
        "column `must`: missing, though its schema requires it at byte 0"
    );
}

#[test]
fn what_is_required_all_the_way_is_never_null() {
    let old = schema(
        r#"syntax = "proto2";
        message Old {
          required group Must = 1 { required int32 v = 1; optional int32 maybe = 2; }
          optional group May = 2 { required int32 v = 1; }
        }"#,
    );
    let columns = ["must.v", "must.maybe", "may.v"].map(|path| column(path, ColumnKind::Int32));
    let ways = way(&old, None, &columns).expect("a schema");
    let nullable = ways.into_iter().map(|way| way.expect("a way").nullable);
    assert_eq!(nullable.collect::<Vec<_>>(), [false, true, true]);
}

/// Why the only bad record among good ones is a reject.
fn reason(columns: &[Column], body: &[u8]) -> String {
    let event = schema(EVENT);
    let good = message(
        &event,
        "n: 1 maybe: 1 list: [1, 2] at { } merchant { id: 'm' } left: 'l' price { }",
    );
    let bodies = [good.clone(), body.to_vec(), good];
    let decoded = decode(&event, columns, &bodies);
    assert_eq!(decoded.batch.origin, [0, 2], "the neighbours of {body:?}");
    assert_eq!(cell(&decoded.batch.rows, 0, 1), "1", "the neighbours of {body:?}");
    decoded.rejects[0].reason.clone()
}

#[test]
fn every_bad_record_is_one_reject_that_names_column_and_place_and_no_value() {
    let columns = [
        column("n", ColumnKind::Int32),
        nullable("id", ColumnKind::String),
        nullable("d", ColumnKind::Float32),
        nullable("big", ColumnKind::Int64),
        nullable("list", ColumnKind::Float32List(2)),
        nullable("merchant.id", ColumnKind::String),
        nullable("at", ColumnKind::Timestamp(TimeUnit::Second)),
        nullable("took", ColumnKind::Float64),
        nullable("price", ColumnKind::Float64),
        nullable("tags.a", ColumnKind::Float64),
        column("maybe", ColumnKind::Int32),
        nullable("colour", ColumnKind::Int64),
    ];
    let event = schema(EVENT);
    let text = |text: &str| message(&event, text);
    let mut far = vec![0x52];
    write_varint(&mut far, 1 << 40);
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (text("n: 2147483648"), "column `n`: number out of range at byte 1"),
        (
            text("maybe: 1 d: 1e39"),
            "column `d`: number out of range at byte",
        ),
        (
            text("maybe: 1 big: 9223372036854775808"),
            "column `big`: number out of range",
        ),
        (
            text("n: 1"),
            "column `maybe`: missing, and without a default at byte 2",
        ),
        (
            text("list: 1"),
            "column `list`: list of another length than declared",
        ),
        (
            text("list: [1, 2, 3]"),
            "column `list`: list of another length than declared",
        ),
        (
            vec![0x52, 3, 0, 0, 0],
            "column `list`: packed list that ends inside of an item at byte 5",
        ),
        (
            far,
            "column `list`: length beyond the end of the message at byte 1",
        ),
        (
            vec![0x0a, 2, 0xc3, 0x28],
            "column `id`: string that is not utf-8 at byte 2",
        ),
        (
            vec![0x0a, 5, b'a'],
            "column `id`: length beyond the end of the message",
        ),
        (
            vec![0x08, 1],
            "column `id`: written as another type than the schema says, found a varint at byte 1",
        ),
        (vec![0x15, 0, 0, 0, 0], "column `n`: written as another type"),
        (
            vec![0x4d, 0, 0, 0, 0],
            "column `merchant.id`: written as another type",
        ),
        (
            vec![0x4a, 2, 0x0a, 5],
            "column `merchant.id`: length beyond the end of the message at byte 3",
        ),
        (vec![0x10], "column `n`: truncated protobuf at byte 1"),
        (vec![0x10, 0x80], "column `n`: truncated protobuf at byte 2"),
        (
            [&[0x10][..], &[0xff; 10]].concat(),
            "column `n`: varint of more than 64 bits",
        ),
        (vec![0x1a], "column `d`: written as another type"),
        (vec![0x19, 0, 0], "column `d`: truncated protobuf at byte 3"),
        (vec![0xa4, 0x1f], "end of a group that was not begun at byte 0"),
        (vec![0x00], "a field number that does not exist at byte 0"),
        (vec![0xa3, 0x1f, 0x08], "truncated protobuf at byte 3"),
        ([0xa3, 0x1f].repeat(200), "groups nested deeper than 100"),
        (
            text("at { nanos: -1 }"),
            "column `at`: timestamp with nanoseconds outside one second",
        ),
        (
            text("at { seconds: 9223372037 }"),
            "column `at`: timestamp out of range",
        ),
        (
            text("took { seconds: 1 nanos: -1 }"),
            "column `took`: malformed duration",
        ),
        (
            text("price { value: '12345678901234567' }"),
            "column `price`: decimal of more than 16 bytes",
        ),
        (
            text("price { scale: 2147483647 }"),
            "column `price`: decimal with a scale beyond 1000",
        ),
        (
            vec![0x62, 4, 0x0a, 1, b'a', 0x10],
            "column `tags.a`: written as another type than the schema says, found a varint",
        ),
    ];
    let good = [0x40, 1];
    for (body, expected) in cases {
        // Field `maybe` is there, so that a missing one hides nothing.
        let body = if expected.contains("`maybe`") {
            body
        } else {
            [&body[..], &good].concat()
        };
        let bare = expected.contains("truncated") || expected.contains("beyond the end");
        let body = if bare {
            body[..body.len() - 2].to_vec()
        } else {
            body
        };
        let found = reason(&columns, &body);
        assert!(found.contains(expected), "{body:?}: {found}, not {expected}");
    }
}

#[test]
fn a_column_without_a_field_says_what_there_is() {
    let event = schema(EVENT);
    let cases = [
        (
            column("amout", ColumnKind::Int64),
            "message `shop.Event` has no field `amout`",
        ),
        (column("colur", ColumnKind::Int64), "did you mean \"colour\""),
        (
            column("id", ColumnKind::Float64),
            "field `id` is string: it does not convert to float64",
        ),
        (column("b", ColumnKind::Int64), "field `b` is bool"),
        (
            column("maybe", ColumnKind::String),
            "field `maybe` is optional int32: it does not convert to string",
        ),
        (
            column("merchant", ColumnKind::String),
            "message `shop.Event.Merchant`: name one of its fields behind it: id, parent",
        ),
        (
            column("id.x", ColumnKind::String),
            "field `id` is string: there is no field `x` inside",
        ),
        (
            column("many.id", ColumnKind::String),
            "field `many` is repeated shop.Event.Merchant: a record has many",
        ),
        (
            column("list", ColumnKind::Float32),
            "field `list` is repeated float",
        ),
        (
            column("tags", ColumnKind::Float64),
            "`tags` is a map: name a key behind it",
        ),
        (
            column("by_number.1", ColumnKind::String),
            "the keys of map `by_number` are no strings",
        ),
        (column("x", ColumnKind::String), "field `x` is bytes"),
        (
            column("at", ColumnKind::Int64),
            "google.protobuf.Timestamp: it does not convert to int64",
        ),
    ];
    for (column, expected) in cases {
        let ways = way(&event, None, std::slice::from_ref(&column)).expect("a schema");
        let found = ways[0].as_ref().expect_err(expected);
        assert!(found.contains(expected), "{found}, not {expected}");
        let refused = ProtobufDecoder::plain(&[column], Part::Value, &event, None).expect_err(expected);
        assert!(
            refused.kind() == Kind::Config && refused.to_string().contains(expected),
            "{refused}"
        );
    }
}

#[test]
fn the_way_of_a_column_is_said_in_words() {
    let event = schema(EVENT);
    let columns = [
        column("n", ColumnKind::Float64),
        nullable("maybe", ColumnKind::Int32),
        with_default("merchant.risk", ColumnKind::Float32, DefaultValue::Float(0.5)),
        nullable("gone", ColumnKind::Int64),
        column("colour", ColumnKind::String),
    ];
    let ways = way(&event, Some("Event"), &columns).expect("a schema");
    let ways: Vec<_> = ways.into_iter().map(|way| way.expect("a way")).collect();
    let said = |way: usize| {
        let way = &ways[way];
        (
            way.path.as_str(),
            way.written_as.as_str(),
            way.nullable,
            way.cast.as_deref(),
            way.default.as_deref(),
        )
    };
    assert_eq!(
        said(0),
        ("n", "int64", false, Some("int64 to float64"), Some("0"))
    );
    assert_eq!(said(1), ("maybe", "optional int32", true, None, None));
    let checked = Some("double to float32, refused where out of range");
    assert_eq!(
        said(2),
        ("merchant.risk", "optional double", false, checked, Some("0.5"))
    );
    assert_eq!(said(3), ("gone", "not in the schema", true, None, None));
    let named = Some("enum to its value's name");
    assert_eq!(
        said(4),
        (
            "colour",
            "enum shop.Event.Colour",
            false,
            named,
            Some("the enum's value 0")
        )
    );
    let error = way(&event, Some("Evnt"), &columns).expect_err("no such message");
    assert!(error.to_string().contains("did you mean \"Event\""), "{error}");
}

#[test]
fn a_first_message_that_lacks_columns_says_which_other_has_them() {
    let first = "syntax = \"proto3\"; package sensors; message Other { string note = 1; } ";
    let reading = "message Reading { int64 id = 1; double value = 2; } ";
    let columns = [
        column("id", ColumnKind::Int64),
        column("value", ColumnKind::Float64),
    ];
    let said = |text: &str| {
        let schema = schema(text);
        let refused =
            ProtobufDecoder::plain(&columns, Part::Value, &schema, None).expect_err("the first message");
        (
            way(&schema, None, &columns).map(|ways| ways[0].clone()),
            refused.to_string(),
        )
    };
    let advice = "the schema has several messages (Other, Reading): name the one that is written as `message`; `Reading` has all the \
                  columns";
    let (way_of_two, refused) = said(&format!("{first}{reading}"));
    let error = way_of_two.expect_err("the first message").to_string();
    assert_eq!(error, format!("follow the columns into a schema: {advice}"));
    assert_eq!(refused, format!("read protobuf by its schema: {advice}"));

    // Where none has them, or more than one, the first says what it lacks.
    let lacks = "message `sensors.Other` has no field `id`";
    let more = format!("{first}{reading}message Twin {{ int64 id = 1; double value = 2; }}");
    for text in [first, &more] {
        let (way, refused) = said(text);
        let why = way.expect("ways").expect_err("no field");
        assert!(why.contains(lacks) && refused.contains(lacks), "{why}; {refused}");
    }
    let named = way(&schema(&format!("{first}{reading}")), Some("Reading"), &columns).expect("a message");
    assert!(named.iter().all(Result::is_ok), "{named:?}");
}

/// Answers from a list, and counts the questions.
#[derive(Debug, Default)]
struct Registry {
    schemas: Vec<(SchemaKey, RegisteredSchema)>,
    down: bool,
    asked: AtomicUsize,
}

impl Schemas for Registry {
    fn schema(&self, key: SchemaKey) -> Result<Arc<RegisteredSchema>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        if self.down {
            return Err(Error::retry("ask the registry").with("schema", key));
        }
        let found = self.schemas.iter().find(|(known, _)| *known == key);
        found
            .map(|(_, schema)| Arc::new(schema.clone()))
            .ok_or_else(|| Error::reject("the registry has no such schema").with("schema", key))
    }
}

fn registered(columns: &[Column], registry: &Arc<Registry>) -> ProtobufDecoder {
    let schemas: Arc<dyn Schemas> = Arc::clone(registry) as Arc<dyn Schemas>;
    ProtobufDecoder::registered(columns, Part::Value, Arc::new(Confluent), schemas)
}

const NESTED: &str = r#"syntax = "proto3"; package p;
message A { map<string, string> m = 1; int64 v = 2; message In { int32 v = 1; } message Other { string v = 1; } }
message B { double v = 1; }"#;

#[test]
fn a_message_index_says_which_message_and_schemas_are_asked_for_once() {
    let older = schema("syntax = \"proto3\"; message A { int32 w = 1; sint32 v = 9; }");
    let registry = Arc::new(Registry {
        schemas: vec![(SchemaKey::Id(1), schema(NESTED)), (SchemaKey::Id(2), older)],
        ..Registry::default()
    });
    let mut decoder = registered(&[column("v", ColumnKind::Float64)], &registry);
    let framed = |id: u8, rest: &[u8]| [&[0, 0, 0, 0, id][..], rest].concat();
    let bodies = [
        framed(1, &[0, 0x10, 5]),
        framed(1, &[2, 2, 0x09, 0, 0, 0, 0, 0, 0, 0xf8, 0x3f]),
        framed(1, &[4, 0, 0, 0x08, 7]),
        framed(2, &[0, 0x48, 3]),
        framed(1, &[0, 0x10, 6]),
        framed(1, &[4, 0, 4, 0x0a, 0]),
        framed(1, &[2, 6]),
        framed(9, &[0]),
        framed(1, &[]),
        vec![0, 0],
        b"{}".to_vec(),
        framed(1, &[0, 0x10]),
        framed(1, &[4, 0, 2, 0x0a, 0]),
    ];
    let bodies: Vec<_> = bodies
        .iter()
        .map(|body| Some(body.as_slice()))
        .chain([None])
        .collect();
    for _ in 0..2 {
        let decoded = decoder.decode(&records(&bodies)).expect("a batch");
        let values = decoded
            .batch
            .rows
            .column(0)
            .as_primitive::<Float64Type>()
            .values()
            .to_vec();
        assert_eq!(values, [5.0, 1.5, 7.0, -2.0, 6.0]);
        let reasons: Vec<_> = decoded
            .rejects
            .iter()
            .map(|r| (r.record, r.reason.as_str()))
            .collect();
        let expected = [
            (
                5,
                "schema id 1: column `v`: field `v` is string: it does not convert to float64",
            ),
            (6, "schema id 1: the schema has no message at index [3]"),
            (7, "the registry has no such schema (schema=id 9)"),
            (8, "no message index"),
            (9, "2 bytes: too short"),
            (10, "begins with 0x7b"),
            (11, "column `v`: truncated protobuf at byte 7"),
            (
                12,
                "index [0, 1] is `p.A.Other` to clients that do not count the entries of maps, and `p.A.In` to those",
            ),
            (13, "tombstone"),
        ];
        assert_eq!(reasons.len(), expected.len(), "{reasons:?}");
        for ((record, reason), (at, part)) in reasons.into_iter().zip(expected) {
            assert!(
                record == at && reason.contains(part),
                "{record}: {reason}, not {part}"
            );
        }
    }
    // Both schemas once, and the unknown one each time.
    assert_eq!(registry.asked.load(Ordering::Relaxed), 4);
}

#[test]
fn a_registry_that_does_not_answer_is_not_the_records_fault() {
    let registry = Arc::new(Registry {
        down: true,
        ..Registry::default()
    });
    let mut decoder = registered(&[column("v", ColumnKind::Int64)], &registry);
    let body = [0, 0, 0, 0, 1, 0, 0x10, 5];
    let error = decoder.decode(&records(&[Some(&body), None])).expect_err("down");
    assert_eq!(error.kind(), Kind::Retry);
}

#[test]
fn a_header_names_schema_and_message() {
    let registry = Arc::new(Registry {
        schemas: vec![(SchemaKey::Guid([7; 16]), schema(NESTED))],
        ..Registry::default()
    });
    let mut decoder = registered(&[column("v", ColumnKind::Int64)], &registry);
    let mut records = Records::default();
    let partition = records.intern(&"in".into(), 0);
    for index in [&[0][..], &[4, 0, 0], &[]] {
        let payload: Option<&[u8]> = Some(if index.len() == 1 { &[0x10, 5] } else { &[0x08, 6] });
        records.push(
            partition,
            Record {
                payload,
                ..Record::default()
            },
        );
        let header = [&[1][..], &[7; 16], index].concat();
        records.push_header("__value_schema_id", Some(&header));
    }
    let decoded = decoder.decode(&Arc::new(records)).expect("a batch");
    assert_eq!(
        decoded
            .batch
            .rows
            .column(0)
            .as_primitive::<Int64Type>()
            .values()
            .to_vec(),
        [5, 6]
    );
    assert!(decoded.rejects[0].reason.contains("no message index"));
}

#[test]
fn references_are_found_and_what_is_hostile_is_refused_with_its_reason() {
    let with = |text: &str, references: &[(&str, &str)]| RegisteredSchema {
        references: references
            .iter()
            .map(|(name, text)| SchemaReference {
                name: (*name).to_owned(),
                text: (*text).to_owned(),
            })
            .collect(),
        ..schema(text)
    };
    let good = with(
        "syntax = \"proto3\"; import \"a/b.proto\"; import \"google/type/date.proto\"; message M { b.B b = 1; google.type.Date d = 2; }",
        &[
            (
                "c.proto",
                "syntax = \"proto3\"; package c; message C { int64 v = 1; }",
            ),
            (
                "a/b.proto",
                "syntax = \"proto3\"; package b; import \"c.proto\"; message B { c.C c = 1; }",
            ),
        ],
    );
    let decoded = decode(
        &good,
        &[column("b.c.v", ColumnKind::Int64)],
        &[vec![0x0a, 4, 0x0a, 2, 0x08, 9]],
    );
    assert_eq!(cell(&decoded.batch.rows, 0, 0), "9");
    let deep = format!(
        "syntax = \"proto3\"; {}{}",
        "message A { ".repeat(20_000),
        "}".repeat(20_000)
    );
    let option = format!("option a = {}1{};", "{ a: ".repeat(20_000), "}".repeat(20_000));
    let long = format!("syntax = \"proto3\"; // {}", "x".repeat(5 << 20));
    let bad = [
        (with("", &[]), "has no message"),
        (with("not a schema", &[]), "does not compile"),
        (
            with("syntax = \"proto3\"; import \"x.proto\"; message A {}", &[]),
            "x.proto",
        ),
        (
            with("syntax = \"proto3\"; message A { B b = 1; }", &[]),
            "does not compile",
        ),
        (
            with(
                "syntax = \"proto3\"; message A { int32 b = 1; int32 c = 1; }",
                &[],
            ),
            "does not compile",
        ),
        (
            with(
                "import \"a\"; message A {}",
                &[("a", "import \"b\";"), ("b", "import \"a\";")],
            ),
            "does not compile",
        ),
        (with("import \"<schema>\"; message A {}", &[]), "does not compile"),
        // Where the compiler panics: at a descriptor that is wrong, and at a number that it holds to be impossible, in builds that look.
        (
            with("CgdmLnByb3RvIg4KAU0SCQoBYRgBIAEoA2IGcHJvdG8R", &[]),
            "does not compile",
        ),
        (
            with("syntax = \"proto3\"; message A { int32 b = 013747991028; }", &[]),
            "does not compile",
        ),
        (with(&deep, &[]), "nests deeper"),
        (with(&option, &[]), "nests deeper"),
        (with(&long, &[]), "bytes with its references"),
        (
            RegisteredSchema {
                schema_type: SchemaType::Avro,
                ..schema("{}")
            },
            "of type AVRO",
        ),
    ];
    for (schema, expected) in bad {
        let refused = ProtobufDecoder::plain(&[], Part::Value, &schema, None).expect_err(expected);
        assert!(
            refused.to_string().contains(expected),
            "{refused}, not {expected}"
        );
    }
}

#[test]
fn a_schema_cut_or_changed_anywhere_is_compiled_or_refused() {
    for end in 0..EVENT.len() {
        let _outcome = Schema::compile(&schema(&EVENT[..end])).is_ok();
    }
    let mut seed = 7u64;
    let mut good = 0;
    for _ in 0..2000 {
        let mut text = EVENT.as_bytes().to_vec();
        for _ in 0..2 {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            let at = (seed >> 11) as usize % text.len();
            text[at] = b"{}[]()<>;=\"'/*\\.,-0z \n"[(seed >> 40) as usize % 22];
        }
        let text = String::from_utf8(text).expect("ascii");
        good += usize::from(Schema::compile(&schema(&text)).is_ok());
    }
    assert!((1..2000).contains(&good), "{good} still compile");
}
