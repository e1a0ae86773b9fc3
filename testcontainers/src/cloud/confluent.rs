//! Confluent Cloud on loopback: API keys at one endpoint, tokens of an identity provider at another.

use std::io;
use std::path::PathBuf;

use super::{CloudBuilder, Plan, random};
use crate::handlers::Handler;
use crate::hidden::Hidden;
use crate::{Authority, Issuer, Kafka, Listener, Mechanism};

const CAPITALS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const SMALL: &str = "abcdefghijklmnopqrstuvwxyz0123456789";
const CLIENT: &str = "forebay";

/// A cluster of Confluent Cloud, and the identity provider that it trusts; ends on drop.
///
/// A token must come with the extensions `logicalCluster` and `identityPoolId`, each with the right value: the broker
/// says which one is missing or not known. It knows a client as `User:CLIENT_ID`, and an API key as `User:KEY`.
#[derive(Debug)]
pub struct ConfluentCloud {
    kafka: Kafka,
    authority: Authority,
    issuer: Issuer,
    api_key: String,
    api_secret: Hidden,
    client_secret: Hidden,
    logical_cluster: String,
    identity_pool: String,
}

impl ConfluentCloud {
    /// One node.
    pub fn start() -> Self {
        Self::builder().start()
    }

    /// A cluster to be described.
    pub fn builder() -> CloudBuilder<Self> {
        CloudBuilder::new(|plan| {
            Self::try_start(plan)
                .unwrap_or_else(|error| panic!("start a stand-in for Confluent Cloud: {error}"))
        })
    }

    fn try_start(plan: Plan) -> io::Result<Self> {
        let authority = Authority::new();
        let api_key = random::text(CAPITALS, 16)?;
        let api_secret = Hidden::from(random::base64(48)?);
        let client_secret = Hidden::from(random::base64(24)?);
        let issuer = Issuer::start();
        issuer.audience("confluent");
        issuer.client(CLIENT, client_secret.show());
        let logical_cluster = format!("lkc-{}", random::text(SMALL, 6)?);
        let identity_pool = format!("pool-{}", random::text(SMALL, 4)?);
        let required = Handler::new("forebay.RequiredExtensions")
            .option("logicalCluster", &logical_cluster)
            .option("identityPoolId", &identity_pool);
        let oauth = plan.tokens(Listener::oauth_tls("OAUTH", &issuer).handler(required));
        let kafka = plan
            .kafka
            .authority(&authority)
            .user(&api_key, api_secret.show())
            .listener(Listener::sasl_tls("APIKEY", &[Mechanism::Plain]))
            .listener(oauth)
            .start();
        Ok(Self {
            kafka,
            authority,
            issuer,
            api_key,
            api_secret,
            client_secret,
            logical_cluster,
            identity_pool,
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

    /// Where API keys are taken: the mechanism is PLAIN.
    pub fn bootstrap(&self) -> String {
        self.kafka.address("APIKEY")
    }

    /// Where tokens are taken: the mechanism is OAUTHBEARER.
    pub fn bootstrap_oauth(&self) -> String {
        self.kafka.address("OAUTH")
    }

    pub fn api_key(&self) -> &str {
        &self.api_key
    }

    pub fn api_secret(&self) -> &str {
        self.api_secret.show()
    }

    /// The identity provider: its tokens are for the audience `confluent`.
    pub fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// A client of the identity provider.
    pub fn client_id(&self) -> &str {
        CLIENT
    }

    pub fn client_secret(&self) -> &str {
        self.client_secret.show()
    }

    /// `lkc-…`.
    pub fn logical_cluster(&self) -> &str {
        &self.logical_cluster
    }

    /// `pool-…`.
    pub fn identity_pool(&self) -> &str {
        &self.identity_pool
    }
}
