//! How a registry is, for whoever watches: counts that only grow, and what went wrong last.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::trouble::{Trouble, What};

/// How a registry is now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RegistryStatus {
    /// Schemas in memory.
    pub schemas: u64,
    /// Schemas that came from disk, for the registry did not answer.
    pub from_disk: u64,
    /// Requests that it answered.
    pub answered: u64,
    /// Requests for what it says is not there.
    pub absent: u64,
    /// Requests whose credentials it did not take.
    pub refused: u64,
    /// Requests that were too many.
    pub throttled: u64,
    /// Requests without an answer, or with one that was no registry's.
    pub failed: u64,
    /// Why the last request gave no answer; nothing where it did.
    pub last_error: Option<String>,
}

impl RegistryStatus {
    /// Requests by what came of them.
    pub fn requests(&self) -> [(&'static str, u64); 5] {
        [
            ("answered", self.answered),
            ("absent", self.absent),
            ("refused", self.refused),
            ("throttled", self.throttled),
            ("failed", self.failed),
        ]
    }
}

#[derive(Debug, Default)]
pub(super) struct Counts {
    from_disk: AtomicU64,
    answered: AtomicU64,
    absent: AtomicU64,
    refused: AtomicU64,
    throttled: AtomicU64,
    failed: AtomicU64,
    last_error: Mutex<Option<String>>,
}

impl Counts {
    pub(super) fn request<T>(&self, answer: &Result<T, Trouble>) {
        let trouble = answer.as_ref().err();
        let counter = match trouble.map(|trouble| trouble.what) {
            None | Some(What::Invalid) => &self.answered,
            Some(What::Absent) => &self.absent,
            Some(What::Refused) => &self.refused,
            Some(What::Throttled) => &self.throttled,
            Some(What::Failing | What::Strange) => &self.failed,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        let failed = |t: &&Trouble| !matches!(t.what, What::Invalid | What::Absent);
        let error = trouble.filter(failed).map(Trouble::reason);
        *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = error;
    }

    pub(super) fn taken_from_disk(&self) {
        self.from_disk.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn now(&self, schemas: usize) -> RegistryStatus {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let last = self.last_error.lock().unwrap_or_else(PoisonError::into_inner);
        RegistryStatus {
            schemas: schemas as u64,
            from_disk: get(&self.from_disk),
            answered: get(&self.answered),
            absent: get(&self.absent),
            refused: get(&self.refused),
            throttled: get(&self.throttled),
            failed: get(&self.failed),
            last_error: last.clone(),
        }
    }
}
