//! The trails of all columns as tables: per message which field number is skipped, kept, or descended into. Made once per
//! schema. Knows descriptors; it does not know bytes.

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};

use super::scalar::Scalar;
use super::trail::{End, Hop, Trail, Unset, trail};
use super::wire::Wire;
use crate::codec::Column;

/// What a message of one type becomes.
#[derive(Debug)]
pub(super) struct Program {
    /// The message's own level first.
    pub(super) levels: Vec<Level>,
    /// Per column; `None` where the schema does not have its field.
    pub(super) leaves: Vec<Option<Leaf>>,
    /// How many values are kept until the message's end.
    pub(super) slots: usize,
}

/// The used fields of one message.
#[derive(Debug)]
pub(super) struct Level {
    of: MessageDescriptor,
    /// Per small field number the action's index plus one.
    dense: [u16; 64],
    pub(super) actions: Vec<Action>,
}

/// What is done with a field.
#[derive(Debug)]
pub(super) struct Action {
    number: u32,
    pub(super) wire: Wire,
    pub(super) target: Target,
    /// What the field replaces: the other members of its oneof.
    pub(super) clears: Clears,
    /// The first column that needs it.
    pub(super) column: Option<usize>,
}

#[derive(Debug)]
pub(super) enum Target {
    /// Only what it replaces matters.
    Nothing,
    Slot(usize),
    /// The columns that its items fill.
    List(Scalar, Vec<usize>),
    /// The slot says that the message is there.
    Message(usize, usize),
    Map(Map),
}

/// The used keys of a map.
#[derive(Debug)]
pub(super) struct Map {
    pub(super) value: Wire,
    pub(super) keys: Vec<MapKey>,
}

#[derive(Debug)]
pub(super) struct MapKey {
    pub(super) key: String,
    pub(super) slot: usize,
    pub(super) level: Option<usize>,
    /// What an earlier entry of the same key left: entries replace, they do not merge.
    pub(super) clears: Clears,
}

/// Values to forget.
#[derive(Clone, Debug, Default)]
pub(super) struct Clears {
    pub(super) slots: Vec<usize>,
    pub(super) lists: Vec<usize>,
}

/// Where a column's value is, once the message is read.
#[derive(Debug)]
pub(super) struct Leaf {
    /// The slot of the message around it; none around the record's own fields.
    pub(super) parent: Option<usize>,
    /// Whether the schema requires that message.
    pub(super) required: bool,
    pub(super) part: Part,
    pub(super) unset: Unset,
    pub(super) names: Vec<(i32, String)>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Part {
    Scalar(Scalar, usize),
    List,
    Timestamp { seconds: usize, nanos: usize },
    Duration { seconds: usize, nanos: usize },
    Decimal { value: usize, scale: usize },
}

impl Level {
    fn new(of: &MessageDescriptor) -> Self {
        Self {
            of: of.clone(),
            dense: [0; 64],
            actions: Vec::new(),
        }
    }

    #[inline]
    pub(super) fn find(&self, number: u32) -> Option<&Action> {
        match self.dense.get(number as usize) {
            Some(0) => None,
            Some(place) => self.actions.get(usize::from(*place) - 1),
            None => self.actions.iter().find(|action| action.number == number),
        }
    }

    fn add(&mut self, action: Action) -> usize {
        if let Some(place) = self.dense.get_mut(action.number as usize) {
            *place = self.actions.len() as u16 + 1;
        }
        self.actions.push(action);
        self.actions.len() - 1
    }
}

impl Program {
    /// Compiles the columns' ways into `message`. The reason names the first column that has none.
    pub(super) fn compile(message: &MessageDescriptor, columns: &[Column]) -> Result<Self, String> {
        let mut program = Self {
            levels: vec![Level::new(message)],
            leaves: Vec::new(),
            slots: 0,
        };
        for (index, column) in columns.iter().enumerate() {
            let found = trail(message, column).map_err(|e| format!("column `{}`: {e}", column.name))?;
            let leaf = found.map(|trail| program.enter(index, trail)).transpose();
            program
                .leaves
                .push(leaf.map_err(|e| format!("column `{}`: {e}", column.name))?);
        }
        program.close();
        Ok(program)
    }

