//! Listeners beside the plain one: TLS, client certificates, passwords, tokens. It knows neither processes nor ports.

mod properties;

use std::time::Duration;

use crate::authority::{Authority, Certificate};
use crate::handlers::Handler;
use crate::issuer::Issuer;
use crate::settings::Property;

/// A SASL mechanism with passwords.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    Plain,
    ScramSha256,
    ScramSha512,
}

impl Mechanism {
    /// As brokers and clients spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
        }
    }
}

/// Whose tokens a listener takes.
#[derive(Clone, Debug)]
struct Tokens {
    keys: String,
    issuer: String,
    audience: String,
}

/// A listener that every node has, on a port of its own. It says that it is `localhost` at that port.
#[derive(Clone, Debug)]
pub struct Listener {
    name: String,
    tls: bool,
    mechanisms: Vec<Mechanism>,
    tokens: Option<Tokens>,
    /// Instead of Kafka's own check, for the one mechanism of the listener: tokens, unless it has passwords.
    handler: Option<Handler>,
    certificate: Option<Certificate>,
    /// Whose certificates clients must show; the outer `None` asks for none.
    clients: Option<Option<Authority>>,
    advertised: Option<String>,
    reauthenticate: Option<Duration>,
    properties: Vec<Property>,
}

impl Listener {
    fn new(name: &str, tls: bool, mechanisms: &[Mechanism]) -> Self {
        assert!(
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()),
            "a listener's name is capital letters and digits, not {name:?}"
        );
        Self {
            name: name.into(),
            tls,
            mechanisms: mechanisms.to_vec(),
            tokens: None,
            handler: None,
            certificate: None,
            clients: None,
            advertised: None,
            reauthenticate: None,
            properties: Vec::new(),
        }
    }

    /// Neither TLS nor passwords, like the one every cluster has: for another advertised address.
    pub fn plaintext(name: &str) -> Self {
        Self::new(name, false, &[])
    }

    /// TLS. Whoever connects is `User:ANONYMOUS`, as on the plain listener.
    pub fn tls(name: &str) -> Self {
        Self::new(name, true, &[])
    }

    /// TLS with client certificates, of the listener's own authority unless [`Listener::clients_of`] says otherwise.
    /// Whoever connects is `User:CN=NAME`.
    pub fn mtls(name: &str) -> Self {
        let mut listener = Self::tls(name);
        listener.clients = Some(None);
        listener
    }

    /// Passwords over TLS; the users are the cluster's ([`KafkaBuilder::user`](crate::KafkaBuilder::user)).
    pub fn sasl_tls(name: &str, mechanisms: &[Mechanism]) -> Self {
        Self::new(name, true, mechanisms)
    }

    /// Passwords without TLS.
    pub fn sasl_plaintext(name: &str, mechanisms: &[Mechanism]) -> Self {
        Self::new(name, false, mechanisms)
    }

    /// Tokens of the issuer, which must be there when the cluster starts; without TLS. Whoever connects is
    /// `User:SUBJECT`.
    pub fn oauth(name: &str, issuer: &Issuer) -> Self {
        let mut listener = Self::new(name, false, &[]);
        listener.tokens = Some(Tokens {
            keys: issuer.jwks_url(),
            issuer: issuer.url().into(),
            audience: issuer.expected_audience(),
        });
        listener
    }

    /// Tokens that only the handler knows how to read, over TLS.
    pub(crate) fn bearer_tls(name: &str, handler: Handler) -> Self {
        Self::new(name, true, &[]).handler(handler)
    }

    /// Signed tokens over TLS, of whoever has the keys at that URL.
    pub(crate) fn jwt_tls(name: &str, keys: &str, issuer: &str, audience: &str) -> Self {
        let mut listener = Self::new(name, true, &[]);
        listener.tokens = Some(Tokens {
            keys: keys.into(),
            issuer: issuer.into(),
            audience: audience.into(),
        });
        listener
    }

    /// Tokens of the issuer over TLS.
    pub fn oauth_tls(name: &str, issuer: &Issuer) -> Self {
        let mut listener = Self::oauth(name, issuer);
        listener.tls = true;
        listener
    }

    /// Decided upon by this class.
    #[must_use]
    pub(crate) fn handler(mut self, handler: Handler) -> Self {
        self.handler = Some(handler);
        self
    }

    /// The server's certificate, instead of a good one of the cluster's authority.
    #[must_use]
    pub fn certificate(mut self, certificate: &Certificate) -> Self {
        self.certificate = Some(certificate.clone());
        self
    }

    /// Clients must show a certificate of this authority.
    #[must_use]
    pub fn clients_of(mut self, authority: &Authority) -> Self {
        self.clients = Some(Some(authority.clone()));
        self
    }

    /// The `host:port` that clients are told to connect to, on every node: that of a proxy, or of nobody.
    #[must_use]
    pub fn advertised(mut self, address: &str) -> Self {
        self.advertised = Some(address.into());
        self
    }

    /// Clients must authenticate again within this time, or are cut off.
    #[must_use]
    pub fn reauthenticate(mut self, within: Duration) -> Self {
        self.reauthenticate = Some(within);
        self
    }

    /// A property of this listener alone, such as `ssl.principal.mapping.rules`.
    #[must_use]
    pub fn property(mut self, name: &str, value: &str) -> Self {
        self.properties.push((name.into(), value.into()));
        self
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn uses_tls(&self) -> bool {
        self.tls
    }

    pub(crate) fn uses_scram(&self) -> bool {
        self.mechanisms.iter().any(|m| *m != Mechanism::Plain)
    }

    fn uses_sasl(&self) -> bool {
        !self.mechanisms.is_empty() || self.tokens.is_some() || self.has_handler()
    }

    /// Whether it names a class of `kafka/java`.
    pub(crate) fn has_handler(&self) -> bool {
        self.handler.is_some()
    }

    /// Where the broker reads keys: it must be told twice.
    pub(crate) fn keys(&self) -> Option<&str> {
        self.tokens.as_ref().map(|tokens| tokens.keys.as_str())
    }

    /// For `listener.security.protocol.map`.
    pub(crate) fn protocol(&self) -> &'static str {
        match (self.tls, self.uses_sasl()) {
            (false, false) => "PLAINTEXT",
            (true, false) => "SSL",
            (false, true) => "SASL_PLAINTEXT",
            (true, true) => "SASL_SSL",
        }
    }

    /// What clients are told, where the node listens at `port`.
    pub(crate) fn told(&self, port: u16) -> String {
        self.advertised
            .clone()
            .unwrap_or_else(|| format!("localhost:{port}"))
    }
}
