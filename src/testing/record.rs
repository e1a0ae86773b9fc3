//! A record as a line of JSON: `{ "key", "headers", "timestamp", "topic", "partition", and the payload }`. The payload is one of
//! `value` (JSON), `text`, `base64` and `"tombstone": true`; what a line does not give stays unknown here.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};

use super::lines::Wrong;

/// A payload as a file gives it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Content {
    Value(Value),
    Bytes(Vec<u8>),
    Tombstone,
}

/// Bytes in JSON: a string, or `{ "base64": ".." }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Text(pub(crate) Vec<u8>);

/// Headers in their order; a header without a value is null.
pub(crate) type Headers = Vec<(String, Option<Text>)>;

/// A line of a file of records.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Line {
    pub(crate) content: Content,
    pub(crate) key: Option<Option<Text>>,
    pub(crate) headers: Option<Headers>,
    pub(crate) timestamp: Option<i64>,
    pub(crate) topic: Option<String>,
    pub(crate) partition: Option<i32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    #[serde(default, deserialize_with = "given")]
    value: Option<Value>,
    text: Option<String>,
    base64: Option<String>,
    #[serde(default)]
    tombstone: bool,
    #[serde(default, deserialize_with = "given")]
    key: Option<Option<Text>>,
    headers: Option<Map<String, Value>>,
    timestamp: Option<i64>,
    topic: Option<String>,
    partition: Option<i32>,
    /// Where a record lay that was read from a topic; it gets a new one.
    #[serde(rename = "offset")]
    _offset: Option<i64>,
}

/// Null is a value that is given.
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        text(&Value::deserialize(from)?).map_err(D::Error::custom)
    }
}

fn text(value: &Value) -> Result<Text, String> {
    match value {
        Value::String(text) => Ok(Text(text.clone().into_bytes())),
        Value::Object(map) if map.len() == 1 && map.contains_key("base64") => {
            let text = map["base64"].as_str().ok_or("`base64` is a string")?;
            bytes(text).map(Text)
        }
        _ => Err("expected a string, null or { \"base64\": \"..\" }".to_owned()),
    }
}

fn bytes(text: &str) -> Result<Vec<u8>, String> {
    STANDARD.decode(text).map_err(|e| format!("not base64: {e}"))
}

/// Reads a line of a file of values.
pub(crate) fn value(line: &str) -> Result<Line, Wrong> {
    Ok(Line {
        content: Content::Value(serde_json::from_str(line)?),
        key: None,
        headers: None,
        timestamp: None,
        topic: None,
        partition: None,
    })
}

/// Reads a line of a file of records.
pub(crate) fn record(line: &str) -> Result<Line, Wrong> {
    let raw: Raw = serde_json::from_str(line)?;
    let payload = [
        raw.value.map(Content::Value),
        raw.text.map(|text| Content::Bytes(text.into_bytes())),
        raw.base64.as_deref().map(bytes).transpose()?.map(Content::Bytes),
        raw.tombstone.then_some(Content::Tombstone),
    ];
    let mut payload = payload.into_iter().flatten();
    let (Some(content), None) = (payload.next(), payload.next()) else {
        return Err(
            "a record has exactly one of `value` (JSON), `text`, `base64` and `\"tombstone\": true`"
                .to_owned()
                .into(),
        );
    };
    Ok(Line {
        content,
        key: raw.key,
        headers: raw.headers.as_ref().map(headers).transpose()?,
        timestamp: raw.timestamp,
        topic: raw.topic,
        partition: raw.partition,
    })
}

/// A list is a header that comes more than once.
fn headers(map: &Map<String, Value>) -> Result<Headers, String> {
    let mut all = Headers::new();
    for (name, value) in map {
        let several = match value {
            Value::Array(values) => &values[..],
            one => std::slice::from_ref(one),
        };
        for value in several {
            let value = match value {
                Value::Null => None,
                other => Some(text(other).map_err(|why| format!("the header `{name}`: {why}"))?),
            };
            all.push((name.clone(), value));
        }
    }
    Ok(all)
}

/// Bytes as JSON: what [`Text`] reads.
pub(crate) fn bytes_json(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => json!(text),
        Err(_) => json!({ "base64": STANDARD.encode(bytes) }),
    }
}

/// Bytes that may be absent as JSON.
pub(crate) fn text_json(text: Option<&Text>) -> Value {
    text.map_or(Value::Null, |text| bytes_json(&text.0))
}

/// Headers as JSON, by name.
pub(crate) fn headers_json(headers: &Headers) -> Value {
    let mut map = Map::new();
    for (name, value) in headers {
        let value = text_json(value.as_ref());
        match map.get_mut(name) {
            None => drop(map.insert(name.clone(), value)),
            Some(Value::Array(values)) => values.push(value),
            Some(one) => *one = Value::Array(vec![one.take(), value]),
        }
    }
    Value::Object(map)
}

/// A payload as the members of a record's line.
pub(crate) fn content_json(content: &Content) -> Map<String, Value> {
    let (name, value) = match content {
        Content::Value(value) => ("value", value.clone()),
        Content::Tombstone => ("tombstone", Value::Bool(true)),
        Content::Bytes(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => ("text", json!(text)),
            Err(_) => ("base64", json!(STANDARD.encode(bytes))),
        },
    };
    Map::from_iter([(name.to_owned(), value)])
}
