//! From a column to the field of a message that fills it: which fields lie on the way, which type stands at its end, whether that
//! fits the column, and what an unset field means. Knows descriptors and columns; it does not know bytes.

use arrow::datatypes::TimeUnit;
use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor, Value};

use super::scalar::Scalar;
use crate::codec::{Column, ColumnKind, DefaultValue};
use crate::steps::names::{list, suggestion};

/// One step into a message.
#[derive(Clone, Debug)]
pub(super) enum Hop {
    Field(FieldDescriptor),
    /// Behind a map's field.
    Key(String),
}

/// What stands at the end.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum End {
    Scalar(Scalar),
    List(Scalar),
    /// A message whose field `value` is a scalar of its own: `google.protobuf.DoubleValue` and its like.
    Wrapped(Scalar),
    Timestamp,
    Duration,
    Decimal,
}

/// What an unset field means.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Unset {
    /// No value: the column's default or null.
    Absent,
    /// The record is not what its schema says.
    Required,
    /// The type's zero: the schema does not tell it from no value.
    Zero,
    /// The schema's own default.
    Given(DefaultValue),
}

/// A column's way into a message.
#[derive(Clone, Debug)]
pub(super) struct Trail {
    pub(super) hops: Vec<Hop>,
    pub(super) end: End,
    pub(super) unset: Unset,
    /// The numbers and names of an enum at the end, rising.
    pub(super) names: Vec<(i32, String)>,
}

/// The way of `column` into `message`; `None` where the schema does not have the field and the column can do without. The
/// reason there is none says which name or type does not fit.
pub(super) fn trail(message: &MessageDescriptor, column: &Column) -> Result<Option<Trail>, String> {
    let mut hops = Vec::new();
    let mut message = message.clone();
    let mut path = column.path.iter().peekable();
    while let Some(name) = path.next() {
        let Some(field) = find(&message, name) else {
            let can_do_without = column.nullable || column.default.is_some();
            return if can_do_without {
                Ok(None)
            } else {
                Err(missing(&message, name))
            };
        };
        hops.push(Hop::Field(field.clone()));
        let (kind, of_map) = if field.is_map() {
            let key = path
                .next()
                .ok_or_else(|| format!("`{name}` is a map: name a key behind it"))?;
            hops.push(Hop::Key(key.clone()));
            (value_of(&field)?, true)
        } else {
            (field.kind(), false)
        };
        match (path.peek(), kind) {
            (Some(_), Kind::Message(inner)) if !field.is_list() => message = inner,
            (Some(next), _) => return Err(no_inside(&field, next)),
            (None, kind) => return finish(hops, &field, &kind, of_map, column).map(Some),
        }
    }
    Err("the column's path is empty".to_owned())
}

fn find(message: &MessageDescriptor, name: &str) -> Option<FieldDescriptor> {
    let by_name = message.get_field_by_name(name);
    by_name.or_else(|| message.get_field_by_json_name(name))
}

fn missing(message: &MessageDescriptor, name: &str) -> String {
    let known: Vec<String> = message.fields().map(|f| f.name().to_owned()).collect();
    let known = || known.iter().map(String::as_str);
    let full = message.full_name();
    let near = suggestion(name, known());
    format!(
        "message `{full}` has no field `{name}`, and the column is neither nullable nor has a default{near}; fields: {}",
        list(known().take(50))
    )
}

fn no_inside(field: &FieldDescriptor, next: &str) -> String {
    let name = field.name();
    let what = written(field);
    if field.is_list() {
        format!("field `{name}` is {what}: a record has many of them, a column takes one value")
    } else {
        format!("field `{name}` is {what}: there is no field `{next}` inside")
    }
}

fn value_of(map: &FieldDescriptor) -> Result<Kind, String> {
    let not_text = || {
        format!(
            "the keys of map `{}` are no strings: a path cannot name one",
            map.name()
        )
    };
    let kind = map.kind();
    let entry = kind
        .as_message()
        .filter(|m| m.is_map_entry())
        .ok_or_else(not_text)?;
    match entry.map_entry_key_field().kind() {
        Kind::String => Ok(entry.map_entry_value_field().kind()),
        _ => Err(not_text()),
    }
}

