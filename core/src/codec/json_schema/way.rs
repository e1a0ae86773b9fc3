//! How each column comes about from a JSON Schema, in words; for `check`. Reads no record and asks nobody. A schema of JSON says
//! what must be there; what it does not say may still be.

use serde_json::Value;

use super::reach::{Place, Step, Walk};
use super::references::Documents;
use super::types::Types;
use crate::codec::json::{Deletes, Envelope};
use crate::codec::schemas::{RegisteredSchema, SchemaType};
use crate::codec::way::Way;
use crate::codec::{Column, ColumnKind, type_name};
use crate::error::{Error, Result};
use crate::steps::names::{list, suggestion};

/// How many places of a list are looked at, beside its last.
const MOST_PLACES: usize = 256;

/// For each column its way into documents of `schema`, inside their envelope; or why it has none.
///
/// # Errors
/// `Config` where it is no JSON Schema, or one of documents that have no members or not that envelope.
pub fn way(
    schema: &RegisteredSchema,
    envelope: Envelope,
    columns: &[Column],
) -> Result<Vec<Result<Way, String>>> {
    if schema.schema_type != SchemaType::JsonSchema {
        let found = schema.schema_type.name();
        return Err(Error::config(format!(
            "read a json schema: found one of type {found}; name that format in the pipeline file"
        )));
    }
    let root: Value = serde_json::from_str(&schema.text).map_err(|e| {
        // Its own words may quote the text.
        Error::config(format!(
            "read a json schema: it is no json at line {} column {}",
            e.line(),
            e.column()
        ))
    })?;
    if !root.is_object() && !root.is_boolean() {
        let found = Types::of(&root).words();
        return Err(Error::config(format!(
            "read a json schema: found the json of a value, {found}; a schema is an object, or true or false"
        )));
    }
    let failed = |why| Error::config(format!("read a json schema: {why}"));
    let documents = Documents::of(schema, root).map_err(failed)?;
    let walk = Walk::through(&documents);
    // What cannot be followed is a reason of each column.
    if let Ok(event) = walk.along(&[])
        && !event[0].types.meets(Types::OBJECT)
    {
        return Err(failed(match event[0].types {
            Types::NONE => "no event can follow it: it allows no value".to_owned(),
            types => format!(
                "its events are {}, and columns are members of an object",
                types.words()
            ),
        }));
    }
    let rows = rows(&walk, envelope).map_err(failed)?;
    Ok(columns
        .iter()
        .map(|column| in_each(&walk, &rows, column))
        .collect())
}

/// The members around a row. A null in one of them is no row at all.
type Around = &'static [&'static str];

/// Where rows stand in the documents.
fn rows(walk: &Walk<'_>, envelope: Envelope) -> Result<Vec<Around>, String> {
    let deletes = match envelope {
        Envelope::None => return Ok(vec![&[]]),
        Envelope::Connect => return Ok(vec![&["payload"]]),
        Envelope::Debezium(deletes) => deletes,
    };
    let event = walk.along(&[Step::Member("op")])?;
    let has = |name| event[0].members.contains(&name);
    let (after, before): (Around, Around) = match (has("op"), has("payload")) {
        (false, true) => (&["payload", "after"], &["payload", "before"]),
        (false, false) if !event[0].members.is_empty() => {
            return Err(format!(
                "no envelope of debezium: the schema has no field `op`; fields: {}",
                list(event[0].members.iter().copied().take(50))
            ));
        }
        _ => (&["after"], &["before"]),
    };
    Ok(match deletes {
        Deletes::Before => vec![after, before],
        Deletes::Reject | Deletes::Skip => vec![after],
    })
}

/// The way of a column that may come from any of `rows`: shown as from the first.
fn in_each(walk: &Walk<'_>, rows: &[Around], column: &Column) -> Result<Way, String> {
    let ways = rows.iter().map(|around| in_one(walk, around, column));
    let merged = ways.reduce(|first, other| {
        let (mut way, other) = (first?, other?);
        way.nullable |= other.nullable;
        way.missing &= other.missing;
        let new = other.rejects.into_iter().filter(|one| !way.rejects.contains(one));
        way.rejects.extend(new.collect::<Vec<_>>());
        Ok(way)
    });
    merged.unwrap_or_else(|| Ok(unsaid(&column.path.join("."), column)))
}

