//! Values with a written form of their own: durations, byte sizes, column types, and the forms that are a string or a map.
//! Each has a visitor and a schema by hand, so that the place of a mistake is kept.

use std::borrow::Cow;

use arrow::datatypes::TimeUnit;
pub use forebay_connectors::Span;
use forebay_connectors::with_unit;
use forebay_core::codec::ColumnKind;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// `512MiB`, `4KiB`, `1GiB`, `100B`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(pub u64);

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(from)?;
        let units = [("B", 0_u32), ("KiB", 10), ("MiB", 20), ("GiB", 30)];
        let bytes = with_unit(&text, &units).and_then(|(n, shift)| n.checked_mul(1 << shift));
        bytes
            .map(Self)
            .ok_or_else(|| D::Error::custom("not a size such as `512MiB`"))
    }
}

impl Serialize for Size {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let units = [("GiB", 30), ("MiB", 20), ("KiB", 10)];
        let whole = |(_, shift): &&(&str, u32)| self.0 > 0 && self.0.trailing_zeros() >= *shift;
        match units.iter().find(whole) {
            Some((unit, shift)) => to.collect_str(&format_args!("{}{unit}", self.0 >> shift)),
            None => to.collect_str(&format_args!("{}B", self.0)),
        }
    }
}

impl JsonSchema for Size {
    fn schema_name() -> Cow<'static, str> {
        "Size".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9]{1,9}(B|KiB|MiB|GiB)$", "description": "a size such as `512MiB`" })
    }
}

/// The pattern of column types.
const TYPES: &str =
    "^(bool|int32|int64|float32|float64|string|bytes|timestamp|float(32|64)\\[[1-9][0-9]{0,6}\\])$";

/// A column type as written: `int64`, `float32[784]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Type(pub ColumnKind);

impl Type {
    fn parse(text: &str) -> Option<Self> {
        Some(Self(match text {
            "bool" => ColumnKind::Bool,
            "int32" => ColumnKind::Int32,
            "int64" => ColumnKind::Int64,
            "float32" => ColumnKind::Float32,
            "float64" => ColumnKind::Float64,
            "string" => ColumnKind::String,
            "bytes" => ColumnKind::Bytes,
            "timestamp" => ColumnKind::Timestamp(TimeUnit::Millisecond),
            _ => return Self::list(text),
        }))
    }

    fn list(text: &str) -> Option<Self> {
        let (item, width) = text.strip_suffix(']')?.split_once('[')?;
        let width = width.parse().ok().filter(|width| *width > 0)?;
        match item {
            "float32" => Some(Self(ColumnKind::Float32List(width))),
            "float64" => Some(Self(ColumnKind::Float64List(width))),
            _ => None,
        }
    }
}

impl<'de> Deserialize<'de> for Type {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(from)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("not a column type such as `float64`"))
    }
}

impl JsonSchema for Type {
    fn schema_name() -> Cow<'static, str> {
        "Type".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": TYPES, "description": TYPES_ALLOWED })
    }
}

/// What is said where a type is wrong.
const TYPES_ALLOWED: &str =
    "a type: bool, int32, int64, float32, float64, string, bytes, timestamp, float32[N] or float64[N]";

/// A column: a type, or a map with options.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnConfig(pub ColumnOptions);

/// The map form of a column.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ColumnOptions {
    /// The column's type.
    #[serde(rename = "type")]
    pub kind: Type,
    /// Where the field is in the event, with a dot between levels. The default is the column's name.
    #[schemars(example = &"merchant.id")]
    pub path: Option<String>,
    /// Whether the field may be absent or null. Elsewhere a null is a reject.
    #[serde(default)]
    pub nullable: bool,
    /// What fills an absent field. A null is not absent.
    pub default: Option<serde_json::Value>,
    /// The unit of a timestamp that is a number. The default is `ms`.
    pub unit: Option<Unit>,
}

/// The unit of a timestamp that is a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    S,
    Ms,
    Us,
    Ns,
}

impl From<Unit> for TimeUnit {
    fn from(unit: Unit) -> Self {
        match unit {
            Unit::S => Self::Second,
            Unit::Ms => Self::Millisecond,
            Unit::Us => Self::Microsecond,
            Unit::Ns => Self::Nanosecond,
        }
    }
}

impl<'de> Deserialize<'de> for ColumnConfig {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(from)?;
        let options = match value {
            serde_json::Value::String(_) => serde_json::json!({ "type": value }),
            map => map,
        };
        let options = ColumnOptions::deserialize(options);
        options.map(Self).map_err(|_| D::Error::custom("not a column"))
    }
}

impl JsonSchema for ColumnConfig {
    fn schema_name() -> Cow<'static, str> {
        "Column".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = ColumnOptions::json_schema(generator);
        schema.insert("type".into(), serde_json::json!(["string", "object"]));
        schema.insert("pattern".into(), TYPES.into());
        schema.insert("description".into(), TYPES_ALLOWED.into());
        schema
    }
}
