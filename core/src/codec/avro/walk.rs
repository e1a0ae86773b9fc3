//! A program along one body: values to their buffers, everything else passed over. Names were resolved before; nothing is allocated,
//! whatever a body claims. Knows one record; it does not know where its bytes come from.

use super::compile::{Key, MapOp, Op, Program};
use super::decimal;
use super::fit::{Decimal, Item, Read, Whole};
use super::input::Input;
use super::skip::NO_BRANCH;
use crate::codec::columns::{Buffers, Values, list_width};
use crate::codec::fault::{Fault, NULL, Parsed};
use crate::codec::json::time::{self, Wrong};
use crate::codec::{Column, ColumnKind};

/// The way through one body.
pub(super) struct Walk<'p, 'b> {
    pub(super) program: &'p Program,
    pub(super) columns: &'p [Column],
    pub(super) buffers: &'p mut [Buffers],
    pub(super) row: usize,
    pub(super) input: Input<'b>,
    pub(super) scratch: &'p mut Vec<u8>,
    /// The branch that did not fit its column, where that is the fault.
    pub(super) branch: Option<&'p str>,
}

pub(super) const MISFIT: &str = "does not take this branch of the union";
const RANGE: &str = "number out of range";
const MOMENT: &str = "timestamp out of range: nanoseconds reach from 1677 to 2262";
const WIDTH: &str = "list of another length than declared";
const UTF8: &str = "invalid utf-8";
/// `compile` pairs each way to read with a kind of column.
const OTHER: &str = "read into a column of another type";

impl<'p> Walk<'p, '_> {
    /// Takes the body into the row.
    pub(super) fn body(&mut self) -> Parsed<()> {
        let program = self.program;
        self.run(&program.ops)?;
        if self.input.at < self.input.bytes.len() {
            return Err(Fault::new("trailing bytes behind the value", self.input.at));
        }
        Ok(())
    }

    fn run(&mut self, ops: &'p [Op]) -> Parsed<()> {
        for op in ops {
            match op {
                Op::Read(read, column) => self.read(read, *column)?,
                Op::Floats(columns) => self.floats(columns)?,
                Op::Skip(skip) => self.program.skips.pass(&mut self.input, *skip)?,
                Op::Optional(null, read, column) => self.optional(*null, read, *column)?,
                other => self.rare(other)?,
            }
        }
        Ok(())
    }

    #[inline(always)]
    fn optional(&mut self, null: u8, read: &'p Read, column: u32) -> Parsed<()> {
        // Branches 0 and 1 are written as 0 and 2.
        let at = self.input.at;
        match self.input.array()? {
            [byte] if byte == null * 2 => self.null(column, at),
            [byte] if byte == 2 - null * 2 => self.read(read, column),
            _ => Err(Fault::new(NO_BRANCH, at).of_column(column as usize)),
        }
    }

    fn floats(&mut self, columns: &[u32]) -> Parsed<()> {
        let Ok(bytes) = self.input.take(columns.len() * size_of::<f32>()) else {
            // One by one tells where they break off.
            return columns
                .iter()
                .try_for_each(|column| self.read(&Read::Float32, *column));
        };
        for (column, bytes) in columns.iter().zip(bytes.as_chunks().0) {
            match &mut self.buffers[*column as usize].values {
                Values::Float32(values) => values.push(f32::from_le_bytes(*bytes)),
                _ => return Err(Fault::new(OTHER, self.input.at).of_column(*column as usize)),
            }
        }
        Ok(())
    }

    fn rare(&mut self, op: &'p Op) -> Parsed<()> {
        let at = self.input.at;
        match op {
            Op::Null(column) => self.null(*column, at),
            Op::Absent(column) => self.absent(*column, at),
            Op::Misfit(column, branch) => {
                self.branch = Some(branch);
                Err(Fault::new(MISFIT, at).of_column(*column as usize))
            }
            Op::OneOf(branches) => {
                let branch = self.input.index(branches.len(), NO_BRANCH)?;
                self.run(&branches[branch])
            }
            Op::Each(each) => each.iter().try_for_each(|ops| {
                self.input.at = at;
                self.run(ops)
            }),
            Op::Map(map) => self.map(map),
            // `run` takes them.
            Op::Read(..) | Op::Floats(_) | Op::Skip(_) | Op::Optional(..) => Ok(()),
        }
    }

    #[cold]
    fn null(&mut self, column: u32, at: usize) -> Parsed<()> {
        let buffers = &mut self.buffers[column as usize];
        if !buffers.nullable {
            return Err(Fault::new(NULL, at).of_column(column as usize));
        }
        buffers.push_null(self.row);
        Ok(())
    }

    fn absent(&mut self, column: u32, at: usize) -> Parsed<()> {
        let column = column as usize;
        let default = self.columns[column].default.as_ref();
        let filled = self.buffers[column].absent(self.row, default, at);
        filled.map_err(|fault| fault.of_column(column))
    }

    /// The entries of a map in any order; those that nobody wants are passed over.
    fn map(&mut self, map: &'p MapOp) -> Parsed<()> {
        let mut seen = 0_u64;
        loop {
            let (count, size) = self.input.block()?;
            if count == 0 {
                break;
            }
            let end = size.map(|size| self.input.at + size);
            for _ in 0..count {
                self.entry(map, &mut seen)?;
            }
            if end.is_some_and(|end| end != self.input.at) {
                return Err(Fault::new("a block of another size than it says", self.input.at));
            }
        }
        for (nth, key) in map.keys.iter().enumerate() {
            if seen >> nth & 1 == 0 {
                self.run(&key.absent)?;
            }
        }
        Ok(())
    }

    fn entry(&mut self, map: &'p MapOp, seen: &mut u64) -> Parsed<()> {
        let at = self.input.at;
        let name = self.input.counted()?;
        let wanted = |key: &Key| key.name.as_bytes() == name;
        let Some(nth) = map.keys.iter().position(wanted) else {
            return self.program.skips.pass(&mut self.input, map.value);
        };
        let key = &map.keys[nth];
        if *seen >> nth & 1 == 1 {
            return Err(Fault::new("a used key given twice", at).of_column(key.column as usize));
        }
        *seen |= 1 << nth;
        self.run(&key.found)
    }

    /// Takes one value; the faults of the frequent types are built out of line.
    #[inline(always)]
    fn read(&mut self, read: &'p Read, column: u32) -> Parsed<()> {
        let buffers = &mut self.buffers[column as usize];
        let input = &mut self.input;
        let taken = match (read, &mut buffers.values) {
            (Read::Float32, Values::Float32(values)) => {
                input.array().map(|bytes| values.push(f32::from_le_bytes(bytes)))
            }
            (Read::Float64, Values::Float64(values)) => {
                input.array().map(|bytes| values.push(f64::from_le_bytes(bytes)))
            }
            (Read::Int64(Whole::Long), Values::Int64(values)) => input.long().map(|value| values.push(value)),
            (Read::Int32, Values::Int32(values)) => input.int().map(|value| values.push(value)),
            (Read::Text, Values::Bytes(_)) => text(input, buffers),
            (Read::Bool, Values::Bool(values)) => input.boolean().map(|value| values.push(value)),
            (read, _) => other(read, input, buffers, self.scratch),
        };
        match taken {
            Ok(()) => Ok(()),
            Err(fault) => Err(fault.of_column(column as usize)),
        }
    }
}

