//! Answers to commits, as events on a queue of their own.

use std::ffi::CStr;
use std::fmt;
use std::ptr;
use std::slice;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::TopicPartitionList;
use rdkafka::bindings as sys;
use rdkafka::client::{Client, ClientContext};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::types::RDKafkaRespErr;

/// The queue that answers to commits arrive on. The client's own commit callback is never called: it is set as an
/// event, and librdkafka makes that event for a callback or a queue only.
pub(in crate::kafka) struct Commits(*mut sys::rd_kafka_queue_t);

// SAFETY: a queue may be used from any thread.
unsafe impl Send for Commits {}

impl fmt::Debug for Commits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Commits")
    }
}

/// The answer to a commit of one partition.
#[derive(Debug)]
pub(in crate::kafka) struct Answer {
    pub(in crate::kafka) topic: Arc<str>,
    pub(in crate::kafka) partition: i32,
    pub(in crate::kafka) next: i64,
    pub(in crate::kafka) error: Option<RDKafkaErrorCode>,
}

impl Commits {
    /// A queue of `client`; must be dropped before it.
    pub(in crate::kafka) fn new<C: ClientContext>(client: &Client<C>) -> Self {
        // SAFETY: the client's handle is valid while it is borrowed.
        Self(unsafe { sys::rd_kafka_queue_new(client.native_ptr()) })
    }

    /// Sends a commit; its answer comes from [`Commits::answer`].
    pub(in crate::kafka) fn send<C: ClientContext>(
        &self,
        client: &Client<C>,
        positions: &TopicPartitionList,
    ) -> Result<(), RDKafkaErrorCode> {
        // SAFETY: all three handles are valid; the list is copied in the call; no callback is given.
        let sent = unsafe {
            sys::rd_kafka_commit_queue(
                client.native_ptr(),
                positions.ptr(),
                self.0,
                None,
                ptr::null_mut(),
            )
        };
        match sent {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR => Ok(()),
            error => Err(error.into()),
        }
    }

    /// The next answer: its partitions, and the error of the whole.
    pub(in crate::kafka) fn answer(&self, wait: Duration) -> Option<(Vec<Answer>, Option<RDKafkaErrorCode>)> {
        let wait_ms = i32::try_from(wait.as_millis()).unwrap_or(i32::MAX);
        // SAFETY: the queue is ours; the event and its list are valid until the event is destroyed here.
        unsafe {
            let event = sys::rd_kafka_queue_poll(self.0, wait_ms);
            if event.is_null() {
                return None;
            }
            let error = sys::rd_kafka_event_error(event);
            let list = sys::rd_kafka_event_topic_partition_list(event);
            let elements = list.as_ref().filter(|l| l.cnt > 0).map_or(&[][..], |list| {
                slice::from_raw_parts(list.elems.cast_const(), usize::try_from(list.cnt).unwrap_or(0))
            });
            let answers = elements.iter().map(|e| Answer {
                topic: CStr::from_ptr(e.topic).to_string_lossy().into(),
                partition: e.partition,
                next: e.offset,
                error: (e.err != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR).then(|| e.err.into()),
            });
            let answers = answers.collect();
            sys::rd_kafka_event_destroy(event);
            Some((
                answers,
                (error != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR).then(|| error.into()),
            ))
        }
    }
}

impl Drop for Commits {
    fn drop(&mut self) {
        // SAFETY: created by `new`, destroyed once.
        unsafe { sys::rd_kafka_queue_destroy(self.0) };
    }
}
