//! What the issuer answers over HTTP.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, DATE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::form::{self, decoded};

use super::{Failure, Shared, TokenRequest};

/// The key set.
pub(super) async fn keys(State(shared): State<Arc<Shared>>) -> Response {
    json_answer(StatusCode::OK, shared.signer.keys.to_string())
}

/// A token for a client that shows its credentials.
pub(super) async fn token(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: String) -> Response {
    let form = form::parse(&body);
    let failure = shared.state().failure;
    if let Some(Failure::Slow(time)) = failure {
        tokio::time::sleep(time).await;
    }
    let basic = basic(&headers);
    let mut request = TokenRequest {
        client: String::new(),
        basic: basic.is_some(),
        scope: form.get("scope").cloned(),
        status: 0,
    };
    let shown = basic.or_else(|| Some((form.get("client_id")?.clone(), form.get("client_secret")?.clone())));
    let known = shown.is_some_and(|shown| {
        request.client.clone_from(&shown.0);
        let (client, secret) = shown;
        let shown = (client, secret.into());
        shared.state().clients.contains(&shown)
    });
    let grant = form.get("grant_type").map(String::as_str);
    let (status, text) = match failure {
        Some(Failure::ServerError) => (StatusCode::INTERNAL_SERVER_ERROR, String::new()),
        Some(Failure::InvalidClient) => (StatusCode::UNAUTHORIZED, error("invalid_client")),
        _ if !known => (StatusCode::UNAUTHORIZED, error("invalid_client")),
        _ if grant != Some("client_credentials") => {
            (StatusCode::BAD_REQUEST, error("unsupported_grant_type"))
        }
        Some(Failure::Malformed) => (StatusCode::OK, r#"{"access_token": "#.into()),
        Some(Failure::Slow(_) | Failure::Expired) | None => good(&shared, &request),
    };
    request.status = status.as_u16();
    let mut answer = json_answer(status, text);
    let mut state = shared.state();
    state.requests.push(request);
    if let Some(date) = state.clock.date() {
        answer.headers_mut().insert(DATE, date);
    }
    answer
}

fn good(shared: &Shared, request: &TokenRequest) -> (StatusCode, String) {
    let claims = shared.claims(&request.client, request.scope.as_deref());
    let Ok(token) = shared.signer.sign(&claims) else {
        return (StatusCode::INTERNAL_SERVER_ERROR, String::new());
    };
    shared.state().issued += 1;
    let number = |name: &str| claims[name].as_u64().unwrap_or_default();
    let mut answer = json!({
        "access_token": token,
        "token_type": "Bearer",
        "expires_in": number("exp") - number("iat"),
    });
    if let Some(scope) = &request.scope {
        answer["scope"] = Value::String(scope.clone());
    }
    (StatusCode::OK, answer.to_string())
}

fn error(name: &str) -> String {
    json!({ "error": name }).to_string()
}

fn json_answer(status: StatusCode, text: String) -> Response {
    (status, [(CONTENT_TYPE, "application/json")], text).into_response()
}

/// Credentials in the header. RFC 6749 wants both parts percent-encoded there.
fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let bytes = STANDARD.decode(value.strip_prefix("Basic ")?).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (id, secret) = text.split_once(':')?;
    Some((decoded(id), decoded(secret)))
}
