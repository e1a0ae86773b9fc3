//! Everybody who hands out Entra's tokens: the authority, the managed identity's endpoint, the command line.

use std::process::Command;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use forebay_testcontainers::{EventHubs, Outage, process};
use openssl::hash::MessageDigest;
use openssl::pkcs12::Pkcs12;
use openssl::rsa::Padding;
use openssl::sign::RsaPssSaltlen;
use serde_json::{Value, json};

use super::ask::{Answer, ask, ask_tls};
use super::aws::encoded;
use super::event_hubs::{alone, show};
use super::{names, variable};

const ASSERTION: &str = "client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion=";

/// A request to the authority, as a client makes it that has these things.
struct Request {
    tenant: String,
    client: String,
    scope: String,
    /// Of the form, already encoded.
    credential: String,
}

impl Request {
    fn new(hubs: &EventHubs) -> Self {
        Self {
            tenant: hubs.tenant().into(),
            client: hubs.client_id().into(),
            scope: format!("https://{}/.default", hubs.namespace()),
            credential: format!("client_secret={}", encoded(hubs.client_secret())),
        }
    }

    fn send(&self, hubs: &EventHubs) -> Answer {
        let environment = hubs.environment();
        let authority = variable(&environment, "AZURE_AUTHORITY_HOST");
        let url = format!("{authority}/{}/oauth2/v2.0/token", self.tenant);
        let form = format!(
            "grant_type=client_credentials&client_id={}&scope={}&{}",
            self.client,
            encoded(&self.scope),
            self.credential
        );
        let ca = variable(&environment, "SSL_CERT_FILE");
        ask_tls(&url, ca.as_ref(), &[], &form)
    }
}

fn access_token(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()["access_token"].as_str().expect("a token").into()
}

#[test]
fn a_secret_is_exchanged_for_a_token_that_opens_the_namespace() {
    let hubs = alone();
    let answer = Request::new(&hubs).send(&hubs);
    let token = access_token(&answer);
    assert_eq!(
        (&answer.json()["token_type"], &answer.json()["expires_in"]),
        (&json!("Bearer"), &json!(3599))
    );
    show(&hubs, &token).expect("taken");
    let claims = token.split('.').nth(1).expect("claims");
    let claims: Value =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).expect("base64")).expect("JSON");
    assert_eq!(claims["aud"], json!(format!("https://{}", hubs.namespace())));
    assert_eq!(
        (&claims["tid"], &claims["appid"]),
        (&json!(hubs.tenant()), &json!(hubs.client_id()))
    );
    hubs.lifetime(Duration::from_secs(60));
    let short = Request::new(&hubs).send(&hubs);
    hubs.lifetime(Duration::from_secs(3599));
    assert_eq!(short.json()["expires_in"], json!(60));
}

#[test]
fn what_is_wrong_is_said_with_its_number() {
    let hubs = alone();
    let zero = "00000000-0000-0000-0000-000000000000";
    let good = || Request::new(&hubs);
    let secret = Request {
        credential: "client_secret=guess".into(),
        ..good()
    };
    let none = Request {
        credential: String::new(),
        ..good()
    };
    let client = Request {
        client: zero.into(),
        ..good()
    };
    let tenant = Request {
        tenant: zero.into(),
        ..good()
    };
    let audience = Request {
        scope: "https://other.servicebus.windows.net/.default".into(),
        ..good()
    };
    let scope = Request {
        scope: format!("https://{}", hubs.namespace()),
        ..good()
    };
    let federated = Request {
        credential: format!("{ASSERTION}guess"),
        ..good()
    };
    for (request, status, error, number) in [
        (secret, 401, "invalid_client", 7_000_215),
        (none, 401, "invalid_client", 7_000_218),
        (client, 400, "unauthorized_client", 700_016),
        (tenant, 400, "invalid_request", 90_002),
        (audience, 400, "invalid_resource", 500_011),
        (scope, 400, "invalid_scope", 1_002_012),
        (federated, 401, "invalid_client", 70_021),
    ] {
        let answer = request.send(&hubs);
        assert_eq!(answer.status, status, "{number}");
        let answer = answer.json();
        assert_eq!(
            (&answer["error"], &answer["error_codes"]),
            (&json!(error), &json!([number]))
        );
        let text = answer["error_description"].as_str().expect("a text");
        assert!(text.starts_with(&format!("AADSTS{number}: ")), "{text}");
        assert!(
            text.contains("Trace ID") && !text.contains(hubs.client_secret()),
            "{text}"
        );
    }
}

