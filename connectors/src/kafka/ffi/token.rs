//! Tokens into clients: pushed, as the safe wrapper's callback knows no extensions and is never served by some clients.

use std::ffi::{CStr, CString, c_char};
use std::time::SystemTime;

use forebay_auth::Token;
use rdkafka::bindings as sys;
use rdkafka::client::{Client, ClientContext};
use rdkafka::types::RDKafkaRespErr;

/// Hands tokens to one client.
pub(in crate::kafka) struct TokenPush(*mut sys::rd_kafka_t);

// SAFETY: librdkafka's handle may be used from any thread.
unsafe impl Send for TokenPush {}

impl TokenPush {
    /// For `client`; must not be used after it is dropped.
    pub(in crate::kafka) fn new<C: ClientContext>(client: &Client<C>) -> Self {
        Self(client.native_ptr())
    }

    /// Gives the client its token; it authenticates, or authenticates again, with it.
    ///
    /// # Errors
    /// Why librdkafka refuses it.
    pub(in crate::kafka) fn push(&self, token: &Token) -> Result<(), String> {
        let text = |text: &str| CString::new(text).map_err(|_| "a token holds a zero byte".to_owned());
        let (value, principal) = (text(token.value.expose())?, text(&token.principal)?);
        let pairs = token.extensions.iter().flat_map(|(name, value)| [name, value]);
        let pairs = pairs.map(|part| text(part)).collect::<Result<Vec<_>, _>>()?;
        let mut extensions: Vec<*const c_char> = pairs.iter().map(|part| part.as_ptr()).collect();
        let expires = token.expires_at.duration_since(SystemTime::UNIX_EPOCH);
        let expires_ms = expires.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX));
        let mut reason: [c_char; 256] = [0; 256];
        // SAFETY: the client is valid by the promise of `new`; texts are terminated and copied; the reason has its size.
        let code = unsafe {
            sys::rd_kafka_oauthbearer_set_token(
                self.0,
                value.as_ptr(),
                expires_ms,
                principal.as_ptr(),
                extensions.as_mut_ptr(),
                extensions.len(),
                reason.as_mut_ptr(),
                reason.len(),
            )
        };
        if code == RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
            return Ok(());
        }
        // SAFETY: librdkafka terminates what it writes.
        Err(unsafe { CStr::from_ptr(reason.as_ptr()) }
            .to_string_lossy()
            .into_owned())
    }
}
