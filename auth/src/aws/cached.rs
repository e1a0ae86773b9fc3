//! The one set of credentials of a connector: kept while it is fresh enough for a whole token, found anew before.

use std::fmt;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{self, ProvideCredentials, future};
use aws_types::region::Region;
use tokio::sync::Mutex;

use super::{Iam, chain};
use crate::so_far::Search;
use crate::{AuthError, SoFar, quietly};

/// A token lives so long, if its credentials do.
const WHOLE_TOKEN: Duration = Duration::from_secs(16 * 60);

/// Credentials that live shorter than that are kept while more than this share of their life is left: whoever renews a token then
/// gets new ones with it.
const FRESH: f64 = 0.6;

/// Credentials, and what a person wants to know of them.
#[derive(Clone)]
pub(super) struct Found {
    pub(super) credentials: Credentials,
    pub(super) source: String,
    pub(super) principal: String,
    /// Why there are no newer ones, where there should be.
    pub(super) stale: Option<AuthError>,
}

pub(super) struct Cached {
    iam: Iam,
    region: Region,
    search: Search,
    kept: Mutex<Option<(Found, SystemTime)>>,
}

impl fmt::Debug for Cached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cached").finish_non_exhaustive()
    }
}

impl Cached {
    pub(super) fn new(iam: Iam, region: Region) -> Self {
        Self {
            iam,
            region,
            search: Search::default(),
            kept: Mutex::new(None),
        }
    }

    /// How far a look for credentials has come.
    pub(super) fn so_far(&self) -> SoFar {
        self.search.so_far()
    }

    /// The credentials of now; one look for them at a time, however many ask.
    pub(super) async fn get(&self) -> Result<Found, AuthError> {
        let mut kept = self.kept.lock().await;
        if let Some((found, since)) = kept.as_ref()
            && is_fresh(&found.credentials, *since)
        {
            return Ok(found.clone());
        }
        match quietly(chain::find(&self.iam, &self.region, &self.search)).await {
            Ok(found) => {
                *kept = Some((found.clone(), SystemTime::now()));
                Ok(found)
            }
            // What is there does until it ends.
            Err(error) => match kept.as_ref() {
                Some((found, _))
                    if found
                        .credentials
                        .expiry()
                        .is_some_and(|end| end > SystemTime::now()) =>
                {
                    Ok(Found {
                        stale: Some(error),
                        ..found.clone()
                    })
                }
                _ => Err(error),
            },
        }
    }
}

/// Those without an end are looked up each time, which is cheap: a person may have changed them.
fn is_fresh(credentials: &Credentials, since: SystemTime) -> bool {
    let Some(end) = credentials.expiry() else {
        return false;
    };
    let life = end.duration_since(since).unwrap_or_default();
    let left = end.duration_since(SystemTime::now()).unwrap_or_default();
    left > WHOLE_TOKEN.min(life.mul_f64(FRESH))
}

impl ProvideCredentials for Cached {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async move {
            let found: provider::Result = match self.get().await {
                Ok(found) => Ok(found.credentials),
                Err(error) => Err(CredentialsError::provider_error(error)),
            };
            found
        })
    }
}
