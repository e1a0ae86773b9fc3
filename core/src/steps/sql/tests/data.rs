use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int64Array, StringArray};
use arrow::datatypes::{DataType, Field, Float64Type, Int64Type, Schema, TimestampNanosecondType};
use serde_json::{Value, json};

use super::{apply, apply_to, batch, lines, plan, values};
use crate::batch::Batch;
use crate::error::Kind;
use crate::records::{Record, Records};

#[test]
fn expressions_give_what_sql_says() {
    let cases: Vec<(&str, Value)> = vec![
        ("amount + 1", json!([2.0, 3.0, 5.0, 1.0])),
        ("ln(1 + amount) > 0.7", json!([false, true, true, false])),
        ("SQRT(amount * 4)", json!([2.0, 2.8284271247461903, 4.0, 0.0])),
        ("power(amount, 2)", json!([1.0, 4.0, 16.0, 0.0])),
        ("abs(-cardAge)", json!([10, 20, 30, 40])),
        ("round(rate / 3, 2)", json!([0.17, null, 0.67, 2.67])),
        ("amount::int", json!([1, 2, 4, 0])),
        ("CAST(cardAge AS VARCHAR)", json!(["10", "20", "30", "40"])),
        ("TRY_CAST(text AS INT)", json!([1, 22, 333, null])),
        (
            "CASE WHEN currency = 'EUR' THEN 1 WHEN currency IS NULL THEN 2 ELSE 3 END",
            json!([1, 3, 2, 1]),
        ),
        (
            "CASE WHEN amount <> 0 THEN 8 / amount ELSE -1 END",
            json!([8.0, 4.0, 2.0, -1.0]),
        ),
        ("coalesce(currency, 'none')", json!(["EUR", "USD", "none", "EUR"])),
        ("nullif(currency, 'USD')", json!(["EUR", null, null, "EUR"])),
        ("p[2]", json!([1.0, 4.0, 7.0, 10.0])),
        ("p[4]", json!([null, null, null, null])),
        ("p[cardAge / 10]", json!([0.0, 4.0, 8.0, null])),
        ("p[0]", json!([null, null, null, null])),
        ("p[count]", json!([0.0, null, null, 11.0])),
        ("[10, 20, 30][count]", json!([10, null, null, 30])),
        ("named_struct('a', cardAge)['a']", json!([10, 20, 30, 40])),
        ("p[-1]", json!([2.0, 5.0, 8.0, 11.0])),
        ("place['city']", json!(["Rome", "Oslo", "Bern", "Riga"])),
        ("place.city", json!(["Rome", "Oslo", "Bern", "Riga"])),
        ("currency IN ('EUR', 'CHF')", json!([true, false, null, true])),
        ("currency NOT IN ('EUR')", json!([false, true, null, false])),
        ("id LIKE 'a%'", json!([true, false, false, false])),
        ("cardAge BETWEEN 20 AND 30", json!([false, true, true, false])),
        ("currency IS NULL", json!([false, false, true, false])),
        ("id || '-' || text", json!(["a-1", "b-22", "c-333", "d-secret"])),
        ("id || currency", json!(["aEUR", "bUSD", null, "dEUR"])),
        ("concat(id, currency)", json!(["aEUR", "bUSD", "c", "dEUR"])),
        ("upper(id)", json!(["A", "B", "C", "D"])),
        ("length(text)", json!([1, 2, 3, 6])),
        ("substr(text, 2)", json!(["", "2", "33", "ecret"])),
        ("substring(text FROM 1 FOR 1)", json!(["1", "2", "3", "s"])),
        ("regexp_like(text, '^[0-9]+$')", json!([true, true, true, false])),
        (
            "encode(CAST(id AS BYTEA), 'hex')",
            json!(["61", "62", "63", "64"]),
        ),
        ("greatest(amount, 1.5)", json!([1.5, 2.0, 4.0, 1.5])),
        ("NOT flag", json!([false, true, false, true])),
        ("cardAge % 20", json!([10, 0, 10, 0])),
        ("-amount < 0", json!([true, true, true, false])),
        ("\"cardAge\"", json!([10, 20, 30, 40])),
        ("input.cardAge", json!([10, 20, 30, 40])),
        (
            "now() > TIMESTAMP '2020-01-01T00:00:00Z'",
            json!([true, true, true, true]),
        ),
        ("EXTRACT(YEAR FROM _timestamp)", json!([2023, null, 2023, 2023])),
        (
            "date_part('year', TIMESTAMP '2021-05-06')",
            json!([2021, 2021, 2021, 2021]),
        ),
    ];
    for (expr, expected) in cases {
        let Value::Array(expected) = expected else {
            panic!("an array")
        };
        assert_eq!(values(expr), expected, "{expr}");
    }
}

