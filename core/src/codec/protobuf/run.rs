//! One record through a program: values are kept until the message's end, because the last of several counts and messages
//! merge; then each column takes its own. Knows the bytes and the buffers; it does not know records or schemas.

use super::program::{Action, Clears, Leaf, Map, Part, Program, Target};
use super::scalar::Scalar;
use super::take::Given;
use super::trail::Unset;
use super::wire::{Cursor, Wire};
use crate::codec::Column;
use crate::codec::columns::{Buffers, list_width};
use crate::codec::fault::{Fault, Parsed};

const WRONG_WIRE: &str = "written as another type than the schema says";

/// A value kept.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Slot {
    /// The record that it is of: nothing needs clearing between records.
    turn: u64,
    bits: u64,
    start: usize,
    end: usize,
}

/// One record on its way.
pub(super) struct Run<'r> {
    pub(super) program: &'r Program,
    pub(super) slots: &'r mut [Slot],
    pub(super) buffers: &'r mut [Buffers],
    /// Counts every record ever decoded, from 1.
    pub(super) turn: u64,
    pub(super) row: usize,
}

impl<'r> Run<'r> {
    /// Takes the message in `body` into the row.
    pub(super) fn record(&mut self, body: &[u8], columns: &[Column]) -> Parsed<()> {
        self.message(0, &mut Cursor::new(body), None)?;
        let program = self.program;
        for (index, (leaf, column)) in program.leaves.iter().zip(columns).enumerate() {
            let taken = match leaf {
                Some(leaf) => self.leaf(index, leaf, column, body),
                None => self.absent(index, column, body.len()),
            };
            taken.map_err(|fault| fault.of_column(index))?;
        }
        Ok(())
    }

    /// The message under the cursor. Recurses as deep as the columns' paths, and no deeper.
    fn message(&mut self, level: usize, cursor: &mut Cursor<'_>, group: Option<u32>) -> Parsed<()> {
        let program = self.program;
        let level = &program.levels[level];
        while !cursor.is_at_end() {
            let at = cursor.at;
            let (number, wire) = cursor.tag()?;
            match level.find(number) {
                Some(action) => {
                    let done = self.field(action, number, wire, cursor);
                    done.map_err(|mut fault| {
                        fault.column = fault.column.or(action.column);
                        fault
                    })?;
                }
                None if wire == Wire::EndGroup && group == Some(number) => return Ok(()),
                None if wire == Wire::EndGroup => {
                    return Err(Fault::new("end of a group that was not begun", at));
                }
                None => cursor.skip(number, wire)?,
            }
        }
        match group {
            Some(_) => Err(Fault::new("a group without its end", cursor.end)),
            None => Ok(()),
        }
    }

    #[inline]
    fn field(&mut self, action: &Action, number: u32, wire: Wire, cursor: &mut Cursor<'_>) -> Parsed<()> {
        if let Target::List(of, columns) = &action.target {
            return self.list(*of, columns, wire, cursor);
        }
        if wire != action.wire {
            return mismatch(wire, cursor);
        }
        self.forget(&action.clears);
        match &action.target {
            Target::Slot(slot) => self.slots[*slot] = self.value(wire, cursor)?,
            Target::Message(slot, level) => {
                self.slots[*slot].turn = self.turn;
                if wire == Wire::Group {
                    return self.message(*level, cursor, Some(number));
                }
                let (start, end) = cursor.bytes()?;
                self.message(*level, &mut cursor.within(start, end), None)?;
            }
            Target::Map(map) => {
                let (start, end) = cursor.bytes()?;
                self.entry(map, cursor.within(start, end))?;
            }
            Target::List(..) | Target::Nothing => cursor.skip(number, wire)?,
        }
        Ok(())
    }

    #[inline]
    fn value(&self, wire: Wire, cursor: &mut Cursor<'_>) -> Parsed<Slot> {
        let turn = self.turn;
        let start = cursor.at;
        let bits = match wire {
            Wire::Varint => cursor.varint()?,
            Wire::Fixed64 => cursor.fixed64()?,
            Wire::Fixed32 => u64::from(cursor.fixed32()?),
            Wire::Bytes => {
                let (start, end) = cursor.bytes()?;
                return Ok(Slot {
                    turn,
                    bits: 0,
                    start,
                    end,
                });
            }
            Wire::Group | Wire::EndGroup => return mismatch(wire, cursor),
        };
        Ok(Slot {
            turn,
            bits,
            start,
            end: start,
        })
    }

    fn forget(&mut self, clears: &Clears) {
        for slot in &clears.slots {
            self.slots[*slot].turn = 0;
        }
        for column in &clears.lists {
            self.buffers[*column].truncate(self.row);
        }
    }

