//! The contract between schemas and a model: whether events written with a schema give the columns, and which tensor would miss
//! one. Says what decoders do, before there is an event. Asks nobody.

use forebay_core::Result;
use forebay_core::codec::schemas::{RegisteredSchema, SchemaType};
use forebay_core::codec::{Column, Part, avro, json_schema, protobuf};
use serde::Serialize;

use crate::config::{Config, Problem, ProtobufSource, Severity, SourceFormat};
use crate::describe::{Description, Reached, SourceColumn};
use crate::formats;

/// One schema, and what becomes of the columns with it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Contract {
    /// `payments-value version 3 (id 7)`, or a file.
    pub schema: String,
    /// Of keys or of payloads.
    pub of: &'static str,
    pub columns: Vec<Held>,
}

/// A column under one schema.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Held {
    pub column: String,
    /// Its field, as the writer names it; none where the schema has none, or has no fields and the column is the whole value.
    pub field: Option<String>,
    /// The field's type in the schema's words.
    pub written_as: Option<String>,
    /// What happens to a value on its way.
    pub cast: Option<String>,
    /// Whether an event that follows the schema may leave the column without a value.
    pub nullable: bool,
    /// Values that an event may have by the schema and that the column does not take.
    pub rejects: Vec<String>,
    /// What fills the column then.
    pub default: Option<String>,
    pub verdict: Verdict,
    /// What is wrong, where it does not simply fit.
    pub reason: Option<String>,
    /// The tensors that the column reaches, each with its step's number from 0.
    pub tensors: Vec<Reached>,
}

/// What a schema means for a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Fits,
    /// Some events may be rejected.
    Warns,
    /// Every event is rejected.
    Breaks,
}

impl Contract {
    /// Judges `schema` for `part` of every event.
    ///
    /// # Errors
    /// `Config` where it is no schema, or not in the language of the part's format.
    pub fn of(
        config: &Config,
        description: &Description,
        (part, name): (Part, String),
        schema: &RegisteredSchema,
    ) -> Result<Self> {
        let source = &config.document.pipeline.source;
        let (of, format, columns, declared) = match (part, &source.key, &description.source.key) {
            (Part::Key, Some(key), Some(described)) => {
                ("keys", &key.format, &config.key_columns, &described.columns)
            }
            _ => (
                "payloads",
                &source.format,
                &config.columns,
                &description.source.columns,
            ),
        };
        let found = ways(format, schema, columns)?;
        let held = columns.iter().zip(found).zip(declared);
        Ok(Self {
            schema: name,
            of,
            columns: held
                .map(|((column, found), declared)| hold(column, found, declared))
                .collect(),
        })
    }

    /// What is wrong, each at its column in the file.
    pub fn problems(&self, config: &Config) -> impl Iterator<Item = Problem> {
        let declared = match self.of {
            "keys" => "/pipeline/source/key/columns",
            _ => "/pipeline/source/columns",
        };
        self.columns.iter().filter_map(move |held| {
            let reason = held.reason.as_ref()?;
            let at = crate::placed::pointer(declared, [held.column.as_str()]);
            let problem = config.problem_at_key(&at, format!("{}: {reason}", self.schema));
            Some(match held.verdict {
                Verdict::Breaks => problem,
                Verdict::Fits | Verdict::Warns => Problem {
                    severity: Severity::Warning,
                    ..problem
                },
            })
        })
    }
}

/// The way of one column, whatever the language.
#[derive(Debug, Default)]
struct Way {
    field: Option<String>,
    written_as: Option<String>,
    cast: Option<String>,
    nullable: bool,
    missing: bool,
    rejects: Vec<String>,
    default: Option<String>,
}

fn ways(
    format: &SourceFormat,
    schema: &RegisteredSchema,
    columns: &[Column],
) -> Result<Vec<Result<Way, String>>> {
    let common = |way: forebay_core::codec::way::Way| Way {
        field: Some(way.path),
        written_as: Some(way.written_as),
        cast: way.cast,
        nullable: way.nullable,
        missing: way.missing,
        rejects: way.rejects,
        default: way.default,
    };
    Ok(match format {
        SourceFormat::Protobuf(ProtobufSource { message, .. }) => {
            let ways = protobuf::way(schema, message.as_deref(), columns)?;
            ways.into_iter().map(|way| way.map(common)).collect()
        }
        SourceFormat::JsonSchema(own) => {
            let envelope = formats::envelope(own.envelope, own.deletes);
            let ways = json_schema::way(schema, envelope, columns)?;
            ways.into_iter().map(|way| way.map(common)).collect()
        }
        _ => {
            let schema = avro::AvroSchema::of(schema)?;
            let ways = avro::ways(&schema, columns).into_iter();
            ways.map(|way| way.map(of_avro).map_err(|e| e.what)).collect()
        }
    })
}

