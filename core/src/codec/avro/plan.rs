//! Result columns and a writer's schema to a plan how each field is written: columns by name, the rest by the schema's defaults.
//! Decided once, before a row is there.

use arrow::datatypes::{DataType, Field as Column, Fields as Columns, TimeUnit};

use super::compile::Problem;
use super::literal::literal;
use super::schema::{AvroSchema, Field, Logical, Type};
use super::write::{Fields, Form, Slot, Step};

/// How well a value keeps what it is: the best branch of a union takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Exact,
    Wider,
    /// Some values do not fit.
    Checked,
}

/// Plans rows of `columns` as records of `schema`; `beside` is a column that need not have a field.
pub(super) fn plan(schema: &AvroSchema, columns: &Columns, beside: Option<usize>) -> Result<Fields, Problem> {
    match schema.at(schema.root) {
        Type::Record { fields, .. } => record(schema, fields, columns, beside),
        _ => Err(Problem {
            column: columns
                .first()
                .map_or_else(String::new, |column| column.name().clone()),
            what: format!(
                "rows are written as records, the schema is a {}",
                schema.words(schema.root)
            ),
        }),
    }
}

fn record(
    schema: &AvroSchema,
    fields: &[Field],
    columns: &Columns,
    beside: Option<usize>,
) -> Result<Fields, Problem> {
    let problem = |column: &str, what: String| Problem {
        column: column.to_owned(),
        what,
    };
    for (nth, column) in columns.iter().enumerate() {
        let has_field = fields.iter().any(|field| field.name == *column.name());
        if !has_field && beside != Some(nth) {
            let what = "the schema has no field of this name; add it, or leave the column out";
            return Err(problem(column.name(), what.to_owned()));
        }
    }
    let steps = fields.iter().map(|field| match columns.find(&field.name) {
        Some((index, column)) => match slot(schema, field.of, column) {
            Some((slot, _)) => Ok(Step::Column(index, slot)),
            None => {
                let (from, to) = (column.data_type(), schema.words(field.of));
                Err(problem(
                    column.name(),
                    format!("{from} is not written as {to}; cast it in sql"),
                ))
            }
        },
        None => match &field.default {
            Some(default) => {
                let bytes = literal(schema, field.of, default);
                bytes
                    .map(Step::Constant)
                    .map_err(|what| problem(&field.name, what))
            }
            None => Err(problem(
                &field.name,
                "the schema has this field without a default, and no column is named so".to_owned(),
            )),
        },
    });
    steps.collect::<Result<_, _>>().map(Fields)
}

/// How a value of `column` is written as type `of`.
fn slot(schema: &AvroSchema, of: usize, column: &Column) -> Option<(Slot, Rank)> {
    let Type::Union(branches) = schema.at(of) else {
        let (form, rank) = form(schema, of, column.data_type())?;
        let (value, null) = (None, None);
        return Some((Slot { value, null, form }, rank));
    };
    let null = branches
        .iter()
        .position(|branch| matches!(schema.at(*branch), Type::Null));
    let fitting = branches.iter().enumerate().filter_map(|(nth, branch)| {
        let (form, rank) = form(schema, *branch, column.data_type())?;
        Some((nth, form, rank))
    });
    let (nth, form, rank) = fitting.min_by_key(|(_, _, rank)| *rank)?;
    let slot = Slot {
        value: Some(nth as i64),
        null: null.map(|nth| nth as i64),
        form,
    };
    Some((slot, rank))
}

fn form(schema: &AvroSchema, of: usize, from: &DataType) -> Option<(Form, Rank)> {
    use Rank::{Checked, Exact, Wider};
    Some(match (schema.at(of), from) {
        // A dictionary is written as its values are.
        (_, DataType::Dictionary(_, value)) => return form(schema, of, value),
        (Type::Null, DataType::Null) => (Form::Null, Exact),
        (_, DataType::Null) => (Form::Null, Wider),
        (Type::Boolean, DataType::Boolean) => (Form::Bool, Exact),
        (Type::Int(Logical::Date), DataType::Date32) => (Form::Int, Exact),
        (Type::Int(Logical::None), from) if from.is_integer() => match from {
            DataType::Int64 | DataType::UInt32 | DataType::UInt64 => (Form::Int, Checked),
            _ => (Form::Int, Exact),
        },
        (Type::Long(Logical::Timestamp { unit, .. }), DataType::Timestamp(from, _)) => {
            let (times, by) = (nanos(*from), unit.nanos());
            (Form::Moment(times, by), if times == by { Exact } else { Wider })
        }
        // A number that the schema means as a moment is taken for one in its unit.
        (Type::Long(_), from) if from.is_integer() => match from {
            DataType::UInt64 => (Form::Long, Checked),
            DataType::Int64 => (Form::Long, Exact),
            _ => (Form::Long, Wider),
        },
        (Type::Float, DataType::Float32 | DataType::Float16) => (Form::Float, Exact),
        (Type::Float, DataType::Float64) => (Form::Float, Checked),
        (Type::Double, DataType::Float64) => (Form::Double, Exact),
        (Type::Double, DataType::Float32 | DataType::Float16) => (Form::Double, Wider),
        (Type::Float | Type::Double, from) if from.is_integer() => {
            let float = matches!(schema.at(of), Type::Float);
            (if float { Form::Float } else { Form::Double }, Checked)
        }
        (Type::String(_), from) if is_text(from) => (Form::Text, Exact),
        (Type::String(_), from) if is_binary(from) => (Form::Text, Checked),
        (Type::Bytes(Logical::None), from) if is_binary(from) => (Form::Bytes, Exact),
        (Type::Bytes(Logical::None), from) if is_text(from) => (Form::Bytes, Wider),
        (Type::Fixed { size, .. }, from) if is_binary(from) => (Form::Fixed(*size), Checked),
        (Type::Enum { symbols, .. }, from) if is_text(from) => {
            let numbered = symbols.iter().zip(0_i64..);
            let symbols = numbered.map(|(symbol, nth)| (symbol.as_str().into(), nth));
            (Form::Symbol(symbols.collect()), Checked)
        }
        (Type::Bytes(Logical::Decimal { scale }), DataType::Decimal128(_, from)) => {
            (Form::Decimal(None, factor(*scale, *from)?), Exact)
        }
        (
            Type::Fixed {
                size,
                logical: Logical::Decimal { scale },
                ..
            },
            DataType::Decimal128(_, from),
        ) => (Form::Decimal(Some(*size), factor(*scale, *from)?), Checked),
        (
            Type::Array(items),
            DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _),
        ) => {
            let (slot, rank) = slot(schema, *items, item)?;
            (Form::List(Box::new(slot)), rank)
        }
        (Type::Record { fields, .. }, DataType::Struct(columns)) => {
            (Form::Record(record(schema, fields, columns, None).ok()?), Exact)
        }
        _ => return None,
    })
}

fn nanos(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => 1_000_000_000,
        TimeUnit::Millisecond => 1_000_000,
        TimeUnit::Microsecond => 1000,
        TimeUnit::Nanosecond => 1,
    }
}

/// What an unscaled number is multiplied with; a schema of fewer places would lose digits.
fn factor(scale: u32, from: i8) -> Option<i128> {
    let more = i64::from(scale) - i64::from(from);
    10_i128.checked_pow(u32::try_from(more).ok()?)
}

fn is_text(of: &DataType) -> bool {
    matches!(of, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

fn is_binary(of: &DataType) -> bool {
    matches!(
        of,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_)
    )
}
