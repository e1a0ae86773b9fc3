//! One question to a registry: to the address that answered last, to the next one where it does not. Says what an answer means;
//! does not know what it is asked for.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use forebay_auth::{AuthError, AuthKind, First, Patience, Secret, TokenCell};
use reqwest::header::{ACCEPT, CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Method, RequestBuilder, Response};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::runtime::Handle;

use super::answer::{self, Complaint, NO_SCHEMA, NO_SUBJECT, NO_VERSION};
use super::config::{RegistryLogin, RegistrySettings};
use super::status::Counts;
use super::trouble::{Trouble, What};

/// How long an answer may be, in bytes.
const LENGTH: usize = 16 << 20;
/// How much of what a registry says of a schema is shown.
const SHOWN: usize = 2000;
const KINDS: &str = "application/vnd.schemaregistry.v1+json, application/json;q=0.9";
/// Which paths registries have.
const PATHS: &str = "check the path of the registry's address: Confluent's, Karapace's and Redpanda's has none, Apicurio's is \
                     `/apis/ccompat/v7`";
const JSON: &str = "application/vnd.schemaregistry.v1+json";

/// A registry's addresses, and how to ask there.
#[derive(Debug)]
pub(super) struct Http {
    settings: RegistrySettings,
    /// Which address answered last.
    answered: AtomicUsize,
    /// The identity provider's token, from the first question on.
    token: Mutex<Option<Arc<TokenCell>>>,
    /// Held by the one who fetches the first token.
    fetching: tokio::sync::Mutex<()>,
    counts: Arc<Counts>,
    runtime: Handle,
}

impl Http {
    pub(super) fn new(settings: RegistrySettings, counts: Arc<Counts>, runtime: Handle) -> Self {
        Self {
            settings,
            answered: AtomicUsize::new(0),
            token: Mutex::default(),
            fetching: tokio::sync::Mutex::default(),
            counts,
            runtime,
        }
    }

    /// The address that answered last.
    pub(super) fn url(&self) -> &str {
        let at = self.answered.load(Ordering::Relaxed);
        self.settings.urls.get(at).map_or("", String::as_str)
    }

    pub(super) fn login(&self) -> &RegistryLogin {
        &self.settings.login
    }

