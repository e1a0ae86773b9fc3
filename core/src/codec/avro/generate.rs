//! The Avro schema of result columns: every nullable one is a union with null and null by default, so that readers may know it or not.
//! Timestamps are `timestamp-micros`: each client reads that, while nanoseconds came with Avro 1.12; the digits below are cut off.

use arrow::datatypes::{DataType, Field, Schema};
use serde_json::{Value, json};

use crate::error::{Error, Result};

/// The schema, as JSON text, of a record named `name` that has `columns` as fields.
///
/// # Errors
/// `Config` where a column has a type that Avro has no form for, or a name that Avro does not allow.
pub fn schema_of_results(columns: &Schema, name: &str, namespace: Option<&str>) -> Result<String> {
    let parts = namespace
        .into_iter()
        .flat_map(|space| space.split('.'))
        .chain([name]);
    for part in parts {
        if !is_name(part) {
            return Err(Error::config(
                "name an avro record: a name has letters, digits and _ alone, and begins with no digit",
            )
            .with("name", part));
        }
    }
    let fields = columns.fields().iter().map(|column| {
        if !is_name(column.name()) {
            let what = "write a column as avro: a field's name has letters, digits and _ alone; give it another name in sql";
            return Err(Error::config(what).with("column", column.name()));
        }
        field(column, &format!("{name}_{}", column.name())).ok_or_else(|| {
            Error::config("write a column as avro: its type has no avro form; cast it in sql")
                .with("column", column.name())
                .with("type", column.data_type())
        })
    });
    let fields = fields.collect::<Result<Vec<_>>>()?;
    let mut record = json!({"type": "record", "name": name});
    if let Some(namespace) = namespace {
        record["namespace"] = json!(namespace);
    }
    record["fields"] = json!(fields);
    Ok(record.to_string())
}

fn is_name(name: &str) -> bool {
    let letter = |c: char| c.is_ascii_alphabetic() || c == '_';
    name.starts_with(letter) && name.chars().all(|c| letter(c) || c.is_ascii_digit())
}

/// `named` is a name for a record inside.
fn field(column: &Field, named: &str) -> Option<Value> {
    let of = type_of(column.data_type(), named)?;
    Some(match of == "null" || !column.is_nullable() {
        true => json!({"name": column.name(), "type": of}),
        false => json!({"name": column.name(), "type": ["null", of], "default": null}),
    })
}

fn type_of(of: &DataType, named: &str) -> Option<Value> {
    Some(match of {
        DataType::Null => json!("null"),
        DataType::Boolean => json!("boolean"),
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::UInt8 | DataType::UInt16 => {
            json!("int")
        }
        DataType::Int64 | DataType::UInt32 | DataType::UInt64 => json!("long"),
        DataType::Float16 | DataType::Float32 => json!("float"),
        DataType::Float64 => json!("double"),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => json!("string"),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            json!("bytes")
        }
        DataType::Date32 => json!({"type": "int", "logicalType": "date"}),
        DataType::Timestamp(_, _) => json!({"type": "long", "logicalType": "timestamp-micros"}),
        DataType::Decimal128(precision, scale) if *scale >= 0 => {
            json!({"type": "bytes", "logicalType": "decimal", "precision": precision, "scale": scale})
        }
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            let of = type_of(item.data_type(), named)?;
            let nullable = item.is_nullable() && of != "null";
            json!({"type": "array", "items": if nullable { json!(["null", of]) } else { of }})
        }
        DataType::Struct(fields) => {
            let fields = fields.iter().map(|f| {
                let inside = field(f, &format!("{named}_{}", f.name()));
                inside.filter(|_| is_name(f.name()))
            });
            json!({"type": "record", "name": named, "fields": fields.collect::<Option<Vec<_>>>()?})
        }
        DataType::Dictionary(_, value) => type_of(value, named)?,
        _ => return None,
    })
}
