//! Which type fits which column, and by which cast: Avro's promotions, checked narrowing, and what logical types mean.
//! Knows one value's type and one column's; it does not know where they stand in a record.

use arrow::datatypes::TimeUnit;

use super::schema::{AvroSchema, Logical, Type, Unit};
use crate::codec::ColumnKind;

/// How one value is read into one column.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Read {
    Bool,
    /// An int into int32.
    Int32,
    Int64(Whole),
    /// A long into int32, where it fits.
    Narrow,
    Float32,
    Float64,
    /// A float into float64.
    Widen,
    /// A double into float32, where it fits.
    Shorten,
    WholeToFloat32(Whole),
    WholeToFloat64(Whole),
    /// Times so many nanoseconds.
    Timestamp(Whole, i64),
    /// RFC 3339.
    TextTimestamp,
    /// String or bytes into a string.
    Text,
    /// String or bytes into bytes.
    Bytes,
    FixedBytes(usize),
    Symbol(Box<[Box<str>]>),
    Decimal(Decimal),
    Uuid,
    Duration,
    List(Box<[Item]>),
}

/// How a whole number is written: both alike, but an int has 32 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whole {
    Int,
    Long,
}

/// A decimal: its width in a fixed, or a length in front.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Decimal {
    pub(super) size: Option<usize>,
    pub(super) scale: u32,
}

/// How an item of a list is read; more than one where items are a union, by its branches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Item {
    Whole(Whole),
    Float,
    Double,
    /// No number: a null, or another type.
    Misfit,
}

const DAY: i64 = 86_400_000_000_000;

/// How a value of type `of`, which is no union, is read into a column of type `kind`, and what a person should know of it.
pub(super) fn fit(schema: &AvroSchema, of: usize, kind: ColumnKind) -> Option<(Read, Option<&'static str>)> {
    match (schema.at(of), kind) {
        (Type::Boolean, ColumnKind::Bool) => Some((Read::Bool, None)),
        (Type::Int(logical), kind) => whole(Whole::Int, *logical, kind),
        (Type::Long(logical), kind) => whole(Whole::Long, *logical, kind),
        (Type::Float, ColumnKind::Float32) => Some((Read::Float32, None)),
        (Type::Float, ColumnKind::Float64) => Some((Read::Widen, Some("float to float64"))),
        (Type::Double, ColumnKind::Float64) => Some((Read::Float64, None)),
        (Type::Double, ColumnKind::Float32) => Some((
            Read::Shorten,
            Some("double to float32: the nearest one; out of range is a reject"),
        )),
        (Type::Bytes(Logical::Decimal { scale }), kind) => decimal(None, *scale, kind),
        (Type::Fixed { size, logical, .. }, kind) => fixed(*size, *logical, kind),
        (Type::Bytes(_), ColumnKind::Bytes) | (Type::String(_), ColumnKind::String) => {
            let read = if kind == ColumnKind::Bytes {
                Read::Bytes
            } else {
                Read::Text
            };
            Some((read, None))
        }
        (Type::Bytes(_), ColumnKind::String) => {
            Some((Read::Text, Some("bytes to string: what is not utf-8 is a reject")))
        }
        (Type::String(_), ColumnKind::Bytes) => Some((Read::Bytes, Some("string to its bytes"))),
        (Type::String(_), ColumnKind::Timestamp(_)) => {
            Some((Read::TextTimestamp, Some("string to timestamp: rfc 3339")))
        }
        (Type::Enum { symbols, .. }, ColumnKind::String) => {
            let symbols = symbols.iter().map(|symbol| symbol.as_str().into()).collect();
            Some((Read::Symbol(symbols), Some("enum to its symbol")))
        }
        (Type::Array(items), ColumnKind::Float32List(_) | ColumnKind::Float64List(_)) => {
            list(schema, *items, kind)
        }
        _ => None,
    }
}

