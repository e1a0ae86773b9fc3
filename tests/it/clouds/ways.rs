//! Every way to prove who one is: `doctor` gets through, and says which credential source answered.

use std::process::Output;

use tempfile::TempDir;

use super::{
    Environment, OWN, assert_quiet, confluent, confluent_issuer, confluent_oauth, event_hubs, google, list,
    msk, quoted, turn,
};
use crate::sensors::pipeline;

/// What `doctor` says of a pipeline on this connector, and its exit code.
pub(super) fn doctor(connector: &str, environment: &Environment) -> (String, Option<i32>) {
    let folder = TempDir::new().expect("a folder");
    let edits = [
        (OWN, connector),
        ("topic: telemetry-scores", "topic: ways-out"),
        ("topic: telemetry\n", "topic: ways-in\n"),
        ("topic: telemetry.dead", "topic: ways-dead"),
    ];
    let path = pipeline(&folder, &edits).display().to_string();
    let mut command = super::command(&["doctor", &path], environment);
    // What an earlier start has kept must not help.
    command.env("XDG_CACHE_HOME", folder.path());
    let library = forebay::core::model::runtime::locate(None).expect("ONNX Runtime");
    command.env("ORT_DYLIB_PATH", library);
    let Output {
        stdout,
        stderr,
        status,
    } = crate::output(command);
    let text = String::from_utf8_lossy(&stdout).into_owned() + &String::from_utf8_lossy(&stderr);
    assert_quiet(&text);
    (text, status.code())
}

fn with(mut environment: Environment, name: &str, value: &str) -> Environment {
    environment.push((name.into(), value.into()));
    environment
}

/// Gets through, by this source.
fn gets_through(connector: &str, environment: &Environment, source: &str) {
    let (text, code) = doctor(connector, environment);
    let found = text
        .lines()
        .any(|line| line.starts_with("ok       credentials") && line.contains(source));
    assert!(
        code == Some(0) && (found || source.is_empty()),
        "{connector}: {source}: {code:?}\n{text}"
    );
}

pub(super) fn topics(kafka: &forebay_testcontainers::Kafka) {
    for topic in ["ways-in", "ways-out", "ways-dead"] {
        if !kafka.has_topic(topic) {
            kafka.create_topic(topic, 1);
        }
    }
}

#[test]
fn msk_with_every_source_of_credentials() {
    let _turn = turn();
    let msk = msk();
    topics(msk.kafka());
    let ca = quoted(&msk.ca());
    let by = |auth: &str| {
        format!(
            "local: {{ kind: msk, cluster_arn: {:?}, auth: {auth}, tls: {{ ca: {ca} }} }}",
            msk.cluster_arn()
        )
    };
    gets_through(&by("{ iam: {} }"), &msk.environment(), "environment variables");
    let (text, _) = doctor(&by("{ iam: {} }"), &msk.environment());
    assert!(
        text.contains("arn:aws:iam::111122223333:user/app"),
        "as whom:\n{text}"
    );
    gets_through(&by("{ iam: {} }"), &msk.imds_environment(), "instance metadata");
    gets_through(&by("{ iam: {} }"), &msk.container_environment(), "Pod Identity");
    gets_through(&by("{ iam: {} }"), &msk.web_identity_environment(), "IRSA");
    let role = msk.account().role_with_external_id("scorer", "partner-7");
    let assumed = format!("{{ iam: {{ role_arn: {role:?}, external_id: partner-7 }} }}");
    gets_through(&by(&assumed), &msk.environment(), "role");
    let calls = msk.account().calls();
    let last = calls
        .iter()
        .rev()
        .find(|call| call.action == "AssumeRole")
        .expect("a call");
    assert_eq!(
        format!("{:?}", last.session_name),
        format!("{:?}", Some("forebay".to_owned()))
    );
    let chained = msk.account().role("chained");
    msk.write_config(&format!(
        "[profile base]\naws_access_key_id = {}\naws_secret_access_key = {}\n\
         [profile prod]\nrole_arn = {chained}\nsource_profile = base\n",
        msk.account().access_key(),
        msk.account().secret_key()
    ));
    let without_keys: Environment = msk
        .environment()
        .into_iter()
        .filter(|(name, _)| !name.starts_with("AWS_ACCESS_KEY") && !name.starts_with("AWS_SECRET"))
        .collect();
    gets_through(&by("{ iam: { profile: prod } }"), &without_keys, "profile prod");
    gets_through(
        &by("{ iam: {} }"),
        &with(without_keys, "AWS_PROFILE", "prod"),
        "profile prod",
    );
    let calls = msk.account().calls();
    let of_profile = calls
        .iter()
        .rev()
        .find(|call| call.action == "AssumeRole")
        .expect("a call");
    assert_eq!(
        format!("{:?}", of_profile.session_name),
        format!("{:?}", Some("forebay".to_owned())),
        "a session's name that holds the time would change with each new role"
    );
    let password = with(msk.environment(), "PASSWORD", msk.scram_password());
    let scram = format!(
        "{{ scram: {{ username: {:?}, password: \"${{PASSWORD}}\" }} }}",
        msk.scram_user()
    );
    gets_through(&by(&scram), &password, "");
    let client = msk.client_certificate();
    let mtls = format!(
        "{{ mtls: {{ certificate: {}, key: {} }} }}",
        quoted(&client.chain()),
        quoted(&client.key())
    );
    gets_through(&by(&mtls), &msk.environment(), "");
    let named = format!(
        "local: {{ kind: msk, bootstrap: [{}], region: {}, auth: {{ iam: {{}} }}, tls: {{ ca: {ca} }} }}",
        list(&msk.bootstrap_iam()),
        msk.region()
    );
    let asked = msk.api().asked();
    gets_through(&named, &msk.environment(), "environment variables");
    assert_eq!(
        msk.api().asked(),
        asked,
        "AWS is not asked for brokers that are named"
    );
}

