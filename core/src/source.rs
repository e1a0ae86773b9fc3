//! The reading end of a connector, as a lane sees it: records and what happens to the group, in order, from one call.

use std::any::Any;
use std::fmt;
use std::time::Duration;

use crate::error::Result;
use crate::records::{Partitions, Positions, Records, TopicPartition};

/// At most how much one `poll` returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// 0 serves the group only and leaves records queued.
    pub rows: usize,
}

/// How long a commit may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commit {
    /// Asynchronous; its acknowledgement arrives as [`Event::Committed`]. One that fails is sent again until superseded or released.
    Soon,
    /// Waits for the acknowledgement.
    Now,
}

/// What `poll` brings.
#[derive(Debug)]
pub enum Event {
    /// Partitions that are this lane's from now on, with the position each starts at.
    Assigned(Positions),
    /// Records of assigned partitions.
    Records(Records),
    /// Partitions to hand over: flush, commit, then `release` them. No records of them follow.
    Revoked(Partitions),
    /// Partitions that are already another member's: never committed again; `release` them.
    Lost(Partitions),
    /// Positions whose commit was acknowledged.
    Committed(Positions),
    /// A position that no longer exists; nothing is read there until `rewind` says from where to go on.
    Gap(Gap),
    /// The source cannot reach its system and goes on trying.
    Unreachable(String),
    /// Nothing within the wait.
    Idle,
    /// The source has ended; only sources that can end say so.
    End,
}

/// A position outside of what the log still holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    pub partition: TopicPartition,
    /// The position that was to be read next.
    pub position: i64,
    /// The first offset that exists.
    pub earliest: i64,
    /// The position behind the last record.
    pub latest: i64,
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "position {} of {} no longer exists: the log holds {} to {}",
            self.position, self.partition, self.earliest, self.latest
        )
    }
}

/// Opaque proof of membership in a consumer group, for a sink that commits in a transaction (KIP-447).
pub struct Membership(pub Box<dyn Any + Send>);

impl fmt::Debug for Membership {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Membership")
    }
}

/// A reading end; owned by one lane, so `poll` may block.
pub trait Source: Send {
    /// Waits at most `wait`; returns what has arrived, at most `limit`.
    ///
    /// # Errors
    /// `Retry` where trying again may help, `Fatal` where it does not.
    fn poll(&mut self, limit: Limit, wait: Duration) -> Result<Event>;

    /// Records that everything before `next` is done.
    ///
    /// # Errors
    /// For [`Commit::Now`] only: `Retry` where the commit was not acknowledged.
    fn commit(&mut self, next: &Positions, how: Commit) -> Result<()>;

    /// Goes on reading at `to`.
    ///
    /// # Errors
    /// `Retry` where the position could not be set.
    fn rewind(&mut self, to: &Positions) -> Result<()>;

    /// Hands partitions over that a `Revoked` or `Lost` named.
    ///
    /// # Errors
    /// `Fatal` where the source cannot go on as a member.
    fn release(&mut self, partitions: &Partitions) -> Result<()>;

    /// Whether what was read earlier may already be another member's; asked after a call that took long.
    fn lost(&self) -> bool {
        false
    }

    /// Begins to leave: a `Revoked` with everything assigned follows from `poll`, then `End`.
    ///
    /// # Errors
    /// `Fatal` where the source cannot leave in order.
    fn leave(&mut self) -> Result<()>;

    /// Fresh at every call; `None` where the source knows no transactions.
    fn membership(&self) -> Option<Membership> {
        None
    }

    /// Records in the log behind the given positions, per partition, as far as it is known without waiting.
    fn lag(&self, _positions: &Positions) -> Vec<(TopicPartition, i64)> {
        Vec::new()
    }
}
