//! An endpoint: a connector that was opened, with its addresses and its credentials. How its clients are set stands in
//! `settings`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use forebay_auth::{AuthError, Credentials, TokenCell, TokenProvider};
use forebay_core::{Error, Kind};
use rdkafka::ClientConfig;
use tokio::runtime::Handle;

use super::settings::Clients;
use crate::ask::ask;
use crate::connector::{SinkSpec, SourceSpec};
use crate::registry::Registry;
use crate::resolved::{Advice, Bootstrap, Limits, Login, Lookup, Resolved, Setting};
use crate::scalar::Scalar;
use crate::tls::Tls;

/// Where a cluster is and how its clients are set.
#[derive(Clone, Debug)]
pub struct Endpoint {
    pub bootstrap: Vec<String>,
    /// `None` = plaintext.
    pub tls: Option<Tls>,
    pub credentials: Credentials,
    pub client_rack: Option<String>,
    /// What the connector's kind sets.
    pub preset: Vec<Setting>,
    /// Raw librdkafka settings of the user; those in [`OWNED`](crate::OWNED) were refused before.
    pub client: BTreeMap<String, Scalar>,
    pub limits: Limits,
    pub advice: Advice,
    /// The schema registry beside the cluster; all lanes share it.
    pub registry: Option<Arc<Registry>>,
}

/// How an issuer or a cloud that does not answer is treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// The first failure is the answer.
    OneAttempt,
    /// It is asked again until `auth_timeout` is over.
    UntilTimeout,
}

/// Between two attempts to look addresses up.
const AGAIN: Duration = Duration::from_secs(1);

impl Endpoint {
    /// A plaintext cluster without credentials.
    pub fn plaintext(bootstrap: impl Into<String>) -> Self {
        let bootstrap = vec![bootstrap.into()];
        Self::of(
            &Resolved::at(Bootstrap::Addresses(Vec::new())),
            bootstrap,
            Credentials::None,
            None,
        )
    }

    fn of(
        from: &Resolved,
        bootstrap: Vec<String>,
        credentials: Credentials,
        registry: Option<Arc<Registry>>,
    ) -> Self {
        Self {
            bootstrap,
            tls: from.tls.clone(),
            credentials,
            client_rack: from.client_rack.clone(),
            preset: from.preset.clone(),
            client: from.client.clone(),
            limits: from.limits.clone(),
            advice: from.advice,
            registry,
        }
    }

    /// Gets the credentials, and the addresses where they are looked up; waits at most `auth_timeout` for both, and keeps
    /// tokens fresh on `runtime`. Must not be called from a task of it.
    ///
    /// # Errors
    /// `Auth`: what the issuer or the cloud said last.
    pub fn open(from: &Resolved, patience: Patience, runtime: &Handle) -> forebay_core::Result<Self> {
        let until = Instant::now() + from.auth_timeout;
        let left = || until.saturating_duration_since(Instant::now());
        let credentials = match &from.login {
            Login::None => Credentials::None,
            Login::Password {
                mechanism,
                username,
                password,
            } => Credentials::Password {
                mechanism: *mechanism,
                username: username.clone(),
                password: password.clone(),
            },
            Login::Token(issuer) => {
                if patience == Patience::OneAttempt {
                    one_attempt(issuer, left(), runtime).map_err(|e| no_credentials(e, from))?;
                }
                let cell = TokenCell::start(Arc::clone(issuer), left(), runtime);
                Credentials::Token(cell.map_err(|e| no_credentials(e, from))?)
            }
        };
        let bootstrap = match &from.bootstrap {
            Bootstrap::Addresses(all) => all.clone(),
            Bootstrap::Lookup(lookup) => look_up(lookup, patience, left(), runtime)?,
        };
        let registry = from.registry.as_ref();
        let registry = registry.map(|settings| Registry::open(settings, runtime));
        Ok(Self::of(from, bootstrap, credentials, registry))
    }

    /// `security.protocol`, as Kafka names it.
    pub fn protocol(&self) -> &'static str {
        Clients::from(self).protocol()
    }

    /// The SASL mechanism, where there is one.
    pub fn mechanism(&self) -> Option<&'static str> {
        match &self.credentials {
            Credentials::None => None,
            Credentials::Password { mechanism, .. } => Some(mechanism.name()),
            Credentials::Token(_) => Some("OAUTHBEARER"),
        }
    }

    pub(super) fn probe(&self) -> ClientConfig {
        Clients::from(self).probe().config()
    }

    pub(super) fn reader(&self) -> ClientConfig {
        Clients::from(self).reader().config()
    }

    pub(super) fn consumer(&self, spec: &SourceSpec) -> ClientConfig {
        Clients::from(self).consumer(spec).config()
    }

    pub(super) fn producer(&self, spec: &SinkSpec) -> ClientConfig {
        Clients::from(self).producer(spec).config()
    }
}

/// A look whether the issuer answers.
fn one_attempt(issuer: &Arc<dyn TokenProvider>, within: Duration, runtime: &Handle) -> Result<(), AuthError> {
    let asked = Arc::clone(issuer);
    match ask(runtime, within, async move { asked.fetch().await }) {
        Some(answer) => answer.map(drop),
        None => Err(AuthError::silent(format!(
            "fetch a token: no answer within {:.1} s",
            within.as_secs_f64()
        ))),
    }
}

/// Whoever is at fault, a run cannot begin without credentials. A private authority that was named for the brokers alone is
/// an easy mistake, and looks like an issuer without trust.
fn no_credentials(error: AuthError, from: &Resolved) -> Error {
    let untrusted = error.to_string().to_ascii_lowercase().contains("certificate");
    let brokers_only = from.tls.as_ref().is_some_and(|tls| tls.ca.is_some());
    let made = Error::new(Kind::Auth, "get credentials for a connector").caused_by(error);
    match untrusted && brokers_only {
        true => made.with(
            "hint",
            "`tls.ca` is for brokers alone; HTTP services are trusted by the system's authorities and SSL_CERT_FILE",
        ),
        false => made,
    }
}

/// Asks until there is an answer, a refusal, or no time; then the last answer of an earlier start will do.
fn look_up(
    lookup: &Arc<dyn Lookup>,
    patience: Patience,
    within: Duration,
    runtime: &Handle,
) -> forebay_core::Result<Vec<String>> {
    let until = Instant::now() + within;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let asked = Arc::clone(lookup);
        let answer = ask(runtime, left, async move { asked.addresses().await });
        let error = match answer {
            Some(Ok(addresses)) => return Ok(addresses),
            Some(Err(error)) => error,
            None => AuthError::silent(format!(
                "look up {}: no answer within {:.1} s",
                lookup.what(),
                within.as_secs_f64()
            )),
        };
        let refused = error.kind == forebay_auth::AuthKind::Refused;
        if !refused && patience == Patience::UntilTimeout && Instant::now() + AGAIN < until {
            tracing::warn!(%error, "no addresses yet; asking again");
            std::thread::sleep(AGAIN);
            continue;
        }
        return match lookup.last().filter(|_| !refused) {
            Some(addresses) => {
                tracing::warn!(%error, ?addresses, "the addresses of an earlier start are used");
                Ok(addresses)
            }
            None => Err(Error::new(Kind::Auth, "find a connector's brokers").caused_by(error)),
        };
    }
}
