//! What this client may do with topics and a group, as the broker's authorizer sees it: the safe wrapper does not ask for
//! authorized operations.

use std::ffi::{CStr, CString, c_char};
use std::ptr;
use std::slice;
use std::time::Duration;

use rdkafka::bindings as sys;
use rdkafka::client::{Client, ClientContext};
use rdkafka::error::RDKafkaErrorCode;
use sys::rd_kafka_admin_op_t as op;

pub(in crate::kafka) use sys::rd_kafka_AclOperation_t as Operation;

/// What a broker lets this client do with one thing.
#[derive(Clone, Debug)]
pub(in crate::kafka) struct Rights {
    pub(in crate::kafka) name: String,
    /// Why the broker says nothing about it.
    pub(in crate::kafka) error: Option<RDKafkaErrorCode>,
    pub(in crate::kafka) may: Vec<Operation>,
}

impl Rights {
    /// Whether it is allowed; `None` where the broker does not tell.
    pub(in crate::kafka) fn allow(&self, operation: Operation) -> Option<bool> {
        let told = self.error.is_none() && !self.may.is_empty();
        told.then(|| {
            self.may.contains(&operation) || self.may.contains(&Operation::RD_KAFKA_ACL_OPERATION_ALL)
        })
    }
}

/// What `client` may do with each of `topics`; waits at most `within`.
pub(in crate::kafka) fn rights_of_topics<C: ClientContext>(
    client: &Client<C>,
    topics: &[&str],
    within: Duration,
) -> Result<Vec<Rights>, RDKafkaErrorCode> {
    let names: Vec<CString> = topics.iter().filter_map(|t| CString::new(*t).ok()).collect();
    let mut raw: Vec<*const c_char> = names.iter().map(|n| n.as_ptr()).collect();
    let rk = client.native_ptr();
    ask(
        rk,
        op::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS,
        within,
        |options, queue| {
            // SAFETY: names live until the call returns, which copies them; the rest is valid while borrowed.
            unsafe {
                let wanted = sys::rd_kafka_TopicCollection_of_topic_names(raw.as_mut_ptr(), raw.len());
                sys::rd_kafka_DescribeTopics(rk, wanted, options, queue);
                sys::rd_kafka_TopicCollection_destroy(wanted);
            }
        },
        |event| {
            // SAFETY: the event is a DescribeTopics result and outlives what is read from it.
            unsafe {
                let mut count = 0;
                let result = sys::rd_kafka_event_DescribeTopics_result(event);
                let all = sys::rd_kafka_DescribeTopics_result_topics(result, &raw mut count);
                list(all, count)
                    .iter()
                    .map(|topic| {
                        let mut count = 0;
                        let may =
                            sys::rd_kafka_TopicDescription_authorized_operations(*topic, &raw mut count);
                        rights(
                            sys::rd_kafka_TopicDescription_name(*topic),
                            sys::rd_kafka_TopicDescription_error(*topic),
                            may,
                            count,
                        )
                    })
                    .collect()
            }
        },
    )
}

/// What `client` may do with `group`, whether it exists or not; waits at most `within`.
pub(in crate::kafka) fn rights_of_group<C: ClientContext>(
    client: &Client<C>,
    group: &str,
    within: Duration,
) -> Result<Vec<Rights>, RDKafkaErrorCode> {
    let name = CString::new(group).map_err(|_| RDKafkaErrorCode::InvalidGroupId)?;
    let mut raw = [name.as_ptr()];
    let rk = client.native_ptr();
    ask(
        rk,
        op::RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS,
        within,
        |options, queue| {
            // SAFETY: the name lives until the call returns, which copies it.
            unsafe { sys::rd_kafka_DescribeConsumerGroups(rk, raw.as_mut_ptr(), 1, options, queue) };
        },
        |event| {
            // SAFETY: the event is a DescribeConsumerGroups result and outlives what is read from it.
            unsafe {
                let mut count = 0;
                let result = sys::rd_kafka_event_DescribeConsumerGroups_result(event);
                let all = sys::rd_kafka_DescribeConsumerGroups_result_groups(result, &raw mut count);
                list(all, count)
                    .iter()
                    .map(|group| {
                        let mut count = 0;
                        let may = sys::rd_kafka_ConsumerGroupDescription_authorized_operations(
                            *group,
                            &raw mut count,
                        );
                        rights(
                            sys::rd_kafka_ConsumerGroupDescription_group_id(*group),
                            sys::rd_kafka_ConsumerGroupDescription_error(*group),
                            may,
                            count,
                        )
                    })
                    .collect()
            }
        },
    )
}

/// # Safety
/// `all` is null or points to `count` pointers.
unsafe fn list<'a, T>(all: *mut *const T, count: usize) -> &'a [*const T] {
    if all.is_null() {
        return &[];
    }
    // SAFETY: the caller's promise.
    unsafe { slice::from_raw_parts(all.cast_const(), count) }
}

/// # Safety
/// The pointers come from one description that is alive.
unsafe fn rights(
    name: *const c_char,
    error: *const sys::rd_kafka_error_t,
    may: *const Operation,
    count: usize,
) -> Rights {
    // SAFETY: the caller's promise; an error may be null, which means none.
    unsafe {
        let code = if error.is_null() {
            sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR
        } else {
            sys::rd_kafka_error_code(error)
        };
        Rights {
            name: CStr::from_ptr(name).to_string_lossy().into_owned(),
            error: (code != sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR).then(|| code.into()),
            may: if may.is_null() {
                Vec::new()
            } else {
                slice::from_raw_parts(may, count).to_vec()
            },
        }
    }
}

/// Sends one admin request that asks for authorized operations, and reads its answer.
fn ask<T>(
    rk: *mut sys::rd_kafka_t,
    operation: op,
    within: Duration,
    send: impl FnOnce(*const sys::rd_kafka_AdminOptions_t, *mut sys::rd_kafka_queue_t),
    read: impl FnOnce(*mut sys::rd_kafka_event_t) -> T,
) -> Result<T, RDKafkaErrorCode> {
    let wait = i32::try_from(within.as_millis()).unwrap_or(i32::MAX).max(1);
    // SAFETY: the client is borrowed by the callers; what is created here is destroyed here, in order.
    unsafe {
        let options = sys::rd_kafka_AdminOptions_new(rk, operation);
        let queue = sys::rd_kafka_queue_new(rk);
        let refused = sys::rd_kafka_AdminOptions_set_include_authorized_operations(options, 1);
        if !refused.is_null() {
            sys::rd_kafka_error_destroy(refused);
        }
        sys::rd_kafka_AdminOptions_set_request_timeout(options, wait, ptr::null_mut(), 0);
        send(options, queue);
        let event = sys::rd_kafka_queue_poll(queue, wait);
        let answer = if event.is_null() {
            Err(RDKafkaErrorCode::OperationTimedOut)
        } else {
            match sys::rd_kafka_event_error(event) {
                sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR => Ok(read(event)),
                code => Err(code.into()),
            }
        };
        if !event.is_null() {
            sys::rd_kafka_event_destroy(event);
        }
        sys::rd_kafka_queue_destroy(queue);
        sys::rd_kafka_AdminOptions_destroy(options);
        answer
    }
}
