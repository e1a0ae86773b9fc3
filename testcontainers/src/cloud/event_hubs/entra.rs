//! Entra's token endpoint: a secret, a certificate or a federated token in, a token for the namespace out.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use axum::Router;
use axum::extract::{Extension, Path, State};
use axum::http::HeaderValue;
use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::Response;
use axum::routing::{get, post};
use serde_json::json;

use super::assertion;
use super::directory::Directory;
use crate::cloud::time::iso;
use crate::form;
use crate::service::{self, Outage};

const BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

#[derive(Debug)]
pub(super) struct Entra {
    pub(super) directory: Arc<Directory>,
    /// Where clients ask, which is known only when it listens.
    pub(super) url: OnceLock<String>,
}

/// An error's status, OAuth name, number and text.
struct Refusal(u16, &'static str, u32, String);

type Form = BTreeMap<String, String>;

pub(super) fn routes(entra: &Arc<Entra>) -> Router {
    Router::new()
        .route("/{tenant}/oauth2/v2.0/token", post(token))
        .route(
            "/{tenant}/v2.0/.well-known/openid-configuration",
            get(configuration),
        )
        .with_state(Arc::clone(entra))
}

pub(super) fn refusal(outage: Outage) -> Option<Response> {
    match outage {
        Outage::Denied => Some(error(&wrong_secret())),
        Outage::Throttled => {
            let text = "The request was throttled due to too many incoming requests.";
            let mut response = error(&Refusal(429, "temporarily_unavailable", 90055, text.into()));
            response
                .headers_mut()
                .insert(RETRY_AFTER, HeaderValue::from_static("1"));
            Some(response)
        }
        Outage::ServerError => {
            let text = "A transient error has occurred. Please try again.";
            Some(error(&Refusal(
                500,
                "temporarily_unavailable",
                90033,
                text.into(),
            )))
        }
        _ => None,
    }
}

async fn token(
    State(entra): State<Arc<Entra>>,
    Path(tenant): Path<String>,
    outage: Option<Extension<Outage>>,
    body: String,
) -> Response {
    if let Err(refusal) = entra.check(&tenant, &form::parse(&body)) {
        return error(&refusal);
    }
    let expired = outage.is_some_and(|Extension(outage)| outage == Outage::Expired);
    let issued = entra.directory.issue(expired);
    let seconds = issued.lifetime.as_secs();
    let answer = json!({
        "token_type": "Bearer",
        "expires_in": seconds,
        "ext_expires_in": seconds,
        "access_token": issued.token,
    });
    service::json(StatusCode::OK, answer)
}

/// What libraries that know OpenID ask for first.
async fn configuration(State(entra): State<Arc<Entra>>, Path(tenant): Path<String>) -> Response {
    if let Err(refusal) = entra.check_tenant(&tenant) {
        return error(&refusal);
    }
    let url = format!("{}/{tenant}", entra.url());
    let answer = json!({
        "authorization_endpoint": format!("{url}/oauth2/v2.0/authorize"),
        "issuer": format!("{url}/v2.0"),
        "jwks_uri": entra.directory.keys(),
        "token_endpoint": format!("{url}/oauth2/v2.0/token"),
    });
    service::json(StatusCode::OK, answer)
}

impl Entra {
    fn url(&self) -> &str {
        self.url.get().map_or("", String::as_str)
    }

    fn check_tenant(&self, tenant: &str) -> Result<(), Refusal> {
        if tenant == self.directory.tenant {
            return Ok(());
        }
        let text = format!("Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID.");
        Err(Refusal(400, "invalid_request", 90002, text))
    }

    fn check(&self, tenant: &str, form: &Form) -> Result<(), Refusal> {
        let directory = &self.directory;
        self.check_tenant(tenant)?;
        let field = |name: &str| form.get(name).map_or("", String::as_str);
        let grant = field("grant_type");
        if grant != "client_credentials" {
            let text = format!("The app requested an unsupported grant type '{grant}'.");
            return Err(Refusal(400, "unsupported_grant_type", 70003, text));
        }
        let client = field("client_id");
        if client != directory.client {
            let text = format!("Application with identifier '{client}' was not found in the directory.");
            return Err(Refusal(400, "unauthorized_client", 700_016, text));
        }
        self.check_credential(tenant, form)?;
        let resource = field("scope").strip_suffix("/.default").unwrap_or_default();
        if resource.is_empty() {
            let text = "The provided value for scope is not valid: it must end in /.default.";
            return Err(Refusal(400, "invalid_scope", 1_002_012, text.into()));
        }
        if resource != directory.audience {
            let text = format!("The resource principal named {resource} was not found in the tenant.");
            return Err(Refusal(400, "invalid_resource", 500_011, text));
        }
        Ok(())
    }

    fn check_credential(&self, tenant: &str, form: &Form) -> Result<(), Refusal> {
        let directory = &self.directory;
        if let Some(secret) = form.get("client_secret") {
            return (secret == directory.secret.show())
                .then_some(())
                .ok_or_else(wrong_secret);
        }
        let Some(shown) = form.get("client_assertion") else {
            let text = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.";
            return Err(Refusal(401, "invalid_client", 7_000_218, text.into()));
        };
        if form.get("client_assertion_type").map(String::as_str) != Some(BEARER) {
            let text = "The client assertion type is not supported.";
            return Err(Refusal(400, "invalid_request", 900_144, text.into()));
        }
        if assertion::names_a_certificate(shown) {
            let audience = format!("{}/{tenant}/oauth2/v2.0/token", self.url());
            let good = assertion::is_good(shown, &directory.certificate, &audience, &directory.client);
            let text = "Client assertion failed signature validation, or its claims are not those of the application.";
            return good
                .then_some(())
                .ok_or_else(|| Refusal(401, "invalid_client", 700_027, text.into()));
        }
        let federated = std::fs::read_to_string(directory.federated_token()).unwrap_or_default();
        let text = "No matching federated identity record found for presented assertion.";
        (shown == federated.trim_end())
            .then_some(())
            .ok_or_else(|| Refusal(401, "invalid_client", 70021, text.into()))
    }
}

fn wrong_secret() -> Refusal {
    let text = "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value.";
    Refusal(401, "invalid_client", 7_000_215, text.into())
}

/// Entra's form of errors: the number at the beginning of the text, and in a list.
fn error(Refusal(status, name, number, text): &Refusal) -> Response {
    let now = iso(SystemTime::now());
    let id = "00000000-0000-0000-0000-000000000000";
    let answer = json!({
        "error": name,
        "error_description":
            format!("AADSTS{number}: {text} Trace ID: {id} Correlation ID: {id} Timestamp: {}", now.replace('T', " ")),
        "error_codes": [number],
        "timestamp": now.replace('T', " "),
        "trace_id": id,
        "correlation_id": id,
    });
    let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    service::json(status, answer)
}
