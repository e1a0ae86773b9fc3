//! AWS: tokens for the IAM listener of Amazon MSK, signed with the credentials that this process has. One provider of
//! credentials for all that a connector does, so that its identity stays the same. Must never show a key.

mod cached;
mod chain;
mod dated;
mod http;
mod profiles;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sdk_sts::error::{DisplayErrorContext, ProvideErrorMetadata};
use aws_types::region::Region;

use crate::clock::Clock;
use crate::{AuthError, Skew, SoFar, Token, TokenProvider, quietly};
use cached::Cached;
use dated::Dated;

/// What an assumed role's session is called where nobody says otherwise. It never changes while a process runs: brokers cut off a
/// client whose identity changes when it authenticates again.
const SESSION: &str = "forebay";

/// A token is given up so long before its signature or its credentials end; a tenth of its life where that is less.
const MARGIN: Duration = Duration::from_secs(10);

/// A token that lasts longer by less is no better.
const A_MOMENT: Duration = Duration::from_secs(1);

/// Which credentials to use; without any of it, those that this process finds.
#[derive(Clone, Debug, Default)]
pub struct Iam {
    /// A profile, and no other source.
    pub profile: Option<String>,
    /// A role to assume with those credentials.
    pub role_arn: Option<String>,
    pub session_name: Option<String>,
    pub external_id: Option<String>,
}

/// The credentials of one connector.
#[derive(Clone)]
pub struct Aws {
    region: Region,
    credentials: Arc<Cached>,
    /// When the last token ends.
    last: Arc<Mutex<Option<SystemTime>>>,
    clock: Clock,
}

impl fmt::Debug for Aws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aws")
            .field("region", &self.region)
            .finish_non_exhaustive()
    }
}

impl Aws {
    /// Credentials for `region`; asks nobody yet.
    pub fn new(iam: Iam, region: &str) -> Self {
        let region = Region::new(region.to_owned());
        let credentials = Arc::new(Cached::new(iam, region.clone()));
        Self {
            region,
            credentials,
            last: Arc::default(),
            clock: Clock::default(),
        }
    }

    /// What a look for credentials that is under way has come to.
    pub fn so_far(&self) -> SoFar {
        self.credentials.so_far()
    }

    /// What a client of one of AWS's services needs: the region and these credentials. Endpoints follow the SDK's own variables.
    ///
    /// # Errors
    /// Where there are no credentials: every source that was tried, with its reason.
    pub async fn sdk_config(&self) -> Result<SdkConfig, AuthError> {
        // Errors of the SDK would not tell which sources were tried.
        self.credentials.get().await?;
        let loader = aws_config::defaults(BehaviorVersion::latest())
            .region(self.region.clone())
            .http_client(http::remote());
        let shared: Arc<dyn ProvideCredentials> = Arc::<Cached>::clone(&self.credentials);
        let provider = SharedCredentialsProvider::new(shared);
        Ok(quietly(loader.credentials_provider(provider).load()).await)
    }
}

#[async_trait]
impl TokenProvider for Aws {
    async fn fetch(&self) -> Result<Token, AuthError> {
        let found = self.credentials.get().await?;
        let provider = SharedCredentialsProvider::new(found.credentials.clone());
        let signed = aws_msk_iam_sasl_signer::generate_auth_token_from_credentials_provider(
            self.region.clone(),
            provider,
        );
        let (value, expires_ms) = quietly(signed)
            .await
            .map_err(|e| AuthError::refused("sign a token for Amazon MSK").caused_by(&e))?;
        let signed_until = UNIX_EPOCH + Duration::from_millis(u64::try_from(expires_ms).unwrap_or_default());
        let until = found
            .credentials
            .expiry()
            .map_or(signed_until, |end| end.min(signed_until));
        let before = self
            .last
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .replace(until);
        // A token of credentials that are not renewed is worth having where it lasts longer than the one before.
        if let Some(error) = found.stale
            && before.is_some_and(|before| before + A_MOMENT >= until)
        {
            return Err(error);
        }
        Ok(Token {
            value: value.into(),
            principal: found.principal,
            source: found.source,
            expires_at: until - margin(until),
            extensions: Vec::new(),
        })
    }

    fn so_far(&self) -> SoFar {
        self.so_far()
    }

    fn skew(&self) -> Option<Skew> {
        self.clock.skew()
    }

    async fn identity(&self) -> Result<Option<String>, AuthError> {
        let config = self.sdk_config().await?;
        let asked = aws_sdk_sts::Client::new(&config)
            .get_caller_identity()
            .customize();
        let dated = asked.interceptor(Dated(self.clock.clone()));
        let answer = quietly(dated.send()).await;
        match answer {
            Ok(who) => Ok(who.arn().map(str::to_owned)),
            Err(error) => {
                let said = DisplayErrorContext(&error).to_string();
                Err(refusal(
                    "ask AWS who this is (sts:GetCallerIdentity)",
                    error.code(),
                    &said,
                    AuthError::silent,
                ))
            }
        }
    }
}

fn margin(until: SystemTime) -> Duration {
    let life = until.duration_since(SystemTime::now()).unwrap_or_default();
    MARGIN.min(life / 10)
}

/// What AWS said, by its error code, which is a fixed word. `said` may hold more and is looked at, never shown. `silent` makes the
/// error where nobody answered.
fn refusal(
    attempt: &str,
    code: Option<&str>,
    said: &str,
    silent: impl FnOnce(String) -> AuthError,
) -> AuthError {
    let known = [
        (
            "AccessDenied",
            "the trust policy of the role or the rights of the identity do not allow it",
        ),
        (
            "InvalidClientTokenId",
            "AWS does not know the access key: it was removed, or belongs to another partition",
        ),
        (
            "SignatureDoesNotMatch",
            "the secret key does not belong to the access key, or this machine's clock is off",
        ),
        (
            "RequestExpired",
            "this machine's clock is off by more than five minutes",
        ),
        (
            "ExpiredToken",
            "the credentials have expired: renew them, or log in again",
        ),
        (
            "InvalidIdentityToken",
            "the web identity token is not of an issuer that AWS trusts for this role",
        ),
        ("MalformedPolicyDocument", "the role's policy is broken"),
        (
            "RegionDisabledException",
            "the region is not turned on for this account",
        ),
    ];
    let code = code.filter(|code| code.chars().all(|c| c.is_ascii_alphanumeric() || c == '.'));
    let found = known
        .iter()
        .find(|(name, _)| code.is_some_and(|code| code.starts_with(name)) || said.contains(name));
    match (found, code) {
        (Some((name, what)), _) => AuthError::refused(format!("{attempt}: {name}: {what}")),
        (None, Some(code)) => AuthError::unavailable(format!("{attempt}: AWS answered {code}")),
        (None, None) => {
            let what = if said.contains("certificate") {
                "its certificate is not trusted; SSL_CERT_FILE names further authorities"
            } else {
                "no answer; is there a way to AWS from here?"
            };
            silent(format!("{attempt}: {what}"))
        }
    }
}