fn in_one(walk: &Walk<'_>, around: Around, column: &Column) -> Result<Way, String> {
    let names = around
        .iter()
        .copied()
        .chain(column.path.iter().map(String::as_str));
    let names: Vec<&str> = names.collect();
    let path: Vec<Step<'_>> = names.iter().map(|name| Step::Member(name)).collect();
    let places = walk.along(&path)?;
    let mut met = Met::default();
    for (depth, name) in names.iter().enumerate() {
        let (holder, field) = (&places[depth], names[..=depth].join("."));
        if !met.holds(holder, &names[..depth], depth <= around.len())? {
            let above = names[..depth].join(".");
            return absent(&field, column, || format!("its field `{above}` is always null"));
        }
        let place = &places[depth + 1];
        if !place.said && holder.members.is_empty() {
            // It says nothing of members: any may be there.
            return Ok(unsaid(&names.join("."), column));
        }
        if !place.said || place.types == Types::NONE {
            let why = || missing(&field, name, holder);
            // Without what is around a row there is no row.
            return match depth < around.len() || place.said && !place.absent {
                true => Err(why()),
                false => absent(&field, column, why),
            };
        }
        met.optional |= place.absent && depth >= around.len();
    }
    let last = &places[names.len()];
    met.rejects.extend(unfit(walk, &path, last, column)?);
    // A default fills what is left out, never a null.
    let filled = met.optional && column.default.is_some();
    Ok(Way {
        path: names.join("."),
        written_as: last.types.words(),
        nullable: last.types.meets(Types::NULL) || met.optional && column.default.is_none(),
        missing: last.types == Types::NULL && !filled,
        cast: None,
        default: column.default.as_ref().map(|_| "the column's own".to_owned()),
        rejects: met.rejects,
    })
}

/// What was met on the way to a column.
#[derive(Default)]
struct Met {
    /// Something that may be absent.
    optional: bool,
    /// Values that the way does not lead through.
    rejects: Vec<String>,
}

impl Met {
    /// Whether `holder`, which stands at `names`, can have members. A null has none, so that they are absent; `around` a row it
    /// is no row.
    fn holds(&mut self, holder: &Place<'_>, names: &[&str], around: bool) -> Result<bool, String> {
        let (null, others) = (holder.types.meets(Types::NULL), holder.types.without(Types::NULL));
        if !others.meets(Types::OBJECT) {
            if null && others == Types::NONE && !around {
                return Ok(false);
            }
            let (field, of) = (names.join("."), holder.types.words());
            return Err(format!("its field `{field}` is {of}, which has no fields"));
        }
        // Of which no type is said is an object where it has members.
        if holder.types != Types::ANY {
            self.optional |= null && !around;
            let of = match names {
                [] => "the event".to_owned(),
                names => format!("`{}`", names.join(".")),
            };
            let others = others.without(Types::OBJECT).values();
            self.rejects
                .extend(others.map(|value| format!("gone where {of} is {value}")));
        }
        Ok(true)
    }
}

/// A field of which the schema says nothing.
fn unsaid(path: &str, column: &Column) -> Way {
    Way {
        path: path.to_owned(),
        written_as: "not in the schema".to_owned(),
        nullable: column.default.is_none(),
        missing: false,
        cast: None,
        default: column.default.as_ref().map(|_| "the column's own".to_owned()),
        rejects: Vec::new(),
    }
}

/// A field that no event has: the column's default, or null, or the reason that there is neither.
fn absent(path: &str, column: &Column, why: impl Fn() -> String) -> Result<Way, String> {
    match column.nullable || column.default.is_some() {
        true => Ok(Way {
            missing: column.default.is_none(),
            ..unsaid(path, column)
        }),
        false => Err(why()),
    }
}

