//! The pipeline file as a JSON value plus the place of every node. Knows YAML, not what the keys mean.

use std::collections::HashMap;

use saphyr::{LoadableYamlNode, MarkedYaml, Scalar, YamlData};
use serde_json::{Map, Number, Value};

use super::problem::{File, Problem};

/// A line and a column, both from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

/// A JSON value and, by JSON pointer, where each key and value stands in the file. No `Debug`: values may be secrets.
pub(crate) struct Tree {
    pub(crate) value: Value,
    places: HashMap<String, Place>,
    keys: HashMap<String, Place>,
}

impl Tree {
    /// Reads the one document of `file`.
    pub(crate) fn parse(file: &File) -> Result<Self, Problem> {
        let documents = MarkedYaml::load_from_str(&file.text).map_err(|e| {
            let place = Place {
                line: e.marker().line(),
                column: e.marker().col() + 1,
            };
            match e.info() {
                "duplicated key in mapping" => {
                    file.hidden(place, "this key is given twice: remove one of the two")
                }
                info => file.hidden(place, format!("not valid YAML: {info}")),
            }
        })?;
        let start = Place { line: 1, column: 1 };
        let mut documents = documents.iter();
        let Some(document) = documents.next() else {
            return Err(file.problem(start, "the file is empty: `connectors` and `pipeline` are needed"));
        };
        if let Some(second) = documents.next() {
            let message = "a second YAML document: a pipeline file holds exactly one";
            return Err(file.problem(place_of(second), message));
        }
        let mut tree = Self {
            value: Value::Null,
            places: HashMap::new(),
            keys: HashMap::new(),
        };
        tree.value = tree.convert(file, document, "")?;
        Ok(tree)
    }

    /// Where the value at `pointer` stands; the nearest parent's place where it is absent.
    pub(crate) fn place(&self, pointer: &str) -> Place {
        let mut pointer = pointer;
        loop {
            if let Some(place) = self.places.get(pointer) {
                return *place;
            }
            let Some(cut) = pointer.rfind('/') else {
                return Place { line: 1, column: 1 };
            };
            pointer = &pointer[..cut];
        }
    }

    /// Where the key of the value at `pointer` stands.
    pub(crate) fn key_place(&self, pointer: &str) -> Place {
        let found = self.keys.get(pointer).copied();
        found.unwrap_or_else(|| self.place(pointer))
    }

    fn convert(&mut self, file: &File, node: &MarkedYaml<'_>, at: &str) -> Result<Value, Problem> {
        let place = place_of(node);
        self.places.insert(at.to_owned(), place);
        match &node.data {
            YamlData::Value(scalar) => Ok(scalar_value(scalar)),
            YamlData::Sequence(items) => {
                let mut list = Vec::with_capacity(items.len());
                for (i, item) in items.iter().enumerate() {
                    list.push(self.convert(file, item, &format!("{at}/{i}"))?);
                }
                Ok(Value::Array(list))
            }
            YamlData::Mapping(entries) => {
                let mut map = Map::new();
                for (key, value) in entries {
                    let name = key_name(key)
                        .ok_or_else(|| file.hidden(place_of(key), "a key must be a plain name"))?;
                    let pointer = child(at, &name);
                    self.keys.insert(pointer.clone(), place_of(key));
                    let value = self.convert(file, value, &pointer)?;
                    if map.insert(name.clone(), value).is_some() {
                        let message = format!("`{name}` is given twice: remove one of the two");
                        return Err(file.hidden(place_of(key), message));
                    }
                }
                Ok(Value::Object(map))
            }
            _ => Err(file.hidden(place, "tags are not supported in a pipeline file")),
        }
    }
}

/// The pointer of `name` under `at`.
pub(crate) fn child(at: &str, name: &str) -> String {
    format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"))
}

fn place_of(node: &MarkedYaml<'_>) -> Place {
    Place {
        line: node.span.start.line(),
        column: node.span.start.col() + 1,
    }
}

fn key_name(key: &MarkedYaml<'_>) -> Option<String> {
    match &key.data {
        YamlData::Value(Scalar::String(name)) => Some(name.to_string()),
        YamlData::Value(Scalar::Integer(number)) => Some(number.to_string()),
        YamlData::Value(Scalar::Boolean(switch)) => Some(switch.to_string()),
        _ => None,
    }
}

fn scalar_value(scalar: &Scalar<'_>) -> Value {
    match scalar {
        Scalar::Null => Value::Null,
        Scalar::Boolean(switch) => Value::Bool(*switch),
        Scalar::Integer(number) => Value::Number((*number).into()),
        Scalar::FloatingPoint(number) => {
            Number::from_f64(f64::from(*number)).map_or(Value::Null, Value::Number)
        }
        Scalar::String(text) => Value::String(text.to_string()),
    }
}
