//! All unsafe code of the shipped crates: the calls of librdkafka that its Rust wrapper does not offer, or offers
//! only with an allocation per record. Each function takes what proves its safety; nothing raw leaves this folder.
#![allow(
    unsafe_code,
    reason = "librdkafka is a C library; every block says why it holds"
)]

mod rights;
mod token;

use std::ffi::{CStr, CString, c_char, c_void};
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

pub(super) use rights::{Operation, Rights, rights_of_group, rights_of_topics};
pub(super) use token::TokenPush;

/// A queue that the partitions of one consumer are forwarded to, drained by one thread. A consumer's own queue
/// carries its group events as well; a batch call on that one would swallow them.
pub(super) struct LaneQueue {
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
    pub(super) fn new<C: ClientContext>(client: &Client<C>) -> Self {
        // SAFETY: the client's handle is valid while it is borrowed.
        let queue = unsafe { sys::rd_kafka_queue_new(client.native_ptr()) };
        Self {
            queue,
            buffer: Vec::new(),
            topics: Vec::new(),
        }
    }

    /// Forwards a partition to this queue; to be called before the partition is assigned.
    pub(super) fn forward<C: ClientContext>(&self, client: &Client<C>, topic: &str, partition: i32) {
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
    pub(super) fn drain(&mut self, limit: usize, wait: Duration) -> Drained<'_> {
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
pub(super) struct Drained<'a> {
    queue: &'a mut LaneQueue,
}

impl Drained<'_> {
    /// The messages, in the order they came.
    pub(super) fn iter(&self) -> impl Iterator<Item = Taken<'_>> {
        self.queue.buffer.iter().map(|message| Taken {
            // SAFETY: valid until `self` is dropped, which destroys it.
            message: unsafe { &**message },
            topics: &self.queue.topics,
        })
    }

    /// How many.
    pub(super) fn len(&self) -> usize {
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
pub(super) struct Taken<'a> {
    message: &'a sys::rd_kafka_message_t,
    topics: &'a [(*mut sys::rd_kafka_topic_t, Arc<str>)],
}

impl<'a> Taken<'a> {
    pub(super) fn error(&self) -> Option<RDKafkaErrorCode> {
        match self.message.err {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR => None,
            error => Some(error.into()),
        }
    }

