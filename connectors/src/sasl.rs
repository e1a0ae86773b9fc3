//! SASL of a Kafka connector: what the pipeline file says, and what it comes to. Which keys a mechanism needs is data.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use forebay_auth::{Mechanism, Oidc, Secret, TokenFile};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::resolved::Login;
use crate::tls::read_pem;
use crate::wrong::Wrong;

/// Who this client says it is.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SaslConfig {
    /// How the brokers want to be told. `doctor` shows what a listener offers.
    pub mechanism: SaslMechanism,
    /// For `plain`, `scram-sha-256` and `scram-sha-512`.
    pub username: Option<String>,
    /// For `plain`, `scram-sha-256` and `scram-sha-512`.
    pub password: Option<Secret>,
    /// For `oauthbearer`, instead of `token_url`: a file that holds the token, which something else renews.
    #[schemars(example = &"/var/run/secrets/kafka/token")]
    pub token_file: Option<String>,
    /// For `oauthbearer`: the token endpoint of the OIDC issuer.
    pub token_url: Option<String>,
    /// For `oauthbearer`: the authorities that may vouch for an `https` issuer: a PEM file, or the PEM text itself. Without
    /// it the system's own.
    pub token_ca: Option<String>,
    /// For `oauthbearer`: who the issuer knows this client as.
    pub client_id: Option<String>,
    /// For `oauthbearer`: what proves it to the issuer.
    pub client_secret: Option<Secret>,
    /// For `oauthbearer`, where the issuer wants one.
    pub scope: Option<String>,
    /// For `oauthbearer`: what the broker wants beside the token, such as `logicalCluster`.
    #[serde(default)]
    pub extensions: BTreeMap<String, String>,
}

/// The SASL mechanisms there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum SaslMechanism {
    #[serde(rename = "plain")]
    Plain,
    #[serde(rename = "scram-sha-256")]
    ScramSha256,
    #[serde(rename = "scram-sha-512")]
    ScramSha512,
    #[serde(rename = "oauthbearer")]
    OauthBearer,
}

const OF_PASSWORDS: &[&str] = &["username", "password"];
const OF_TOKENS: &[&str] = &[
    "token_file",
    "token_url",
    "token_ca",
    "client_id",
    "client_secret",
    "scope",
    "extensions",
];

impl SaslConfig {
    /// Checks that the mechanism's keys, and no others, are there, and reads the named file, relative to `base`.
    /// `clear_text` = secrets may travel unencrypted.
    ///
    /// # Errors
    /// Everything that is wrong, each at its key.
    pub fn resolve(&self, base: &Path, clear_text: bool) -> Result<Login, Vec<Wrong>> {
        let mut wrong = self.misplaced();
        let mechanism = match self.mechanism {
            SaslMechanism::Plain => Mechanism::Plain,
            SaslMechanism::ScramSha256 => Mechanism::ScramSha256,
            SaslMechanism::ScramSha512 => Mechanism::ScramSha512,
            SaslMechanism::OauthBearer => return self.oidc(base, clear_text, wrong),
        };
        let username = needed(&mut wrong, "username", self.username.as_ref());
        let password = needed(&mut wrong, "password", self.password.as_ref());
        if password.is_some_and(|password| password.expose().starts_with(|c: char| c.is_ascii_whitespace())) {
            // librdkafka drops it from every setting.
            let message =
                "begins with a blank, which the Kafka client does not keep: choose another password";
            wrong.push(Wrong::new("sasl/password", message));
        }
        match (username, password) {
            (Some(username), Some(password)) if wrong.is_empty() => Ok(Login::Password {
                mechanism,
                username: username.clone(),
                password: password.clone(),
            }),
            _ => Err(wrong),
        }
    }

    /// Keys that the mechanism does not read.
    fn misplaced(&self) -> Vec<Wrong> {
        let given = [
            ("username", self.username.is_some()),
            ("password", self.password.is_some()),
            ("token_file", self.token_file.is_some()),
            ("token_url", self.token_url.is_some()),
            ("token_ca", self.token_ca.is_some()),
            ("client_id", self.client_id.is_some()),
            ("client_secret", self.client_secret.is_some()),
            ("scope", self.scope.is_some()),
            ("extensions", !self.extensions.is_empty()),
        ];
        let tokens = self.mechanism == SaslMechanism::OauthBearer;
        let (read, others) = if tokens {
            (OF_TOKENS, "plain` and `scram-sha-…")
        } else {
            (OF_PASSWORDS, "oauthbearer")
        };
        given
            .iter()
            .filter(|(key, given)| *given && !read.contains(key))
            .map(|(key, _)| {
                let message = format!(
                    "`{key}` belongs to `{others}`; this mechanism reads: {}",
                    read.join(", ")
                );
                Wrong::new(format!("sasl/{key}"), message)
            })
            .collect()
    }

    fn token_file(&self, file: PathBuf, mut wrong: Vec<Wrong>) -> Result<Login, Vec<Wrong>> {
        let others = [
            ("token_url", self.token_url.is_some()),
            ("client_id", self.client_id.is_some()),
            ("client_secret", self.client_secret.is_some()),
        ];
        for (key, _) in others.iter().filter(|(_, given)| *given) {
            let message =
                format!("`{key}` asks an issuer, and `token_file` does without one: keep one of both ways");
            wrong.push(Wrong::new(format!("sasl/{key}"), message));
        }
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let extensions = self.extensions.clone().into_iter().collect();
        Ok(Login::Token(Arc::new(TokenFile::new(file, extensions))))
    }

