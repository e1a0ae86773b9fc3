//! AWS: each source of the chain, roles on top of it, and how long a token lasts.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use super::child::{Environment, Got};
use super::stub::{Asked, Stub};

const ROLE: &str = "arn:aws:iam::111122223333:role/scorer";
const OTHER: &str = "arn:aws:iam::111122223333:role/other";

/// `2026-01-31T10:00:00Z`, in so many seconds.
fn expiration(seconds: u64) -> String {
    let at = SystemTime::now() + Duration::from_secs(seconds);
    let date = httpdate::fmt_http_date(at);
    let parts: Vec<&str> = date.split([' ', ',']).filter(|part| !part.is_empty()).collect();
    let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let month = 1 + months
        .iter()
        .position(|month| *month == parts[2])
        .expect("a month");
    format!("{}-{month:02}-{}T{}Z", parts[3], parts[1], parts[4])
}

fn credentials(key: &str, seconds: u64) -> String {
    json!({
        "Code": "Success",
        "AccessKeyId": key,
        "SecretAccessKey": "planted-secret-key",
        "Token": "planted-session-token",
        "Expiration": expiration(seconds),
    })
    .to_string()
}

/// STS: each role has a key of its own, good for so long.
fn sts(seconds: u64) -> Stub {
    Stub::start(move |asked: &Asked| {
        let action = asked.field("Action").unwrap_or_default();
        let role = asked.field("RoleArn").unwrap_or_default();
        let key = match role.as_str() {
            ROLE => "ASIASCORER",
            _ => "ASIAOTHER",
        };
        let text = format!(
            "<{action}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{action}Result><Credentials><AccessKeyId>{key}\
             </AccessKeyId><SecretAccessKey>planted-sts-key</SecretAccessKey><SessionToken>planted-sts-token</SessionToken>\
             <Expiration>{}</Expiration></Credentials></{action}Result></{action}Response>",
            expiration(seconds)
        );
        (200, text)
    })
}

/// Whose key signed the token.
fn signed_by(token: &Got) -> String {
    let url = URL_SAFE_NO_PAD.decode(&token.value).expect("base64url");
    let url = String::from_utf8(url).expect("a URL");
    let query = url.split_once('?').expect("a query").1;
    let fields: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let field = |name: &str| {
        fields
            .iter()
            .find(|(field, _)| field == name)
            .map(|(_, value)| value)
    };
    let scope = field("X-Amz-Credential").expect("a credential");
    assert!(scope.contains("/eu-west-1/kafka-cluster/"), "{scope}");
    scope.split('/').next().expect("a key").to_owned()
}

fn with_keys() -> Environment {
    Environment::new()
        .with("AWS_ACCESS_KEY_ID", "AKIAUSER")
        .with("AWS_SECRET_ACCESS_KEY", "planted-user-key")
}

#[test]
fn the_environment_s_keys_come_first_and_sign_for_a_quarter_of_an_hour() {
    let answer = with_keys().aws(json!({}));
    let token = answer.token();
    assert_eq!(
        (signed_by(token).as_str(), token.source.as_str()),
        ("AKIAUSER", "environment variables")
    );
    assert_eq!(token.principal, "access key AKIAUSER");
    assert!(token.left > Duration::from_secs(870) && token.left <= Duration::from_secs(900));
}

#[test]
fn a_profile_s_keys_are_taken_by_its_name_or_the_default_s() {
    let home = Environment::new();
    let file = home.write(
        "credentials",
        "[default]\naws_access_key_id = AKIADEFAULT\naws_secret_access_key = planted-1\n\
         [prod]\naws_access_key_id = AKIAPROD\naws_secret_access_key = planted-2\n",
    );
    let home = home.with("AWS_SHARED_CREDENTIALS_FILE", file);
    for (environment, iam, key, source) in [
        (home.clone(), json!({}), "AKIADEFAULT", "profile default"),
        (
            home.clone(),
            json!({ "profile": "prod" }),
            "AKIAPROD",
            "profile prod",
        ),
        (
            home.clone().with("AWS_PROFILE", "prod"),
            json!({}),
            "AKIAPROD",
            "profile prod",
        ),
    ] {
        let answer = environment.aws(iam);
        let token = answer.token();
        assert_eq!((signed_by(token).as_str(), token.source.as_str()), (key, source));
    }
    let unknown = home.aws(json!({ "profile": "prd" }));
    assert!(
        unknown.refusal().contains("there are: default, prod"),
        "{unknown:?}"
    );
}

