//! What a search for credentials has come to, for the case that it is given up before its end. Holds reasons, never secrets.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A search that is under way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SoFar {
    /// The sources that gave nothing, each with its reason.
    pub tried: Vec<String>,
    /// The source that is being asked.
    pub asked: Option<String>,
}

/// Continues an error's text.
impl fmt::Display for SoFar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waiting = self.asked.as_ref().map(|asked| format!("{asked}: no answer yet"));
        let all: Vec<String> = self.tried.iter().cloned().chain(waiting).collect();
        match all.is_empty() {
            true => Ok(()),
            false => write!(f, "; tried {}", all.join("; ")),
        }
    }
}

/// Written by who searches, read by who waits for it.
#[derive(Debug, Default)]
pub(crate) struct Search(Mutex<SoFar>);

impl Search {
    /// Begins anew.
    pub(crate) fn begin(&self) {
        *self.lock() = SoFar::default();
    }

    /// `source` is asked now.
    pub(crate) fn ask(&self, source: impl Into<String>) {
        self.lock().asked = Some(source.into());
    }

    /// `source` gave nothing.
    pub(crate) fn tried(&self, source: &str, reason: impl fmt::Display) {
        let mut so_far = self.lock();
        so_far.asked = None;
        so_far.tried.push(format!("{source}: {reason}"));
    }

    /// Every source that gave nothing, with its reason.
    pub(crate) fn reasons(&self) -> String {
        self.lock().tried.join("; ")
    }

    pub(crate) fn so_far(&self) -> SoFar {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, SoFar> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
