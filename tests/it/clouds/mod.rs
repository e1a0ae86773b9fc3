//! The clouds, as stand-ins: real brokers with each cloud's listener and mechanism over TLS, and what stands around them on
//! loopback. The real clouds are in `real`, which nobody without accounts can run.

mod faults;
mod issuers;
mod long;
mod real;
mod sensors;
mod slow;
mod told;
mod ways;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use forebay_testcontainers::{ConfluentCloud, EventHubs, GoogleKafka, Https, Kafka, Msk, process};
use tempfile::TempDir;

use crate::sensors::pipeline;

/// The connector of the example's pipeline file, as it stands there.
const OWN: &str = r#"local: { kind: kafka, bootstrap: ["localhost:9092"] }"#;

fn msk() -> &'static Msk {
    static MSK: OnceLock<Msk> = OnceLock::new();
    MSK.get_or_init(Msk::start)
}

pub(crate) fn confluent() -> &'static ConfluentCloud {
    static CONFLUENT: OnceLock<ConfluentCloud> = OnceLock::new();
    CONFLUENT.get_or_init(ConfluentCloud::start)
}

fn event_hubs() -> &'static EventHubs {
    static EVENT_HUBS: OnceLock<EventHubs> = OnceLock::new();
    EVENT_HUBS.get_or_init(EventHubs::start)
}

fn google() -> &'static GoogleKafka {
    static GOOGLE: OnceLock<GoogleKafka> = OnceLock::new();
    GOOGLE.get_or_init(GoogleKafka::start)
}

/// The identity provider of [`confluent`], over TLS.
fn confluent_issuer() -> &'static Https {
    static ISSUER: OnceLock<Https> = OnceLock::new();
    ISSUER.get_or_init(|| issuer_over_tls(confluent()))
}

fn issuer_over_tls(cloud: &ConfluentCloud) -> Https {
    let authority = cloud.kafka().authority();
    cloud.issuer().https(&authority.server("issuer").issue())
}

/// A connector to the cloud's OAuth listener, behind its name; the client's secret is in `SECRET`.
fn confluent_oauth(cloud: &ConfluentCloud, token_url: &str) -> String {
    format!(
        "{{ kind: confluent, bootstrap: [{}], tls: {{ ca: {ca} }}, auth: {{ oauth: {{ token_url: {token_url:?}, token_ca: {ca}, \
         client_id: {:?}, client_secret: \"${{SECRET}}\", logical_cluster: {:?}, identity_pool: {:?} }} }} }}",
        list(&cloud.bootstrap_oauth()),
        cloud.client_id(),
        cloud.logical_cluster(),
        cloud.identity_pool(),
        ca = quoted(&cloud.ca())
    )
}

/// One test at a time: some have the services around the clouds fail.
pub(crate) fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What must come out nowhere.
fn secrets() -> Vec<String> {
    vec![
        msk().account().secret_key().to_owned(),
        msk().scram_password().to_owned(),
        confluent().api_secret().to_owned(),
        confluent().client_secret().to_owned(),
        event_hubs().client_secret().to_owned(),
        key_of(&event_hubs().connection_string()).to_owned(),
        // The head of every JWT, and of every signed URL in base64.
        "eyJhbGciOi".into(),
        "eyJ0eXAiOi".into(),
        "aHR0cHM6Ly9rYWZrYS4".into(),
        "X-Amz-Signature".into(),
    ]
}

fn key_of(connection_string: &str) -> &str {
    let key = connection_string.split("SharedAccessKey=").nth(1);
    key.and_then(|rest| rest.split(';').next()).expect("a key")
}

/// # Panics
/// Where `text` holds a secret; what stands before it is shown.
fn assert_quiet(text: &str) {
    for secret in secrets() {
        let at = text.find(&secret).map(|at| &text[at.saturating_sub(200)..at]);
        assert!(at.is_none(), "a secret behind: {}", at.unwrap_or_default());
    }
}

/// What a process needs to find a cloud's services: variables and their values.
type Environment = Vec<(String, String)>;

/// A way into a cluster: the connector's entry in the pipeline file, the cluster, and what a process needs beside it.
struct Way {
    name: &'static str,
    connector: String,
    kafka: &'static Kafka,
    environment: Environment,
}

pub(crate) fn quoted(path: &Path) -> String {
    format!("{:?}", path.display().to_string())
}

