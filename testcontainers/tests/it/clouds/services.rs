//! What AWS's services answer: in their forms, to those who may ask.

use forebay_testcontainers::{Msk, StsCall};
use serde_json::json;

use super::ask::{Answer, ask};
use super::aws::{Keys, encoded, headers};
use super::msk::{msk, user};
use super::{names, variable};

/// A signed request.
fn signed(keys: &Keys, place: (&str, &str), (method, url): (&str, &str), body: &str) -> Answer {
    let headers = headers(keys, place, (method, url), body);
    let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    ask(url, method, &headers, body)
}

pub(super) fn sts(msk: &Msk, keys: &Keys, form: &str) -> Answer {
    let form = format!("{form}&Version=2011-06-15");
    signed(
        keys,
        ("eu-west-1", "sts"),
        ("POST", &format!("{}/", msk.sts().url())),
        &form,
    )
}

pub(super) fn caller_identity(msk: &Msk, keys: &Keys) -> Answer {
    sts(msk, keys, "Action=GetCallerIdentity")
}

pub(super) fn keys(answer: &Answer) -> Result<Keys, String> {
    if answer.status != 200 {
        return Err(answer.element("Code").into());
    }
    Ok(Keys {
        access: answer.element("AccessKeyId").into(),
        secret: answer.element("SecretAccessKey").into(),
        session: Some(answer.element("SessionToken").into()),
    })
}

/// A session, of a role that is made for it.
pub(super) fn assume(role: &str, external_id: Option<&str>) -> Result<Keys, String> {
    let role = msk().account().role(role);
    let external = external_id.map_or(String::new(), |id| format!("&ExternalId={id}"));
    assume_with(&role, &format!("RoleSessionName=test{external}"))
}

pub(super) fn assume_for(role: &str, session: &str, seconds: u64) -> Result<Keys, String> {
    assume_with(
        role,
        &format!("RoleSessionName={session}&DurationSeconds={seconds}"),
    )
}

fn assume_with(role: &str, more: &str) -> Result<Keys, String> {
    let form = format!("Action=AssumeRole&RoleArn={}&{more}", encoded(role));
    keys(&sts(msk(), &user(msk()), &form))
}

fn brokers_url(msk: &Msk, arn: &str) -> String {
    format!(
        "{}/v1/clusters/{}/bootstrap-brokers",
        msk.api().url(),
        encoded(arn)
    )
}

pub(super) fn brokers(msk: &Msk, keys: &Keys) -> Answer {
    let url = brokers_url(msk, msk.cluster_arn());
    signed(keys, ("eu-west-1", "kafka"), ("GET", &url), "")
}

#[test]
fn the_api_says_where_brokers_are() {
    let msk = msk();
    assert!(
        msk.cluster_arn()
            .starts_with("arn:aws:kafka:eu-west-1:111122223333:cluster/forebay/")
    );
    let answer = brokers(msk, &user(msk));
    assert_eq!(answer.status, 200, "{}", answer.body);
    let answer = answer.json();
    for (field, address) in [
        ("bootstrapBrokerStringSaslIam", msk.bootstrap_iam()),
        ("bootstrapBrokerStringPublicSaslIam", msk.bootstrap_iam()),
        (
            "bootstrapBrokerStringVpcConnectivitySaslScram",
            msk.bootstrap_scram(),
        ),
        ("bootstrapBrokerStringTls", msk.bootstrap_tls()),
    ] {
        assert_eq!(answer[field], json!(address), "{field}");
    }
    let field = "bootstrapBrokerStringPublicTls";
    msk.endpoint(field, None);
    assert!(brokers(msk, &user(msk)).json()[field].is_null());
    msk.endpoint(field, Some("b-1.example:9194"));
    assert_eq!(brokers(msk, &user(msk)).json()[field], json!("b-1.example:9194"));
}

#[test]
fn the_api_answers_who_may_ask_only() {
    let msk = msk();
    let asked = msk.api().asked();
    let url = brokers_url(msk, msk.cluster_arn());
    let unsigned = ask(&url, "GET", &[], "");
    assert_eq!(unsigned.status, 403);
    assert_eq!(
        unsigned.header("x-amzn-errortype"),
        Some("MissingAuthenticationTokenException")
    );
    assert_eq!(unsigned.json()["message"], json!("Missing Authentication Token"));
    let mut wrong = user(msk);
    wrong.secret.push('x');
    let error = |answer: &Answer| answer.header("x-amzn-errortype").map(String::from);
    assert_eq!(
        error(&brokers(msk, &wrong)).as_deref(),
        Some("InvalidSignatureException")
    );
    wrong.access = "AKIAAAAAAAAAAAAAAAAA".into();
    assert_eq!(
        error(&brokers(msk, &wrong)).as_deref(),
        Some("UnrecognizedClientException")
    );
    let elsewhere = signed(&user(msk), ("us-east-1", "kafka"), ("GET", &url), "");
    assert_eq!(error(&elsewhere).as_deref(), Some("InvalidSignatureException"));
    let other = brokers_url(msk, "arn:aws:kafka:eu-west-1:111122223333:cluster/other/1-1");
    let other = signed(&user(msk), ("eu-west-1", "kafka"), ("GET", &other), "");
    assert_eq!(
        (other.status, error(&other).as_deref()),
        (404, Some("NotFoundException"))
    );
    assert!(msk.api().asked() >= asked + 5);
    assert!(
        msk.api()
            .requests()
            .iter()
            .all(|request| request.starts_with("GET /v1/clusters/arn%3A"))
    );
}

