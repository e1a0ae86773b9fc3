//! What a start asks of a registry: an answer, and that it is a registry's. A fault of the registry is waited for, with growing
//! pauses; a refusal and an address that is no registry's are not.

use std::thread;
use std::time::{Duration, Instant};

use forebay_core::{Error, Kind, Result};
use serde::de::IgnoredAny;

use super::trouble::What;
use super::{Registry, back_off};

/// Who waits tells about it so often.
const TELL: Duration = Duration::from_secs(1);

/// Told what is waited for, and what went wrong last.
pub type TellWait<'a> = &'a mut dyn FnMut(String);

impl Registry {
    /// Whether an earlier start kept schemas of it on disk, which this one can go on with.
    pub fn is_warm(&self) -> bool {
        self.inner.disk.as_ref().is_some_and(super::Disk::has_some)
    }

    /// Waits until it answers, at most `within`. One whose schemas are on disk is not waited for.
    ///
    /// # Errors
    /// `Auth` where it does not take the credentials, `Config` where the address is no registry's, `Fatal` where it does not answer.
    pub fn admits(&self, within: Duration, tell: TellWait<'_>) -> Result<()> {
        tell(format!("the schema registry at {}", self.url()));
        if !self.is_warm() {
            return self.insist(within, tell, || self.speaks());
        }
        match self.speaks() {
            Err(error) if error.kind() != Kind::Auth => {
                tracing::warn!(%error, "the registry does not answer: schemas on disk are used until it does");
                Ok(())
            }
            said => said,
        }
    }

    /// Whether it answers as a registry does, and takes the credentials; asked once.
    ///
    /// # Errors
    /// `Auth` where it does not take them, `Config` where the address is no registry's, `Retry` where it does not answer.
    pub fn speaks(&self) -> Result<()> {
        let asked = self.command(|inner| async move {
            match inner.http.get::<Vec<String>>("/schemas/types").await {
                // Registries are older than this question.
                Err(trouble) if trouble.what == What::Strange => {
                    inner.http.get::<Vec<IgnoredAny>>("/subjects").await.map(drop)
                }
                said => said.map(drop),
            }
        });
        let attempt = "ask the schema registry";
        match asked {
            Err(trouble) if trouble.what == What::Strange => {
                let found = format!("{attempt}: what answers there is none: {}", trouble.reason());
                Err(Error::config(found))
            }
            // There is no such thing, says a registry.
            Err(trouble) if trouble.what == What::Absent => Ok(()),
            said => said.map_err(|trouble| trouble.error(attempt)),
        }
    }

    /// Asks until something comes of it, or the registry has not answered for `within`; tells what it waits for.
    ///
    /// # Errors
    /// What `ask` fails with, unless it is for want of an answer: that is `Fatal` then.
    pub fn insist<T>(
        &self,
        within: Duration,
        tell: TellWait<'_>,
        mut ask: impl FnMut() -> Result<T>,
    ) -> Result<T> {
        let (since, mut failures) = (Instant::now(), 0);
        loop {
            let error = match ask() {
                Err(error) if error.kind() == Kind::Retry => error,
                done => return done,
            };
            failures += 1;
            if since.elapsed() >= within {
                let what = format!(
                    "the schema registry did not answer within {within:?}, asked {failures} times; bring it back, or give \
                     `auth_timeout` more time; its last answer"
                );
                return Err(Error::fatal(what).caused_by(error.to_string()));
            }
            let held = self.inner.known().held(Instant::now());
            let rest = back_off::rest(failures, fastrand::f64(), held);
            let until = (Instant::now() + rest).min(since + within);
            loop {
                tell(format!("the schema registry ({error})"));
                let left = until.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    break;
                }
                // The rest of the pause before it is asked again, told about meanwhile.
                thread::sleep(left.min(TELL)); // back-off: a registry asks for it
            }
        }
    }
}
