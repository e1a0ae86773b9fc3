//! What a JWT says of itself. It is not verified: brokers do that.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::Value;

/// The claims that matter here; none where the token is no JWT, which is allowed.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Claims {
    pub iss: Option<String>,
    pub sub: Option<String>,
    aud: Option<Value>,
    exp: Option<u64>,
}

impl Claims {
    /// The claims of `token`.
    pub fn of(token: &str) -> Self {
        let middle = token.split('.').nth(1).unwrap_or_default();
        let json = URL_SAFE_NO_PAD.decode(middle).ok();
        json.and_then(|json| serde_json::from_slice(&json).ok())
            .unwrap_or_default()
    }

    /// When it expires, where it says so.
    pub fn expires_at(&self) -> Option<SystemTime> {
        SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(self.exp?))
    }

    /// Whom it is for: one name, or several behind commas.
    pub fn audience(&self) -> Option<String> {
        match self.aud.as_ref()? {
            Value::String(one) => Some(one.clone()),
            Value::Array(all) => {
                let names: Vec<&str> = all.iter().filter_map(Value::as_str).collect();
                Some(names.join(", "))
            }
            _ => None,
        }
    }
}
