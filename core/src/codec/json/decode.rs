//! Records to rows: walks each document once, hands used values to their buffers and skips the rest.
//! It knows columns and records; the grammar is the parser's, the types are the buffers'.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;

use super::bodies::{Bodies, Body, Envelope, Enveloped, Plain, Unfit};
use super::fields::{Level, Order, levels};
use super::parser::Cursor;
use crate::batch::Batch;
use crate::codec::columns::Buffers;
use crate::codec::fault::{Fault, Parsed};
use crate::codec::{Column, Decode, Decoded, Part, schema_of};
use crate::error::{Error, Result};
use crate::records::Records;
use crate::reject::{Reject, Stage};

/// JSON objects to the columns named.
#[derive(Debug)]
pub struct JsonDecoder<B = Plain> {
    bodies: B,
    columns: Vec<Column>,
    schema: SchemaRef,
    levels: Vec<Level>,
    /// Per level.
    orders: Vec<Order>,
    buffers: Vec<Buffers>,
    /// Per field and per column the last record that had it.
    seen: Vec<u64>,
    filled: Vec<u64>,
    /// Counts every record ever decoded, so that `seen` needs no clearing.
    turn: u64,
    scratch: Vec<u8>,
}

impl JsonDecoder {
    /// Fills `columns` from payloads; members of an event that no column names are skipped.
    pub fn new(columns: &[Column]) -> Self {
        Self::of(columns, Part::Value)
    }

    /// The same from payloads or keys.
    pub fn of(columns: &[Column], part: Part) -> Self {
        Self::over(columns, Plain(part))
    }

    /// The same from what stands inside an envelope; paths of columns begin inside it.
    pub fn in_envelope(columns: &[Column], part: Part, envelope: Envelope) -> JsonDecoder<Enveloped<Plain>> {
        JsonDecoder::over(columns, Enveloped::new(Plain(part), envelope))
    }
}

impl<B: Bodies> JsonDecoder<B> {
    /// Fills `columns` from the documents that `bodies` gives.
    pub(in crate::codec) fn over(columns: &[Column], bodies: B) -> Self {
        let (levels, fields) = levels(columns);
        Self {
            bodies,
            columns: columns.to_vec(),
            schema: schema_of(columns),
            orders: levels.iter().map(|_| Order::default()).collect(),
            levels,
            buffers: columns.iter().map(Buffers::new).collect(),
            seen: vec![0; fields],
            filled: vec![0; columns.len()],
            turn: 0,
            scratch: Vec::new(),
        }
    }

    /// Takes one record into row `row`.
    fn record(&mut self, row: usize, payload: Option<&[u8]>) -> Parsed<()> {
        self.turn += 1;
        let Some(payload) = payload else {
            return Err(Fault::new("tombstone: the record has no payload", 0));
        };
        if payload.is_empty() {
            return Err(Fault::new("empty payload", 0));
        }
        if simdutf8::basic::from_utf8(payload).is_err() {
            let valid = std::str::from_utf8(payload).err().map_or(0, |e| e.valid_up_to());
            return Err(Fault::new("invalid utf-8", valid));
        }
        let mut walk = Walk {
            levels: &self.levels,
            orders: &mut self.orders,
            buffers: &mut self.buffers,
            seen: &mut self.seen,
            filled: &mut self.filled,
            turn: self.turn,
            missing: self.columns.len(),
            row,
            cursor: Cursor::new(payload),
            scratch: &mut self.scratch,
        };
        walk.document()?;
        if walk.missing > 0 {
            self.fill_absent(row, payload.len())?;
        }
        Ok(())
    }

    /// Fills the columns that record `row` did not have.
    fn fill_absent(&mut self, row: usize, at: usize) -> Parsed<()> {
        for (column, of) in self.columns.iter().enumerate() {
            if self.filled[column] != self.turn {
                let filled = self.buffers[column].absent(row, of.default.as_ref(), at);
                filled.map_err(|fault| fault.of_column(column))?;
            }
        }
        Ok(())
    }

    /// Everything decoded before a failure belongs to nobody: the next batch starts clean.
    fn reset(&mut self) {
        for (buffers, column) in self.buffers.iter_mut().zip(&self.columns) {
            *buffers = Buffers::new(column);
        }
    }

    fn reason(&self, fault: &Fault, before: usize) -> String {
        let column = fault.column.and_then(|column| self.columns.get(column));
        let advice = fault.advice(column);
        let column = column.map_or(String::new(), |column| format!("column `{}`: ", column.name));
        let found = fault
            .found
            .map_or(String::new(), |found| format!(", found {found}"));
        format!(
            "{column}{}{found} at byte {}{advice}",
            fault.what,
            fault.at + before
        )
    }

    fn too_much(&mut self, fault: &Fault) -> Error {
        let reason = self.reason(fault, 0);
        self.reset();
        Error::fatal(format!("decode json: {reason}; lower the rows per batch"))
    }
}

