//! A case's input as the messages of a topic: offsets count from 0 in each partition, as a broker would count.

use std::collections::HashMap;
use std::path::Path;

use forebay_connectors::Topics;
use forebay_core::codec::schema_of;
use forebay_core::memory::Message;

use super::find::{Case, Form};
use super::lines::{self, Wrong};
use super::numbers;
use super::record::{self, Content, Line};
use crate::config::{Config, SourceFormat};

/// One event and the line it stands in.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) line: usize,
    pub(crate) message: Message,
}

/// Reads the input of `case`.
///
/// # Errors
/// Every line that is wrong, each with its place.
pub(crate) fn read(case: &Case, config: &Config) -> Result<Vec<Event>, Vec<String>> {
    let (path, form) = &case.input;
    read_file(path, *form, config)
}

/// Reads a file of events.
///
/// # Errors
/// Every line that is wrong, each with its place.
pub(crate) fn read_file(path: &Path, form: Form, config: &Config) -> Result<Vec<Event>, Vec<String>> {
    let mut offsets: HashMap<(String, i32), i64> = HashMap::new();
    let events = lines::read(path, |line, text| {
        let parsed = match form {
            Form::Values => record::value(text)?,
            Form::Records => record::record(text)?,
        };
        let mut message = message(parsed, config)?;
        // Byte for byte as it stands there, with its white space and its digits.
        let format = &config.document.pipeline.source.format;
        let as_json = matches!(format, SourceFormat::Json(_)) || format.is_registered();
        if form == Form::Values && as_json {
            message.payload = Some(text.as_bytes().to_vec());
        }
        let next = offsets
            .entry((message.topic.clone(), message.partition))
            .or_default();
        message.offset = *next;
        *next += 1;
        Ok(Event { line, message })
    })?;
    if events.is_empty() {
        return Err(vec![format!("{} holds no event", path.display())]);
    }
    Ok(events)
}

fn message(line: Line, config: &Config) -> Result<Message, Wrong> {
    let payload = match line.content {
        Content::Tombstone => None,
        Content::Bytes(bytes) => Some(bytes),
        Content::Value(value) => Some(match &config.document.pipeline.source.format {
            SourceFormat::Raw(_) => numbers::pack(&schema_of(&config.columns), &value)?,
            format if matches!(format, SourceFormat::Json(_)) || format.is_registered() => {
                value.to_string().into_bytes()
            }
            format => {
                let message = format!(
                    "`value` is read as JSON, and payloads are {} here: give the bytes as `text` or `base64`",
                    format.name()
                );
                return Err(message.into());
            }
        }),
    };
    let partition = line.partition.unwrap_or(0);
    if partition < 0 {
        return Err("`partition` is 0 or more".to_owned().into());
    }
    let timestamp = line.timestamp.unwrap_or(0);
    if timestamp < 0 {
        return Err("`timestamp` is in milliseconds since the epoch, 0 or more"
            .to_owned()
            .into());
    }
    Ok(Message {
        topic: topic(line.topic, &config.topics)?,
        partition,
        offset: 0,
        timestamp,
        key: line.key.flatten().map(|key| key.0),
        payload,
        headers: line
            .headers
            .into_iter()
            .flatten()
            .map(|(name, value)| (name, value.map(|value| value.0)))
            .collect(),
    })
}

fn topic(given: Option<String>, topics: &Topics) -> Result<String, Wrong> {
    match (given, topics) {
        (Some(topic), Topics::Names(names)) if !names.contains(&topic) => {
            let names = names.join(", ");
            Err(format!("the source does not read this `topic`; it reads: {names}").into())
        }
        (Some(topic), _) => Ok(topic),
        (None, Topics::Names(names)) => Ok(names.first().cloned().unwrap_or_default()),
        (None, Topics::Pattern(_)) => Err(
            "the source reads a pattern: name the event's `topic`, in a file of records (NAME.input.records.jsonl)"
                .to_owned()
                .into(),
        ),
    }
}
