//! The endpoint that gives an application of App Service the tokens of its managed identity.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use axum::routing::get;
use serde_json::json;

use super::directory::Directory;
use crate::form;
use crate::hidden::Hidden;
use crate::service::{self, Outage};

pub(super) const PATH: &str = "/msi/token";
const VERSION: &str = "2019-08-01";

#[derive(Debug)]
struct Endpoint {
    directory: Arc<Directory>,
    /// What callers must show, so that nobody else on the machine is given tokens.
    header: Hidden,
}

pub(super) fn routes(directory: &Arc<Directory>, header: &Hidden) -> Router {
    let endpoint = Arc::new(Endpoint {
        directory: Arc::clone(directory),
        header: header.clone(),
    });
    Router::new().route(PATH, get(token)).with_state(endpoint)
}

pub(super) fn refusal(outage: Outage) -> Option<Response> {
    let (status, message) = match outage {
        Outage::Denied => (
            400,
            "No User Assigned or Delegated Managed Identity found for specified ClientId",
        ),
        Outage::Throttled => (429, "Too many requests"),
        Outage::ServerError => (500, "Internal server error"),
        _ => return None,
    };
    Some(error(status, message))
}

async fn token(
    State(endpoint): State<Arc<Endpoint>>,
    outage: Option<Extension<Outage>>,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    let shown = headers
        .get("x-identity-header")
        .and_then(|value| value.to_str().ok());
    if shown != Some(endpoint.header.show()) {
        return error(401, "The header X-IDENTITY-HEADER is missing or wrong");
    }
    let query = form::parse(uri.query().unwrap_or_default());
    let field = |name: &str| query.get(name).map(String::as_str);
    let directory = &endpoint.directory;
    if field("api-version") != Some(VERSION) {
        return error(400, "The api-version is not supported");
    }
    if field("resource") != Some(&directory.audience) {
        return error(
            400,
            "AADSTS500011: The resource principal was not found in the tenant.",
        );
    }
    if field("client_id").is_some_and(|client| client != directory.client)
        || field("object_id").is_some_and(|object| object != directory.object())
        || field("msi_res_id").is_some()
    {
        return error(
            400,
            "No User Assigned or Delegated Managed Identity found for specified ClientId",
        );
    }
    let issued = directory.issue(outage.is_some_and(|Extension(outage)| outage == Outage::Expired));
    let answer = json!({
        "access_token": issued.token,
        "client_id": directory.client,
        "expires_on": issued.expires.to_string(),
        "not_before": (issued.expires - issued.lifetime.as_secs()).to_string(),
        "resource": directory.audience,
        "token_type": "Bearer",
    });
    service::json(StatusCode::OK, answer)
}

fn error(status: u16, message: &str) -> Response {
    let code = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    service::json(code, json!({ "statusCode": status, "message": message }))
}
