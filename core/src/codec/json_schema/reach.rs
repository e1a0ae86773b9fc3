//! What a schema lets stand along a path, through everything that combines schemas: `allOf` and what stands beside each other narrow,
//! `anyOf` and `oneOf` widen. What it does not say of a member may be there all the same, but nobody can count on it.

use std::cell::Cell;

use jsonschema::PatternOptions;
use serde_json::{Map, Value, json};

use super::MOST_BACKTRACKING;
use super::references::{Documents, Spot};
use super::types::Types;

/// How deep schemas that hold for the same value are nested.
const DEEPEST: usize = 64;
/// How many schemas are looked at on one path.
const MOST_SCHEMAS: usize = 10_000;
/// What says nothing.
static ANYTHING: Value = Value::Bool(true);

/// A step into a value.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step<'a> {
    Member(&'a str),
    /// Counted from 0.
    Item(usize),
}

impl Step<'_> {
    /// What has such steps.
    fn holder(self) -> Types {
        match self {
            Self::Member(_) => Types::OBJECT,
            Self::Item(_) => Types::ARRAY,
        }
    }
}

/// What may stand at one place of a path.
#[derive(Clone, Debug)]
pub(super) struct Place<'r> {
    /// Whether the schema says anything of it.
    pub(super) said: bool,
    pub(super) types: Types,
    /// Whether it may be left out.
    pub(super) absent: bool,
    /// The members that it names, where the path goes on with one.
    pub(super) members: Vec<&'r str>,
    /// Whether no others may be there.
    pub(super) closed: bool,
}

impl<'r> Place<'r> {
    const UNSAID: Self = Self {
        said: false,
        types: Types::ANY,
        absent: true,
        members: Vec::new(),
        closed: false,
    };
    /// Where no value leads to.
    const NOWHERE: Self = Self {
        said: false,
        types: Types::NONE,
        absent: false,
        members: Vec::new(),
        closed: true,
    };

    fn always(types: Types) -> Self {
        Self {
            said: true,
            types,
            absent: false,
            ..Self::UNSAID
        }
    }

    /// Where both hold.
    fn and(self, other: Self) -> Self {
        Self {
            said: self.said || other.said,
            types: self.types.and(other.types),
            absent: self.absent && other.absent,
            members: joined(self.members, &other.members),
            closed: self.closed || other.closed,
        }
    }

    /// Where one of them holds.
    fn or(self, other: Self) -> Self {
        let types = match (self.said, other.said) {
            (true, false) => self.types,
            (false, true) => other.types,
            _ => self.types.or(other.types),
        };
        Self {
            said: self.said || other.said,
            types,
            absent: self.absent || other.absent,
            members: joined(self.members, &other.members),
            closed: self.closed && other.closed,
        }
    }
}

fn joined<'r>(mut one: Vec<&'r str>, other: &[&'r str]) -> Vec<&'r str> {
    for name in other {
        if !one.contains(name) {
            one.push(name);
        }
    }
    one
}

/// The places along a path, with the value itself in front.
type Reach<'r> = Vec<Place<'r>>;

fn both<'r>(one: Reach<'r>, other: Reach<'r>) -> Reach<'r> {
    one.into_iter().zip(other).map(|(a, b)| a.and(b)).collect()
}

fn either<'r>(one: Reach<'r>, other: Reach<'r>) -> Reach<'r> {
    one.into_iter().zip(other).map(|(a, b)| a.or(b)).collect()
}

/// The value itself is of `types`; of what is in it nothing is said.
fn bare<'r>(types: Types, path: &[Step<'_>]) -> Reach<'r> {
    let mut reach = vec![Place::always(types)];
    reach.resize(path.len() + 1, Place::UNSAID);
    reach
}

/// Follows paths through the schema of some documents.
pub(super) struct Walk<'r> {
    documents: &'r Documents,
    left: Cell<usize>,
}