/// What an application signs with its certificate's key: with RS256 and the old thumbprint, or as newer clients do.
fn assertion(hubs: &EventHubs, audience: &str, newer: bool) -> String {
    let bundle = std::fs::read(hubs.client_certificate()).expect("the bundle");
    let bundle = Pkcs12::from_der(&bundle)
        .expect("PKCS#12")
        .parse2("")
        .expect("no password");
    let (key, certificate) = (bundle.pkey.expect("a key"), bundle.cert.expect("a certificate"));
    let thumbprint = |digest| certificate.digest(digest).expect("a digest");
    let mut signer = openssl::sign::Signer::new(MessageDigest::sha256(), &key).expect("a signer");
    let header = if newer {
        signer.set_rsa_padding(Padding::PKCS1_PSS).expect("PSS");
        signer
            .set_rsa_pss_saltlen(RsaPssSaltlen::DIGEST_LENGTH)
            .expect("a salt");
        let thumbprint = URL_SAFE_NO_PAD.encode(thumbprint(MessageDigest::sha256()));
        json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": thumbprint })
    } else {
        let thumbprint = STANDARD.encode(thumbprint(MessageDigest::sha1()));
        json!({ "alg": "RS256", "typ": "JWT", "x5t": thumbprint })
    };
    let client = hubs.client_id();
    let claims = json!({ "aud": audience, "exp": 4_000_000_000_u64, "iss": client, "sub": client });
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(header), part(claims));
    let signature = signer
        .sign_oneshot_to_vec(signed.as_bytes())
        .expect("a signature");
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

#[test]
fn a_certificate_is_as_good_as_a_secret() {
    let hubs = alone();
    let audience = format!("{}/{}/oauth2/v2.0/token", hubs.authority_url(), hubs.tenant());
    let send = |assertion: &str| {
        let credential = format!("{ASSERTION}{assertion}");
        Request {
            credential,
            ..Request::new(&hubs)
        }
        .send(&hubs)
    };
    let [good, newer] = [false, true].map(|newer| assertion(&hubs, &audience, newer));
    show(&hubs, &access_token(&send(&newer))).expect("taken");
    show(&hubs, &access_token(&send(&good))).expect("taken");
    let (rest, signature) = good.rsplit_once('.').expect("a signature");
    let (_, other) = newer.rsplit_once('.').expect("a signature");
    let turned: String = signature.chars().rev().collect();
    for wrong in [
        format!("{rest}.{turned}"),
        format!("{rest}.{other}"),
        assertion(&hubs, "https://other/token", false),
        rest.to_string(),
    ] {
        let answer = send(&wrong);
        assert_eq!(
            (answer.status, &answer.json()["error_codes"]),
            (401, &json!([700_027]))
        );
    }
}

#[test]
fn libraries_that_know_openid_find_the_endpoint() {
    let hubs = alone();
    let path = "v2.0/.well-known/openid-configuration";
    let get = |tenant: &str| ask(&format!("{}/{tenant}/{path}", hubs.entra().url()), "GET", &[], "");
    let wanted = format!("{}/{}/oauth2/v2.0/token", hubs.authority_url(), hubs.tenant());
    assert_eq!(get(hubs.tenant()).json()["token_endpoint"], json!(wanted));
    assert_eq!(get("other").json()["error_codes"], json!([90_002]));
}

#[test]
fn a_pods_token_is_taken_as_its_file_has_it() {
    let hubs = alone();
    let environment = hubs.workload_identity_environment();
    assert!(
        names(&environment).contains(&"AZURE_TENANT_ID")
            && !names(&environment).contains(&"AZURE_CLIENT_SECRET")
    );
    let file = variable(&environment, "AZURE_FEDERATED_TOKEN_FILE");
    let send = |token: &str| {
        let credential = format!("{ASSERTION}{}", encoded(token));
        Request {
            credential,
            ..Request::new(&hubs)
        }
        .send(&hubs)
    };
    let first = std::fs::read_to_string(&file).expect("a token");
    show(&hubs, &access_token(&send(&first))).expect("taken");
    std::fs::write(&file, "another").expect("write");
    assert_eq!(send(&first).status, 401);
    assert_eq!(send("another").status, 200);
    std::fs::write(&file, first).expect("write");
}