    pub(super) fn topic(&self) -> Option<&'a Arc<str>> {
        self.topics
            .iter()
            .find(|(handle, _)| *handle == self.message.rkt)
            .map(|(_, name)| name)
    }

    pub(super) fn partition(&self) -> i32 {
        self.message.partition
    }

    pub(super) fn offset(&self) -> i64 {
        self.message.offset
    }

    pub(super) fn key(&self) -> Option<&'a [u8]> {
        // SAFETY: librdkafka gives a pointer and the length behind it, valid as long as the message.
        unsafe { bytes(self.message.key, self.message.key_len) }
    }

    pub(super) fn payload(&self) -> Option<&'a [u8]> {
        // SAFETY: as for the key.
        unsafe { bytes(self.message.payload, self.message.len) }
    }

    /// Milliseconds since the epoch, -1 where there is none.
    pub(super) fn timestamp(&self) -> i64 {
        let mut kind = sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        // SAFETY: the message is valid.
        unsafe { sys::rd_kafka_message_timestamp(self.message, &raw mut kind) }
    }

    /// Calls `each` with every header.
    pub(super) fn headers(&self, mut each: impl FnMut(&str, Option<&[u8]>)) {
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
pub(super) fn known_end<C: ClientContext>(client: &Client<C>, topic: &str, partition: i32) -> Option<i64> {
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

/// A topic to produce to.
pub(super) struct TopicHandle {
    handle: *mut sys::rd_kafka_topic_t,
    pub(super) name: Arc<str>,
}

// SAFETY: topic handles may be used from any thread.
unsafe impl Send for TopicHandle {}

impl fmt::Debug for TopicHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl TopicHandle {
    /// A handle of `client`; must be dropped before it. `None` where the name cannot be a topic's.
    pub(super) fn new<C: ClientContext>(client: &Client<C>, topic: &Arc<str>) -> Option<Self> {
        let name = CString::new(topic.as_bytes()).ok()?;
        // SAFETY: the client is valid; a null configuration means the client's own.
        let handle = unsafe { sys::rd_kafka_topic_new(client.native_ptr(), name.as_ptr(), ptr::null_mut()) };
        (!handle.is_null()).then(|| Self {
            handle,
            name: Arc::clone(topic),
        })
    }
}

impl Drop for TopicHandle {
    fn drop(&mut self) {
        // SAFETY: created by `new`, destroyed once.
        unsafe { sys::rd_kafka_topic_destroy(self.handle) };
    }
}

/// One record to produce.
#[derive(Debug)]
pub(super) struct Produce<'a> {
    pub(super) key: Option<&'a [u8]>,
    pub(super) payload: Option<&'a [u8]>,
    /// Milliseconds since the epoch; 0 or less = now.
    pub(super) timestamp: i64,
    pub(super) opaque: usize,
}

/// Queues a record; librdkafka copies the bytes.
///
/// # Errors
/// `QueueFull`, `MessageSizeTooLarge`, or what the client fails with.
pub(super) fn produce<'h, C: ClientContext>(
    client: &Client<C>,
    topic: &TopicHandle,
    record: &Produce<'_>,
    headers: impl Iterator<Item = (&'h str, Option<&'h [u8]>)>,
) -> Result<(), RDKafkaErrorCode> {
    use sys::rd_kafka_vtype_t as v;
    let headers = native_headers(headers);
    // Built in place: mapped from tuples, each value is copied twice, and this is done for every record.
    let argument = |vtype, u| sys::rd_kafka_vu_t { vtype, u };
    let mut arguments = [
        argument(v::RD_KAFKA_VTYPE_RKT, Value { rkt: topic.handle }),
        argument(v::RD_KAFKA_VTYPE_PARTITION, Value { i32_: -1 }),
        argument(v::RD_KAFKA_VTYPE_VALUE, memory(record.payload)),
        argument(v::RD_KAFKA_VTYPE_KEY, memory(record.key)),
        argument(v::RD_KAFKA_VTYPE_MSGFLAGS, Value { i: COPY }),
        argument(
            v::RD_KAFKA_VTYPE_OPAQUE,
            Value {
                ptr: ptr::without_provenance_mut(record.opaque),
            },
        ),
        argument(
            v::RD_KAFKA_VTYPE_TIMESTAMP,
            Value {
                i64_: record.timestamp.max(0),
            },
        ),
        argument(v::RD_KAFKA_VTYPE_END, Value { i: 0 }),
    ];
    let mut count = arguments.len() - 1;
    if !headers.is_null() {
        arguments[count] = argument(v::RD_KAFKA_VTYPE_HEADERS, Value { headers });
        count += 1;
    }
    // SAFETY: handles are valid while borrowed; memory is copied in the call; the headers are librdkafka's on success.
    unsafe {
        let error = sys::rd_kafka_produceva(client.native_ptr(), arguments.as_ptr(), count);
        if error.is_null() {
            return Ok(());
        }
        let code = sys::rd_kafka_error_code(error);
        sys::rd_kafka_error_destroy(error);
        if !headers.is_null() {
            sys::rd_kafka_headers_destroy(headers);
        }
        Err(code.into())
    }
}

/// The value of an argument.
type Value = sys::rd_kafka_vu_s__bindgen_ty_1;

/// `RD_KAFKA_MSG_F_COPY`.
const COPY: i32 = 2;

fn memory(bytes: Option<&[u8]>) -> Value {
    // An empty value is not a null one: it needs a pointer, and a slice always has one.
    let (ptr, size) = bytes.map_or((ptr::null(), 0), |b| (b.as_ptr(), b.len()));
    let mem = sys::rd_kafka_vu_s__bindgen_ty_1__bindgen_ty_1 {
        ptr: ptr.cast_mut().cast(),
        size,
    };
    Value { mem }
}

/// Null where there are none.
fn native_headers<'h>(
    headers: impl Iterator<Item = (&'h str, Option<&'h [u8]>)>,
) -> *mut sys::rd_kafka_headers_t {
    let mut native: *mut sys::rd_kafka_headers_t = ptr::null_mut();
    for (name, value) in headers {
        let (data, size) = value.map_or((ptr::null(), 0), |v| (v.as_ptr(), v.len() as isize));
        // SAFETY: the list is created before its first use; name and value are copied in the call.
        unsafe {
            if native.is_null() {
                native = sys::rd_kafka_headers_new(4);
            }
            sys::rd_kafka_header_add(
                native,
                name.as_ptr().cast::<c_char>(),
                name.len() as isize,
                data.cast(),
                size,
            );
        }
    }
    native
}

/// What a producer says of itself.
#[derive(Debug)]
pub(super) enum Report<'a> {
    /// A record is settled: written, or failed with this.
    Delivery {
        opaque: usize,
        error: Option<RDKafkaErrorCode>,
    },
    /// The client as a whole has a problem.
    Error {
        code: RDKafkaErrorCode,
        fatal: bool,
        text: &'a str,
    },
    /// A line of its log; the level is syslog's.
    Log { level: i32, text: &'a str },
    /// Its statistics, as JSON.
    Statistics(&'a [u8]),
}

/// The queue a producer reports on.
pub(super) struct Reports(*mut sys::rd_kafka_queue_t, Vec<*const sys::rd_kafka_message_t>);

// SAFETY: a queue may be used from any thread; the buffer is empty between calls.
unsafe impl Send for Reports {}

impl fmt::Debug for Reports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reports")
    }
}

