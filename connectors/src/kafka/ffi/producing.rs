//! Records into a producer, and what it reports of them.

use std::ffi::{CStr, CString, c_char};
use std::fmt;
use std::ptr;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::bindings as sys;
use rdkafka::client::{Client, ClientContext};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::types::RDKafkaRespErr;

/// A topic to produce to.
pub(in crate::kafka) struct TopicHandle {
    handle: *mut sys::rd_kafka_topic_t,
    pub(in crate::kafka) name: Arc<str>,
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
    pub(in crate::kafka) fn new<C: ClientContext>(client: &Client<C>, topic: &Arc<str>) -> Option<Self> {
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
pub(in crate::kafka) struct Produce<'a> {
    pub(in crate::kafka) key: Option<&'a [u8]>,
    pub(in crate::kafka) payload: Option<&'a [u8]>,
    /// Milliseconds since the epoch; 0 or less = now.
    pub(in crate::kafka) timestamp: i64,
    pub(in crate::kafka) opaque: usize,
}

/// Queues a record; librdkafka copies the bytes.
///
/// # Errors
/// `QueueFull`, `MessageSizeTooLarge`, or what the client fails with.
pub(in crate::kafka) fn produce<'h, C: ClientContext>(
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
pub(in crate::kafka) enum Report<'a> {
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
pub(in crate::kafka) struct Reports(*mut sys::rd_kafka_queue_t, Vec<*const sys::rd_kafka_message_t>);

// SAFETY: a queue may be used from any thread; the buffer is empty between calls.
unsafe impl Send for Reports {}

impl fmt::Debug for Reports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reports")
    }
}

impl Reports {
    /// The reports of `client`; must be dropped before it.
    pub(in crate::kafka) fn new<C: ClientContext>(client: &Client<C>) -> Self {
        // SAFETY: the handle is valid while borrowed; the reference is given back on drop.
        Self(
            unsafe { sys::rd_kafka_queue_get_main(client.native_ptr()) },
            Vec::new(),
        )
    }

    /// Serves everything there is; waits at most `wait` for the first.
    pub(in crate::kafka) fn serve(&mut self, wait: Duration, mut each: impl FnMut(Report<'_>)) {
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
pub(in crate::kafka) fn push_out<C: ClientContext>(client: &Client<C>) {
    // SAFETY: the handle is valid while borrowed. The call never ends well while reports are unserved; it is made for
    // what it sets off: a flushing producer does not linger.
    unsafe { sys::rd_kafka_flush(client.native_ptr(), 1) };
}
