//! The kind `msk`: a cluster of Amazon MSK, by its ARN or its brokers. Data only; how tokens are signed stands in `auth`, and
//! the one call to the cloud in `lookup`.

mod advice;
mod arn;
mod lookup;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use forebay_auth::aws::{Aws, Iam};
use forebay_auth::{Mechanism, Secret};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;

use crate::grants::Grants;
use crate::kind::Preset;
use crate::one_of::OneOf;
use crate::registry::SchemaRegistryConfig;
use crate::resolved::{AUTH_TIMEOUT, Bootstrap, Login, Resolved, Setting};
use crate::scalar::Scalar;
use crate::span::Span;
use crate::tls::{CaConfig, Tls, TlsConfig};
use crate::wrong::{Wrong, Wrongs};
use arn::Arn;
use lookup::Brokers;

/// A connector of kind `msk`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MskConfig {
    /// The cluster's ARN: AWS is asked for its brokers at the start.
    #[schemars(example = &"arn:aws:kafka:eu-west-1:111122223333:cluster/prod/abcd1234-5678-90ab-cdef-000011112222-7")]
    pub cluster_arn: Option<String>,
    /// `host:port` of some of the brokers, instead of asking AWS for them.
    #[schemars(length(min = 1), example = ["b-1.prod.abc123.c7.kafka.eu-west-1.amazonaws.com:9098"])]
    pub bootstrap: Option<Vec<String>>,
    /// How this client proves who it is.
    pub auth: MskAuth,
    /// Which of the cluster's endpoints AWS is asked for: `private` inside its own network, `public` over the internet, `vpc` from
    /// another network (multi-VPC private connectivity). The default is `private`.
    #[serde(default)]
    pub network: Network,
    /// The cluster's region, where neither `cluster_arn` nor a broker's name tells it.
    #[schemars(example = &"eu-west-1")]
    pub region: Option<String>,
    /// Who vouches for the brokers, where it is not Amazon.
    pub tls: Option<CaConfig>,
    /// The availability zone's id of this process, such as `euw1-az1`: fetches then go to the nearest replica.
    pub client_rack: Option<String>,
    /// How long credentials, AWS's answers and a schema registry may take at the start. The default is 30s.
    #[schemars(example = &"30s")]
    pub auth_timeout: Option<Span>,
    /// The schema registry that the connector's topics are written with.
    pub schema_registry: Option<SchemaRegistryConfig>,
    /// Raw librdkafka settings.
    #[serde(default)]
    pub client: BTreeMap<String, Scalar>,
}

/// How a client of MSK proves who it is.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MskAuth {
    Iam(IamConfig),
    Scram(ScramConfig),
    Mtls(MtlsConfig),
    None,
}

impl JsonSchema for MskAuth {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "MskAuth".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        OneOf::new(generator)
            .key::<IamConfig>("iam", "AWS credentials: `{}` takes those of this process.")
            .key::<ScramConfig>(
                "scram",
                "A user and a password of AWS Secrets Manager (SCRAM-SHA-512).",
            )
            .key::<MtlsConfig>("mtls", "A client certificate.")
            .or_word("none", "iam, scram, mtls or none")
    }
}

/// Which AWS credentials to use. All keys are optional: without any, those that this process finds, in the order of AWS's own
/// tools.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IamConfig {
    /// A profile of AWS's configuration files, and no other source.
    #[schemars(example = &"production")]
    pub profile: Option<String>,
    /// A role to assume with those credentials.
    #[schemars(example = &"arn:aws:iam::111122223333:role/forebay")]
    pub role_arn: Option<String>,
    /// The name of the assumed role's session. It stays the same as long as a pipeline runs: brokers refuse a client whose
    /// name changes. The default is `forebay`.
    pub session_name: Option<String>,
    /// What the role's trust policy may ask for.
    pub external_id: Option<String>,
}

/// A user of SCRAM-SHA-512.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScramConfig {
    pub username: String,
    pub password: Secret,
}

/// A client certificate that the cluster's private authority has signed.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MtlsConfig {
    /// The certificate with its chain: a PEM file, or the PEM text itself.
    pub certificate: String,
    /// The key of `certificate`: a PEM file, or the PEM text itself.
    pub key: Secret,
    /// Opens an encrypted `key`.
    pub key_password: Option<Secret>,
}