fn whole(whole: Whole, logical: Logical, kind: ColumnKind) -> Option<(Read, Option<&'static str>)> {
    let said = |long, int| Some(if whole == Whole::Long { long } else { int });
    Some(match (kind, logical) {
        (ColumnKind::Int32, _) if whole == Whole::Int => (Read::Int32, None),
        (ColumnKind::Int32, _) => (Read::Narrow, Some("long to int32: what does not fit is a reject")),
        (ColumnKind::Int64, _) if whole == Whole::Long => (Read::Int64(whole), None),
        (ColumnKind::Int64, _) => (Read::Int64(whole), Some("int to int64")),
        (ColumnKind::Float32, _) => (
            Read::WholeToFloat32(whole),
            said(
                "long to float32: the nearest one",
                "int to float32: the nearest one",
            ),
        ),
        (ColumnKind::Float64, _) => (
            Read::WholeToFloat64(whole),
            said("long to float64: the nearest one", "int to float64"),
        ),
        (ColumnKind::Timestamp(_), Logical::Date) => (
            Read::Timestamp(whole, DAY),
            Some("date to its first moment in utc"),
        ),
        (ColumnKind::Timestamp(_), Logical::Timestamp { unit, local }) => (
            Read::Timestamp(whole, unit.nanos()),
            match (unit, local) {
                (_, true) => Some("local timestamp taken as utc"),
                (Unit::Nanos, false) => None,
                (_, false) => Some("timestamp to nanoseconds"),
            },
        ),
        // A time of day is no moment.
        (ColumnKind::Timestamp(_), Logical::TimeMillis | Logical::TimeMicros) => return None,
        (ColumnKind::Timestamp(unit), _) => {
            let (nanos, words) = match unit {
                TimeUnit::Second => (1_000_000_000, "number of seconds to timestamp"),
                TimeUnit::Millisecond => (1_000_000, "number of milliseconds to timestamp"),
                TimeUnit::Microsecond => (1000, "number of microseconds to timestamp"),
                TimeUnit::Nanosecond => (1, "number of nanoseconds to timestamp"),
            };
            (Read::Timestamp(whole, nanos), Some(words))
        }
        _ => return None,
    })
}

fn decimal(size: Option<usize>, scale: u32, kind: ColumnKind) -> Option<(Read, Option<&'static str>)> {
    let read = Read::Decimal(Decimal { size, scale });
    Some(match (kind, size) {
        (ColumnKind::Float64, _) => (read, Some("decimal to float64: the nearest one")),
        (ColumnKind::Float32, _) => (read, Some("decimal to float32: the nearest one")),
        (ColumnKind::String, _) => (read, Some("decimal to plain digits")),
        (ColumnKind::Bytes, Some(size)) => (Read::FixedBytes(size), Some("decimal to its unscaled bytes")),
        (ColumnKind::Bytes, None) => (Read::Bytes, Some("decimal to its unscaled bytes")),
        _ => return None,
    })
}

fn fixed(size: usize, logical: Logical, kind: ColumnKind) -> Option<(Read, Option<&'static str>)> {
    match (logical, kind) {
        (Logical::Decimal { scale }, kind) => decimal(Some(size), scale, kind),
        (_, ColumnKind::Bytes) => Some((Read::FixedBytes(size), None)),
        (Logical::Uuid, ColumnKind::String) => Some((Read::Uuid, Some("uuid to its 36 characters"))),
        (Logical::Duration, ColumnKind::String) => {
            Some((Read::Duration, Some("duration to iso 8601: P1M2DT3.004S")))
        }
        _ => None,
    }
}

fn list(schema: &AvroSchema, items: usize, kind: ColumnKind) -> Option<(Read, Option<&'static str>)> {
    let item = |of: usize| match schema.at(of) {
        Type::Int(_) => Item::Whole(Whole::Int),
        Type::Long(_) => Item::Whole(Whole::Long),
        Type::Float => Item::Float,
        Type::Double => Item::Double,
        _ => Item::Misfit,
    };
    let all: Box<[Item]> = match schema.at(items) {
        Type::Union(branches) => branches.iter().map(|branch| item(*branch)).collect(),
        _ => Box::new([item(items)]),
    };
    if all.iter().all(|item| *item == Item::Misfit) {
        return None;
    }
    let own = match kind {
        ColumnKind::Float32List(_) => Item::Float,
        _ => Item::Double,
    };
    let cast =
        (*all != [own]).then_some("each item to the list's type; a null or an item out of range is a reject");
    Some((Read::List(all), cast))
}
