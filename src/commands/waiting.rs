//! What is being waited for, on standard error, as soon as it takes long: nobody should wonder whether something happens.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

/// Silence that is long.
const LONG: Duration = Duration::from_secs(5);

/// Tells as long as it lives.
pub(super) struct Waiting {
    now: SyncSender<String>,
}

impl Waiting {
    /// For `what`.
    pub(super) fn start(what: impl Into<String>) -> Self {
        let (now, news) = sync_channel(16);
        let waiting = Self { now };
        waiting.now(what);
        // Without a thread nothing is told, and all else goes on.
        let _told = thread::Builder::new()
            .name("waiting".into())
            .spawn(move || tell(&news));
        waiting
    }

    /// Something has come; from now on for `what`.
    pub(super) fn now(&self, what: impl Into<String>) {
        let _told = self.now.try_send(what.into());
    }
}

fn tell(news: &Receiver<String>) {
    let (mut what, mut since) = (String::new(), Instant::now());
    loop {
        match news.recv_timeout(LONG) {
            Ok(new) => (what, since) = (new, Instant::now()),
            Err(RecvTimeoutError::Timeout) => {
                eprintln!("{} s without an answer {what}", since.elapsed().as_secs())
            }
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}
