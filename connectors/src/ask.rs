//! From a thread to the control plane: asynchronous work that somebody outside of it waits for.

use std::future::Future;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

/// Who waits tells about it so often.
const TELL: Duration = Duration::from_secs(1);

/// Runs `future` on `runtime` from outside of it, with `waiting` called about once a second; `None` where it takes longer than
/// `within`.
pub(crate) fn ask<T: Send + 'static>(
    runtime: &Handle,
    within: Duration,
    waiting: &mut dyn FnMut(),
    future: impl Future<Output = T> + Send + 'static,
) -> Option<T> {
    let until = Instant::now() + within;
    let (tell, told) = sync_channel(1);
    let task = runtime.spawn(async move {
        // Nobody waits any more: the answer is not needed.
        drop(tell.send(future.await));
    });
    loop {
        let left = until.saturating_duration_since(Instant::now());
        match told.recv_timeout(TELL.min(left)) {
            Ok(answer) => return Some(answer),
            Err(RecvTimeoutError::Timeout) if TELL < left => waiting(),
            Err(_) => {
                task.abort();
                return None;
            }
        }
    }
}
