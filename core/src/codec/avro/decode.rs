//! Records to rows: takes the frame off, finds the program of the writer's schema and lets it run along the body.
//! It knows frames, schemas and records; what a schema means is the compiler's matter.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;

use super::compile::{Problem, Program, compile};
use super::input::Input;
use super::schema::AvroSchema;
use super::walk::{MISFIT, Walk};
use crate::batch::Batch;
use crate::codec::columns::Buffers;
use crate::codec::fault::{Fault, Parsed};
use crate::codec::framing::Framing;
use crate::codec::schemas::{SchemaKey, Schemas};
use crate::codec::{Column, Decode, Decoded, Part, schema_of};
use crate::error::{Error, Kind, Result};
use crate::records::Records;
use crate::reject::{Reject, Stage, cause};

/// Programs that are kept; a topic has a handful of schemas.
const KEPT: usize = 256;

/// Avro bodies to the columns named.
#[derive(Debug)]
pub struct AvroDecoder {
    columns: Vec<Column>,
    schema: SchemaRef,
    part: Part,
    origin: Writers,
    buffers: Vec<Buffers>,
    scratch: Vec<u8>,
}

/// Where the writer's schema of a record comes from.
#[derive(Debug)]
enum Writers {
    /// All records have this one.
    One(Arc<Program>),
    Registered {
        framing: Arc<dyn Framing>,
        schemas: Arc<dyn Schemas>,
        /// Used last comes first: in the steady state the first comparison finds it.
        known: Vec<(SchemaKey, Known)>,
    },
}

/// A program, or why there is none.
#[derive(Clone, Debug)]
enum Known {
    Program(Arc<Program>),
    /// The schema does not give the columns, or is none.
    Broken(Arc<str>),
}

/// Why a record is no row.
enum Refused {
    /// Its bytes; the branch that is meant, and how many bytes of the frame are before the body.
    Fault(Box<Fault>, Option<Box<str>>, usize),
    Reason(&'static str, String),
    Broken(String),
    /// Not the record's fault.
    Error(Error),
}

impl AvroDecoder {
    /// Fills `columns` from records whose schemas `schemas` knows by what `framing` says of them.
    pub fn registered(
        columns: &[Column],
        part: Part,
        framing: Arc<dyn Framing>,
        schemas: Arc<dyn Schemas>,
    ) -> Self {
        let writers = Writers::Registered {
            framing,
            schemas,
            known: Vec::new(),
        };
        Self::new(columns, part, writers)
    }

    /// Fills `columns` from bodies without a frame, all written with the schema `text`.
    ///
    /// # Errors
    /// `Config` where the text is no schema, or does not give the columns.
    pub fn plain(columns: &[Column], part: Part, text: &str) -> Result<Self> {
        let schema = AvroSchema::parse(text, &[])?;
        let program = compile(&schema, columns).map_err(|problem| {
            Error::config("read columns by an avro schema: change the schema or the column")
                .caused_by(problem)
        })?;
        Ok(Self::new(columns, part, Writers::One(Arc::new(program))))
    }

    fn new(columns: &[Column], part: Part, origin: Writers) -> Self {
        Self {
            columns: columns.to_vec(),
            schema: schema_of(columns),
            part,
            origin,
            buffers: columns.iter().map(Buffers::new).collect(),
            scratch: Vec::new(),
        }
    }