#[inline(always)]
fn text(input: &mut Input<'_>, buffers: &mut Buffers) -> Parsed<()> {
    let value = input.counted()?;
    if !value.is_ascii() && std::str::from_utf8(value).is_err() {
        return Err(Fault::new(UTF8, input.at - value.len()));
    }
    let limit = buffers.limit;
    match &mut buffers.values {
        Values::Bytes(texts) => texts.push(value, limit, input.at),
        _ => Err(Fault::new(OTHER, input.at)),
    }
}

fn whole(input: &mut Input<'_>, of: Whole) -> Parsed<i64> {
    match of {
        Whole::Int => input.int().map(i64::from),
        Whole::Long => input.long(),
    }
}

/// The nearest `f32`; one too large for it is a fault, what was infinite stays so.
fn shorten(value: f64, at: usize) -> Parsed<f32> {
    let short = value as f32;
    if short.is_infinite() && value.is_finite() {
        return Err(Fault::new(RANGE, at));
    }
    Ok(short)
}

/// The types that are less frequent.
fn other(read: &Read, input: &mut Input<'_>, buffers: &mut Buffers, scratch: &mut Vec<u8>) -> Parsed<()> {
    let (at, limit, kind) = (input.at, buffers.limit, buffers.kind);
    match (read, &mut buffers.values) {
        (Read::Int64(of), Values::Int64(values)) => values.push(whole(input, *of)?),
        (Read::Narrow, Values::Int32(values)) => {
            let value = i32::try_from(input.long()?);
            values.push(value.map_err(|_| Fault::new(RANGE, at))?);
        }
        (Read::Widen, Values::Float64(values)) => values.push(f64::from(f32::from_le_bytes(input.array()?))),
        (Read::Shorten, Values::Float32(values)) => {
            values.push(shorten(f64::from_le_bytes(input.array()?), at)?);
        }
        (Read::WholeToFloat32(of), Values::Float32(values)) => values.push(whole(input, *of)? as f32),
        (Read::WholeToFloat64(of), Values::Float64(values)) => values.push(whole(input, *of)? as f64),
        (Read::Timestamp(of, nanos), Values::Int64(values)) => {
            let value = whole(input, *of)?.checked_mul(*nanos);
            values.push(value.ok_or_else(|| Fault::new(MOMENT, at))?);
        }
        (Read::TextTimestamp, Values::Int64(values)) => {
            let parsed = time::parse(input.counted()?);
            values.push(parsed.map_err(|wrong| match wrong {
                Wrong::Malformed => Fault::new("malformed timestamp: expected rfc 3339", at),
                Wrong::OutOfRange => Fault::new(MOMENT, at),
            })?);
        }
        (Read::Bytes, Values::Bytes(texts)) => texts.push(input.counted()?, limit, at)?,
        (Read::FixedBytes(size), Values::Bytes(texts)) => texts.push(input.take(*size)?, limit, at)?,
        (Read::Symbol(symbols), Values::Bytes(texts)) => {
            let symbol = input.index(symbols.len(), "a symbol that its enum does not have")?;
            texts.push(symbols[symbol].as_bytes(), limit, at)?;
        }
        (Read::Decimal(of), _) => return decimal_into(*of, input, buffers, scratch),
        (Read::Uuid, Values::Bytes(texts)) => {
            decimal::write_uuid(&mut texts.data, input.array()?);
            texts.close(limit, at)?;
        }
        (Read::Duration, Values::Bytes(texts)) => {
            decimal::write_duration(&mut texts.data, input.array()?);
            texts.close(limit, at)?;
        }
        (Read::List(items), Values::Float32(values)) => {
            let end = values.len() + list_width(kind);
            list(input, items, values, end, |item, input| match item {
                Item::Float => Ok(f32::from_le_bytes(input.array()?)),
                Item::Double => {
                    let at = input.at;
                    shorten(f64::from_le_bytes(input.array()?), at)
                }
                Item::Whole(of) => whole(input, of).map(|value| value as f32),
                Item::Misfit => Err(Fault::new(NO_NUMBER, input.at)),
            })?;
        }
        (Read::List(items), Values::Float64(values)) => {
            let end = values.len() + list_width(kind);
            list(input, items, values, end, |item, input| match item {
                Item::Float => Ok(f64::from(f32::from_le_bytes(input.array()?))),
                Item::Double => Ok(f64::from_le_bytes(input.array()?)),
                Item::Whole(of) => whole(input, of).map(|value| value as f64),
                Item::Misfit => Err(Fault::new(NO_NUMBER, input.at)),
            })?;
        }
        _ => return Err(Fault::new(OTHER, at)),
    }
    Ok(())
}

