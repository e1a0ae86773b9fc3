//! Tokens: what the issuer hands out opens a listener, everything else does not; and the issuer's own failures.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use forebay_testcontainers::{Failure, Issuer, TokenRequest, await_until};
use rdkafka::ClientConfig;
use rdkafka::producer::Producer as _;
use serde_json::{Value, json};

use super::attempt::producer;
use super::{client, issuer, refused, round_trip};

/// The status and the body of an answer.
fn post(issuer: &Issuer, authorization: Option<&str>, form: &str) -> (u16, String) {
    let host = issuer.url().trim_start_matches("http://");
    let mut stream = TcpStream::connect(host).expect("connect to the issuer");
    let header = authorization.map_or(String::new(), |value| format!("Authorization: {value}\r\n"));
    let length = form.len();
    write!(
        stream,
        "POST /token HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{header}\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n{form}"
    )
    .expect("ask the issuer");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("the issuer's answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.expect("a status"), body.to_string())
}

const FORM: &str = "grant_type=client_credentials&client_id=app&client_secret=s%26cret&scope=one+two";

fn token(issuer: &Issuer) -> String {
    let (status, body) = post(issuer, None, FORM);
    assert_eq!(status, 200);
    let answer: Value = serde_json::from_str(&body).expect("JSON");
    answer["access_token"].as_str().expect("a token").to_string()
}

fn started() -> Issuer {
    let issuer = Issuer::start();
    issuer.client("app", "s&cret");
    issuer
}

/// A token as a client passes it on, which believes in it for an hour.
fn believed(token: String) -> Option<(String, i64)> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock");
    Some((token, (now.as_millis() as i64) + 3_600_000))
}

fn bearer(listener: &str, protocol: &str) -> ClientConfig {
    let mut config = client(listener, protocol);
    config.set("sasl.mechanism", "OAUTHBEARER");
    config
}

#[test]
fn a_token_of_the_endpoint_opens_both_listeners() {
    issuer().client("app", "s&cret");
    let config = bearer("OAUTH", "sasl_plaintext");
    round_trip(&config, believed(token(issuer())), "oauth");
    let config = bearer("OAUTHTLS", "sasl_ssl");
    round_trip(&config, believed(token(issuer())), "oauth-tls");
}

#[test]
fn a_token_of_another_issuer_or_for_another_audience_or_an_expired_one_is_refused() {
    let config = bearer("OAUTH", "sasl_plaintext");
    let words = &["Authentication", "invalid_token"];
    refused(&config, believed(Issuer::start().token("app")), words);
    for (claim, value) in [
        ("aud", json!("others")),
        ("exp", json!(1_700_000_000)),
        ("iss", json!("http://other")),
    ] {
        let mut claims = issuer().claims("app");
        claims[claim] = value;
        refused(&config, believed(issuer().sign(&claims)), words);
    }
}

#[test]
fn a_client_whose_token_expires_is_asked_again_and_refused() {
    // First: the cluster starts here, which takes longer than the token lasts.
    let config = bearer("SHORT", "sasl_plaintext");
    let mut claims = issuer().claims("app");
    let begin = claims["iat"].as_u64().expect("a time");
    claims["exp"] = json!(begin + 3);
    let producer = producer(&config, believed(issuer().sign(&claims))).expect("a producer");
    let seen = producer.context();
    let mut connected = None;
    await_until(Duration::from_secs(20), "the client is refused", || {
        producer.poll(Duration::from_millis(10));
        if connected.is_none()
            && producer
                .client()
                .fetch_metadata(None, Duration::from_millis(100))
                .is_ok()
        {
            connected = Some(seen.errors());
        }
        seen.errors()
            .is_err_and(|errors| errors.contains("invalid_token"))
    });
    assert_eq!(connected, Some(Ok(())), "it was taken first");
}

#[test]
fn the_endpoint_takes_credentials_in_the_header_and_in_the_body() {
    let issuer = started();
    let basic = "Basic YXBwOnMlMjZjcmV0"; // app:s%26cret
    let (status, body) = post(&issuer, Some(basic), "grant_type=client_credentials");
    assert_eq!(status, 200, "{body}");
    let token = token(&issuer);
    assert_eq!(token.split('.').count(), 3);
    let request = |basic, scope: Option<&str>| TokenRequest {
        client: "app".into(),
        basic,
        scope: scope.map(Into::into),
        status: 200,
    };
    assert_eq!(
        issuer.requests(),
        [request(true, None), request(false, Some("one two"))]
    );
    assert_eq!(issuer.issued(), 2);
}

#[test]
fn the_endpoint_refuses_strangers_and_other_grants() {
    let issuer = started();
    for (form, status, word) in [
        (FORM.replace("s%26cret", "guess"), 401, "invalid_client"),
        (FORM.replace("=app", "=nobody"), 401, "invalid_client"),
        (
            FORM.replace("client_credentials", "password"),
            400,
            "unsupported_grant_type",
        ),
    ] {
        let answer = post(&issuer, None, &form);
        assert!(
            answer.0 == status && answer.1.contains(word),
            "{form}: {answer:?}"
        );
    }
    assert_eq!(issuer.issued(), 0);
}

#[test]
fn the_endpoint_fails_as_told_and_recovers() {
    let issuer = started();
    for (failure, status) in [
        (Failure::InvalidClient, 401),
        (Failure::ServerError, 500),
        (Failure::Malformed, 200),
    ] {
        issuer.fail(Some(failure));
        let (found, body) = post(&issuer, None, FORM);
        assert_eq!(found, status, "{failure:?}");
        let answer: Value = serde_json::from_str(&body).unwrap_or_default();
        assert!(answer["access_token"].is_null(), "{failure:?}: {body}");
    }
    let begin = Instant::now();
    issuer.fail(Some(Failure::Slow(Duration::from_millis(300))));
    token(&issuer);
    assert!(begin.elapsed() >= Duration::from_millis(300));
    issuer.fail(Some(Failure::Expired));
    let expired = token(&issuer);
    issuer.fail(None);
    let good = token(&issuer);
    assert!(expiry(&expired) + 60 < expiry(&good) - 3600);
    issuer.lifetime(Duration::from_secs(10));
    assert!(expiry(&token(&issuer)) < expiry(&good));
}

#[test]
fn an_issuer_in_the_middle_of_a_slow_answer_ends() {
    let issuer = started();
    issuer.fail(Some(Failure::Slow(Duration::from_secs(3600))));
    let host = issuer.url().trim_start_matches("http://").to_string();
    let length = FORM.len();
    let mut stream = TcpStream::connect(&host).expect("connect to the issuer");
    write!(
        stream,
        "POST /token HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\n\r\n{FORM}"
    )
    .expect("ask");
    drop(issuer);
    assert!(TcpStream::connect(host).is_err());
}

/// When a token says that it expires.
fn expiry(token: &str) -> u64 {
    let claims = token.split('.').nth(1).expect("claims");
    let bytes = URL_SAFE_NO_PAD.decode(claims).expect("base64");
    let claims: Value = serde_json::from_slice(&bytes).expect("JSON claims");
    claims["exp"].as_u64().expect("an expiry")
}
