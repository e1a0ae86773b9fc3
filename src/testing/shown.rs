//! Text without what variables gave: `${NAME}` stands for it. What the case itself sets lies in its file, and is no secret.

use std::collections::BTreeMap;

use serde_json::Value;

use super::record::{Content, Headers, Text};
use crate::config::Config;

/// Writes what variables gave as in the pipeline file.
pub(crate) struct Shown<'a> {
    config: &'a Config,
    env: &'a BTreeMap<String, String>,
}

impl<'a> Shown<'a> {
    /// For a pipeline that was loaded with `env` before the environment.
    pub(crate) fn new(config: &'a Config, env: &'a BTreeMap<String, String>) -> Self {
        Self { config, env }
    }

    pub(crate) fn text(&self, text: &str) -> String {
        let mut text = self.config.shown(text);
        for (name, value) in self.env {
            text = text.replace(&format!("${{{name}}}"), value);
        }
        text
    }

    /// Every string in `value`.
    pub(crate) fn value(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.text(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.value(item)),
            Value::Object(map) => map.values_mut().for_each(|item| self.value(item)),
            _ => {}
        }
    }

    pub(crate) fn bytes(&self, bytes: &mut Vec<u8>) {
        if let Ok(text) = std::str::from_utf8(bytes) {
            *bytes = self.text(text).into_bytes();
        }
    }

    pub(crate) fn key(&self, key: &mut Option<Text>) {
        if let Some(Text(bytes)) = key {
            self.bytes(bytes);
        }
    }

    pub(crate) fn headers(&self, headers: &mut Headers) {
        headers.iter_mut().for_each(|(_, value)| self.key(value));
    }

    pub(crate) fn content(&self, content: &mut Content) {
        match content {
            Content::Value(value) => self.value(value),
            Content::Bytes(bytes) => self.bytes(bytes),
            Content::Tombstone => {}
        }
    }
}
