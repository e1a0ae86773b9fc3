//! Keys and certificates, in memory: OpenSSL's part of a certificate authority.

use std::net::IpAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use openssl::asn1::{Asn1Integer, Asn1Time};
use openssl::bn::{BigNum, MsbOption};
use openssl::ec::{EcGroup, EcKey};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::x509::extension::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAlternativeName,
    SubjectKeyIdentifier,
};
use openssl::x509::{X509, X509Builder, X509Name, X509NameRef};

/// Whom a certificate is for, and when.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    pub(crate) name: String,
    /// Names and addresses of a server; a client has none.
    pub(crate) names: Option<Vec<String>>,
    pub(crate) from: SystemTime,
    pub(crate) until: SystemTime,
}

/// A key and a certificate for it.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) key: PKey<Private>,
    pub(crate) certificate: X509,
}

impl Pair {
    /// An authority, signed by itself.
    pub(crate) fn authority(subject: &Subject) -> Result<Self, ErrorStack> {
        let (key, name) = (new_key()?, name(&subject.name)?);
        let mut builder = start(subject, &name, &key)?;
        builder.append_extension(BasicConstraints::new().critical().ca().build()?)?;
        let usage = KeyUsage::new().critical().key_cert_sign().crl_sign().build()?;
        builder.append_extension(usage)?;
        let identifier = SubjectKeyIdentifier::new().build(&builder.x509v3_context(None, None))?;
        builder.append_extension(identifier)?;
        builder.sign(&key, MessageDigest::sha256())?;
        let certificate = builder.build();
        Ok(Self { key, certificate })
    }

    /// An application's certificate, signed by itself. RSA: Entra's clients know no other keys.
    pub(crate) fn application(subject: &Subject) -> Result<Self, ErrorStack> {
        let (key, name) = (PKey::from_rsa(Rsa::generate(2048)?)?, name(&subject.name)?);
        let mut builder = start(subject, &name, &key)?;
        builder.sign(&key, MessageDigest::sha256())?;
        let certificate = builder.build();
        Ok(Self { key, certificate })
    }

    /// A certificate that this authority signs.
    pub(crate) fn issue(&self, subject: &Subject) -> Result<Self, ErrorStack> {
        let key = new_key()?;
        let mut builder = start(subject, self.certificate.subject_name(), &key)?;
        builder.append_extension(BasicConstraints::new().critical().build()?)?;
        builder.append_extension(KeyUsage::new().critical().digital_signature().build()?)?;
        let mut usage = ExtendedKeyUsage::new();
        let usage = match subject.names {
            Some(_) => usage.server_auth(),
            None => usage.client_auth(),
        };
        builder.append_extension(usage.build()?)?;
        let context = builder.x509v3_context(Some(&self.certificate), None);
        let mut extensions = vec![
            SubjectKeyIdentifier::new().build(&context)?,
            AuthorityKeyIdentifier::new().keyid(true).build(&context)?,
        ];
        if let Some(names) = &subject.names {
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
        builder.sign(&self.key, MessageDigest::sha256())?;
        let certificate = builder.build();
        Ok(Self { key, certificate })
    }
}

fn new_key() -> Result<PKey<Private>, ErrorStack> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
    PKey::from_ec_key(EcKey::generate(&group)?)
}

fn name(name: &str) -> Result<X509Name, ErrorStack> {
    let mut builder = X509Name::builder()?;
    builder.append_entry_by_nid(Nid::COMMONNAME, name)?;
    Ok(builder.build())
}

/// What every certificate has; the serial number is a random one.
fn start(subject: &Subject, issuer: &X509NameRef, key: &PKey<Private>) -> Result<X509Builder, ErrorStack> {
    let mut serial = BigNum::new()?;
    serial.rand(127, MsbOption::MAYBE_ZERO, false)?;
    let mut builder = X509::builder()?;
    builder.set_version(2)?;
    builder.set_serial_number(Asn1Integer::from_bn(&serial)?.as_ref())?;
    builder.set_subject_name(name(&subject.name)?.as_ref())?;
    builder.set_issuer_name(issuer)?;
    builder.set_pubkey(key)?;
    builder.set_not_before(time(subject.from)?.as_ref())?;
    builder.set_not_after(time(subject.until)?.as_ref())?;
    Ok(builder)
}

fn time(at: SystemTime) -> Result<Asn1Time, ErrorStack> {
    let seconds = at
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs().cast_signed());
    Asn1Time::from_unix(seconds)
}
