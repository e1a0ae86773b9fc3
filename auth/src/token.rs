//! A bearer token and whoever issues it.

use std::fmt::Debug;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;

use crate::{AuthError, Secret, Skew, SoFar};

/// What an issuer gave.
#[derive(Clone, Debug)]
pub struct Token {
    pub value: Secret,
    /// Whom it names; shown in logs.
    pub principal: String,
    /// Which credential source answered, for people: `environment variables`, `managed identity`.
    pub source: String,
    pub expires_at: SystemTime,
    /// SASL extensions (RFC 7628 section 3.1), such as `logicalCluster`.
    pub extensions: Vec<(String, String)>,
}

impl Token {
    /// How long it is still good for; zero where it has expired.
    pub fn left(&self) -> Duration {
        let left = self.expires_at.duration_since(SystemTime::now());
        left.unwrap_or(Duration::ZERO)
    }
}

/// One way to get a token.
#[async_trait]
pub trait TokenProvider: Debug + Send + Sync {
    /// A new token, asked for now.
    ///
    /// # Errors
    /// `Refused` where asking again would not help, else `Unavailable`.
    async fn fetch(&self) -> Result<Token, AuthError>;

    /// What a fetch that is under way has come to, for one that takes too long.
    fn so_far(&self) -> SoFar {
        SoFar::default()
    }

    /// How far this machine's clock is from the issuer's, where that is far; by the last answer.
    fn skew(&self) -> Option<Skew> {
        None
    }

    /// As whom, where a service of the issuer's tells; asked by a person who looks for a fault, never by a run.
    ///
    /// # Errors
    /// What the service said.
    async fn identity(&self) -> Result<Option<String>, AuthError> {
        Ok(None)
    }
}
