//! Which type goes into which column and how it comes out, case by case; whole batches; and what is written.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Date64Array, Decimal128Array, DictionaryArray,
    DurationSecondArray, FixedSizeListArray, Float32Array, Float64Array, Int32Array, Int64Array, ListArray,
    StringArray, TimestampNanosecondArray, UInt64Array,
};
use arrow::datatypes::{DataType, Field, Int32Type, Schema, TimeUnit};

use super::fixtures::{
    Put, Registry, body, column, decode, framed, nullable, record, records, text, value, with_default,
};
use super::{AvroDecoder, AvroEncoder, AvroSchema, Filled, schema_of_results, way};
use crate::batch::Batch;
use crate::codec::framing::Confluent;
use crate::codec::schemas::{RegisteredSchema, SchemaReference, SchemaType};
use crate::codec::{ColumnKind, Decode, DefaultValue, Encode, EncoderOptions, Part};
use crate::error::Kind;
use crate::metrics::LaneMetrics;
use crate::reject::Stage;
use crate::sink::Outgoing;

const MS: ColumnKind = ColumnKind::Timestamp(TimeUnit::Millisecond);
const S: ColumnKind = ColumnKind::Timestamp(TimeUnit::Second);

#[test]
fn every_type_goes_where_it_fits() {
    use ColumnKind::{Bool, Bytes, Float32, Float32List, Float64, Float64List, Int32, Int64, String};
    use Put::{Double, Float, Long, Raw, Text};
    let long = r#""long""#;
    let logical = |of: &str, name: &str| format!(r#"{{"type":"{of}","logicalType":"{name}"}}"#);
    let fixed = |size: usize, more: &str| format!(r#"{{"type":"fixed","name":"f","size":{size}{more}}}"#);
    let decimal = r#"{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}"#;
    let cases: &[(&str, ColumnKind, &[Put<'_>], &str)] = &[
        (r#""boolean""#, Bool, &[Raw(&[1])], "true"),
        (r#""int""#, Int32, &[Long(-7)], "-7"),
        (r#""int""#, Int64, &[Long(2_147_483_647)], "2147483647"),
        (r#""int""#, Float32, &[Long(5)], "5"),
        (r#""int""#, Float64, &[Long(-5)], "-5"),
        (long, Int64, &[Long(i64::MIN)], "-9223372036854775808"),
        (long, Int32, &[Long(-2_147_483_648)], "-2147483648"),
        (long, Float64, &[Long(1 << 53)], "9007199254740992"),
        (long, Float32, &[Long(16_777_217)], "16777216"),
        (r#""float""#, Float32, &[Float(0.1)], "0.1"),
        (r#""float""#, Float64, &[Float(0.5)], "0.5"),
        (r#""double""#, Float64, &[Double(0.1)], "0.1"),
        (r#""double""#, Float32, &[Double(0.1)], "0.1"),
        (r#""double""#, Float32, &[Double(f64::INFINITY)], "inf"),
        (r#""string""#, String, &[Text("größer")], "größer"),
        (r#""string""#, Bytes, &[Text("ab")], "[97, 98]"),
        (r#""bytes""#, Bytes, &[Long(2), Raw(&[0, 255])], "[0, 255]"),
        (r#""bytes""#, String, &[Text("ab")], "ab"),
        (&fixed(2, ""), Bytes, &[Raw(&[1, 2])], "[1, 2]"),
        (
            r#"{"type":"enum","name":"e","symbols":["A","B"]}"#,
            String,
            &[Long(1)],
            "B",
        ),
        (
            r#"{"type":"array","items":"float"}"#,
            Float32List(2),
            &[Long(2), Float(1.5), Float(2.5), Long(0)],
            "[1.5,2.5]",
        ),
        (
            r#"{"type":"array","items":"double"}"#,
            Float32List(1),
            &[Long(1), Double(0.1), Long(0)],
            "[0.1]",
        ),
        (
            r#"{"type":"array","items":"int"}"#,
            Float64List(3),
            &[Long(1), Long(7), Long(-2), Long(2), Long(8), Long(9), Long(0)],
            "[7,8,9]",
        ),
        (
            r#"{"type":"array","items":["null","long"]}"#,
            Float64List(1),
            &[Long(1), Long(1), Long(4), Long(0)],
            "[4]",
        ),
        (decimal, Float64, &[Long(2), Raw(&[0xff, 0x85])], "-1.23"),
        (decimal, Float32, &[Long(1), Raw(&[10])], "0.1"),
        (decimal, String, &[Long(1), Raw(&[5])], "0.05"),
        (decimal, Bytes, &[Long(1), Raw(&[5])], "[5]"),
        (
            &fixed(2, r#","logicalType":"decimal","precision":4,"scale":1"#),
            String,
            &[Raw(&[0, 15])],
            "1.5",
        ),
        (&logical("int", "date"), S, &[Long(1)], "86400000000000"),
        (&logical("int", "date"), Int32, &[Long(19_000)], "19000"),
        (&logical("int", "time-millis"), Int32, &[Long(5)], "5"),
        (&logical("long", "time-micros"), Int64, &[Long(5)], "5"),
        (&logical("long", "timestamp-millis"), S, &[Long(-1)], "-1000000"),
        (&logical("long", "timestamp-micros"), S, &[Long(2)], "2000"),
        (&logical("long", "timestamp-nanos"), S, &[Long(3)], "3"),
        (
            &logical("long", "local-timestamp-millis"),
            S,
            &[Long(1)],
            "1000000",
        ),
        (&logical("long", "local-timestamp-micros"), S, &[Long(1)], "1000"),
        (&logical("long", "local-timestamp-nanos"), S, &[Long(1)], "1"),
        (&logical("long", "timestamp-millis"), Int64, &[Long(17)], "17"),
        (long, MS, &[Long(7)], "7000000"),
        (r#""int""#, S, &[Long(7)], "7000000000"),
        (r#""string""#, MS, &[Text("1970-01-01T00:00:01Z")], "1000000000"),
        (&logical("string", "uuid"), String, &[Text("x")], "x"),
        (
            &fixed(16, r#","logicalType":"uuid""#),
            String,
            &[Raw(&[0xab; 16])],
            "abababab-abab-abab-abab-abababababab",
        ),
        (
            &fixed(12, r#","logicalType":"duration""#),
            String,
            &[Raw(&[1, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0])],
            "P1M0DT0.004S",
        ),
        (
            &fixed(3, r#","logicalType":"duration""#),
            Bytes,
            &[Raw(&[1, 2, 3])],
            "[1, 2, 3]",
        ),
        (&logical("long", "what-nobody-knows"), Int64, &[Long(1)], "1"),
    ];
    for (of, kind, parts, expected) in cases {
        let wanted = column("f", *kind);
        let schema = record(&format!(r#"{{"name":"f","type":{of}}}"#));
        let found = value(&schema, &wanted, &body(parts));
        assert_eq!(found.as_deref(), Ok(*expected), "{of} into {kind:?}");
        // In a union the same, and null beside it.
        let wanted = nullable("f", *kind);
        let schema = record(&format!(r#"{{"name":"f","type":["null",{of}]}}"#));
        let in_union = [body(&[Long(1)]), body(parts)].concat();
        assert_eq!(
            value(&schema, &wanted, &in_union).as_deref(),
            Ok(*expected),
            "{of} or null"
        );
        assert_eq!(
            value(&schema, &wanted, &[0]).as_deref(),
            Ok("null"),
            "{of} or null"
        );
        let parsed = AvroSchema::parse(&schema, &[]).expect("a schema");
        assert!(
            way(&parsed, &wanted).is_ok_and(|way| way.null),
            "{of} into {kind:?}"
        );
        // And passed over as far as it is read.
        let schema = record(&format!(
            r#"{{"name":"f","type":{of}}},{{"name":"n","type":"int"}}"#
        ));
        let behind = [body(parts), body(&[Long(9)])].concat();
        assert_eq!(
            value(&schema, &column("n", Int32), &behind).as_deref(),
            Ok("9"),
            "{of} passed over"
        );
    }
}

#[test]
fn what_does_not_convert_is_no_program() {
    use ColumnKind::{Bool, Bytes, Float32List, Float64, Int32, Int64, String};
    let time = r#"{"type":"int","logicalType":"time-millis"}"#;
    let cases = [
        (r#""string""#, Int64, "string does not convert to int64"),
        (r#""double""#, Int64, "double does not convert to int64"),
        (r#""int""#, Bool, "int does not convert to bool"),
        (r#""int""#, String, "int does not convert to string"),
        (r#""null""#, Int32, "null does not convert"),
        (time, S, "int (time-millis) does not convert to timestamp"),
        (
            r#"{"type":"array","items":"string"}"#,
            Float32List(2),
            "array of string does not convert to float32[2]",
        ),
        (
            r#"{"type":"array","items":"float"}"#,
            Float64,
            "array of float does not convert",
        ),
        (
            r#"{"type":"map","values":"bytes"}"#,
            Bytes,
            "map of bytes does not convert",
        ),
        (
            r#"["null","string"]"#,
            Int64,
            "null or string does not convert to int64",
        ),
        (
            r#"{"type":"fixed","name":"a.b","size":4}"#,
            String,
            "fixed `a.b` of 4 bytes does not convert",
        ),
    ];
    for (of, kind, reason) in cases {
        let schema = record(&format!(r#"{{"name":"f","type":{of}}}"#));
        let error = AvroDecoder::plain(&[column("f", kind)], Part::Value, &schema).expect_err(reason);
        assert_eq!(error.kind(), Kind::Config);
        let said = error.to_string();
        assert!(said.contains("column `f`: ") && said.contains(reason), "{said}");
        let parsed = AvroSchema::parse(&schema, &[]).expect("a schema");
        let problem = way(&parsed, &column("f", kind)).expect_err(reason);
        assert!(said.contains(&problem.to_string()), "{problem}");
    }
    let schema = record(r#"{"name":"amount","type":"int"}"#);
    let said = AvroDecoder::plain(&[column("amout", Int32)], Part::Value, &schema).expect_err("missing");
    assert!(
        said.to_string().contains("no field `amout`") && said.to_string().contains("\"amount\""),
        "{said}"
    );
    let said = AvroDecoder::plain(&[column("amount.x", Int32)], Part::Value, &schema).expect_err("no record");
    assert!(
        said.to_string()
            .contains("`x` is looked for in a record or map, found int"),
        "{said}"
    );
}

const NESTED: &str = r#"{"type":"record","name":"order","namespace":"shop","fields":[
    {"name":"id","type":"long"},
    {"name":"buyer","type":["null",{"type":"record","name":"person","fields":[
        {"name":"name","type":"string"},
        {"name":"at","type":{"type":"record","name":"place","fields":[{"name":"zip","type":"int"},{"name":"note","type":"string"}]}}]}]},
    {"name":"next","type":["null","order"]},
    {"name":"tags","type":{"type":"map","values":["string","long"]}},
    {"name":"paid","type":["double","string",{"type":"record","name":"money","fields":[{"name":"cents","type":"long"}]}]}]}"#;

#[test]
fn paths_lead_through_records_unions_maps_and_recursion() {
    let columns = [
        column("id", ColumnKind::Int64),
        with_default("buyer.at.zip", ColumnKind::Int32, DefaultValue::Int(-1)),
        nullable("next.next.id", ColumnKind::Int64),
        nullable("tags.colour", ColumnKind::String),
        nullable("tags.size", ColumnKind::Int64),
        column("paid", ColumnKind::Float64),
        nullable("buyer.name", ColumnKind::String),
    ];
    use Put::{Double, Long, Text};
    let buyer = |zip| [Long(1), Text("n"), Long(zip), Text("x")];
    let none = [Long(0)];
    let tail = [Long(0), Long(0), Long(0), Double(1.0)];
    let inner = |id| [&[Long(1), Long(id)][..], &none, &tail].concat();
    let last = [&[Long(1), Long(3)][..], &none, &tail].concat();
    let middle = [
        &[Long(1), Long(2)][..],
        &none,
        &last,
        &[Long(0), Long(0), Double(0.5)],
    ]
    .concat();
    let tags = [
        Long(-1),
        Long(8),
        Text("size"),
        Long(1),
        Long(200),
        Long(2),
        Text("other"),
        Long(0),
        Text("y"),
        Text("colour"),
        Long(0),
        Text("red"),
        Long(0),
    ];
    let rows = [
        body(
            &[
                &[Long(1)],
                &buyer(70)[..],
                &middle,
                &tags,
                &[Long(0), Double(2.5)],
            ]
            .concat(),
        ),
        body(&[&[Long(2)], &none[..], &inner(5), &[Long(0), Long(0), Double(3.5)]].concat()),
        body(&[&[Long(3)], &none[..], &none, &[Long(0), Long(1), Text("free")]].concat()),
        body(&[&[Long(4)], &none[..], &none, &[Long(0), Long(2), Long(99)]].concat()),
        body(
            &[
                &[Long(5)],
                &none[..],
                &none,
                &[
                    Long(1),
                    Text("colour"),
                    Long(1),
                    Long(4),
                    Long(0),
                    Long(0),
                    Double(0.0),
                ],
            ]
            .concat(),
        ),
        body(
            &[
                &[Long(6)],
                &none[..],
                &none,
                &[
                    Long(2),
                    Text("size"),
                    Long(1),
                    Long(4),
                    Text("size"),
                    Long(1),
                    Long(4),
                    Long(0),
                    Long(0),
                    Double(0.0),
                ],
            ]
            .concat(),
        ),
        body(&[&[Long(7)], &none[..], &none, &[Long(0), Long(0), Double(9.0)]].concat()),
    ];
    let decoded = decode(NESTED, &columns, &rows);
    assert_eq!(decoded.batch.origin, [0, 1, 6], "{:?}", decoded.rejects);
    let row = |nth| -> Vec<String> {
        decoded
            .batch
            .rows
            .columns()
            .iter()
            .map(|c| text(c, nth))
            .collect()
    };
    assert_eq!(row(0), ["1", "70", "3", "red", "200", "2.5", "n"]);
    assert_eq!(row(1), ["2", "-1", "null", "null", "null", "3.5", "null"]);
    assert_eq!(row(2), ["7", "-1", "null", "null", "null", "9", "null"]);
    let reasons: Vec<_> = decoded.rejects.iter().map(|r| r.reason.as_str()).collect();
    assert_eq!(
        reasons,
        [
            "column `paid`: does not take this branch of the union: string, at byte 5",
            "column `paid`: does not take this branch of the union: record `shop.money`, at byte 5",
            "column `tags.colour`: does not take this branch of the union: long, at byte 12",
            "column `tags.size`: a used key given twice at byte 11",
        ]
    );
}

#[test]
fn columns_may_share_a_field() {
    let schema = record(r#"{"name":"s","type":"string"},{"name":"n","type":["null","int"]}"#);
    let mut raw = column("s", ColumnKind::Bytes);
    raw.name = "raw".to_owned();
    let mut wide = nullable("n", ColumnKind::Float64);
    wide.name = "wide".to_owned();
    let columns = [
        column("s", ColumnKind::String),
        raw,
        nullable("n", ColumnKind::Int32),
        wide,
    ];
    let rows = [
        body(&[Put::Text("ab"), Put::Long(1), Put::Long(3)]),
        body(&[Put::Text(""), Put::Long(0)]),
    ];
    let decoded = decode(&schema, &columns, &rows);
    let row = |nth| -> Vec<String> {
        decoded
            .batch
            .rows
            .columns()
            .iter()
            .map(|c| text(c, nth))
            .collect()
    };
    assert_eq!(row(0), ["ab", "[97, 98]", "3", "3"]);
    assert_eq!(row(1), ["", "[]", "null", "null"]);
}

#[test]
fn a_key_of_one_value_has_an_empty_path() {
    let mut key = column("id", ColumnKind::Int64);
    key.path.clear();
    assert_eq!(value(r#""long""#, &key, &[14]).as_deref(), Ok("7"));
    assert!(
        value(r#""long""#, &key, &[14, 14]).is_err_and(|e| e == "trailing bytes behind the value at byte 1")
    );
}

#[test]
fn several_writers_in_one_batch_and_one_question_each() {
    let registry = Registry::of(&[
        (1, &record(r#"{"name":"n","type":"long"}"#)),
        (
            2,
            &record(r#"{"name":"more","type":"string"},{"name":"n","type":"int"}"#),
        ),
        (3, &record(r#"{"name":"m","type":"int"}"#)),
        (4, "{"),
    ]);
    let columns = [column("n", ColumnKind::Int64)];
    let schemas = Arc::clone(&registry);
    let mut decoder = AvroDecoder::registered(&columns, Part::Value, Arc::new(Confluent), schemas);
    let batch = records(&[
        framed(1, &[2]),
        framed(2, &[2, b'x', 4]),
        framed(3, &[2]),
        framed(1, &[6]),
        framed(5, &[6]),
        framed(4, &[6]),
        b"{\"n\":1}".to_vec(),
        framed(2, &[2]),
        framed(2, &[0, 8]),
    ]);
    let decoded = decoder.decode(&batch).expect("a batch");
    assert_eq!(decoded.batch.origin, [0, 1, 3, 8]);
    let values: Vec<_> = (0..4)
        .map(|row| text(decoded.batch.rows.column(0), row))
        .collect();
    assert_eq!(values, ["1", "2", "3", "4"]);
    let reasons: Vec<_> = decoded
        .rejects
        .iter()
        .map(|r| (r.record, r.reason.as_str()))
        .collect();
    assert_eq!(reasons[0].0, 2);
    assert!(
        reasons[0]
            .1
            .starts_with("schema id 3: column `n`: the schema has no field `n`"),
        "{reasons:?}"
    );
    assert_eq!(reasons[1], (4, "the registry has no schema of id 5"));
    assert!(
        reasons[2]
            .1
            .starts_with("schema id 4: read an avro schema: the json breaks off"),
        "{reasons:?}"
    );
    assert!(reasons[3].1.starts_with("begins with 0x7b"), "{reasons:?}");
    assert_eq!(reasons[4], (7, "a length beyond the end of the body at byte 5"));
    let stages: Vec<_> = decoded.rejects.iter().map(|r| r.stage).collect();
    let (of_bytes, of_schema) = (Stage::Decode, Stage::Schema);
    assert_eq!(stages, [of_schema, of_bytes, of_schema, of_bytes, of_bytes]);
    let asked = registry.asked.load(Ordering::Relaxed);
    decoder
        .decode(&records(&[framed(2, &[0, 8]), framed(1, &[2]), framed(3, &[2])]))
        .expect("a batch");
    assert_eq!(registry.asked.load(Ordering::Relaxed), asked);
}

#[test]
fn a_registry_that_does_not_answer_ends_the_batch_and_nothing_of_it_stays() {
    let registry = Registry::of(&[(1, &record(r#"{"name":"n","type":"long"}"#))]);
    let columns = [column("n", ColumnKind::Int64)];
    let mut decoder = AvroDecoder::registered(&columns, Part::Value, Arc::new(Confluent), registry);
    let error = decoder
        .decode(&records(&[framed(1, &[2]), framed(900, &[2])]))
        .expect_err("no answer");
    assert_eq!(error.kind(), Kind::Retry);
    let decoded = decoder.decode(&records(&[framed(1, &[4])])).expect("a batch");
    assert_eq!(decoded.batch.len(), 1);
    assert_eq!(text(decoded.batch.rows.column(0), 0), "2");
}

#[test]
fn references_are_found_with_and_without_namespace_in_circles_and_late() {
    let reference = |name: &str, text: &str| SchemaReference {
        name: name.to_owned(),
        text: text.to_owned(),
    };
    let of = |text: &str, references: Vec<SchemaReference>| {
        AvroSchema::of(&RegisteredSchema {
            schema_type: SchemaType::Avro,
            text: text.to_owned(),
            references,
        })
    };
    let spaced = reference(
        "a.P",
        r#"{"type":"record","name":"P","namespace":"a","fields":[{"name":"x","type":"int"},{"name":"q","type":["null","Q"]}]}"#,
    );
    let bare = reference(
        "Q",
        r#"{"type":"record","name":"Q","fields":[{"name":"y","type":"int"},{"name":"p","type":["null","a.P"]}]}"#,
    );
    let text = r#"{"type":"record","name":"r","namespace":"b","fields":[{"name":"p","type":"a.P"},{"name":"q","type":"Q"}]}"#;
    let schema = of(text, vec![spaced.clone(), bare.clone()]).expect("a circle of references");
    assert!(way(&schema, &column("p.x", ColumnKind::Int32)).is_ok());
    assert!(way(&schema, &column("q.y", ColumnKind::Int32)).is_ok());
    assert!(way(&schema, &nullable("p.q.p.q.y", ColumnKind::Int32)).is_ok_and(|way| way.null));
    let error = of(text, vec![bare]).expect_err("nothing defines a.P");
    assert!(error.to_string().contains("type `a.P` is not defined"), "{error}");
    let itself = [reference("A", r#""B""#), reference("B", r#""A""#)];
    let error = of(r#"["null","A"]"#, itself.to_vec()).expect_err("defined as itself");
    assert!(error.to_string().contains("defined as itself"), "{error}");
    let alone = of(r#""A""#, vec![reference("A", r#""A""#)]).expect_err("defined as itself");
    assert!(alone.to_string().contains("defined as itself"), "{alone}");
    let twice = of(
        r#"[{"type":"fixed","name":"f","size":1},{"type":"fixed","name":"f","size":2}]"#,
        vec![],
    );
    assert!(
        twice
            .expect_err("not alike")
            .to_string()
            .contains("`f` is defined twice")
    );
    let other = RegisteredSchema {
        schema_type: SchemaType::Protobuf,
        text: String::new(),
        references: Vec::new(),
    };
    assert!(
        AvroSchema::of(&other)
            .expect_err("no avro")
            .to_string()
            .contains("type PROTOBUF")
    );
}

#[test]
fn check_says_how_a_column_comes_about() {
    let schema = AvroSchema::parse(NESTED, &[]).expect("a schema");
    let said = |column| way(&schema, &column).expect("a way").to_string();
    assert_eq!(
        said(column("id", ColumnKind::Int64)),
        "`id` int64: field `id`, long"
    );
    assert_eq!(
        said(column("id", ColumnKind::Int32)),
        "`id` int32: field `id`, long; long to int32: what does not fit is a reject"
    );
    assert_eq!(
        said(nullable("buyer.name", ColumnKind::String)),
        "`buyer.name` string: field `buyer.name`, string; may be null"
    );
    assert_eq!(
        said(column("paid", ColumnKind::Float64)),
        "`paid` float64: field `paid`, double or string or record `shop.money`; string is a reject; record `shop.money` is a reject"
    );
    let absent = way(&schema, &nullable("buyer.age", ColumnKind::Int32)).expect("a way");
    assert_eq!((absent.filled, absent.null), (Filled::Null, true));
    let absent = with_default("buyer.age", ColumnKind::Int32, DefaultValue::Int(1));
    let absent = way(&schema, &absent).expect("a way");
    assert_eq!((absent.filled, absent.null), (Filled::Default, false));
    assert_eq!(
        said(nullable("x", ColumnKind::Bool)),
        "`x` bool: not in the schema, always null"
    );
    let list = r#"{"type":"record","name":"r","fields":[{"name":"x","type":{"type":"array","items":["null","float"]}}]}"#;
    let list = AvroSchema::parse(list, &[]).expect("a schema");
    let found = way(&list, &column("x", ColumnKind::Float32List(3))).expect("a way");
    assert_eq!(
        found.rejects,
        ["an item of array of null or float that is no number"]
    );
}

fn options(key: Option<&str>) -> EncoderOptions {
    EncoderOptions {
        topic: "out".into(),
        key: key.map(str::to_owned),
        include_original: false,
        headers: Arc::from([]),
        not_finite: Arc::new(LaneMetrics::default()),
    }
}

fn batch(columns: Vec<(&str, bool, ArrayRef)>) -> Batch {
    let rows = columns.first().map_or(0, |(_, _, column)| column.len());
    let field =
        |(name, null, column): &(&str, bool, ArrayRef)| Field::new(*name, column.data_type().clone(), *null);
    let schema = Schema::new(columns.iter().map(field).collect::<Vec<_>>());
    let arrays = columns.into_iter().map(|(_, _, column)| column).collect();
    let origin = (0..rows as u32).collect();
    Batch::new(Arc::new(schema), arrays, origin, records(&vec![b""; rows])).expect("a batch")
}

fn encode(batch: &Batch, schema: &str) -> crate::Result<Outgoing> {
    let writer = AvroSchema::parse(schema, &[]).expect("a schema");
    AvroEncoder::plain(options(None), &batch.rows.schema(), &writer)?.encode(batch)
}

fn results() -> Batch {
    let item = Arc::new(Field::new("item", DataType::Float32, false));
    let pair = Arc::new(Float32Array::from(vec![1.0, 2.0, 3.0, 4.0]));
    let words: DictionaryArray<Int32Type> = vec!["x", "y"].into_iter().collect();
    let decimals = Decimal128Array::from(vec![-129, 255])
        .with_precision_and_scale(5, 2)
        .expect("fits");
    batch(vec![
        ("b", false, Arc::new(BooleanArray::from(vec![true, false]))),
        ("i", true, Arc::new(Int32Array::from(vec![Some(-1), None]))),
        ("l", false, Arc::new(Int64Array::from(vec![i64::MIN, 300]))),
        ("u", false, Arc::new(UInt64Array::from(vec![0, 1 << 40]))),
        ("f", false, Arc::new(Float32Array::from(vec![0.1, f32::INFINITY]))),
        ("d", true, Arc::new(Float64Array::from(vec![None, Some(0.1)]))),
        ("s", false, Arc::new(StringArray::from(vec!["ä", ""]))),
        (
            "x",
            true,
            Arc::new(BinaryArray::from(vec![b"\x00\xff".as_slice(), b""])),
        ),
        (
            "t",
            false,
            Arc::new(TimestampNanosecondArray::from(vec![-1, 1_999]).with_timezone("UTC")),
        ),
        ("day", false, Arc::new(Date32Array::from(vec![1, -1]))),
        ("v", false, Arc::new(FixedSizeListArray::new(item, 2, pair, None))),
        (
            "o",
            true,
            Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>([
                Some(vec![Some(7), None]),
                None,
            ])),
        ),
        ("w", false, Arc::new(words)),
        ("m", false, Arc::new(decimals)),
    ])
}

#[test]
fn generated_schemas_are_read_back_by_an_independent_reader() {
    use apache_avro::types::Value;
    let batch = results();
    let text = schema_of_results(&batch.rows.schema(), "score", Some("a.b")).expect("a schema");
    let outgoing = encode(&batch, &text).expect("payloads");
    let theirs = apache_avro::Schema::parse_str(&text).expect("their schema");
    let reader = apache_avro::reader::datum::GenericDatumReader::builder(&theirs)
        .build()
        .expect("a reader");
    let read = |row: usize| {
        let mut bytes = outgoing.payload(row).expect("a payload");
        let Value::Record(fields) = reader.read_value(&mut bytes).expect("a value") else {
            panic!("no record");
        };
        assert!(bytes.is_empty());
        fields.into_iter().map(|(_, value)| value).collect::<Vec<_>>()
    };
    let some = |branch, value| Value::Union(branch, Box::new(value));
    let decimal = |bytes: &[u8]| Value::Decimal(apache_avro::Decimal::from(bytes));
    assert_eq!(
        read(0),
        [
            Value::Boolean(true),
            some(1, Value::Int(-1)),
            Value::Long(i64::MIN),
            Value::Long(0),
            Value::Float(0.1),
            some(0, Value::Null),
            Value::String("ä".into()),
            some(1, Value::Bytes(vec![0, 255])),
            Value::TimestampMicros(-1),
            Value::Date(1),
            Value::Array(vec![Value::Float(1.0), Value::Float(2.0)]),
            some(
                1,
                Value::Array(vec![some(1, Value::Int(7)), some(0, Value::Null)])
            ),
            Value::String("x".into()),
            decimal(&[0xff, 0x7f]),
        ]
    );
    let second = read(1);
    assert_eq!(second[1], some(0, Value::Null));
    assert_eq!(second[3], Value::Long(1 << 40));
    assert_eq!(second[8], Value::TimestampMicros(1));
    assert_eq!(second[13], decimal(&[0, 0xff]));
    // A part of a batch begins at its own first value.
    let half = encode(&batch.slice(1, 1), &text).expect("payloads");
    assert_eq!(half.payload(0), outgoing.payload(1));
}

#[test]
fn a_given_schema_is_met_by_name_promotion_and_default() {
    let text = record(
        r#"{"name":"note","type":["null","string"],"default":null},
        {"name":"score","type":["double","null"]},
        {"name":"kind","type":{"type":"enum","name":"k","symbols":["A","B"]}},
        {"name":"list","type":{"type":"array","items":"int"},"default":[1,2]},
        {"name":"n","type":["null","int","long"]},
        {"name":"id","type":{"type":"fixed","name":"f","size":2}}"#,
    );
    let columns = |id: &'static [u8], kind| {
        batch(vec![
            ("id", false, Arc::new(BinaryArray::from(vec![id])) as ArrayRef),
            ("n", false, Arc::new(Int64Array::from(vec![3]))),
            ("kind", false, Arc::new(StringArray::from(vec![kind]))),
            ("score", true, Arc::new(Float32Array::from(vec![0.5]))),
        ])
    };
    let outgoing = encode(&columns(b"ab", "B"), &text).expect("payloads");
    use Put::{Double, Long, Raw};
    let expected = [
        Long(0),
        Long(0),
        Double(0.5),
        Long(1),
        Long(2),
        Long(1),
        Long(2),
        Long(0),
        Long(2),
        Long(3),
        Raw(b"ab"),
    ];
    assert_eq!(outgoing.payload(0), Some(&body(&expected)[..]));
    for (rows, reason) in [
        (columns(b"abc", "B"), "fixed"),
        (columns(b"ab", "C"), "no symbol"),
    ] {
        let error = encode(&rows, &text).expect_err(reason);
        assert_eq!(error.kind(), Kind::Reject);
        assert!(
            error.to_string().contains(reason) && error.to_string().contains("column="),
            "{error}"
        );
    }
}

#[test]
fn what_does_not_fit_a_given_schema_is_said_before_a_row_is_there() {
    let one = |name, array: ArrayRef| batch(vec![(name, true, array)]);
    let number = || Arc::new(Int64Array::from(vec![Some(1)])) as ArrayRef;
    let cases = [
        (
            one("n", number()),
            r#"{"name":"n","type":"string"}"#,
            "column `n`: Int64 is not written as string",
        ),
        (
            one("n", number()),
            r#"{"name":"m","type":"int","default":1}"#,
            "column `n`: the schema has no field",
        ),
        (
            one("n", number()),
            r#"{"name":"n","type":"long"},{"name":"m","type":"int"}"#,
            "column `m`: the schema has this field without a default",
        ),
        (
            one("n", number()),
            r#"{"name":"n","type":"long"},{"name":"m","type":"int","default":"x"}"#,
            "column `m`: its default is no int",
        ),
        (
            one("n", number()),
            r#"{"name":"n","type":"long"},{"name":"m","type":"r","default":{}}"#,
            "column `m`: its default is ",
        ),
    ];
    for (rows, fields, reason) in cases {
        let error = encode(&rows, &record(fields)).expect_err(reason);
        assert_eq!(error.kind(), Kind::Config);
        assert!(error.to_string().contains(reason), "{error}");
    }
    let null = one("n", Arc::new(Int64Array::from(vec![None])));
    let error = encode(&null, &record(r#"{"name":"n","type":"long"}"#)).expect_err("a null");
    assert!(
        error.kind() == Kind::Reject && error.to_string().contains("null"),
        "{error}"
    );
    let wide = one("n", Arc::new(Int64Array::from(vec![1 << 40])));
    let error = encode(&wide, &record(r#"{"name":"n","type":"int"}"#)).expect_err("too wide");
    assert!(
        error.kind() == Kind::Reject && error.to_string().contains("out of range"),
        "{error}"
    );
    let named = Schema::new(vec![Field::new("a b", DataType::Int32, false)]);
    assert!(
        schema_of_results(&named, "r", None)
            .expect_err("a name")
            .to_string()
            .contains("a b")
    );
}

#[test]
fn a_frame_is_in_front_and_the_key_s_column_needs_no_field() {
    let rows = batch(vec![
        ("id", false, Arc::new(Int64Array::from(vec![42])) as ArrayRef),
        ("n", false, Arc::new(Int32Array::from(vec![1]))),
    ]);
    let writer = AvroSchema::parse(&record(r#"{"name":"n","type":"int"}"#), &[]).expect("a schema");
    assert_eq!(writer.name(), Some("r"));
    let encoder = AvroEncoder::registered(options(Some("id")), &rows.rows.schema(), &writer, &Confluent, 258);
    let outgoing = encoder.expect("an encoder").encode(&rows).expect("payloads");
    assert_eq!(outgoing.payload(0), Some(&[0, 0, 0, 1, 2, 2][..]));
    assert_eq!(outgoing.key(0), Some(&b"42"[..]));
}

#[test]
fn a_key_needs_text_and_no_form_in_avro() {
    let writer = AvroSchema::parse(&record(r#"{"name":"n","type":"int"}"#), &[]).expect("a schema");
    let with = |key: ArrayRef| {
        let rows = batch(vec![
            ("k", false, key),
            ("n", false, Arc::new(Int32Array::from(vec![1])) as ArrayRef),
        ]);
        let encoder = AvroEncoder::plain(options(Some("k")), &rows.rows.schema(), &writer);
        encoder.and_then(|mut encoder| encoder.encode(&rows))
    };
    let day = with(Arc::new(Date64Array::from(vec![86_400_000])));
    assert_eq!(day.expect("payloads").key(0), Some(&b"\"1970-01-02\""[..]));
    let error = with(Arc::new(DurationSecondArray::from(vec![1]))).expect_err("no text");
    assert_eq!(error.kind(), Kind::Config, "{error}");
    assert!(error.to_string().contains("its type has no text"), "{error}");
}

#[test]
fn a_double_beyond_a_float_is_a_reject_and_infinity_stays() {
    use Put::{Double, Long};
    let schema = record(r#"{"name":"f","type":"double"}"#);
    let wanted = column("f", ColumnKind::Float32);
    for (written, expected) in [
        (0.5, Ok("0.5")),
        (f64::INFINITY, Ok("inf")),
        (1e39, Err("out of range")),
    ] {
        let found = value(&schema, &wanted, &body(&[Double(written)]));
        match expected {
            Ok(text) => assert_eq!(found.as_deref(), Ok(text), "{written}"),
            Err(why) => assert!(
                found.as_ref().is_err_and(|e| e.contains(why)),
                "{written}: {found:?}"
            ),
        }
    }
    let schema = record(r#"{"name":"f","type":{"type":"array","items":"double"}}"#);
    let list = column("f", ColumnKind::Float32List(1));
    let found = value(&schema, &list, &body(&[Long(1), Double(1e39), Long(0)]));
    assert!(found.is_err_and(|e| e.contains("out of range")));
}

#[test]
fn floats_in_a_row_go_to_their_columns_and_a_body_that_ends_among_them_names_one() {
    use Put::{Float, Long};
    let fields = ["a", "b", "c", "d"].map(|name| format!(r#"{{"name":"{name}","type":"float"}}"#));
    let schema = record(&format!(r#"{},{{"name":"n","type":"int"}}"#, fields.join(",")));
    let columns = ["d", "n", "b", "a", "c"].map(|name| match name {
        "n" => column(name, ColumnKind::Int32),
        _ => column(name, ColumnKind::Float32),
    });
    let whole = body(&[Float(1.0), Float(2.0), Float(3.0), Float(4.0), Long(5)]);
    let mut decoder = AvroDecoder::plain(&columns, Part::Value, &schema).expect("a decoder");
    let decoded = decoder.decode(&records(&[&whole, &whole[..10], &whole]));
    let decoded = decoded.expect("a batch");
    assert_eq!(decoded.batch.origin, [0, 2]);
    for row in 0..2 {
        let found: Vec<String> = (0..5)
            .map(|nth| text(decoded.batch.rows.column(nth), row))
            .collect();
        assert_eq!(found, ["4", "5", "2", "1", "3"]);
    }
    let reason = &decoded.rejects[0].reason;
    assert!(reason.starts_with("column `c`: the body breaks off"), "{reason}");
}
