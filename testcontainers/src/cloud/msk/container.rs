//! The endpoint that gives a container its credentials: EKS Pod Identity, and ECS alike.

use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Extension, State};
use axum::http::HeaderMap;
use axum::http::StatusCode;
use axum::http::header::AUTHORIZATION;
use axum::response::Response;
use axum::routing::get;
use serde_json::json;

use super::account::{Account, NUMBER};
use super::imds::{fill, is};
use crate::service::{self, Outage};

/// The pod's role.
pub(super) const ROLE: &str = "forebay-pod";
pub(super) const PATH: &str = "/v1/credentials";
const SESSION: &str = "eks-forebay-pod-0";

#[derive(Debug)]
struct Container {
    account: Arc<Account>,
    /// The file with what a container must show.
    authorization: PathBuf,
}

pub(super) fn routes(account: &Arc<Account>, authorization: PathBuf) -> Router {
    let account = Arc::clone(account);
    let container = Arc::new(Container {
        account,
        authorization,
    });
    Router::new().route(PATH, get(credentials)).with_state(container)
}

pub(super) fn refusal(outage: Outage) -> Option<Response> {
    let (status, code, message) = match outage {
        Outage::Denied => (
            403,
            "AccessDeniedException",
            "the pod has no association with a role",
        ),
        Outage::Throttled => (429, "ThrottlingException", "too many requests"),
        Outage::ServerError => (500, "InternalServerException", "unable to fetch credentials"),
        _ => return None,
    };
    Some(error(status, code, message))
}

async fn credentials(
    State(container): State<Arc<Container>>,
    outage: Option<Extension<Outage>>,
    headers: HeaderMap,
) -> Response {
    let wanted = std::fs::read_to_string(&container.authorization).unwrap_or_default();
    let shown = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    if shown != Some(wanted.as_str()) {
        return error(
            401,
            "InvalidTokenException",
            "the service account token is not valid",
        );
    }
    let expired = is(outage, Outage::Expired);
    let Ok(issued) = container.account.issue(ROLE, SESSION, None, expired) else {
        return error(500, "InternalServerException", "unable to fetch credentials");
    };
    let mut answer = json!({ "AccountId": NUMBER });
    fill(&mut answer, &issued);
    service::json(StatusCode::OK, answer)
}

fn error(status: u16, code: &str, message: &str) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    service::json(status, json!({ "code": code, "message": message }))
}
