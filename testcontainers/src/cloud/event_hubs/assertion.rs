//! What an application shows instead of a secret: a token that it signed with the key of its certificate.

use std::time::SystemTime;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::GeneralPurpose;
use base64::engine::{DecodePaddingMode, GeneralPurposeConfig};
use openssl::hash::MessageDigest;
use openssl::rsa::Padding;
use openssl::sign::{RsaPssSaltlen, Verifier};
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
    let key = certificate.public_key().ok()?;
    let mut verifier = Verifier::new(MessageDigest::sha256(), &key).ok()?;
    match header["alg"].as_str()? {
        "RS256" => {}
        "PS256" => {
            verifier.set_rsa_padding(Padding::PKCS1_PSS).ok()?;
            verifier.set_rsa_pss_saltlen(RsaPssSaltlen::DIGEST_LENGTH).ok()?;
        }
        _ => return None,
    }
    let signature = LENIENT.decode(signature).ok()?;
    let is_signed = verifier.verify_oneshot(&signature, signed.as_bytes()).ok()?;
    let is_for = claims["aud"] == audience && claims["iss"] == client && claims["sub"] == client;
    // Some clients count in fractions.
    let lasts = claims["exp"].as_f64()? > seconds(SystemTime::now()) as f64;
    Some(is_signed && is_for && lasts && names(&header, certificate)?)
}

/// Whether the header has the certificate's thumbprint: the old one, or the new one.
fn names(header: &Value, certificate: &X509) -> Option<bool> {
    let (field, digest) = match &header["x5t#S256"] {
        Value::Null => ("x5t", MessageDigest::sha1()),
        _ => ("x5t#S256", MessageDigest::sha256()),
    };
    let thumbprint = certificate.digest(digest).ok()?;
    // Some clients take the alphabet of URLs, as the standard says, some the older one.
    let named = header[field].as_str()?.replace('+', "-").replace('/', "_");
    Some(LENIENT.decode(named).ok()? == *thumbprint)
}

fn json(part: &str) -> Option<Value> {
    serde_json::from_slice(&LENIENT.decode(part).ok()?).ok()
}
