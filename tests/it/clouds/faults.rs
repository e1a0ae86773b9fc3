//! What goes wrong on the way into each cloud: `doctor` names the cause, within 15 seconds, and shows no secret.

use std::time::{Duration, Instant};

use forebay_testcontainers::{Outage, Service};

use super::ways::doctor;
use super::{
    Environment, assert_quiet, confluent, confluent_issuer, confluent_oauth, event_hubs, google, list, msk,
    quoted, turn,
};

/// Tries it; every part must be in the failure, and the exit code be the one.
fn faulty(connector: &str, environment: &Environment, parts: &[&str], code: i32) {
    // The first to look for secrets starts every stand-in, which is not what is measured.
    assert_quiet("");
    let begin = Instant::now();
    let (text, exit) = doctor(connector, environment);
    let took = begin.elapsed();
    let failure = text.split_once("failure ").map_or("", |(_, failure)| failure);
    let lacks: Vec<&&str> = parts.iter().filter(|part| !failure.contains(**part)).collect();
    assert!(
        lacks.is_empty() && exit == Some(code),
        "{connector}\nlacks {lacks:?}, {exit:?}:\n{text}"
    );
    assert!(took < Duration::from_secs(15), "{took:?}: {text}");
}

/// The same while a service around the cloud fails.
fn outage(service: &Service, outage: Outage, connector: &str, environment: &Environment, parts: &[&str]) {
    service.fail(Some(outage));
    let tried = std::panic::catch_unwind(|| faulty(connector, environment, parts, 3));
    // Other tests go on with it.
    service.fail(None);
    if let Err(panic) = tried {
        std::panic::resume_unwind(panic);
    }
}

fn without(environment: Environment, prefix: &str) -> Environment {
    environment
        .into_iter()
        .filter(|(name, _)| !name.starts_with(prefix))
        .collect()
}

fn and(mut environment: Environment, name: &str, value: &str) -> Environment {
    environment.retain(|(old, _)| old != name);
    environment.push((name.into(), value.into()));
    environment
}

#[test]
fn msk_names_what_is_wrong() {
    let _turn = turn();
    let msk = msk();
    let (ca, own) = (quoted(&msk.ca()), msk.environment());
    let arn = msk.cluster_arn();
    let by = |auth: &str| {
        format!(
            "local: {{ kind: msk, cluster_arn: {arn:?}, auth: {auth}, auth_timeout: 6s, tls: {{ ca: {ca} }} }}"
        )
    };
    let iam = by("{ iam: {} }");
    outage(
        msk.api(),
        Outage::Denied,
        &iam,
        &own,
        &["403", "kafka:GetBootstrapBrokers", "forebay policy"],
    );
    outage(
        msk.api(),
        Outage::Throttled,
        &iam,
        &own,
        &["look up the brokers", "429"],
    );
    outage(msk.api(), Outage::ServerError, &iam, &own, &["AWS answered 500"]);
    outage(
        msk.api(),
        Outage::Empty,
        &iam,
        &own,
        &["no endpoint for `auth: iam`", "it has none"],
    );
    outage(
        msk.api(),
        Outage::Silent,
        &iam,
        &own,
        &["look up the brokers", "no answer within"],
    );
    outage(msk.api(), Outage::Html, &iam, &own, &["look up the brokers"]);
    outage(
        msk.api(),
        Outage::Down,
        &iam,
        &own,
        &["AWS did not answer", "set `bootstrap`"],
    );
    msk.endpoint("bootstrapBrokerStringSaslIam", None);
    faulty(
        &iam,
        &own,
        &[
            "no endpoint for `auth: iam` on `network: private`",
            "scram (private)",
        ],
        3,
    );
    msk.endpoint("bootstrapBrokerStringSaslIam", Some(&msk.bootstrap_iam()));
    let none = and(
        without(own.clone(), "AWS_ACCESS_KEY"),
        "AWS_EC2_METADATA_DISABLED",
        "true",
    );
    let every = [
        "no source has any",
        "environment variables: AWS_",
        "profile: ",
        "web identity: ",
        "container: ",
        "instance: ",
    ];
    faulty(&iam, &none, &every, 3);
    faulty(
        &by("{ iam: { profile: prd } }"),
        &own,
        &["the AWS profile `prd`", "is not in AWS's configuration files"],
        3,
    );
    let role = by("{ iam: { role_arn: \"arn:aws:iam::111122223333:role/nobody\" } }");
    faulty(
        &role,
        &own,
        &[
            "assume the role arn:aws:iam::111122223333:role/nobody",
            "AccessDenied",
            "trust policy",
        ],
        3,
    );
    outage(
        msk.sts(),
        Outage::Expired,
        &role,
        &own,
        &["ExpiredToken", "renew them"],
    );
    let named = |region: &str| {
        let brokers = list(&msk.bootstrap_iam());
        format!(
            "local: {{ kind: msk, bootstrap: [{brokers}], region: {region}, auth: {{ iam: {{}} }}, tls: {{ ca: {ca} }} }}"
        )
    };
    faulty(
        &named("us-east-1"),
        &own,
        &[
            "refused the credentials",
            "kafka-cluster:Connect",
            "region and clock",
        ],
        3,
    );
    let right = named(msk.region());
    let wrong_key = and(own.clone(), "AWS_SECRET_ACCESS_KEY", "another");
    faulty(
        &right,
        &wrong_key,
        &["refused the credentials", "kafka-cluster:Connect"],
        3,
    );
    msk.account().clock_ahead(Duration::from_secs(20 * 60));
    faulty(&right, &own, &["refused the credentials", "five minutes"], 3);
    msk.account().clock_ahead(Duration::ZERO);
    outage(
        msk.imds(),
        Outage::Denied,
        &iam,
        &msk.imds_environment(),
        &["find AWS credentials", "instance: "],
    );
    outage(
        msk.container(),
        Outage::Denied,
        &iam,
        &msk.container_environment(),
        &["container: get credentials from EKS Pod Identity"],
    );
}

