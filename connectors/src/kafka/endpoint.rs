//! An endpoint: a connector that was opened, with its addresses and its credentials. How its clients are set stands in
//! `settings`.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use forebay_auth::Patience;
use forebay_auth::{AuthError, AuthKind, Credentials, First, TokenCell, TokenProvider};
use forebay_core::{Error, Kind};
use rdkafka::ClientConfig;
use tokio::runtime::Handle;

use super::settings::Clients;
use super::traffic::Traffic;
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
    /// What all its clients count.
    pub traffic: Arc<Traffic>,
}

/// What the opening of a connector waits for.
#[derive(Clone, Debug)]
pub struct Wait {
    /// `a token from ..`, `the brokers of ..`.
    what: String,
    since: Instant,
    within: Duration,
}

/// Told about once a second, while something is waited for.
pub type Tell<'a> = &'a mut dyn FnMut(Wait);

impl Wait {
    /// For `what`, for as long as `within` in all.
    pub fn new(what: impl Into<String>, since: Instant, within: Duration) -> Self {
        Self {
            what: what.into(),
            since,
            within,
        }
    }
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "waiting for {}, {:.0} s of auth_timeout ({} s)",
            self.what,
            self.since.elapsed().as_secs_f64(),
            self.within.as_secs_f64()
        )
    }
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
            traffic: Arc::default(),
        }
    }

    /// Gets the credentials, and the addresses where they are looked up; waits at most `auth_timeout` for both, telling so,
    /// and keeps tokens fresh on `runtime`. Must not be called from a task of it.
    ///
    /// # Errors
    /// `Auth`: what the issuer or the cloud said last.
    pub fn open(
        from: &Resolved,
        patience: Patience,
        runtime: &Handle,
        tell: Tell<'_>,
    ) -> forebay_core::Result<Self> {
        let mut opening = Opening {
            patience,
            runtime,
            since: Instant::now(),
            within: from.auth_timeout,
            tell,
        };
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
                let cell = opening.token(issuer).map_err(|e| no_credentials(e, from))?;
                Credentials::Token(cell)
            }
        };
        let bootstrap = match &from.bootstrap {
            Bootstrap::Addresses(all) => all.clone(),
            Bootstrap::Lookup(lookup) => opening.look_up(lookup)?,
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

/// An opening that is under way.
struct Opening<'a> {
    patience: Patience,
    runtime: &'a Handle,
    since: Instant,
    within: Duration,
    tell: Tell<'a>,
}

impl Opening<'_> {
    fn left(&self) -> Duration {
        self.within.saturating_sub(self.since.elapsed())
    }

    fn wait(&mut self, what: String) {
        (self.tell)(Wait::new(what, self.since, self.within));
    }

    fn token(&mut self, issuer: &Arc<dyn TokenProvider>) -> Result<Arc<TokenCell>, AuthError> {
        let (patience, within, runtime) = (self.patience, self.left(), self.runtime);
        let first = First {
            patience,
            within,
            waiting: &mut |asked| {
                let asked = asked.map_or(String::new(), |asked| format!(" ({asked})"));
                self.wait(format!("a token{asked}"));
            },
        };
        TokenCell::start(Arc::clone(issuer), first, runtime)
    }

    /// Asks until there is an answer, a refusal, or no time; then the last answer of an earlier start will do.
    fn look_up(&mut self, lookup: &Arc<dyn Lookup>) -> forebay_core::Result<Vec<String>> {
        loop {
            let within = self.left();
            let asked = Arc::clone(lookup);
            let (runtime, what) = (self.runtime, lookup.what());
            let waiting = &mut || self.wait(what.clone());
            let answer = ask(runtime, within, waiting, async move { asked.addresses().await });
            let error = match answer {
                Some(Ok(addresses)) => return Ok(addresses),
                Some(Err(error)) => error,
                None => AuthError::silent(format!(
                    "look up {}: no answer within {:.1} s{}",
                    lookup.what(),
                    within.as_secs_f64(),
                    lookup.so_far()
                )),
            };
            let refused = error.kind == AuthKind::Refused;
            if !refused && self.patience == Patience::UntilTimeout && AGAIN < self.left() {
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
}
