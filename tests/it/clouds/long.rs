//! Tokens that live ten seconds, on brokers that cut off who does not authenticate again, for three minutes under load, on every
//! listener that takes tokens: nothing is lost, nothing stands still, nobody reconnects.

use std::time::{Duration, SystemTime};

use forebay_testcontainers::{
    Audit, CloudBuilder, ConfluentCloud, Connections, EventHubs, GoogleKafka, Issuer, Kafka, Listener, Load,
    Message, Msk, await_until, process,
};
use tempfile::TempDir;

use super::{Environment, OWN, confluent_oauth, issuer_over_tls, list, quoted};
use crate::sensors::{event, pipeline};

const LIFE: Duration = Duration::from_secs(10);
const UNDER_LOAD: Duration = Duration::from_secs(180);
const RATE: u64 = 500;
/// Between two results of a steady stream.
const LONGEST_GAP: Duration = Duration::from_secs(1);
const WITHIN: Duration = Duration::from_secs(60);

fn rotating<C>(builder: CloudBuilder<C>) -> C {
    builder
        .configure(|kafka| kafka.count_connections())
        .reauthenticate(LIFE)
        .start()
}

/// The sensors through a listener while the tokens there are renewed again and again.
fn keeps_up(listener: &str, kafka: &Kafka, connector: &str, environment: &Environment) {
    let input = kafka.create_topic("rotation-in", 4);
    let output = kafka.topic("rotation-out").partitions(4);
    // A result's time is the broker's, when it was there.
    let output = output.config("message.timestamp.type", "LogAppendTime").create();
    kafka.create_topic("rotation-dead", 1);
    let folder = TempDir::new().expect("a folder");
    let edits = [
        (OWN, connector),
        ("topic: telemetry-scores", "topic: rotation-out"),
        ("topic: telemetry\n", "topic: rotation-in\n"),
        ("topic: telemetry.dead", "topic: rotation-dead"),
    ];
    let path = pipeline(&folder, &edits).display().to_string();
    let log = folder.path().join("log");
    let mut command = super::command(&["run", &path], environment);
    command.stderr(std::fs::File::create(&log).expect("a log"));
    let mut forebay = process::spawn(command).expect("start forebay");
    let load = Load::start(kafka.bootstrap(), &input, RATE, event);
    // Every client has its connections by then: the consumer, its group, the producer.
    await_until(WITHIN, "the first results are there, and committed", || {
        kafka.count(&output) > 0 && !kafka.committed("sensors", &input).is_empty()
    });
    let (begin, before) = (millis(), kafka.connections(listener));
    await_until(UNDER_LOAD + WITHIN, "three minutes are over", || {
        let ended = forebay.try_wait().expect("forebay");
        assert!(ended.is_none(), "{listener}: forebay ended");
        millis() - begin >= UNDER_LOAD.as_millis() as i64
    });
    let (end, after) = (millis(), kafka.connections(listener));
    let sent = load.stop();
    await_until(WITHIN, "every event is scored", || {
        kafka.committed("sensors", &input) == kafka.end_offsets(&input)
    });
    process::signal(&forebay, libc::SIGTERM);
    assert!(forebay.wait().expect("forebay").success());
    let results = kafka.read_all(&output);
    let audit = Audit::of(&kafka.read_all(&input), &results);
    let gaps = gaps(&results, begin, end);
    println!(
        "{listener}: {sent} events, {audit:?}, longest gaps {gaps:?} ms\n  before {before:?}\n  after  {after:?}"
    );
    let said = std::fs::read_to_string(&log).expect("the log");
    let whole = audit.produced == sent && audit.lost == 0 && audit.duplicated == 0;
    assert!(whole, "{listener}: {sent} sent: {audit:?}\n{said}");
    assert!(
        gaps[0] < LONGEST_GAP.as_millis() as i64,
        "{listener}: {gaps:?} ms without a result\n{said}"
    );
    same_connections(listener, before, after);
}