#[test]
fn metadata_columns_read_the_records_of_their_rows() {
    let cases: Vec<(&str, Value)> = vec![
        ("CAST(_key AS VARCHAR)", json!(["k1", "k3", null, "k7"])),
        ("CAST(_value AS VARCHAR)", json!(["v1", "v3", "v5", null])),
        (
            "CAST(_headers['trace'] AS VARCHAR)",
            json!([null, "t3", "t5", "t7"]),
        ),
        ("_headers['empty']", json!([null, null, null, null])),
        ("_topic", json!(["payments", "payments", "payments", "payments"])),
        ("_partition", json!([11, 11, 11, 11])),
        ("_offset", json!([101, 103, 105, 107])),
    ];
    for (expr, expected) in cases {
        let Value::Array(expected) = expected else {
            panic!("an array")
        };
        assert_eq!(values(expr), expected, "{expr}");
    }
    let batch = apply("SELECT _timestamp FROM input").unwrap();
    let timestamps = batch.rows.column(0).as_primitive::<TimestampNanosecondType>();
    assert_eq!(timestamps.value(0), 1_700_000_000_001_000_000);
    assert!(timestamps.is_null(1));
    let types: Vec<(String, DataType, bool)> =
        plan("SELECT _key, _value, _topic, _partition, _offset FROM input")
            .unwrap()
            .output
            .fields()
            .iter()
            .map(|field| {
                (
                    field.name().clone(),
                    field.data_type().clone(),
                    field.is_nullable(),
                )
            })
            .collect();
    let expected = [
        ("_key", DataType::Binary, true),
        ("_value", DataType::Binary, true),
        ("_topic", DataType::Utf8, false),
        ("_partition", DataType::Int32, false),
        ("_offset", DataType::Int64, false),
    ];
    assert_eq!(
        types,
        expected.map(|(name, data_type, nullable)| (name.to_owned(), data_type, nullable))
    );
}

#[test]
fn a_filter_keeps_origins_and_metadata_in_step() {
    let batch = apply("SELECT id, _offset FROM input WHERE currency = 'EUR'").unwrap();
    assert_eq!(batch.origin, [1, 7]);
    assert_eq!(
        lines(&batch.rows),
        "{\"id\":\"a\",\"_offset\":101}\n{\"id\":\"d\",\"_offset\":107}\n"
    );

    let second = apply_to("SELECT id, _offset AS o FROM input WHERE _offset > 101", &batch)
        .unwrap()
        .batch;
    assert_eq!(second.origin, [7]);
    let third = apply_to(
        "SELECT *, _partition FROM input WHERE CAST(_key AS VARCHAR) = 'k7'",
        &second,
    )
    .unwrap();
    assert_eq!(
        lines(&third.batch.rows),
        "{\"id\":\"d\",\"o\":107,\"_partition\":11}\n"
    );
    assert_eq!(third.batch.origin, [7]);
    assert!(third.rejects.is_empty());
}

