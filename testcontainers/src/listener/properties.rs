//! The broker properties that make a listener. It knows Kafka's names for things.

use super::{Listener, Mechanism, Tokens};
use crate::authority::Certificate;
use crate::jaas::{self, User};
use crate::settings::Property;

impl Listener {
    /// The listener's broker properties; `certificate` is the cluster's own, for those that name none.
    pub(crate) fn properties(&self, certificate: Option<&Certificate>, users: &[User]) -> Vec<Property> {
        let mut all = Vec::new();
        if let Some(certificate) = self.certificate.as_ref().or(certificate).filter(|_| self.tls) {
            all.extend(self.tls_properties(certificate));
        }
        all.extend(self.sasl_properties(users));
        let own = self.properties.iter().cloned();
        all.extend(own);
        let prefix = format!("listener.name.{}.", self.name.to_lowercase());
        all.into_iter()
            .map(|(name, value)| (format!("{prefix}{name}"), value))
            .collect()
    }

    fn tls_properties(&self, certificate: &Certificate) -> Vec<Property> {
        let mut all = vec![
            property("ssl.keystore.type", "PEM"),
            property("ssl.keystore.location", certificate.keystore().display()),
        ];
        if let Some(clients) = &self.clients {
            let authority = clients.as_ref().unwrap_or(certificate.authority());
            all.push(property("ssl.client.auth", "required"));
            all.push(property("ssl.truststore.type", "PEM"));
            all.push(property("ssl.truststore.location", authority.ca().display()));
        }
        all
    }

    fn sasl_properties(&self, users: &[User]) -> Vec<Property> {
        if !self.uses_sasl() {
            return Vec::new();
        }
        let mut names: Vec<&str> = self.mechanisms.iter().map(|m| m.name()).collect();
        let mut all = Vec::new();
        for mechanism in &self.mechanisms {
            let line = match mechanism {
                Mechanism::Plain => jaas::plain(users),
                Mechanism::ScramSha256 | Mechanism::ScramSha512 => jaas::SCRAM.to_string(),
            };
            let name = format!("{}.sasl.jaas.config", mechanism.name().to_lowercase());
            all.push((name, line));
        }
        if let Some(tokens) = &self.tokens {
            names.push("OAUTHBEARER");
            all.extend(tokens.properties());
        }
        if let Some(within) = self.reauthenticate {
            let name = |mechanism: &&str| format!("{}.connections.max.reauth.ms", mechanism.to_lowercase());
            all.extend(names.iter().map(|m| (name(m), within.as_millis().to_string())));
        }
        all.push(property("sasl.enabled.mechanisms", names.join(",")));
        all
    }
}

impl Tokens {
    fn properties(&self) -> Vec<Property> {
        let handler = "org.apache.kafka.common.security.oauthbearer.OAuthBearerValidatorCallbackHandler";
        let validator = "org.apache.kafka.common.security.oauthbearer.BrokerJwtValidator";
        vec![
            property("oauthbearer.sasl.server.callback.handler.class", handler),
            property("oauthbearer.sasl.jaas.config", jaas::OAUTHBEARER),
            // Left to choose, Kafka 4.1 takes any token here, whoever signed it.
            property("sasl.oauthbearer.jwt.validator.class", validator),
            property("sasl.oauthbearer.jwks.endpoint.url", &self.keys),
            property("sasl.oauthbearer.expected.issuer", &self.issuer),
            property("sasl.oauthbearer.expected.audience", &self.audience),
        ]
    }
}

fn property(name: &str, value: impl ToString) -> Property {
    (name.to_string(), value.to_string())
}
