//! The `sql` step from query to rows: what it gives, what it refuses, and what it says.

mod data;
mod plan;
mod refused;

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, FixedSizeListArray, Float32Array, Float64Array, Int32Array,
    Int64Array, RecordBatch, StringArray, StructArray,
};
use arrow::datatypes::{DataType, Field, Schema};

use super::SqlStep;
use crate::batch::Batch;
use crate::error::{Error, Result};
use crate::records::{Record, Records};
use crate::steps::{Applied, Env, Plan, StepSpec};

/// Four rows from the records 1, 3, 5 and 7 of eight.
fn batch() -> Batch {
    let columns = columns();
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, column)| Field::new(*name, column.data_type().clone(), nullable(name)))
        .collect();
    let arrays = columns.into_iter().map(|(_, column)| column).collect();
    Batch::new(
        Arc::new(Schema::new(fields)),
        arrays,
        vec![1, 3, 5, 7],
        Arc::new(records(8)),
    )
    .unwrap()
}

fn nullable(name: &str) -> bool {
    matches!(name, "currency" | "rate" | "count")
}

fn columns() -> Vec<(&'static str, ArrayRef)> {
    let item = Arc::new(Field::new("item", DataType::Float32, false));
    let items = Arc::new(Float32Array::from_iter_values((0..12).map(|n| n as f32)));
    let place = StructArray::from(vec![(
        Arc::new(Field::new("city", DataType::Utf8, false)),
        Arc::new(StringArray::from(vec!["Rome", "Oslo", "Bern", "Riga"])) as ArrayRef,
    )]);
    vec![
        ("id", Arc::new(StringArray::from(vec!["a", "b", "c", "d"]))),
        ("amount", Arc::new(Float64Array::from(vec![1.0, 2.0, 4.0, 0.0]))),
        (
            "currency",
            Arc::new(StringArray::from(vec![
                Some("EUR"),
                Some("USD"),
                None,
                Some("EUR"),
            ])),
        ),
        (
            "rate",
            Arc::new(Float64Array::from(vec![Some(0.5), None, Some(2.0), Some(8.0)])),
        ),
        (
            "count",
            Arc::new(Int32Array::from(vec![Some(1), Some(0), None, Some(3)])),
        ),
        ("cardAge", Arc::new(Int64Array::from(vec![10, 20, 30, 40]))),
        (
            "text",
            Arc::new(StringArray::from(vec!["1", "22", "333", "secret"])),
        ),
        (
            "flag",
            Arc::new(BooleanArray::from(vec![true, false, true, false])),
        ),
        (
            "blob",
            Arc::new(BinaryArray::from(vec![b"x".as_slice(), b"y", b"\xff", b"z"])),
        ),
        ("p", Arc::new(FixedSizeListArray::new(item, 3, items, None))),
        ("place", Arc::new(place)),
    ]
}

fn records(rows: i64) -> Records {
    let mut records = Records::default();
    let topic: Arc<str> = "payments".into();
    for row in 0..rows {
        let partition = records.intern(&topic, (row % 2) as i32 + 10);
        let (key, payload) = (format!("k{row}"), format!("v{row}"));
        records.push(
            partition,
            Record {
                offset: 100 + row,
                timestamp: if row == 3 { -1 } else { 1_700_000_000_000 + row },
                key: (row != 5).then_some(key.as_bytes()),
                payload: (row != 7).then_some(payload.as_bytes()),
            },
        );
        if row != 1 {
            records.push_header("trace", Some(format!("t{row}").as_bytes()));
            records.push_header("empty", None);
        }
    }
    records
}

fn plan(sql: &str) -> Result<Plan> {
    Ok(SqlStep::new(sql).plan(&batch().rows.schema(), &Env::default())?)
}

fn apply_to(sql: &str, batch: &Batch) -> Result<Applied> {
    let plan = SqlStep::new(sql).plan(&batch.rows.schema(), &Env::default())?;
    let applied = (plan.open)()?.apply(batch)?;
    assert_eq!(applied.batch.rows.schema(), plan.output, "{sql}");
    Ok(applied)
}

fn apply(sql: &str) -> Result<Batch> {
    apply_to(sql, &batch()).map(|applied| applied.batch)
}

fn refusal(sql: &str) -> Error {
    let Err(error) = plan(sql) else {
        panic!("was not refused: {sql}")
    };
    error
}

/// The rows as JSON text, a line each.
fn lines(rows: &RecordBatch) -> String {
    let mut writer = arrow_json::LineDelimitedWriter::new(Vec::new());
    writer.write(rows).unwrap();
    writer.finish().unwrap();
    String::from_utf8(writer.into_inner()).unwrap()
}

/// One column of all four rows, as JSON values.
fn values(expr: &str) -> Vec<serde_json::Value> {
    let batch = apply(&format!("SELECT {expr} AS it, 1 AS one FROM input")).unwrap();
    let rows = lines(&batch.rows);
    let value = |line: &str| -> serde_json::Value {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        row.get("it").cloned().unwrap_or_default()
    };
    rows.lines().map(value).collect()
}
