//! Records to rows: finds the program for each record's schema and message, and runs it. Knows framing, schemas and columns; the
//! bytes are the program's matter.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use prost_reflect::MessageDescriptor;

use super::place::Place;
use super::program::Program;
use super::run::{Run, Slot};
use super::schema::Schema;
use crate::batch::Batch;
use crate::codec::columns::Buffers;
use crate::codec::fault::Fault;
use crate::codec::framing::Framing;
use crate::codec::schemas::{RegisteredSchema, SchemaKey, Schemas};
use crate::codec::{Column, Decode, Decoded, Part, schema_of};
use crate::error::{Error, Kind, Result};
use crate::records::Records;
use crate::reject::{Reject, Stage, cause};

/// How many programs and schemas are kept; the one not used for longest goes first.
const MOST_KEPT: usize = 64;

/// Protobuf messages to the columns named.
#[derive(Debug)]
pub struct ProtobufDecoder {
    columns: Vec<Column>,
    schema: SchemaRef,
    part: Part,
    /// None: the only program is there from the start, and nothing stands before a message.
    registry: Option<Registry>,
    /// The one used last first.
    programs: Vec<Known>,
    buffers: Vec<Buffers>,
    slots: Vec<Slot>,
    turn: u64,
}

#[derive(Debug)]
struct Registry {
    framing: Arc<dyn Framing>,
    schemas: Arc<dyn Schemas>,
    /// Compiled, whichever of its messages were met; or why it cannot be.
    compiled: Vec<(SchemaKey, Result<Schema, String>)>,
}

/// The program of one message of one schema, or why there is none.
#[derive(Debug)]
struct Known {
    key: SchemaKey,
    place: Place,
    program: Result<Program, Misfit>,
}

/// Why there is no program.
#[derive(Clone, Debug)]
struct Misfit {
    reason: String,
    /// The schema is sound: it does not give the columns.
    of_columns: bool,
}

/// Why a record is no row.
enum Unfit {
    Reason(&'static str, String),
    /// Its schema is sound, but does not give the columns.
    Columns(String),
    /// In bytes that begin this far into the record's part.
    Fault(Box<Fault>, usize),
    Stop(Error),
}

impl ProtobufDecoder {
    /// Fills `columns` from messages whose schema a frame names. A schema is compiled once.
    pub fn registered(
        columns: &[Column],
        part: Part,
        framing: Arc<dyn Framing>,
        schemas: Arc<dyn Schemas>,
    ) -> Self {
        let registry = Registry {
            framing,
            schemas,
            compiled: Vec::new(),
        };
        Self::new(columns, part, Some(registry), Vec::new())
    }

    /// Fills `columns` from bare messages of one schema; without a name, its first message.
    ///
    /// # Errors
    /// `Config` where the schema does not compile, has no such message, or does not fit the columns.
    pub fn plain(
        columns: &[Column],
        part: Part,
        schema: &RegisteredSchema,
        message: Option<&str>,
    ) -> Result<Self> {
        let compiled = Schema::compile(schema).and_then(|schema| {
            let first = schema.message(message)?;
            let fits = |other: &MessageDescriptor| Program::compile(other, columns).is_ok();
            Program::compile(&first, columns).map_err(|e| match message {
                None => schema.several(fits).unwrap_or(e),
                Some(_) => e,
            })
        });
        let program = compiled.map_err(|e| Error::config(format!("read protobuf by its schema: {e}")))?;
        let known = Known {
            key: SchemaKey::Id(0),
            place: Place::FIRST,
            program: Ok(program),
        };
        Ok(Self::new(columns, part, None, vec![known]))
    }

    fn new(columns: &[Column], part: Part, registry: Option<Registry>, programs: Vec<Known>) -> Self {
        Self {
            columns: columns.to_vec(),
            schema: schema_of(columns),
            part,
            registry,
            programs,
            buffers: columns.iter().map(Buffers::new).collect(),
            slots: Vec::new(),
            turn: 0,
        }
    }

