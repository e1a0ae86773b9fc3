//! What an application shows instead of a secret: a token that it signed with the key of its certificate.

use std::time::SystemTime;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, STANDARD, URL_SAFE_NO_PAD};
use base64::engine::{DecodePaddingMode, GeneralPurposeConfig};
use openssl::hash::MessageDigest;
use openssl::sign::Verifier;
use openssl::x509::X509;
use serde_json::Value;

use crate::cloud::time::seconds;

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Whether it says that a certificate is behind it.
pub(super) fn names_a_certificate(assertion: &str) -> bool {
    let header = assertion.split('.').next().and_then(json);
    header.is_some_and(|header| !header["x5t"].is_null() || !header["x5t#S256"].is_null())
}

/// Whether the key of this certificate made it, for this audience, on behalf of this client, and not too long ago.
pub(super) fn is_good(assertion: &str, certificate: &X509, audience: &str, client: &str) -> bool {
    check(assertion, certificate, audience, client).unwrap_or(false)
}

fn check(assertion: &str, certificate: &X509, audience: &str, client: &str) -> Option<bool> {
    let (signed, signature) = assertion.rsplit_once('.')?;
    let (header, claims) = signed.split_once('.')?;
    let (header, claims) = (json(header)?, json(claims)?);
    let thumbprint = certificate.digest(MessageDigest::sha1()).ok()?;
    let thumbprints = [STANDARD.encode(thumbprint), URL_SAFE_NO_PAD.encode(thumbprint)];
    let named = header["x5t"].as_str()?;
    let key = certificate.public_key().ok()?;
    let mut verifier = Verifier::new(MessageDigest::sha256(), &key).ok()?;
    let signature = LENIENT.decode(signature).ok()?;
    let is_signed = verifier.verify_oneshot(&signature, signed.as_bytes()).ok()?;
    let is_for = claims["aud"] == audience && claims["iss"] == client && claims["sub"] == client;
    let lasts = claims["exp"].as_u64()? > seconds(SystemTime::now());
    Some(is_signed && is_for && lasts && thumbprints.iter().any(|t| t == named))
}

fn json(part: &str) -> Option<Value> {
    serde_json::from_slice(&LENIENT.decode(part).ok()?).ok()
}
