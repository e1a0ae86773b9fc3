//! Google's managed Kafka on loopback, and the metadata server of the machine that a client runs on.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::json;

use super::{CloudBuilder, Plan, random, time, variables};
use crate::handlers::Handler;
use crate::{Authority, Kafka, Listener, Outage, Service, service};

const ACCOUNT: &str = "forebay@forebay-test.iam.gserviceaccount.com";
/// The account by its alias, and by its name.
const ACCOUNTS: [&str; 2] = ["default", ACCOUNT];
const SERVICE_ACCOUNTS: &str = "/computeMetadata/v1/instance/service-accounts";
const FLAVOR: &str = "metadata-flavor";

/// A cluster of Google's, and a metadata server; ends on drop.
///
/// The broker takes Google's three-part tokens, whose last part is an access token that the metadata server gave, for
/// the account that it gave it for; it knows a client as `User:EMAIL`.
#[derive(Debug)]
pub struct GoogleKafka {
    kafka: Kafka,
    authority: Authority,
    tokens: Arc<Tokens>,
    metadata: Service,
}

/// What the metadata server has given; the broker reads it.
#[derive(Debug)]
struct Tokens {
    file: PathBuf,
    lifetime: Mutex<Duration>,
    /// Held while the file is written.
    lines: Mutex<String>,
}

impl GoogleKafka {
    /// One node.
    pub fn start() -> Self {
        Self::builder().start()
    }

    /// A cluster to be described.
    pub fn builder() -> CloudBuilder<Self> {
        CloudBuilder::new(|plan| {
            Self::try_start(plan)
                .unwrap_or_else(|error| panic!("start a stand-in for Google's Kafka: {error}"))
        })
    }

    fn try_start(plan: Plan) -> io::Result<Self> {
        let authority = Authority::new();
        let tokens = Arc::new(Tokens {
            file: authority.folder().join("access-tokens"),
            lifetime: Mutex::new(Duration::from_secs(3599)),
            lines: Mutex::default(),
        });
        fs::write(&tokens.file, "")?;
        let handler = Handler::new("forebay.GoogleTokens").option("tokens", tokens.file.display());
        let listener = plan.tokens(Listener::bearer_tls("GOOGLE", handler));
        let kafka = plan.kafka.authority(&authority).listener(listener).start();
        let metadata = Service::start(routes(&tokens), refusal)?;
        Ok(Self {
            kafka,
            authority,
            tokens,
            metadata,
        })
    }

    /// The cluster itself; its own plain listener asks for nothing.
    pub fn kafka(&self) -> &Kafka {
        &self.kafka
    }

    /// Who issued the brokers' certificates.
    pub fn ca(&self) -> PathBuf {
        self.authority.ca()
    }

    /// Where tokens are taken: the mechanism is OAUTHBEARER.
    pub fn bootstrap(&self) -> String {
        self.kafka.address("GOOGLE")
    }

    /// The email address of the machine's service account.
    pub fn service_account(&self) -> &str {
        ACCOUNT
    }

    /// How long access tokens last that are given from now on.
    pub fn lifetime(&self, lifetime: Duration) {
        *self
            .tokens
            .lifetime
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = lifetime;
    }

    /// The metadata server. [`Outage::Denied`]: the machine has no service account.
    pub fn metadata(&self) -> &Service {
        &self.metadata
    }

    /// For a process on a machine of Google's.
    pub fn environment(&self) -> Vec<(String, String)> {
        let host = self.metadata.url().trim_start_matches("http://");
        // The second one is where Google's own libraries look whether there is a server at all.
        variables([
            ("GCE_METADATA_HOST", host.into()),
            ("GCE_METADATA_IP", host.into()),
        ])
    }
}

impl Tokens {
    /// A new access token, and the seconds it lasts.
    fn issue(&self, expired: bool) -> io::Result<(String, u64)> {
        let token = format!("ya29.{}", random::base64(96)?);
        let lifetime = *self.lifetime.lock().unwrap_or_else(PoisonError::into_inner);
        let now = SystemTime::now();
        let expires = if expired {
            now - Duration::from_secs(60)
        } else {
            now + lifetime
        };
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.push_str(&format!(
            "token\t{token}\t{ACCOUNT}\t{}\n",
            time::seconds(expires)
        ));
        let new = self.file.with_extension("new");
        fs::write(&new, &*lines)?;
        fs::rename(new, &self.file)?;
        Ok((token, if expired { 0 } else { lifetime.as_secs() }))
    }
}

fn routes(tokens: &Arc<Tokens>) -> Router {
    let mut router = Router::new().route("/", get(|| async { answer("text/plain", "computeMetadata/\n") }));
    for name in ACCOUNTS {
        let of = format!("{SERVICE_ACCOUNTS}/{name}/");
        router = router
            .route(&of, get(account))
            .route(&format!("{of}token"), get(token))
            .route(&format!("{of}email"), get(email));
    }
    router.with_state(Arc::clone(tokens))
}

fn refusal(outage: Outage) -> Option<Response> {
    let status = match outage {
        Outage::Denied => StatusCode::NOT_FOUND,
        Outage::Throttled => StatusCode::TOO_MANY_REQUESTS,
        Outage::ServerError => StatusCode::INTERNAL_SERVER_ERROR,
        _ => return None,
    };
    Some(status.into_response())
}

async fn token(
    State(tokens): State<Arc<Tokens>>,
    outage: Option<Extension<Outage>>,
    headers: HeaderMap,
) -> Response {
    if !is_flavored(&headers) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let expired = outage.is_some_and(|Extension(outage)| outage == Outage::Expired);
    let Ok((token, seconds)) = tokens.issue(expired) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let text = json!({ "access_token": token, "expires_in": seconds, "token_type": "Bearer" });
    answer("application/json", text)
}

async fn email(headers: HeaderMap) -> Response {
    if !is_flavored(&headers) {
        return StatusCode::FORBIDDEN.into_response();
    }
    answer("text/plain", ACCOUNT)
}

/// What is known of the account, as libraries ask for it.
async fn account(headers: HeaderMap) -> Response {
    if !is_flavored(&headers) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let scopes = ["https://www.googleapis.com/auth/cloud-platform"];
    let text = json!({ "aliases": ["default"], "email": ACCOUNT, "scopes": scopes });
    answer("application/json", text)
}

/// A browser that was tricked into asking does not send the header.
fn is_flavored(headers: &HeaderMap) -> bool {
    headers.get(FLAVOR).is_some_and(|value| value == "Google")
}

fn answer(kind: &'static str, text: impl ToString) -> Response {
    let mut response = service::typed(StatusCode::OK, kind, text);
    response
        .headers_mut()
        .insert(FLAVOR, HeaderValue::from_static("Google"));
    response
}