#[test]
fn temporary_keys_open_the_api_with_their_session_token() {
    let keys = assume("api", None).expect("a session");
    assert_eq!(brokers(msk(), &keys).status, 200);
    let without = Keys {
        session: None,
        ..keys
    };
    let answer = brokers(msk(), &without);
    assert_eq!(
        answer.header("x-amzn-errortype"),
        Some("UnrecognizedClientException")
    );
}

#[test]
fn the_token_service_gives_roles_to_those_who_may_have_them() {
    let msk = msk();
    let keys = assume("plain", Some("ignored")).expect("a session");
    assert!(keys.access.starts_with("ASIA"));
    let who = caller_identity(msk, &keys);
    assert_eq!(
        who.element("Arn"),
        "arn:aws:sts::111122223333:assumed-role/plain/test"
    );
    assert_eq!(who.element("Account"), "111122223333");
    let role = msk.account().role_with_external_id("guarded", "open-sesame");
    let denied = |more: &str| assume_with(&role, more).expect_err("denied");
    assert_eq!(denied("RoleSessionName=guarded"), "AccessDenied");
    assert_eq!(denied("RoleSessionName=guarded&ExternalId=guess"), "AccessDenied");
    assert_eq!(denied("ExternalId=open-sesame"), "ValidationError");
    assume_with(&role, "RoleSessionName=guarded&ExternalId=open-sesame").expect("a session");
    let unknown = "arn:aws:iam::111122223333:role/unknown";
    assert_eq!(
        assume_for(unknown, "guarded", 900).expect_err("denied"),
        "AccessDenied"
    );
    let last = StsCall {
        action: "AssumeRole".into(),
        role_arn: Some(role),
        session_name: Some("guarded".into()),
        external_id: Some("open-sesame".into()),
        status: 200,
    };
    assert!(msk.account().calls().contains(&last));
}

#[test]
fn the_token_service_refuses_who_is_not_known() {
    let msk = msk();
    let mut wrong = user(msk);
    wrong.secret.push('x');
    let code = |keys: &Keys| {
        let answer = caller_identity(msk, keys);
        assert_eq!(answer.element("Type"), "Sender");
        (answer.status, answer.element("Code").to_string())
    };
    assert_eq!(code(&wrong), (403, "SignatureDoesNotMatch".into()));
    wrong.access.push('X');
    assert_eq!(code(&wrong), (403, "InvalidClientTokenId".into()));
    let unsigned = ask(
        &format!("{}/", msk.sts().url()),
        "POST",
        &[],
        "Action=GetCallerIdentity",
    );
    assert_eq!(unsigned.element("Code"), "MissingAuthenticationToken");
    assert_eq!(
        sts(msk, &user(msk), "Action=Other").element("Code"),
        "InvalidAction"
    );
}

#[test]
fn a_pods_token_is_exchanged_for_its_role() {
    let msk = msk();
    let environment = msk.web_identity_environment();
    let role = variable(&environment, "AWS_ROLE_ARN");
    let token =
        std::fs::read_to_string(variable(&environment, "AWS_WEB_IDENTITY_TOKEN_FILE")).expect("a token");
    let exchange = |token: &str, role: &str| {
        let form = format!(
            "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleSessionName=pod&RoleArn={}&WebIdentityToken={token}",
            encoded(role)
        );
        ask(&format!("{}/", msk.sts().url()), "POST", &[], &form)
    };
    let keys = keys(&exchange(&token, &role)).expect("a session");
    let who = caller_identity(msk, &keys);
    assert_eq!(
        who.element("Arn"),
        "arn:aws:sts::111122223333:assumed-role/forebay-irsa/pod"
    );
    assert_eq!(exchange("guess", &role).element("Code"), "InvalidIdentityToken");
    assert_eq!(
        exchange(&token, "arn:aws:iam::111122223333:role/unknown").element("Code"),
        "AccessDenied"
    );
    assert_eq!(variable(&environment, "AWS_ENDPOINT_URL_STS"), msk.sts().url());
}

