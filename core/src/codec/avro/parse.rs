//! Schemas out of their JSON. Lenient where readers of other languages are (attributes it does not know, defaults that do not fit),
//! strict where a reading could be wrong (a name that nothing defines, one defined twice). Depth is bounded by the JSON parser.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use super::schema::{AvroSchema, Field, Logical, Type, Unit};
use crate::codec::schemas::SchemaReference;

/// Digits of a decimal that is taken as one; no writer has more.
const MAX_PRECISION: u64 = 1000;

/// The types found so far.
#[derive(Debug, Default)]
pub(super) struct Parser<'a> {
    types: Vec<Type>,
    /// Full name to type, with the JSON that defined it.
    named: HashMap<String, (usize, &'a Map<String, Value>)>,
    /// Places that hold for a type which was not defined yet: its name, and the namespace around.
    pending: Vec<(usize, &'a str, String)>,
}

type Found<T> = Result<T, String>;
type Object = Map<String, Value>;

impl<'a> Parser<'a> {
    pub(super) fn parse(text: &str, references: &[SchemaReference]) -> Found<AvroSchema> {
        let read = |text: &str| serde_json::from_str::<Value>(text);
        let of_reference = |reference: &SchemaReference| {
            read(&reference.text).map_err(|e| format!("reference `{}`: {}", reference.name, place(&e)))
        };
        let texts = references.iter().map(of_reference).collect::<Found<Vec<_>>>()?;
        let main = read(text).map_err(|e| place(&e))?;
        let mut parser = Parser::default();
        let mut roots = HashMap::new();
        for (reference, json) in references.iter().zip(&texts) {
            let root = parser.value(json, "");
            let root = root.map_err(|what| format!("reference `{}`: {what}", reference.name))?;
            roots.insert(reference.name.as_str(), root);
        }
        let root = parser.value(&main, "")?;
        parser.finish(root, &roots)
    }

    fn push(&mut self, of: Type) -> usize {
        self.types.push(of);
        self.types.len() - 1
    }

    fn value(&mut self, json: &'a Value, space: &str) -> Found<usize> {
        match json {
            Value::String(name) => Ok(self.by_name(name, space)),
            Value::Object(object) => self.object(object, space),
            Value::Array(branches) => {
                let branches = branches.iter().map(|branch| self.value(branch, space));
                let branches = branches.collect::<Found<_>>()?;
                Ok(self.push(Type::Union(branches)))
            }
            _ => Err("a type is a name, an object or an array of types".to_owned()),
        }
    }

    /// A primitive, or a type defined elsewhere, be it later.
    fn by_name(&mut self, name: &'a str, space: &str) -> usize {
        if let Some(of) = primitive(name, Logical::None) {
            return self.push(of);
        }
        if let Some((of, _)) = self.named.get(&full_name(name, space)) {
            return *of;
        }
        let place = self.push(Type::Null);
        self.pending.push((place, name, space.to_owned()));
        place
    }

    fn object(&mut self, object: &'a Object, space: &str) -> Found<usize> {
        let name = match object.get("type") {
            Some(Value::String(name)) => name.as_str(),
            Some(nested) => return self.value(nested, space),
            None => return Err("an object without `type`".to_owned()),
        };
        match name {
            "record" | "error" | "enum" | "fixed" => self.define(name, object, space),
            "array" | "map" => {
                let key = if name == "array" { "items" } else { "values" };
                let of = object
                    .get(key)
                    .ok_or_else(|| format!("a type `{name}` without `{key}`"))?;
                let of = self.value(of, space)?;
                Ok(self.push(if name == "array" {
                    Type::Array(of)
                } else {
                    Type::Map(of)
                }))
            }
            _ => match primitive(name, logical(name, object)) {
                Some(of) => Ok(self.push(of)),
                None => Ok(self.by_name(name, space)),
            },
        }
    }

    fn define(&mut self, kind: &str, object: &'a Object, space: &str) -> Found<usize> {
        let name = text(object, "name").ok_or_else(|| format!("a type `{kind}` without `name`"))?;
        let name = full_name(name, text(object, "namespace").unwrap_or(space));
        if let Some((known, json)) = self.named.get(&name) {
            return if *json == object {
                Ok(*known)
            } else {
                Err(format!("type `{name}` is defined twice, and not alike"))
            };
        }
        let place = self.push(Type::Null);
        self.named.insert(name.clone(), (place, object));
        let of = match kind {
            "fixed" => {
                let size = object.get("size").and_then(Value::as_u64);
                let size = size.and_then(|size| usize::try_from(size).ok());
                let size = size.ok_or_else(|| format!("fixed `{name}` without a `size`"))?;
                let logical = match logical("fixed", object) {
                    Logical::Uuid if size != 16 => Logical::None,
                    Logical::Duration if size != 12 => Logical::None,
                    other => other,
                };
                Type::Fixed { name, size, logical }
            }
            "enum" => {
                let symbols = object.get("symbols").and_then(Value::as_array);
                let symbols = symbols.and_then(|all| {
                    let texts = all.iter().map(|symbol| symbol.as_str().map(str::to_owned));
                    texts.collect::<Option<Vec<_>>>()
                });
                let symbols = symbols.ok_or_else(|| format!("enum `{name}` without `symbols`"))?;
                Type::Enum { name, symbols }
            }
            _ => {
                let fields = self.fields(&name, object)?;
                Type::Record { name, fields }
            }
        };
        self.types[place] = of;
        Ok(place)
    }

    fn fields(&mut self, record: &str, object: &'a Object) -> Found<Vec<Field>> {
        let space = record.rsplit_once('.').map_or("", |(space, _)| space);
        let list = object.get("fields").and_then(Value::as_array);
        let list = list.ok_or_else(|| format!("record `{record}` without `fields`"))?;
        let (mut fields, mut names) = (Vec::with_capacity(list.len()), HashSet::new());
        for field in list {
            let name = field.get("name").and_then(Value::as_str);
            let name = name.ok_or_else(|| format!("record `{record}`: a field without `name`"))?;
            if !names.insert(name) {
                return Err(format!("record `{record}`: field `{name}` given twice"));
            }
            let wrong = |what: &str| format!("record `{record}`: field `{name}`: {what}");
            let of = field.get("type").ok_or_else(|| wrong("without `type`"))?;
            let of = self.value(of, space).map_err(|what| wrong(&what))?;
            let aliases = field.get("aliases").and_then(Value::as_array);
            let aliases = aliases.into_iter().flatten().filter_map(Value::as_str);
            fields.push(Field {
                name: name.to_owned(),
                aliases: aliases.map(str::to_owned).collect(),
                of,
                default: field.get("default").cloned(),
            });
        }
        Ok(fields)
    }

    /// Puts every type in its place that was used before it was defined.
    fn finish(mut self, root: usize, roots: &HashMap<&str, usize>) -> Found<AvroSchema> {
        let mut links: Vec<usize> = (0..self.types.len()).collect();
        for (place, name, space) in &self.pending {
            let known = self
                .named
                .get(&full_name(name, space))
                .or_else(|| self.named.get(*name));
            let target = known.map(|(of, _)| *of).or_else(|| roots.get(name).copied());
            links[*place] = target.ok_or_else(|| {
                format!(
                    "type `{}` is not defined; a schema that defines it belongs in the references",
                    full_name(name, space)
                )
            })?;
        }
        let open: HashSet<usize> = self.pending.iter().map(|(place, _, _)| *place).collect();
        let mut ends = links.clone();
        for (place, name, _) in &self.pending {
            let (mut at, mut hops) = (*place, 0);
            while open.contains(&at) {
                at = links[at];
                hops += 1;
                if hops > open.len() {
                    return Err(format!("type `{name}` is defined as itself"));
                }
            }
            ends[*place] = at;
        }
        let links = ends;
        for of in &mut self.types {
            match of {
                Type::Record { fields, .. } => fields.iter_mut().for_each(|field| field.of = links[field.of]),
                Type::Array(of) | Type::Map(of) => *of = links[*of],
                Type::Union(branches) => branches.iter_mut().for_each(|branch| *branch = links[*branch]),
                _ => {}
            }
        }
        let nested = |of: &Type| matches!(of, Type::Union(all) if all.iter().any(|b| matches!(self.types[*b], Type::Union(_))));
        if self.types.iter().any(nested) {
            return Err("a union is directly in a union".to_owned());
        }
        Ok(AvroSchema {
            root: links[root],
            types: self.types,
        })
    }
}

/// Where a text is no JSON, without what stands there.
fn place(error: &serde_json::Error) -> String {
    let what = match error.classify() {
        serde_json::error::Category::Eof => "the json breaks off",
        _ => "no json, or nested too deep",
    };
    format!("{what} at line {} column {}", error.line(), error.column())
}

fn text<'v>(object: &'v Object, key: &str) -> Option<&'v str> {
    object.get(key).and_then(Value::as_str)
}

