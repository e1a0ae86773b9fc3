//! Passwords, with TLS and without.

use std::time::Duration;

use forebay_testcontainers::{Connections, await_until};
use rdkafka::ClientConfig;

use super::{ALL, USER, client, cluster, refused, round_trip};

pub(super) fn user(
    listener: &str,
    protocol: &str,
    mechanism: &str,
    (name, password): (&str, &str),
) -> ClientConfig {
    let mut config = client(listener, protocol);
    config
        .set("sasl.mechanism", mechanism)
        .set("sasl.username", name)
        .set("sasl.password", password);
    config
}

#[test]
fn a_password_of_any_letters_opens_every_mechanism() {
    for mechanism in ALL {
        let name = mechanism.name();
        round_trip(
            &user("SECURE", "sasl_ssl", name, USER),
            None,
            &format!("secure-{name}"),
        );
        round_trip(
            &user("OPEN", "sasl_plaintext", name, USER),
            None,
            &format!("open-{name}"),
        );
    }
}

#[test]
fn a_wrong_password_or_an_unknown_user_is_refused() {
    for mechanism in ALL {
        for wrong in [(USER.0, "guess"), ("nobody", USER.1)] {
            let config = user("SECURE", "sasl_ssl", mechanism.name(), wrong);
            refused(&config, None, &["Authentication"]);
        }
    }
}

#[test]
fn a_password_is_not_asked_for_elsewhere() {
    let config = user("TLS", "sasl_ssl", "PLAIN", USER);
    refused(&config, None, &["supported mechanisms"]);
}

#[test]
fn a_listener_s_connections_are_counted_by_the_broker() {
    let counted = || cluster().connections("COUNTED");
    // Whoever waited for the port connected, and said nothing.
    let before = counted();
    assert_eq!(
        before,
        Connections {
            opened: before.opened,
            ..Connections::default()
        }
    );
    let (right, wrong) = (USER, (USER.0, "guess"));
    round_trip(
        &user("COUNTED", "sasl_plaintext", "PLAIN", right),
        None,
        "counted",
    );
    let after = counted();
    let opened = after.opened - before.opened;
    assert!(
        opened > 0 && after.authenticated == opened,
        "{before:?}, {after:?}"
    );
    assert_eq!((after.refused, after.reauthenticated), (0, 0), "{after:?}");
    refused(
        &user("COUNTED", "sasl_plaintext", "PLAIN", wrong),
        None,
        &["Authentication"],
    );
    await_until(Duration::from_secs(20), "a refusal is counted", || {
        counted().refused > 0
    });
}
