//! A tenant of Entra with one application in it: what a caller must show, and the tokens it gets. It knows no protocol.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use openssl::pkcs12::Pkcs12;
use openssl::x509::X509;
use serde_json::json;

use crate::Issuer;
use crate::cloud::random;
use crate::cloud::time::seconds;
use crate::hidden::Hidden;
use crate::x509::{Pair, Subject};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const FEDERATED: &str = "federated-token";
const CERTIFICATE: &str = "application.pfx";

/// Who may have tokens for the namespace.
#[derive(Debug)]
pub(super) struct Directory {
    pub(super) tenant: String,
    pub(super) client: String,
    pub(super) secret: Hidden,
    pub(super) certificate: X509,
    /// `https://NAMESPACE`.
    pub(super) audience: String,
    folder: PathBuf,
    object: String,
    issuer: Issuer,
    lifetime: Mutex<Duration>,
}

/// A token, and when it is said to expire.
pub(super) struct Issued {
    pub(super) token: String,
    pub(super) lifetime: Duration,
    pub(super) expires: u64,
}

impl Directory {
    pub(super) fn new(namespace: &str, folder: &Path) -> io::Result<Self> {
        let now = SystemTime::now();
        let application = Pair::application(&Subject {
            name: "forebay".into(),
            names: None,
            from: now - DAY,
            until: now + 365 * DAY,
        })?;
        let mut bundle = Pkcs12::builder();
        bundle
            .name("forebay")
            .pkey(&application.key)
            .cert(&application.certificate);
        fs::write(folder.join(CERTIFICATE), bundle.build2("")?.to_der()?)?;
        fs::write(folder.join(FEDERATED), random::base64(96)?)?;
        Ok(Self {
            tenant: random::uuid()?,
            client: random::uuid()?,
            secret: Hidden::from(random::base64(30)?),
            certificate: application.certificate,
            audience: format!("https://{namespace}"),
            folder: folder.into(),
            object: random::uuid()?,
            issuer: Issuer::start(),
            lifetime: Mutex::new(Duration::from_secs(3599)),
        })
    }

    /// What a pod shows.
    pub(super) fn federated_token(&self) -> PathBuf {
        self.folder.join(FEDERATED)
    }

    /// The application's certificate and key.
    pub(super) fn bundle(&self) -> PathBuf {
        self.folder.join(CERTIFICATE)
    }

    /// What tokens name as their issuer.
    pub(super) fn issuer(&self) -> String {
        format!("https://sts.windows.net/{}/", self.tenant)
    }

    pub(super) fn keys(&self) -> String {
        self.issuer.jwks_url()
    }

    /// What the broker knows the application as.
    pub(super) fn object(&self) -> &str {
        &self.object
    }

    pub(super) fn set_lifetime(&self, lifetime: Duration) {
        *self.lifetime.lock().unwrap_or_else(PoisonError::into_inner) = lifetime;
    }

    /// A token for the namespace; `expired`: since a minute and a half, for brokers forgive half a minute.
    pub(super) fn issue(&self, expired: bool) -> Issued {
        let lifetime = *self.lifetime.lock().unwrap_or_else(PoisonError::into_inner);
        let now = seconds(SystemTime::now());
        let expires = if expired {
            now - 90
        } else {
            now + lifetime.as_secs()
        };
        let claims = json!({
            "aud": self.audience,
            "iss": self.issuer(),
            "iat": if expired { now - 3600 } else { now },
            "nbf": if expired { now - 3600 } else { now },
            "exp": expires,
            "appid": self.client,
            "appidacr": "1",
            "idp": self.issuer(),
            "oid": self.object,
            "sub": self.object,
            "tid": self.tenant,
            "ver": "1.0",
        });
        Issued {
            token: self.issuer.sign(&claims),
            lifetime,
            // What a service says of it: who believes it finds out at the broker.
            expires: now + lifetime.as_secs(),
        }
    }

    /// The issuer behind the tokens, to sign others with.
    pub(super) fn signer(&self) -> &Issuer {
        &self.issuer
    }
}
