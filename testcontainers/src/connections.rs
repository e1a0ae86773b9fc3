//! What a listener's connections came to, as its brokers count them. It knows no client.

use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

/// The broker's class that counts, and writes [`FILE`].
pub(crate) const REPORTER: &str = "forebay.ConnectionCounts";
const FILE: &str = "connections";
/// The broker writes ten times a second.
const WRITTEN_WITHIN: Duration = Duration::from_secs(20);

/// Connections of one listener since its nodes started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Connections {
    /// Taken so far.
    pub opened: u64,
    /// Clients that came in: the first time on a connection.
    pub authenticated: u64,
    /// Clients that came in again on the same connection.
    pub reauthenticated: u64,
    /// Clients that did not come in, the first time or again.
    pub refused: u64,
    /// Connections that were cut off because nobody authenticated again in time.
    pub expired: u64,
}

impl Connections {
    /// What a node has written since now.
    pub(crate) fn read(node: &Path, listener: &str) -> io::Result<Self> {
        let (file, asked) = (node.join(FILE), SystemTime::now());
        let until = Instant::now() + WRITTEN_WITHIN;
        loop {
            let written = fs::metadata(&file).and_then(|metadata| metadata.modified());
            if written.is_ok_and(|written| written > asked) {
                return Ok(Self::of(&fs::read_to_string(&file)?, listener));
            }
            if Instant::now() >= until {
                let message =
                    "nobody counts connections there; ask for it with KafkaBuilder::count_connections";
                return Err(io::Error::other(message));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn of(text: &str, listener: &str) -> Self {
        let value = |name: &str| {
            let line = text
                .lines()
                .find_map(|line| line.strip_prefix(&format!("{listener} {name} ")));
            line.and_then(|number| number.parse().ok()).unwrap_or_default()
        };
        Self {
            opened: value("connection-creation-total"),
            authenticated: value("successful-authentication-total"),
            reauthenticated: value("successful-reauthentication-total"),
            refused: value("failed-authentication-total") + value("failed-reauthentication-total"),
            expired: value("expired-connections-killed-count"),
        }
    }

    /// Both together.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            opened: self.opened + other.opened,
            authenticated: self.authenticated + other.authenticated,
            reauthenticated: self.reauthenticated + other.reauthenticated,
            refused: self.refused + other.refused,
            expired: self.expired + other.expired,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_listener_has_its_own_counts() {
        let text = "IAM connection-creation-total 7\nIAM failed-authentication-total 2\n\
                    IAM failed-reauthentication-total 1\nIAM2 connection-creation-total 9\n";
        let counts = Connections::of(text, "IAM");
        assert_eq!((counts.opened, counts.refused, counts.expired), (7, 3, 0));
        assert_eq!(counts.and(Connections::of(text, "IAM2")).opened, 16);
        assert_eq!(Connections::of(text, "SCRAM"), Connections::default());
    }
}
