//! MSK's brokers: tokens that are good, and every way in which they are not; the other two endpoints.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use forebay_testcontainers::{Msk, Operation, Resource, await_until};
use openssl::sha::sha256;
use rdkafka::ClientConfig;

use super::aws::{Keys, Token, date, hex, packed};
use super::believed;
use super::sasl::Connection;
use crate::secure::attempt::{read, write};

/// One cluster for all tests that leave its clock and its user's key alone.
pub(super) fn msk() -> &'static Msk {
    static MSK: OnceLock<Msk> = OnceLock::new();
    MSK.get_or_init(|| {
        Msk::builder()
            .reauthenticate(Duration::from_secs(60))
            .authorizer()
            .start()
    })
}

/// Another one, for one test at a time: what it disturbs it mends.
pub(super) fn alone() -> MutexGuard<'static, Msk> {
    static MSK: OnceLock<Mutex<Msk>> = OnceLock::new();
    let msk = MSK.get_or_init(|| Mutex::new(Msk::start()));
    let msk = msk.lock().unwrap_or_else(PoisonError::into_inner);
    // A test that failed has not mended it.
    msk.account().clock_ahead(Duration::ZERO);
    msk.account().lifetime(Duration::from_secs(3600));
    for service in [msk.api(), msk.sts(), msk.imds(), msk.container()] {
        service.fail(None);
    }
    msk
}

pub(super) fn user(msk: &Msk) -> Keys {
    Keys {
        access: msk.account().access_key().into(),
        secret: msk.account().secret_key().into(),
        session: None,
    }
}

fn token() -> Token {
    Token::new(&user(msk()), msk().region())
}

fn show(token: &str) -> Result<i64, String> {
    Connection::open(&msk().bootstrap_iam(), &msk().ca()).bearer(token, &[])
}

