//! What is written for which column, and what is refused before a row is.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Decimal128Array, DictionaryArray, Float32Array,
    Float64Array, Int32Array, Int64Array, ListArray, RecordBatch, StringArray, TimestampMillisecondArray,
    TimestampSecondArray, UInt32Array,
};
use arrow::datatypes::{Field, Int32Type, Int64Type, Schema as Columns};
use prost_reflect::DynamicMessage;

use super::schema::Schema;
use super::tests::{records, schema};
use super::{Frame, ProtobufDecoder, ProtobufEncoder, schema_of_results};
use crate::batch::Batch;
use crate::codec::framing::Confluent;
use crate::codec::schemas::{RegisteredSchema, SchemaKey, Schemas};
use crate::codec::{Column, ColumnKind, Decode, Encode, EncoderOptions, Part};
use crate::error::{Kind, Result};
use crate::metrics::LaneMetrics;

fn options() -> EncoderOptions {
    EncoderOptions {
        topic: "out".into(),
        key: None,
        include_original: false,
        headers: Arc::new([]),
        not_finite: Arc::new(LaneMetrics::default()),
    }
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> Batch {
    let fields = columns
        .iter()
        .map(|(name, array)| Field::new(*name, array.data_type().clone(), true));
    let arrow = Arc::new(Columns::new(fields.collect::<Vec<_>>()));
    let arrays: Vec<ArrayRef> = columns.into_iter().map(|(_, array)| array).collect();
    let rows = arrays[0].len();
    Batch {
        rows: RecordBatch::try_new(arrow, arrays).expect("rows"),
        origin: (0..rows as u32).collect(),
        records: records(&vec![None; rows]),
    }
}

const TARGET: &str = r#"
syntax = "proto3";
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
message Before { int32 x = 1; }
message Result {
  enum Colour { NONE = 0; RED = 3; }
  message Inner { sint64 s = 1; }
  double d = 1; float f = 2; sint64 s = 3; sfixed32 fix = 4; fixed64 ufix = 5; bool b = 6; string t = 7; bytes x = 8;
  Colour colour = 9; optional int64 maybe = 10; google.protobuf.Timestamp at = 11; google.protobuf.DoubleValue wrapped = 12;
  repeated int64 list = 13; repeated string words = 14; string by_json = 15; oneof e { int32 left = 16; int32 right = 17; }
  Inner inner = 18; map<string, int32> tags = 19;
}
"#;

/// The text form of the messages written for a column.
fn written(name: &str, array: ArrayRef) -> Result<Vec<String>> {
    let batch = batch(vec![(name, array)]);
    let target = schema(TARGET);
    let mut encoder = ProtobufEncoder::new(options(), &batch.rows.schema(), &target, Some("Result"), None)?;
    let outgoing = encoder.encode(&batch)?;
    let of = Schema::compile(&target)
        .and_then(|s| s.message(Some("Result")))
        .expect("a message");
    let text = |row| {
        DynamicMessage::decode(of.clone(), outgoing.payload(row).expect("one"))
            .expect("whole")
            .to_string()
    };
    Ok((0..outgoing.len()).map(text).collect())
}

#[test]
fn every_type_is_written_as_its_field_says() {
    let words = ListArray::from_iter_primitive::<Int32Type, _, _>([
        Some(vec![Some(-1), Some(2)]),
        Some(vec![]),
        None,
    ]);
    let names: DictionaryArray<Int32Type> = vec!["RED", "NONE"].into_iter().collect();
    let cases: Vec<(&str, ArrayRef, &[&str])> = vec![
        ("d", Arc::new(Float64Array::from(vec![0.1, 0.0])), &["d:0.1", ""]),
        ("d", Arc::new(Int32Array::from(vec![-3])), &["d:-3.0"]),
        ("f", Arc::new(Float32Array::from(vec![0.5])), &["f:0.5"]),
        (
            "s",
            Arc::new(Int64Array::from(vec![i64::MIN, -1])),
            &["s:-9223372036854775808", "s:-1"],
        ),
        ("fix", Arc::new(Int32Array::from(vec![-2])), &["fix:-2"]),
        ("ufix", Arc::new(UInt32Array::from(vec![7])), &["ufix:7"]),
        (
            "b",
            Arc::new(BooleanArray::from(vec![true, false])),
            &["b:true", ""],
        ),
        ("t", Arc::new(StringArray::from(vec!["a", ""])), &["t:\"a\"", ""]),
        (
            "x",
            Arc::new(BinaryArray::from(vec![b"\x01".as_slice()])),
            &["x:\"\\001\""],
        ),
        ("colour", Arc::new(names), &["colour:RED", ""]),
        (
            "maybe",
            Arc::new(Int64Array::from(vec![Some(0), None])),
            &["maybe:0", ""],
        ),
        (
            "at",
            Arc::new(TimestampMillisecondArray::from(vec![Some(-1), None, Some(2000)])),
            &["at{seconds:-1,nanos:999000000}", "", "at{seconds:2}"],
        ),
        (
            "wrapped",
            Arc::new(Float64Array::from(vec![Some(0.0), None, Some(1.0)])),
            &["wrapped{}", "", "wrapped{value:1.0}"],
        ),
        ("list", Arc::new(words), &["list:[-1,2]", "", ""]),
        (
            "byJson",
            Arc::new(StringArray::from(vec!["j"])),
            &["by_json:\"j\""],
        ),
        (
            "left",
            Arc::new(Int32Array::from(vec![Some(0), None])),
            &["left:0", ""],
        ),
    ];
    for (name, array, expected) in cases {
        let found = written(name, Arc::clone(&array)).expect(name);
        assert_eq!(found, expected, "{name} of {array:?}");
    }
}

#[test]
fn what_does_not_convert_is_refused_before_a_row_is_written() {
    let double = || Arc::new(Float64Array::from(vec![1.0])) as ArrayRef;
    let cases: Vec<(&str, ArrayRef, &str)> = vec![
        (
            "f",
            double(),
            "column `f` is float64, its field float: that does not convert",
        ),
        ("t", double(), "column `t` is float64, its field string"),
        ("maybe", double(), "its field optional int64"),
        ("list", double(), "its field repeated int64"),
        ("inner", double(), "its field Result.Inner"),
        ("tags", double(), "its field map<string, int32>"),
        ("wraped", double(), "did you mean \"wrapped\""),
        ("fix", Arc::new(Int64Array::from(vec![1])), "its field sfixed32"),
    ];
    for (name, array, expected) in cases {
        let error = written(name, array).expect_err(expected);
        assert_eq!(error.kind(), Kind::Config);
        assert!(error.to_string().contains(expected), "{error}, not {expected}");
    }
    let one = || Arc::new(Int32Array::from(vec![1])) as ArrayRef;
    let refuse = |columns: Vec<(&str, ArrayRef)>, target: &str, options: EncoderOptions, expected: &str| {
        let columns = batch(columns).rows.schema();
        let error = ProtobufEncoder::new(options, &columns, &schema(target), None, None).expect_err(expected);
        assert!(
            error.kind() == Kind::Config && error.to_string().contains(expected),
            "{error}, not {expected}"
        );
    };
    let old = "syntax = \"proto2\"; message R { required int32 a = 1; required int32 b = 2; }";
    refuse(
        vec![("a", one())],
        old,
        options(),
        "field `b` is required, and no column has its name",
    );
    let either = "syntax = \"proto3\"; message R { oneof e { int32 a = 1; int32 b = 2; } }";
    refuse(
        vec![("a", one()), ("b", one())],
        either,
        options(),
        "only one field of oneof `e`",
    );
    refuse(vec![("a", one())], "nonsense", options(), "does not compile");
    let original = EncoderOptions {
        include_original: true,
        ..options()
    };
    refuse(vec![("a", one())], either, original, "only in json");
    let key = EncoderOptions {
        key: Some("c".into()),
        ..options()
    };
    refuse(vec![("a", one())], either, key, "no such column");
}

#[test]
fn a_row_that_the_schema_has_no_form_for_is_a_reject_without_its_values() {
    let nulls = ListArray::from_iter_primitive::<Int64Type, _, _>([Some(vec![Some(4711), None])]);
    let cases: Vec<(&str, ArrayRef, &str)> = vec![
        (
            "d",
            Arc::new(Float64Array::from(vec![None::<f64>])),
            "column `d`: null, and its field can say none",
        ),
        (
            "colour",
            Arc::new(StringArray::from(vec!["GREEN"])),
            "column `colour`: not the name of a value",
        ),
        (
            "at",
            Arc::new(TimestampSecondArray::from(vec![i64::MAX])),
            "column `at`: timestamp outside the years",
        ),
        ("list", Arc::new(nulls), "column `list`: a list with a null in it"),
    ];
    for (name, array, expected) in cases {
        let error = written(name, array).expect_err(expected);
        assert_eq!(error.kind(), Kind::Reject);
        let said = error.to_string();
        assert!(
            said.contains(expected) && said.contains("offset=0"),
            "{said}, not {expected}"
        );
        assert!(!said.contains("GREEN") && !said.contains("4711"), "{said}");
    }
}

#[derive(Debug)]
struct One(RegisteredSchema);

impl Schemas for One {
    fn schema(&self, key: SchemaKey) -> Result<Arc<RegisteredSchema>> {
        assert_eq!(key, SchemaKey::Id(258));
        Ok(Arc::new(self.0.clone()))
    }
}

#[test]
fn what_is_framed_is_read_by_the_decoder_that_knows_the_registry() {
    let target = schema(TARGET);
    let rows = batch(vec![("s", Arc::new(Int64Array::from(vec![-5, 6])) as ArrayRef)]);
    let frame = Frame {
        framing: Arc::new(Confluent),
        id: 258,
    };
    let keyed = EncoderOptions {
        key: Some("s".into()),
        ..options()
    };
    for (message, index) in [("Result", &[2, 2][..]), ("Result.Inner", &[4, 2, 0])] {
        let arrow = rows.rows.schema();
        let mut encoder = ProtobufEncoder::new(keyed.clone(), &arrow, &target, Some(message), Some(&frame))
            .expect("an encoder");
        let outgoing = encoder.encode(&rows).expect("payloads");
        let payloads = [0, 1].map(|row| outgoing.payload(row).expect("one").to_vec());
        assert!(
            payloads[0].starts_with(&[&[0, 0, 0, 1, 2], index].concat()),
            "{:?}",
            payloads[0]
        );
        assert_eq!(outgoing.key(0), Some(&b"-5"[..]));
        let column = Column {
            name: "s".into(),
            path: vec!["s".into()],
            kind: ColumnKind::Int64,
            nullable: false,
            default: None,
        };
        let schemas: Arc<dyn Schemas> = Arc::new(One(target.clone()));
        let mut decoder = ProtobufDecoder::registered(&[column], Part::Value, Arc::new(Confluent), schemas);
        let decoded = decoder
            .decode(&records(&[Some(&payloads[0]), Some(&payloads[1])]))
            .expect("a batch");
        assert_eq!(
            decoded
                .batch
                .rows
                .column(0)
                .as_primitive::<Int64Type>()
                .values()
                .to_vec(),
            [-5, 6]
        );
    }
}

#[test]
fn a_schema_is_made_of_result_columns() {
    let list = ColumnKind::Float32List(3).data_type();
    let arrow = Columns::new(vec![
        Field::new("id", arrow::datatypes::DataType::Utf8, false),
        Field::new("score", arrow::datatypes::DataType::Float32, true),
        Field::new(
            "at",
            ColumnKind::Timestamp(arrow::datatypes::TimeUnit::Second).data_type(),
            true,
        ),
        Field::new("v", list, false),
    ]);
    let text = schema_of_results(&arrow, "Score", Some("a.b")).expect("a schema");
    let expected = "syntax = \"proto3\";\npackage a.b;\n\nimport \"google/protobuf/timestamp.proto\";\n\nmessage Score {\n  string id = 1;\n  optional float score = 2;\n  optional google.protobuf.Timestamp at = 3;\n  repeated float v = 4;\n}\n";
    assert_eq!(text, expected);
    Schema::compile(&schema(&text)).expect("it compiles");
    let decimal = Decimal128Array::from(vec![1]).data_type().clone();
    for (name, of) in [("a b", arrow::datatypes::DataType::Utf8), ("d", decimal)] {
        let columns = Columns::new(vec![Field::new(name, of, false)]);
        let error = schema_of_results(&columns, "Score", None).expect_err(name);
        assert!(
            error.kind() == Kind::Config && error.to_string().contains(name),
            "{error}"
        );
    }
    assert!(schema_of_results(&arrow, "1x", None).is_err());
}
