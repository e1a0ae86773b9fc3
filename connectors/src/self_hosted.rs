//! The kind `kafka`: a cluster that is named by its brokers. Data only; what Forebay sets itself is refused with the reason.

use std::collections::BTreeMap;
use std::path::Path;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::advice;
use crate::grants::Grants;
use crate::kind::Preset;
use crate::registry::SchemaRegistryConfig;
use crate::resolved::{AUTH_TIMEOUT, Bootstrap, Login, Resolved};
use crate::sasl::SaslConfig;
use crate::scalar::Scalar;
use crate::span::Span;
use crate::tls::TlsConfig;
use crate::wrong::{Wrong, Wrongs};

/// A connector of kind `kafka`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KafkaConfig {
    /// `host:port` of some of the brokers.
    #[schemars(length(min = 1))]
    pub bootstrap: Vec<String>,
    /// Encrypts connections; `{}` trusts the system's authorities.
    pub tls: Option<TlsConfig>,
    /// Who this client says it is.
    pub sasl: Option<SaslConfig>,
    /// The rack or zone of this process: fetches then go to the nearest replica, where the brokers are set up for it.
    pub client_rack: Option<String>,
    /// Lets credentials travel unencrypted.
    #[serde(default)]
    pub allow_insecure: bool,
    /// How long an issuer of tokens, and a schema registry, may take at the start. The default is 30s.
    #[schemars(example = &"30s")]
    pub auth_timeout: Option<Span>,
    /// The schema registry that the connector's topics are written with.
    pub schema_registry: Option<SchemaRegistryConfig>,
    /// Raw librdkafka settings.
    #[serde(default)]
    pub client: BTreeMap<String, Scalar>,
}

impl Preset for KafkaConfig {
    fn resolve(&self, base: &Path) -> Result<Resolved, Vec<Wrong>> {
        let mut wrong = Wrongs::default();
        wrong.addresses(&self.bootstrap);
        let tls = self.tls.as_ref().and_then(|tls| wrong.of(tls.resolve(base)));
        let login = self.sasl.as_ref();
        let login = login.and_then(|sasl| wrong.of(sasl.resolve(base, self.allow_insecure)));
        if self.sasl.is_some() && self.tls.is_none() && !self.allow_insecure {
            let message =
                "credentials would travel in clear text: add `tls: {}`, or set `allow_insecure: true`";
            wrong.add("sasl", message);
        }
        let registry = wrong.of(SchemaRegistryConfig::of(self.schema_registry.as_ref(), base));
        wrong.end()?;
        Ok(Resolved {
            tls,
            login: login.unwrap_or(Login::None),
            auth_timeout: self.auth_timeout.map_or(AUTH_TIMEOUT, |span| span.0),
            client_rack: self.client_rack.clone(),
            client: self.client.clone(),
            grants: Grants::Acl {
                principal: self.principal(),
                looked_up: None,
            },
            advice: advice::self_hosted,
            registry: registry.flatten(),
            ..Resolved::at(Bootstrap::Addresses(self.bootstrap.clone()))
        })
    }
}

impl KafkaConfig {
    /// Whom brokers call this client, where the keys tell: a token names its own subject.
    fn principal(&self) -> Option<String> {
        let sasl = self.sasl.as_ref()?;
        sasl.username.as_ref().map(|name| format!("User:{name}"))
    }
}