/// Which endpoints of a cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Network {
    #[default]
    Private,
    Public,
    Vpc,
}

impl MskAuth {
    fn name(&self) -> &'static str {
        match self {
            Self::Iam(_) => "iam",
            Self::Scram(_) => "scram",
            Self::Mtls(_) => "mtls",
            Self::None => "none",
        }
    }
}

/// What MSK needs for IAM.
const IAM: &[Setting] = &[
    Setting::new(
        "reconnect.backoff.ms",
        "1000",
        "brokers of MSK take few new connections a second with IAM (4 on t3.small)",
    ),
    Setting::new(
        "reconnect.backoff.max.ms",
        "10000",
        "brokers of MSK take few new connections a second with IAM (4 on t3.small)",
    ),
];

/// What MSK needs in any case.
const ALWAYS: &[Setting] = &[Setting::new(
    "socket.keepalive.enable",
    "true",
    "load balancers in front of brokers drop connections that are silent",
)];

impl Preset for MskConfig {
    fn resolve(&self, base: &Path) -> Result<Resolved, Vec<Wrong>> {
        let mut wrong = Wrongs::default();
        let arn = self.cluster_arn.as_deref().and_then(|text| {
            let arn = Arn::parse(text);
            if arn.is_none() {
                wrong.add("cluster_arn", arn::EXPECTED);
            }
            arn
        });
        let bootstrap = self.bootstrap.as_deref().unwrap_or_default();
        wrong.addresses(bootstrap);
        self.ports(bootstrap, &mut wrong);
        if self.cluster_arn.is_none() && self.bootstrap.is_none() {
            wrong.add("", "the cluster is not named: add `cluster_arn`, or `bootstrap`");
        }
        let region = self.region(arn.as_ref(), bootstrap, &mut wrong);
        self.serverless(arn.as_ref(), bootstrap, &mut wrong);
        let tls = self.trusted(base, &mut wrong);
        let registry = wrong.of(SchemaRegistryConfig::of(self.schema_registry.as_ref(), base));
        wrong.end()?;
        let region = region.unwrap_or_default();
        let (login, iam) = self.login(&region);
        let bootstrap = match (arn, &self.bootstrap) {
            (Some(arn), None) => Bootstrap::Lookup(Arc::new(Brokers {
                arn,
                auth: self.auth.name(),
                network: self.network,
                // The control plane is asked with the same credentials, whatever the brokers are told.
                aws: iam.unwrap_or_else(|| Arc::new(Aws::new(Iam::default(), &region))),
            })),
            (_, given) => Bootstrap::Addresses(given.clone().unwrap_or_default()),
        };
        let more = matches!(self.auth, MskAuth::Iam(_))
            .then_some(IAM)
            .unwrap_or_default();
        Ok(Resolved {
            tls,
            login,
            auth_timeout: self.auth_timeout.map_or(AUTH_TIMEOUT, |span| span.0),
            client_rack: self.client_rack.clone(),
            preset: ALWAYS.iter().chain(more).cloned().collect(),
            client: self.client.clone(),
            grants: self.grants(region),
            advice: advice::of,
            registry: registry.flatten(),
            ..Resolved::at(bootstrap)
        })
    }
}

impl MskConfig {
    fn login(&self, region: &str) -> (Login, Option<Arc<Aws>>) {
        match &self.auth {
            MskAuth::Iam(iam) => {
                let iam = Iam {
                    profile: iam.profile.clone(),
                    role_arn: iam.role_arn.clone(),
                    session_name: iam.session_name.clone(),
                    external_id: iam.external_id.clone(),
                };
                let aws = Arc::new(Aws::new(iam, region));
                (Login::Token(Arc::<Aws>::clone(&aws)), Some(aws))
            }
            MskAuth::Scram(ScramConfig { username, password }) => {
                let login = Login::Password {
                    mechanism: Mechanism::ScramSha512,
                    username: username.clone(),
                    password: password.clone(),
                };
                (login, None)
            }
            MskAuth::Mtls(_) | MskAuth::None => (Login::None, None),
        }
    }

