//! How each column comes about from a JSON Schema, in words; for `check`. Reads no record and asks nobody. A schema of JSON says
//! what must be there; what it does not say may still be.

use serde_json::Value;

use crate::codec::schemas::{RegisteredSchema, SchemaType};
use crate::codec::way::Way;
use crate::codec::{Column, ColumnKind, type_name};
use crate::error::{Error, Result};
use crate::steps::names::{list, suggestion};

/// How many references are followed on the way to one column.
const MOST_REFERENCES: usize = 32;

/// For each column its way into documents of `schema`, or why it has none.
///
/// # Errors
/// `Config` where it is no JSON Schema.
pub fn way(schema: &RegisteredSchema, columns: &[Column]) -> Result<Vec<Result<Way, String>>> {
    if schema.schema_type != SchemaType::JsonSchema {
        let found = schema.schema_type.name();
        return Err(Error::config(format!(
            "read a json schema: found one of type {found}; name that format in the pipeline file"
        )));
    }
    let parse = |text: &str| {
        serde_json::from_str::<Value>(text).map_err(|e| {
            // Its own words may quote the text.
            Error::config(format!(
                "read a json schema: it is no json at line {} column {}",
                e.line(),
                e.column()
            ))
        })
    };
    let root = parse(&schema.text)?;
    let others = schema
        .references
        .iter()
        .map(|r| Ok((r.name.as_str(), parse(&r.text)?)));
    let schemas = Schemas {
        root: &root,
        others: others.collect::<Result<_>>()?,
    };
    Ok(columns.iter().map(|column| schemas.follow(column)).collect())
}

/// A schema and what it refers to.
struct Schemas<'a> {
    root: &'a Value,
    others: Vec<(&'a str, Value)>,
}

impl Schemas<'_> {
    fn follow(&self, column: &Column) -> Result<Way, String> {
        let (mut at, mut document) = self.resolved(self.root, self.root)?;
        let (mut optional, mut null) = (false, false);
        for (depth, name) in column.path.iter().enumerate() {
            let Some(properties) = at.get("properties").and_then(Value::as_object) else {
                // It says nothing of members: any may be there.
                return Ok(unsaid(column));
            };
            let Some(member) = properties.get(name) else {
                return missing(column, at, depth, properties.keys().map(String::as_str));
            };
            let required = at.get("required").and_then(Value::as_array);
            optional |= !required.is_some_and(|all| all.iter().any(|one| one == name));
            (at, document) = self.resolved(member, document)?;
            null = types(at).is_some_and(|types| types.contains(&"null"));
            // A null object has no members: theirs are absent.
            optional |= null && depth + 1 < column.path.len();
        }
        let words = words(at);
        if let Some(types) = types(at)
            && !types.iter().any(|of| fits(of, column.kind))
        {
            return Err(format!(
                "its field `{}` is {words}, which does not convert to {}",
                column.path.join("."),
                type_name(&column.kind.data_type())
            ));
        }
        Ok(Way {
            path: column.path.join("."),
            written_as: words,
            nullable: null || optional && column.default.is_none(),
            missing: false,
            rejects: Vec::new(),
            cast: None,
            default: column.default.as_ref().map(|_| "the column's own".to_owned()),
        })
    }

    /// The schema that `at` refers to, with the document it stands in.
    fn resolved<'b>(&'b self, at: &'b Value, document: &'b Value) -> Result<(&'b Value, &'b Value), String> {
        let (mut at, mut document) = (at, document);
        for _ in 0..MOST_REFERENCES {
            let Some(to) = at.get("$ref").and_then(Value::as_str) else {
                return Ok((at, document));
            };
            let (name, inside) = to.split_once('#').unwrap_or((to, ""));
            if !name.is_empty() {
                let other = self.others.iter().find(|(known, _)| *known == name);
                document = &other
                    .ok_or_else(|| format!("`{to}` is not among the schema's references"))?
                    .1;
            }
            at = document
                .pointer(inside)
                .ok_or_else(|| format!("`{to}` leads nowhere"))?;
        }
        Err("the schema refers to itself without end".to_owned())
    }
}

/// A field of which the schema says nothing.
fn unsaid(column: &Column) -> Way {
    Way {
        path: column.path.join("."),
        written_as: "not in the schema".to_owned(),
        nullable: column.default.is_none(),
        missing: column.default.is_none(),
        rejects: Vec::new(),
        cast: None,
        default: column.default.as_ref().map(|_| "the column's own".to_owned()),
    }
}

fn missing<'a>(
    column: &Column,
    at: &Value,
    depth: usize,
    known: impl Iterator<Item = &'a str> + Clone,
) -> Result<Way, String> {
    if column.nullable || column.default.is_some() {
        return Ok(unsaid(column));
    }
    let (name, field) = (&column.path[depth], column.path[..=depth].join("."));
    let near = suggestion(name, known.clone());
    let open = at.get("additionalProperties").and_then(Value::as_bool) != Some(false);
    let may = if open { ", though writers may add it" } else { "" };
    Err(format!(
        "the schema has no field `{field}`{near}{may}; fields: {}",
        list(known.take(50))
    ))
}

/// The types that the schema names; none where it names none.
fn types(at: &Value) -> Option<Vec<&str>> {
    match at.get("type")? {
        Value::String(one) => Some(vec![one]),
        Value::Array(all) => Some(all.iter().filter_map(Value::as_str).collect()),
        _ => None,
    }
}

fn words(at: &Value) -> String {
    types(at).map_or_else(|| "of any type".to_owned(), |types| types.join(" or "))
}

fn fits(of: &str, kind: ColumnKind) -> bool {
    match kind {
        ColumnKind::Bool => of == "boolean",
        ColumnKind::Int32 | ColumnKind::Int64 | ColumnKind::Float32 | ColumnKind::Float64 => {
            matches!(of, "integer" | "number")
        }
        ColumnKind::String | ColumnKind::Bytes => of == "string",
        ColumnKind::Timestamp(_) => matches!(of, "string" | "integer" | "number"),
        ColumnKind::Float32List(_) | ColumnKind::Float64List(_) => of == "array",
    }
}
