//! The kind `confluent`: a cluster of Confluent Cloud, with an API key or OAuth. Data only.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use forebay_auth::{Mechanism, Oidc, Secret};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::finding::Finding;
use crate::grants::{ConfluentMember, Grants};
use crate::kind::Preset;
use crate::registry::SchemaRegistryConfig;
use crate::resolved::{AUTH_TIMEOUT, Bootstrap, Login, Resolved, Setting};
use crate::scalar::Scalar;
use crate::span::Span;
use crate::tls::{CaConfig, read_pem};
use crate::wrong::{Wrong, Wrongs};

/// A connector of kind `confluent`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfluentConfig {
    /// The cluster's bootstrap server, as its settings page shows it.
    #[schemars(length(min = 1), example = ["pkc-1.eu-west-1.aws.confluent.cloud:9092"])]
    pub bootstrap: Vec<String>,
    /// How this client proves who it is: `api_key` with `api_secret`, or `oauth`.
    pub auth: ConfluentAuth,
    /// Who vouches for the brokers, where it is not a public authority.
    pub tls: Option<CaConfig>,
    /// The zone of this process: fetches then go to the nearest replica, where the cluster is set up for it.
    pub client_rack: Option<String>,
    /// How long an issuer of tokens, and a schema registry, may take at the start. The default is 30s.
    #[schemars(example = &"30s")]
    pub auth_timeout: Option<Span>,
    /// The schema registry that the connector's topics are written with.
    pub schema_registry: Option<SchemaRegistryConfig>,
    /// Raw librdkafka settings.
    #[serde(default)]
    pub client: BTreeMap<String, Scalar>,
}

/// How a client of Confluent Cloud proves who it is.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfluentAuth {
    /// The API key of a service account for this cluster.
    #[schemars(example = &"ABCDEFGHIJKLMNOP")]
    pub api_key: Option<String>,
    /// The secret of `api_key`.
    pub api_secret: Option<Secret>,
    /// Tokens of an identity provider that the organization trusts.
    pub oauth: Option<OauthConfig>,
}

/// Tokens of an identity provider, by OIDC client credentials.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OauthConfig {
    /// The provider's token endpoint.
    #[schemars(example = &"https://login.example/oauth2/token")]
    pub token_url: String,
    /// The authorities that may vouch for the provider: a PEM file, or the PEM text itself. Without it the system's own.
    pub token_ca: Option<String>,
    /// Who the provider knows this client as.
    pub client_id: String,
    /// What proves it to the provider.
    pub client_secret: Secret,
    /// What the provider wants, where it wants one.
    pub scope: Option<String>,
    /// The cluster's id. Some private networks do without.
    #[schemars(example = &"lkc-abc123")]
    pub logical_cluster: Option<String>,
    /// The identity pool that gives the token its rights. Without it the organization's own mapping decides.
    #[schemars(example = &"pool-abc1")]
    pub identity_pool: Option<String>,
}

/// What Confluent's own guide for clients of its cloud sets.
const SETTINGS: &[Setting] = &[
    Setting::new(
        "session.timeout.ms",
        "45000",
        "brokers are replaced one by one: members should outlast it",
    ),
    Setting::new(
        "socket.keepalive.enable",
        "true",
        "load balancers in front of brokers drop connections that are silent",
    ),
    Setting::new(
        "metadata.max.age.ms",
        "180000",
        "brokers change their addresses: they are asked for again in time",
    ),
];

impl Preset for ConfluentConfig {
    fn resolve(&self, base: &Path) -> Result<Resolved, Vec<Wrong>> {
        let mut wrong = Wrongs::default();
        wrong.addresses(&self.bootstrap);
        let tls = wrong.of(CaConfig::trusted(self.tls.as_ref(), base));
        let login = wrong.of(self.auth.login(base));
        let registry = wrong.of(SchemaRegistryConfig::of(self.schema_registry.as_ref(), base));
        wrong.end()?;
        Ok(Resolved {
            tls,
            login: login.unwrap_or(Login::None),
            auth_timeout: self.auth_timeout.map_or(AUTH_TIMEOUT, |span| span.0),
            client_rack: self.client_rack.clone(),
            preset: SETTINGS.to_vec(),
            client: self.client.clone(),
            grants: self.grants(),
            advice,
            registry: registry.flatten(),
            ..Resolved::at(Bootstrap::Addresses(self.bootstrap.clone()))
        })
    }
}

impl ConfluentConfig {
    fn grants(&self) -> Grants {
        let registry = self.schema_registry.as_ref();
        let registry = registry.and_then(|registry| registry.oauth.as_ref());
        let kafka = self.auth.oauth.as_ref();
        Grants::Confluent {
            kafka: kafka.map_or_else(ConfluentMember::default, |oauth| ConfluentMember {
                principal: oauth.identity_pool.clone(),
                cluster: oauth.logical_cluster.clone(),
            }),
            registry: registry.map_or_else(ConfluentMember::default, |oauth| ConfluentMember {
                principal: oauth.identity_pool.clone(),
                cluster: oauth.logical_cluster.clone(),
            }),
        }
    }
}

