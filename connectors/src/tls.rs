//! TLS of a Kafka connector: what the pipeline file says, and what it comes to. Files are read here, once, so that every
//! mistake has a name before anything connects; keys never leave as text that prints.

use std::fs;
use std::path::Path;

use forebay_auth::Secret;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::wrong::Wrong;

/// How brokers and this client prove who they are.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// The authorities that may vouch for a broker: a PEM file, or the PEM text itself. Without it the system's own.
    pub ca: Option<String>,
    /// The client's certificate with its chain: a PEM file, or the PEM text itself.
    pub certificate: Option<String>,
    /// The key of `certificate`: a PEM file, or the PEM text itself.
    pub key: Option<Secret>,
    /// Opens an encrypted `key`.
    pub key_password: Option<Secret>,
    /// Whether a broker's certificate must name the host that was asked for.
    #[serde(default = "yes")]
    pub check_host_name: bool,
}

fn yes() -> bool {
    true
}

/// Who vouches for the brokers of a cloud, where it is not an authority that the system knows.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CaConfig {
    /// The authorities that may vouch for a broker: a PEM file, or the PEM text itself. Without it the system's own. HTTP
    /// services of the cloud are not asked with it: for those `SSL_CERT_FILE` names authorities.
    pub ca: Option<String>,
}

impl CaConfig {
    /// TLS with a cloud's brokers: the system's authorities where `tls` names no other.
    ///
    /// # Errors
    /// Where the named file cannot be used.
    pub(crate) fn trusted(tls: Option<&Self>, base: &Path) -> Result<Tls, Vec<Wrong>> {
        let config = TlsConfig {
            ca: tls.and_then(|tls| tls.ca.clone()),
            certificate: None,
            key: None,
            key_password: None,
            check_host_name: true,
        };
        config.resolve(base)
    }
}

/// TLS as the client takes it: PEM texts.
#[derive(Clone, Debug)]
pub struct Tls {
    pub ca: Option<String>,
    pub identity: Option<Identity>,
    pub check_host_name: bool,
}

/// A client certificate and its key.
#[derive(Clone, Debug)]
pub struct Identity {
    pub certificate: String,
    pub key: Secret,
    pub key_password: Option<Secret>,
}

impl TlsConfig {
    /// Reads the named files, relative to `base`.
    ///
    /// # Errors
    /// Everything that is wrong, each at its key.
    pub fn resolve(&self, base: &Path) -> Result<Tls, Vec<Wrong>> {
        let mut wrong = Vec::new();
        let mut pem = |key: &str, text: Option<&str>, label: &str| {
            let read = text.map(|text| read_pem(base, text, label)).transpose();
            read.unwrap_or_else(|message| {
                wrong.push(Wrong::new(format!("tls/{key}"), message));
                None
            })
        };
        let ca = pem("ca", self.ca.as_deref(), "CERTIFICATE");
        let certificate = pem("certificate", self.certificate.as_deref(), "CERTIFICATE");
        let key = pem("key", self.key.as_ref().map(Secret::expose), "PRIVATE KEY");
        match (&self.certificate, &self.key) {
            (Some(_), None) => wrong.push(Wrong::new(
                "tls/certificate",
                "a client certificate without its key: add `key`",
            )),
            (None, Some(_)) => wrong.push(Wrong::new(
                "tls/key",
                "a key without its client certificate: add `certificate`",
            )),
            _ => {}
        }
        if let (None, Some(key)) = (&self.key_password, &key)
            && key.contains("ENCRYPTED")
        {
            let message = "the key is encrypted: add `key_password`";
            wrong.push(Wrong::new("tls/key", message));
        }
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let identity = certificate.zip(key).map(|(certificate, key)| Identity {
            certificate,
            key: key.into(),
            key_password: self.key_password.clone(),
        });
        Ok(Tls {
            ca,
            identity,
            check_host_name: self.check_host_name,
        })
    }
}

/// PEM text as it stands, or what a file holds. A text that is neither is not shown: it may be a key.
pub(crate) fn read_pem(base: &Path, text: &str, label: &str) -> Result<String, String> {
    let inline = text.trim_start().starts_with("-----BEGIN");
    let shown = if inline || text.lines().count() > 1 {
        "the text".to_owned()
    } else {
        format!("`{text}`")
    };
    let pem = if inline {
        text.to_owned()
    } else {
        fs::read_to_string(base.join(text)).map_err(|e| {
            format!(
                "read {shown}: {}; a path is relative to the pipeline file, PEM text begins with `-----BEGIN`",
                e.kind()
            )
        })?
    };
    let has = |marker: &str| {
        pem.lines()
            .any(|line| line.starts_with("-----BEGIN ") && line.contains(marker))
    };
    if has(label) {
        return Ok(pem);
    }
    let found = if has("CERTIFICATE") {
        "it holds a certificate"
    } else if has("PRIVATE KEY") {
        "it holds a key"
    } else {
        "it is not PEM"
    };
    let article = if label == "CERTIFICATE" {
        "a certificate"
    } else {
        "a private key"
    };
    Err(format!(
        "{shown} holds no `{label}` in PEM form, {article} is needed here: {found}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n";
    const KEY: &str = "-----BEGIN PRIVATE KEY-----\nplanted\n-----END PRIVATE KEY-----\n";
    const LOCKED: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAA==\n-----END ENCRYPTED PRIVATE KEY-----\n";

    fn config(ca: Option<&str>, certificate: Option<&str>, key: Option<&str>) -> TlsConfig {
        TlsConfig {
            ca: ca.map(str::to_owned),
            certificate: certificate.map(str::to_owned),
            key: key.map(Secret::from),
            key_password: None,
            check_host_name: true,
        }
    }

    fn wrong(config: &TlsConfig) -> Vec<(String, String)> {
        let wrong = config
            .resolve(Path::new("/nowhere"))
            .expect_err("something is wrong");
        wrong.into_iter().map(|w| (w.key, w.message)).collect()
    }

    #[test]
    fn text_and_files_are_read() {
        let folder = std::env::temp_dir().join(format!("forebay-tls-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("folder");
        fs::write(folder.join("ca.pem"), CERTIFICATE).expect("write");
        let tls = config(Some("ca.pem"), Some(CERTIFICATE), Some(KEY)).resolve(&folder);
        fs::remove_dir_all(&folder).expect("remove");
        let tls = tls.expect("all fits");
        assert_eq!(tls.ca.as_deref(), Some(CERTIFICATE));
        assert_eq!(tls.identity.expect("identity").key.expose(), KEY);
    }

    #[test]
    fn every_mistake_is_named_at_its_key_and_no_key_is_shown() {
        let all = wrong(&config(Some("absent.pem"), Some(KEY), Some("planted\nplanted")));
        let keys: Vec<&str> = all.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys, ["tls/ca", "tls/certificate", "tls/key"]);
        assert!(all[0].1.contains("`absent.pem`"), "{all:?}");
        assert!(all[1].1.contains("it holds a key"), "{all:?}");
        assert!(!format!("{all:?}").contains("planted"), "{all:?}");
        assert!(
            wrong(&config(None, Some(CERTIFICATE), None))[0]
                .1
                .contains("without its key")
        );
        assert!(
            wrong(&config(None, None, Some(KEY)))[0]
                .1
                .contains("without its client certificate")
        );
        assert!(
            wrong(&config(None, Some(CERTIFICATE), Some(LOCKED)))[0]
                .1
                .contains("key_password")
        );
    }
}
