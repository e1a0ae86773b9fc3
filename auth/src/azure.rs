//! Azure: Entra tokens for the Kafka endpoint of Event Hubs. Must never quote an answer: it may hold the token.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use azure_core::cloud::{CloudConfiguration, CustomConfiguration};
use azure_core::credentials::{Secret as AzureSecret, SecretBytes, TokenCredential};
use azure_core::error::ErrorKind;
use azure_core::http::{ClientOptions, RetryOptions, Transport};
use azure_identity::{
    AzureCliCredential, ClientAssertionCredentialOptions, ClientCertificateCredential,
    ClientCertificateCredentialOptions, ClientSecretCredential, ClientSecretCredentialOptions,
    ManagedIdentityCredential, ManagedIdentityCredentialOptions, UserAssignedId, WorkloadIdentityCredential,
    WorkloadIdentityCredentialOptions,
};

use crate::clock::Clock;
use crate::error::with_causes;
use crate::jwt::Claims;
use crate::so_far::Search;
use crate::{AuthError, AuthKind, Secret, Skew, SoFar, Token, TokenProvider, quietly};
use dated::Dated;

mod certificate;
mod dated;
mod refusal;

/// In a chain a machine without a managed identity must not hold up the sources behind it.
const MANAGED_IDENTITY_WITHIN: Duration = Duration::from_secs(8);

const CONNECT_WITHIN: Duration = Duration::from_secs(20);

/// How to prove who this is.
#[derive(Clone, Debug)]
pub enum AzureLogin {
    /// The identity of the machine, app or pod; a user-assigned one by its client id.
    ManagedIdentity { client_id: Option<String> },
    /// The federated identity of a pod, as AKS sets it up in the environment.
    WorkloadIdentity,
    ClientSecret {
        tenant: String,
        client_id: String,
        secret: Secret,
    },
    /// A certificate with its key, as PEM or PKCS#12.
    ClientCertificate {
        tenant: String,
        client_id: String,
        path: PathBuf,
        password: Option<Secret>,
    },
    /// Whoever is logged in to the Azure CLI.
    AzureCli,
    /// The first that answers: client secret in the environment, workload identity, managed identity, Azure CLI.
    Default,
}

/// Tokens for one scope.
pub struct Azure {
    scope: String,
    /// In the order in which they are asked.
    sources: Vec<Source>,
    search: Search,
    clock: Clock,
}

struct Source {
    name: &'static str,
    /// What could be set up, or why not.
    credential: Result<Arc<dyn TokenCredential>, String>,
    within: Option<Duration>,
}

impl fmt::Debug for Azure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.sources.iter().map(|source| source.name).collect();
        f.debug_struct("Azure")
            .field("scope", &self.scope)
            .field("sources", &names)
            .finish()
    }
}

/// What a token for a namespace is asked for; `namespace` is its whole host.
pub fn scope_of(namespace: &str) -> String {
    format!("https://{namespace}/.default")
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The authority of the cloud that a scope belongs to.
fn authority(scope: &str) -> &'static str {
    if scope.contains(".usgovcloudapi.net") {
        "https://login.microsoftonline.us"
    } else if scope.contains(".chinacloudapi.cn") {
        "https://login.chinacloudapi.cn"
    } else {
        "https://login.microsoftonline.com"
    }
}

/// How a source is asked. AZURE_AUTHORITY_HOST goes over the scope's authority.
fn options(scope: &str, clock: &Clock, way: Way) -> Result<ClientOptions, AuthError> {
    let mut cloud = CustomConfiguration::default();
    cloud.authority_host = variable("AZURE_AUTHORITY_HOST").unwrap_or_else(|| authority(scope).into());
    // An answer may take as long as whoever asks waits for it: some sources are slow.
    let client = reqwest::Client::builder()
        .connect_timeout(CONNECT_WITHIN)
        .redirect(reqwest::redirect::Policy::none());
    let client = match way {
        Way::OnThisMachine => client.no_proxy(),
        Way::OverTheNetwork => client,
    };
    let client = client
        .build()
        .map_err(|e| AuthError::refused("set up a client of Azure's token services").caused_by(&e))?;
    Ok(ClientOptions {
        cloud: Some(Arc::new(CloudConfiguration::Custom(cloud))),
        // Whoever asks for tokens asks again, and says so.
        retry: RetryOptions::none(),
        per_try_policies: vec![Arc::new(Dated(clock.clone()))],
        transport: Some(Transport::new(Arc::new(client))),
        ..ClientOptions::default()
    })
}