    /// Takes one record into row `row`.
    fn record(&mut self, records: &Records, record: usize, row: usize) -> Result<(), Unfit> {
        let reason = |what: &'static str| Unfit::Reason(what, what.to_owned());
        let Some(payload) = self.part.of(records, record) else {
            return Err(reason(self.part.missing()));
        };
        let mut body = payload;
        if let Some(registry) = &mut self.registry {
            let framed = registry.framing.open(records, record, self.part);
            let framed = framed.map_err(|why| Unfit::Reason(cause::FRAME, why))?;
            let beside = framed.beside.unwrap_or(framed.body);
            let (place, behind) = Place::read(beside).map_err(reason)?;
            body = if framed.beside.is_some() {
                framed.body
            } else {
                behind
            };
            let first = self.programs.first();
            if first.is_none_or(|first| first.key != framed.schema || first.place != place) {
                registry.find(framed.schema, place, &self.columns, &mut self.programs)?;
            }
        }
        let program = match self.programs.first().map(|known| &known.program) {
            Some(Ok(program)) => program,
            Some(Err(misfit)) if misfit.of_columns => return Err(Unfit::Columns(misfit.reason.clone())),
            Some(Err(misfit)) => {
                return Err(Unfit::Reason(cause::UNREADABLE_SCHEMA, misfit.reason.clone()));
            }
            None => return Err(reason("no schema")),
        };
        self.turn += 1;
        if self.slots.len() < program.slots {
            self.slots.resize(program.slots, Slot::default());
        }
        let mut run = Run {
            program,
            slots: &mut self.slots,
            buffers: &mut self.buffers,
            turn: self.turn,
            row,
        };
        let taken = run.record(body, &self.columns);
        taken.map_err(|fault| Unfit::Fault(fault, payload.len() - body.len()))
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

    /// Everything decoded before a failure belongs to nobody: the next batch starts clean.
    fn too_much(&mut self, fault: &Fault) -> Error {
        for (buffers, column) in self.buffers.iter_mut().zip(&self.columns) {
            *buffers = Buffers::new(column);
        }
        let reason = self.reason(fault, 0);
        Error::fatal(format!("decode protobuf: {reason}; lower the rows per batch"))
    }
}

impl Registry {
    /// Puts the program for a message first.
    #[cold]
    fn find(
        &mut self,
        key: SchemaKey,
        place: Place,
        columns: &[Column],
        programs: &mut Vec<Known>,
    ) -> Result<(), Unfit> {
        let known = programs
            .iter()
            .position(|known| known.key == key && known.place == place);
        if let Some(known) = known {
            programs[..=known].rotate_right(1);
            return Ok(());
        }
        let misfit = |of_columns| {
            move |why| Misfit {
                reason: format!("schema {key}: {why}"),
                of_columns,
            }
        };
        let schema = self.compiled(key)?;
        let message = schema
            .as_ref()
            .map_err(String::clone)
            .and_then(|schema| schema.at(&place));
        let message = message.map_err(misfit(false));
        let program = message.and_then(|message| Program::compile(&message, columns).map_err(misfit(true)));
        programs.truncate(MOST_KEPT - 1);
        programs.insert(0, Known { key, place, program });
        Ok(())
    }

    fn compiled(&mut self, key: SchemaKey) -> Result<&Result<Schema, String>, Unfit> {
        let known = match self.compiled.iter().position(|(known, _)| *known == key) {
            Some(known) => known,
            None => {
                let schema = self.schemas.schema(key).map_err(|e| match e.kind() {
                    Kind::Reject => Unfit::Reason(cause::UNKNOWN_SCHEMA, e.to_string()),
                    _ => Unfit::Stop(e),
                })?;
                self.compiled.truncate(MOST_KEPT - 1);
                self.compiled.push((key, Schema::compile(&schema)));
                self.compiled.len() - 1
            }
        };
        self.compiled[..=known].rotate_right(1);
        Ok(&self.compiled[0].1)
    }
}

impl Decode for ProtobufDecoder {
    fn decode(&mut self, records: &Arc<Records>) -> Result<Decoded> {
        let mut origin = Vec::with_capacity(records.len());
        let mut rejects = Vec::new();
        self.buffers.iter_mut().for_each(|b| b.begin(records.len()));
        for record in 0..records.len() {
            let unfit = match self.record(records, record, origin.len()) {
                Ok(()) => {
                    origin.push(record as u32);
                    continue;
                }
                Err(unfit) => unfit,
            };
            let (stage, cause, reason) = match unfit {
                Unfit::Stop(error) => return Err(error),
                Unfit::Fault(fault, _) if fault.full => {
                    return Err(self.too_much(&fault).with("records", records.len()));
                }
                Unfit::Fault(fault, before) => (Stage::Decode, fault.what, self.reason(&fault, before)),
                Unfit::Columns(reason) => (Stage::Schema, cause::WITHOUT_COLUMNS, reason),
                Unfit::Reason(cause, reason) => (Stage::Decode, cause, reason),
            };
            self.buffers.iter_mut().for_each(|b| b.truncate(origin.len()));
            rejects.push(Reject {
                record: record as u32,
                stage,
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
