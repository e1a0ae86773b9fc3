//! Declared columns, in the order of the file, made into the core's columns.

use std::borrow::Cow;

use forebay_core::codec::{Column, ColumnKind, DefaultValue};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::values::{ColumnConfig, ColumnOptions};

/// Columns by name, in the order of the file.
#[derive(Clone, Debug, PartialEq)]
pub struct Columns(pub Vec<(String, ColumnConfig)>);

impl<'de> Deserialize<'de> for Columns {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let map = Map::<String, Value>::deserialize(from)?;
        let one = |(name, value)| Ok((name, ColumnConfig::deserialize(value)?));
        let columns: Result<_, serde_json::Error> = map.into_iter().map(one).collect();
        columns.map(Self).map_err(D::Error::custom)
    }
}

impl JsonSchema for Columns {
    fn schema_name() -> Cow<'static, str> {
        "Columns".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let column = generator.subschema_for::<ColumnConfig>();
        schemars::json_schema!({ "type": "object", "minProperties": 1, "additionalProperties": column })
    }
}

impl Columns {
    /// The core's columns, and what of them does not fit and was left out.
    pub(crate) fn resolve(&self) -> (Vec<Column>, Vec<Wrong>) {
        let mut wrong = Vec::new();
        let columns = self.0.iter();
        let columns = columns.map(|(name, ColumnConfig(options))| column(name, options, &mut wrong));
        (columns.collect(), wrong)
    }
}

/// What is wrong with a column.
pub(crate) struct Wrong {
    pub(crate) column: String,
    /// The option; `None` = the name.
    pub(crate) key: Option<&'static str>,
    pub(crate) why: String,
}

fn column(name: &str, options: &ColumnOptions, wrong: &mut Vec<Wrong>) -> Column {
    let mut say = |key, why: String| {
        wrong.push(Wrong {
            column: name.to_owned(),
            key,
            why,
        });
    };
    if name.starts_with('_') {
        let why = "names that start with `_` are kept for a record's metadata: choose another, and give the field as `path`";
        say(None, why.into());
    }
    let kind = match (options.kind.0, options.unit) {
        (ColumnKind::Timestamp(_), Some(unit)) => ColumnKind::Timestamp(unit.into()),
        (kind, None) => kind,
        (kind, Some(_)) => {
            say(Some("unit"), "`unit` is for columns of type timestamp".into());
            kind
        }
    };
    let path = options.path.as_deref().unwrap_or(name);
    let path = match &options.path {
        Some(path) => path.split('.').map(str::to_owned).collect(),
        None => vec![path.to_owned()],
    };
    let default = options.default.as_ref();
    let default = default.and_then(|value| {
        let fits = default_value(kind, value);
        fits.map_err(|why| say(Some("default"), why)).ok()
    });
    Column {
        name: name.to_owned(),
        path,
        kind,
        nullable: options.nullable,
        default,
    }
}

/// A default of the column's kind; the value itself is not named.
fn default_value(kind: ColumnKind, value: &Value) -> Result<DefaultValue, String> {
    let wrong = || format!("the value does not fit: expected {}", kind_example(kind));
    Ok(match kind {
        ColumnKind::Bool => DefaultValue::Bool(value.as_bool().ok_or_else(wrong)?),
        ColumnKind::Int32 => {
            let number = value.as_i64().filter(|n| i32::try_from(*n).is_ok());
            DefaultValue::Int(number.ok_or_else(wrong)?)
        }
        ColumnKind::Int64 => DefaultValue::Int(value.as_i64().ok_or_else(wrong)?),
        ColumnKind::Float32 | ColumnKind::Float64 => DefaultValue::Float(value.as_f64().ok_or_else(wrong)?),
        ColumnKind::String => DefaultValue::String(value.as_str().ok_or_else(wrong)?.to_owned()),
        ColumnKind::Timestamp(_) => {
            let text = value.as_str().ok_or_else(wrong)?;
            DefaultValue::Timestamp(nanoseconds(text).ok_or_else(wrong)?)
        }
        ColumnKind::Float32List(width) | ColumnKind::Float64List(width) => {
            let items = value.as_array().ok_or_else(wrong)?;
            let items: Option<Vec<f64>> = items.iter().map(Value::as_f64).collect();
            let fits = |items: &Vec<f64>| i32::try_from(items.len()) == Ok(width);
            DefaultValue::List(items.filter(fits).ok_or_else(wrong)?)
        }
        ColumnKind::Bytes => return Err("a column of type bytes takes no default".into()),
    })
}

/// What a value of the kind looks like.
fn kind_example(kind: ColumnKind) -> String {
    match kind {
        ColumnKind::Bool => "true or false".into(),
        ColumnKind::Int32 => "a whole number of 32 bits".into(),
        ColumnKind::Int64 => "a whole number".into(),
        ColumnKind::Float32 | ColumnKind::Float64 => "a number such as 0.5".into(),
        ColumnKind::String => "a string; put a number in quotes".into(),
        ColumnKind::Timestamp(_) => "a time such as 2026-01-31T00:00:00Z".into(),
        ColumnKind::Float32List(width) | ColumnKind::Float64List(width) => {
            format!("a list of {width} numbers")
        }
        ColumnKind::Bytes => "no value: bytes take none".into(),
    }
}

/// Nanoseconds since the epoch of an RFC 3339 timestamp.
pub(crate) fn nanoseconds(text: &str) -> Option<i64> {
    arrow::compute::kernels::cast_utils::string_to_timestamp_nanos(text).ok()
}

/// A value for a column of a table that has no row.
///
/// # Errors
/// The value does not fit the column's kind.
pub fn missing_value(kind: ColumnKind, value: &Value) -> Result<DefaultValue, String> {
    default_value(kind, value)
}
