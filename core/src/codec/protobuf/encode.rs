//! Rows to payloads: one message per row, all in one buffer, behind the frame where there is one. Which column fills which field,
//! and that each fits, is worked out once. Knows batches and descriptors; it does not know which sink takes the payloads.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Field as Column, Schema as Columns};
use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};

use super::cells::{Cells, bytes, converts, prepare, prepare_timestamp};
use super::generate::item_of;
use super::scalar::Scalar;
use super::schema::Schema;
use super::trail::{wrapped, written};
use super::wire::{Wire, write_varint};
use crate::batch::Batch;
use crate::codec::framing::Framing;
use crate::codec::payloads::{Payloads, refused};
use crate::codec::schemas::RegisteredSchema;
use crate::codec::{Encode, EncoderOptions, type_name};
use crate::error::{Error, Result};
use crate::sink::Outgoing;
use crate::steps::names::{list, suggestion};

/// The seconds of the years 1 to 9999, which a `google.protobuf.Timestamp` has room for.
const SECONDS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;

/// What stands before each message: the id under which its schema is registered.
#[derive(Clone, Debug)]
pub struct Frame {
    pub framing: Arc<dyn Framing>,
    pub id: u32,
}

/// Every row as a message.
#[derive(Debug)]
pub struct ProtobufEncoder {
    /// Each begins with the frame and the message's index.
    payloads: Payloads,
    fields: Vec<Field>,
    scratch: Vec<u8>,
}

/// A column's field.
#[derive(Debug)]
struct Field {
    name: String,
    tag: u64,
    form: Form,
    /// Whether the schema tells a zero from no value.
    presence: bool,
    required: bool,
}

#[derive(Debug)]
enum Form {
    Scalar(Scalar),
    Enum(Vec<(String, i32)>),
    Wrapped(Scalar),
    Timestamp,
    List { of: Scalar, packed: bool },
}

/// A batch's column, ready to be written.
#[derive(Debug)]
struct Prepared {
    /// Whose nulls count.
    column: ArrayRef,
    /// The values, of lists the items.
    values: ArrayRef,
    per_second: i64,
}

impl ProtobufEncoder {
    /// Writes rows of the columns `input` as `message` of `schema` (without a name: its first), column by column into the field of
    /// its name.
    ///
    /// # Errors
    /// `Config` where the schema does not compile, a column has no field or one of another type, a required field no column, or the
    /// key's column is unknown.
    pub fn new(
        options: EncoderOptions,
        input: &Columns,
        schema: &RegisteredSchema,
        message: Option<&str>,
        frame: Option<&Frame>,
    ) -> Result<Self> {
        if options.include_original {
            return Err(Error::config(
                "write protobuf: results can be added to the event as it came only in json",
            ));
        }
        let failed = |e| Error::config(format!("write protobuf by its schema: {e}"));
        let compiled = Schema::compile(schema).map_err(failed)?;
        let message = compiled.message(message).map_err(failed)?;
        let fields: Result<Vec<Field>, String> = input.fields().iter().map(|c| field(&message, c)).collect();
        complete(&message, input).map_err(failed)?;
        let fields = fields.map_err(failed)?;
        let mut payloads = Payloads::new(options, input)?;
        if let Some(frame) = frame {
            frame.framing.begin(frame.id, &mut payloads.prefix);
            compiled
                .place_of(&message)
                .map_err(failed)?
                .write(&mut payloads.prefix);
        }
        Ok(Self {
            payloads,
            fields,
            scratch: Vec::new(),
        })
    }
}

/// The field that a column fills.
fn field(message: &MessageDescriptor, column: &Column) -> Result<Field, String> {
    let name = column.name();
    let Some(field) = message
        .get_field_by_name(name)
        .or_else(|| message.get_field_by_json_name(name))
    else {
        let known: Vec<String> = message.fields().map(|f| f.name().to_owned()).collect();
        let known = || known.iter().map(String::as_str);
        let (full, near) = (message.full_name(), suggestion(name, known()));
        let fields = list(known().take(50));
        return Err(format!(
            "message `{full}` has no field for column `{name}`{near}; fields: {fields}"
        ));
    };
    let form = form(&field, column.data_type()).ok_or_else(|| {
        format!(
            "column `{name}` is {}, its field {}: that does not convert; cast it in sql",
            type_name(column.data_type()),
            written(&field)
        )
    })?;
    let wire = match &form {
        Form::Scalar(of) | Form::List { of, packed: false } => of.wire(),
        Form::Enum(_) => Wire::Varint,
        _ => Wire::Bytes,
    };
    Ok(Field {
        name: name.clone(),
        tag: tag(field.number(), wire),
        form,
        presence: field.supports_presence(),
        required: field.is_required(),
    })
}

