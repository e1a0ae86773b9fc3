//! RS256: a key, its public part as a JWK, and tokens signed with it.

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use serde_json::{Value, json};

const KEY_ID: &str = "1";

#[derive(Debug)]
pub(super) struct Signer {
    key: PKey<Private>,
    /// The key set that brokers read.
    pub(super) keys: Value,
}

impl Signer {
    pub(super) fn new() -> io::Result<Self> {
        let rsa = Rsa::generate(2048)?;
        let keys = json!({ "keys": [{
            "kty": "RSA",
            "use": "sig",
            "alg": "RS256",
            "kid": KEY_ID,
            "n": URL_SAFE_NO_PAD.encode(rsa.n().to_vec()),
            "e": URL_SAFE_NO_PAD.encode(rsa.e().to_vec()),
        }]});
        let key = PKey::from_rsa(rsa)?;
        Ok(Self { key, keys })
    }

    pub(super) fn sign(&self, claims: &Value) -> Result<String, ErrorStack> {
        let header = json!({ "alg": "RS256", "typ": "JWT", "kid": KEY_ID });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(claims));
        let mut signer = openssl::sign::Signer::new(MessageDigest::sha256(), &self.key)?;
        let signature = signer.sign_oneshot_to_vec(signed.as_bytes())?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}
