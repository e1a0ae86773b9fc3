//! A schema as a table of types that refer to each other by number, so that a recursive type is no special case.
//! Knows what types there are; it does not know how they are written in JSON, nor columns.

use serde_json::Value;

use super::parse::Parser;
use crate::codec::schemas::{RegisteredSchema, SchemaReference, SchemaType};
use crate::error::{Error, Result};

/// A parsed schema with everything that it refers to.
#[derive(Clone, Debug)]
pub struct AvroSchema {
    pub(super) types: Vec<Type>,
    pub(super) root: usize,
}

/// One type; what it consists of is given by number.
#[derive(Clone, Debug)]
pub(super) enum Type {
    Null,
    Boolean,
    Int(Logical),
    Long(Logical),
    Float,
    Double,
    Bytes(Logical),
    String(Logical),
    Fixed {
        name: String,
        size: usize,
        logical: Logical,
    },
    Enum {
        name: String,
        symbols: Vec<String>,
    },
    Record {
        name: String,
        fields: Vec<Field>,
    },
    Array(usize),
    Map(usize),
    Union(Vec<usize>),
}

/// A field of a record.
#[derive(Clone, Debug)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) aliases: Vec<String>,
    pub(super) of: usize,
    pub(super) default: Option<Value>,
}

/// What a type means beyond its bytes. One that Avro does not define, or not for this type, is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Logical {
    None,
    Decimal { scale: u32 },
    Date,
    TimeMillis,
    TimeMicros,
    Timestamp { unit: Unit, local: bool },
    Uuid,
    Duration,
}

/// What a timestamp counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Millis,
    Micros,
    Nanos,
}

impl Unit {
    pub(super) fn nanos(self) -> i64 {
        match self {
            Self::Millis => 1_000_000,
            Self::Micros => 1000,
            Self::Nanos => 1,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Millis => "millis",
            Self::Micros => "micros",
            Self::Nanos => "nanos",
        }
    }
}

/// How many branches of a union a message names.
const NAMED: usize = 8;

impl AvroSchema {
    /// Reads `text`, which may use the types that `references` define.
    ///
    /// # Errors
    /// `Config` where it is no Avro schema; the message quotes names of types and fields alone.
    pub fn parse(text: &str, references: &[SchemaReference]) -> Result<Self> {
        Parser::parse(text, references).map_err(|what| Error::config(format!("read an avro schema: {what}")))
    }

    /// Reads what a registry gave.
    ///
    /// # Errors
    /// `Config` where it is no Avro schema.
    pub fn of(schema: &RegisteredSchema) -> Result<Self> {
        match schema.schema_type {
            SchemaType::Avro => Self::parse(&schema.text, &schema.references),
            other => Err(Error::config(format!(
                "read an avro schema: found one of type {}; name that format in the pipeline file",
                other.name()
            ))),
        }
    }

    /// The full name of the root, where it has one: a subject can be named after it.
    pub fn name(&self) -> Option<&str> {
        self.at(self.root).name()
    }

    pub(super) fn at(&self, of: usize) -> &Type {
        &self.types[of]
    }

    /// Type `of` as messages name it.
    pub(super) fn words(&self, of: usize) -> String {
        self.words_to(of, 3)
    }

    fn words_to(&self, of: usize, depth: usize) -> String {
        let inner = |of: usize| match depth {
            0 => "..".to_owned(),
            _ => self.words_to(of, depth - 1),
        };
        match self.at(of) {
            Type::Array(items) => format!("array of {}", inner(*items)),
            Type::Map(values) => format!("map of {}", inner(*values)),
            Type::Union(branches) => {
                let mut names: Vec<_> = branches.iter().take(NAMED).map(|b| inner(*b)).collect();
                if branches.len() > NAMED {
                    names.push(format!("{} more", branches.len() - NAMED));
                }
                if names.is_empty() {
                    return "union without a branch".to_owned();
                }
                names.join(" or ")
            }
            Type::Fixed { name, size, logical } => {
                format!("fixed `{name}` of {size} bytes{}", logical.words())
            }
            Type::Enum { name, .. } => format!("enum `{name}`"),
            Type::Record { name, .. } => format!("record `{name}`"),
            Type::Int(l) | Type::Long(l) | Type::Bytes(l) | Type::String(l) => {
                format!("{}{}", self.at(of).word(), l.words())
            }
            other => other.word().to_owned(),
        }
    }
}

impl Type {
    /// Its name in Avro, without what it consists of.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "boolean",
            Self::Int(_) => "int",
            Self::Long(_) => "long",
            Self::Float => "float",
            Self::Double => "double",
            Self::Bytes(_) => "bytes",
            Self::String(_) => "string",
            Self::Fixed { .. } => "fixed",
            Self::Enum { .. } => "enum",
            Self::Record { .. } => "record",
            Self::Array(_) => "array",
            Self::Map(_) => "map",
            Self::Union(_) => "union",
        }
    }

    /// The full name that it was defined by.
    pub(super) fn name(&self) -> Option<&str> {
        match self {
            Self::Fixed { name, .. } | Self::Enum { name, .. } | Self::Record { name, .. } => Some(name),
            _ => None,
        }
    }
}

impl Logical {
    fn words(self) -> String {
        match self {
            Self::None => String::new(),
            Self::Decimal { scale } => format!(" (decimal of scale {scale})"),
            Self::Date => " (date)".to_owned(),
            Self::TimeMillis => " (time-millis)".to_owned(),
            Self::TimeMicros => " (time-micros)".to_owned(),
            Self::Timestamp { unit, local } => {
                format!(
                    " ({}timestamp-{})",
                    if local { "local-" } else { "" },
                    unit.name()
                )
            }
            Self::Uuid => " (uuid)".to_owned(),
            Self::Duration => " (duration)".to_owned(),
        }
    }
}