#[test]
fn lists_are_indexed_in_slices_and_behind_filters() {
    let slice = batch().slice(2, 2);
    let output = apply_to("SELECT p[1] AS x FROM input", &slice).unwrap().batch;
    assert_eq!(lines(&output.rows), "{\"x\":6.0}\n{\"x\":9.0}\n");
    let output = apply("SELECT p[3] AS x FROM input WHERE NOT flag").unwrap();
    assert_eq!(lines(&output.rows), "{\"x\":5.0}\n{\"x\":11.0}\n");
}

#[test]
fn a_constant_filter_keeps_all_or_none() {
    assert_eq!(apply("SELECT id FROM input WHERE true").unwrap().len(), 4);
    assert_eq!(apply("SELECT id FROM input WHERE 1 = 2").unwrap().len(), 0);
    assert_eq!(
        apply("SELECT id FROM input WHERE currency = NULL").unwrap().len(),
        0
    );
}

#[test]
fn a_filter_may_drop_every_row_and_a_step_may_see_none() {
    let batch = apply("SELECT id, amount * 2 AS double FROM input WHERE amount > 100").unwrap();
    assert_eq!((batch.len(), batch.rows.num_rows()), (0, 0));
    let again = apply_to("SELECT double, _key FROM input WHERE double > 1", &batch).unwrap();
    assert!(again.batch.is_empty());
}

#[test]
fn what_is_not_filtered_is_not_copied() {
    let input = batch();
    for sql in ["SELECT * FROM input", "SELECT * FROM input WHERE amount >= 0"] {
        let output = apply_to(sql, &input).unwrap().batch;
        for (before, after) in input.rows.columns().iter().zip(output.rows.columns()) {
            assert!(Arc::ptr_eq(before, after), "{sql}");
        }
    }
}

#[test]
fn rows_without_columns_can_be_filtered_and_projected() {
    let records = Arc::new(super::records(4));
    let empty = Batch::new(Arc::new(Schema::empty()), Vec::new(), vec![0, 1, 2, 3], records).unwrap();
    let kept = apply_to("SELECT * FROM input WHERE _offset > 101", &empty)
        .unwrap()
        .batch;
    assert_eq!((kept.rows.num_columns(), kept.len()), (0, 2));
    let named = apply_to("SELECT *, _offset, 1 AS one FROM input", &kept)
        .unwrap()
        .batch;
    assert_eq!(
        lines(&named.rows),
        "{\"_offset\":102,\"one\":1}\n{\"_offset\":103,\"one\":1}\n"
    );
}

#[test]
fn what_fails_on_data_is_a_reject_that_names_the_column_and_never_the_value() {
    let cases = [
        (
            "SELECT CAST(text AS INT) AS n FROM input",
            "column \"n\": cast to Int32 failed",
        ),
        (
            "SELECT text::double AS n FROM input",
            "column \"n\": cast to Float64 failed",
        ),
        (
            "SELECT CAST(text AS TIMESTAMP) AS n FROM input",
            "column \"n\": cast to Timestamp",
        ),
        (
            "SELECT CAST(CAST(text AS BIGINT) AS SMALLINT) AS n FROM input",
            "column \"n\": cast to",
        ),
        (
            "SELECT id FROM input WHERE CAST(text AS INT) > 0",
            "the filter: cast to Int32 failed",
        ),
        (
            "SELECT 1 / count AS n FROM input",
            "column \"n\": division by zero",
        ),
        (
            "SELECT cardAge % count AS n FROM input",
            "column \"n\": division by zero",
        ),
        (
            "SELECT CAST(blob AS VARCHAR) AS n FROM input",
            "column \"n\": cast to Utf8 failed",
        ),
        (
            "SELECT cardAge * 9223372036854775807 AS n FROM input",
            "column \"n\": the result is out of its type's range",
        ),
        ("SELECT to_timestamp(text) AS n FROM input", "column \"n\": "),
        ("SELECT decode(text, 'hex') AS n FROM input", "column \"n\": "),
    ];
    for (sql, expected) in cases {
        let error = apply(sql).map(|batch| lines(&batch.rows)).expect_err(sql);
        assert_eq!(error.kind(), Kind::Reject, "{sql}");
        let text = error.to_string();
        assert!(text.starts_with(expected), "{sql}: {text}");
        for value in ["secret", "333", "9223372036854775807", "\u{fffd}"] {
            assert!(!text.contains(value), "{sql}: {text}");
        }
    }
}