/// One address, or several behind commas, as the file's list.
pub(crate) fn list(addresses: &str) -> String {
    let each: Vec<String> = addresses.split(',').map(|one| format!("{one:?}")).collect();
    each.join(", ")
}

fn command(arguments: &[&str], environment: &Environment) -> Command {
    let mut command = crate::forebay(arguments);
    command
        .env("FOREBAY_LOG", "warn")
        .envs(environment.iter().cloned())
        .stdin(Stdio::null());
    command
}

/// `forebay run` with `--connector`, which dies with this process, and where its log goes: every line that Forebay, the clouds'
/// SDKs and librdkafka can write.
fn run(pipeline: &Path, way: &Way) -> (Child, PathBuf) {
    let path = pipeline.display().to_string();
    let mut command = command(&["run", &path, "--connector", way.name], &way.environment);
    let log = pipeline.with_extension("log");
    let file = fs::File::create(&log).expect("a log");
    command
        .env("FOREBAY_LOG", "trace")
        .stdout(file.try_clone().expect("a log"))
        .stderr(file);
    (process::spawn(command).expect("start forebay"), log)
}

/// One pipeline file with every way's connector.
fn with_every_connector(folder: &TempDir, ways: &[Way]) -> PathBuf {
    let entries: Vec<&str> = ways.iter().map(|way| way.connector.as_str()).collect();
    let edits = [
        (OWN, entries.join("\n  ")),
        ("topic: telemetry-scores", "topic: clouds-scores".into()),
        ("topic: telemetry\n", "topic: clouds\n".into()),
        ("topic: telemetry.dead", "topic: clouds-dead".into()),
        ("group: sensors", "group: clouds".into()),
    ];
    let edits = edits.each_ref().map(|(from, to)| (*from, to.as_str()));
    pipeline(folder, &edits)
}

/// The ways into every cloud that its own documentation names first.
fn main_ways() -> Vec<Way> {
    vec![local(), aws(), cloud(), azure(), google_cloud()]
}

fn local() -> Way {
    let kafka = Kafka::shared();
    Way {
        name: "local",
        connector: format!(
            "local: {{ kind: kafka, bootstrap: [{}] }}",
            list(kafka.bootstrap())
        ),
        kafka,
        environment: Vec::new(),
    }
}

/// The brokers are asked for, the token is signed with the process's own credentials.
fn aws() -> Way {
    let msk = msk();
    Way {
        name: "aws",
        connector: format!(
            "aws: {{ kind: msk, client: {{ debug: all }}, cluster_arn: {:?}, auth: {{ iam: {{}} }}, tls: {{ ca: {} }} }}",
            msk.cluster_arn(),
            quoted(&msk.ca())
        ),
        kafka: msk.kafka(),
        environment: msk.environment(),
    }
}

/// An API key.
fn cloud() -> Way {
    let cloud = confluent();
    Way {
        name: "cloud",
        connector: format!(
            "cloud: {{ kind: confluent, client: {{ debug: all }}, bootstrap: [{}], auth: {{ api_key: {}, api_secret: \"${{API_SECRET}}\" }}, tls: {{ ca: {} }} }}",
            list(&cloud.bootstrap()),
            cloud.api_key(),
            quoted(&cloud.ca())
        ),
        kafka: cloud.kafka(),
        environment: vec![("API_SECRET".into(), cloud.api_secret().into())],
    }
}

/// A managed identity: no secret at all.
fn azure() -> Way {
    let hubs = event_hubs();
    Way {
        name: "azure",
        connector: format!(
            "azure: {{ kind: event-hubs, client: {{ debug: all }}, namespace: {:?}, bootstrap: [{}], auth: {{ managed_identity: {{}} }}, tls: {{ ca: {} }} }}",
            hubs.namespace(),
            list(&hubs.bootstrap_entra()),
            quoted(&hubs.ca())
        ),
        kafka: hubs.kafka(),
        environment: hubs.managed_identity_environment(),
    }
}

/// The metadata server's token.
fn google_cloud() -> Way {
    let google = google();
    Way {
        name: "gcp",
        connector: format!(
            "gcp: {{ kind: google, client: {{ debug: all }}, bootstrap: [{}], tls: {{ ca: {} }} }}",
            list(&google.bootstrap()),
            quoted(&google.ca())
        ),
        kafka: google.kafka(),
        environment: google.environment(),
    }
}