    fn enter(&mut self, column: usize, trail: Trail) -> Result<Leaf, String> {
        const LOST: &str = "the field is not what the schema says";
        let (mut level, mut parent, mut slot, mut required) = (0, None, None, false);
        let mut hops = trail.hops.iter().peekable();
        while let Some(hop) = hops.next() {
            let Hop::Field(field) = hop else {
                return Err(LOST.to_owned());
            };
            required = field.is_required();
            let action = self.action(column, level, field);
            if let Some(Hop::Key(key)) = hops.peek() {
                hops.next();
                let (of_key, inside) = self.map_key(level, action, key, field).ok_or(LOST)?;
                (parent, slot, level) = (slot, Some(of_key), inside.unwrap_or(level));
                continue;
            }
            match &mut self.levels[level].actions[action].target {
                Target::Slot(own) => (parent, slot) = (slot, Some(*own)),
                Target::Message(own, inside) => (parent, slot, level) = (slot, Some(*own), *inside),
                Target::List(_, columns) => {
                    columns.push(column);
                    parent = slot;
                }
                Target::Map(_) | Target::Nothing => return Err(LOST.to_owned()),
            }
        }
        let inner = |program: &mut Self, number| program.inner(column, level, number).ok_or(LOST);
        let (parent, part, unset) = match trail.end {
            End::Scalar(of) => (parent, Part::Scalar(of, slot.ok_or(LOST)?), trail.unset),
            End::List(_) => (parent, Part::List, trail.unset),
            End::Wrapped(of) => (slot, Part::Scalar(of, inner(self, 1)?), Unset::Zero),
            End::Timestamp | End::Duration => {
                let (seconds, nanos) = (inner(self, 1)?, inner(self, 2)?);
                let part = match trail.end {
                    End::Timestamp => Part::Timestamp { seconds, nanos },
                    _ => Part::Duration { seconds, nanos },
                };
                (slot, part, Unset::Zero)
            }
            End::Decimal => {
                let (value, scale) = (inner(self, 1)?, inner(self, 3)?);
                (slot, Part::Decimal { value, scale }, Unset::Zero)
            }
        };
        // A field whose message is missing is absent, whatever it would be inside.
        let required = required && parent == slot;
        Ok(Leaf {
            parent,
            required,
            part,
            unset,
            names: trail.names,
        })
    }

    /// The slot of field `number` inside a well-known message.
    fn inner(&mut self, column: usize, level: usize, number: u32) -> Option<usize> {
        let field = self.levels[level].of.get_field(number)?;
        let action = self.action(column, level, &field);
        match self.levels[level].actions[action].target {
            Target::Slot(slot) => Some(slot),
            _ => None,
        }
    }

    fn slot(&mut self) -> usize {
        self.slots += 1;
        self.slots - 1
    }

    fn level(&mut self, of: &MessageDescriptor) -> usize {
        self.levels.push(Level::new(of));
        self.levels.len() - 1
    }

    /// The action for a field, new where no column before needed it.
    fn action(&mut self, column: usize, level: usize, field: &FieldDescriptor) -> usize {
        let number = field.number();
        if let Some(known) = self.levels[level].actions.iter().position(|a| a.number == number) {
            return known;
        }
        let (wire, target) = match field.kind() {
            kind if field.is_map() => {
                let entry = kind.as_message().map(MessageDescriptor::map_entry_value_field);
                let value = entry.map_or(Wire::Bytes, |value| wire_of(&value.kind()));
                (
                    Wire::Bytes,
                    Target::Map(Map {
                        value,
                        keys: Vec::new(),
                    }),
                )
            }
            Kind::Message(inner) => {
                let (slot, inside) = (self.slot(), self.level(&inner));
                let wire = if field.is_group() {
                    Wire::Group
                } else {
                    Wire::Bytes
                };
                (wire, Target::Message(slot, inside))
            }
            kind => match Scalar::of(&kind) {
                Some(scalar) if field.is_list() => (scalar.wire(), Target::List(scalar, Vec::new())),
                _ => (wire_of(&kind), Target::Slot(self.slot())),
            },
        };
        self.levels[level].add(Action {
            number,
            wire,
            target,
            clears: Clears::default(),
            column: Some(column),
        })
    }

