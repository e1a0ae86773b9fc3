//! Rows without columns: payloads leave as they came. The smallest codec, and the lane's floor.

use std::sync::Arc;

use arrow::datatypes::Schema;

use super::{Decode, Decoded, Encode};
use crate::batch::Batch;
use crate::error::Result;
use crate::records::Records;
use crate::sink::{Bytes, Outgoing};

/// Every record is a row without columns.
#[derive(Debug, Default)]
pub struct VerbatimDecoder;

impl Decode for VerbatimDecoder {
    fn decode(&mut self, records: &Arc<Records>) -> Result<Decoded> {
        let origin = (0..records.len() as u32).collect();
        let schema = Arc::new(Schema::empty());
        let batch = Batch::new(schema, Vec::new(), origin, Arc::clone(records))?;
        Ok(Decoded {
            batch,
            rejects: Vec::new(),
        })
    }
}

/// Every row leaves with the payload, key, headers and timestamp of its record.
#[derive(Debug)]
pub struct VerbatimEncoder {
    topic: Arc<str>,
}

impl VerbatimEncoder {
    /// Writes to `topic`.
    pub fn new(topic: impl Into<Arc<str>>) -> Self {
        Self { topic: topic.into() }
    }
}

impl Encode for VerbatimEncoder {
    fn encode(&mut self, batch: &Batch) -> Result<Outgoing> {
        Ok(Outgoing {
            topic: Arc::clone(&self.topic),
            records: Arc::clone(&batch.records),
            origin: batch.origin.clone(),
            arena: Vec::new(),
            payload: vec![Bytes::Original; batch.len()],
            key: Vec::new(),
            headers: Arc::new([]),
            row_headers: Vec::new(),
        })
    }
}