/// A home whose profile `p` has these keys.
fn with_profile(keys: &str) -> Environment {
    let home = Environment::new().with("PATH", "/usr/bin:/bin");
    let file = home.write("config", &format!("[profile p]\n{keys}"));
    home.with("AWS_CONFIG_FILE", file)
}

#[test]
fn a_profile_s_command_gives_credentials_or_is_named() {
    let home = with_profile("credential_process = sh ${HOME}/tool.sh\n");
    let answer = json!({
        "Version": 1,
        "AccessKeyId": "ASIATOOL",
        "SecretAccessKey": "planted-secret-key",
        "SessionToken": "planted-session-token",
        "Expiration": expiration(600),
    });
    home.write("tool.sh", &format!("echo '{answer}'\n"));
    let got = home.aws(json!({ "profile": "p" }));
    let token = got.token();
    assert_eq!(
        (signed_by(token).as_str(), token.source.as_str()),
        ("ASIATOOL", "profile p")
    );
    assert!(token.left < Duration::from_secs(600), "{token:?}");
    for (script, what) in [
        ("echo planted-reason >&2; exit 3\n", "a command that fails"),
        ("echo planted-answer\n", "one that answers no JSON"),
    ] {
        home.write("tool.sh", script);
        let answer = home.aws(json!({ "profile": "p" }));
        let said = answer.refusal();
        assert!(
            said.contains("its `credential_process` failed; run it by hand"),
            "{what}: {said}"
        );
    }
}

/// The name of the file in which the login of a session called `test` is kept.
const LOGIN: &str = "a94a8fe5ccb19ba61c4c0873d391e987982fbbd3.json";

#[test]
fn a_profile_s_login_gives_credentials_and_is_missed() {
    let portal = Stub::start(|asked| match asked.header("x-amz-sso_bearer_token") {
        "planted-login" => {
            let millis = SystemTime::now() + Duration::from_secs(3600);
            let millis = millis
                .duration_since(SystemTime::UNIX_EPOCH)
                .expect("after 1970")
                .as_millis();
            let credentials = json!({ "accessKeyId": "ASIASSO", "secretAccessKey": "planted-1", "sessionToken": "planted-2", "expiration": millis as u64 });
            (200, json!({ "roleCredentials": credentials }).to_string())
        }
        _ => (
            401,
            json!({ "__type": "UnauthorizedException", "message": "planted" }).to_string(),
        ),
    });
    let home = with_profile(
        "sso_session = test\nsso_account_id = 111122223333\nsso_role_name = reader\n\
         [sso-session test]\nsso_region = eu-west-1\nsso_start_url = https://example.com/start\n",
    )
    .with("AWS_ENDPOINT_URL_SSO", &portal.url);
    let missed = |home: &Environment, what: &str| {
        let answer = home.aws(json!({ "profile": "p" }));
        assert!(
            answer.refusal().contains("run `aws sso login`"),
            "{what}: {answer:?}"
        );
    };
    missed(&home, "no login");
    let cache = home.home.path().join(".aws/sso/cache");
    std::fs::create_dir_all(&cache).expect("a folder");
    let login = |token: &str, expires: &str| {
        let login = json!({ "accessToken": token, "expiresAt": expires }).to_string();
        std::fs::write(cache.join(LOGIN), login).expect("write a login");
    };
    login("planted-login", "2001-01-31T10:00:00Z");
    missed(&home, "an expired one");
    login("planted-revoked", &expiration(3600));
    missed(&home, "one that was revoked");
    login("planted-login", &expiration(3600));
    let answer = home.aws(json!({ "profile": "p" }));
    let token = answer.token();
    assert_eq!(
        (signed_by(token).as_str(), token.source.as_str()),
        ("ASIASSO", "profile p")
    );
}

