//! The one call of librdkafka's mock cluster that its Rust wrapper does not offer.
#![allow(
    unsafe_code,
    reason = "librdkafka is a C library; every block says why it holds"
)]

use std::time::Duration;

use rdkafka::bindings as sys;
use rdkafka::client::{Client, ClientContext};

/// How long the cluster inside `client` holds back the first assignment of a group. `false` where there is none.
pub(crate) fn first_rebalance_after<C: ClientContext>(client: &Client<C>, delay: Duration) -> bool {
    // SAFETY: the client's handle is valid while it is borrowed.
    let cluster = unsafe { sys::rd_kafka_handle_mock_cluster(client.native_ptr()) };
    if cluster.is_null() {
        return false;
    }
    let millis = i32::try_from(delay.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: the cluster lives as long as its client.
    unsafe { sys::rd_kafka_mock_group_initial_rebalance_delay_ms(cluster, millis) };
    true
}