    /// The provider's token, where one was fetched.
    pub(super) fn token(&self) -> Option<Arc<TokenCell>> {
        self.token.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Trouble> {
        self.ask(Method::GET, path, None).await
    }

    pub(super) async fn post<T: DeserializeOwned>(&self, path: &str, body: &Value) -> Result<T, Trouble> {
        self.ask(Method::POST, path, Some(body)).await
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<T, Trouble> {
        let count = self.settings.urls.len();
        let first = self.answered.load(Ordering::Relaxed);
        let mut last = Trouble::new(What::Failing, "no address of the registry is known");
        for at in (first..first + count).map(|at| at % count) {
            let question = Question {
                method: method.clone(),
                url: &self.settings.urls[at],
                path,
                body,
            };
            let answer = self.once(&question).await;
            self.counts.request(&answer);
            match answer {
                Err(trouble) if matches!(trouble.what, What::Failing | What::Strange) => last = trouble,
                answer => {
                    self.answered.store(at, Ordering::Relaxed);
                    return answer;
                }
            }
        }
        if count > 1 {
            last.found += &format!(" (the last of {count} addresses, none of which answers)");
        }
        Err(last)
    }

    /// Asks one address. A token that is refused may have been taken back before its time: once it is fetched anew.
    async fn once<T: DeserializeOwned>(&self, question: &Question<'_>) -> Result<T, Trouble> {
        let used = self.token();
        match (self.send(question).await, used) {
            (Err(trouble), Some(used)) if trouble.what == What::Refused => {
                self.forget(&used);
                self.send(question).await
            }
            (answer, _) => answer,
        }
    }

    /// Unless somebody else has fetched another one meanwhile.
    fn forget(&self, used: &Arc<TokenCell>) {
        let mut token = self.token.lock().unwrap_or_else(PoisonError::into_inner);
        if token.as_ref().is_some_and(|token| Arc::ptr_eq(token, used)) {
            *token = None;
        }
    }

    async fn send<T: DeserializeOwned>(&self, question: &Question<'_>) -> Result<T, Trouble> {
        let url = question.url;
        let request = self
            .settings
            .client
            .request(question.method.clone(), format!("{url}{}", question.path))
            .timeout(self.settings.timeout)
            .header(ACCEPT, KINDS);
        let request = match question.body {
            Some(body) => request.header(CONTENT_TYPE, JSON).body(body.to_string()),
            None => request,
        };
        let request = self.signed(request).await?;
        let mut response = request.send().await.map_err(|e| self.silent(url, e))?;
        let body = self.body(url, &mut response).await?;
        if response.status().is_success() {
            let read = answer::read(&body);
            return read.map_err(|unread| {
                let (what, at) = match unread.whole {
                    true => (What::Strange, question.path),
                    false => (What::Failing, ""),
                };
                Trouble::new(what, format!("{url}{at}: {}", unread.why))
                    .remedy("is this the registry's address, and no proxy or login page before it?")
            });
        }
        Err(self.complaint(question, &response, &body))
    }

    /// With what proves who asks.
    async fn signed(&self, request: RequestBuilder) -> Result<RequestBuilder, Trouble> {
        Ok(match &self.settings.login {
            RegistryLogin::None => request,
            RegistryLogin::Basic { username, password } => {
                request.basic_auth(username, Some(password.expose()))
            }
            RegistryLogin::Bearer(token) => request.bearer_auth(token.expose()),
            RegistryLogin::Oauth {
                logical_cluster,
                identity_pool,
                ..
            } => {
                let token = self.fresh().await?;
                let request = request.bearer_auth(token.expose());
                let headers = [
                    ("target-sr-cluster", logical_cluster),
                    ("Confluent-Identity-Pool-Id", identity_pool),
                ];
                let set = headers
                    .into_iter()
                    .filter_map(|(name, value)| Some((name, value.as_deref()?)));
                set.fold(request, |request, (name, value)| request.header(name, value))
            }
        })
    }

    /// The token of now. The first one is fetched here, not at the start: a pipeline that has its schemas needs none.
    async fn fresh(&self) -> Result<Secret, Trouble> {
        let _first = self.fetching.lock().await;
        if let Some(cell) = self.token() {
            return Ok(cell.token().value);
        }
        let RegistryLogin::Oauth { issuer, .. } = &self.settings.login else {
            return Err(Trouble::new(What::Refused, "there is no issuer of tokens"));
        };
        let refused = |error: &AuthError| {
            let what = match error.kind {
                AuthKind::Refused => What::Refused,
                AuthKind::Unavailable => What::Failing,
            };
            Trouble::new(what, format!("no token for the registry: {error}"))
        };
        let (issuer, within, runtime) = (Arc::clone(issuer), self.settings.timeout, self.runtime.clone());
        let start = move || {
            let first = First {
                patience: Patience::OneAttempt,
                within,
                waiting: &mut |_| {},
            };
            TokenCell::start(issuer, first, &runtime)
        };
        let started = tokio::task::spawn_blocking(start).await;
        let started = started.map_err(|_| Trouble::new(What::Failing, "this process ends"))?;
        let cell = started.map_err(|error| refused(&error))?;
        let value = cell.token().value;
        *self.token.lock().unwrap_or_else(PoisonError::into_inner) = Some(cell);
        Ok(value)
    }

    /// Nobody answered, and why.
    fn silent(&self, url: &str, error: reqwest::Error) -> Trouble {
        if error.is_timeout() && !error.is_connect() {
            let within = self.settings.timeout;
            return Trouble::new(What::Failing, format!("{url}: no answer within {within:?}"))
                .remedy("is it overloaded, or something between here and there?");
        }
        let error = error.without_url();
        let said = AuthError::silent(format!("{url}: no answer")).caused_by(&error);
        let text = said.to_string();
        let lower = text.to_ascii_lowercase();
        let remedy = if lower.contains("certificate") {
            "is its certificate good, and signed by an authority that `schema_registry.tls.ca` or this system names?"
        } else if lower.contains("dns error") || lower.contains("resolve") {
            "check the name, the machine's DNS, and whether this network may see it"
        } else {
            "check the host and the port, and that the registry runs"
        };
        Trouble::new(What::Failing, text).remedy(remedy)
    }

    /// The whole answer, where it has an end.
    async fn body(&self, url: &str, response: &mut Response) -> Result<Vec<u8>, Trouble> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| self.broken(url, &e))? {
            body.extend_from_slice(&chunk);
            if body.len() > LENGTH {
                let found = format!("{url}: its answer is longer than {} MiB", LENGTH >> 20);
                return Err(Trouble::new(What::Failing, found)
                    .remedy("is this the registry's address? no schema is as long"));
            }
        }
        Ok(body)
    }

    fn broken(&self, url: &str, error: &reqwest::Error) -> Trouble {
        let found = match error.is_timeout() {
            true => format!("{url}: no whole answer within {:?}", self.settings.timeout),
            false => format!("{url}: the answer broke off"),
        };
        Trouble::new(What::Failing, found)
            .remedy("is something between here and there that ends connections?")
    }