fn missing(field: &str, name: &str, holder: &Place<'_>) -> String {
    if holder.members.contains(&name) {
        return format!("the schema allows no value in its field `{field}`");
    }
    let known = || holder.members.iter().copied();
    let near = suggestion(name, known());
    let may = if holder.closed {
        ""
    } else {
        ", though writers may add it"
    };
    let fields = match holder.members.is_empty() {
        true => "it names none".to_owned(),
        false => format!("fields: {}", list(known().take(50))),
    };
    format!("the schema has no field `{field}`{near}{may}; {fields}")
}

/// What converts to a column.
fn fitting(kind: ColumnKind) -> Types {
    match kind {
        ColumnKind::Bool => Types::BOOLEAN,
        ColumnKind::Int32 | ColumnKind::Int64 => Types::INTEGER,
        ColumnKind::Float32 | ColumnKind::Float64 => Types::NUMBER,
        ColumnKind::String | ColumnKind::Bytes => Types::STRING,
        ColumnKind::Timestamp(_) => Types::STRING.or(Types::NUMBER),
        ColumnKind::Float32List(_) | ColumnKind::Float64List(_) => Types::ARRAY,
    }
}

/// The values of `place` that the column does not take; an error where it takes none.
fn unfit(
    walk: &Walk<'_>,
    path: &[Step<'_>],
    place: &Place<'_>,
    column: &Column,
) -> Result<Vec<String>, String> {
    let fitting = fitting(column.kind);
    if place.types == Types::NULL {
        return Ok(Vec::new());
    }
    if !place.types.meets(fitting) {
        return Err(does_not_convert(&place.types.words(), path, column));
    }
    let others = place.types.without(fitting).without(Types::NULL);
    let mut rejects: Vec<String> = others.values().map(str::to_owned).collect();
    if let ColumnKind::Float32List(width) | ColumnKind::Float64List(width) = column.kind {
        rejects.extend(unfit_lists(
            walk,
            path,
            column,
            usize::try_from(width).unwrap_or(0),
        )?);
    }
    Ok(rejects)
}

fn does_not_convert(found: &str, path: &[Step<'_>], column: &Column) -> String {
    format!(
        "its field `{}` is {found}, which does not convert to {}",
        named(path),
        type_name(&column.kind.data_type())
    )
}

fn named(path: &[Step<'_>]) -> String {
    let names = path.iter().filter_map(|step| match step {
        Step::Member(name) => Some(*name),
        Step::Item(_) => None,
    });
    names.collect::<Vec<_>>().join(".")
}

/// The lists at `path` that are not `width` numbers; an error where no list is.
fn unfit_lists(
    walk: &Walk<'_>,
    path: &[Step<'_>],
    column: &Column,
    width: usize,
) -> Result<Vec<String>, String> {
    let item = |place: usize| {
        let path = [path, &[Step::Item(place)]].concat();
        let reach = walk.along(&path)?;
        reach
            .last()
            .cloned()
            .ok_or_else(|| "the schema leads nowhere".to_owned())
    };
    let of_length = |words: String| does_not_convert(&format!("an array of {words}"), path, column);
    let mut others = Types::NONE;
    let mut shorter = false;
    let places = (0..width.min(MOST_PLACES)).chain(width.checked_sub(1).filter(|last| *last >= MOST_PLACES));
    for place in places {
        let item = item(place)?;
        if item.types == Types::NONE {
            return Err(of_length(format!("at most {place} items")));
        }
        if !item.types.meets(Types::NUMBER) {
            return Err(of_length(item.types.words()));
        }
        others = others.or(item.types.without(Types::NUMBER));
        shorter |= item.absent;
    }
    let behind = item(width)?;
    if behind.types != Types::NONE && !behind.absent {
        return Err(of_length(format!("at least {} items", width + 1)));
    }
    let mut rejects: Vec<String> = others
        .values()
        .map(|value| format!("an array with {value} in it"))
        .collect();
    if shorter || behind.types != Types::NONE {
        rejects.push(format!("an array of another length than {width}"));
    }
    Ok(rejects)
}
