//! The metadata service of an EC2 instance, version 2: a session's token first, then everything with it.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};
use serde_json::json;

use super::REGION;
use super::account::{Account, Identity};
use crate::cloud::random;
use crate::cloud::time::iso;
use crate::service::{self, Outage};

/// The instance's role.
pub(super) const ROLE: &str = "forebay-instance";
/// What a session of the role is called: the instance's id.
pub(super) const INSTANCE: &str = "i-0123456789abcdef0";
const TOKEN: &str = "x-aws-ec2-metadata-token";
const LIFETIME: &str = "x-aws-ec2-metadata-token-ttl-seconds";
const ROLES: &str = "/latest/meta-data/iam/security-credentials/";

#[derive(Debug)]
struct Imds {
    account: Arc<Account>,
    tokens: Mutex<Vec<String>>,
}

pub(super) fn routes(account: &Arc<Account>) -> Router {
    let imds = Arc::new(Imds {
        account: Arc::clone(account),
        tokens: Mutex::default(),
    });
    Router::new()
        .route("/latest/api/token", put(token))
        .route(ROLES, get(role))
        .route(&format!("{ROLES}{{role}}"), get(credentials))
        .route("/latest/meta-data/placement/region", get(region))
        .with_state(imds)
}

/// An instance without a role says so only where it is asked for one.
pub(super) fn refusal(outage: Outage) -> Option<Response> {
    match outage {
        Outage::Throttled => Some(StatusCode::TOO_MANY_REQUESTS.into_response()),
        Outage::ServerError => Some(StatusCode::INTERNAL_SERVER_ERROR.into_response()),
        _ => None,
    }
}

async fn token(State(imds): State<Arc<Imds>>, headers: HeaderMap) -> Response {
    let Some(lifetime) = headers.get(LIFETIME).and_then(|value| value.to_str().ok()) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let (Ok(token), Ok(lifetime)) = (random::base64(40), HeaderValue::from_str(lifetime)) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    imds.tokens
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(token.clone());
    let mut response = service::typed(StatusCode::OK, "text/plain", token);
    response.headers_mut().insert(LIFETIME, lifetime);
    response
}

impl Imds {
    /// Whether the request shows a token; version 1 would not ask for one.
    fn admits(&self, headers: &HeaderMap) -> bool {
        let shown = headers.get(TOKEN).and_then(|value| value.to_str().ok());
        let tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        shown.is_some_and(|shown| tokens.iter().any(|token| token == shown))
    }
}

async fn role(
    State(imds): State<Arc<Imds>>,
    outage: Option<Extension<Outage>>,
    headers: HeaderMap,
) -> Response {
    if !imds.admits(&headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    if is(outage, Outage::Denied) {
        return StatusCode::NOT_FOUND.into_response();
    }
    service::typed(StatusCode::OK, "text/plain", ROLE)
}

async fn credentials(
    State(imds): State<Arc<Imds>>,
    Path(role): Path<String>,
    outage: Option<Extension<Outage>>,
    headers: HeaderMap,
) -> Response {
    if !imds.admits(&headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    if is(outage, Outage::Denied) || role != ROLE {
        return StatusCode::NOT_FOUND.into_response();
    }
    let Ok(issued) = imds
        .account
        .issue(ROLE, INSTANCE, None, is(outage, Outage::Expired))
    else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let mut answer = json!({
        "Code": "Success",
        "LastUpdated": iso(imds.account.now()),
        "Type": "AWS-HMAC",
    });
    fill(&mut answer, &issued);
    service::json(StatusCode::OK, answer)
}

async fn region(State(imds): State<Arc<Imds>>, headers: HeaderMap) -> Response {
    if !imds.admits(&headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    service::typed(StatusCode::OK, "text/plain", REGION)
}

/// Whether the request came in this outage.
pub(super) fn is(outage: Option<Extension<Outage>>, which: Outage) -> bool {
    outage.is_some_and(|Extension(outage)| outage == which)
}

/// Credentials, as metadata services write them.
pub(super) fn fill(answer: &mut serde_json::Value, issued: &Identity) {
    answer["AccessKeyId"] = json!(issued.access_key);
    answer["SecretAccessKey"] = json!(issued.secret.show());
    if let Some(session) = &issued.session {
        answer["Token"] = json!(session.token.show());
        answer["Expiration"] = json!(iso(session.expires));
    }
}