#[test]
fn the_metadata_service_wants_its_token_first() {
    let msk = msk();
    let url = variable(&msk.imds_environment(), "AWS_EC2_METADATA_SERVICE_ENDPOINT");
    let roles = format!("{url}/latest/meta-data/iam/security-credentials/");
    assert_eq!(ask(&roles, "GET", &[], "").status, 401);
    let token_url = format!("{url}/latest/api/token");
    assert_eq!(ask(&token_url, "PUT", &[], "").status, 400);
    let lifetime = "x-aws-ec2-metadata-token-ttl-seconds";
    let token = ask(&token_url, "PUT", &[(lifetime, "21600")], "");
    assert_eq!((token.status, token.header(lifetime)), (200, Some("21600")));
    let shown = [("x-aws-ec2-metadata-token", token.body.as_str())];
    assert_eq!(
        ask(&roles, "GET", &[("x-aws-ec2-metadata-token", "guess")], "").status,
        401
    );
    let role = ask(&roles, "GET", &shown, "").body;
    assert_eq!(ask(&format!("{roles}other"), "GET", &shown, "").status, 404);
    let answer = ask(&format!("{roles}{role}"), "GET", &shown, "").json();
    assert_eq!(
        (&answer["Code"], &answer["Type"]),
        (&json!("Success"), &json!("AWS-HMAC"))
    );
    let field = |name: &str| answer[name].as_str().expect(name).to_string();
    let keys = Keys {
        access: field("AccessKeyId"),
        secret: field("SecretAccessKey"),
        session: Some(field("Token")),
    };
    assert!(field("Expiration").ends_with('Z'));
    let who = caller_identity(msk, &keys);
    assert_eq!(
        who.element("Arn"),
        "arn:aws:sts::111122223333:assumed-role/forebay-instance/i-0123456789abcdef0"
    );
    let region = ask(
        &format!("{url}/latest/meta-data/placement/region"),
        "GET",
        &shown,
        "",
    );
    assert_eq!(region.body, "eu-west-1");
}

#[test]
fn a_container_shows_its_authorization() {
    let msk = msk();
    let environment = msk.container_environment();
    let url = variable(&environment, "AWS_CONTAINER_CREDENTIALS_FULL_URI");
    let file = variable(&environment, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    let authorization = std::fs::read_to_string(file).expect("a token");
    let answer = ask(&url, "GET", &[("Authorization", &authorization)], "");
    assert_eq!(answer.status, 200);
    let answer = answer.json();
    assert!(
        answer["AccessKeyId"]
            .as_str()
            .is_some_and(|key| key.starts_with("ASIA"))
    );
    for field in ["SecretAccessKey", "Token", "Expiration"] {
        assert!(answer[field].is_string(), "{field}");
    }
    for wrong in [&[][..], &[("Authorization", "guess")]] {
        let refused = ask(&url, "GET", wrong, "");
        assert_eq!(
            (refused.status, &refused.json()["code"]),
            (401, &json!("InvalidTokenException"))
        );
    }
}

#[test]
fn every_environment_has_what_it_should_and_a_key_only_where_it_says_so() {
    let msk = msk();
    let keys = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
    let common = [
        "AWS_ENDPOINT_URL_KAFKA",
        "AWS_ENDPOINT_URL_STS",
        "AWS_EC2_METADATA_SERVICE_ENDPOINT",
        "AWS_CONFIG_FILE",
        "AWS_SHARED_CREDENTIALS_FILE",
    ];
    for (environment, has_keys) in [
        (msk.environment(), true),
        (msk.imds_environment(), false),
        (msk.container_environment(), false),
        (msk.web_identity_environment(), false),
    ] {
        let names = names(&environment);
        assert!(common.iter().all(|name| names.contains(name)), "{names:?}");
        assert!(
            keys.iter().all(|name| names.contains(name) == has_keys),
            "{names:?}"
        );
        assert!(!names.contains(&"AWS_REGION"));
        let file = variable(&environment, "AWS_SHARED_CREDENTIALS_FILE");
        assert_eq!(std::fs::read_to_string(file).expect("a file"), "");
    }
    msk.write_config("[profile test]\n");
    let file = variable(&msk.environment(), "AWS_CONFIG_FILE");
    assert_eq!(std::fs::read_to_string(file).expect("a file"), "[profile test]\n");
    msk.write_config("");
    let shown = format!("{msk:?}");
    for secret in [msk.account().secret_key(), msk.scram_password()] {
        assert!(!shown.contains(secret), "a secret is shown");
    }
}