impl<'r> Walk<'r> {
    pub(super) fn through(documents: &'r Documents) -> Self {
        Self {
            documents,
            left: Cell::new(0),
        }
    }

    /// What may stand along `path`, from the root on.
    pub(super) fn along(&self, path: &[Step<'_>]) -> Result<Reach<'r>, String> {
        self.left.set(MOST_SCHEMAS);
        self.reach(&self.documents.root()?, path, 0)
    }

    fn reach(&self, spot: &Spot<'r>, path: &[Step<'_>], depth: usize) -> Result<Reach<'r>, String> {
        let left = self.left.get().checked_sub(1);
        let left = left
            .filter(|_| depth < DEEPEST)
            .ok_or("the schema refers to itself without end, or its parts are nested too deep")?;
        self.left.set(left);
        let mut reach = match spot.schema {
            Value::Object(schema) => self.object(spot, schema, path, depth + 1)?,
            Value::Bool(true) => bare(Types::ANY, path),
            Value::Bool(false) => bare(Types::NONE, path),
            _ => return Err("a part of the schema is neither an object nor a boolean".to_owned()),
        };
        // A value that holds nothing leads nowhere.
        let end = path
            .iter()
            .zip(&reach)
            .position(|(step, place)| !place.types.meets(step.holder()));
        if let Some(end) = end {
            reach[end + 1..].fill(Place::NOWHERE);
        }
        Ok(reach)
    }

    fn object(
        &self,
        spot: &Spot<'r>,
        schema: &'r Map<String, Value>,
        path: &[Step<'_>],
        depth: usize,
    ) -> Result<Reach<'r>, String> {
        let mut reach = bare(Types::ANY, path);
        for word in ["$ref", "$dynamicRef", "$recursiveRef"] {
            if let Some(to) = schema.get(word).and_then(Value::as_str) {
                let other = self.reach(&self.documents.refer(spot, to)?, path, depth)?;
                if !spot.heeds_siblings() {
                    return Ok(other);
                }
                reach = both(reach, other);
            }
        }
        reach = both(reach, self.own(spot, schema, path, depth)?);
        let inside = |part: &'r Value| self.reach(&self.documents.inside(spot, part), path, depth);
        for part in parts(schema, "allOf") {
            reach = both(reach, inside(part)?);
        }
        for word in ["anyOf", "oneOf"] {
            let one_of = parts(schema, word).map(inside).reduce(|a, b| Ok(either(a?, b?)));
            if let Some(one_of) = one_of {
                reach = both(reach, one_of?);
            }
        }
        if schema.contains_key("if") {
            let branch = |word| inside(schema.get(word).unwrap_or(&ANYTHING));
            reach = both(reach, either(branch("then")?, branch("else")?));
        }
        Ok(reach)
    }

    /// What the words of `schema` itself say.
    fn own(
        &self,
        spot: &Spot<'r>,
        schema: &'r Map<String, Value>,
        path: &[Step<'_>],
        depth: usize,
    ) -> Result<Reach<'r>, String> {
        let mut reach = bare(types(schema), path);
        let Some((step, rest)) = path.split_first() else {
            return Ok(reach);
        };
        let (absent, inside) = match step {
            Step::Member(name) => {
                reach[0].members = members(schema);
                reach[0].closed = schema.get("additionalProperties") == Some(&Value::Bool(false));
                (!requires(schema, name), of_member(schema, name))
            }
            Step::Item(place) => (!reaches(schema, *place), of_item(schema, *place)),
        };
        let mut next = match inside.is_empty() {
            true if absent => return Ok(reach),
            true => bare(Types::ANY, rest),
            false => self.all(spot, &inside, rest, depth)?,
        };
        next[0].absent = absent;
        reach.truncate(1);
        reach.append(&mut next);
        Ok(reach)
    }