impl ConfluentAuth {
    fn login(&self, base: &Path) -> Result<Login, Vec<Wrong>> {
        let one = |message: &str| Err(vec![Wrong::new("auth", message)]);
        match (&self.api_key, &self.api_secret, &self.oauth) {
            (Some(key), Some(secret), None) => Ok(Login::Password {
                mechanism: Mechanism::Plain,
                username: key.clone(),
                password: secret.clone(),
            }),
            (None, None, Some(oauth)) => oauth.login(base),
            (None, None, None) => one("says nothing: add `api_key` and `api_secret`, or `oauth`"),
            (_, _, Some(_)) => one("says two things: keep `api_key` and `api_secret`, or `oauth`"),
            (Some(_), None, None) => {
                one("the key `api_secret` is missing: it was shown when the API key was made")
            }
            (None, Some(_), None) => one("the key `api_key` is missing"),
        }
    }
}

impl OauthConfig {
    fn login(&self, base: &Path) -> Result<Login, Vec<Wrong>> {
        let mut wrong = Wrongs::default();
        if !self.token_url.starts_with("https://") {
            let message = "the client's secret would travel in clear text: write https://";
            wrong.add("auth/oauth/token_url", message);
        }
        let ca = self.token_ca.as_deref();
        let ca = ca.map(|ca| read_pem(base, ca, "CERTIFICATE")).transpose();
        let ca = wrong.of(ca.map_err(|message| vec![Wrong::new("auth/oauth/token_ca", message)]));
        wrong.end()?;
        let extension =
            |name: &str, value: &Option<String>| value.clone().map(|value| (name.to_owned(), value));
        let cluster = extension("logicalCluster", &self.logical_cluster);
        let pool = extension("identityPoolId", &self.identity_pool);
        let oidc = Oidc::new(
            self.token_url.clone(),
            ca.flatten().as_deref(),
            self.client_id.clone(),
            self.client_secret.clone(),
            self.scope.clone(),
            cluster.into_iter().chain(pool).collect(),
        );
        oidc.map(|oidc| Login::Token(Arc::new(oidc)))
            .map_err(|e| vec![Wrong::new("auth/oauth/token_ca", e.to_string())])
    }
}

fn advice(finding: &Finding) -> Option<&'static str> {
    match finding.step {
        "dns" => Some(
            "a cluster on a private network has names that resolve there only: check `bootstrap`, or run there",
        ),
        "sasl" if finding.found.contains("Authentication failed") || finding.found.contains("refused") => {
            Some(
                "an API key belongs to one cluster, and works a minute after it was made; with `oauth`, check `logical_cluster`, \
             `identity_pool` and the pool's filter",
            )
        }
        "topic" | "group" => Some("`forebay policy` writes the access rules that this pipeline needs"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn resolve(auth: Value) -> Result<Resolved, Vec<Wrong>> {
        let config = json!({ "bootstrap": ["pkc-1.confluent.cloud:9092"], "auth": auth });
        let config: ConfluentConfig = serde_json::from_value(config).expect("fits");
        config.resolve(Path::new("/nowhere"))
    }

    #[test]
    fn an_api_key_is_plain_and_oauth_is_a_token() {
        let resolved = resolve(json!({ "api_key": "ABC", "api_secret": "planted" })).expect("fits");
        assert_eq!(resolved.login.mechanism(), Some("PLAIN"));
        assert!(resolved.tls.is_some() && !format!("{resolved:?}").contains("planted"));
        let oauth = json!({ "oauth": { "token_url": "https://x/t", "client_id": "a", "client_secret": "planted",
            "logical_cluster": "lkc-1", "identity_pool": "pool-1" } });
        let resolved = resolve(oauth).expect("fits");
        assert_eq!(resolved.login.mechanism(), Some("OAUTHBEARER"));
        let shown = format!("{resolved:?}");
        assert!(
            shown.contains("lkc-1") && shown.contains("pool-1") && !shown.contains("planted"),
            "{shown}"
        );
    }

    #[test]
    fn half_a_key_and_two_ways_in_are_refused() {
        for (auth, says) in [
            (json!({}), "says nothing"),
            (json!({ "api_key": "ABC" }), "`api_secret` is missing"),
            (json!({ "api_secret": "planted" }), "`api_key` is missing"),
            (
                json!({ "api_key": "A", "oauth": { "token_url": "https://x/t", "client_id": "a", "client_secret": "b" } }),
                "says two things",
            ),
            (
                json!({ "oauth": { "token_url": "http://x/t", "client_id": "a", "client_secret": "b" } }),
                "clear text",
            ),
        ] {
            let all = resolve(auth).expect_err("wrong");
            assert!(
                all[0].message.contains(says) && !format!("{all:?}").contains("planted"),
                "{all:?}"
            );
        }
    }
}
