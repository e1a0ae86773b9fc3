//! Lines into a topic: each line is a payload, or a record with its key, headers and timestamp.

use std::io::BufRead;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use forebay_connectors::{Connector, SinkSpec};
use forebay_core::records::{NO_TIMESTAMP, Record, Records};
use forebay_core::sink::{Bytes, Outgoing, Sink, Ticket};
use forebay_core::{Error, Result};
use serde_json::Value;

use crate::testing::record::{self, Content, Line};

/// How lines become records.
#[derive(Clone, Debug, Default)]
pub struct Produce {
    pub topic: String,
    /// Each line is a record, not a payload.
    pub records: bool,
    /// The format of the topic's payloads, where it has schemas: JSON is not written there.
    pub format: Option<&'static str>,
    /// The field whose text becomes the key: `merchant.id`.
    pub key: Option<String>,
    /// Records a second; `None` = as fast as they are taken.
    pub rate: Option<u64>,
    /// So many at most.
    pub count: Option<u64>,
}

/// Rows that are queued at once, at most; a rate sends fewer.
const AT_ONCE: usize = 500;
const CONFIRM_WITHIN: Duration = Duration::from_secs(60);

impl Produce {
    /// Writes every line of `input`, named `name`; returns how many records are confirmed.
    ///
    /// # Errors
    /// `Config` where a line is no record, naming it; what was written before stays. `Fatal` where the topic takes no more.
    pub fn run(&self, connector: &dyn Connector, input: &mut dyn BufRead, name: &str) -> Result<u64> {
        let mut sink = connector.sink(&SinkSpec {
            compression: "none".into(),
            linger: Duration::from_millis(5),
            buffer_bytes: 64 << 20,
        })?;
        let topic: Arc<str> = self.topic.as_str().into();
        let (begin, mut number, mut written, mut ticket) = (Instant::now(), 0, 0, 0);
        let mut text = String::new();
        let mut outcome = Ok(());
        loop {
            let mut records = Records::default();
            let wanted = self.due(begin, written).min(AT_ONCE as u64);
            let mut ended = false;
            while (records.len() as u64) < wanted {
                text.clear();
                number += 1;
                match input.read_line(&mut text) {
                    Ok(0) => ended = true,
                    Ok(_) => outcome = self.push(&mut records, &topic, text.trim_end_matches(['\r', '\n'])),
                    Err(e) => outcome = Err(Error::fatal("read a line").caused_by(e)),
                }
                if ended || outcome.is_err() {
                    break;
                }
            }
            let rows = records.len() as u64;
            if rows > 0 {
                send(&mut *sink, Ticket(ticket), &outgoing(&topic, records))?;
                ticket += 1;
                written += rows;
            }
            if ended || outcome.is_err() || self.count.is_some_and(|count| written >= count) {
                break;
            }
            if let Some(rate) = self.rate {
                let due = begin + Duration::from_secs_f64((written + 1) as f64 / rate.max(1) as f64);
                thread::sleep(due.saturating_duration_since(Instant::now()));
            }
        }
        let settled = settle(&mut *sink, &self.topic);
        let place = |e: Error| e.with("file", name).with("line", number).with("written", written);
        settled.and(outcome.map_err(place)).map(|()| written)
    }

    /// How many records are to be on their way by now.
    fn due(&self, begin: Instant, written: u64) -> u64 {
        let by_rate = self.rate.map_or(u64::MAX, |rate| {
            let due = (begin.elapsed().as_secs_f64() * rate.max(1) as f64) as u64 + 1;
            due.saturating_sub(written)
        });
        by_rate.min(self.count.map_or(u64::MAX, |count| count.saturating_sub(written)))
    }