fn of_avro(way: avro::Way) -> Way {
    let there = way.filled == avro::Filled::Field;
    Way {
        field: (there && !way.field.is_empty()).then_some(way.field),
        written_as: Some(if there {
            way.avro
        } else {
            "not in the schema".to_owned()
        }),
        cast: way.cast,
        nullable: way.null,
        missing: way.missing,
        rejects: way.rejects,
        default: way.default.then(|| "the column's own".to_owned()),
    }
}

/// The language of a format's schemas.
pub fn language(format: &SourceFormat) -> Option<SchemaType> {
    match format {
        SourceFormat::Avro(_) => Some(SchemaType::Avro),
        SourceFormat::JsonSchema(_) => Some(SchemaType::JsonSchema),
        SourceFormat::Protobuf(_) => Some(SchemaType::Protobuf),
        _ => None,
    }
}

fn hold(column: &Column, found: Result<Way, String>, declared: &SourceColumn) -> Held {
    let (way, verdict, reason) = match found {
        Err(why) => (Way::default(), Verdict::Breaks, Some(why)),
        Ok(way) => {
            let (verdict, reason) = judge(column, &way, declared);
            (way, verdict, reason)
        }
    };
    let reaching = reaching(&declared.tensors);
    let reason = reason.map(|why| format!("column `{}`: {why}{reaching}", column.name));
    Held {
        column: column.name.clone(),
        field: way.field,
        written_as: way.written_as,
        cast: way.cast,
        nullable: way.nullable,
        rejects: way.rejects,
        default: way.default,
        verdict,
        reason,
        tensors: declared.tensors.clone(),
    }
}

/// What events do that follow the schema, and why that is not well.
fn judge(column: &Column, way: &Way, declared: &SourceColumn) -> (Verdict, Option<String>) {
    let field = way.field.as_ref();
    let field = field.map_or("the value".to_owned(), |field| format!("its field `{field}`"));
    if way.missing {
        // Of a column that is not nullable every event is a reject, and so it is where a tensor gets the null.
        let breaks = !column.nullable || declared.tensors.iter().any(|reached| reached.nullable);
        return match breaks {
            true => (
                Verdict::Breaks,
                Some(format!(
                    "the schema has no value for it, so that it is null in every event, and each is a reject; {}",
                    "fill it with coalesce in a sql step, or give the column a `default`, which fills an absent field"
                )),
            ),
            false => (
                Verdict::Warns,
                Some("the schema has no value for it, so that it is null in every event".to_owned()),
            ),
        };
    }
    let mut reasons = Vec::new();
    if !way.rejects.is_empty() {
        let what = way.rejects.join(" or ");
        reasons.push(format!(
            "{field} may be {what}, and an event with that is a reject"
        ));
    }
    if way.nullable && !column.nullable {
        let fill = column.default.as_ref().map_or_else(String::new, |_| {
            let name = &column.name;
            let with = column.filling().map_or_else(String::new, |literal| format!("({name}, {literal})"));
            format!(" and fill it with coalesce{with} in a sql step: its default fills an absent field, never a null")
        });
        reasons.push(format!(
            "{field} may be null, and an event with a null there is a reject; make the column `nullable`{fill}"
        ));
    }
    match reasons.is_empty() {
        true => (Verdict::Fits, None),
        false => (Verdict::Warns, Some(reasons.join("; "))),
    }
}

/// `; it fills the tensor `x` of step 2`
fn reaching(tensors: &[Reached]) -> String {
    let each: Vec<String> = tensors
        .iter()
        .map(|reached| format!("`{}` of step {}", reached.tensor, reached.step + 1))
        .collect();
    match each.as_slice() {
        [] => String::new(),
        [one] => format!("; it fills the tensor {one}"),
        more => format!("; it fills the tensors {}", more.join(", ")),
    }
}
