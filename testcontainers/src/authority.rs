//! A throw-away certificate authority: certificates for servers and clients, good ones and bad ones, as PEM files in a
//! folder that goes with the process. It knows no broker.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use openssl::symm::Cipher;
use tempfile::TempDir;

use crate::reaper::Reaper;
use crate::x509::{Pair, Subject};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A certificate authority of its own. Another one is the wrong one. Clones share the authority and its folder.
#[derive(Clone, Debug)]
pub struct Authority {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    pair: Pair,
    folder: TempDir,
    // For an authority in a static, which nothing drops.
    _reaper: Reaper,
}

/// A certificate to issue.
#[derive(Clone, Debug)]
pub struct CertificateRequest<'a> {
    authority: &'a Authority,
    subject: Subject,
}

/// A certificate and its key, as files. They stay while one of the authority's certificates is held.
#[derive(Clone, Debug)]
pub struct Certificate {
    authority: Authority,
    name: String,
}

impl Authority {
    /// A new authority; its certificate is in `ca.pem`.
    ///
    /// # Panics
    /// Where no files can be written for it.
    pub fn new() -> Self {
        Self::create().unwrap_or_else(|error| panic!("make a certificate authority: {error}"))
    }

    fn create() -> io::Result<Self> {
        let now = SystemTime::now();
        let pair = Pair::authority(&Subject {
            name: "Forebay test authority".into(),
            names: None,
            from: now - DAY,
            until: now + 3650 * DAY,
        })?;
        let folder = tempfile::Builder::new()
            .prefix("forebay-certificates-")
            .tempdir()?;
        let reaper = Reaper::watch(folder.path())?;
        fs::write(folder.path().join("ca.pem"), pair.certificate.to_pem()?)?;
        Ok(Self {
            shared: Arc::new(Shared {
                pair,
                folder,
                _reaper: reaper,
            }),
        })
    }

    /// The authority's own certificate.
    pub fn ca(&self) -> PathBuf {
        self.folder().join("ca.pem")
    }

    /// Where its files are.
    pub fn folder(&self) -> &Path {
        self.shared.folder.path()
    }

    /// A server's certificate, for `localhost` and 127.0.0.1 unless [`CertificateRequest::names`] says otherwise.
    pub fn server(&self, name: &str) -> CertificateRequest<'_> {
        let names = vec!["localhost".to_string(), "127.0.0.1".into()];
        self.request(name, Some(names))
    }

    /// A client's certificate; its subject is `CN=NAME`.
    pub fn client(&self, name: &str) -> CertificateRequest<'_> {
        self.request(name, None)
    }

    fn request(&self, name: &str, names: Option<Vec<String>>) -> CertificateRequest<'_> {
        let now = SystemTime::now();
        CertificateRequest {
            authority: self,
            subject: Subject {
                name: name.into(),
                names,
                from: now - DAY,
                until: now + 365 * DAY,
            },
        }
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl CertificateRequest<'_> {
    /// Host names and addresses that the certificate is for.
    #[must_use]
    pub fn names(mut self, names: &[&str]) -> Self {
        self.subject.names = Some(names.iter().map(ToString::to_string).collect());
        self
    }

    /// When it is valid; certificates count in whole seconds.
    #[must_use]
    pub fn valid(mut self, from: SystemTime, until: SystemTime) -> Self {
        (self.subject.from, self.subject.until) = (from, until);
        self
    }

    /// Valid until yesterday.
    #[must_use]
    pub fn expired(self) -> Self {
        let now = SystemTime::now();
        self.valid(now - 2 * DAY, now - DAY)
    }

    /// Valid from tomorrow.
    #[must_use]
    pub fn not_yet_valid(self) -> Self {
        let now = SystemTime::now();
        self.valid(now + DAY, now + 2 * DAY)
    }

    /// Valid from yesterday, and for so much longer.
    #[must_use]
    pub fn lasts(self, left: Duration) -> Self {
        let now = SystemTime::now();
        self.valid(now - DAY, now + left)
    }

    /// Writes its files, in place of those of an earlier certificate with that name.
    ///
    /// # Panics
    /// Where they cannot be written.
    pub fn issue(self) -> Certificate {
        self.write()
            .unwrap_or_else(|error| panic!("issue a certificate for {}: {error}", self.subject.name));
        Certificate {
            authority: self.authority.clone(),
            name: self.subject.name,
        }
    }

    fn write(&self) -> io::Result<()> {
        let (ca, folder) = (&self.authority.shared.pair, self.authority.folder());
        let Pair { key, certificate } = ca.issue(&self.subject)?;
        let chain = [certificate.to_pem()?, ca.certificate.to_pem()?].concat();
        let plain = key.private_key_to_pem_pkcs8()?;
        let passphrase = Certificate::PASSPHRASE.as_bytes();
        let encrypted = key.private_key_to_pem_pkcs8_passphrase(Cipher::aes_256_cbc(), passphrase)?;
        let file = |ending: &str| folder.join(format!("{}.{ending}", self.subject.name));
        fs::write(file("key"), &plain)?;
        fs::write(file("enc.key"), encrypted)?;
        fs::write(file("keystore.pem"), [plain, chain.clone()].concat())?;
        fs::write(file("pem"), chain)
    }
}

