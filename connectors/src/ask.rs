//! From a thread to the control plane: asynchronous work that somebody outside of it waits for.

use std::future::Future;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

use tokio::runtime::Handle;

/// Runs `future` on `runtime` from outside of it; `None` where it takes longer than `within`.
pub(crate) fn ask<T: Send + 'static>(
    runtime: &Handle,
    within: Duration,
    future: impl Future<Output = T> + Send + 'static,
) -> Option<T> {
    let (tell, told) = sync_channel(1);
    let task = runtime.spawn(async move {
        // Nobody waits any more: the answer is not needed.
        drop(tell.send(future.await));
    });
    let answer = told.recv_timeout(within);
    if let Err(RecvTimeoutError::Timeout) = answer {
        task.abort();
    }
    answer.ok()
}
