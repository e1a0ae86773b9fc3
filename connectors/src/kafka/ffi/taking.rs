//! Records out of a consumer: a queue of its partitions, drained in batches.

use std::ffi::{CStr, CString, c_void};
use std::fmt;
use std::ptr;
use std::slice;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::bindings as sys;
use rdkafka::client::{Client, ClientContext};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::types::RDKafkaRespErr;

/// A queue that the partitions of one consumer are forwarded to, drained by one thread. A consumer's own queue
/// carries its group events as well; a batch call on that one would swallow them.
pub(in crate::kafka) struct LaneQueue {
    queue: *mut sys::rd_kafka_queue_t,
    buffer: Vec<*mut sys::rd_kafka_message_t>,
    /// The topics seen, by the handle that messages carry.
    topics: Vec<(*mut sys::rd_kafka_topic_t, Arc<str>)>,
}

// SAFETY: a queue may be used from any thread; the buffer is empty between calls; topic handles are compared only.
unsafe impl Send for LaneQueue {}

impl fmt::Debug for LaneQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LaneQueue({} topics)", self.topics.len())
    }
}

impl LaneQueue {
    /// A queue of `client`; must be dropped before it.
    pub(in crate::kafka) fn new<C: ClientContext>(client: &Client<C>) -> Self {
        // SAFETY: the client's handle is valid while it is borrowed.
        let queue = unsafe { sys::rd_kafka_queue_new(client.native_ptr()) };
        Self {
            queue,
            buffer: Vec::new(),
            topics: Vec::new(),
        }
    }

    /// Forwards a partition to this queue; to be called before the partition is assigned.
    pub(in crate::kafka) fn forward<C: ClientContext>(
        &self,
        client: &Client<C>,
        topic: &str,
        partition: i32,
    ) {
        let Ok(name) = CString::new(topic) else { return };
        // SAFETY: both handles are valid, the name is terminated, and the reference taken here is given back.
        unsafe {
            let own = sys::rd_kafka_queue_get_partition(client.native_ptr(), name.as_ptr(), partition);
            if !own.is_null() {
                sys::rd_kafka_queue_forward(own, self.queue);
                sys::rd_kafka_queue_destroy(own);
            }
        }
    }

    /// Takes at most `limit` messages that have arrived; where there are none, waits at most `wait` for one.
    /// `each` sees them all, then they are gone.
    pub(in crate::kafka) fn drain(&mut self, limit: usize, wait: Duration) -> Drained<'_> {
        self.buffer.reserve(limit.saturating_sub(self.buffer.len()));
        let mut count = self.take(limit, 0);
        if count == 0 && !wait.is_zero() {
            // A wait for more than one message would last until all of them are there.
            count = self.take(
                1.min(limit),
                i32::try_from(wait.as_millis()).unwrap_or(i32::MAX).max(1),
            );
        }
        // SAFETY: the call filled `count` entries of the reserved capacity.
        unsafe { self.buffer.set_len(count) };
        for message in &self.buffer {
            // SAFETY: a message from the call is valid until it is destroyed; its topic handle lives as long.
            let handle = unsafe { (**message).rkt };
            if !handle.is_null() && !self.topics.iter().any(|(known, _)| *known == handle) {
                // SAFETY: as above; the name lives as long as the handle and is copied here.
                let name = unsafe { CStr::from_ptr(sys::rd_kafka_topic_name(handle)) };
                self.topics.push((handle, name.to_string_lossy().into()));
            }
        }
        Drained { queue: self }
    }

    fn take(&mut self, limit: usize, wait_ms: i32) -> usize {
        // SAFETY: the buffer has room for `limit` pointers.
        let taken = unsafe {
            sys::rd_kafka_consume_batch_queue(self.queue, wait_ms, self.buffer.as_mut_ptr(), limit)
        };
        usize::try_from(taken).unwrap_or(0)
    }
}

impl Drop for LaneQueue {
    fn drop(&mut self) {
        // SAFETY: created by `new`, destroyed once.
        unsafe { sys::rd_kafka_queue_destroy(self.queue) };
    }
}

/// Messages that were taken; given back to librdkafka when dropped.
#[derive(Debug)]
pub(in crate::kafka) struct Drained<'a> {
    queue: &'a mut LaneQueue,
}

