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
            let line = match (mechanism, &self.handler) {
                (Mechanism::Plain, Some(handler)) => {
                    all.push(property(
                        "plain.sasl.server.callback.handler.class",
                        handler.class,
                    ));
                    jaas::line(jaas::PLAIN, &handler.options)
                }
                (Mechanism::Plain, None) => jaas::plain(users),
                (Mechanism::ScramSha256 | Mechanism::ScramSha512, _) => jaas::SCRAM.to_string(),
            };
            let name = format!("{}.sasl.jaas.config", mechanism.name().to_lowercase());
            all.push((name, line));
        }
        if self.mechanisms.is_empty() {
            names.push("OAUTHBEARER");
            all.extend(self.token_properties());
        }
        if let Some(within) = self.reauthenticate {
            let name = |mechanism: &&str| format!("{}.connections.max.reauth.ms", mechanism.to_lowercase());
            all.extend(names.iter().map(|m| (name(m), within.as_millis().to_string())));
        }
        all.push(property("sasl.enabled.mechanisms", names.join(",")));
        all
    }
}

impl Listener {
    fn token_properties(&self) -> Vec<Property> {
        let stock = "org.apache.kafka.common.security.oauthbearer.OAuthBearerValidatorCallbackHandler";
        let (class, options): (_, &[Property]) = match &self.handler {
            Some(handler) => (handler.class, &handler.options),
            None => (stock, &[]),
        };
        let mut all = vec![
            property("oauthbearer.sasl.server.callback.handler.class", class),
            property(
                "oauthbearer.sasl.jaas.config",
                jaas::line(jaas::OAUTHBEARER, options),
            ),
        ];
        if !options.is_empty() {
            // Kafka's own takes options for those of a token that the broker should show to others.
            let class = "forebay.NoLogin";
            all.push(property("oauthbearer.sasl.login.callback.handler.class", class));
        }
        all.extend(self.tokens.iter().flat_map(Tokens::properties));
        all
    }
}

impl Tokens {
    fn properties(&self) -> Vec<Property> {
        let validator = "org.apache.kafka.common.security.oauthbearer.BrokerJwtValidator";
        vec![
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
