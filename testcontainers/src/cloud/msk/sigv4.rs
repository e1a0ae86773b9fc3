//! Whether a request to an AWS service was signed with a key of the account: Signature Version 4 in its headers. The
//! broker's check of tokens is another one, in Java.

use std::time::{Duration, SystemTime};

use axum::http::{HeaderMap, Method, Uri};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::sha::sha256;
use openssl::sign::Signer;

use super::account::{Account, Identity};
use crate::cloud::time;
use crate::form;

/// A request, as it came.
pub(crate) struct Request<'a> {
    pub(crate) method: &'a Method,
    pub(crate) uri: &'a Uri,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a [u8],
}

/// What is wrong with a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    Missing,
    UnknownKey,
    Expired,
    /// Made too long ago, or in the future.
    Skewed,
    /// For another service or region.
    Scope,
    Signature,
}

/// How far a request's date may be from the service's.
const SKEW: Duration = Duration::from_secs(300);

struct Authorization<'a> {
    key: &'a str,
    /// Date, region, service and an ending, with slashes between them.
    scope: &'a str,
    headers: Vec<&'a str>,
    signature: &'a str,
}

/// Who made the request; `region`: where any will do, `None`.
pub(crate) fn caller(
    request: &Request<'_>,
    account: &Account,
    service: &str,
    region: Option<&str>,
) -> Result<Identity, Wrong> {
    let authorization = authorization(request.headers).ok_or(Wrong::Missing)?;
    let date = header(request.headers, "x-amz-date").ok_or(Wrong::Missing)?;
    let at = time::parse_compact(date).ok_or(Wrong::Signature)?;
    let identity = account.identity(authorization.key).ok_or(Wrong::UnknownKey)?;
    let token = identity.session.as_ref().map(|session| session.token.show());
    if header(request.headers, "x-amz-security-token") != token {
        return Err(Wrong::UnknownKey);
    }
    let now = account.now();
    if identity
        .session
        .as_ref()
        .is_some_and(|session| session.expires <= now)
    {
        return Err(Wrong::Expired);
    }
    let scope: Vec<&str> = authorization.scope.split('/').collect();
    match scope[..] {
        [day, of, by, "aws4_request"] if date.starts_with(day) && by == service => {
            if region.is_some_and(|region| region != of) {
                return Err(Wrong::Scope);
            }
        }
        _ => return Err(Wrong::Scope),
    }
    let wanted = sign(request, &authorization, date, identity.secret.show()).map_err(|_| Wrong::Signature)?;
    if wanted != authorization.signature {
        return Err(Wrong::Signature);
    }
    // Last, as AWS does: a wrong signature says nothing of clocks.
    if distance(at, now) > SKEW {
        return Err(Wrong::Skewed);
    }
    Ok(identity)
}

fn distance(one: SystemTime, other: SystemTime) -> Duration {
    one.duration_since(other).unwrap_or_else(|error| error.duration())
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn authorization(headers: &HeaderMap) -> Option<Authorization<'_>> {
    let text = header(headers, "authorization")?.strip_prefix("AWS4-HMAC-SHA256 ")?;
    let part = |name: &str| {
        let mut parts = text.split(',').map(str::trim);
        parts.find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
    };
    let (key, scope) = part("Credential")?.split_once('/')?;
    Some(Authorization {
        key,
        scope,
        headers: part("SignedHeaders")?.split(';').collect(),
        signature: part("Signature")?,
    })
}

fn sign(
    request: &Request<'_>,
    authorization: &Authorization<'_>,
    date: &str,
    secret: &str,
) -> Result<String, ErrorStack> {
    // A path is encoded once more than it was sent.
    let path = form::encoded(request.uri.path(), "/");
    let mut query: Vec<String> = form::parse(request.uri.query().unwrap_or_default())
        .iter()
        .map(|(name, value)| format!("{}={}", form::encoded(name, ""), form::encoded(value, "")))
        .collect();
    query.sort();
    let mut text = format!("{}\n{path}\n{}\n", request.method, query.join("&"));
    for name in &authorization.headers {
        let value = header(request.headers, name).unwrap_or_default();
        let words: Vec<&str> = value.split_whitespace().collect();
        text.push_str(&format!("{name}:{}\n", words.join(" ")));
    }
    text.push_str(&format!(
        "\n{}\n{}",
        authorization.headers.join(";"),
        hex(&sha256(request.body))
    ));
    let signed = format!(
        "AWS4-HMAC-SHA256\n{date}\n{}\n{}",
        authorization.scope,
        hex(&sha256(text.as_bytes()))
    );
    let mut key = format!("AWS4{secret}").into_bytes();
    for part in authorization.scope.split('/').chain([signed.as_str()]) {
        key = hmac(&key, part)?;
    }
    Ok(hex(&key))
}

fn hmac(key: &[u8], text: &str) -> Result<Vec<u8>, ErrorStack> {
    let key = PKey::hmac(key)?;
    let mut signer = Signer::new(MessageDigest::sha256(), &key)?;
    signer.sign_oneshot_to_vec(text.as_bytes())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