    fn all(
        &self,
        spot: &Spot<'r>,
        schemas: &[&'r Value],
        path: &[Step<'_>],
        depth: usize,
    ) -> Result<Reach<'r>, String> {
        schemas.iter().try_fold(bare(Types::ANY, path), |reach, schema| {
            let one = self.reach(&self.documents.inside(spot, schema), path, depth)?;
            Ok(both(reach, one))
        })
    }
}

fn parts<'r>(schema: &'r Map<String, Value>, word: &str) -> impl Iterator<Item = &'r Value> + use<'r> {
    schema.get(word).and_then(Value::as_array).into_iter().flatten()
}

/// The types that a schema's own words allow.
fn types(schema: &Map<String, Value>) -> Types {
    let mut types = typed(schema);
    if let Some(value) = schema.get("const") {
        types = types.and(Types::of(value));
    }
    if let Some(Value::Array(values)) = schema.get("enum") {
        let each = values.iter().map(Types::of);
        types = types.and(each.fold(Types::NONE, Types::or));
    }
    types.without(schema.get("not").map_or(Types::NONE, excluded))
}

fn typed(schema: &Map<String, Value>) -> Types {
    match schema.get("type") {
        Some(Value::String(one)) => Types::named(one),
        Some(Value::Array(all)) => {
            let each = all.iter().filter_map(Value::as_str).map(Types::named);
            each.fold(Types::NONE, Types::or)
        }
        _ => Types::ANY,
    }
}

/// The types of which a `not` leaves no value.
fn excluded(not: &Value) -> Types {
    match not {
        Value::Bool(true) => Types::ANY,
        Value::Object(schema) if schema.keys().all(|word| word == "type") => typed(schema),
        _ => Types::NONE,
    }
}

fn members(schema: &Map<String, Value>) -> Vec<&str> {
    let properties = schema.get("properties").and_then(Value::as_object);
    properties.map_or(Vec::new(), |all| all.keys().map(String::as_str).collect())
}

fn requires(schema: &Map<String, Value>, name: &str) -> bool {
    parts(schema, "required").any(|one| one == name)
}

/// The schemas of the member `name`.
fn of_member<'r>(schema: &'r Map<String, Value>, name: &str) -> Vec<&'r Value> {
    let of = |word: &str| schema.get(word).and_then(Value::as_object);
    let own = of("properties").and_then(|all| all.get(name));
    let patterns = of("patternProperties").into_iter().flatten();
    let matching = patterns.filter(|(pattern, _)| matches(pattern, name));
    let mut found: Vec<_> = own.into_iter().chain(matching.map(|(_, of)| of)).collect();
    if found.is_empty() {
        let other = schema.get("additionalProperties");
        found.extend(other.filter(|other| **other != Value::Bool(true)));
    }
    found
}

/// Whether a name fits a pattern, as the validator reads patterns.
fn matches(pattern: &str, name: &str) -> bool {
    let patterns = PatternOptions::fancy_regex().backtrack_limit(MOST_BACKTRACKING);
    let options = jsonschema::options().with_pattern_options(patterns);
    let validator = options.build(&json!({ "pattern": pattern }));
    validator.is_ok_and(|validator| validator.is_valid(&json!(name)))
}

/// The schemas of the item at `place`; of one that says nothing of it, that any may be there.
fn of_item(schema: &Map<String, Value>, place: usize) -> Vec<&Value> {
    static NOTHING: Value = Value::Bool(false);
    let most = schema.get("maxItems").and_then(Value::as_f64);
    if most.is_some_and(|most| place as f64 >= most) {
        return vec![&NOTHING];
    }
    let (first, others) = match schema.get("items") {
        Some(Value::Array(each)) => (Some(each), schema.get("additionalItems")),
        items => (schema.get("prefixItems").and_then(Value::as_array), items),
    };
    let own = first.and_then(|first| first.get(place));
    vec![own.or(others).unwrap_or(&ANYTHING)]
}

/// Whether every list has an item at `place`.
fn reaches(schema: &Map<String, Value>, place: usize) -> bool {
    let least = schema.get("minItems").and_then(Value::as_f64);
    least.is_some_and(|least| (place as f64) < least)
}