fn form(field: &FieldDescriptor, from: &DataType) -> Option<Form> {
    let (is_list, item) = item_of(from);
    if field.is_map() || field.is_list() != is_list || field.is_group() {
        return None;
    }
    let kind = field.kind();
    if let Kind::Message(inner) = &kind {
        if inner.full_name() == "google.protobuf.Timestamp" {
            return (!is_list && matches!(from, DataType::Timestamp(..))).then_some(Form::Timestamp);
        }
        return wrapped(inner)
            .filter(|of| !is_list && converts(from, *of))
            .map(Form::Wrapped);
    }
    let of = Scalar::of(&kind).filter(|of| converts(item, *of))?;
    match kind {
        _ if is_list && of == Scalar::Enum => None,
        _ if is_list => Some(Form::List {
            of,
            packed: field.is_packed(),
        }),
        Kind::Enum(values) => {
            let values = values.values().map(|v| (v.name().to_owned(), v.number()));
            Some(Form::Enum(values.collect()))
        }
        _ => Some(Form::Scalar(of)),
    }
}

/// Looks whether every required field has a column, and no two columns have one field.
fn complete(message: &MessageDescriptor, input: &Columns) -> Result<(), String> {
    let is_of = |field: &FieldDescriptor, name: &str| field.name() == name || field.json_name() == name;
    for field in message.fields() {
        let columns: Vec<&str> = input
            .fields()
            .iter()
            .map(|c| c.name().as_str())
            .filter(|c| is_of(&field, c))
            .collect();
        if columns.is_empty() && field.is_required() {
            return Err(format!(
                "field `{}` is required, and no column has its name",
                field.name()
            ));
        }
        if columns.len() > 1 {
            return Err(format!(
                "field `{}` has several columns: {}",
                field.name(),
                list(columns)
            ));
        }
    }
    for oneof in message.oneofs().filter(|oneof| !oneof.is_synthetic()) {
        let columns: Vec<FieldDescriptor> = oneof
            .fields()
            .filter(|f| input.fields().iter().any(|c| is_of(f, c.name())))
            .collect();
        if columns.len() > 1 {
            let names = list(columns.iter().map(FieldDescriptor::name)).to_owned();
            return Err(format!(
                "only one field of oneof `{}` can have a column, not {names}",
                oneof.name()
            ));
        }
    }
    Ok(())
}

fn tag(number: u32, wire: Wire) -> u64 {
    let wire = match wire {
        Wire::Varint => 0,
        Wire::Fixed64 => 1,
        Wire::Bytes => 2,
        Wire::Group => 3,
        Wire::EndGroup => 4,
        Wire::Fixed32 => 5,
    };
    u64::from(number) << 3 | wire
}

impl Field {
    fn prepare(&self, column: &ArrayRef) -> Result<Prepared> {
        let (values, per_second) = match &self.form {
            Form::Scalar(of) | Form::Wrapped(of) => (prepare(column, *of)?, 0),
            Form::Enum(_) => (prepare(column, Scalar::Enum)?, 0),
            Form::Timestamp => prepare_timestamp(column)?,
            Form::List { of, .. } => (prepare(items(column), *of)?, 0),
        };
        Ok(Prepared {
            column: Arc::clone(column),
            values,
            per_second,
        })
    }

    fn write(
        &self,
        out: &mut Vec<u8>,
        scratch: &mut Vec<u8>,
        prepared: &Prepared,
        cells: &Cells<'_>,
        row: usize,
    ) -> Result<(), String> {
        if prepared.column.is_null(row) {
            let can_leave_out = (self.presence || matches!(self.form, Form::List { .. })) && !self.required;
            return if can_leave_out {
                Ok(())
            } else {
                Err("null, and its field can say none: make it optional, or filter it in sql".to_owned())
            };
        }
        match &self.form {
            Form::Scalar(_) if !self.presence && cells.is_zero(row) => {}
            Form::Scalar(of) => {
                write_varint(out, self.tag);
                cells.write(out, *of, row);
            }
            Form::Enum(values) => {
                let found = values.iter().find(|(name, _)| name == cells.text(row));
                let (_, number) = found.ok_or("not the name of a value of its enum")?;
                if self.presence || *number != 0 {
                    write_varint(out, self.tag);
                    write_varint(out, i64::from(*number) as u64);
                }
            }
            Form::Wrapped(of) => {
                scratch.clear();
                if !cells.is_zero(row) {
                    write_varint(scratch, tag(1, of.wire()));
                    cells.write(scratch, *of, row);
                }
                write_varint(out, self.tag);
                bytes(out, scratch);
            }
            Form::Timestamp => {
                let Cells::Int(values) = cells else { return Ok(()) };
                write_timestamp(scratch, values[row], prepared.per_second)?;
                write_varint(out, self.tag);
                bytes(out, scratch);
            }
            Form::List { of, packed } => {
                self.write_list(out, scratch, prepared, cells, (*of, *packed), row)?
            }
        }
        Ok(())
    }

