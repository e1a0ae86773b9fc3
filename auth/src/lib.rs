//! Credentials for every cloud: secrets that never show themselves, and tokens that are fresh in time. One issuer per
//! file; nothing here knows Kafka, a lane or a pipeline file.

mod cell;
mod error;
mod oidc;
mod secret;
mod token;

pub use cell::{Subscription, TokenCell};
pub use error::{AuthError, AuthKind};
pub use oidc::Oidc;
pub use secret::Secret;
pub use token::{Token, TokenProvider};

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
