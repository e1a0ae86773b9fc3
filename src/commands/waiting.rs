//! What is being waited for, on standard error, as soon as it takes long: nobody should wonder whether something happens.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use forebay::connectors::kafka::Wait;
use forebay::logging;

/// Silence that is long.
const LONG: Duration = Duration::from_secs(5);

/// What a wait is about.
enum News {
    /// Something has come; from now on for this.
    Next(String),
    /// The same goes on: this says it better, where there is something.
    Same(Option<Wait>),
}

/// Tells as long as it lives.
pub(super) struct Waiting {
    news: SyncSender<News>,
}

impl Waiting {
    /// For `what`.
    pub(super) fn start(what: impl Into<String>) -> Self {
        let (news, heard) = sync_channel(16);
        let waiting = Self { news };
        waiting.now(what);
        // Without a thread nothing is told, and all else goes on.
        let _told = thread::Builder::new()
            .name("waiting".into())
            .spawn(move || tell(&heard));
        waiting
    }

    /// Something has come; from now on for `what`.
    pub(super) fn now(&self, what: impl Into<String>) {
        let _told = self.news.try_send(News::Next(what.into()));
    }

    /// The same goes on: a token or an address is waited for, or not any more.
    pub(super) fn same(&self, wait: Option<Wait>) {
        let _told = self.news.try_send(News::Same(wait));
    }
}

fn tell(news: &Receiver<News>) {
    let (mut what, mut since, mut wait) = (String::new(), Instant::now(), None);
    let mut due = since + LONG;
    loop {
        match news.recv_timeout(due.saturating_duration_since(Instant::now())) {
            Ok(News::Next(new)) => {
                (what, since, wait) = (new, Instant::now(), None);
                due = since + LONG;
            }
            Ok(News::Same(new)) => wait = new,
            Err(RecvTimeoutError::Timeout) => {
                match &wait {
                    Some(wait) => logging::told(wait),
                    None => {
                        let seconds = since.elapsed().as_secs();
                        logging::told(format_args!("{seconds} s without an answer {what}"));
                    }
                }
                due += LONG;
            }
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}
