//! `schema_registry` of a connector: strict keys, and what they come to. Connects to nothing.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use forebay_auth::{Oidc, Secret, TokenProvider};
use reqwest::{Certificate, Client, Identity, redirect};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::span::Span;
use crate::tls::read_pem;
use crate::wrong::{Wrong, Wrongs};

/// A Confluent-compatible schema registry.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SchemaRegistryConfig {
    /// Where it is.
    #[schemars(example = &"https://psrc-1.eu-west-1.aws.confluent.cloud")]
    pub url: Option<String>,
    /// Several addresses of one registry, instead of `url`: the next one is asked where one does not answer.
    #[schemars(length(min = 1), example = ["http://registry-1:8081"])]
    pub urls: Option<Vec<String>>,
    /// An API key of the registry; one of the Kafka cluster is another.
    pub api_key: Option<String>,
    /// The secret of `api_key`.
    pub api_secret: Option<Secret>,
    /// A user, for registries with passwords.
    pub username: Option<String>,
    /// The password of `username`.
    pub password: Option<Secret>,
    /// A token that does not change.
    pub bearer: Option<Secret>,
    /// Tokens of an identity provider.
    pub oauth: Option<RegistryOauthConfig>,
    /// Who vouches for the registry, where it is not a public authority, and who this client is.
    pub tls: Option<RegistryTlsConfig>,
    /// A folder that keeps every schema that was read: a restart while the registry is down goes on with them.
    #[schemars(example = &"/var/cache/forebay/schemas")]
    pub cache: Option<PathBuf>,
    /// How long one answer may take. The default is 10s.
    #[schemars(example = &"10s")]
    pub timeout: Option<Span>,
    /// Lets credentials travel unencrypted.
    #[serde(default)]
    pub allow_insecure: bool,
}

/// Tokens of an identity provider for the registry, by OIDC client credentials.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RegistryOauthConfig {
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
    /// The registry's id in Confluent Cloud.
    #[schemars(example = &"lsrc-abc123")]
    pub logical_cluster: Option<String>,
    /// The identity pool that gives the token its rights in Confluent Cloud.
    #[schemars(example = &"pool-abc1")]
    pub identity_pool: Option<String>,
}

/// How the registry and this client prove who they are.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RegistryTlsConfig {
    /// The authorities that may vouch for the registry: a PEM file, or the PEM text itself. Without it the system's own.
    pub ca: Option<String>,
    /// The client's certificate with its chain: a PEM file, or the PEM text itself.
    pub certificate: Option<String>,
    /// The key of `certificate`: a PEM file, or the PEM text itself.
    pub key: Option<Secret>,
}

/// A registry whose files were read and whose keys fit together.
#[derive(Clone, Debug)]
pub struct RegistrySettings {
    /// Without a slash at their ends.
    pub urls: Vec<String>,
    pub login: RegistryLogin,
    /// With the authorities and the certificate of `tls`.
    pub client: Client,
    pub cache: Option<PathBuf>,
    /// For one answer.
    pub timeout: Duration,
}

/// Who a client of a registry says it is.
#[derive(Clone, Debug)]
pub enum RegistryLogin {
    None,
    Basic {
        username: String,
        password: Secret,
    },
    Bearer(Secret),
    Oauth {
        issuer: Arc<dyn TokenProvider>,
        logical_cluster: Option<String>,
        identity_pool: Option<String>,
    },
}

/// How long one answer may take, where the file does not say.
const TIMEOUT: Duration = Duration::from_secs(10);
const CONNECT_WITHIN: Duration = Duration::from_secs(3);

impl SchemaRegistryConfig {
    /// The registry of a connector, where it has one.
    ///
    /// # Errors
    /// Everything that is wrong, each at its key under `schema_registry`.
    pub(crate) fn of(config: Option<&Self>, base: &Path) -> Result<Option<RegistrySettings>, Vec<Wrong>> {
        let settings = config.map(|config| config.resolve(base)).transpose();
        settings.map_err(|all| {
            let under = |one: Wrong| match one.key.as_str() {
                "" => Wrong::new("schema_registry", one.message),
                key => Wrong::new(format!("schema_registry/{key}"), one.message),
            };
            all.into_iter().map(under).collect()
        })
    }

