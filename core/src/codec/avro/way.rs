//! How a column comes about from a schema, in words: what `check` prints, and what a new schema is judged by.
//! Says what the compiler does; no bytes, no network.

use std::fmt;

use super::compile::{Problem, compile_as, find_field, takes_whole};
use super::fit::{Item, Read, fit};
use super::schema::{AvroSchema, Type};
use crate::codec::{Column, type_name};

/// Where a column's values come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filled {
    Field,
    /// The schema has no such field: the column's default.
    Default,
    /// The schema has no such field: null.
    Null,
}

/// How one column comes about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    pub column: String,
    /// The column's type, as the pipeline file says it.
    pub to: String,
    pub filled: Filled,
    /// The field as its writer names it, from the outside in: `merchant.id`. Up to where the schema goes along; empty where the
    /// column is the whole value.
    pub field: String,
    /// The field's type in words; empty where there is no field.
    pub avro: String,
    /// The writer may leave it out or write a null: a null in a nullable column, a reject in any other.
    pub null: bool,
    /// There is never a value, and nothing fills the column.
    pub missing: bool,
    /// Types of a union that the column does not take: a value of one is a reject.
    pub rejects: Vec<String>,
    /// What happens to a value on its way, where it does not stay what it is.
    pub cast: Option<String>,
    /// Whether something may be absent on the way there, and the column's default fills it.
    pub default: bool,
}

impl Way {
    /// What is on the way may be absent; `own`: the column has a default.
    fn absent(&mut self, own: bool) {
        self.default |= own;
        self.null |= !own;
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}: ", self.column, self.to)?;
        match self.filled {
            Filled::Default => return f.write_str("not in the schema, always the default"),
            Filled::Null => return f.write_str("not in the schema, always null"),
            Filled::Field if self.field.is_empty() => write!(f, "the whole value, {}", self.avro)?,
            Filled::Field => write!(f, "field `{}`, {}", self.field, self.avro)?,
        }
        if let Some(cast) = &self.cast {
            write!(f, "; {cast}")?;
        }
        for of in &self.rejects {
            write!(f, "; {of} is a reject")?;
        }
        if self.null {
            f.write_str("; may be null")?;
        }
        Ok(())
    }
}

/// How each of `columns`, read together, comes about from bodies written with `schema`; or why it does not.
pub fn ways(schema: &AvroSchema, columns: &[Column]) -> Vec<Result<Way, Problem>> {
    let whole = takes_whole(schema, columns);
    columns.iter().map(|column| one(schema, column, whole)).collect()
}

/// How `column`, read alone, comes about from bodies written with `schema`.
///
/// # Errors
/// Why it does not: the field is missing, or of a type that does not convert.
pub fn way(schema: &AvroSchema, column: &Column) -> Result<Way, Problem> {
    one(schema, column, takes_whole(schema, std::slice::from_ref(column)))
}

fn one(schema: &AvroSchema, column: &Column, whole: bool) -> Result<Way, Problem> {
    compile_as(schema, std::slice::from_ref(column), whole)?;
    let start = Way {
        column: column.name.clone(),
        to: type_name(&column.kind.data_type()),
        filled: Filled::Field,
        field: String::new(),
        avro: String::new(),
        null: false,
        missing: false,
        rejects: Vec::new(),
        cast: None,
        default: false,
    };
    let path: &[String] = if whole { &[] } else { &column.path };
    let found = follow(schema, column, schema.root, path, start);
    found.ok_or_else(|| Problem {
        column: column.name.clone(),
        what: "the schema does not lead to it".to_owned(),
    })
}

/// Goes on from type `of` along `path`; `None` where that leads nowhere.
fn follow(schema: &AvroSchema, column: &Column, of: usize, path: &[String], mut way: Way) -> Option<Way> {
    let Some((segment, rest)) = path.split_first() else {
        return leaf(schema, column, of, way);
    };
    let own = column.default.is_some();
    match schema.at(of) {
        Type::Record { fields, .. } => match find_field(fields, segment) {
            Some((_, field)) => {
                step(&mut way, &field.name);
                follow(schema, column, field.of, rest, way)
            }
            None => {
                way.filled = if own { Filled::Default } else { Filled::Null };
                (way.default, way.null, way.missing) = (own, !own, !own);
                (own || column.nullable).then_some(way)
            }
        },
        Type::Map(values) => {
            step(&mut way, segment);
            way.absent(own);
            follow(schema, column, *values, rest, way)
        }
        Type::Union(branches) => {
            let null = branches
                .iter()
                .any(|branch| matches!(schema.at(*branch), Type::Null));
            if null {
                way.absent(own);
            }
            // A null leads everywhere, and shows least.
            let is_null = |branch: &&usize| matches!(schema.at(**branch), Type::Null);
            let (nulls, others): (Vec<&usize>, Vec<&usize>) = branches.iter().partition(is_null);
            let mut found = None;
            for branch in others {
                match follow(schema, column, *branch, path, way.clone()) {
                    Some(leads) => found = found.or(Some(leads)),
                    None => way.rejects.push(schema.words(*branch)),
                }
            }
            let mut found = found.or_else(|| follow(schema, column, **nulls.first()?, path, way.clone()))?;
            found.rejects = [way.rejects, found.rejects].concat();
            Some(found)
        }
        Type::Null => {
            way.absent(own);
            way.missing = !own;
            Some(way)
        }
        _ => None,
    }
}

fn step(way: &mut Way, name: &str) {
    if !way.field.is_empty() {
        way.field.push('.');
    }
    way.field.push_str(name);
}

fn leaf(schema: &AvroSchema, column: &Column, of: usize, mut way: Way) -> Option<Way> {
    way.avro = schema.words(of);
    let branches = match schema.at(of) {
        Type::Union(branches) => branches.as_slice(),
        _ => &[of],
    };
    let mut casts = Vec::new();
    for branch in branches {
        match fit(schema, *branch, column.kind) {
            Some((read, cast)) => {
                casts.extend(cast);
                if matches!(&read, Read::List(items) if items.contains(&Item::Misfit)) {
                    way.rejects
                        .push(format!("an item of {} that is no number", schema.words(*branch)));
                }
            }
            None if matches!(schema.at(*branch), Type::Null) => way.null = true,
            None => way.rejects.push(schema.words(*branch)),
        }
    }
    way.missing = branches
        .iter()
        .all(|branch| matches!(schema.at(*branch), Type::Null));
    way.cast = (!casts.is_empty()).then(|| casts.join(", "));
    Some(way)
}