impl Reports {
    /// The reports of `client`; must be dropped before it.
    pub(super) fn new<C: ClientContext>(client: &Client<C>) -> Self {
        // SAFETY: the handle is valid while borrowed; the reference is given back on drop.
        Self(
            unsafe { sys::rd_kafka_queue_get_main(client.native_ptr()) },
            Vec::new(),
        )
    }

    /// Serves everything there is; waits at most `wait` for the first.
    pub(super) fn serve(&mut self, wait: Duration, mut each: impl FnMut(Report<'_>)) {
        let mut wait_ms = i32::try_from(wait.as_millis()).unwrap_or(i32::MAX);
        loop {
            // SAFETY: the queue is ours.
            let event = unsafe { sys::rd_kafka_queue_poll(self.0, wait_ms) };
            if event.is_null() {
                return;
            }
            wait_ms = 0;
            // SAFETY: the event is valid until destroyed here, and what it lends does not outlive this block.
            unsafe {
                self.report(event, &mut each);
                sys::rd_kafka_event_destroy(event);
            }
        }
    }

    /// # Safety
    /// `event` is a valid event.
    unsafe fn report(&mut self, event: *mut sys::rd_kafka_event_t, each: &mut impl FnMut(Report<'_>)) {
        // SAFETY: the caller's promise; every pointer read here belongs to the event.
        unsafe {
            match sys::rd_kafka_event_type(event) {
                sys::RD_KAFKA_EVENT_DR => {
                    let count = sys::rd_kafka_event_message_count(event);
                    self.1.reserve(count);
                    let got = sys::rd_kafka_event_message_array(event, self.1.as_mut_ptr(), count);
                    self.1.set_len(got);
                    for message in self.1.drain(..) {
                        let error = (*message).err;
                        let failed = error != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR;
                        each(Report::Delivery {
                            opaque: (*message)._private.addr(),
                            error: failed.then(|| error.into()),
                        });
                    }
                }
                sys::RD_KAFKA_EVENT_ERROR => {
                    let text = CStr::from_ptr(sys::rd_kafka_event_error_string(event));
                    each(Report::Error {
                        code: sys::rd_kafka_event_error(event).into(),
                        fatal: sys::rd_kafka_event_error_is_fatal(event) != 0,
                        text: &text.to_string_lossy(),
                    });
                }
                sys::RD_KAFKA_EVENT_LOG => {
                    let (mut facility, mut text, mut level) = (ptr::null(), ptr::null(), 0);
                    if sys::rd_kafka_event_log(event, &raw mut facility, &raw mut text, &raw mut level) == 0 {
                        each(Report::Log {
                            level,
                            text: &CStr::from_ptr(text).to_string_lossy(),
                        });
                    }
                }
                sys::RD_KAFKA_EVENT_STATS => {
                    let json = CStr::from_ptr(sys::rd_kafka_event_stats(event));
                    each(Report::Statistics(json.to_bytes()));
                }
                _ => {}
            }
        }
    }
}

impl Drop for Reports {
    fn drop(&mut self) {
        // SAFETY: the reference taken by `new`.
        unsafe { sys::rd_kafka_queue_destroy(self.0) };
    }
}

/// Makes a producer send what it holds now, without waiting for linger; returns at once.
pub(super) fn push_out<C: ClientContext>(client: &Client<C>) {
    // SAFETY: the handle is valid while borrowed. The call never ends well while reports are unserved; it is made for
    // what it sets off: a flushing producer does not linger.
    unsafe { sys::rd_kafka_flush(client.native_ptr(), 1) };
}

/// The queue that answers to commits arrive on. The client's own commit callback is never called: it is set as an
/// event, and librdkafka makes that event for a callback or a queue only.
pub(super) struct Commits(*mut sys::rd_kafka_queue_t);

// SAFETY: a queue may be used from any thread.
unsafe impl Send for Commits {}

impl fmt::Debug for Commits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Commits")
    }
}

/// The answer to a commit of one partition.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) topic: Arc<str>,
    pub(super) partition: i32,
    pub(super) next: i64,
    pub(super) error: Option<RDKafkaErrorCode>,
}

impl Commits {
    /// A queue of `client`; must be dropped before it.
    pub(super) fn new<C: ClientContext>(client: &Client<C>) -> Self {
        // SAFETY: the client's handle is valid while it is borrowed.
        Self(unsafe { sys::rd_kafka_queue_new(client.native_ptr()) })
    }

    /// Sends a commit; its answer comes from [`Commits::answer`].
    pub(super) fn send<C: ClientContext>(
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
    pub(super) fn answer(&self, wait: Duration) -> Option<(Vec<Answer>, Option<RDKafkaErrorCode>)> {
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
