//! An issuer of OAuth 2 tokens on loopback, for tests: client credentials in, signed tokens out, and every way in which
//! that fails. It knows no broker; a broker reads its keys at `/jwks`.

mod answer;
mod https;
mod signature;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::routing::{get, post};
use serde_json::{Value, json};

use crate::cloud::time::Clock;
use crate::hidden::Hidden;
use crate::http::{self, Server};

pub use https::Https;
use signature::Signer;

/// A token endpoint and its keys; ends on drop. It answers clients that [`Issuer::client`] named.
#[derive(Debug)]
pub struct Issuer {
    shared: Arc<Shared>,
    _server: Server,
}

/// How the token endpoint fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// 401 `invalid_client`, whatever the client shows.
    InvalidClient,
    /// 500 without a word.
    ServerError,
    /// 200 with something that only begins like JSON.
    Malformed,
    /// A good answer after so long.
    Slow(Duration),
    /// 200 with a token that has expired a minute ago, and a half: brokers forgive half a minute.
    Expired,
}

/// What a client asked for; its secret is not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRequest {
    pub client: String,
    /// Whether its credentials came in the `Authorization` header, rather than in the body.
    pub basic: bool,
    pub scope: Option<String>,
    /// The answer's status.
    pub status: u16,
}

#[derive(Debug)]
struct Shared {
    url: String,
    signer: Signer,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    clients: Vec<(String, Hidden)>,
    audience: String,
    lifetime: Duration,
    failure: Option<Failure>,
    clock: Clock,
    requests: Vec<TokenRequest>,
    issued: usize,
}

impl Issuer {
    /// Starts it on a free port, with tokens for the audience `forebay` that last an hour.
    ///
    /// # Panics
    /// Where it cannot listen.
    pub fn start() -> Self {
        Self::try_start().unwrap_or_else(|error| panic!("start a token issuer: {error}"))
    }

    fn try_start() -> io::Result<Self> {
        let (listener, url) = http::bind()?;
        let shared = Arc::new(Shared {
            url,
            signer: Signer::new()?,
            state: Mutex::new(State {
                clients: Vec::new(),
                audience: "forebay".into(),
                lifetime: Duration::from_secs(3600),
                failure: None,
                clock: Clock::default(),
                requests: Vec::new(),
                issued: 0,
            }),
        });
        let routes = Router::new()
            .route("/jwks", get(answer::keys))
            .route("/token", post(answer::token))
            .with_state(Arc::clone(&shared));
        let server = Server::start(listener, routes, |listener| listener)?;
        Ok(Self {
            shared,
            _server: server,
        })
    }

    /// Takes a client's credentials from now on, in place of earlier ones.
    pub fn client(&self, id: &str, secret: &str) {
        let mut state = self.shared.state();
        state.clients.retain(|(known, _)| known != id);
        state.clients.push((id.into(), secret.into()));
    }

    /// Whom tokens are for from now on. A listener expects what was said before it was described.
    pub fn audience(&self, audience: &str) {
        self.shared.state().audience = audience.into();
    }

    /// How long tokens last from now on.
    pub fn lifetime(&self, lifetime: Duration) {
        self.shared.state().lifetime = lifetime;
    }

    /// Fails from now on; `None`: does not.
    pub fn fail(&self, failure: Option<Failure>) {
        self.shared.state().failure = failure;
    }

    /// The issuer's clock, as its answers show it, is so much ahead of this machine's from now on. Tokens keep their time.
    pub fn clock_ahead(&self, by: Duration) {
        self.shared.state().clock = Clock::Ahead(by);
    }

    /// The issuer's clock, as its answers show it, is so much behind this machine's from now on. Tokens keep their time.
    pub fn clock_behind(&self, by: Duration) {
        self.shared.state().clock = Clock::Behind(by);
    }

    /// `http://127.0.0.1:port`: what tokens name as their issuer.
    pub fn url(&self) -> &str {
        &self.shared.url
    }

    /// Where tokens are asked for.
    pub fn token_url(&self) -> String {
        format!("{}/token", self.shared.url)
    }

    /// Where the keys are.
    pub fn jwks_url(&self) -> String {
        format!("{}/jwks", self.shared.url)
    }

    /// Whom tokens are for.
    pub(crate) fn expected_audience(&self) -> String {
        self.shared.state().audience.clone()
    }

    /// What clients have asked for so far.
    pub fn requests(&self) -> Vec<TokenRequest> {
        self.shared.state().requests.clone()
    }

    /// How many tokens were handed out at the endpoint; expired ones count.
    pub fn issued(&self) -> usize {
        self.shared.state().issued
    }

    /// A token without asking the endpoint.
    pub fn token(&self, subject: &str) -> String {
        self.sign(&self.shared.claims(subject, None))
    }

    /// The claims of a token for `subject`, to be changed and signed.
    pub fn claims(&self, subject: &str) -> Value {
        self.shared.claims(subject, None)
    }

    /// A token with any claims.
    ///
    /// # Panics
    /// Where OpenSSL cannot sign.
    pub fn sign(&self, claims: &Value) -> String {
        self.shared.signer.sign(claims).expect("sign a token")
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn claims(&self, subject: &str, scope: Option<&str>) -> Value {
        let state = self.state();
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        let mut claims = json!({
            "iss": self.url,
            "sub": subject,
            "aud": state.audience,
            "iat": now,
            "exp": now + state.lifetime.as_secs(),
        });
        if state.failure == Some(Failure::Expired) {
            (claims["iat"], claims["exp"]) = (json!(now - 3600), json!(now - 90));
        }
        if let Some(scope) = scope {
            claims["scope"] = json!(scope);
        }
        claims
    }
}