    /// What an answer without success means.
    fn complaint(&self, question: &Question<'_>, response: &Response, body: &[u8]) -> Trouble {
        let (url, status) = (question.url, response.status());
        let said: Option<Complaint> = answer::read(body).ok();
        let code = said.as_ref().map_or(0, |said| said.error_code);
        let trouble = |what, found: &str| Trouble::new(what, format!("{url} answered {status}{found}"));
        let strange = |found: &str, remedy: &str| {
            let found = format!("{url}{} answered {status}{found}", question.path);
            Trouble::new(What::Strange, found).remedy(remedy)
        };
        let own = |said: Option<Complaint>| {
            let text = said.map_or(String::new(), |said| self.quoted(&said.message));
            if text.is_empty() {
                text
            } else {
                format!(": {text}")
            }
        };
        let status_code = status.as_u16();
        match status_code {
            401 => trouble(What::Refused, "").remedy(self.settings.login.remedy()),
            403 => trouble(
                What::Refused,
                &format!(": these credentials may not do this{}", own(said)),
            )
            .remedy(question.right()),
            404 => match code {
                NO_SCHEMA => trouble(What::Absent, ": it has no such schema"),
                NO_SUBJECT => trouble(What::Absent, ": it has no such subject"),
                NO_VERSION => trouble(What::Absent, ": it has no such version"),
                _ if question.path.starts_with("/schemas/guids/") => {
                    trouble(What::Absent, ": it does not look schemas up by GUID")
                        .remedy("use a registry that does, or writers that send ids")
                }
                _ => strange(", but not as a schema registry does", PATHS),
            },
            408 => trouble(What::Failing, ": it waited in vain for the whole question"),
            429 => trouble(What::Throttled, ": it is asked too often")
                .remedy("ask it less, or wait a while")
                .rest(retry_after(response)),
            400 | 409 | 422 if question.body.is_some() => trouble(What::Invalid, &own(said)),
            300..=399 => strange(
                ": it is somewhere else",
                "write the address that it sends browsers to",
            ),
            500..=599 => trouble(What::Failing, ": it has trouble of its own")
                .remedy("look into the registry's own log")
                .rest(retry_after(response)),
            _ => strange("", "check the registry's address"),
        }
    }

    /// What a registry says in its own words: of some length, and without what was sent to prove who asks.
    pub(super) fn quoted(&self, text: &str) -> String {
        let secrets = match &self.settings.login {
            RegistryLogin::Basic { username, password } => {
                // As its header has it, too.
                let header = STANDARD.encode(format!("{username}:{}", password.expose()));
                vec![password.clone(), Secret::from(header)]
            }
            RegistryLogin::Bearer(token) => vec![token.clone()],
            RegistryLogin::Oauth { .. } => self.token().into_iter().map(|cell| cell.token().value).collect(),
            RegistryLogin::None => Vec::new(),
        };
        let shown = secrets
            .iter()
            .map(Secret::expose)
            .filter(|secret| !secret.is_empty());
        let text = shown.fold(text.to_owned(), |text, secret| text.replace(secret, "***"));
        let plain = |c: char| if c.is_control() { ' ' } else { c };
        text.chars().take(SHOWN).map(plain).collect()
    }
}

struct Question<'a> {
    method: Method,
    url: &'a str,
    path: &'a str,
    body: Option<&'a Value>,
}

impl Question<'_> {
    /// What to grant where it is refused. Registries take the question whether a schema may be registered for a write, and the one
    /// whether it is there, which has a body too, for a read.
    fn right(&self) -> &'static str {
        match self.body.is_some() && self.path.contains("/versions") {
            true => {
                "give them the right to write the subject (in Confluent Cloud the role `DeveloperWrite` on it)"
            }
            false => {
                "give them the right to read the registry's subjects (in Confluent Cloud the role `DeveloperRead`)"
            }
        }
    }
}

impl RegistryLogin {
    /// What to do where it is not taken.
    fn remedy(&self) -> &'static str {
        match self {
            Self::None => {
                "it wants to know who asks: add `api_key` and `api_secret`, `username` and `password`, `bearer` or `oauth`"
            }
            Self::Basic { .. } => {
                "check `api_key` and `api_secret`, or `username` and `password`: a key of the Kafka cluster is none of the registry"
            }
            Self::Bearer(_) => "check `bearer`: it may have expired",
            Self::Oauth { .. } => {
                "check `oauth.logical_cluster` and `oauth.identity_pool`, and what the pool may do"
            }
        }
    }
}

/// In seconds; a registry that names a date is asked again as any other.
fn retry_after(response: &Response) -> Option<Duration> {
    let text = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    text.trim().parse().ok().map(Duration::from_secs)
}
