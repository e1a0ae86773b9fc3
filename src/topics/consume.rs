//! A topic as lines: payloads as they are, or records with everything around them.

use std::io::Write;
use std::time::Duration;

use forebay_connectors::{Connector, Start};
use forebay_core::lane::Stop;
use forebay_core::records::Records;
use forebay_core::{Error, Result};
use serde_json::{Map, Value, json};

use crate::testing::record::{Content, Headers, Text, bytes_json, content_json, headers_json};

/// What is read, and how it is written.
#[derive(Clone, Debug)]
pub struct Consume {
    pub topic: String,
    pub start: Start,
    /// Ends where the log ended when reading began; otherwise waits for more.
    pub until_end: bool,
    /// So many at most.
    pub count: Option<u64>,
    /// Records instead of payloads.
    pub records: bool,
}

/// Between two looks at whether to stop.
const LOOK: Duration = Duration::from_millis(200);

impl Consume {
    /// Writes a line for each record until the end, the count, or `stop`; returns how many.
    ///
    /// # Errors
    /// `Fatal` where the topic cannot be read, or a payload is no text and lines of payloads are wanted.
    pub fn run(&self, connector: &dyn Connector, out: &mut dyn Write, stop: &Stop) -> Result<u64> {
        let mut reader = connector.reader(&self.topic, self.start)?;
        let mut written = 0;
        let failed = |e: std::io::Error| Error::fatal("write a line").caused_by(e);
        while !stop.requested() && self.count.is_none_or(|count| written < count) {
            if self.until_end && reader.is_at_end() {
                break;
            }
            let records = reader.read(LOOK)?;
            for row in 0..records.len() {
                if self.count.is_some_and(|count| written >= count) {
                    break;
                }
                let line = if self.records {
                    record_line(&records, row)
                } else {
                    self.payload_line(&records, row)?
                };
                match writeln!(out, "{line}") {
                    // Whoever read has seen enough: `| head`.
                    Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => return Ok(written),
                    other => other.map_err(failed)?,
                }
                written += 1;
            }
            out.flush().or_else(|e| match e.kind() {
                std::io::ErrorKind::BrokenPipe => Ok(()),
                _ => Err(failed(e)),
            })?;
        }
        Ok(written)
    }

    fn payload_line(&self, records: &Records, row: usize) -> Result<String> {
        let payload = records.payload(row).unwrap_or_default();
        let text = std::str::from_utf8(payload)
            .ok()
            .filter(|text| !text.contains('\n'));
        text.map(str::to_owned).ok_or_else(|| {
            Error::config(
                "write a payload as a line: it is no text of one line; `--records` writes any payload",
            )
            .with("topic", &self.topic)
            .with("partition", records.partition(row).partition)
            .with("offset", records.offset(row))
        })
    }
}

/// A record as `forebay test` and `forebay produce --records` read it, and where it lay.
fn record_line(records: &Records, row: usize) -> String {
    let mut line = Map::new();
    line.insert("topic".into(), json!(&*records.partition(row).topic));
    line.insert("partition".into(), json!(records.partition(row).partition));
    line.insert("offset".into(), json!(records.offset(row)));
    line.insert("timestamp".into(), json!(records.timestamp(row)));
    line.insert("key".into(), records.key(row).map_or(Value::Null, bytes_json));
    let headers: Headers = records
        .headers(row)
        .map(|(name, value)| (name.to_owned(), value.map(|value| Text(value.to_vec()))))
        .collect();
    if !headers.is_empty() {
        line.insert("headers".into(), headers_json(&headers));
    }
    let content = match records.payload(row) {
        None => Content::Tombstone,
        Some(payload) => content(payload),
    };
    line.extend(content_json(&content));
    Value::Object(line).to_string()
}

/// A payload as JSON where that gives back the same bytes.
fn content(payload: &[u8]) -> Content {
    match serde_json::from_slice::<Value>(payload) {
        Ok(value) if value.to_string().as_bytes() == payload => Content::Value(value),
        _ => Content::Bytes(payload.to_vec()),
    }
}
