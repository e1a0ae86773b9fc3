//! The kind `event-hubs`: a namespace of Azure Event Hubs, through its Kafka endpoint. Data only: Microsoft's documented client
//! settings, and what its tiers do not do, each with the reason.

mod connection_string;
mod settings;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use forebay_auth::azure::{Azure, AzureLogin, scope_of};
use forebay_auth::{Mechanism, Secret};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;

use crate::finding::Finding;
use crate::grants::Grants;
use crate::kind::Preset;
use crate::one_of::OneOf;
use crate::registry::SchemaRegistryConfig;
use crate::resolved::{AUTH_TIMEOUT, Bootstrap, Limits, Login, Resolved};
use crate::scalar::Scalar;
use crate::span::Span;
use crate::tls::CaConfig;
use crate::wrong::{Wrong, Wrongs};
use connection_string::ConnectionString;

/// A connector of kind `event-hubs`. A topic is an event hub; consumer groups belong to the namespace.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EventHubsConfig {
    /// The namespace, by its name or its whole host. A connection string names it itself.
    #[schemars(example = &"contoso")]
    pub namespace: Option<String>,
    /// `host:port` of a private endpoint, where it is not the namespace's own. Tokens are made for the namespace all the same.
    #[schemars(length(min = 1), example = ["contoso.servicebus.windows.net:9093"])]
    pub bootstrap: Option<Vec<String>>,
    /// How this client proves who it is.
    pub auth: EventHubsAuth,
    /// The namespace's tier, for what `check` may promise. The default is `standard`.
    #[serde(default)]
    pub tier: Tier,
    /// Who vouches for the brokers, where it is not a public authority.
    pub tls: Option<CaConfig>,
    /// How long credentials, and a schema registry, may take at the start. The default is 30s.
    #[schemars(example = &"30s")]
    pub auth_timeout: Option<Span>,
    /// The schema registry that the connector's topics are written with.
    pub schema_registry: Option<SchemaRegistryConfig>,
    /// Raw librdkafka settings.
    #[serde(default)]
    pub client: BTreeMap<String, Scalar>,
}

/// The tiers of Event Hubs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    Basic,
    #[default]
    Standard,
    Premium,
    Dedicated,
}

/// How a client of Event Hubs proves who it is.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventHubsAuth {
    ConnectionString(Secret),
    ManagedIdentity(ManagedIdentityConfig),
    WorkloadIdentity(Nothing),
    ClientSecret(ClientSecretConfig),
    ClientCertificate(ClientCertificateConfig),
    AzureCli(Nothing),
    Default(Nothing),
}

impl JsonSchema for EventHubsAuth {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "EventHubsAuth".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        OneOf::new(generator)
            .key::<Secret>("connection_string", "The connection string of a shared access policy.")
            .key::<ManagedIdentityConfig>("managed_identity", "The identity of the machine, app or pod.")
            .key::<Nothing>("workload_identity", "The federated identity of a pod of Kubernetes.")
            .key::<ClientSecretConfig>("client_secret", "An app registration with a secret.")
            .key::<ClientCertificateConfig>("client_certificate", "An app registration with a certificate.")
            .key::<Nothing>("azure_cli", "Whoever is logged in to the Azure CLI.")
            .key::<Nothing>(
                "default",
                "The first that answers: client secret from the environment, workload identity, managed identity, Azure CLI.",
            )
            .end("connection_string, managed_identity, workload_identity, client_secret, client_certificate, azure_cli or default")
    }
}

/// A way in without options: `{}`.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// Which managed identity.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ManagedIdentityConfig {
    /// The client id of a user-assigned identity. The default is the system's own.
    pub client_id: Option<String>,
}

/// An app registration with a secret.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientSecretConfig {
    /// The directory's id.
    pub tenant: String,
    /// The app's id.
    pub client_id: String,
    /// The app's secret: its value, not its id.
    pub secret: Secret,
}

/// An app registration with a certificate.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientCertificateConfig {
    /// The directory's id.
    pub tenant: String,
    /// The app's id.
    pub client_id: String,
    /// The certificate with its key, as PEM or PKCS#12.
    pub path: PathBuf,
    /// Opens an encrypted key.
    pub password: Option<Secret>,
}

/// Where a namespace's name stands alone.
const PUBLIC_CLOUD: &str = "servicebus.windows.net";

impl Preset for EventHubsConfig {
    fn resolve(&self, base: &Path) -> Result<Resolved, Vec<Wrong>> {
        let mut wrong = Wrongs::default();
        if self.tier == Tier::Basic {
            wrong.add(
                "tier",
                "the Basic tier of Event Hubs has no Kafka endpoint: Standard is the smallest that has",
            );
        }
        wrong.addresses(self.bootstrap.as_deref().unwrap_or_default());
        let string = match &self.auth {
            EventHubsAuth::ConnectionString(text) => {
                let string = ConnectionString::parse(text);
                wrong.of(string.map_err(|message| vec![Wrong::new("auth/connection_string", message)]))
            }
            _ => None,
        };
        let host = self.host(string.as_ref(), &mut wrong);
        let login = host
            .as_deref()
            .and_then(|host| wrong.of(self.auth.login(host, base)));
        let tls = wrong.of(CaConfig::trusted(self.tls.as_ref(), base));
        let registry = wrong.of(SchemaRegistryConfig::of(self.schema_registry.as_ref(), base));
        wrong.end()?;
        let host = host.unwrap_or_default();
        let bootstrap = self.bootstrap.clone();
        let bootstrap = bootstrap.unwrap_or_else(|| vec![format!("{host}:9093")]);
        let entity = string.as_ref().and_then(|string| string.entity.clone());
        Ok(Resolved {
            tls,
            login: login.unwrap_or(Login::None),
            auth_timeout: self.auth_timeout.map_or(AUTH_TIMEOUT, |span| span.0),
            preset: settings::SETTINGS.to_vec(),
            client: self.client.clone(),
            limits: self.limits(entity),
            grants: grants(host, string),
            advice,
            registry: registry.flatten(),
            ..Resolved::at(Bootstrap::Addresses(bootstrap))
        })
    }
}