#[test]
fn a_container_s_endpoint_is_shown_the_pod_s_token_as_the_file_has_it_now() {
    let endpoint = Stub::start(|_| (200, credentials("ASIAPOD", 300)));
    let pod = Environment::new();
    let file = pod.write("token", "planted-pod-1");
    let pod = pod
        .with(
            "AWS_CONTAINER_CREDENTIALS_FULL_URI",
            format!("{}/v1/credentials", endpoint.url),
        )
        .with("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", file);
    let answer = pod.aws(json!({}));
    let token = answer.token();
    assert_eq!(signed_by(token), "ASIAPOD");
    assert!(token.source.contains("Pod Identity"), "{token:?}");
    // The credentials end before the signature does, and a token a little before that.
    assert!(
        token.left > Duration::from_secs(270) && token.left < Duration::from_secs(295),
        "{token:?}"
    );
    pod.write("token", "planted-pod-2");
    pod.aws(json!({})).token();
    let shown: Vec<String> = endpoint
        .asked()
        .iter()
        .map(|asked| asked.header("authorization").into())
        .collect();
    assert_eq!(shown, ["planted-pod-1", "planted-pod-2"]);
}

#[test]
fn a_service_account_s_token_is_exchanged_for_its_role() {
    let sts = sts(3600);
    let pod = Environment::new();
    let file = pod.write("token", "planted-web-identity");
    let pod = pod
        .with("AWS_WEB_IDENTITY_TOKEN_FILE", file)
        .with("AWS_ROLE_ARN", ROLE)
        .with("AWS_ENDPOINT_URL_STS", &sts.url);
    let answer = pod.aws(json!({}));
    let token = answer.token();
    assert_eq!(
        (signed_by(token).as_str(), token.source.as_str()),
        ("ASIASCORER", "IRSA (web identity)")
    );
    assert_eq!(token.principal, format!("{ROLE} as forebay"));
    let named = pod.with("AWS_ROLE_SESSION_NAME", "mine").aws(json!({}));
    assert_eq!(named.token().principal, format!("{ROLE} as mine"));
    let asked = sts.asked();
    assert_eq!(
        asked[0].field("Action").as_deref(),
        Some("AssumeRoleWithWebIdentity")
    );
    assert_eq!(
        asked[0].field("WebIdentityToken").as_deref(),
        Some("planted-web-identity")
    );
    let sessions: Vec<_> = asked
        .iter()
        .map(|asked| asked.field("RoleSessionName").unwrap_or_default())
        .collect();
    assert_eq!(sessions, ["forebay", "mine"]);
}

/// The metadata service of an instance, version 2.
fn imds() -> Stub {
    Stub::start(|asked| {
        let token = asked.header("x-aws-ec2-metadata-token");
        match asked.line.as_str() {
            "PUT /latest/api/token" => (200, "planted-imds".into()),
            _ if token != "planted-imds" => (401, String::new()),
            "GET /latest/meta-data/iam/security-credentials/" => (200, "instance-role".into()),
            "GET /latest/meta-data/iam/security-credentials/instance-role" => {
                (200, credentials("ASIAINSTANCE", 3600))
            }
            _ => (404, String::new()),
        }
    })
}

#[test]
fn an_instance_s_metadata_is_asked_last_and_with_a_session() {
    let imds = imds();
    let answer = Environment::new()
        .with("AWS_EC2_METADATA_SERVICE_ENDPOINT", &imds.url)
        .aws(json!({}));
    let token = answer.token();
    assert_eq!(
        (signed_by(token).as_str(), token.source.as_str()),
        ("ASIAINSTANCE", "instance metadata (IMDS)")
    );
    assert!(
        token.left > Duration::from_secs(870),
        "the signature ends first: {token:?}"
    );
    assert_eq!(imds.asked()[0].line, "PUT /latest/api/token");
}

#[test]
fn a_role_is_assumed_with_its_external_id_and_a_name_that_stays() {
    let sts = sts(120);
    let user = with_keys().with("AWS_ENDPOINT_URL_STS", &sts.url);
    let role = json!({ "role_arn": ROLE, "external_id": "partner-7" });
    let answer = user.aws(role.clone());
    let token = answer.token();
    assert_eq!(
        (signed_by(token).as_str(), token.principal.clone()),
        ("ASIASCORER", format!("{ROLE} as forebay"))
    );
    assert!(
        token.source.starts_with("role ") && token.source.ends_with("environment variables"),
        "{token:?}"
    );
    assert!(
        token.left < Duration::from_secs(115) && token.left > Duration::from_secs(90),
        "{token:?}"
    );
    user.aws(role).token();
    user.aws(json!({ "role_arn": ROLE, "session_name": "mine" }))
        .token();
    let asked = sts.asked();
    let of = |name: &str| -> Vec<Option<String>> { asked.iter().map(|asked| asked.field(name)).collect() };
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(
        of("RoleSessionName"),
        [text("forebay"), text("forebay"), text("mine")]
    );
    assert_eq!(of("ExternalId"), [text("partner-7"), text("partner-7"), None]);
}