    fn grants(&self, region: String) -> Grants {
        let acl = |principal| Grants::Acl {
            principal,
            looked_up: self.cluster_arn.clone().filter(|_| self.bootstrap.is_none()),
        };
        match &self.auth {
            MskAuth::Iam(_) => Grants::Iam {
                cluster_arn: self.cluster_arn.clone(),
                region,
                looked_up: self.bootstrap.is_none(),
            },
            MskAuth::Scram(scram) => acl(Some(format!("User:{}", scram.username))),
            MskAuth::Mtls(_) => acl(None),
            MskAuth::None => acl(Some("User:ANONYMOUS".into())),
        }
    }

    /// TLS, with the client's certificate where it has one.
    fn trusted(&self, base: &Path, wrong: &mut Wrongs) -> Option<Tls> {
        let MskAuth::Mtls(mtls) = &self.auth else {
            return wrong.of(CaConfig::trusted(self.tls.as_ref(), base));
        };
        let config = TlsConfig {
            ca: self.tls.as_ref().and_then(|tls| tls.ca.clone()),
            certificate: Some(mtls.certificate.clone()),
            key: Some(mtls.key.clone()),
            key_password: mtls.key_password.clone(),
            check_host_name: true,
        };
        let at_own_place = |w: Wrong| match w.key.strip_prefix("tls/") {
            Some(key) if key != "ca" => Wrong::new(format!("auth/mtls/{key}"), w.message),
            _ => w,
        };
        let resolved = config.resolve(base);
        wrong.of(resolved.map_err(|all| all.into_iter().map(at_own_place).collect()))
    }

    fn region(&self, arn: Option<&Arn>, bootstrap: &[String], wrong: &mut Wrongs) -> Option<String> {
        let told = arn
            .map(|arn| arn.region.clone())
            .or_else(|| bootstrap.iter().find_map(|address| arn::region_of(address)));
        match (&self.region, told) {
            (Some(own), Some(told)) if *own != told => {
                let message = format!(
                    "the cluster is in `{told}`, as its name says: leave `region` out, or correct the other"
                );
                wrong.add("region", message);
                None
            }
            (Some(own), _) => Some(own.clone()),
            (None, Some(told)) => Some(told),
            (None, None) if matches!(self.auth, MskAuth::Iam(_)) && self.bootstrap.is_some() => {
                let message = "the names of these brokers do not tell the cluster's region, which IAM tokens are made for: \
                               add `region`";
                wrong.add("", message);
                None
            }
            _ => None,
        }
    }

    /// The ports of MSK's listeners are fixed: one that belongs to another way in is a mistake.
    fn ports(&self, bootstrap: &[String], wrong: &mut Wrongs) {
        for (i, address) in bootstrap.iter().enumerate() {
            let Some((host, port)) = address.rsplit_once(':') else {
                continue;
            };
            let is_aws = host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn");
            let listener = match port {
                "9092" => "plaintext",
                "9094" | "9194" => "TLS",
                "9096" | "9196" => "SCRAM",
                "9098" | "9198" => "IAM",
                _ => continue,
            };
            let wanted = match self.auth {
                MskAuth::Iam(_) => ("IAM", "9098, or 9198 for public access"),
                MskAuth::Scram(_) => ("SCRAM", "9096, or 9196 for public access"),
                MskAuth::Mtls(_) | MskAuth::None => ("TLS", "9094, or 9194 for public access"),
            };
            if is_aws && listener != wanted.0 {
                let auth = self.auth.name();
                let message = format!(
                    "port {port} is MSK's {listener} listener; with `auth: {auth}` the port is {}",
                    wanted.1
                );
                wrong.add(format!("bootstrap/{i}"), message);
            }
        }
    }

    fn serverless(&self, arn: Option<&Arn>, bootstrap: &[String], wrong: &mut Wrongs) {
        let serverless = arn.is_some_and(Arn::is_serverless)
            || bootstrap
                .iter()
                .any(|address| address.contains(".kafka-serverless."));
        if serverless && !matches!(self.auth, MskAuth::Iam(_)) {
            wrong.add(
                "auth",
                "a serverless cluster of MSK takes IAM only: write `auth: { iam: {} }`",
            );
        }
        if serverless && self.network == Network::Public {
            wrong.add(
                "network",
                "a serverless cluster of MSK has no public endpoint: use `private`",
            );
        }
    }
}

#[cfg(test)]
mod tests;