    fn resolve(&self, base: &Path) -> Result<RegistrySettings, Vec<Wrong>> {
        let mut wrong = Wrongs::default();
        let urls = self.urls(&mut wrong);
        let login = wrong.of(self.login(base));
        let open = urls.iter().any(|url| url.starts_with("http://"));
        if open && !self.allow_insecure && !matches!(login, Some(RegistryLogin::None)) {
            let message =
                "credentials would travel in clear text: write https://, or set `allow_insecure: true`";
            wrong.add(self.url_key(), message);
        }
        let timeout = self.timeout.map_or(TIMEOUT, |span| span.0);
        if timeout.is_zero() {
            wrong.add("timeout", "no answer takes no time: write at least `1s`");
        }
        let tls = self.tls.clone().unwrap_or_default();
        let client = wrong.of(tls.client(base));
        wrong.end()?;
        match (client, login) {
            (Some(client), Some(login)) => Ok(RegistrySettings {
                urls,
                login,
                client,
                cache: self.cache.as_ref().map(|folder| base.join(folder)),
                timeout,
            }),
            _ => Err(vec![Wrong::new(
                "",
                "the registry's settings do not fit together",
            )]),
        }
    }

    fn url_key(&self) -> &'static str {
        if self.url.is_some() { "url" } else { "urls" }
    }

    fn urls(&self, wrong: &mut Wrongs) -> Vec<String> {
        let named: Vec<(String, &String)> = match (&self.url, &self.urls) {
            (Some(url), None) => vec![("url".to_owned(), url)],
            (None, Some(urls)) => {
                let at = |(i, url)| (format!("urls/{i}"), url);
                urls.iter().enumerate().map(at).collect()
            }
            (None, None) => {
                wrong.add("", "says not where the registry is: add `url`");
                Vec::new()
            }
            (Some(_), Some(_)) => {
                wrong.add("urls", "says it twice: keep `url` or `urls`");
                Vec::new()
            }
        };
        let mut urls = Vec::new();
        for (key, url) in named {
            match url_wrong(url) {
                Some(message) => wrong.add(key, message),
                None => urls.push(url.trim_end_matches('/').to_owned()),
            }
        }
        urls
    }

    fn login(&self, base: &Path) -> Result<RegistryLogin, Vec<Wrong>> {
        let one = |key: &str, message: &str| Err(vec![Wrong::new(key, message)]);
        let key = (self.api_key.as_ref(), self.api_secret.as_ref());
        let user = (self.username.as_ref(), self.password.as_ref());
        let ways = [
            key != (None, None),
            user != (None, None),
            self.bearer.is_some(),
            self.oauth.is_some(),
        ];
        if ways.into_iter().filter(|is| *is).count() > 1 {
            let message = "says in several ways who this is: keep `api_key` and `api_secret`, `username` and `password`, `bearer` or \
                 `oauth`";
            return one("", message);
        }
        let basic = |username: &String, password: &Secret| RegistryLogin::Basic {
            username: username.clone(),
            password: password.clone(),
        };
        match (key, user) {
            ((Some(name), Some(secret)), _) | (_, (Some(name), Some(secret))) => {
                if name.contains(':') {
                    let at = if ways[0] { "api_key" } else { "username" };
                    return one(at, "a name with a colon cannot be sent: HTTP ends it there");
                }
                Ok(basic(name, secret))
            }
            ((Some(_), None), _) => one(
                "api_key",
                "the key `api_secret` is missing: it was shown when the API key was made",
            ),
            ((None, Some(_)), _) => one("api_secret", "the key `api_key` is missing"),
            (_, (Some(_), None)) => one("username", "the key `password` is missing"),
            (_, (None, Some(_))) => one("password", "the key `username` is missing"),
            _ => match (&self.bearer, &self.oauth) {
                (Some(token), _) if !is_token(token.expose()) => one(
                    "bearer",
                    "is no token: it is empty, or has blanks or other signs in it",
                ),
                (Some(token), _) => Ok(RegistryLogin::Bearer(token.clone())),
                (None, Some(oauth)) => oauth.login(base, self.allow_insecure),
                (None, None) => Ok(RegistryLogin::None),
            },
        }
    }
}

impl RegistryOauthConfig {
    fn login(&self, base: &Path, allow_insecure: bool) -> Result<RegistryLogin, Vec<Wrong>> {
        let mut wrong = Wrongs::default();
        if !self.token_url.starts_with("https://") && !allow_insecure {
            let message = "the client's secret would travel in clear text: write https://";
            wrong.add("oauth/token_url", message);
        }
        for (key, value) in [
            ("logical_cluster", &self.logical_cluster),
            ("identity_pool", &self.identity_pool),
        ] {
            if value.as_deref().is_some_and(|value| !is_token(value)) {
                wrong.add(
                    format!("oauth/{key}"),
                    "is no id: it has blanks or other signs in it",
                );
            }
        }
        let ca = self.token_ca.as_deref();
        let ca = ca.map(|ca| read_pem(base, ca, "CERTIFICATE")).transpose();
        let ca = wrong.of(ca.map_err(|message| vec![Wrong::new("oauth/token_ca", message)]));
        wrong.end()?;
        let issuer = Oidc::new(
            self.token_url.clone(),
            ca.flatten().as_deref(),
            self.client_id.clone(),
            self.client_secret.clone(),
            self.scope.clone(),
            Vec::new(),
        );
        let issuer = issuer.map_err(|e| vec![Wrong::new("oauth/token_ca", e.to_string())])?;
        Ok(RegistryLogin::Oauth {
            issuer: Arc::new(issuer),
            logical_cluster: self.logical_cluster.clone(),
            identity_pool: self.identity_pool.clone(),
        })
    }
}