const NO_NUMBER: &str = "expected a number in the list";

fn decimal_into(
    of: Decimal,
    input: &mut Input<'_>,
    buffers: &mut Buffers,
    scratch: &mut Vec<u8>,
) -> Parsed<()> {
    let at = input.at;
    let bytes = match of.size {
        Some(size) => input.take(size)?,
        None => input.counted()?,
    };
    let value = decimal::unscaled(bytes);
    let value = value.ok_or_else(|| Fault::new("a decimal of more than 128 bits", at))?;
    let limit = buffers.limit;
    match (&mut buffers.values, buffers.kind) {
        (Values::Float64(values), ColumnKind::Float64) => {
            values.push(decimal::float64(value, of.scale, scratch));
        }
        (Values::Float32(values), ColumnKind::Float32) => {
            values.push(decimal::float32(value, of.scale, scratch));
        }
        (Values::Bytes(texts), _) => {
            decimal::write(&mut texts.data, value, of.scale);
            texts.close(limit, at)?;
        }
        _ => return Err(Fault::new(OTHER, at)),
    }
    Ok(())
}

/// An array of exactly as many items as are missing to `end`; a count beyond that is refused before an item is read.
fn list<T>(
    input: &mut Input<'_>,
    items: &[Item],
    values: &mut Vec<T>,
    end: usize,
    read: impl Fn(Item, &mut Input<'_>) -> Parsed<T>,
) -> Parsed<()> {
    let start = input.at;
    loop {
        let (count, size) = input.block()?;
        if count == 0 {
            break;
        }
        if count > (end - values.len()) as u64 {
            return Err(Fault::new(WIDTH, start));
        }
        let block_end = size.map(|size| input.at + size);
        match items {
            [item] => {
                for _ in 0..count {
                    values.push(read(*item, input)?);
                }
            }
            _ => {
                for _ in 0..count {
                    let item = items[input.index(items.len(), NO_BRANCH)?];
                    values.push(read(item, input)?);
                }
            }
        }
        if block_end.is_some_and(|end| end != input.at) {
            return Err(Fault::new("a block of another size than it says", input.at));
        }
    }
    if values.len() == end {
        Ok(())
    } else {
        Err(Fault::new(WIDTH, start))
    }
}
