//! Services that fail as told, and recover.

use std::time::{Duration, Instant};

use forebay_testcontainers::Outage;
use serde_json::json;

use super::ask::{ask, is_silent, try_ask};
use super::msk::{alone, user};
use super::services::{brokers, caller_identity, keys};
use super::{google, variable};

#[test]
fn every_outage_is_as_it_is_called_and_ends() {
    let google = google::alone();
    let service = google.metadata();
    let host = variable(&google.environment(), "GCE_METADATA_HOST");
    let url = format!("http://{host}/computeMetadata/v1/instance/service-accounts/default/email");
    let headers = [("Metadata-Flavor", "Google")];
    let get = || ask(&url, "GET", &headers, "");
    for (outage, status) in [
        (Outage::Denied, 404),
        (Outage::Throttled, 429),
        (Outage::ServerError, 500),
        (Outage::Html, 200),
        (Outage::Empty, 200),
    ] {
        service.fail(Some(outage));
        let answer = get();
        assert_eq!(answer.status, status, "{outage:?}");
        match outage {
            Outage::Html => assert!(answer.body.starts_with("<!DOCTYPE html>")),
            Outage::Empty => assert_eq!(answer.body, "{}"),
            _ => {}
        }
    }
    service.fail(Some(Outage::Slow(Duration::from_millis(200))));
    let begin = Instant::now();
    assert_eq!(get().status, 200);
    assert!(begin.elapsed() >= Duration::from_millis(200));
    service.fail(Some(Outage::Silent));
    assert!(is_silent(&url));
    service.fail(Some(Outage::Down));
    let asked = service.asked();
    assert!(try_ask(&url, "GET", &headers, "").is_none());
    assert_eq!(service.asked(), asked + 1);
    service.fail(None);
    assert_eq!(get().body, google.service_account());
    assert!(!is_silent(&url));
}

#[test]
fn the_api_fails_in_its_own_form() {
    let msk = alone();
    for (outage, status, code) in [
        (Outage::Denied, 403, "AccessDeniedException"),
        (Outage::Expired, 403, "ExpiredTokenException"),
        (Outage::Throttled, 429, "TooManyRequestsException"),
        (Outage::ServerError, 500, "InternalServerErrorException"),
    ] {
        msk.api().fail(Some(outage));
        let answer = brokers(&msk, &user(&msk));
        assert_eq!(
            (answer.status, answer.header("x-amzn-errortype")),
            (status, Some(code))
        );
        assert!(answer.json()["message"].is_string(), "{outage:?}");
    }
    msk.api().fail(Some(Outage::Empty));
    assert_eq!(brokers(&msk, &user(&msk)).json(), json!({}));
    msk.api().fail(None);
    assert_eq!(brokers(&msk, &user(&msk)).status, 200);
}

#[test]
fn the_token_service_fails_in_its_own_form() {
    let msk = alone();
    for (outage, status, code) in [
        (Outage::Denied, 403, "AccessDenied"),
        (Outage::Expired, 403, "ExpiredToken"),
        (Outage::Throttled, 400, "Throttling"),
        (Outage::ServerError, 500, "InternalFailure"),
    ] {
        msk.sts().fail(Some(outage));
        let answer = caller_identity(&msk, &user(&msk));
        assert_eq!((answer.status, answer.element("Code")), (status, code));
    }
    msk.sts().fail(None);
    assert_eq!(caller_identity(&msk, &user(&msk)).status, 200);
}

#[test]
fn an_instance_may_have_no_role_or_be_given_old_credentials() {
    let msk = alone();
    let url = msk.imds().url();
    let lifetime = [("x-aws-ec2-metadata-token-ttl-seconds", "60")];
    let token = ask(&format!("{url}/latest/api/token"), "PUT", &lifetime, "").body;
    let get = |role: &str| {
        let url = format!("{url}/latest/meta-data/iam/security-credentials/{role}");
        ask(&url, "GET", &[("x-aws-ec2-metadata-token", &token)], "")
    };
    msk.imds().fail(Some(Outage::Denied));
    assert_eq!(get("").status, 404);
    msk.imds().fail(Some(Outage::Expired));
    let role = get("").body;
    let expired = get(&role).json();
    msk.imds().fail(None);
    let good = get(&role).json();
    let expiry = |answer: &serde_json::Value| answer["Expiration"].as_str().expect("a time").to_string();
    assert!(expiry(&expired) < expiry(&good));
    let old = super::aws::Keys {
        access: expired["AccessKeyId"].as_str().expect("a key").into(),
        secret: expired["SecretAccessKey"].as_str().expect("a secret").into(),
        session: expired["Token"].as_str().map(Into::into),
    };
    assert_eq!(caller_identity(&msk, &old).element("Code"), "ExpiredToken");
}

#[test]
fn a_container_may_have_no_role() {
    let msk = alone();
    let url = variable(&msk.container_environment(), "AWS_CONTAINER_CREDENTIALS_FULL_URI");
    msk.container().fail(Some(Outage::Denied));
    let answer = ask(&url, "GET", &[], "");
    assert_eq!(
        (answer.status, &answer.json()["code"]),
        (403, &json!("AccessDeniedException"))
    );
    msk.container().fail(None);
    assert_eq!(ask(&url, "GET", &[], "").status, 401);
}

#[test]
fn temporary_credentials_last_as_long_as_told() {
    let msk = alone();
    msk.account().lifetime(Duration::from_secs(30));
    let role = msk.account().role("short");
    let form = format!(
        "Action=AssumeRole&RoleSessionName=short&DurationSeconds=3600&RoleArn={}",
        super::aws::encoded(&role)
    );
    let answer = super::services::sts(&msk, &user(&msk), &form);
    keys(&answer).expect("a session");
    let until: String = answer
        .element("Expiration")
        .chars()
        .filter(|c| !['-', ':'].contains(c))
        .collect();
    assert!(
        until <= super::aws::date(31) && until >= super::aws::date(20),
        "{until}"
    );
    msk.account().lifetime(Duration::from_secs(3600));
}
