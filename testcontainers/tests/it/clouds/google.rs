//! Google's Kafka: tokens of three parts, whose last one is the metadata server's.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use forebay_testcontainers::{GoogleKafka, Operation, Outage, Resource, await_until};
use rdkafka::ClientConfig;
use serde_json::{Value, json};

use super::ask::{Answer, ask};
use super::sasl::Connection;
use super::{believed, variable};
use crate::secure::attempt::{read, write};

/// The cluster, for one test at a time.
pub(super) fn alone() -> MutexGuard<'static, GoogleKafka> {
    static GOOGLE: OnceLock<Mutex<GoogleKafka>> = OnceLock::new();
    let google = GOOGLE.get_or_init(|| Mutex::new(GoogleKafka::builder().authorizer().start()));
    let google = google.lock().unwrap_or_else(PoisonError::into_inner);
    // A test that failed has not mended it.
    google.metadata().fail(None);
    google
}

fn get(google: &GoogleKafka, what: &str, headers: &[(&str, &str)]) -> Answer {
    let host = variable(&google.environment(), "GCE_METADATA_HOST");
    let url = format!("http://{host}/computeMetadata/v1/instance/service-accounts/default/{what}");
    ask(&url, "GET", headers, "")
}

const FLAVOR: &[(&str, &str)] = &[("Metadata-Flavor", "Google")];

fn access_token(google: &GoogleKafka) -> String {
    let answer = get(google, "token", FLAVOR).json();
    answer["access_token"].as_str().expect("a token").into()
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("a clock")
        .as_secs()
}

fn claims(google: &GoogleKafka) -> Value {
    let account = google.service_account();
    json!({ "exp": now() + 3600, "iss": "Google", "iat": now(), "scope": "kafka", "sub": account })
}

fn header() -> Value {
    json!({ "typ": "JWT", "alg": "GOOG_OAUTH2_TOKEN" })
}

fn token(header: &Value, claims: &Value, access: &str) -> String {
    let part = |text: String| URL_SAFE_NO_PAD.encode(text);
    [
        part(header.to_string()),
        part(claims.to_string()),
        part(access.into()),
    ]
    .join(".")
}

fn show(google: &GoogleKafka, token: &str) -> Result<i64, String> {
    Connection::open(&google.bootstrap(), &google.ca()).bearer(token, &[])
}

#[test]
fn a_token_of_three_parts_opens_the_cluster_as_the_account() {
    let google = alone();
    let topic = google.kafka().create_topic("google", 1);
    let principal = format!("User:{}", google.service_account());
    google
        .kafka()
        .allow(&principal, Operation::All, Resource::Topic(&topic));
    google
        .kafka()
        .allow(&principal, Operation::Read, Resource::Group("app"));
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", google.bootstrap())
        .set("broker.address.family", "v4")
        .set("security.protocol", "SASL_SSL")
        .set("ssl.ca.location", google.ca().display().to_string())
        .set("sasl.mechanism", "OAUTHBEARER")
        .set("group.id", "app")
        .set("log_level", "0");
    let token = token(&header(), &claims(&google), &access_token(&google));
    let token = || believed(token.clone());
    write(&config, token(), &topic).expect("write");
    assert_eq!(read(&config, token(), &topic).as_deref(), Ok("written"));
}

#[test]
fn a_token_that_is_not_googles_is_refused_with_the_reason_in_the_log() {
    let google = alone();
    let access = access_token(&google);
    let with = |claim: &str, value: Value| {
        let mut claims = claims(&google);
        claims[claim] = value;
        token(&header(), &claims, &access)
    };
    let good = token(&header(), &claims(&google), &access);
    assert!(show(&google, &good).is_ok());
    let (signed, _) = good.rsplit_once('.').expect("parts");
    for (token, reason) in [
        (
            token(
                &json!({ "typ": "JWT", "alg": "RS256" }),
                &claims(&google),
                &access,
            ),
            "its alg is not GOOG_OAUTH2_TOKEN",
        ),
        (with("iss", json!("Other")), "its iss is not Google"),
        (with("scope", json!("email")), "its scope is not kafka"),
        (
            with("sub", json!("other@example.com")),
            "its subject is not the account whose access token it carries",
        ),
        (with("exp", json!(now() - 1)), "it has expired"),
        (with("exp", json!("soon")), "its exp is not a number"),
        (with("iat", json!(now() + 600)), "it was issued in the future"),
        (
            token(&header(), &claims(&google), "ya29.guess"),
            "its access token is not known",
        ),
        (signed.to_string(), "it has 2 parts, not three"),
        (format!("x{good}"), "its header is not"),
    ] {
        let said = show(&google, &token).expect_err("refused");
        assert_eq!(said, r#"{"status":"invalid_token"}"#, "{reason}");
        let hash = super::aws::hex(&openssl::sha::sha256(token.as_bytes())[..6]);
        let line = format!("refused the token {hash}: {reason}");
        await_until(Duration::from_secs(10), &line, || {
            google.kafka().log(0).contains(&line)
        });
    }
}

#[test]
fn an_access_token_lasts_as_long_as_told() {
    let google = alone();
    google.lifetime(Duration::from_secs(2));
    let short = get(&google, "token", FLAVOR).json();
    assert_eq!(
        (&short["expires_in"], &short["token_type"]),
        (&json!(2), &json!("Bearer"))
    );
    google.lifetime(Duration::from_secs(3599));
    let access = short["access_token"].as_str().expect("a token");
    let token_of = |access: &str| token(&header(), &claims(&google), access);
    await_until(Duration::from_secs(10), "it expires", || {
        show(&google, &token_of(access)).is_err()
    });
    google.metadata().fail(Some(Outage::Expired));
    let expired = access_token(&google);
    google.metadata().fail(None);
    assert!(show(&google, &token_of(&expired)).is_err());
    assert!(show(&google, &token_of(&access_token(&google))).is_ok());
}

#[test]
fn the_metadata_server_answers_who_sends_its_header() {
    let google = alone();
    let email = get(&google, "email", FLAVOR);
    assert_eq!(
        (email.status, email.header("metadata-flavor")),
        (200, Some("Google"))
    );
    assert_eq!(email.body, google.service_account());
    let account = get(&google, "?recursive=true", FLAVOR).json();
    assert_eq!(account["email"], json!(google.service_account()));
    for what in ["email", "token", ""] {
        assert_eq!(get(&google, what, &[]).status, 403, "{what}");
        assert_eq!(
            get(&google, what, &[("Metadata-Flavor", "Other")]).status,
            403,
            "{what}"
        );
    }
    assert_eq!(get(&google, "other", FLAVOR).status, 404);
}