    /// The slot of a map's key, and the level of its value where that is a message.
    fn map_key(
        &mut self,
        level: usize,
        action: usize,
        key: &str,
        field: &FieldDescriptor,
    ) -> Option<(usize, Option<usize>)> {
        let Target::Map(map) = &self.levels[level].actions[action].target else {
            return None;
        };
        if let Some(known) = map.keys.iter().find(|known| known.key == key) {
            return Some((known.slot, known.level));
        }
        let value = field.kind().as_message()?.map_entry_value_field().kind();
        let slot = self.slot();
        let inside = value.as_message().map(|of| self.level(of));
        let Target::Map(map) = &mut self.levels[level].actions[action].target else {
            return None;
        };
        map.keys.push(MapKey {
            key: key.to_owned(),
            slot,
            level: inside,
            clears: Clears::default(),
        });
        Some((slot, inside))
    }

    /// Works out what each field replaces, once all columns have entered.
    fn close(&mut self) {
        for level in 0..self.levels.len() {
            let of = self.levels[level].of.clone();
            for oneof in of.oneofs().filter(|oneof| !oneof.is_synthetic()) {
                let members: Vec<FieldDescriptor> = oneof.fields().collect();
                self.close_oneof(level, &members);
            }
            for action in 0..self.levels[level].actions.len() {
                self.close_map(level, action);
            }
        }
    }

    fn close_oneof(&mut self, level: usize, members: &[FieldDescriptor]) {
        let is_used = |program: &Self, number| program.levels[level].find(number).is_some();
        if !members.iter().any(|member| is_used(self, member.number())) {
            return;
        }
        for member in members {
            if !is_used(self, member.number()) {
                self.levels[level].add(Action {
                    number: member.number(),
                    wire: if member.is_group() {
                        Wire::Group
                    } else {
                        wire_of(&member.kind())
                    },
                    target: Target::Nothing,
                    clears: Clears::default(),
                    column: None,
                });
            }
        }
        for member in members {
            let mut clears = Clears::default();
            for other in members.iter().filter(|other| other.number() != member.number()) {
                if let Some(action) = self.levels[level].find(other.number()) {
                    self.kept_by(&action.target, &mut clears);
                }
            }
            let mut actions = self.levels[level].actions.iter_mut();
            if let Some(action) = actions.find(|action| action.number == member.number()) {
                action.clears = clears;
            }
        }
    }

    fn close_map(&mut self, level: usize, action: usize) {
        let Target::Map(map) = &self.levels[level].actions[action].target else {
            return;
        };
        let clears: Vec<Clears> = map.keys.iter().map(|key| self.kept_inside(key.level)).collect();
        if let Target::Map(map) = &mut self.levels[level].actions[action].target {
            for (key, clears) in map.keys.iter_mut().zip(clears) {
                key.clears = clears;
            }
        }
    }

    fn kept_inside(&self, level: Option<usize>) -> Clears {
        let mut clears = Clears::default();
        for action in level.map_or(&[][..], |level| &self.levels[level].actions) {
            self.kept_by(&action.target, &mut clears);
        }
        clears
    }

    /// Adds what `target` fills. As deep as the columns' paths.
    fn kept_by(&self, target: &Target, clears: &mut Clears) {
        match target {
            Target::Nothing => {}
            Target::Slot(slot) => clears.slots.push(*slot),
            Target::List(_, columns) => clears.lists.extend(columns),
            Target::Message(slot, level) => {
                clears.slots.push(*slot);
                for action in &self.levels[*level].actions {
                    self.kept_by(&action.target, clears);
                }
            }
            Target::Map(map) => {
                for key in &map.keys {
                    clears.slots.push(key.slot);
                    for action in key.level.map_or(&[][..], |level| &self.levels[level].actions) {
                        self.kept_by(&action.target, clears);
                    }
                }
            }
        }
    }
}

fn wire_of(kind: &Kind) -> Wire {
    Scalar::of(kind).map_or(Wire::Bytes, Scalar::wire)
}
