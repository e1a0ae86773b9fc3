//! What a connector's keys come to: data that every kind resolves into, and the one Kafka client opens. Nothing is connected
//! and no token is fetched yet.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use forebay_auth::{AuthError, Mechanism, Secret, SoFar, TokenProvider};

use crate::finding::Finding;
use crate::grants::Grants;
use crate::registry::RegistrySettings;
use crate::scalar::Scalar;
use crate::tls::Tls;

/// How long credentials may take at the start, where the file does not say.
pub const AUTH_TIMEOUT: Duration = Duration::from_secs(30);

/// A connector whose files were read and whose keys fit together.
#[derive(Clone, Debug)]
pub struct Resolved {
    pub bootstrap: Bootstrap,
    /// `None` = plaintext.
    pub tls: Option<Tls>,
    pub login: Login,
    /// How long credentials, and addresses that are looked up, may take at the start.
    pub auth_timeout: Duration,
    pub client_rack: Option<String>,
    /// What this kind sets in the client, and why.
    pub preset: Vec<Setting>,
    /// Raw librdkafka settings of the user; those in [`OWNED`](crate::OWNED) were refused before.
    pub client: BTreeMap<String, Scalar>,
    pub limits: Limits,
    /// How rights are granted there.
    pub grants: Grants,
    /// What to do about a finding, where this kind knows better than the client.
    pub advice: Advice,
    /// The schema registry beside the cluster.
    pub registry: Option<RegistrySettings>,
}

/// A better remedy for a finding.
pub type Advice = fn(&Finding) -> Option<&'static str>;

impl Resolved {
    /// A cluster at `bootstrap`, without TLS, credentials or anything of its own.
    pub fn at(bootstrap: Bootstrap) -> Self {
        Self {
            bootstrap,
            tls: None,
            login: Login::None,
            auth_timeout: AUTH_TIMEOUT,
            client_rack: None,
            preset: Vec::new(),
            client: BTreeMap::new(),
            limits: Limits::default(),
            grants: Grants::Acl {
                principal: None,
                looked_up: None,
            },
            advice: |_| None,
            registry: None,
        }
    }
}

/// Where brokers are.
#[derive(Clone, Debug)]
pub enum Bootstrap {
    /// `host:port` of some of them.
    Addresses(Vec<String>),
    /// The cloud knows, and is asked at the start.
    Lookup(Arc<dyn Lookup>),
}

/// Asks a cloud where a cluster's brokers are.
#[async_trait]
pub trait Lookup: Debug + Send + Sync {
    /// `host:port` of some of the brokers.
    ///
    /// # Errors
    /// `Refused` where asking again would not help, else `Unavailable`.
    async fn addresses(&self) -> Result<Vec<String>, AuthError>;

    /// What a question that is under way has come to, for one that takes too long.
    fn so_far(&self) -> SoFar {
        SoFar::default()
    }

    /// The addresses that the last answer gave, kept from an earlier start; none where there was none.
    fn last(&self) -> Option<Vec<String>>;

    /// What is asked, for people: `the brokers of arn:..`.
    fn what(&self) -> String;
}

/// How to get credentials, not yet the credentials: a token is fetched when a connector is opened.
#[derive(Clone, Debug)]
pub enum Login {
    None,
    Password {
        mechanism: Mechanism,
        username: String,
        password: Secret,
    },
    Token(Arc<dyn TokenProvider>),
}

impl Login {
    /// The SASL mechanism, where there is one.
    pub fn mechanism(&self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Password { mechanism, .. } => Some(mechanism.name()),
            Self::Token(_) => Some("OAUTHBEARER"),
        }
    }
}

/// A setting of the Kafka client, and why it has its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    pub name: &'static str,
    pub value: Cow<'static, str>,
    pub why: &'static str,
}

impl Setting {
    /// `name = value`, because of `why`.
    pub const fn new(name: &'static str, value: &'static str, why: &'static str) -> Self {
        Self {
            name,
            value: Cow::Borrowed(value),
            why,
        }
    }
}

/// What a service does not do, or wants less of: `check` refuses the rest with the reason.
#[derive(Clone, Debug, Default)]
pub struct Limits {
    /// The compressions it takes; `None` = all.
    pub compressions: Option<Only>,
    /// The protocols of consumer groups it knows; `None` = all.
    pub group_protocols: Option<Only>,
    /// Commits are never closer together than this.
    pub commit_every: Option<AtLeast>,
    /// The only topic that these credentials may use, and why.
    pub topic: Option<(String, &'static str)>,
    /// Why no topic can be created through Kafka's protocol; `None` = it can.
    pub creates_no_topics: Option<&'static str>,
}

/// The words that are allowed, and why the others are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Only {
    pub words: &'static [&'static str],
    pub why: &'static str,
}

/// The shortest interval that is allowed, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AtLeast {
    pub interval: Duration,
    pub why: &'static str,
}
