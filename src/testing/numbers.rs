//! Payloads of packed numbers as JSON by column, and back: what `raw` pipelines read and write, in words a test can hold.
//! The columns lie one behind another, little-endian, in the order of the schema.

use arrow::datatypes::{DataType, Schema};
use serde_json::{Map, Number, Value};

/// One number's type.
#[derive(Clone, Copy)]
enum Kind {
    Int32,
    Int64,
    Float32,
    Float64,
}

/// A column's type and, for a list, how many numbers it has.
fn kind(data_type: &DataType) -> Option<(Kind, Option<usize>)> {
    let kind = match data_type {
        DataType::Int32 => Kind::Int32,
        DataType::Int64 => Kind::Int64,
        DataType::Float32 => Kind::Float32,
        DataType::Float64 => Kind::Float64,
        DataType::FixedSizeList(item, length) => {
            let (item, _) = kind(item.data_type())?;
            return Some((item, usize::try_from(*length).ok()));
        }
        _ => return None,
    };
    Some((kind, None))
}

/// Packs the columns that `value` gives by name.
///
/// # Errors
/// The column that is missing, too many, or no such number.
pub(crate) fn pack(schema: &Schema, value: &Value) -> Result<Vec<u8>, String> {
    let given = value.as_object().ok_or(
        "the source is raw: expected an object with a number, or a list of numbers, for each column",
    )?;
    if let Some(name) = given.keys().find(|name| schema.field_with_name(name).is_err()) {
        return Err(format!("the source has no column `{name}`"));
    }
    let mut out = Vec::new();
    for field in schema.fields() {
        let name = field.name();
        let value = given
            .get(name)
            .ok_or_else(|| format!("the column `{name}` is missing"))?;
        let wrong = || format!("the column `{name}` is {}", words(field.data_type()));
        let (kind, length) = kind(field.data_type()).ok_or_else(wrong)?;
        let numbers = match (value, length) {
            (Value::Array(items), Some(length)) if items.len() == length => &items[..],
            (Value::Number(_), None) => std::slice::from_ref(value),
            _ => return Err(wrong()),
        };
        for number in numbers {
            push(&mut out, kind, number).ok_or_else(wrong)?;
        }
    }
    Ok(out)
}

fn words(data_type: &DataType) -> String {
    match data_type {
        DataType::FixedSizeList(item, length) => {
            format!(
                "a list of {length} numbers, {}",
                item.data_type().to_string().to_lowercase()
            )
        }
        other => format!("a number, {}", other.to_string().to_lowercase()),
    }
}

fn push(out: &mut Vec<u8>, kind: Kind, number: &Value) -> Option<()> {
    match kind {
        Kind::Int32 => out.extend(i32::try_from(number.as_i64()?).ok()?.to_le_bytes()),
        Kind::Int64 => out.extend(number.as_i64()?.to_le_bytes()),
        #[allow(clippy::cast_possible_truncation, reason = "the column has single precision")]
        Kind::Float32 => out.extend((number.as_f64()? as f32).to_le_bytes()),
        Kind::Float64 => out.extend(number.as_f64()?.to_le_bytes()),
    }
    Some(())
}

/// The columns of a payload by name, without `key`; `None` where its length does not fit.
pub(crate) fn unpack(schema: &Schema, key: Option<&str>, payload: &[u8]) -> Option<Value> {
    let mut rest = payload;
    let mut columns = Map::new();
    for field in schema.fields().iter().filter(|f| Some(f.name().as_str()) != key) {
        let (kind, length) = kind(field.data_type())?;
        let value = match length {
            None => take(&mut rest, kind)?,
            Some(length) => Value::Array(
                (0..length)
                    .map(|_| take(&mut rest, kind))
                    .collect::<Option<_>>()?,
            ),
        };
        columns.insert(field.name().clone(), value);
    }
    rest.is_empty().then_some(Value::Object(columns))
}

fn take(rest: &mut &[u8], kind: Kind) -> Option<Value> {
    Some(match kind {
        Kind::Int32 => i32::from_le_bytes(bytes(rest)?).into(),
        Kind::Int64 => i64::from_le_bytes(bytes(rest)?).into(),
        Kind::Float32 => short(f32::from_le_bytes(bytes(rest)?)),
        Kind::Float64 => {
            Number::from_f64(f64::from_le_bytes(bytes(rest)?)).map_or(Value::Null, Value::Number)
        }
    })
}

fn bytes<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (first, behind) = rest.split_first_chunk::<N>()?;
    *rest = behind;
    Some(*first)
}

/// Single precision with the digits it needs, not with those of its double.
fn short(number: f32) -> Value {
    let digits = number.to_string().parse().ok();
    digits
        .and_then(Number::from_f64)
        .map_or(Value::Null, Value::Number)
}