#[test]
fn event_hubs_names_what_is_wrong() {
    let _turn = turn();
    let hubs = event_hubs();
    let (ca, own) = (quoted(&hubs.ca()), hubs.environment());
    let to = |namespace: &str, auth: &str| {
        let brokers = list(&hubs.bootstrap_entra());
        format!(
            "local: {{ kind: event-hubs, namespace: {namespace:?}, bootstrap: [{brokers}], auth_timeout: 6s, tls: {{ ca: {ca} }}, \
             auth: {auth} }}"
        )
    };
    let app = |tenant: &str, client: &str| {
        format!(
            "{{ client_secret: {{ tenant: {tenant:?}, client_id: {client:?}, secret: \"${{AZURE_CLIENT_SECRET}}\" }} }}"
        )
    };
    let whole = app(hubs.tenant(), hubs.client_id());
    let right = to(hubs.namespace(), &whole);
    let stranger = "00000000-0000-4000-8000-000000000000";
    let wrong_secret = and(own.clone(), "AZURE_CLIENT_SECRET", "wrong");
    faulty(
        &right,
        &wrong_secret,
        &["AADSTS7000215", "its value is needed"],
        3,
    );
    let other = |auth: &str| to(hubs.namespace(), auth);
    faulty(
        &other(&app(stranger, hubs.client_id())),
        &own,
        &["AADSTS90002", "check `tenant`"],
        3,
    );
    faulty(
        &other(&app(hubs.tenant(), stranger)),
        &own,
        &["AADSTS700016", "check `client_id`"],
        3,
    );
    faulty(
        &to("elsewhere", &whole),
        &own,
        &["AADSTS500011", "check `namespace`"],
        3,
    );
    outage(hubs.entra(), Outage::Html, &right, &own, &["no token response"]);
    outage(hubs.entra(), Outage::Silent, &right, &own, &["no answer within"]);
    let proxied = and(own.clone(), "HTTPS_PROXY", "http://user:hidden@127.0.0.1:1");
    faulty(&right, &proxied, &["HTTPS_PROXY is set", "NO_PROXY"], 3);
    let untrusted = without(own.clone(), "SSL_CERT");
    faulty(
        &right,
        &untrusted,
        &["not trusted", "SSL_CERT_FILE", "`tls.ca` is for brokers alone"],
        3,
    );
    let managed = other("{ managed_identity: {} }");
    let environment = hubs.managed_identity_environment();
    let says = ["managed identity", "no identity is assigned here"];
    outage(
        hubs.managed_identity(),
        Outage::Denied,
        &managed,
        &environment,
        &says,
    );
    let by_string = format!(
        "local: {{ kind: event-hubs, bootstrap: [{}], auth: {{ connection_string: \"${{EVENT_HUBS}}\" }}, tls: {{ ca: {ca} }} }}",
        list(&hubs.bootstrap())
    );
    let wrong = hubs
        .connection_string()
        .replace("SharedAccessKey=", "SharedAccessKey=A");
    let says = ["refused the credentials", "must be whole", "Basic tier"];
    faulty(&by_string, &and(own.clone(), "EVENT_HUBS", &wrong), &says, 3);
    let elsewhere = hubs.connection_string_for("another-hub");
    let (text, code) = doctor(&by_string, &and(own, "EVENT_HUBS", &elsewhere));
    assert!(code == Some(2) && text.contains("is not `another-hub`"), "{text}");
}

#[test]
fn confluent_and_google_name_what_is_wrong() {
    let _turn = turn();
    let cloud = confluent();
    let ca = quoted(&cloud.ca());
    let key = format!(
        "local: {{ kind: confluent, bootstrap: [{}], auth: {{ api_key: {:?}, api_secret: wrong }}, tls: {{ ca: {ca} }} }}",
        list(&cloud.bootstrap()),
        cloud.api_key()
    );
    faulty(
        &key,
        &Vec::new(),
        &["refused the credentials", "belongs to one cluster"],
        3,
    );
    let right = confluent_oauth(cloud, &confluent_issuer().token_url());
    let (own_cluster, own_pool) = (cloud.logical_cluster(), cloud.identity_pool());
    let oauth = |cluster: &str, pool: &str| {
        let other = right.replace(own_cluster, cluster).replace(own_pool, pool);
        format!("local: {other}")
    };
    let secret = vec![("SECRET".to_owned(), cloud.client_secret().to_owned())];
    faulty(
        &oauth("lkc-other", own_pool),
        &secret,
        &["refused the credentials", "`logical_cluster`"],
        3,
    );
    faulty(
        &oauth(own_cluster, "pool-other"),
        &secret,
        &["refused the credentials", "`identity_pool`"],
        3,
    );
    let wrong = vec![("SECRET".to_owned(), "wrong".to_owned())];
    faulty(
        &oauth(own_cluster, own_pool),
        &wrong,
        &["answered 401", "client_secret"],
        3,
    );

    let google = google();
    let own = google.environment();
    let connector = format!(
        "local: {{ kind: google, bootstrap: [{}], auth_timeout: 6s, tls: {{ ca: {} }} }}",
        list(&google.bootstrap()),
        quoted(&google.ca())
    );
    outage(
        google.metadata(),
        Outage::Denied,
        &connector,
        &own,
        &["it knows no such account"],
    );
    outage(
        google.metadata(),
        Outage::Down,
        &connector,
        &own,
        &["on Google Cloud alone"],
    );
    outage(
        google.metadata(),
        Outage::Html,
        &connector,
        &own,
        &["metadata server"],
    );
}