impl<B: Bodies> Decode for JsonDecoder<B> {
    fn decode(&mut self, records: &Arc<Records>) -> Result<Decoded> {
        let mut origin = Vec::with_capacity(records.len());
        let mut rejects = Vec::new();
        self.buffers.iter_mut().for_each(|b| b.begin(records.len()));
        for record in 0..records.len() {
            let (cause, reason) = match self.bodies.body(records, record) {
                Ok(Body { bytes, before }) => {
                    let Err(fault) = self.record(origin.len(), bytes) else {
                        origin.push(record as u32);
                        continue;
                    };
                    if fault.full {
                        return Err(self.too_much(&fault).with("records", records.len()));
                    }
                    self.buffers.iter_mut().for_each(|b| b.truncate(origin.len()));
                    (fault.what, self.reason(&fault, before))
                }
                Err(Unfit::Skip) => continue,
                Err(Unfit::Stop(error)) => return Err(error),
                Err(Unfit::Reason(cause, reason)) => (cause, reason),
            };
            rejects.push(Reject {
                record: record as u32,
                stage: Stage::Decode,
                cause,
                reason,
            });
        }
        let arrays = self.buffers.iter_mut().map(|b| b.finish(origin.len()));
        let arrays = arrays.collect::<Result<Vec<_>>>()?;
        let batch = Batch::new(Arc::clone(&self.schema), arrays, origin, Arc::clone(records))?;
        Ok(Decoded { batch, rejects })
    }
}

/// The way through one document.
struct Walk<'d, 'a> {
    levels: &'d [Level],
    orders: &'d mut [Order],
    buffers: &'d mut [Buffers],
    seen: &'d mut [u64],
    filled: &'d mut [u64],
    turn: u64,
    /// How many columns are not filled yet.
    missing: usize,
    row: usize,
    cursor: Cursor<'a>,
    scratch: &'d mut Vec<u8>,
}

impl Walk<'_, '_> {
    fn document(&mut self) -> Parsed<()> {
        match self.cursor.peek() {
            Some(b'{') => self.object(0)?,
            None => return Err(Fault::new("empty payload", 0)),
            Some(_) => return self.cursor.mismatch("expected a json object"),
        }
        self.cursor.end()
    }

    /// The object under the cursor. Recurses as deep as the columns' paths, and no deeper.
    fn object(&mut self, level: usize) -> Parsed<()> {
        let mut place = 0;
        self.cursor.enter()?;
        loop {
            let start = self.cursor.at;
            let field = match self.orders[level].guess(place, &self.cursor.bytes[start..]) {
                Some(guess) => {
                    self.cursor.at += guess.length;
                    place = guess.place;
                    guess.field
                }
                None if self.cursor.next(b'}', place == 0)? => self.key(level, place, start)?,
                None => return Ok(()),
            };
            place += 1;
            match field {
                Some(field) => self.member(level, field, start)?,
                None => self.cursor.skip_value()?,
            }
        }
    }

    /// Steps to the value of the member under the cursor, and says which field it is. `start` is where the value
    /// before it ended.
    fn key(&mut self, level: usize, place: usize, start: usize) -> Parsed<Option<usize>> {
        self.cursor.open_key()?;
        let field = self.levels[level].find(self.cursor.text(self.scratch)?);
        self.cursor.colon()?;
        self.cursor.peek();
        let between = &self.cursor.bytes[start..self.cursor.at];
        self.orders[level].learn(place, between, field);
        Ok(field)
    }

    #[inline]
    fn member(&mut self, level: usize, field: usize, start: usize) -> Parsed<()> {
        let levels = self.levels;
        let field = &levels[level].fields[field];
        let column = field.columns.first().copied();
        if self.seen[field.id] == self.turn {
            let quote = self.cursor.bytes[start..].iter().position(|b| *b == b'"');
            let at = start + quote.map_or(0, |at| at + 1);
            let mut fault = Fault::new("a used key given twice", at);
            fault.column = column;
            return Err(fault);
        }
        self.seen[field.id] = self.turn;
        let start = self.cursor.clone();
        for (nth, column) in field.columns.iter().enumerate() {
            if nth > 0 {
                self.cursor = start.clone();
            }
            self.value(*column)?;
        }
        let Some(nested) = field.level else {
            return Ok(());
        };
        self.cursor = start;
        match self.cursor.peek() {
            Some(b'{') => self.object(nested),
            // A null object has no members: theirs are absent.
            Some(b'n') => self.cursor.null().map(drop),
            _ => {
                let found = self.cursor.mismatch("expected an object");
                found.map_err(|fault| self.of_any(nested, fault))
            }
        }
    }

    #[inline]
    fn value(&mut self, column: usize) -> Parsed<()> {
        let taken = self.buffers[column].take(self.row, &mut self.cursor, self.scratch);
        self.filled[column] = self.turn;
        self.missing -= 1;
        taken.map_err(|fault| fault.of_column(column))
    }

    /// A fault of an object is one of the first column inside it.
    fn of_any(&self, level: usize, fault: Box<Fault>) -> Box<Fault> {
        let inside = self.levels[level].fields.first();
        match inside.map(|field| (field.columns.first(), field.level)) {
            Some((Some(column), _)) => fault.of_column(*column),
            Some((None, Some(deeper))) => self.of_any(deeper, fault),
            _ => fault,
        }
    }
}
