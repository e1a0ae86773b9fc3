//! The kind `google`: a cluster of Google Cloud's Managed Service for Apache Kafka. Data only: the proof that a further
//! Kafka-speaking cloud is one file.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use forebay_auth::google::Google;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::finding::Finding;
use crate::grants::Grants;
use crate::kind::Preset;
use crate::registry::SchemaRegistryConfig;
use crate::resolved::{AUTH_TIMEOUT, Bootstrap, Login, Resolved};
use crate::scalar::Scalar;
use crate::span::Span;
use crate::tls::CaConfig;
use crate::wrong::{Wrong, Wrongs};

/// A connector of kind `google`. Tokens come from the metadata server of the machine, the pod or the service it runs on.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GoogleConfig {
    /// The cluster's bootstrap address.
    #[schemars(length(min = 1), example = ["bootstrap.CLUSTER.REGION.managedkafka.PROJECT.cloud.goog:9092"])]
    pub bootstrap: Vec<String>,
    /// The service account whose token is asked for. The default is the machine's own.
    #[schemars(example = &"forebay@PROJECT.iam.gserviceaccount.com")]
    pub service_account: Option<String>,
    /// Who vouches for the brokers, where it is not a public authority.
    pub tls: Option<CaConfig>,
    /// The zone of this process: fetches then go to the nearest replica.
    pub client_rack: Option<String>,
    /// How long the metadata server, and a schema registry, may take at the start. The default is 30s.
    #[schemars(example = &"30s")]
    pub auth_timeout: Option<Span>,
    /// The schema registry that the connector's topics are written with.
    pub schema_registry: Option<SchemaRegistryConfig>,
    /// Raw librdkafka settings.
    #[serde(default)]
    pub client: BTreeMap<String, Scalar>,
}

impl Preset for GoogleConfig {
    fn resolve(&self, base: &Path) -> Result<Resolved, Vec<Wrong>> {
        let mut wrong = Wrongs::default();
        wrong.addresses(&self.bootstrap);
        let tls = wrong.of(CaConfig::trusted(self.tls.as_ref(), base));
        let google = Google::new(self.service_account.clone());
        let google = wrong.of(google.map_err(|e| vec![Wrong::new("service_account", e.to_string())]));
        let registry = wrong.of(SchemaRegistryConfig::of(self.schema_registry.as_ref(), base));
        wrong.end()?;
        Ok(Resolved {
            tls,
            login: google.map_or(Login::None, |google| Login::Token(Arc::new(google))),
            auth_timeout: self.auth_timeout.map_or(AUTH_TIMEOUT, |span| span.0),
            client_rack: self.client_rack.clone(),
            client: self.client.clone(),
            grants: Grants::GoogleIam {
                service_account: self.service_account.clone(),
            },
            advice,
            registry: registry.flatten(),
            ..Resolved::at(Bootstrap::Addresses(self.bootstrap.clone()))
        })
    }
}

fn advice(finding: &Finding) -> Option<&'static str> {
    match finding.step {
        "dns" => Some("the cluster's names resolve in the networks that it is connected to: run there"),
        "sasl" => {
            Some("the service account needs the role `roles/managedkafka.client` on the cluster's project")
        }
        _ => None,
    }
}
