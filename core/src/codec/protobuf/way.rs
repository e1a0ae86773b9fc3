//! How each column comes about from a schema, in words; for `check`. Reads no record and asks nobody.

use prost_reflect::MessageDescriptor;

use super::scalar::Scalar;
use super::schema::Schema;
use super::trail::{End, Hop, Trail, Unset, kind_name, trail, written};
use crate::codec::schemas::RegisteredSchema;
use crate::codec::way::Way;
use crate::codec::{Column, ColumnKind, DefaultValue};
use crate::error::{Error, Result};

/// For each column its way into `message` (without a name: the schema's first), or why it has none.
///
/// # Errors
/// `Config` where the schema does not compile or has no such message, or where none is named and another than the first is meant.
pub fn way(
    schema: &RegisteredSchema,
    message: Option<&str>,
    columns: &[Column],
) -> Result<Vec<Result<Way, String>>> {
    let failed = |e| Error::config(format!("follow the columns into a schema: {e}"));
    let compiled = Schema::compile(schema).map_err(failed)?;
    let first = compiled.message(message).map_err(failed)?;
    let one = |column: &Column| trail(&first, column).map(|trail| in_words(trail.as_ref(), column));
    let ways: Vec<_> = columns.iter().map(one).collect();
    if message.is_none() && ways.iter().any(Result::is_err) {
        let fits = |other: &MessageDescriptor| columns.iter().all(|column| trail(other, column).is_ok());
        if let Some(advice) = compiled.several(fits) {
            return Err(failed(advice));
        }
    }
    Ok(ways)
}

fn in_words(trail: Option<&Trail>, column: &Column) -> Way {
    let own = column.default.as_ref().map(text);
    let Some(trail) = trail else {
        return Way {
            path: column.path.join("."),
            written_as: "not in the schema".to_owned(),
            nullable: own.is_none(),
            missing: own.is_none(),
            rejects: Vec::new(),
            cast: None,
            default: own,
        };
    };
    let names = trail.hops.iter().map(|hop| match hop {
        Hop::Field(field) => field.name(),
        Hop::Key(key) => key.as_str(),
    });
    let last = trail.hops.iter().rev().find_map(|hop| match hop {
        Hop::Field(field) => Some(field),
        Hop::Key(_) => None,
    });
    // Fields of a message that is absent are absent, too.
    let always = |hop: &Hop| matches!(hop, Hop::Field(field) if field.is_required());
    let nested =
        !trail.hops.iter().all(always) && (trail.hops.len() > 1 || !matches!(trail.end, End::Scalar(_)));
    let absent = nested || trail.unset == Unset::Absent;
    let default = match &trail.unset {
        Unset::Given(default) => Some(text(default)),
        Unset::Absent => own,
        Unset::Zero if nested && own.is_some() => own,
        Unset::Zero => Some(zero(&trail.end)),
        Unset::Required => None,
    };
    Way {
        path: names.collect::<Vec<_>>().join("."),
        written_as: last.map_or(String::new(), written),
        nullable: absent && column.default.is_none(),
        missing: false,
        rejects: Vec::new(),
        cast: cast(&trail.end, column.kind),
        default,
    }
}

fn zero(end: &End) -> String {
    match end {
        End::Scalar(Scalar::String) => "\"\"".to_owned(),
        End::Scalar(Scalar::Bytes) => "no bytes".to_owned(),
        End::Scalar(Scalar::Bool) => "false".to_owned(),
        End::Scalar(Scalar::Enum) => "the enum's value 0".to_owned(),
        _ => "0".to_owned(),
    }
}

fn text(default: &DefaultValue) -> String {
    match default {
        DefaultValue::Bool(value) => value.to_string(),
        DefaultValue::Int(value) => value.to_string(),
        DefaultValue::Float(value) => value.to_string(),
        DefaultValue::String(value) => format!("{value:?}"),
        DefaultValue::Bytes(value) => format!("{} bytes", value.len()),
        DefaultValue::Timestamp(value) => format!("{value} ns"),
        DefaultValue::List(values) => format!("a list of {}", values.len()),
    }
}

/// What becomes of the value on its way; none where it stays what it is.
fn cast(end: &End, kind: ColumnKind) -> Option<String> {
    let (of, to) = match end {
        End::Scalar(of) | End::Wrapped(of) => (*of, kind),
        End::List(of) => match kind {
            ColumnKind::Float32List(_) => (*of, ColumnKind::Float32),
            _ => (*of, ColumnKind::Float64),
        },
        End::Timestamp => return None,
        End::Duration if kind == ColumnKind::String => return Some("to text such as 1.5s".to_owned()),
        End::Duration => return Some("to seconds".to_owned()),
        End::Decimal if kind == ColumnKind::String => return Some("to its decimal text".to_owned()),
        End::Decimal => return Some(format!("to the nearest {}", kind_name(kind))),
    };
    let (from, to_name) = (of.name(), kind_name(to));
    let checked = |why: &str| Some(format!("{from} to {to_name}, refused where {why}"));
    match (of, to) {
        (Scalar::Enum, ColumnKind::String) => Some("enum to its value's name".to_owned()),
        (Scalar::Enum, _) => Some("enum to its value's number".to_owned()),
        (Scalar::String, ColumnKind::Timestamp(_)) => checked("it is not rfc 3339"),
        (_, ColumnKind::Timestamp(unit)) => {
            Some(format!("{from} to timestamp, in units of {unit:?}").to_lowercase())
        }
        (Scalar::Double, ColumnKind::Float32) => checked("out of range"),
        (Scalar::Double, ColumnKind::Float64) | (Scalar::Float, ColumnKind::Float32) => None,
        (Scalar::Double | Scalar::Float, ColumnKind::Int32 | ColumnKind::Int64) => {
            checked("it has a fraction or is out of range")
        }
        (_, ColumnKind::Float32 | ColumnKind::Float64) => Some(format!("{from} to {to_name}")),
        (Scalar::Int64 | Scalar::SInt64 | Scalar::SFixed64, ColumnKind::Int64) => None,
        (Scalar::Int32 | Scalar::SInt32 | Scalar::SFixed32, ColumnKind::Int32) => None,
        (Scalar::UInt64 | Scalar::Fixed64, ColumnKind::Int64) => checked("out of range"),
        (_, ColumnKind::Int64) => Some(format!("{from} to {to_name}")),
        (_, ColumnKind::Int32) => checked("out of range"),
        _ => None,
    }
}