fn grants(namespace: String, string: Option<ConnectionString>) -> Grants {
    match string {
        Some(string) => Grants::SharedAccess {
            namespace,
            policy: string.policy,
        },
        None => Grants::Roles { namespace },
    }
}

impl EventHubsConfig {
    /// The namespace's whole host.
    fn host(&self, string: Option<&ConnectionString>, wrong: &mut Wrongs) -> Option<String> {
        let own = self.namespace.as_deref().map(|name| {
            let name = name.trim_end_matches('/').trim_start_matches("sb://");
            match name.contains('.') {
                true => name.to_ascii_lowercase(),
                false => format!("{}.{PUBLIC_CLOUD}", name.to_ascii_lowercase()),
            }
        });
        match (own, string) {
            (Some(own), Some(string)) if own != string.host => {
                let message = format!(
                    "the connection string is for `{}`: leave `namespace` out, or correct it",
                    string.host
                );
                wrong.add("namespace", message);
                None
            }
            (_, Some(string)) => Some(string.host.clone()),
            (Some(own), None) if own.contains("://") => {
                let scheme = own.split("://").next().unwrap_or_default();
                let message =
                    format!("write the namespace's name or host alone, without `{scheme}://` in front of it");
                wrong.add("namespace", message);
                None
            }
            (Some(own), None) if own.contains(':') => {
                wrong.add(
                    "namespace",
                    "a name or a host without a port; `bootstrap` takes an address",
                );
                None
            }
            (Some(own), None) => Some(own),
            (None, None) if matches!(self.auth, EventHubsAuth::ConnectionString(_)) => None,
            (None, None) => {
                wrong.add("", "the key `namespace` is missing: tokens are made for it");
                None
            }
        }
    }

    fn limits(&self, entity: Option<String>) -> Limits {
        let large = matches!(self.tier, Tier::Premium | Tier::Dedicated);
        Limits {
            compressions: Some(if large {
                settings::GZIP
            } else {
                settings::NO_COMPRESSION
            }),
            group_protocols: Some(settings::CLASSIC_GROUPS),
            commit_every: Some(settings::COMMITS),
            topic: entity.map(|entity| {
                (
                    entity,
                    "the connection string's `EntityPath` is for this event hub alone",
                )
            }),
            creates_no_topics: Some(
                "event hubs are made in Azure's portal, with `az eventhubs eventhub create`, or by a template",
            ),
        }
    }
}

impl EventHubsAuth {
    fn login(&self, host: &str, base: &Path) -> Result<Login, Vec<Wrong>> {
        let (key, login) = match self {
            Self::ConnectionString(text) => {
                return Ok(Login::Password {
                    mechanism: Mechanism::Plain,
                    username: "$ConnectionString".into(),
                    password: text.clone(),
                });
            }
            Self::ManagedIdentity(own) => {
                let client_id = own.client_id.clone();
                ("managed_identity", AzureLogin::ManagedIdentity { client_id })
            }
            Self::WorkloadIdentity(_) => ("workload_identity", AzureLogin::WorkloadIdentity),
            Self::AzureCli(_) => ("azure_cli", AzureLogin::AzureCli),
            Self::Default(_) => ("default", AzureLogin::Default),
            Self::ClientSecret(own) => {
                let login = AzureLogin::ClientSecret {
                    tenant: own.tenant.clone(),
                    client_id: own.client_id.clone(),
                    secret: own.secret.clone(),
                };
                ("client_secret", login)
            }
            Self::ClientCertificate(own) => {
                let login = AzureLogin::ClientCertificate {
                    tenant: own.tenant.clone(),
                    client_id: own.client_id.clone(),
                    path: base.join(&own.path),
                    password: own.password.clone(),
                };
                ("client_certificate", login)
            }
        };
        Azure::new(login, scope_of(host))
            .map(|azure| Login::Token(Arc::new(azure)))
            .map_err(|e| vec![Wrong::new(format!("auth/{key}"), e.to_string())])
    }
}

fn advice(finding: &Finding) -> Option<&'static str> {
    match finding.step {
        "dns" => Some(
            "check `namespace`; behind a private endpoint its name resolves to a private address in the connected network only",
        ),
        "tcp" => Some(
            "the Kafka endpoint is port 9093: open it in the firewall, and let this address or network in on the namespace",
        ),
        "kafka" if finding.found.contains("closed the connection") => Some(
            "the Basic tier has no Kafka endpoint: look at the namespace's tier; Standard is the smallest that has one",
        ),
        "sasl" => Some(
            "a connection string must be whole, with its key, and of this namespace; an identity needs a role such as Azure Event \
             Hubs Data Receiver or Data Sender (`forebay policy` names them), which takes some minutes; the Basic tier has no \
             Kafka endpoint",
        ),
        "topic" => Some("the event hub must exist in this namespace, and the policy or role must reach it"),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
