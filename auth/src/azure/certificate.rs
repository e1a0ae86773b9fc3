//! A client certificate from a file, in the form that Azure's library takes: PKCS#12.

use std::path::Path;

use openssl::pkcs12::Pkcs12;
use openssl::pkey::PKey;
use openssl::stack::Stack;
use openssl::x509::X509;

use crate::{AuthError, Secret};

/// PKCS#12 without a password, whatever the file is.
pub(super) fn read(path: &Path, password: Option<&Secret>) -> Result<Vec<u8>, AuthError> {
    let refused =
        |what: &str| AuthError::refused(format!("read the client certificate {}: {what}", path.display()));
    let bytes = std::fs::read(path).map_err(|e| refused(&e.kind().to_string()))?;
    let password = password.map_or("", Secret::expose);
    let is_pem = bytes.windows(11).any(|part| part == b"-----BEGIN ");
    let (key, certificate, chain) = if is_pem {
        let key = PKey::private_key_from_pem_passphrase(&bytes, password.as_bytes());
        let key = key.map_err(|_| {
            refused("it holds no private key that `password` opens; key and certificate go into one file")
        })?;
        let mut all = X509::stack_from_pem(&bytes).map_err(|_| refused("it holds no certificate"))?;
        if all.is_empty() {
            return Err(refused(
                "it holds no certificate; key and certificate go into one file",
            ));
        }
        (key, all.remove(0), all)
    } else {
        let store = Pkcs12::from_der(&bytes).and_then(|store| store.parse2(password));
        let store = store.map_err(|_| refused("it is neither PEM nor PKCS#12 that `password` opens"))?;
        let (Some(key), Some(certificate)) = (store.pkey, store.cert) else {
            return Err(refused("it holds no certificate with a key"));
        };
        (
            key,
            certificate,
            store.ca.map(|all| all.into_iter().collect()).unwrap_or_default(),
        )
    };
    let made = || {
        let mut others = Stack::new()?;
        for one in chain {
            others.push(one)?;
        }
        let mut builder = Pkcs12::builder();
        builder.pkey(&key).cert(&certificate).ca(others);
        builder.build2("")?.to_der()
    };
    made().map_err(|_: openssl::error::ErrorStack| refused("it cannot be used"))
}