    fn extensions_wrong(&self, wrong: &mut Vec<Wrong>) {
        for (name, value) in &self.extensions {
            // RFC 7628 section 3.1; `auth` is the token's own.
            if name == "auth" || name.is_empty() || !name.chars().all(|c| c.is_ascii_alphabetic()) {
                let message = format!("`{name}` is no name of an extension: letters only, and not `auth`");
                wrong.push(Wrong::new(format!("sasl/extensions/{name}"), message));
            }
            if !value
                .bytes()
                .all(|b| matches!(b, b' '..=b'~' | b'\t' | b'\r' | b'\n'))
            {
                let message = "an extension's value is printable ASCII";
                wrong.push(Wrong::new(format!("sasl/extensions/{name}"), message));
            }
        }
    }

    fn oidc(&self, base: &Path, clear_text: bool, mut wrong: Vec<Wrong>) -> Result<Login, Vec<Wrong>> {
        self.extensions_wrong(&mut wrong);
        if let Some(file) = &self.token_file {
            return self.token_file(base.join(file), wrong);
        }
        let url = needed(&mut wrong, "token_url", self.token_url.as_ref());
        let id = needed(&mut wrong, "client_id", self.client_id.as_ref());
        let secret = needed(&mut wrong, "client_secret", self.client_secret.as_ref());
        if let Some(url) = url {
            let at = "sasl/token_url";
            if !url.starts_with("https://") && !url.starts_with("http://") {
                wrong.push(Wrong::new(
                    at,
                    "not a URL such as https://issuer.example/oauth/token",
                ));
            } else if url.starts_with("http://") && !clear_text {
                let message = "the client's secret would travel in clear text: write https://, or set \
                               `allow_insecure: true` on the connector";
                wrong.push(Wrong::new(at, message));
            }
        }
        let ca = self.token_ca.as_deref();
        let ca = ca.map(|ca| read_pem(base, ca, "CERTIFICATE")).transpose();
        let ca = ca.unwrap_or_else(|message| {
            wrong.push(Wrong::new("sasl/token_ca", message));
            None
        });
        let (Some(url), Some(id), Some(secret), true) = (url, id, secret, wrong.is_empty()) else {
            return Err(wrong);
        };
        let extensions = self.extensions.clone().into_iter().collect();
        Oidc::new(
            url.clone(),
            ca.as_deref(),
            id.clone(),
            secret.clone(),
            self.scope.clone(),
            extensions,
        )
        .map(|oidc| Login::Token(Arc::new(oidc)))
        .map_err(|e| vec![Wrong::new("sasl/token_ca", e.to_string())])
    }
}

fn needed<'a, T>(wrong: &mut Vec<Wrong>, key: &str, value: Option<&'a T>) -> Option<&'a T> {
    if value.is_none() {
        wrong.push(Wrong::new(
            "sasl",
            format!("the key `{key}` is missing for this mechanism"),
        ));
    }
    value
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn resolve(sasl: Value, clear_text: bool) -> Result<Login, Vec<Wrong>> {
        serde_json::from_value::<SaslConfig>(sasl)
            .expect("fits")
            .resolve(Path::new("/nowhere"), clear_text)
    }

    fn wrong(sasl: Value) -> Vec<String> {
        let wrong = resolve(sasl, false).expect_err("something is wrong");
        wrong
            .into_iter()
            .map(|w| format!("{}: {}", w.key, w.message))
            .collect()
    }

    #[test]
    fn passwords_and_tokens() {
        let login = resolve(
            json!({ "mechanism": "scram-sha-512", "username": "app", "password": "planted" }),
            false,
        );
        let login = login.expect("fits");
        assert!(!format!("{login:?}").contains("planted"));
        assert!(matches!(
            login,
            Login::Password {
                mechanism: Mechanism::ScramSha512,
                ..
            }
        ));
        let token = json!({ "mechanism": "oauthbearer", "token_url": "http://x/t", "client_id": "a", "client_secret": "b" });
        assert!(matches!(resolve(token, true), Ok(Login::Token(_))));
        let file = json!({ "mechanism": "oauthbearer", "token_file": "token" });
        let login = resolve(file, false).expect("fits");
        assert!(format!("{login:?}").contains("/nowhere/token"), "{login:?}");
        let both = wrong(json!({ "mechanism": "oauthbearer", "token_file": "token", "client_id": "a" }));
        assert!(both[0].contains("keep one of both ways"), "{both:?}");
    }

    #[test]
    fn what_is_missing_or_misplaced_is_named() {
        let all = wrong(json!({ "mechanism": "plain", "client_id": "a" }));
        assert_eq!(all.len(), 3, "{all:?}");
        assert!(
            all[0].starts_with("sasl/client_id: `client_id` belongs to `oauthbearer`"),
            "{all:?}"
        );
        assert!(
            all[1].contains("`username`") && all[2].contains("`password`"),
            "{all:?}"
        );
        let all = wrong(json!({ "mechanism": "plain", "username": "a", "password": " planted" }));
        assert!(
            all.len() == 1 && all[0].contains("blank") && !all[0].contains("planted"),
            "{all:?}"
        );
        let all = wrong(
            json!({ "mechanism": "oauthbearer", "token_url": "http://x/t", "client_id": "a",
            "client_secret": "b", "password": "c", "extensions": { "auth": "x", "logicalCluster": "ü" } }),
        );
        assert_eq!(all.len(), 4, "{all:?}");
        assert!(all[0].contains("this mechanism reads: token_file"), "{all:?}");
        assert!(
            all[1].contains("`auth`") && all[2].contains("ASCII") && all[3].contains("clear text"),
            "{all:?}"
        );
    }
}