#[test]
fn a_managed_identity_has_tokens_for_the_application_on_the_machine() {
    let hubs = alone();
    let environment = hubs.managed_identity_environment();
    let (url, secret) = (
        variable(&environment, "IDENTITY_ENDPOINT"),
        variable(&environment, "IDENTITY_HEADER"),
    );
    let namespace = encoded(&format!("https://{}", hubs.namespace()));
    let get = |query: &str, secret: &str| {
        let url = format!("{url}?api-version=2019-08-01&{query}");
        ask(
            &url,
            "GET",
            &[("x-identity-header", secret), ("metadata", "true")],
            "",
        )
    };
    let resource = format!("resource={namespace}");
    let answer = get(&resource, &secret);
    show(&hubs, &access_token(&answer)).expect("taken");
    let answer = answer.json();
    let expiry: u64 = answer["expires_on"]
        .as_str()
        .and_then(|t| t.parse().ok())
        .expect("seconds, as text");
    assert!(expiry > 1_700_000_000);
    assert_eq!(answer["resource"], json!(format!("https://{}", hubs.namespace())));
    assert_eq!(
        get(&format!("{resource}&client_id={}", hubs.client_id()), &secret).status,
        200
    );
    for (query, secret, status) in [
        (&*resource, "guess", 401),
        ("resource=https%3A%2F%2Fother", &secret, 400),
        (&format!("{resource}&client_id=other"), &secret, 400),
    ] {
        assert_eq!(get(query, secret).status, status, "{query}");
    }
    assert_eq!(
        ask(
            &format!("{url}?{resource}"),
            "GET",
            &[("x-identity-header", &secret)],
            ""
        )
        .status,
        400
    );
}

/// Runs `az` as a shell finds it in the environment.
fn az(hubs: &EventHubs, arguments: &str) -> (bool, String, String) {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("az {arguments}")]);
    command.envs(hubs.cli_environment());
    let output = process::output(command, Duration::from_secs(30));
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (output.status.success(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_command_line_prints_a_token() {
    let hubs = alone();
    let get = format!(
        "account get-access-token -o json --scope https://{}/.default",
        hubs.namespace()
    );
    let (done, out, _) = az(&hubs, &format!("{get} --tenant {}", hubs.tenant()));
    assert!(done);
    let answer: Value = serde_json::from_str(&out).expect("JSON");
    show(&hubs, answer["accessToken"].as_str().expect("a token")).expect("taken");
    assert!(answer["expires_on"].is_u64() && answer["tokenType"] == "Bearer");
    let failed = |arguments: &str, words: &str| {
        let (done, out, error) = az(&hubs, arguments);
        assert!(!done && out.is_empty() && error.contains(words), "{error}");
    };
    failed(&format!("{get} --tenant other"), "AADSTS90002");
    failed(
        "account get-access-token --resource https://other",
        "AADSTS500011",
    );
    failed("login", "is not a command of this az");
    hubs.cli().fail(Some(Outage::Denied));
    failed(&get, "az login");
    hubs.cli().fail(None);
    assert!(az(&hubs, &get).0);
}

#[test]
fn outages_are_in_entras_form() {
    let hubs = alone();
    for (outage, status, number) in [
        (Outage::Denied, 401, 7_000_215),
        (Outage::Throttled, 429, 90_055),
        (Outage::ServerError, 500, 90_033),
    ] {
        hubs.entra().fail(Some(outage));
        let answer = Request::new(&hubs).send(&hubs);
        assert_eq!(
            (answer.status, &answer.json()["error_codes"]),
            (status, &json!([number]))
        );
    }
    hubs.entra().fail(Some(Outage::Expired));
    let expired = access_token(&Request::new(&hubs).send(&hubs));
    hubs.entra().fail(None);
    assert!(show(&hubs, &expired).is_err());
    let url = variable(&hubs.managed_identity_environment(), "IDENTITY_ENDPOINT");
    for (outage, status) in [
        (Outage::Denied, 400),
        (Outage::Throttled, 429),
        (Outage::ServerError, 500),
    ] {
        hubs.managed_identity().fail(Some(outage));
        assert_eq!(ask(&url, "GET", &[], "").status, status);
    }
    hubs.managed_identity().fail(None);
    let shown = format!("{:?}", &*hubs);
    assert!(!shown.contains(hubs.client_secret()), "a secret is shown");
}