impl Certificate {
    /// What the encrypted key is encrypted with.
    pub const PASSPHRASE: &'static str = "open sesame";

    /// The certificate, and the authority's behind it.
    pub fn chain(&self) -> PathBuf {
        self.file("pem")
    }

    /// Its key, PKCS#8 in the clear.
    pub fn key(&self) -> PathBuf {
        self.file("key")
    }

    /// Its key, PKCS#8 encrypted with [`Certificate::PASSPHRASE`].
    pub fn encrypted_key(&self) -> PathBuf {
        self.file("enc.key")
    }

    /// Key and chain in one file, as Kafka's PEM key stores are.
    pub fn keystore(&self) -> PathBuf {
        self.file("keystore.pem")
    }

    /// Who issued it.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    fn file(&self, ending: &str) -> PathBuf {
        self.authority.folder().join(format!("{}.{ending}", self.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use openssl::asn1::Asn1Time;
    use openssl::pkey::PKey;
    use openssl::x509::X509;

    fn read(certificate: &Certificate) -> X509 {
        X509::from_pem(&fs::read(certificate.chain()).unwrap()).unwrap()
    }

    #[test]
    fn an_encrypted_key_is_the_plain_one_behind_its_passphrase() {
        let certificate = Authority::new().client("app").issue();
        let plain = PKey::private_key_from_pem(&fs::read(certificate.key()).unwrap()).unwrap();
        let encrypted = fs::read(certificate.encrypted_key()).unwrap();
        let open = |with: &str| PKey::private_key_from_pem_passphrase(&encrypted, with.as_bytes());
        assert!(open(Certificate::PASSPHRASE).unwrap().public_eq(&plain));
        assert!(open("guess").is_err());
        assert!(read(&certificate).public_key().unwrap().public_eq(&plain));
    }

    #[test]
    fn a_certificate_issued_again_takes_the_place_of_the_first_and_lasts_as_asked() {
        let authority = Authority::new();
        let first = read(&authority.server("a").issue());
        let again = authority.server("a").lasts(Duration::from_secs(100)).issue();
        assert_ne!(read(&again).signature().as_slice(), first.signature().as_slice());
        let left = Asn1Time::days_from_now(0)
            .unwrap()
            .diff(read(&again).not_after())
            .unwrap();
        assert!(left.days == 0 && (90..=100).contains(&left.secs), "{left:?}");
    }

    #[test]
    fn its_files_go_with_the_last_who_holds_it() {
        let certificate = Authority::new().server("a").issue();
        let folder = certificate.authority().folder().to_path_buf();
        assert!(certificate.keystore().exists());
        drop(certificate);
        assert!(!folder.exists());
    }
}