    /// One entry of a map: its key and value come in any order, or not at all.
    fn entry(&mut self, map: &Map, mut cursor: Cursor<'_>) -> Parsed<()> {
        let (mut key, mut value) = ((0, 0), None);
        while !cursor.is_at_end() {
            match cursor.tag()? {
                (1, Wire::Bytes) => key = cursor.bytes()?,
                (2, wire) if wire == map.value => value = Some(self.value(wire, &mut cursor)?),
                (1 | 2, wire) => return mismatch(wire, &cursor),
                (number, wire) => cursor.skip(number, wire)?,
            }
        }
        let key = &cursor.bytes[key.0..key.1];
        let Some(used) = map.keys.iter().find(|used| used.key.as_bytes() == key) else {
            return Ok(());
        };
        self.forget(&used.clears);
        let zero = Slot {
            turn: self.turn,
            start: cursor.end,
            end: cursor.end,
            ..Slot::default()
        };
        let value = value.unwrap_or(zero);
        self.slots[used.slot] = value;
        match used.level {
            Some(level) => self.message(level, &mut cursor.within(value.start, value.end), None),
            None => Ok(()),
        }
    }

    fn list(&mut self, of: Scalar, columns: &[usize], wire: Wire, cursor: &mut Cursor<'_>) -> Parsed<()> {
        let packed = wire == Wire::Bytes;
        if !packed && wire != of.wire() {
            return mismatch(wire, cursor);
        }
        let start = *cursor;
        for column in columns {
            *cursor = start;
            let mut items = if packed {
                let (start, end) = cursor.bytes()?;
                cursor.within(start, end)
            } else {
                *cursor
            };
            let most = if packed { usize::MAX } else { 1 };
            let buffers = &mut self.buffers[*column];
            let taken = buffers.take_items(self.row, of, most, &mut items);
            taken.map_err(|fault| fault.of_column(*column))?;
            if !packed {
                *cursor = items;
            }
        }
        Ok(())
    }

    fn leaf(&mut self, index: usize, leaf: &Leaf, column: &Column, body: &[u8]) -> Parsed<()> {
        let end = body.len();
        if leaf.parent.is_some_and(|parent| !self.is_set(parent)) {
            if leaf.required {
                return required(end);
            }
            return self.absent(index, column, end);
        }
        let row = self.row;
        match leaf.part {
            Part::Scalar(of, slot) => {
                if !self.is_set(slot) {
                    return self.unset(index, of, leaf, column, end);
                }
                let slot = self.slots[slot];
                let given = Given {
                    of,
                    bits: slot.bits,
                    bytes: &body[slot.start..slot.end],
                    names: &leaf.names,
                    at: slot.start,
                };
                self.buffers[index].take_scalar(&given)
            }
            Part::List if self.buffers[index].has_items(row) => self.buffers[index].end_items(row, end),
            Part::List => self.absent(index, column, end),
            Part::Timestamp { seconds, nanos } => {
                let (at, seconds, nanos) = self.time(seconds, nanos, end);
                self.buffers[index].take_timestamp(seconds, nanos, at)
            }
            Part::Duration { seconds, nanos } => {
                let (at, seconds, nanos) = self.time(seconds, nanos, end);
                self.buffers[index].take_duration(seconds, nanos, at)
            }
            Part::Decimal { value, scale } => {
                let (value, scale) = (self.kept(value, end), self.kept(scale, end));
                let unscaled = &body[value.start..value.end];
                self.buffers[index].take_decimal(unscaled, scale.bits as i32, value.start)
            }
        }
    }

    fn unset(&mut self, index: usize, of: Scalar, leaf: &Leaf, column: &Column, at: usize) -> Parsed<()> {
        match &leaf.unset {
            Unset::Absent => self.absent(index, column, at),
            Unset::Required => required(at),
            Unset::Given(default) => self.buffers[index].absent(self.row, Some(default), at),
            Unset::Zero => self.buffers[index].take_scalar(&Given {
                of,
                bits: 0,
                bytes: &[],
                names: &leaf.names,
                at,
            }),
        }
    }

    fn absent(&mut self, index: usize, column: &Column, at: usize) -> Parsed<()> {
        self.buffers[index].absent(self.row, column.default.as_ref(), at)
    }

    fn is_set(&self, slot: usize) -> bool {
        self.slots[slot].turn == self.turn
    }

    /// The value kept, or the zero of its type.
    fn kept(&self, slot: usize, end: usize) -> Slot {
        if self.is_set(slot) {
            return self.slots[slot];
        }
        Slot {
            start: end,
            end,
            ..Slot::default()
        }
    }

    fn time(&self, seconds: usize, nanos: usize, end: usize) -> (usize, i64, i32) {
        let (seconds, nanos) = (self.kept(seconds, end), self.kept(nanos, end));
        (seconds.start, seconds.bits as i64, nanos.bits as i32)
    }
}

/// The buffers' width says how many items a list has; a list that is no list has none.
impl Buffers {
    fn has_items(&self, row: usize) -> bool {
        self.items() > row * list_width(self.kind)
    }
}

#[cold]
fn mismatch<T>(wire: Wire, cursor: &Cursor<'_>) -> Parsed<T> {
    Err(Fault::new(WRONG_WIRE, cursor.at).found(wire.name()))
}

#[cold]
fn required(at: usize) -> Parsed<()> {
    Err(Fault::new("missing, though its schema requires it", at))
}