#[test]
fn roles_are_chained_each_with_the_one_before() {
    let sts = sts(3600);
    let home = Environment::new();
    let config = format!(
        "[profile base]\naws_access_key_id = AKIABASE\naws_secret_access_key = planted-base\n\
         [profile between]\nrole_arn = {OTHER}\nsource_profile = base\n"
    );
    let file = home.write("config", &config);
    let home = home
        .with("AWS_CONFIG_FILE", file)
        .with("AWS_ENDPOINT_URL_STS", &sts.url);
    let answer = home.aws(json!({ "profile": "between", "role_arn": ROLE }));
    assert_eq!(signed_by(answer.token()), "ASIASCORER");
    let asked = sts.asked();
    let roles: Vec<_> = asked
        .iter()
        .map(|asked| asked.field("RoleArn").unwrap_or_default())
        .collect();
    assert_eq!(roles, [OTHER, ROLE]);
    let sessions: Vec<_> = asked
        .iter()
        .map(|asked| asked.field("RoleSessionName").unwrap_or_default())
        .collect();
    assert_eq!(sessions, ["forebay", "forebay"]);
    for (asked, key) in asked.iter().zip(["AKIABASE", "ASIAOTHER"]) {
        assert!(
            asked
                .header("authorization")
                .contains(&format!("Credential={key}/")),
            "{key}"
        );
    }
}

#[test]
fn credentials_are_kept_while_they_last_and_fetched_anew_before_a_token_would_be_short() {
    let count = std::sync::atomic::AtomicUsize::new(0);
    let endpoint = Stub::start(move |_| {
        let number = count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        // The first ones end as they come: they are good for no second token.
        (
            200,
            credentials(&format!("ASIA{number}"), if number == 0 { 0 } else { 3600 }),
        )
    });
    let uri = format!("{}/v1/credentials", endpoint.url);
    let answer = Environment::new()
        .with("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri)
        .aws_times(json!({}), 3);
    let keys: Vec<String> = answer.tokens.iter().map(signed_by).collect();
    assert_eq!(keys, ["ASIA0", "ASIA1", "ASIA1"]);
    assert_eq!(endpoint.asked().len(), 2);
}

#[test]
fn where_no_source_has_any_each_is_named_with_its_reason() {
    let answer = Environment::new()
        .with("AWS_EC2_METADATA_DISABLED", "true")
        .aws(json!({}));
    let text = answer.refusal();
    let mut rest = text;
    for part in [
        "environment variables: AWS_",
        "profile: ",
        "web identity: ",
        "container: ",
        "instance: turned off",
    ] {
        rest = rest
            .split_once(part)
            .unwrap_or_else(|| panic!("{part}: {text}"))
            .1;
    }
}

#[test]
fn a_service_on_this_machine_that_gives_nothing_is_told_by_what_it_did() {
    for (status, text, says) in [
        (
            500,
            "planted",
            "container: get credentials from EKS Pod Identity or container endpoint: it answered 500",
        ),
        (403, "planted", "it answered 403: is a role assigned"),
        (200, "planted", "its answer holds no credentials"),
    ] {
        let endpoint = Stub::start(move |_| (status, text.into()));
        let uri = format!("{}/c", endpoint.url);
        let answer = Environment::new()
            .with("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri)
            .aws(json!({}));
        assert!(answer.refusal().contains(says), "{says}: {answer:?}");
        assert_eq!(answer.error.as_ref().map(|(again, _)| *again), Some(true));
    }
    let closed = Environment::new().with("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:1/c");
    let answer = closed.aws(json!({}));
    assert!(answer.refusal().contains("it does not answer"), "{answer:?}");
    for (status, says) in [
        (500, "instance metadata (IMDS): it answered 500"),
        (403, "it answered 403"),
    ] {
        let imds = Stub::start(move |asked| match asked.line.as_str() {
            "PUT /latest/api/token" => (200, "planted-imds".into()),
            _ => (status, "planted".into()),
        });
        let instance = Environment::new().with("AWS_EC2_METADATA_SERVICE_ENDPOINT", &imds.url);
        let answer = instance.aws(json!({}));
        assert!(answer.refusal().contains(says), "{says}: {answer:?}");
    }
}