#[test]
fn a_row_that_is_filtered_out_cannot_fail_in_the_projection() {
    let batch = apply("SELECT CAST(text AS INT) AS n FROM input WHERE id <> 'd'").unwrap();
    assert_eq!(lines(&batch.rows), "{\"n\":1}\n{\"n\":22}\n{\"n\":333}\n");
}

#[test]
fn a_big_batch_equals_a_naive_loop() {
    const ROWS: u32 = 10_000;
    let mut records = Records::default();
    let partition = records.intern(&"t".into(), 0);
    for row in 0..ROWS {
        records.push(
            partition,
            Record {
                offset: i64::from(row),
                ..Record::default()
            },
        );
    }
    let mut state = 12345_u64;
    let mut random = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        state >> 33
    };
    let a: Vec<Option<f64>> = (0..ROWS)
        .map(|_| Some(random() % 1000).filter(|n| n % 7 != 0).map(|n| n as f64))
        .collect();
    let b: Vec<i64> = (0..ROWS).map(|_| (random() % 50) as i64).collect();
    let s: Vec<String> = (0..ROWS).map(|_| format!("s{}", random() % 5)).collect();
    let schema = Schema::new(vec![
        Field::new("a", DataType::Float64, true),
        Field::new("b", DataType::Int64, false),
        Field::new("s", DataType::Utf8, false),
    ]);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Float64Array::from(a.clone())),
        Arc::new(Int64Array::from(b.clone())),
        Arc::new(StringArray::from(s.clone())),
    ];
    let input = Batch::new(Arc::new(schema), columns, (0..ROWS).collect(), Arc::new(records)).unwrap();

    let sql =
        "SELECT a * 2 + b AS x, upper(s) AS u, _offset FROM input WHERE a > 300 AND (b < 25 OR s = 's3')";
    let output = apply_to(sql, &input).unwrap().batch;

    let kept = |row: &usize| a[*row].is_some_and(|a| a > 300.0) && (b[*row] < 25 || s[*row] == "s3");
    let rows: Vec<usize> = (0..ROWS as usize).filter(kept).collect();
    assert!(rows.len() > 1000 && rows.len() < 9000);
    assert_eq!(
        output.origin,
        rows.iter().map(|row| *row as u32).collect::<Vec<_>>()
    );
    let (x, u) = (
        output.rows.column(0).as_primitive::<Float64Type>(),
        output.rows.column(1).as_string::<i32>(),
    );
    let offsets = output.rows.column(2).as_primitive::<Int64Type>();
    for (at, row) in rows.iter().enumerate() {
        assert_eq!(x.value(at), a[*row].unwrap() * 2.0 + b[*row] as f64);
        assert_eq!(u.value(at), s[*row].to_uppercase());
        assert_eq!(offsets.value(at), *row as i64);
    }
    assert_eq!(x.null_count(), 0);
}

#[test]
fn the_clock_is_read_at_each_batch() {
    let plan = plan("SELECT now() AS t, current_date AS d FROM input").unwrap();
    let mut step = (plan.open)().unwrap();
    let mut read = || {
        let rows = step.apply(&batch()).unwrap().batch.rows;
        let times = rows.column(0).as_primitive::<TimestampNanosecondType>();
        assert_eq!(times.value(0), times.value(3));
        times.value(0)
    };
    let first = read();
    assert!((0..10_000).any(|_| read() > first));
}