impl Drained<'_> {
    /// The messages, in the order they came.
    pub(in crate::kafka) fn iter(&self) -> impl Iterator<Item = Taken<'_>> {
        self.queue.buffer.iter().map(|message| Taken {
            // SAFETY: valid until `self` is dropped, which destroys it.
            message: unsafe { &**message },
            topics: &self.queue.topics,
        })
    }

    /// How many.
    pub(in crate::kafka) fn len(&self) -> usize {
        self.queue.buffer.len()
    }
}

impl Drop for Drained<'_> {
    fn drop(&mut self) {
        for message in self.queue.buffer.drain(..) {
            // SAFETY: taken by the batch call, destroyed once.
            unsafe { sys::rd_kafka_message_destroy(message) };
        }
    }
}

/// One message, or the error of its partition.
pub(in crate::kafka) struct Taken<'a> {
    message: &'a sys::rd_kafka_message_t,
    topics: &'a [(*mut sys::rd_kafka_topic_t, Arc<str>)],
}

impl<'a> Taken<'a> {
    pub(in crate::kafka) fn error(&self) -> Option<RDKafkaErrorCode> {
        match self.message.err {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR => None,
            error => Some(error.into()),
        }
    }

    pub(in crate::kafka) fn topic(&self) -> Option<&'a Arc<str>> {
        self.topics
            .iter()
            .find(|(handle, _)| *handle == self.message.rkt)
            .map(|(_, name)| name)
    }

    pub(in crate::kafka) fn partition(&self) -> i32 {
        self.message.partition
    }

    pub(in crate::kafka) fn offset(&self) -> i64 {
        self.message.offset
    }

    pub(in crate::kafka) fn key(&self) -> Option<&'a [u8]> {
        // SAFETY: librdkafka gives a pointer and the length behind it, valid as long as the message.
        unsafe { bytes(self.message.key, self.message.key_len) }
    }

    pub(in crate::kafka) fn payload(&self) -> Option<&'a [u8]> {
        // SAFETY: as for the key.
        unsafe { bytes(self.message.payload, self.message.len) }
    }

    /// Milliseconds since the epoch, -1 where there is none.
    pub(in crate::kafka) fn timestamp(&self) -> i64 {
        let mut kind = sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        // SAFETY: the message is valid.
        unsafe { sys::rd_kafka_message_timestamp(self.message, &raw mut kind) }
    }

    /// Calls `each` with every header.
    pub(in crate::kafka) fn headers(&self, mut each: impl FnMut(&str, Option<&[u8]>)) {
        let mut headers = ptr::null_mut();
        // SAFETY: the message is valid; the headers belong to it.
        let found = unsafe { sys::rd_kafka_message_headers(self.message, &raw mut headers) };
        if found != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
            return;
        }
        for index in 0.. {
            let (mut name, mut value, mut size) = (ptr::null(), ptr::null(), 0);
            // SAFETY: an index behind the last one is answered with an error; pointers live as long as the message.
            let (name, value) = unsafe {
                let one = sys::rd_kafka_header_get_all(
                    headers,
                    index,
                    &raw mut name,
                    &raw mut value,
                    &raw mut size,
                );
                if one != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
                    return;
                }
                (CStr::from_ptr(name), bytes(value.cast_mut(), size))
            };
            each(&name.to_string_lossy(), value);
        }
    }
}

/// # Safety
/// `data` is null or points to `len` bytes that live for `'a`.
unsafe fn bytes<'a>(data: *mut c_void, len: usize) -> Option<&'a [u8]> {
    // SAFETY: the caller's promise.
    (!data.is_null()).then(|| unsafe { slice::from_raw_parts(data.cast_const().cast::<u8>(), len) })
}

/// The end of a partition's log as the last fetch told it; never waits.
pub(in crate::kafka) fn known_end<C: ClientContext>(
    client: &Client<C>,
    topic: &str,
    partition: i32,
) -> Option<i64> {
    let name = CString::new(topic).ok()?;
    let (mut low, mut high) = (-1, -1);
    // SAFETY: the handle is valid while borrowed, the name terminated, the targets are ours.
    let answer = unsafe {
        sys::rd_kafka_get_watermark_offsets(
            client.native_ptr(),
            name.as_ptr(),
            partition,
            &raw mut low,
            &raw mut high,
        )
    };
    (answer == RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR && high >= 0).then_some(high)
}