    fn push(&self, records: &mut Records, topic: &Arc<str>, text: &str) -> Result<()> {
        let wrong = |found: String| Error::config(format!("read a line as a record: {found}"));
        let line = if self.records {
            record::record(text).map_err(|w| wrong(w.to_string()))?
        } else {
            value_line(text)
        };
        if let (Some(format), Content::Value(_)) = (self.format, &line.content) {
            return Err(unreadable(format));
        }
        let payload = match &line.content {
            Content::Tombstone => None,
            Content::Bytes(bytes) => Some(bytes.clone()),
            Content::Value(value) => Some(value.to_string().into_bytes()),
        };
        let own = line.key.flatten().map(|key| key.0);
        let key = match &self.key {
            None => own,
            Some(path) => Some(key_at(path, payload.as_deref().unwrap_or_default()).map_err(wrong)?),
        };
        let partition = records.intern(topic, 0);
        records.push(
            partition,
            Record {
                offset: 0,
                timestamp: line.timestamp.unwrap_or(NO_TIMESTAMP),
                key: key.as_deref(),
                payload: payload.as_deref(),
            },
        );
        for (name, value) in line.headers.into_iter().flatten() {
            records.push_header(&name, value.as_ref().map(|value| &value.0[..]));
        }
        Ok(())
    }
}

/// That JSON is no payload of a topic whose payloads have schemas.
pub fn unreadable(format: &str) -> Error {
    Error::config(format!(
        "write lines of JSON: the topic's payloads are `{format}`, and each line would be a reject; write them with a producer that \
         knows the schema, such as Confluent's `kafka-{format}-console-producer`, or as records with `base64` payloads \
         (`--records`), as `consume --records` gives them; `--raw` writes lines as they stand"
    ))
}

/// A payload as it stands, also where it is no JSON: what a pipeline makes of it is the pipeline's to say.
fn value_line(text: &str) -> Line {
    Line {
        content: Content::Bytes(text.as_bytes().to_vec()),
        key: None,
        headers: None,
        timestamp: None,
        topic: None,
        partition: None,
    }
}

/// The text of a field of a JSON payload.
fn key_at(path: &str, payload: &[u8]) -> Result<Vec<u8>, String> {
    let value: Value = serde_json::from_slice(payload).map_err(|e| {
        format!(
            "it is no JSON (column {}), and its key is to be the field `{path}`",
            e.column()
        )
    })?;
    let field = path.split('.').try_fold(&value, |at, name| at.get(name));
    match field {
        None | Some(Value::Null) => Err(format!("it has no field `{path}`, which is to be its key")),
        Some(Value::String(text)) => Ok(text.clone().into_bytes()),
        Some(other) => Ok(other.to_string().into_bytes()),
    }
}

fn outgoing(topic: &Arc<str>, records: Records) -> Outgoing {
    let rows = records.len();
    Outgoing {
        topic: Arc::clone(topic),
        records: Arc::new(records),
        origin: (0..rows as u32).collect(),
        arena: Vec::new(),
        payload: vec![Bytes::Original; rows],
        key: Vec::new(),
        headers: Arc::new([]),
        row_headers: Vec::new(),
    }
}

/// Queues all rows, waiting where the sink is full.
fn send(sink: &mut dyn Sink, ticket: Ticket, rows: &Outgoing) -> Result<()> {
    let mut from = 0;
    while from < rows.len() {
        let taken = sink.write(ticket, rows, from)?;
        from += taken;
        if taken == 0 {
            // Full: what is on its way leaves room, within milliseconds.
            match sink.flush(Duration::from_millis(20)) {
                Err(error) if error.kind() != forebay_core::Kind::Retry => return Err(error),
                _ => {}
            }
        }
    }
    refused(sink)
}

fn refused(sink: &mut dyn Sink) -> Result<()> {
    match sink.confirmed()?.refused.into_iter().next() {
        Some(refused) => Err(refused.error),
        None => Ok(()),
    }
}

fn settle(sink: &mut dyn Sink, topic: &str) -> Result<()> {
    sink.flush(CONFIRM_WITHIN).map_err(|e| e.with("topic", topic))?;
    refused(sink)
}