    fn write_list(
        &self,
        out: &mut Vec<u8>,
        scratch: &mut Vec<u8>,
        prepared: &Prepared,
        cells: &Cells<'_>,
        (of, packed): (Scalar, bool),
        row: usize,
    ) -> Result<(), String> {
        let range = range(&prepared.column, row);
        let mut inside = range.clone();
        if prepared.values.null_count() > 0 && inside.any(|item| prepared.values.is_null(item)) {
            return Err("a list with a null in it".to_owned());
        }
        scratch.clear();
        for item in range {
            if packed {
                cells.write(scratch, of, item);
            } else {
                write_varint(out, self.tag);
                cells.write(out, of, item);
            }
        }
        if packed && !scratch.is_empty() {
            write_varint(out, self.tag);
            bytes(out, scratch);
        }
        Ok(())
    }
}

fn write_timestamp(scratch: &mut Vec<u8>, value: i64, per_second: i64) -> Result<(), String> {
    let seconds = value.div_euclid(per_second);
    let nanos = value.rem_euclid(per_second) * (1_000_000_000 / per_second);
    if !SECONDS.contains(&seconds) {
        return Err("timestamp outside the years 1 to 9999".to_owned());
    }
    scratch.clear();
    for (number, value) in [(1, seconds), (2, nanos)] {
        if value != 0 {
            write_varint(scratch, tag(number, Wire::Varint));
            write_varint(scratch, value as u64);
        }
    }
    Ok(())
}

fn items(column: &ArrayRef) -> &ArrayRef {
    match column.data_type() {
        DataType::List(_) => column.as_list::<i32>().values(),
        DataType::LargeList(_) => column.as_list::<i64>().values(),
        DataType::FixedSizeList(..) => column.as_fixed_size_list().values(),
        _ => column,
    }
}

/// Which items are of row `row`.
fn range(column: &ArrayRef, row: usize) -> std::ops::Range<usize> {
    match column.data_type() {
        DataType::List(_) => {
            let ends = column.as_list::<i32>().value_offsets();
            ends[row] as usize..ends[row + 1] as usize
        }
        DataType::LargeList(_) => {
            let ends = column.as_list::<i64>().value_offsets();
            ends[row] as usize..ends[row + 1] as usize
        }
        DataType::FixedSizeList(_, width) => row * *width as usize..(row + 1) * *width as usize,
        _ => row..row + 1,
    }
}

impl Encode for ProtobufEncoder {
    fn encode(&mut self, batch: &Batch) -> Result<Outgoing> {
        let columns = batch.rows.columns();
        let prepared = self
            .fields
            .iter()
            .zip(columns)
            .map(|(field, column)| field.prepare(column));
        let prepared = prepared.collect::<Result<Vec<_>>>()?;
        let values: Vec<ArrayRef> = prepared.iter().map(|p| Arc::clone(&p.values)).collect();
        let cells = prepared.into_iter().zip(&values).map(|(prepared, values)| {
            let cells = Cells::new(values)
                .ok_or_else(|| Error::fatal("write a column as protobuf: its type has no form"))?;
            Ok((prepared, cells))
        });
        let cells = cells.collect::<Result<Vec<_>>>()?;
        let Self {
            payloads,
            fields,
            scratch,
        } = self;
        payloads.write(batch, |arena, row| {
            for (field, (prepared, cells)) in fields.iter().zip(&cells) {
                let written = field.write(arena, scratch, prepared, cells, row);
                written.map_err(|what| {
                    let what = format!("write a row as protobuf: column `{}`: {what}", field.name);
                    refused(batch, row, what)
                })?;
            }
            Ok(())
        })
    }
}
