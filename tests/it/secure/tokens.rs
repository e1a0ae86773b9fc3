//! Tokens: renewed while a pipeline runs, and what is said where there is none or where it is not wanted.

use std::time::Duration;

use forebay_testcontainers::{Authority, Failure, Load, await_until, process};
use tempfile::TempDir;

use super::faults::try_one;
use super::{OWN, cluster, pipeline, run};
use crate::sensors::event;

pub(crate) const KEYS: &str = ", tls: { ca: <ca> }, allow_insecure: true, auth_timeout: 5s, sasl: { mechanism: oauthbearer, token_url: <token url>, \
                    client_id: app, client_secret: \"${CLIENT_SECRET}\" }";

/// One issuer serves all of these, so they run one behind the other.
#[test]
fn tokens_are_renewed_and_their_faults_named() {
    renewed_while_records_flow();
    let connector = cluster().connector("MOODY", KEYS);
    let wrong = connector.replace("${CLIENT_SECRET}", "wrong-planted");
    let issuer = &cluster().moody;
    faulty(
        &wrong,
        "credentials",
        &["answered 401", "`invalid_client`", "client_secret"],
        3,
    );
    issuer.fail(Some(Failure::ServerError));
    faulty(&connector, "credentials", &["answered 500"], 3);
    issuer.fail(Some(Failure::Malformed));
    faulty(&connector, "credentials", &["no token response", "token_url"], 3);
    issuer.fail(None);
    issuer.audience("somebody-else");
    let named = format!(
        "the token names issuer {} and audience somebody-else",
        issuer.url()
    );
    faulty(&connector, "sasl", &["refused the credentials", &named], 3);
    issuer.audience("forebay");
    an_issuer_behind_tls(&connector);
    let closed = connector.replace(&issuer.token_url(), "http://127.0.0.1:1/token");
    faulty(
        &closed,
        "credentials",
        &["http://127.0.0.1:1/token", "refused"],
        3,
    );
}

/// Over `https`, with an authority of its own: trusted where it is named, and refused where it is not.
fn an_issuer_behind_tls(connector: &str) {
    let (issuer, authority) = (&cluster().moody, Authority::new());
    let https = issuer.https(&authority.server("issuer").issue());
    let ca = format!("token_ca: {}, token_url", authority.ca().display());
    let private = connector.replace(&issuer.token_url(), &https.token_url());
    let (text, _) = try_one("doctor", &[(OWN, &private.replace("token_url", &ca))]);
    assert!(
        !text.contains("failure  credentials") && text.contains("ok       sasl"),
        "{text}"
    );
    faulty(
        &private,
        "credentials",
        &[&https.token_url(), "certificate", "token_ca"],
        3,
    );
    let other = Authority::new();
    let other_ca = format!("token_ca: {}, token_url", other.ca().display());
    faulty(
        &private.replace("token_url", &other_ca),
        "credentials",
        &["certificate", "token_ca"],
        3,
    );
}

fn faulty(connector: &str, step: &str, parts: &[&str], code: i32) {
    // A run asks an issuer that is away again and again before it gives up: once is enough to see that.
    let away = parts[0].contains("500");
    for command in if away { &["doctor"][..] } else { &["doctor", "run"] } {
        let (text, exit) = try_one(command, &[(OWN, connector)]);
        assert!(parts.iter().all(|part| text.contains(part)), "{parts:?}:\n{text}");
        assert!(
            *command == "run" || text.contains(&format!("failure  {step}")),
            "{step}:\n{text}"
        );
        assert_eq!(exit, Some(code), "{text}");
    }
}

fn renewed_while_records_flow() {
    let (kafka, issuer) = (&cluster().kafka, &cluster().moody);
    let (input, output) = (
        kafka.create_topic("tokens-in", 2),
        kafka.create_topic("tokens-out", 2),
    );
    kafka.create_topic("tokens-dead", 1);
    issuer.lifetime(Duration::from_secs(5));
    let folder = TempDir::new().expect("a folder");
    let pipeline = pipeline(
        &folder,
        &[
            (OWN, &cluster().connector("MOODY", KEYS)),
            ("topic: telemetry-scores", "topic: tokens-out"),
            ("topic: telemetry\n", "topic: tokens-in\n"),
            ("topic: telemetry.dead", "topic: tokens-dead"),
            ("group: sensors", "group: tokens"),
        ],
    );
    let mut forebay = run(&pipeline);
    let mut scored = |count: u64| {
        Load::all(kafka.bootstrap(), &input, count, event);
        await_until(Duration::from_secs(60), "every event is scored", || {
            assert!(forebay.try_wait().expect("forebay").is_none(), "forebay ended");
            kafka.committed("tokens", &input) == kafka.end_offsets(&input)
        });
    };
    scored(100);
    let first = issuer.issued();
    // Longer than one token lives, and than the broker lets a connection live without a new one.
    await_until(Duration::from_secs(60), "four more tokens", || {
        issuer.issued() >= first + 4
    });
    scored(100);
    issuer.lifetime(Duration::from_secs(300));
    assert_eq!(kafka.count(&output), 200);
    process::signal(&forebay, libc::SIGTERM);
    assert!(forebay.wait().expect("forebay").success());
}