/// Where a source is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// No proxy leads there.
    OnThisMachine,
    OverTheNetwork,
}

impl Azure {
    /// Tokens for `scope`; asks nobody yet.
    ///
    /// # Errors
    /// Where what is named cannot be used: an empty id, a certificate that is none.
    pub fn new(login: AzureLogin, scope: String) -> Result<Self, AuthError> {
        let clock = Clock::default();
        let sources = match login {
            AzureLogin::Default => chain(&scope, &clock),
            one => {
                let source = source(one, &scope, &clock)?;
                if let Err(reason) = &source.credential {
                    return Err(AuthError::refused(format!("use {}: {reason}", source.name)));
                }
                vec![source]
            }
        };
        Ok(Self {
            scope,
            sources,
            search: Search::default(),
            clock,
        })
    }
}

/// The sources of `default`, those that are not set up with the reason.
fn chain(scope: &str, clock: &Clock) -> Vec<Source> {
    let from_environment = match (
        variable("AZURE_TENANT_ID"),
        variable("AZURE_CLIENT_ID"),
        variable("AZURE_CLIENT_SECRET"),
    ) {
        (Some(tenant), Some(client_id), Some(secret)) => source(
            AzureLogin::ClientSecret {
                tenant,
                client_id,
                secret: secret.into(),
            },
            scope,
            clock,
        ),
        _ => Ok(Source {
            name: "client secret",
            credential: Err(
                "AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET are not all set".into(),
            ),
            within: None,
        }),
    };
    let managed = AzureLogin::ManagedIdentity {
        client_id: variable("AZURE_CLIENT_ID"),
    };
    let all = [
        from_environment,
        source(AzureLogin::WorkloadIdentity, scope, clock),
        source(managed, scope, clock),
        source(AzureLogin::AzureCli, scope, clock),
    ];
    let mut all: Vec<Source> = all.into_iter().flatten().collect();
    for source in &mut all {
        if source.name == "managed identity" && variable("IDENTITY_ENDPOINT").is_none() {
            source.within = Some(MANAGED_IDENTITY_WITHIN);
        }
    }
    all
}

/// One way in.
fn source(login: AzureLogin, scope: &str, clock: &Clock) -> Result<Source, AuthError> {
    let way = match login {
        AzureLogin::ManagedIdentity { .. } => Way::OnThisMachine,
        _ => Way::OverTheNetwork,
    };
    let client_options = options(scope, clock, way)?;
    let (name, made): (_, azure_core::Result<Arc<dyn TokenCredential>>) = match login {
        AzureLogin::ManagedIdentity { client_id } => {
            let options = ManagedIdentityCredentialOptions {
                user_assigned_id: client_id.map(UserAssignedId::ClientId),
                client_options,
            };
            let made = ManagedIdentityCredential::new(Some(options));
            (
                "managed identity",
                made.map(|one| one as Arc<dyn TokenCredential>),
            )
        }
        AzureLogin::WorkloadIdentity => {
            let options = WorkloadIdentityCredentialOptions {
                credential_options: ClientAssertionCredentialOptions { client_options },
                ..WorkloadIdentityCredentialOptions::default()
            };
            let made = WorkloadIdentityCredential::new(Some(options));
            (
                "workload identity",
                made.map(|one| one as Arc<dyn TokenCredential>),
            )
        }
        AzureLogin::ClientSecret {
            tenant,
            client_id,
            secret,
        } => {
            let options = ClientSecretCredentialOptions { client_options };
            let secret = AzureSecret::new(secret.expose().to_owned());
            let made = ClientSecretCredential::new(&tenant, client_id, secret, Some(options));
            ("client secret", made.map(|one| one as Arc<dyn TokenCredential>))
        }
        AzureLogin::ClientCertificate {
            tenant,
            client_id,
            path,
            password,
        } => {
            let bytes = certificate::read(&path, password.as_ref())?;
            let options = ClientCertificateCredentialOptions {
                client_options,
                ..ClientCertificateCredentialOptions::default()
            };
            let made =
                ClientCertificateCredential::new(tenant, client_id, SecretBytes::new(bytes), Some(options));
            (
                "client certificate",
                made.map(|one| one as Arc<dyn TokenCredential>),
            )
        }
        AzureLogin::AzureCli | AzureLogin::Default => {
            let made = AzureCliCredential::new(None);
            ("Azure CLI", made.map(|one| one as Arc<dyn TokenCredential>))
        }
    };
    let not_set_up = |e: azure_core::Error| refusal::of_setup(name, &e.to_string());
    Ok(Source {
        name,
        credential: made.map_err(not_set_up),
        within: None,
    })
}