/// Nobody came anew, and who was there proved again and again who he is.
fn same_connections(listener: &str, before: Connections, after: Connections) {
    assert!(before.opened > 0, "{listener}: {before:?}");
    let steady = Connections {
        reauthenticated: after.reauthenticated,
        ..before
    };
    assert_eq!(
        after, steady,
        "{listener}: connections were opened, refused or cut off"
    );
    let times = UNDER_LOAD.as_secs() / LIFE.as_secs();
    assert!(
        after.reauthenticated - before.reauthenticated >= times,
        "{listener}: {before:?}, {after:?}"
    );
}

fn millis() -> i64 {
    let since = SystemTime::UNIX_EPOCH.elapsed().expect("a time");
    since.as_millis() as i64
}

/// The longest times without a result, in milliseconds, longest first; by the broker's own clock, which is this machine's.
fn gaps(results: &[Message], begin: i64, end: i64) -> Vec<i64> {
    let within = results
        .iter()
        .map(|m| m.timestamp)
        .filter(|at| (begin..end).contains(at));
    let mut at: Vec<i64> = within.chain([begin, end]).collect();
    at.sort_unstable();
    let mut gaps: Vec<i64> = at.windows(2).map(|two| two[1] - two[0]).collect();
    gaps.sort_unstable_by(|a, b| b.cmp(a));
    gaps.truncate(5);
    gaps
}

#[test]
fn msk() {
    let msk: Msk = rotating(Msk::builder());
    msk.account().lifetime(LIFE);
    let connector = format!(
        "local: {{ kind: msk, cluster_arn: {:?}, auth: {{ iam: {{}} }}, tls: {{ ca: {} }} }}",
        msk.cluster_arn(),
        quoted(&msk.ca())
    );
    keeps_up("IAM", msk.kafka(), &connector, &msk.imds_environment());
}

#[test]
fn confluent() {
    let cloud: ConfluentCloud = rotating(ConfluentCloud::builder());
    cloud.issuer().lifetime(LIFE);
    let issuer = issuer_over_tls(&cloud);
    let connector = format!("local: {}", confluent_oauth(&cloud, &issuer.token_url()));
    let secret = vec![("SECRET".to_owned(), cloud.client_secret().to_owned())];
    keeps_up("OAUTH", cloud.kafka(), &connector, &secret);
}

#[test]
fn event_hubs() {
    let hubs: EventHubs = rotating(EventHubs::builder());
    hubs.lifetime(LIFE);
    let connector = format!(
        "local: {{ kind: event-hubs, namespace: {:?}, bootstrap: [{}], auth: {{ managed_identity: {{}} }}, tls: {{ ca: {} }} }}",
        hubs.namespace(),
        list(&hubs.bootstrap_entra()),
        quoted(&hubs.ca())
    );
    keeps_up(
        "ENTRA",
        hubs.kafka(),
        &connector,
        &hubs.managed_identity_environment(),
    );
}

#[test]
fn google() {
    let google: GoogleKafka = rotating(GoogleKafka::builder());
    google.lifetime(LIFE);
    let connector = format!(
        "local: {{ kind: google, bootstrap: [{}], tls: {{ ca: {} }} }}",
        list(&google.bootstrap()),
        quoted(&google.ca())
    );
    keeps_up("GOOGLE", google.kafka(), &connector, &google.environment());
}

#[test]
fn self_hosted() {
    let issuer = Issuer::start();
    issuer.client("app", "planted");
    issuer.lifetime(LIFE);
    let kafka = Kafka::builder()
        .count_connections()
        .listener(Listener::oauth_tls("TOKENS", &issuer).reauthenticate(LIFE))
        .start();
    let https = issuer.https(&kafka.authority().server("issuer").issue());
    let connector = format!(
        "local: {{ kind: kafka, bootstrap: [{}], tls: {{ ca: {ca} }}, sasl: {{ mechanism: oauthbearer, token_url: {:?}, \
         token_ca: {ca}, client_id: app, client_secret: \"${{SECRET}}\" }} }}",
        list(&kafka.address("TOKENS")),
        https.token_url(),
        ca = quoted(&kafka.authority().ca())
    );
    keeps_up(
        "TOKENS",
        &kafka,
        &connector,
        &vec![("SECRET".into(), "planted".into())],
    );
}
