//! The rules which value fits which column, and what is written: case by case.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Date32Array, Decimal128Array, DictionaryArray,
    FixedSizeListArray, Float32Array, Float64Array, Int8Array, Int64Array, ListArray, StringArray,
    StringViewArray, StructArray, TimestampMillisecondArray, TimestampNanosecondArray, UInt64Array,
};
use arrow::datatypes::{
    DataType, Field, Float32Type, Float64Type, Int32Type, Int64Type, Schema, TimeUnit,
    TimestampNanosecondType,
};

use super::{JsonDecoder, JsonEncoder};
use crate::batch::Batch;
use crate::codec::EncoderOptions;
use crate::codec::{Column, ColumnKind, Decode, Decoded, DefaultValue, Encode};
use crate::error::Kind;
use crate::metrics::LaneMetrics;
use crate::records::{Record, Records};
use crate::sink::Outgoing;

fn column(path: &str, kind: ColumnKind) -> Column {
    Column {
        name: path.into(),
        path: path.split('.').map(str::to_owned).collect(),
        kind,
        nullable: false,
        default: None,
    }
}

fn nullable(column: Column) -> Column {
    Column {
        nullable: true,
        ..column
    }
}

fn with_default(column: Column, default: DefaultValue) -> Column {
    Column {
        default: Some(default),
        ..column
    }
}

fn records(payloads: &[Option<&[u8]>]) -> Arc<Records> {
    let mut records = Records::default();
    let partition = records.intern(&"in".into(), 3);
    for (offset, payload) in payloads.iter().enumerate() {
        let record = Record {
            offset: offset as i64,
            payload: *payload,
            key: Some(b"own key"),
            ..Record::default()
        };
        records.push(partition, record);
    }
    Arc::new(records)
}

fn decode(columns: &[Column], payloads: &[&str]) -> Decoded {
    let payloads: Vec<_> = payloads.iter().map(|p| Some(p.as_bytes())).collect();
    JsonDecoder::new(columns)
        .decode(&records(&payloads))
        .expect("a batch")
}

/// Why the only record is a reject.
fn reason(columns: &[Column], payload: &[u8]) -> String {
    let good: Vec<u8> = br#"{"n":1,"o":{"d":2}}"#.to_vec();
    let payloads = [Some(good.as_slice()), Some(payload), Some(good.as_slice())];
    let decoded = JsonDecoder::new(columns)
        .decode(&records(&payloads))
        .expect("a batch");
    assert_eq!(decoded.batch.origin, [0, 2], "the neighbours of {payload:?}");
    let values = decoded
        .batch
        .rows
        .column(0)
        .as_primitive::<Int64Type>()
        .values()
        .to_vec();
    assert_eq!(values, [1, 1], "the neighbours of {payload:?}");
    assert_eq!(decoded.rejects.len(), 1);
    decoded.rejects[0].reason.clone()
}