fn full_name(name: &str, space: &str) -> String {
    if name.contains('.') || space.is_empty() {
        return name.strip_prefix('.').unwrap_or(name).to_owned();
    }
    format!("{space}.{name}")
}

fn primitive(name: &str, logical: Logical) -> Option<Type> {
    Some(match name {
        "null" => Type::Null,
        "boolean" => Type::Boolean,
        "int" => Type::Int(logical),
        "long" => Type::Long(logical),
        "float" => Type::Float,
        "double" => Type::Double,
        "bytes" => Type::Bytes(logical),
        "string" => Type::String(logical),
        _ => return None,
    })
}

fn logical(of: &str, object: &Object) -> Logical {
    let timestamp = |unit, local| Logical::Timestamp { unit, local };
    match (of, text(object, "logicalType").unwrap_or_default()) {
        ("bytes" | "fixed", "decimal") => decimal(object),
        ("int", "date") => Logical::Date,
        ("int", "time-millis") => Logical::TimeMillis,
        ("long", "time-micros") => Logical::TimeMicros,
        ("long", "timestamp-millis") => timestamp(Unit::Millis, false),
        ("long", "timestamp-micros") => timestamp(Unit::Micros, false),
        ("long", "timestamp-nanos") => timestamp(Unit::Nanos, false),
        ("long", "local-timestamp-millis") => timestamp(Unit::Millis, true),
        ("long", "local-timestamp-micros") => timestamp(Unit::Micros, true),
        ("long", "local-timestamp-nanos") => timestamp(Unit::Nanos, true),
        ("string" | "fixed", "uuid") => Logical::Uuid,
        ("fixed", "duration") => Logical::Duration,
        _ => Logical::None,
    }
}

fn decimal(object: &Object) -> Logical {
    let number = |key| object.get(key).and_then(Value::as_u64);
    let precision = number("precision").unwrap_or(0);
    let scale = object.get("scale").map_or(Some(0), Value::as_u64);
    match scale {
        Some(scale) if scale <= precision && (1..=MAX_PRECISION).contains(&precision) => {
            Logical::Decimal { scale: scale as u32 }
        }
        _ => Logical::None,
    }
}
