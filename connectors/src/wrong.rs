//! What is wrong with a connector's own keys, in a form that whoever read the file can put at its place.

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// Under the connector: `sasl/password`.
    pub key: String,
    pub message: String,
}

impl Wrong {
    /// A mistake at `key`.
    pub fn new(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            message: message.into(),
        }
    }
}
