//! MSK's own API, so far as it says where brokers are.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::response::Response;
use axum::routing::get;
use serde_json::json;

use super::account::{Account, Identity};
use super::sigv4::{self, Request, Wrong};
use super::{REGION, dated};
use crate::service::{self, Outage};

/// What the API knows of one cluster.
#[derive(Debug)]
pub(super) struct Brokers {
    pub(super) account: Arc<Account>,
    pub(super) arn: String,
    /// By the name of the answer's field.
    pub(super) endpoints: Mutex<BTreeMap<String, String>>,
}

pub(super) fn routes(brokers: &Arc<Brokers>) -> Router {
    Router::new()
        .route("/v1/clusters/{arn}/bootstrap-brokers", get(answer))
        .with_state(Arc::clone(brokers))
}

pub(super) fn refusal(outage: Outage) -> Option<Response> {
    let (status, code, message) = match outage {
        Outage::Denied => return Some(denied("an identity without the right to")),
        Outage::Expired => return Some(wrong(Wrong::Expired)),
        Outage::Throttled => (429, "TooManyRequestsException", "Too Many Requests"),
        Outage::ServerError => (500, "InternalServerErrorException", "Internal server error"),
        _ => return None,
    };
    Some(error(status, code, message))
}

async fn answer(
    State(brokers): State<Arc<Brokers>>,
    Path(arn): Path<String>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let request = Request {
        method: &method,
        uri: &uri,
        headers: &headers,
        body: &body,
    };
    let account = &brokers.account;
    let response = match sigv4::caller(&request, account, "kafka", Some(REGION)) {
        Err(why) => wrong(why),
        Ok(_) if arn != brokers.arn => error(
            404,
            "NotFoundException",
            "The cluster that the ARN identifies does not exist.",
        ),
        Ok(Identity { .. }) => {
            let endpoints = brokers.endpoints.lock().unwrap_or_else(PoisonError::into_inner);
            service::json(StatusCode::OK, json!(&*endpoints))
        }
    };
    dated(response, account)
}

fn denied(who: &str) -> Response {
    let message = format!("User: {who} is not authorized to perform: kafka:GetBootstrapBrokers");
    error(403, "AccessDeniedException", &message)
}

fn wrong(why: Wrong) -> Response {
    let (code, message) = match why {
        Wrong::Missing => (
            "MissingAuthenticationTokenException",
            "Missing Authentication Token",
        ),
        Wrong::UnknownKey => (
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
        ),
        Wrong::Expired => (
            "ExpiredTokenException",
            "The security token included in the request is expired",
        ),
        Wrong::Skewed => (
            "InvalidSignatureException",
            "Signature expired: the request's date is more than five minutes from the service's",
        ),
        Wrong::Scope => (
            "InvalidSignatureException",
            "Credential should be scoped to a valid region.",
        ),
        Wrong::Signature => (
            "InvalidSignatureException",
            "The request signature we calculated does not match the signature you provided.",
        ),
    };
    error(403, code, message)
}

/// The form of errors of APIs of this kind: the code in a header, the message in the body.
fn error(status: u16, code: &'static str, message: &str) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = service::json(status, json!({ "message": message }));
    response.headers_mut().insert(
        HeaderName::from_static("x-amzn-errortype"),
        HeaderValue::from_static(code),
    );
    response
}