fn finish(
    hops: Vec<Hop>,
    field: &FieldDescriptor,
    kind: &Kind,
    of_map: bool,
    column: &Column,
) -> Result<Trail, String> {
    let end = end_of(field, kind, of_map)?;
    if !fits(&end, column.kind) {
        return Err(format!(
            "field `{}` is {}: it does not convert to {}",
            field.name(),
            written(field),
            kind_name(column.kind)
        ));
    }
    let unset = if of_map || field.is_list() {
        Unset::Absent
    } else {
        unset_of(field, column.kind)?
    };
    let names = match kind {
        Kind::Enum(of) => {
            // Where several names share a number the first is the name.
            let values = &of.enum_descriptor_proto().value;
            let mut names: Vec<_> = values.iter().map(|v| (v.number(), v.name().to_owned())).collect();
            names.sort_by_key(|(number, _)| *number);
            names.dedup_by_key(|(number, _)| *number);
            names
        }
        _ => Vec::new(),
    };
    Ok(Trail {
        hops,
        end,
        unset,
        names,
    })
}

fn end_of(field: &FieldDescriptor, kind: &Kind, of_map: bool) -> Result<End, String> {
    let repeated = field.is_list() && !of_map;
    match Scalar::of(kind) {
        Some(scalar) if repeated => return Ok(End::List(scalar)),
        Some(scalar) => return Ok(End::Scalar(scalar)),
        None => {}
    }
    let Some(message) = kind.as_message().filter(|_| !repeated) else {
        return Err(format!(
            "field `{}` is {}: a column takes one value",
            field.name(),
            written(field)
        ));
    };
    match message.full_name() {
        "google.protobuf.Timestamp" => return Ok(End::Timestamp),
        "google.protobuf.Duration" => return Ok(End::Duration),
        "confluent.type.Decimal" => return Ok(End::Decimal),
        _ => {}
    }
    let wrapped = wrapped(message);
    wrapped.map(End::Wrapped).ok_or_else(|| {
        let known: Vec<String> = message.fields().map(|f| f.name().to_owned()).collect();
        format!(
            "field `{}` is message `{}`: name one of its fields behind it: {}",
            field.name(),
            message.full_name(),
            list(known.iter().map(String::as_str).take(50))
        )
    })
}

/// The scalar inside one of the wrappers.
pub(super) fn wrapped(message: &MessageDescriptor) -> Option<Scalar> {
    let name = message.full_name().strip_prefix("google.protobuf.")?;
    let is = matches!(
        name,
        "DoubleValue"
            | "FloatValue"
            | "Int64Value"
            | "UInt64Value"
            | "Int32Value"
            | "UInt32Value"
            | "BoolValue"
            | "StringValue"
            | "BytesValue"
    );
    Scalar::of(&message.get_field(1).filter(|_| is)?.kind())
}

fn fits(end: &End, kind: ColumnKind) -> bool {
    use ColumnKind::{
        Bool, Bytes, Float32, Float32List, Float64, Float64List, Int32, Int64, String, Timestamp,
    };
    match end {
        End::Scalar(of) | End::Wrapped(of) => match of {
            Scalar::Bool => kind == Bool,
            Scalar::String => matches!(kind, String | Timestamp(_)),
            Scalar::Bytes => kind == Bytes,
            Scalar::Enum => matches!(kind, String | Int32 | Int64),
            _ => matches!(kind, Int32 | Int64 | Float32 | Float64 | Timestamp(_)),
        },
        End::List(of) => of.is_number() && matches!(kind, Float32List(_) | Float64List(_)),
        End::Timestamp => matches!(kind, Timestamp(_)),
        End::Duration | End::Decimal => matches!(kind, Float32 | Float64 | String),
    }
}