impl RegistryTlsConfig {
    /// An HTTP client that trusts these authorities and shows this certificate. It goes where it is told and nowhere else: a
    /// redirection could lead credentials away.
    fn client(&self, base: &Path) -> Result<Client, Vec<Wrong>> {
        let mut wrong = Wrongs::default();
        let mut pem = |key: &str, text: Option<&str>, label: &str| {
            let read = text.map(|text| read_pem(base, text, label)).transpose();
            wrong
                .of(read.map_err(|message| vec![Wrong::new(format!("tls/{key}"), message)]))
                .flatten()
        };
        let ca = pem("ca", self.ca.as_deref(), "CERTIFICATE");
        let certificate = pem("certificate", self.certificate.as_deref(), "CERTIFICATE");
        let key = pem("key", self.key.as_ref().map(Secret::expose), "PRIVATE KEY");
        match (&self.certificate, &self.key) {
            (Some(_), None) => wrong.add(
                "tls/certificate",
                "a client certificate without its key: add `key`",
            ),
            (None, Some(_)) => wrong.add(
                "tls/key",
                "a key without its client certificate: add `certificate`",
            ),
            _ => {}
        }
        if key.as_ref().is_some_and(|key| key.contains("ENCRYPTED")) {
            wrong.add("tls/key", "the key is encrypted: name one that is not");
        }
        wrong.end()?;
        let failed = |key: &str, e: reqwest::Error| vec![Wrong::new(format!("tls/{key}"), said(&e))];
        let mut client = Client::builder()
            .connect_timeout(CONNECT_WITHIN)
            .redirect(redirect::Policy::none());
        if let Some(ca) = ca {
            let authorities = Certificate::from_pem_bundle(ca.as_bytes());
            client = client.tls_certs_only(authorities.map_err(|e| failed("ca", e))?);
        }
        if let Some((certificate, key)) = certificate.zip(key) {
            let both = Secret::from(format!("{certificate}\n{key}"));
            let identity = Identity::from_pem(both.expose().as_bytes());
            client = client.identity(identity.map_err(|e| failed("key", e))?);
        }
        client.build().map_err(|e| failed("ca", e))
    }
}

/// What an HTTP client has against certificates; it quotes nothing of a key.
fn said(error: &reqwest::Error) -> String {
    let cause = std::error::Error::source(error).map_or(String::new(), |cause| format!(": {cause}"));
    format!("cannot be used{cause}")
}

impl RegistrySettings {
    /// What they come to, line by line, without a secret.
    pub fn shown(&self) -> Vec<(&'static str, String)> {
        let mut lines = vec![("url", self.urls.join(", ")), ("login", self.login.shown())];
        let cache = self.cache.as_ref().map(|folder| folder.display().to_string());
        lines.push(("cache", cache.unwrap_or_else(|| "none".to_owned())));
        lines.push(("timeout", format!("{:?}", self.timeout)));
        lines
    }
}

impl RegistryLogin {
    /// In words, without the secret.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::None => "none".to_owned(),
            Self::Basic { username, .. } => format!("basic, as {username}"),
            Self::Bearer(_) => "a bearer token".to_owned(),
            Self::Oauth { .. } => "tokens of an identity provider".to_owned(),
        }
    }
}

/// Whether a header can hold it.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Why a registry cannot be there; the address is not shown, for it may hold a password.
fn url_wrong(url: &str) -> Option<&'static str> {
    let rest = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"));
    let Some(rest) = rest else {
        return Some("is no address of a registry: write http:// or https:// before the host");
    };
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    if host.contains('@') {
        return Some(
            "holds credentials: write them under `username` and `password`, where they are not shown",
        );
    }
    if rest.contains(['?', '#']) {
        return Some("holds a query: a registry's address ends with its path");
    }
    if host.contains(',') || path.contains(',') {
        return Some("holds several addresses: write a list item for each under `urls`");
    }
    match reqwest::Url::parse(url) {
        Ok(_) => None,
        Err(_) => Some("is no address of a registry, such as `http://registry-1:8081`"),
    }
}
