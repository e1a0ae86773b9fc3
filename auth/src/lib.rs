//! Credentials for every cloud: secrets that never show themselves, and tokens that are fresh in time. One issuer per
//! file; nothing here knows Kafka, a lane or a pipeline file.

#[cfg(feature = "aws")]
pub mod aws;
#[cfg(feature = "azure")]
pub mod azure;
mod cell;
mod clock;
mod error;
#[cfg(feature = "google")]
pub mod google;
mod jwt;
mod oidc;
#[cfg(any(feature = "aws", feature = "azure"))]
mod quiet;
mod secret;
mod so_far;
mod token;
mod token_file;

pub use cell::{First, Patience, Subscription, TokenCell, TokenStatus};
pub use clock::Skew;
pub use error::{AuthError, AuthKind};
pub use jwt::Claims;
pub use oidc::Oidc;
#[cfg(any(feature = "aws", feature = "azure"))]
pub use quiet::quietly;
pub use secret::Secret;
pub use so_far::SoFar;
pub use token::{Token, TokenProvider};
pub use token_file::TokenFile;

use std::sync::Arc;

/// How a password is proved to a broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    Plain,
    ScramSha256,
    ScramSha512,
}

impl Mechanism {
    /// The name in the SASL registry.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
        }
    }
}

/// Who a client says it is. A client certificate is part of TLS, and stands beside these.
#[derive(Clone, Debug, Default)]
pub enum Credentials {
    #[default]
    None,
    Password {
        mechanism: Mechanism,
        username: String,
        password: Secret,
    },
    /// OAUTHBEARER: whoever opens a client subscribes it to the cell.
    Token(Arc<TokenCell>),
}
