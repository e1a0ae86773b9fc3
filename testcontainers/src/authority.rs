//! A throw-away certificate authority: certificates for servers and clients, good ones and bad ones, as PEM files in a
//! folder that goes with the process. It knows no broker.

use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use openssl::asn1::{Asn1Integer, Asn1Time};
use openssl::bn::{BigNum, MsbOption};
use openssl::ec::{EcGroup, EcKey};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::symm::Cipher;
use openssl::x509::extension::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAlternativeName,
    SubjectKeyIdentifier,
};
use openssl::x509::{X509, X509Builder, X509Name, X509NameRef};
use tempfile::TempDir;

use crate::reaper::Reaper;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A certificate authority of its own. Another one is the wrong one. Clones share the authority and its folder.
#[derive(Clone, Debug)]
pub struct Authority {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    key: PKey<Private>,
    certificate: X509,
    folder: TempDir,
    // For an authority in a static, which nothing drops.
    _reaper: Reaper,
}

/// A certificate to issue.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    authority: &'a Authority,
    name: String,
    /// Names and addresses of a server; a client has none.
    names: Option<Vec<String>>,
    from: SystemTime,
    until: SystemTime,
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
        let key = new_key()?;
        let name = subject("Forebay test authority")?;
        let now = SystemTime::now();
        let mut builder = start(&name, &name, &key, now - DAY, now + 3650 * DAY)?;
        builder.append_extension(BasicConstraints::new().critical().ca().build()?)?;
        let usage = KeyUsage::new().critical().key_cert_sign().crl_sign().build()?;
        builder.append_extension(usage)?;
        let identifier = SubjectKeyIdentifier::new().build(&builder.x509v3_context(None, None))?;
        builder.append_extension(identifier)?;
        builder.sign(&key, MessageDigest::sha256())?;
        let certificate = builder.build();
        let folder = tempfile::Builder::new()
            .prefix("forebay-certificates-")
            .tempdir()?;
        let reaper = Reaper::watch(folder.path())?;
        fs::write(folder.path().join("ca.pem"), certificate.to_pem()?)?;
        Ok(Self {
            shared: Arc::new(Shared {
                key,
                certificate,
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

    /// A server's certificate, for `localhost` and 127.0.0.1 unless [`Request::names`] says otherwise.
    pub fn server(&self, name: &str) -> Request<'_> {
        let names = vec!["localhost".to_string(), "127.0.0.1".into()];
        self.request(name, Some(names))
    }

    /// A client's certificate; its subject is `CN=NAME`.
    pub fn client(&self, name: &str) -> Request<'_> {
        self.request(name, None)
    }

    fn request(&self, name: &str, names: Option<Vec<String>>) -> Request<'_> {
        let now = SystemTime::now();
        Request {
            authority: self,
            name: name.into(),
            names,
            from: now - DAY,
            until: now + 365 * DAY,
        }
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl Request<'_> {
    /// Host names and addresses that the certificate is for.
    #[must_use]
    pub fn names(mut self, names: &[&str]) -> Self {
        self.names = Some(names.iter().map(ToString::to_string).collect());
        self
    }

    /// When it is valid; certificates count in whole seconds.
    #[must_use]
    pub fn valid(mut self, from: SystemTime, until: SystemTime) -> Self {
        (self.from, self.until) = (from, until);
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
            .unwrap_or_else(|error| panic!("issue a certificate for {}: {error}", self.name));
        Certificate {
            authority: self.authority.clone(),
            name: self.name,
        }
    }

    fn write(&self) -> io::Result<()> {
        let shared = &self.authority.shared;
        let key = new_key()?;
        let chain = [self.sign(&key)?.to_pem()?, shared.certificate.to_pem()?].concat();
        let plain = key.private_key_to_pem_pkcs8()?;
        let encrypted = key
            .private_key_to_pem_pkcs8_passphrase(Cipher::aes_256_cbc(), Certificate::PASSPHRASE.as_bytes())?;
        let file = |ending: &str| shared.folder.path().join(format!("{}.{ending}", self.name));
        fs::write(file("key"), &plain)?;
        fs::write(file("enc.key"), encrypted)?;
        fs::write(file("keystore.pem"), [plain, chain.clone()].concat())?;
        fs::write(file("pem"), chain)
    }

    fn sign(&self, key: &PKey<Private>) -> Result<X509, ErrorStack> {
        let shared = &self.authority.shared;
        let (name, issuer) = (subject(&self.name)?, shared.certificate.subject_name());
        let mut builder = start(&name, issuer, key, self.from, self.until)?;
        builder.append_extension(BasicConstraints::new().critical().build()?)?;
        builder.append_extension(KeyUsage::new().critical().digital_signature().build()?)?;
        let mut usage = ExtendedKeyUsage::new();
        let usage = match self.names {
            Some(_) => usage.server_auth(),
            None => usage.client_auth(),
        };
        builder.append_extension(usage.build()?)?;
        let context = builder.x509v3_context(Some(&shared.certificate), None);
        let mut extensions = vec![
            SubjectKeyIdentifier::new().build(&context)?,
            AuthorityKeyIdentifier::new().keyid(true).build(&context)?,
        ];
        if let Some(names) = &self.names {
            let mut alternative = SubjectAlternativeName::new();
            for name in names {
                match name.parse::<IpAddr>() {
                    Ok(_) => alternative.ip(name),
                    Err(_) => alternative.dns(name),
                };
            }
            extensions.push(alternative.build(&context)?);
        }
        for extension in extensions {
            builder.append_extension(extension)?;
        }
        builder.sign(&shared.key, MessageDigest::sha256())?;
        Ok(builder.build())
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

fn new_key() -> Result<PKey<Private>, ErrorStack> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
    PKey::from_ec_key(EcKey::generate(&group)?)
}

fn subject(name: &str) -> Result<X509Name, ErrorStack> {
    let mut builder = X509Name::builder()?;
    builder.append_entry_by_nid(Nid::COMMONNAME, name)?;
    Ok(builder.build())
}

/// What every certificate has; the serial number is a random one.
fn start(
    subject: &X509NameRef,
    issuer: &X509NameRef,
    key: &PKey<Private>,
    from: SystemTime,
    until: SystemTime,
) -> Result<X509Builder, ErrorStack> {
    let mut serial = BigNum::new()?;
    serial.rand(127, MsbOption::MAYBE_ZERO, false)?;
    let mut builder = X509::builder()?;
    builder.set_version(2)?;
    builder.set_serial_number(Asn1Integer::from_bn(&serial)?.as_ref())?;
    builder.set_subject_name(subject)?;
    builder.set_issuer_name(issuer)?;
    builder.set_pubkey(key)?;
    builder.set_not_before(time(from)?.as_ref())?;
    builder.set_not_after(time(until)?.as_ref())?;
    Ok(builder)
}

fn time(at: SystemTime) -> Result<Asn1Time, ErrorStack> {
    let seconds = at
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs().cast_signed());
    Asn1Time::from_unix(seconds)
}