fn unset_of(field: &FieldDescriptor, kind: ColumnKind) -> Result<Unset, String> {
    if field.is_required() {
        return Ok(Unset::Required);
    }
    if field.field_descriptor_proto().default_value.is_some() {
        let default = default_of(&field.default_value(), &field.kind(), kind);
        let default = default.ok_or_else(|| {
            format!(
                "the default of field `{}` does not convert to {}",
                field.name(),
                kind_name(kind)
            )
        })?;
        return Ok(Unset::Given(default));
    }
    Ok(if field.supports_presence() {
        Unset::Absent
    } else {
        Unset::Zero
    })
}

fn default_of(value: &Value, of: &Kind, kind: ColumnKind) -> Option<DefaultValue> {
    if let (Value::EnumNumber(number), ColumnKind::String, Kind::Enum(of)) = (value, kind, of) {
        let name = of.get_value(*number).map(|v| v.name().to_owned());
        return Some(DefaultValue::String(name.unwrap_or_else(|| number.to_string())));
    }
    let whole = match value {
        Value::I32(v) | Value::EnumNumber(v) => Some(i64::from(*v)),
        Value::I64(v) => Some(*v),
        Value::U32(v) => Some(i64::from(*v)),
        Value::U64(v) => Some(i64::try_from(*v).ok()?),
        Value::F64(v) => super::scalar::whole(*v),
        Value::F32(v) => super::scalar::whole(f64::from(*v)),
        _ => None,
    };
    Some(match (value, kind) {
        (Value::Bool(v), ColumnKind::Bool) => DefaultValue::Bool(*v),
        (Value::String(v), ColumnKind::String) => DefaultValue::String(v.clone()),
        (Value::Bytes(v), ColumnKind::Bytes) => DefaultValue::Bytes(v.to_vec()),
        (Value::F64(v), ColumnKind::Float32 | ColumnKind::Float64) => DefaultValue::Float(*v),
        (Value::F32(v), ColumnKind::Float32 | ColumnKind::Float64) => DefaultValue::Float(f64::from(*v)),
        (_, ColumnKind::Int32) => DefaultValue::Int(i64::from(i32::try_from(whole?).ok()?)),
        (_, ColumnKind::Int64) => DefaultValue::Int(whole?),
        (_, ColumnKind::Float32 | ColumnKind::Float64) => DefaultValue::Float(whole? as f64),
        (_, ColumnKind::Timestamp(unit)) => DefaultValue::Timestamp(whole?.checked_mul(nanos_in(unit))?),
        _ => return None,
    })
}

/// The nanoseconds of one unit.
pub(super) fn nanos_in(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => 1_000_000_000,
        TimeUnit::Millisecond => 1_000_000,
        TimeUnit::Microsecond => 1_000,
        TimeUnit::Nanosecond => 1,
    }
}

/// The column's type in the words of the pipeline file.
pub(super) fn kind_name(kind: ColumnKind) -> String {
    crate::codec::type_name(&kind.data_type())
}

/// The field's type in the schema's words: `repeated float`, `optional string`, `map<string, double>`.
pub(super) fn written(field: &FieldDescriptor) -> String {
    let kind_word = |kind: &Kind| match (Scalar::of(kind), kind) {
        (_, Kind::Enum(of)) => format!("enum {}", of.full_name()),
        (_, Kind::Message(of)) => of.full_name().to_owned(),
        (Some(scalar), _) => scalar.name().to_owned(),
        (None, _) => "of an unknown type".to_owned(),
    };
    let kind = field.kind();
    if let Some(entry) = kind.as_message().filter(|_| field.is_map()) {
        let (key, value) = (
            entry.map_entry_key_field().kind(),
            entry.map_entry_value_field().kind(),
        );
        return format!("map<{}, {}>", kind_word(&key), kind_word(&value));
    }
    let word = kind_word(&kind);
    let optional = field.field_descriptor_proto().proto3_optional == Some(true);
    match () {
        () if field.is_list() => format!("repeated {word}"),
        () if field.is_required() => format!("required {word}"),
        () if optional => format!("optional {word}"),
        () => word,
    }
}
