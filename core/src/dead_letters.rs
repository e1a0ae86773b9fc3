//! What a rejected record looks like in the dead-letter topic: key, payload, headers and timestamp as they arrived,
//! plus headers under the names Kafka Connect gave them (KIP-298), so that the field's tools read them.

use std::sync::Arc;

use crate::records::Records;
use crate::reject::Reject;
use crate::sink::{Bytes, Outgoing};

/// Where dead letters go.
#[derive(Clone, Debug)]
pub struct DeadLetters {
    pub topic: Arc<str>,
    /// The index of the sink among the lane's sinks.
    pub sink: usize,
    /// The pipeline's name, for the header `__connect.errors.connector.name`.
    pub pipeline: Arc<str>,
    /// So many rejects in a row stop the pipeline.
    pub stop_after: Option<u64>,
}

/// Reasons are cut at this many bytes: a header is no place for a novel.
const REASON_LIMIT: usize = 1024;

impl DeadLetters {
    /// The dead letters of `rejects`, in their order.
    pub fn outgoing(&self, records: &Arc<Records>, rejects: &[Reject]) -> Outgoing {
        Outgoing {
            topic: Arc::clone(&self.topic),
            records: Arc::clone(records),
            origin: rejects.iter().map(|r| r.record).collect(),
            arena: Vec::new(),
            payload: vec![Bytes::Original; rejects.len()],
            key: Vec::new(),
            headers: Arc::new([]),
            row_headers: rejects.iter().map(|r| self.headers(records, r)).collect(),
        }
    }

    fn headers(&self, records: &Records, reject: &Reject) -> Vec<(&'static str, Vec<u8>)> {
        let row = reject.record as usize;
        let origin = records.partition(row);
        let reason = &reject.reason;
        let end = reason.floor_char_boundary(REASON_LIMIT.min(reason.len()));
        vec![
            ("__connect.errors.topic", origin.topic.as_bytes().to_vec()),
            (
                "__connect.errors.partition",
                origin.partition.to_string().into_bytes(),
            ),
            (
                "__connect.errors.offset",
                records.offset(row).to_string().into_bytes(),
            ),
            (
                "__connect.errors.connector.name",
                self.pipeline.as_bytes().to_vec(),
            ),
            ("__connect.errors.stage", reject.stage.name().as_bytes().to_vec()),
            (
                "__connect.errors.exception.message",
                reason.as_bytes()[..end].to_vec(),
            ),
        ]
    }
}
