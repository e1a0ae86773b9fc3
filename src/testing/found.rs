//! What came out, as it is compared and written: payloads as JSON where their format has a form in it, and text without
//! what variables gave.

use serde_json::Value;

use super::compare::short;
use super::numbers;
use super::record::{self, Content, Headers, Text};
use super::shown::Shown;
use super::through::{Delivered, Rejected, Stopped, Through};
use crate::config::{Config, SinkFormat};
use crate::plan::Plan;

/// A result as it is compared: what variables gave is written as in the pipeline file.
#[derive(Clone, Debug)]
pub(crate) struct FoundResult {
    /// The line of the input.
    pub(crate) line: usize,
    pub(crate) content: Content,
    /// The payload's bytes, where it has any.
    pub(crate) payload: Option<Vec<u8>>,
    pub(crate) key: Option<Text>,
    pub(crate) headers: Headers,
    pub(crate) timestamp: i64,
}

/// Everything that came out.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) results: Vec<FoundResult>,
    pub(crate) rejects: Vec<Rejected>,
    pub(crate) stopped: Option<Stopped>,
}

impl Found {
    pub(crate) fn new(through: Through, config: &Config, plan: &Plan, shown: &Shown<'_>) -> Self {
        let mut rejects = through.rejects;
        rejects.iter_mut().for_each(|r| r.reason = shown.text(&r.reason));
        Self {
            results: through
                .results
                .into_iter()
                .map(|one| FoundResult::new(one, config, plan, shown))
                .collect(),
            rejects,
            stopped: through.stopped,
        }
    }
}

impl FoundResult {
    fn new(delivered: Delivered, config: &Config, plan: &Plan, shown: &Shown<'_>) -> Self {
        let Delivered { line, message } = delivered;
        let sink = &config.document.pipeline.sink;
        let value = |payload: &[u8]| match &sink.format {
            SinkFormat::Raw(_) => numbers::unpack(&plan.output, sink.key.as_deref(), payload),
            // A payload of a format with a schema of one's own is bytes, unless it happens to be JSON.
            _ => serde_json::from_slice(payload).ok(),
        };
        let mut payload = message.payload;
        let mut content = match &payload {
            None => Content::Tombstone,
            Some(bytes) => value(bytes).map_or_else(|| Content::Bytes(bytes.clone()), Content::Value),
        };
        let mut key = message.key.map(Text);
        let mut headers: Headers = message
            .headers
            .into_iter()
            .map(|(n, v)| (n, v.map(Text)))
            .collect();
        shown.content(&mut content);
        payload.iter_mut().for_each(|bytes| shown.bytes(bytes));
        shown.key(&mut key);
        shown.headers(&mut headers);
        Self {
            line,
            content,
            payload,
            key,
            headers,
            timestamp: message.timestamp,
        }
    }

    /// The payload as text that fits a line.
    pub(crate) fn short(&self) -> String {
        match &self.content {
            Content::Value(value) => short(value),
            other => short(&Value::Object(record::content_json(other))),
        }
    }
}