#[test]
fn every_bad_record_is_one_reject_that_names_column_and_place_and_no_value() {
    let columns = [
        column("n", ColumnKind::Int64),
        nullable(column("o.d", ColumnKind::Int32)),
        nullable(column("f", ColumnKind::Float32)),
        nullable(column("s", ColumnKind::String)),
        nullable(column("t", ColumnKind::Timestamp(TimeUnit::Millisecond))),
        nullable(column("x", ColumnKind::Bytes)),
        nullable(column("l", ColumnKind::Float32List(2))),
        nullable(column("b", ColumnKind::Bool)),
    ];
    let deep = format!(r#"{{"n":1,"z":{}{}}}"#, "[".repeat(128), "]".repeat(128));
    let cases: &[(&[u8], &str)] = &[
        (b"", "empty payload"),
        (b"  ", "empty payload"),
        (b"{\"n\":4711,\"s", "truncated json"),
        (b"[1]", "expected a json object, found an array"),
        (b"{\"n\":1} {}", "trailing bytes"),
        (
            b"{\"n\":\"4711\"}",
            "column `n`: expected an int64, found a string at byte 5",
        ),
        (b"{\"n\":1.5}", "column `n`"),
        (b"{\"n\":9223372036854775808}", "column `n`: number out of range"),
        (b"{\"n\":true}", "column `n`: expected an int64, found a bool"),
        (b"{\"o\":{}}", "column `n`"),
        (b"{\"n\":null}", "column `n`"),
        (
            b"{\"n\":1,\"o\":{\"d\":2147483648}}",
            "column `o.d`: number out of range",
        ),
        (
            b"{\"n\":1,\"o\":[]}",
            "column `o.d`: expected an object, found an array",
        ),
        (b"{\"n\":1,\"f\":1e39}", "column `f`: number out of range"),
        (
            b"{\"n\":1,\"s\":4711}",
            "column `s`: expected a string, found a number",
        ),
        (b"{\"n\":1,\"s\":\"\xff\"}", "invalid utf-8 at byte"),
        (b"{\"n\":1,\"s\":\"\\ud800\"}", "column `s`: lone surrogate"),
        (b"{\"n\":1,\"t\":\"yesterday\"}", "column `t`"),
        (b"{\"n\":1,\"x\":\"4711!\"}", "column `x`"),
        (b"{\"n\":1,\"l\":[1]}", "column `l`"),
        (b"{\"n\":1,\"l\":[1,2,3]}", "column `l`"),
        (b"{\"n\":1,\"l\":[1,null]}", "column `l`"),
        (b"{\"n\":1,\"b\":1}", "column `b`: expected"),
        (
            b"{\"n\":1,\"n\":2}",
            "column `n`: a used key given twice at byte 8",
        ),
        (b"{\"n\":1,\"o\":{},\"o\":{}}", "a used key given twice"),
        (b"{,\"n\":1}", "expected a key"),
        (b"{\"n\":1,}", "expected a key"),
        (b"{\"n\":1 \"o\":{}}", "expected a comma"),
        (b"{\"n\":1}}", "trailing bytes"),
        (b"{\"n\":01}", "leading zero"),
        (b"{\"n\":1,\"z\":tru}", "expected a json value"),
        (deep.as_bytes(), "nested deeper than 128"),
    ];
    for (payload, words) in cases {
        let reason = reason(&columns, payload);
        let shown = String::from_utf8_lossy(payload);
        assert!(reason.contains(words), "{shown}: {reason}");
        assert!(!reason.contains("4711"), "{shown}: {reason}");
    }
    let none = JsonDecoder::new(&columns)
        .decode(&records(&[None]))
        .expect("a batch");
    assert!(none.rejects[0].reason.contains("tombstone"));
}

#[test]
fn a_text_seen_between_two_members_is_not_taken_for_the_first() {
    let columns = [column("a", ColumnKind::Int64), column("b", ColumnKind::Int64)];
    let decoded = decode(
        &columns,
        &[
            r#"{"a":1,"b":2}"#,
            r#"{,"b":2,"a":1}"#,
            r#"{"b":2,"a":1}"#,
            r#"{"z":0,"a":1,"b":2}"#,
            r#"{"a":1,"y":{"a":7},"b":2}"#,
            r#"{"a":1,"b":2,"b":3}"#,
            "{ \"a\" : 1 , \"b\" : 2 }",
            r#"{"a":1"b":2}"#,
            r#"{"\u0061":1,"b":2}"#,
        ],
    );
    assert_eq!(decoded.batch.origin, [0, 2, 3, 4, 6, 8]);
    for (nth, value) in [1, 2].into_iter().enumerate() {
        let values = decoded.batch.rows.column(nth).as_primitive::<Int64Type>();
        assert!(values.values().iter().all(|v| *v == value));
    }
}

#[test]
fn defaults_fill_what_is_absent_and_null_stays_null() {
    let columns = [
        with_default(column("b", ColumnKind::Bool), DefaultValue::Bool(true)),
        with_default(column("i", ColumnKind::Int32), DefaultValue::Int(-7)),
        with_default(column("f", ColumnKind::Float64), DefaultValue::Float(0.5)),
        with_default(
            nullable(column("s", ColumnKind::String)),
            DefaultValue::String("none".into()),
        ),
        with_default(
            column("l", ColumnKind::Float32List(2)),
            DefaultValue::List(vec![1.0, 2.0]),
        ),
        with_default(column("o.n", ColumnKind::Int64), DefaultValue::Int(9)),
        with_default(
            column("t", ColumnKind::Timestamp(TimeUnit::Second)),
            DefaultValue::Timestamp(1_000_000_007),
        ),
    ];
    let decoded = decode(
        &columns,
        &[
            "{}",
            r#"{"o":null,"s":null}"#,
            r#"{"o":{},"i":3}"#,
            r#"{"i":null}"#,
        ],
    );
    assert_eq!(decoded.batch.origin, [0, 1, 2]);
    assert!(decoded.rejects[0].reason.contains("column `i`"));
    let rows = &decoded.batch.rows;
    assert_eq!(rows.column(1).as_primitive::<Int32Type>().values(), &[-7, -7, 3]);
    assert_eq!(rows.column(2).as_primitive::<Float64Type>().values(), &[0.5; 3]);
    let texts: Vec<_> = rows.column(3).as_string::<i32>().iter().collect();
    assert_eq!(texts, [Some("none"), None, Some("none")]);
    let items = rows.column(4).as_fixed_size_list().value(2);
    assert_eq!(items.as_primitive::<Float32Type>().values(), &[1.0, 2.0]);
    assert_eq!(rows.column(5).as_primitive::<Int64Type>().values(), &[9; 3]);
    let times = rows.column(6).as_primitive::<TimestampNanosecondType>();
    assert_eq!(times.values(), &[1_000_000_007; 3]);
    assert!(rows.column(0).as_boolean().iter().all(|b| b == Some(true)));
}

#[test]
fn numbers_fit_where_nothing_is_lost() {
    let columns = [
        nullable(column("i", ColumnKind::Int64)),
        nullable(column("f", ColumnKind::Float32)),
        nullable(column("d", ColumnKind::Float64)),
    ];
    let decoded = decode(
        &columns,
        &[
            r#"{"i":5.0,"f":3,"d":-0.0}"#,
            r#"{"i":-9223372036854775808,"f":16777217,"d":5e-324}"#,
            r#"{"i":1e3,"f":1e-50,"d":123456789012345678901234567890}"#,
        ],
    );
    let rows = &decoded.batch.rows;
    assert_eq!(
        rows.column(0).as_primitive::<Int64Type>().values(),
        &[5, i64::MIN, 1000]
    );
    assert_eq!(
        rows.column(1).as_primitive::<Float32Type>().values(),
        &[3.0, 16_777_216.0, 0.0]
    );
    let doubles = rows.column(2).as_primitive::<Float64Type>().values().to_vec();
    assert!(doubles[0].is_sign_negative() && doubles[1] == 5e-324 && doubles[2] == 1.2345678901234568e29);
}

#[test]
fn timestamps_bytes_and_lists_are_read_in_every_form() {
    let columns = [
        nullable(column("s", ColumnKind::Timestamp(TimeUnit::Second))),
        nullable(column("ms", ColumnKind::Timestamp(TimeUnit::Millisecond))),
        nullable(column("us", ColumnKind::Timestamp(TimeUnit::Microsecond))),
        nullable(column("ns", ColumnKind::Timestamp(TimeUnit::Nanosecond))),
        nullable(column("x", ColumnKind::Bytes)),
        nullable(column("l", ColumnKind::Float64List(3))),
    ];
    let decoded = decode(
        &columns,
        &[
            r#"{"s":1700000000,"ms":1700000000123,"us":1700000000123456,"ns":1700000000123456789}"#,
            r#"{"ms":"2023-11-14T22:13:20.123Z","ns":"2023-11-15T00:13:20.123456789+02:00"}"#,
            r#"{"x":"aGVsbG8=","l":[1, 2.5 ,-3e2]}"#,
        ],
    );
    let rows = &decoded.batch.rows;
    let time = |column: usize, row: usize| {
        rows.column(column)
            .as_primitive::<TimestampNanosecondType>()
            .value(row)
    };
    assert_eq!(time(0, 0), 1_700_000_000_000_000_000);
    assert_eq!(time(1, 0), 1_700_000_000_123_000_000);
    assert_eq!(time(2, 0), 1_700_000_000_123_456_000);
    assert_eq!(time(3, 0), 1_700_000_000_123_456_789);
    assert_eq!((time(1, 1), time(3, 1)), (time(1, 0), time(3, 0)));
    assert_eq!(rows.column(4).as_binary::<i32>().value(2), b"hello");
    let list = rows.column(5).as_fixed_size_list();
    assert!(list.is_null(0) && list.is_null(1));
    assert_eq!(
        list.value(2).as_primitive::<Float64Type>().values(),
        &[1.0, 2.5, -300.0]
    );
}

#[test]
fn columns_share_paths_and_reach_into_nested_objects() {
    let whole = Column {
        name: "again".into(),
        ..column("merchant.id", ColumnKind::String)
    };
    let columns = [
        column("merchant.id", ColumnKind::String),
        whole,
        nullable(column("merchant.place.city", ColumnKind::String)),
    ];
    let decoded = decode(
        &columns,
        &[
            r#"{"merchant":{"place":{"street":1,"city":"Rome"},"id":"m1"}}"#,
            r#"{"merchant":{"id":"m2","place":null}}"#,
        ],
    );
    let texts = |nth: usize| {
        decoded
            .batch
            .rows
            .column(nth)
            .as_string::<i32>()
            .iter()
            .collect::<Vec<_>>()
    };
    assert_eq!(texts(0), [Some("m1"), Some("m2")]);
    assert_eq!(texts(1), texts(0));
    assert_eq!(texts(2), [Some("Rome"), None]);
}

#[test]
fn a_megabyte_and_escapes_arrive_whole() {
    let long = "ä\\n".repeat(300_000);
    let decoded = decode(
        &[column("s", ColumnKind::String)],
        &[&format!("{{\"s\":\"{long}\"}}")],
    );
    assert_eq!(
        decoded.batch.rows.column(0).as_string::<i32>().value(0),
        "ä\n".repeat(300_000)
    );
}

#[test]
fn a_decoder_starts_clean_after_a_batch_of_rejects() {
    let mut decoder = JsonDecoder::new(&[column("n", ColumnKind::Int64), column("s", ColumnKind::String)]);
    let bad = decoder
        .decode(&records(&[Some(br#"{"n":1,"s":"half"#), Some(b"{}")]))
        .expect("a batch");
    assert_eq!((bad.batch.len(), bad.rejects.len()), (0, 2));
    let good = decoder
        .decode(&records(&[Some(br#"{"n":2,"s":"x"}"#)]))
        .expect("a batch");
    assert_eq!(
        good.batch.rows.column(0).as_primitive::<Int64Type>().values(),
        &[2]
    );
    assert_eq!(good.batch.rows.column(1).as_string::<i32>().value(0), "x");
}

fn options() -> EncoderOptions {
    EncoderOptions {
        topic: "out".into(),
        key: None,
        include_original: false,
        headers: Arc::from([("h".to_string(), b"v".to_vec())]),
        not_finite: Arc::default(),
    }
}

fn encode(options: EncoderOptions, columns: Vec<(&str, ArrayRef)>, payloads: &[&str]) -> Outgoing {
    let batch = batch(columns, payloads);
    let mut encoder = JsonEncoder::new(options, &batch.rows.schema()).expect("an encoder");
    encoder.encode(&batch).expect("it encodes")
}

fn batch(columns: Vec<(&str, ArrayRef)>, payloads: &[&str]) -> Batch {
    let rows = columns[0].1.len() as u32;
    let field = |(name, array): &(&str, ArrayRef)| Field::new(*name, array.data_type().clone(), true);
    let schema = Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()));
    let arrays = columns.into_iter().map(|(_, array)| array).collect();
    let mut all: Vec<_> = payloads.iter().map(|p| Some(p.as_bytes())).collect();
    all.resize(rows as usize, None);
    Batch::new(schema, arrays, (0..rows).collect(), records(&all)).expect("a batch")
}

fn texts(outgoing: &Outgoing) -> Vec<String> {
    let text = |row| String::from_utf8(outgoing.payload(row).expect("a payload").to_vec()).expect("text");
    (0..outgoing.len()).map(text).collect()
}

/// What one value is written as.
fn written(array: ArrayRef) -> String {
    let text = texts(&encode(options(), vec![("v", array)], &[])).remove(0);
    text.strip_prefix("{\"v\":")
        .and_then(|t| t.strip_suffix('}'))
        .expect("one member")
        .to_owned()
}

#[test]
fn every_type_has_its_form() {
    let item = Arc::new(Field::new("item", DataType::Float32, true));
    let pair = Arc::new(Float32Array::from(vec![Some(0.1), None]));
    let object = StructArray::from(vec![(
        Arc::new(Field::new("a b", DataType::Int8, false)),
        Arc::new(Int8Array::from(vec![-1])) as ArrayRef,
    )]);
    let words: DictionaryArray<Int32Type> = vec!["x"].into_iter().collect();
    let cases: Vec<(ArrayRef, &str)> = vec![
        (Arc::new(BooleanArray::from(vec![true])), "true"),
        (Arc::new(Int64Array::from(vec![i64::MIN])), "-9223372036854775808"),
        (
            Arc::new(UInt64Array::from(vec![u64::MAX])),
            "18446744073709551615",
        ),
        (Arc::new(Float32Array::from(vec![0.1])), "0.1"),
        (
            Arc::new(Float64Array::from(vec![0.1 + 0.2])),
            "0.30000000000000004",
        ),
        (Arc::new(Float64Array::from(vec![None::<f64>])), "null"),
        (
            Arc::new(StringArray::from(vec!["\"\\\n\t\r\u{8}\u{c}\u{1}/ä日"])),
            "\"\\\"\\\\\\n\\t\\r\\b\\f\\u0001/ä日\"",
        ),
        (Arc::new(StringViewArray::from(vec!["view"])), "\"view\""),
        (
            Arc::new(BinaryArray::from(vec![b"hello".as_slice()])),
            "\"aGVsbG8=\"",
        ),
        (Arc::new(Date32Array::from(vec![19_675])), "\"2023-11-14\""),
        (
            Arc::new(TimestampMillisecondArray::from(vec![1_700_000_000_120])),
            "\"2023-11-14T22:13:20.120Z\"",
        ),
        (
            Arc::new(TimestampNanosecondArray::from(vec![-1])),
            "\"1969-12-31T23:59:59.999999999Z\"",
        ),
        (
            Arc::new(
                Decimal128Array::from(vec![-12_345])
                    .with_precision_and_scale(10, 3)
                    .expect("fits"),
            ),
            "-12.345",
        ),
        (
            Arc::new(FixedSizeListArray::new(item, 2, pair, None)),
            "[0.1,null]",
        ),
        (
            Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![
                Some(1),
                Some(2),
            ])])),
            "[1,2]",
        ),
        (Arc::new(object), "{\"a b\":-1}"),
        (Arc::new(words), "\"x\""),
    ];
    for (array, form) in cases {
        let kind = array.data_type().clone();
        assert_eq!(written(array), form, "{kind}");
    }
}

#[test]
fn what_is_not_finite_becomes_null_and_is_counted() {
    let metrics = Arc::new(LaneMetrics::default());
    let options = EncoderOptions {
        not_finite: Arc::clone(&metrics),
        ..options()
    };
    let values = Arc::new(Float64Array::from(vec![f64::NAN, f64::INFINITY, 1.0])) as ArrayRef;
    let outgoing = encode(options, vec![("v", values)], &[]);
    assert_eq!(texts(&outgoing), ["{\"v\":null}", "{\"v\":null}", "{\"v\":1.0}"]);
    assert_eq!(metrics.not_finite.get(), 2);
}

#[test]
fn a_timestamp_that_json_cannot_say_is_a_reject() {
    let batch = batch(
        vec![(
            "t",
            Arc::new(TimestampMillisecondArray::from(vec![i64::MAX])) as ArrayRef,
        )],
        &[],
    );
    let mut encoder = JsonEncoder::new(options(), &batch.rows.schema()).expect("an encoder");
    assert_eq!(
        encoder.encode(&batch).expect_err("year 292 million").kind(),
        Kind::Reject
    );
}

#[test]
fn keys_come_from_a_column_or_stay() {
    let id = Arc::new(Int64Array::from(vec![Some(42), None])) as ArrayRef;
    let name = Arc::new(StringArray::from(vec!["a\"b", ""])) as ArrayRef;
    let columns = || vec![("id", Arc::clone(&id)), ("name", Arc::clone(&name))];
    let keyed = |key: Option<&str>| {
        let options = EncoderOptions {
            key: key.map(str::to_owned),
            ..options()
        };
        let outgoing = encode(options, columns(), &["", ""]);
        [0, 1].map(|row| outgoing.key(row).map(|k| String::from_utf8_lossy(k).into_owned()))
    };
    assert_eq!(keyed(Some("id")), [Some("42".into()), None]);
    assert_eq!(keyed(Some("name")), [Some("a\"b".into()), Some(String::new())]);
    assert_eq!(keyed(None), [Some("own key".into()), Some("own key".into())]);
    let unknown = EncoderOptions {
        key: Some("nmae".into()),
        ..options()
    };
    let schema = batch(columns(), &[]).rows.schema();
    let error = JsonEncoder::new(unknown, &schema).expect_err("no such column");
    assert!(error.kind() == Kind::Config && error.to_string().contains("name"));
    let outgoing = encode(options(), columns(), &[]);
    assert_eq!(
        outgoing.headers(0).collect::<Vec<_>>(),
        [("h", Some(b"v".as_slice()))]
    );
}

#[test]
fn the_original_is_kept_byte_for_byte_and_results_replace_its_members() {
    let original = EncoderOptions {
        include_original: true,
        ..options()
    };
    let score = Arc::new(Float32Array::from(vec![0.5; 5])) as ArrayRef;
    let outgoing = encode(
        original,
        vec![("score", score)],
        &[
            r#"{ "a": 1.0e0, "b":"\u00e4" }"#,
            "{}",
            r#"{"score":9,"a":1}"#,
            r#"{"a":1,"score":{"score":2},"b":2}"#,
            r#"{"score":1}"#,
        ],
    );
    assert_eq!(
        texts(&outgoing),
        [
            r#"{ "a": 1.0e0, "b":"\u00e4","score":0.5 }"#,
            r#"{"score":0.5}"#,
            r#"{"a":1,"score":0.5}"#,
            r#"{"a":1,"b":2,"score":0.5}"#,
            r#"{"score":0.5}"#,
        ]
    );
    for text in texts(&outgoing) {
        serde_json::from_str::<serde_json::Value>(&text).expect("it is json");
    }
}

#[test]
fn a_null_where_none_may_be_says_how_it_is_filled() {
    let plain = || column("n", ColumnKind::Int64);
    let filled = with_default(plain(), DefaultValue::Int(7));
    for (column, advice) in [
        (plain(), "; make the column `nullable`"),
        (
            filled,
            "; make the column `nullable` and fill it with coalesce(n, 7) in a sql step",
        ),
    ] {
        let reason = reason(&[column], br#"{"n":null}"#);
        assert!(
            reason.starts_with("column `n`: null in a column") && reason.ends_with(advice),
            "{reason}"
        );
    }
}
