//! What goes wrong with credentials. Must hold no secret: an issuer's answer is quoted only where it is an error code.

use std::fmt;

/// Whether trying again can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthKind {
    /// The issuer could not be reached, or has trouble of its own.
    Unavailable,
    /// The issuer answered and refused.
    Refused,
}

/// Why there is no token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthError {
    pub kind: AuthKind,
    /// Lower case: what was attempted, what was found, what to do.
    pub message: String,
    /// What is underneath, in the words of a library.
    pub source: Option<String>,
}

impl AuthError {
    /// Worth another try.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self {
            kind: AuthKind::Unavailable,
            message: message.into(),
            source: None,
        }
    }

    /// Nobody answered. Where a proxy is set, it may be the reason, so it is named; its address may hold a password, and is not.
    pub fn silent(message: impl Into<String>) -> Self {
        let set = |name: &&str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let proxies = [
            "HTTPS_PROXY",
            "https_proxy",
            "HTTP_PROXY",
            "http_proxy",
            "ALL_PROXY",
            "all_proxy",
        ];
        let message = message.into();
        Self::unavailable(match proxies.iter().find(|name| set(name)) {
            Some(name) => format!(
                "{message}; {name} is set: does that proxy answer, and should NO_PROXY name this address?"
            ),
            None => message,
        })
    }

    /// The same again would be refused again.
    pub fn refused(message: impl Into<String>) -> Self {
        Self {
            kind: AuthKind::Refused,
            ..Self::unavailable(message)
        }
    }

    /// Adds what is underneath, with its causes.
    #[must_use]
    pub fn caused_by(mut self, error: &dyn std::error::Error) -> Self {
        self.source = Some(with_causes(error));
        self
    }
}

/// What an error says, and the errors underneath.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.ends_with(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        cause = inner.source();
    }
    text
}

impl fmt::Display for AuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.source {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for AuthError {}