    /// Takes one record into row `row`.
    fn record(&mut self, records: &Records, record: usize, row: usize) -> Result<(), Refused> {
        let Some(bytes) = self.part.of(records, record) else {
            let missing = self.part.missing();
            return Err(Refused::Reason(missing, missing.to_owned()));
        };
        let (program, body) = match &mut self.origin {
            Writers::One(program) => (&*program, bytes),
            Writers::Registered {
                framing,
                schemas,
                known,
            } => {
                let framed = framing.open(records, record, self.part);
                let framed = framed.map_err(|why| Refused::Reason(cause::FRAME, why))?;
                let key = framed.schema;
                if known.first().is_none_or(|(first, _)| *first != key) {
                    bring_forward(known, key, schemas.as_ref(), &self.columns)?;
                }
                match known.first() {
                    Some((_, Known::Program(program))) => (program, framed.body),
                    Some((_, Known::Broken(why))) => {
                        return Err(Refused::Broken(format!("schema {key}: {why}")));
                    }
                    None => {
                        let why = format!("schema {key}: unknown");
                        return Err(Refused::Reason(cause::UNKNOWN_SCHEMA, why));
                    }
                }
            }
        };
        let mut walk = Walk {
            program,
            columns: &self.columns,
            buffers: &mut self.buffers,
            row,
            input: Input::new(body),
            scratch: &mut self.scratch,
            branch: None,
        };
        let taken: Parsed<()> = walk.body();
        taken.map_err(|fault| {
            let branch = walk.branch.map(Into::into);
            Refused::Fault(fault, branch, bytes.len() - body.len())
        })
    }

    /// Everything decoded before a failure belongs to nobody: the next batch starts clean.
    fn reset(&mut self) {
        for (buffers, column) in self.buffers.iter_mut().zip(&self.columns) {
            *buffers = Buffers::new(column);
        }
    }

    fn reason(&self, fault: &Fault, branch: Option<&str>, before: usize) -> String {
        let column = fault.column.and_then(|column| self.columns.get(column));
        let advice = fault.advice(column);
        let column = column.map_or(String::new(), |column| format!("column `{}`: ", column.name));
        let at = before + fault.at;
        match branch.filter(|_| fault.what == MISFIT) {
            Some(branch) => format!("{column}{}: {branch}, at byte {at}", fault.what),
            None => format!("{column}{} at byte {at}{advice}", fault.what),
        }
    }

    /// The reject of a record, or the error that ends the batch.
    fn refused(&mut self, refused: Refused) -> Result<(Stage, &'static str, String)> {
        match refused {
            Refused::Fault(fault, branch, before) => {
                let reason = self.reason(&fault, branch.as_deref(), before);
                if fault.full {
                    self.reset();
                    let what = format!("decode avro: {reason}; lower the rows per batch");
                    return Err(Error::fatal(what));
                }
                Ok((Stage::Decode, fault.what, reason))
            }
            Refused::Reason(cause, reason) => Ok((Stage::Decode, cause, reason)),
            Refused::Broken(reason) => Ok((Stage::Schema, cause::WITHOUT_COLUMNS, reason)),
            Refused::Error(error) => {
                self.reset();
                Err(error)
            }
        }
    }
}

impl Decode for AvroDecoder {
    fn decode(&mut self, records: &Arc<Records>) -> Result<Decoded> {
        let mut origin = Vec::with_capacity(records.len());
        let mut rejects = Vec::new();
        self.buffers.iter_mut().for_each(|b| b.begin(records.len()));
        for record in 0..records.len() {
            let Err(refused) = self.record(records, record, origin.len()) else {
                origin.push(record as u32);
                continue;
            };
            let (stage, cause, reason) = self.refused(refused)?;
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

/// Makes the program of `key` the first of the known ones.
#[cold]
fn bring_forward(
    known: &mut Vec<(SchemaKey, Known)>,
    key: SchemaKey,
    schemas: &dyn Schemas,
    columns: &[Column],
) -> Result<(), Refused> {
    if let Some(place) = known.iter().position(|(other, _)| *other == key) {
        known[..=place].rotate_right(1);
        return Ok(());
    }
    let schema = schemas.schema(key).map_err(|error| match error.kind() {
        // Whoever gives schemas decides how long it remembers that there is none.
        Kind::Reject => Refused::Reason(cause::UNKNOWN_SCHEMA, error.to_string()),
        _ => Refused::Error(error),
    })?;
    let compiled = match AvroSchema::of(&schema) {
        Ok(schema) => compile(&schema, columns).map_err(|problem: Problem| problem.to_string()),
        Err(error) => Err(error.to_string()),
    };
    let compiled = match compiled {
        Ok(program) => Known::Program(Arc::new(program)),
        Err(why) => Known::Broken(why.into()),
    };
    known.truncate(KEPT - 1);
    known.insert(0, (key, compiled));
    Ok(())
}