#[test]
fn event_hubs_with_every_identity() {
    let _turn = turn();
    let hubs = event_hubs();
    topics(hubs.kafka());
    let (ca, namespace) = (quoted(&hubs.ca()), hubs.namespace());
    let string = with(hubs.environment(), "EVENT_HUBS", &hubs.connection_string());
    let by_string = format!(
        "local: {{ kind: event-hubs, bootstrap: [{}], auth: {{ connection_string: \"${{EVENT_HUBS}}\" }}, tls: {{ ca: {ca} }} }}",
        list(&hubs.bootstrap())
    );
    gets_through(&by_string, &string, "");
    let by = |auth: &str| {
        format!(
            "local: {{ kind: event-hubs, namespace: {namespace:?}, bootstrap: [{}], auth: {auth}, tls: {{ ca: {ca} }} }}",
            list(&hubs.bootstrap_entra())
        )
    };
    gets_through(
        &by("{ managed_identity: {} }"),
        &hubs.managed_identity_environment(),
        "managed identity",
    );
    gets_through(
        &by("{ workload_identity: {} }"),
        &hubs.workload_identity_environment(),
        "workload identity",
    );
    gets_through(&by("{ azure_cli: {} }"), &hubs.cli_environment(), "Azure CLI");
    let app = format!("tenant: {:?}, client_id: {:?}", hubs.tenant(), hubs.client_id());
    let secret = format!("{{ client_secret: {{ {app}, secret: \"${{AZURE_CLIENT_SECRET}}\" }} }}");
    gets_through(&by(&secret), &hubs.environment(), "client secret");
    let certificate = format!(
        "{{ client_certificate: {{ {app}, path: {} }} }}",
        quoted(&hubs.client_certificate())
    );
    gets_through(&by(&certificate), &hubs.environment(), "client certificate");
    gets_through(&by("{ default: {} }"), &hubs.environment(), "client secret");
    gets_through(
        &by("{ default: {} }"),
        &hubs.workload_identity_environment(),
        "workload identity",
    );
}

#[test]
fn confluent_and_google_with_their_tokens() {
    let _turn = turn();
    let cloud = confluent();
    topics(cloud.kafka());
    let oauth = format!(
        "local: {}",
        confluent_oauth(cloud, &confluent_issuer().token_url())
    );
    let secret = vec![("SECRET".to_owned(), cloud.client_secret().to_owned())];
    gets_through(&oauth, &secret, "client credentials");
    let google = google();
    topics(google.kafka());
    let named = format!(
        "local: {{ kind: google, bootstrap: [{}], service_account: {:?}, tls: {{ ca: {} }} }}",
        list(&google.bootstrap()),
        google.service_account(),
        quoted(&google.ca())
    );
    gets_through(&named, &google.environment(), "metadata server");
}