/// Asserts that a token is refused, with this reason in the broker's log.
fn refused(token: &str, reason: &str) {
    let said = show(token).expect_err("refused");
    assert_eq!(said, r#"{"status":"invalid_token"}"#, "{reason}");
    let line = format!(
        "refused the token {}: {reason}",
        hex(&sha256(token.as_bytes())[..6])
    );
    await_until(Duration::from_secs(10), &line, || {
        msk().kafka().log(0).contains(&line)
    });
}

#[test]
fn a_client_library_writes_and_reads_with_a_token_as_its_arn() {
    let msk = msk();
    let topic = msk.kafka().create_topic("iam", 1);
    let mut config = secure("SASL_SSL", &msk.bootstrap_iam());
    config.set("sasl.mechanism", "OAUTHBEARER");
    let token = || believed(token().make());
    let error = write(&config, token(), &topic).expect_err("no right yet");
    assert!(error.contains("TopicAuthorizationFailed"), "{error}");
    let principal = "User:arn:aws:iam::111122223333:user/app";
    msk.kafka()
        .allow(principal, Operation::All, Resource::Topic(&topic));
    msk.kafka()
        .allow(principal, Operation::Read, Resource::Group("app"));
    write(&config, token(), &topic).expect("write");
    assert_eq!(read(&config, token(), &topic).as_deref(), Ok("written"));
}

#[test]
fn a_token_opens_a_session_that_ends_with_it_or_with_the_listener() {
    let lifetime = show(&token().make()).expect("taken");
    assert!((1..=60_000).contains(&lifetime), "{lifetime}");
    let short = Token {
        expires: "20".into(),
        ..token()
    };
    let lifetime = show(&short.make()).expect("taken");
    assert!((1..=20_000).contains(&lifetime), "{lifetime}");
    // Made a while ago, and good for the rest of its time.
    let old = Token {
        date: date(-600),
        ..token()
    };
    assert!(show(&old.make()).is_ok());
}

#[test]
fn a_token_that_was_changed_is_refused() {
    let wrong = "its signature is not that of its key";
    let mut forged = token();
    forged.keys.secret.push('x');
    refused(&forged.make(), wrong);
    let url = token().url();
    refused(
        &packed(&url.replace("X-Amz-Expires=900", "X-Amz-Expires=899")),
        wrong,
    );
    let later = token();
    let moved = later.url().replace(&later.date, &date(60));
    // Unless the day ends within the minute, which is another reason.
    if later.date[..8] == date(60)[..8] {
        refused(&packed(&moved), wrong);
    }
    let at = url.find("&X-Amz-Signature=").expect("a signature") + 17;
    refused(&packed(&(url[..at + 40].to_string() + &url[at + 64..])), wrong);
    refused(&packed(&(url[..at].to_string() + &url[at + 64..])), wrong);
    refused(&packed(&url.replace("&User-Agent", "&Extra=1&User-Agent")), wrong);
    let unsigned = url[..at - 17].to_string();
    refused(&packed(&unsigned), "its query has no X-Amz-Signature");
}

#[test]
fn a_token_for_something_else_is_refused() {
    let region = Token {
        region: "us-east-1".into(),
        ..token()
    };
    refused(&region.make(), "its region is us-east-1, not eu-west-1");
    refused(
        &Token::new(&user(msk()), "us-east-1").make(),
        "its host is not kafka.eu-west-1.amazonaws.com",
    );
    let host = Token {
        host: "kafka.example.com".into(),
        ..token()
    };
    refused(&host.make(), "its host is not kafka.eu-west-1.amazonaws.com");
    let action = Token {
        action: "kafka-cluster:DeleteTopic".into(),
        ..token()
    };
    refused(&action.make(), "its action is not kafka-cluster:Connect");
    let service = Token {
        service: "kafka".into(),
        ..token()
    };
    refused(&service.make(), "its credential is for another service");
    let headers = Token {
        headers: "host;x-other".into(),
        ..token()
    };
    refused(&headers.make(), "its signed headers are not the host alone");
    let http = token().url().replace("https://", "http://");
    refused(&packed(&http), "its URL is not https://HOST/?QUERY");
    refused(&packed("no URL"), "it is not a URL in base64url");
    let twice = token().url() + "&Action=kafka-cluster%3AConnect";
    refused(&packed(&twice), "its query names Action twice");
}

#[test]
fn a_token_of_another_time_is_refused() {
    let expired = Token {
        date: date(-901),
        ..token()
    };
    refused(&expired.make(), "it has expired");
    let early = Token {
        date: date(400),
        ..token()
    };
    refused(&early.make(), "its date is more than five minutes ahead");
    for (expires, reason) in [
        ("901", "it lasts longer than 900 seconds"),
        ("604800", "it lasts longer than 900 seconds"),
        ("0", "it lasts no time"),
        ("soon", "its lifetime is not a number"),
    ] {
        let token = Token {
            expires: expires.into(),
            ..token()
        };
        refused(&token.make(), reason);
    }
}

#[test]
fn a_token_of_an_unknown_key_or_without_its_session_is_refused() {
    let mut stranger = token();
    stranger.keys.access = "AKIAAAAAAAAAAAAAAAAA".into();
    refused(&stranger.make(), "its access key is not known");
    let mut surplus = token();
    surplus.keys.session = Some("session".into());
    refused(&surplus.make(), "its session token is not that of its key");
    let keys = super::services::assume("sessions", None).expect("a session");
    let temporary = Token::new(&keys, msk().region());
    assert!(show(&temporary.make()).is_ok());
    let mut without = temporary.clone();
    without.keys.session = None;
    refused(&without.make(), "it lacks the session token of its temporary key");
    let mut other = temporary;
    other.keys.session = Some("another".into());
    refused(&other.make(), "its session token is not that of its key");
}

#[test]
fn a_session_ends_with_the_credentials_behind_it() {
    let role = msk().account().role("brief");
    let keys = super::services::assume_for(&role, "brief", 20).expect("a session");
    let temporary = Token::new(&keys, msk().region());
    let lifetime = show(&temporary.make()).expect("taken");
    assert!((1..=20_000).contains(&lifetime), "{lifetime}");
    let brief = super::services::assume_for(&role, "brief", 1).expect("a session");
    let token = Token::new(&brief, msk().region()).make();
    await_until(Duration::from_secs(10), "the credentials expire", || {
        show(&token).is_err()
    });
    refused(&token, "the credentials behind it have expired");
    msk().account().revoke(&keys.access);
    refused(&temporary.make(), "its access key is not known");
}

#[test]
fn a_session_goes_on_with_a_new_token_but_not_as_somebody_else() {
    let mut connection = Connection::open(&msk().bootstrap_iam(), &msk().ca());
    connection.bearer(&token().make(), &[]).expect("taken");
    // Brokers take no second time within a second of the first.
    thread::sleep(Duration::from_millis(1100));
    connection.bearer(&token().make(), &[]).expect("taken again");
    thread::sleep(Duration::from_millis(1100));
    let keys = super::services::assume("renamed", None).expect("a session");
    let other = Token::new(&keys, msk().region()).make();
    let said = connection.bearer(&other, &[]).expect_err("refused");
    assert!(
        said.contains("Cannot change principals during re-authentication"),
        "{said}"
    );
}

#[test]
fn a_clock_that_is_off_shows_at_the_broker_and_at_the_services() {
    let msk = alone();
    let keys = user(&msk);
    let connect = || Connection::open(&msk.bootstrap_iam(), &msk.ca());
    let token = || Token::new(&keys, msk.region()).make();
    let lifetime = connect().bearer(&token(), &[]).expect("taken");
    assert!((890_000..=900_000).contains(&lifetime), "{lifetime}");
    msk.account().clock_behind(Duration::from_secs(600));
    assert!(connect().bearer(&token(), &[]).is_err());
    let identity = super::services::caller_identity(&msk, &keys);
    assert_eq!(
        (identity.status, identity.element("Code")),
        (403, "SignatureDoesNotMatch")
    );
    assert!(identity.header("date").is_some());
    msk.account().clock_ahead(Duration::from_secs(1000));
    assert!(connect().bearer(&token(), &[]).is_err());
    msk.account().clock_ahead(Duration::ZERO);
    assert!(connect().bearer(&token(), &[]).is_ok());
    let log = msk.kafka().log(0);
    assert!(log.contains("its date is more than five minutes ahead") && log.contains("it has expired"));
}

#[test]
fn the_other_endpoints_take_passwords_and_certificates() {
    let msk = msk();
    let topic = msk.kafka().create_topic("others", 1);
    for principal in ["User:forebay", "User:CN=client"] {
        msk.kafka()
            .allow(principal, Operation::All, Resource::Topic(&topic));
        msk.kafka()
            .allow(principal, Operation::Read, Resource::Group("app"));
    }
    let mut scram = secure("SASL_SSL", &msk.bootstrap_scram());
    scram
        .set("sasl.mechanism", "SCRAM-SHA-512")
        .set("sasl.username", msk.scram_user())
        .set("sasl.password", msk.scram_password());
    write(&scram, None, &topic).expect("write with a password");
    scram.set("sasl.password", "guess");
    assert!(write(&scram, None, &topic).is_err());
    let mut tls = secure("SSL", &msk.bootstrap_tls());
    assert!(write(&tls, None, &topic).is_err());
    let certificate = msk.client_certificate();
    tls.set(
        "ssl.certificate.location",
        certificate.chain().display().to_string(),
    )
    .set("ssl.key.location", certificate.key().display().to_string());
    write(&tls, None, &topic).expect("write with a certificate");
}

fn secure(protocol: &str, bootstrap: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", bootstrap)
        .set("broker.address.family", "v4")
        .set("security.protocol", protocol)
        .set("ssl.ca.location", msk().ca().display().to_string())
        .set("group.id", "app")
        .set("log_level", "0");
    config
}