impl Source {
    async fn ask(&self, scope: &str) -> Result<Token, AuthError> {
        let credential = match &self.credential {
            Ok(credential) => credential,
            Err(reason) => return Err(AuthError::refused(reason.clone())),
        };
        let scopes = [scope];
        let asked = quietly(credential.get_token(&scopes, None));
        let answer = match self.within {
            Some(within) => tokio::time::timeout(within, asked).await.map_err(|_| {
                AuthError::unavailable(format!(
                    "no answer within {within:?}: there is none on this machine, it seems"
                ))
            })?,
            None => asked.await,
        };
        let token = answer.map_err(|e| refusal::of(self.name, status(&e), &with_causes(&e)))?;
        let value = token.token.secret().to_owned();
        let claims = Claims::of(&value);
        Ok(Token {
            principal: claims.sub.unwrap_or_else(|| self.name.into()),
            source: self.name.into(),
            expires_at: SystemTime::from(token.expires_on),
            extensions: Vec::new(),
            value: value.into(),
        })
    }
}

/// The HTTP status somewhere inside of an error.
fn status(error: &azure_core::Error) -> Option<u16> {
    let mut one: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = one {
        if let Some(error) = error.downcast_ref::<azure_core::Error>()
            && let ErrorKind::HttpResponse { status, .. } = error.kind()
        {
            return Some(u16::from(*status));
        }
        one = error.source();
    }
    None
}

#[async_trait]
impl TokenProvider for Azure {
    async fn fetch(&self) -> Result<Token, AuthError> {
        let mut worst = AuthKind::Refused;
        self.search.begin();
        for source in &self.sources {
            self.search.ask(source.name);
            match source.ask(&self.scope).await {
                Ok(token) => return Ok(token),
                Err(error) => {
                    if error.kind == AuthKind::Unavailable {
                        worst = AuthKind::Unavailable;
                    }
                    self.search.tried(source.name, &error);
                }
            }
        }
        let message = format!("get a token for {}: {}", self.scope, self.search.reasons());
        Err(match worst {
            AuthKind::Refused => AuthError::refused(message),
            AuthKind::Unavailable => AuthError::unavailable(message),
        })
    }

    fn so_far(&self) -> SoFar {
        self.search.so_far()
    }

    fn skew(&self) -> Option<Skew> {
        self.clock.skew()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_has_the_scope_of_its_host_and_the_authority_of_its_cloud() {
        for (host, login) in [
            (
                "contoso.servicebus.windows.net",
                "https://login.microsoftonline.com",
            ),
            (
                "contoso.servicebus.usgovcloudapi.net",
                "https://login.microsoftonline.us",
            ),
            (
                "contoso.servicebus.chinacloudapi.cn",
                "https://login.chinacloudapi.cn",
            ),
        ] {
            let scope = scope_of(host);
            assert_eq!(scope, format!("https://{host}/.default"));
            assert_eq!(authority(&scope), login);
        }
    }
}
