//! The Azure CLI, so far as it hands out tokens: a script that asks the test process, and what that answers.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Extension, State};
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use axum::routing::get;
use chrono::DateTime;
use serde_json::json;

use super::directory::Directory;
use crate::form;
use crate::service::{self, Outage};

const SCRIPT: &str = include_str!("az.sh");

pub(super) fn routes(directory: &Arc<Directory>) -> Router {
    Router::new()
        .route("/token", get(token))
        .with_state(Arc::clone(directory))
}

pub(super) fn refusal(outage: Outage) -> Option<Response> {
    let message = match outage {
        Outage::Denied => "ERROR: Please run 'az login' to setup account.",
        Outage::Throttled | Outage::ServerError => "ERROR: The command failed with an unexpected error.",
        _ => return None,
    };
    Some(service::typed(StatusCode::UNAUTHORIZED, "text/plain", message))
}

/// Writes `az` into the folder.
pub(super) fn write(folder: &Path, url: &str) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let file = folder.join("az");
    let port = url.rsplit(':').next().unwrap_or_default();
    fs::write(&file, SCRIPT.replace("PORT", port))?;
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755))
}

async fn token(
    State(directory): State<Arc<Directory>>,
    outage: Option<Extension<Outage>>,
    uri: Uri,
) -> Response {
    let query = form::parse(uri.query().unwrap_or_default());
    let resource = query
        .get("scope")
        .and_then(|scope| scope.strip_suffix("/.default"));
    if resource != Some(&directory.audience) {
        let text = "ERROR: AADSTS500011: The resource principal was not found in the tenant.";
        return service::typed(StatusCode::BAD_REQUEST, "text/plain", text);
    }
    let tenant = query.get("tenant").filter(|tenant| !tenant.is_empty());
    if tenant.is_some_and(|tenant| *tenant != directory.tenant) {
        let text = "ERROR: AADSTS90002: Tenant not found.";
        return service::typed(StatusCode::BAD_REQUEST, "text/plain", text);
    }
    let issued = directory.issue(outage.is_some_and(|Extension(outage)| outage == Outage::Expired));
    let seconds = i64::try_from(issued.expires).unwrap_or(i64::MAX);
    let local = DateTime::from_timestamp(seconds, 0).unwrap_or_default();
    let answer = json!({
        "accessToken": issued.token,
        "expiresOn": local.format("%Y-%m-%d %H:%M:%S.000000").to_string(),
        "expires_on": issued.expires,
        "subscription": "00000000-0000-0000-0000-000000000000",
        "tenant": directory.tenant,
        "tokenType": "Bearer",
    });
    service::json(StatusCode::OK, answer)
}
