//! Asks AWS for the brokers of a cluster (GetBootstrapBrokers). The answer is kept beside other caches, for a start while
//! AWS does not answer.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_kafka::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_kafka::operation::get_bootstrap_brokers::{GetBootstrapBrokersError, GetBootstrapBrokersOutput};
use forebay_auth::aws::Aws;
use forebay_auth::{AuthError, SoFar, quietly};

use super::Network;
use super::arn::Arn;
use crate::resolved::Lookup;

/// The brokers of a cluster, for one way in.
#[derive(Clone, Debug)]
pub(super) struct Brokers {
    pub(super) arn: Arn,
    /// `iam`, `scram`, `mtls` or `none`.
    pub(super) auth: &'static str,
    pub(super) network: Network,
    pub(super) aws: Arc<Aws>,
}

/// How an endpoint is called in the pipeline file, and what AWS says it is.
type Row<'a> = (&'static str, Network, Option<&'a str>);

#[async_trait]
impl Lookup for Brokers {
    async fn addresses(&self) -> Result<Vec<String>, AuthError> {
        let config = self.aws.sdk_config().await?;
        let client = aws_sdk_kafka::Client::new(&config);
        let answer = client.get_bootstrap_brokers().cluster_arn(&self.arn.text).send();
        let answer = quietly(answer).await;
        let answer = answer.map_err(|e| self.failed(e))?;
        let rows = rows(&answer);
        let found = rows
            .iter()
            .find(|(auth, network, _)| self.is_for(auth) && *network == self.network)
            .and_then(|(_, _, brokers)| *brokers)
            .filter(|brokers| !brokers.is_empty())
            .ok_or_else(|| self.absent(&rows))?;
        let addresses: Vec<String> = found.split(',').map(|one| one.trim().to_owned()).collect();
        self.keep(&addresses);
        Ok(addresses)
    }

    fn so_far(&self) -> SoFar {
        self.aws.so_far()
    }

    fn last(&self) -> Option<Vec<String>> {
        let text = fs::read_to_string(self.kept()?).ok()?;
        let addresses: Vec<String> = text.lines().map(str::to_owned).collect();
        (!addresses.is_empty()).then_some(addresses)
    }

    fn what(&self) -> String {
        format!("the brokers of {}", self.arn.text)
    }
}

fn rows(answer: &GetBootstrapBrokersOutput) -> [Row<'_>; 9] {
    use Network::{Private, Public, Vpc};
    [
        ("iam", Private, answer.bootstrap_broker_string_sasl_iam()),
        ("iam", Public, answer.bootstrap_broker_string_public_sasl_iam()),
        (
            "iam",
            Vpc,
            answer.bootstrap_broker_string_vpc_connectivity_sasl_iam(),
        ),
        ("scram", Private, answer.bootstrap_broker_string_sasl_scram()),
        (
            "scram",
            Public,
            answer.bootstrap_broker_string_public_sasl_scram(),
        ),
        (
            "scram",
            Vpc,
            answer.bootstrap_broker_string_vpc_connectivity_sasl_scram(),
        ),
        ("mtls", Private, answer.bootstrap_broker_string_tls()),
        ("mtls", Public, answer.bootstrap_broker_string_public_tls()),
        ("mtls", Vpc, answer.bootstrap_broker_string_vpc_connectivity_tls()),
    ]
}

impl Network {
    fn name(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::Public => "public",
            Self::Vpc => "vpc",
        }
    }
}

impl Brokers {
    /// One endpoint serves TLS with a client certificate and without.
    fn is_for(&self, auth: &str) -> bool {
        self.auth == auth || (self.auth == "none" && auth == "mtls")
    }

    /// The cluster has no such endpoint.
    fn absent(&self, rows: &[Row<'_>]) -> AuthError {
        let there: Vec<String> = rows
            .iter()
            .filter(|(_, _, brokers)| brokers.is_some_and(|brokers| !brokers.is_empty()))
            .map(|(auth, network, _)| format!("{auth} ({})", network.name()))
            .collect();
        let there = if there.is_empty() {
            "it has none that Forebay can use".to_owned()
        } else {
            format!("it has: {}", there.join(", "))
        };
        AuthError::refused(format!(
            "look up {}: the cluster has no endpoint for `auth: {}` on `network: {}`; {there}; turn it on in the cluster's \
             security settings, or change `auth` or `network`",
            self.what(),
            self.auth,
            self.network.name()
        ))
    }

    /// What AWS said instead. Its codes are fixed words; its texts may name an identity, and are shown.
    fn failed(&self, error: SdkError<GetBootstrapBrokersError>) -> AuthError {
        let status = error.raw_response().map(|response| response.status().as_u16());
        let code = error.code().unwrap_or_default().to_owned();
        let what = self.what();
        let said = match status {
            Some(status) if code.is_empty() => format!("look up {what}: AWS answered {status}"),
            Some(status) => format!("look up {what}: AWS answered {status} {code}"),
            None => format!("look up {what}: AWS did not answer"),
        };
        let made = match status {
            Some(403) => AuthError::refused(format!(
                "{said}; the identity needs `kafka:GetBootstrapBrokers` (`forebay policy` writes the whole policy), or set \
                 `bootstrap`"
            )),
            Some(404) => AuthError::refused(format!("{said}; check `cluster_arn`")),
            Some(400) => AuthError::refused(format!("{said}; check `cluster_arn` and its region")),
            Some(_) => AuthError::unavailable(said),
            None => AuthError::unavailable(format!(
                "{said}; without a way to AWS's own service, set `bootstrap`"
            )),
        };
        match error.message() {
            Some(text) => made.caused_by(&std::io::Error::other(text.to_owned())),
            None => made.caused_by(&error),
        }
    }

    fn kept(&self) -> Option<PathBuf> {
        let folder = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        let folder = folder.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))?;
        let plain = |c: char| {
            if c.is_ascii_alphanumeric() || c == '-' {
                c
            } else {
                '_'
            }
        };
        let name: String = self.arn.text.chars().map(plain).collect();
        let name = format!("{name}.{}.{}", self.auth, self.network.name());
        Some(folder.join("forebay/msk").join(name))
    }

    /// A cache that cannot be written is none: the next start asks again.
    fn keep(&self, addresses: &[String]) {
        let Some(path) = self.kept() else { return };
        let written = path
            .parent()
            .map_or(Ok(()), fs::create_dir_all)
            .and_then(|()| fs::write(&path, addresses.join("\n")));
        if let Err(error) = written {
            tracing::debug!(%error, path = %path.display(), "the brokers' addresses are not kept");
        }
    }
}
