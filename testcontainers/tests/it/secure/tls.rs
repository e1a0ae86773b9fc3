//! TLS: who is trusted, for which name, until when, and what clients must show.

use forebay_testcontainers::{Authority, Certificate};
use rdkafka::ClientConfig;

use super::{client, cluster, refused, round_trip, set_path};

fn with(certificate: &Certificate, encrypted: bool) -> ClientConfig {
    let mut config = client("MTLS", "ssl");
    set_path(&mut config, "ssl.certificate.location", &certificate.chain());
    if encrypted {
        set_path(&mut config, "ssl.key.location", &certificate.encrypted_key());
        config.set("ssl.key.password", Certificate::PASSPHRASE);
    } else {
        set_path(&mut config, "ssl.key.location", &certificate.key());
    }
    config
}

#[test]
fn a_trusted_server_is_reached_by_name_and_by_address() {
    let mut config = client("TLS", "ssl");
    round_trip(&config, None, "tls");
    let address = cluster().address("TLS").replace("localhost", "127.0.0.1");
    config.set("bootstrap.servers", address);
    round_trip(&config, None, "tls-address");
}

#[test]
fn a_client_shows_its_certificate() {
    let app = cluster().authority().client("app").issue();
    round_trip(&with(&app, false), None, "mtls");
    round_trip(&with(&app, true), None, "mtls-encrypted-key");
}

#[test]
fn a_client_without_a_certificate_or_with_a_bad_one_is_refused() {
    refused(&client("MTLS", "ssl"), None, &["BrokerTransportFailure"]);
    let strange = Authority::new().client("app").issue();
    refused(&with(&strange, false), None, &["BrokerTransportFailure"]);
    let expired = cluster().authority().client("late").expired().issue();
    refused(&with(&expired, false), None, &["BrokerTransportFailure"]);
}

#[test]
fn a_server_that_cannot_be_trusted_is_refused() {
    for listener in ["EXPIRED", "EARLY", "OTHER"] {
        refused(
            &client(listener, "ssl"),
            None,
            &["SSL", "certificate verify failed"],
        );
    }
    let mut config = client("TLS", "ssl");
    let other = Authority::new();
    set_path(&mut config, "ssl.ca.location", &other.ca());
    refused(&config, None, &["SSL", "certificate verify failed"]);
}

#[test]
fn a_server_of_another_name_is_refused_unless_names_do_not_matter() {
    let mut config = client("ELSEWHERE", "ssl");
    refused(&config, None, &["SSL"]);
    config.set("ssl.endpoint.identification.algorithm", "none");
    round_trip(&config, None, "tls-elsewhere");
}
