//! The calls of librdkafka for access control lists, which its Rust wrapper does not offer.
#![allow(
    unsafe_code,
    reason = "librdkafka is a C library; every block says why it holds"
)]

use std::ffi::{CStr, CString, c_char};

use rdkafka::bindings as sys;
use rdkafka::client::{Client, ClientContext};

/// How long one request may take.
const WITHIN_MS: i32 = 30_000;

/// A permission, or a filter for some.
#[derive(Clone, Debug)]
pub(crate) struct Binding {
    pub(crate) principal: String,
    pub(crate) kind: sys::rd_kafka_ResourceType_t,
    pub(crate) name: String,
    pub(crate) pattern: sys::rd_kafka_ResourcePatternType_t,
    pub(crate) operation: sys::rd_kafka_AclOperation_t,
    pub(crate) permission: sys::rd_kafka_AclPermissionType_t,
}

/// What can be asked with a client's handle.
pub(crate) struct Acls<'a, C: ClientContext> {
    client: &'a Client<C>,
}

/// An answer; destroyed on drop.
struct Answer(*mut sys::rd_kafka_event_t);

impl Drop for Answer {
    fn drop(&mut self) {
        // SAFETY: the event is ours, and nothing of it is used afterwards.
        unsafe { sys::rd_kafka_event_destroy(self.0) };
    }
}

impl Binding {
    /// The C library's own copy; a filter has the same form.
    fn native(&self, filter: bool) -> Result<*mut sys::rd_kafka_AclBinding_t, String> {
        let new = if filter {
            sys::rd_kafka_AclBindingFilter_new
        } else {
            sys::rd_kafka_AclBinding_new
        };
        let text = |text: &str| CString::new(text).map_err(|_| format!("{text:?} holds a zero byte"));
        let (name, principal) = (text(&self.name)?, text(&self.principal)?);
        let mut error = [0 as c_char; 512];
        // SAFETY: the texts are terminated and live until the call ends; it writes at most the given length.
        let native = unsafe {
            new(
                self.kind,
                name.as_ptr(),
                self.pattern,
                principal.as_ptr(),
                c"*".as_ptr(),
                self.operation,
                self.permission,
                error.as_mut_ptr(),
                error.len(),
            )
        };
        if native.is_null() {
            // SAFETY: the call has terminated its text within the array.
            return Err(unsafe { words(error.as_ptr()) });
        }
        Ok(native)
    }
}

impl<'a, C: ClientContext> Acls<'a, C> {
    pub(crate) fn of(client: &'a Client<C>) -> Self {
        Self { client }
    }

    pub(crate) fn create(&self, binding: &Binding) -> Result<(), String> {
        let mut native = binding.native(false)?;
        let kind = sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_CREATEACLS;
        // SAFETY: handle, options and queue are valid during the call; the binding is copied by it and destroyed after.
        let answer = self.ask(kind, None, |handle, options, queue| unsafe {
            sys::rd_kafka_CreateAcls(handle, &raw mut native, 1, options, queue);
        });
        // SAFETY: `native` came from the library and is used no more.
        unsafe { sys::rd_kafka_AclBinding_destroy(native) };
        let answer = answer?;
        // SAFETY: the answer is one to this request, so it has such a result; what it points to lives as long as it.
        unsafe {
            let mut count = 0;
            let result = sys::rd_kafka_event_CreateAcls_result(answer.0);
            let results = sys::rd_kafka_CreateAcls_result_acls(result, &raw mut count);
            for i in 0..count {
                let error = sys::rd_kafka_acl_result_error(*results.add(i));
                if !error.is_null() {
                    return Err(words(sys::rd_kafka_error_string(error)));
                }
            }
        }
        Ok(())
    }

    pub(crate) fn delete(&self, filter: &Binding) -> Result<(), String> {
        let mut native = filter.native(true)?;
        let kind = sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DELETEACLS;
        // SAFETY: as in `create`.
        let answer = self.ask(kind, None, |handle, options, queue| unsafe {
            sys::rd_kafka_DeleteAcls(handle, &raw mut native, 1, options, queue);
        });
        // SAFETY: `native` came from the library and is used no more.
        unsafe { sys::rd_kafka_AclBinding_destroy(native) };
        answer.map(drop)
    }

    /// Whether a broker has something that the filter matches.
    pub(crate) fn knows(&self, broker: i32, filter: &Binding) -> Result<bool, String> {
        let native = filter.native(true)?;
        let kind = sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBEACLS;
        // SAFETY: as in `create`.
        let answer = self.ask(kind, Some(broker), |handle, options, queue| unsafe {
            sys::rd_kafka_DescribeAcls(handle, native, options, queue);
        });
        // SAFETY: `native` came from the library and is used no more.
        unsafe { sys::rd_kafka_AclBinding_destroy(native) };
        let answer = answer?;
        let mut count = 0;
        // SAFETY: the answer is one to this request, so it has such a result.
        unsafe {
            let result = sys::rd_kafka_event_DescribeAcls_result(answer.0);
            sys::rd_kafka_DescribeAcls_result_acls(result, &raw mut count);
        }
        Ok(count > 0)
    }

    /// Sends a request, to one broker where one is named, and waits for its answer.
    fn ask(
        &self,
        kind: sys::rd_kafka_admin_op_t,
        broker: Option<i32>,
        send: impl FnOnce(*mut sys::rd_kafka_t, *mut sys::rd_kafka_AdminOptions_t, *mut sys::rd_kafka_queue_t),
    ) -> Result<Answer, String> {
        let handle = self.client.native_ptr();
        let mut text = [0 as c_char; 512];
        // SAFETY: the client's handle is valid while it is borrowed; queue and options are ours, are destroyed once,
        // and outlive the request: its answer is waited for, which comes at the latest when the request times out.
        let event = unsafe {
            let options = sys::rd_kafka_AdminOptions_new(handle, kind);
            let (buffer, length) = (text.as_mut_ptr(), text.len());
            // Both refuse only values out of range.
            sys::rd_kafka_AdminOptions_set_request_timeout(options, WITHIN_MS, buffer, length);
            if let Some(broker) = broker {
                sys::rd_kafka_AdminOptions_set_broker(options, broker, buffer, length);
            }
            let queue = sys::rd_kafka_queue_new(handle);
            send(handle, options, queue);
            let event = sys::rd_kafka_queue_poll(queue, 2 * WITHIN_MS);
            sys::rd_kafka_queue_destroy(queue);
            sys::rd_kafka_AdminOptions_destroy(options);
            event
        };
        if event.is_null() {
            return Err("no answer".into());
        }
        let answer = Answer(event);
        // SAFETY: the event is valid while `answer` holds it, and its text as long.
        unsafe {
            let code = sys::rd_kafka_event_error(answer.0);
            if code != sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
                return Err(words(sys::rd_kafka_event_error_string(answer.0)));
            }
        }
        Ok(answer)
    }
}

/// A copy of a C text.
///
/// # Safety
/// The text must be terminated.
unsafe fn words(text: *const c_char) -> String {
    // SAFETY: as the caller promises.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}
