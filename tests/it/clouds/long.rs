//! Tokens that live ten seconds, on brokers that cut off who does not authenticate again, for three minutes under load, on every
//! listener that takes tokens: nothing is lost, nothing stands still, nobody reconnects.

use std::time::{Duration, Instant};

use forebay_testcontainers::{
    Audit, CloudBuilder, ConfluentCloud, EventHubs, GoogleKafka, Kafka, Load, Msk, await_until, process,
};
use tempfile::TempDir;

use super::{Environment, OWN, list, quoted};
use crate::sensors::{event, pipeline};

const LIFE: Duration = Duration::from_secs(10);
const UNDER_LOAD: Duration = Duration::from_secs(180);
const RATE: u64 = 500;
/// Between two results of a steady stream.
const LONGEST_GAP: Duration = Duration::from_secs(1);

fn rotating<C>(builder: CloudBuilder<C>) -> C {
    builder.reauthenticate(LIFE).start()
}

/// The sensors through the cloud while its tokens are renewed again and again.
fn keeps_up(name: &str, kafka: &Kafka, connector: &str, environment: &Environment) {
    let (input, output) = (
        kafka.create_topic("rotation-in", 4),
        kafka.create_topic("rotation-out", 4),
    );
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
    await_until(Duration::from_secs(60), "the first result", || {
        kafka.count(&output) > 0
    });
    let (begin, mut seen, mut since, mut longest) = (Instant::now(), 0, Instant::now(), Duration::ZERO);
    while begin.elapsed() < UNDER_LOAD {
        assert!(
            forebay.try_wait().expect("forebay").is_none(),
            "{name}: forebay ended"
        );
        let now = kafka.count(&output);
        if now > seen {
            longest = longest.max(since.elapsed());
            (seen, since) = (now, Instant::now());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let sent = load.stop();
    await_until(Duration::from_secs(60), "every event is scored", || {
        kafka.committed("sensors", &input) == kafka.end_offsets(&input)
    });
    process::signal(&forebay, libc::SIGTERM);
    assert!(forebay.wait().expect("forebay").success());
    let audit = Audit::of(&kafka.read_all(&input), &kafka.read_all(&output));
    let said = std::fs::read_to_string(&log).expect("the log");
    let cut = said
        .lines()
        .filter(|line| line.contains("Disconnected") || line.contains("disconnected"))
        .count();
    println!("{name}: {sent} events, longest gap {longest:?}, {cut} disconnects, {audit:?}");
    let whole = audit.produced == sent && audit.lost == 0 && audit.duplicated == 0;
    assert!(whole, "{name}: {sent} sent: {audit:?}\n{said}");
    assert!(
        longest < LONGEST_GAP,
        "{name}: {longest:?} without a result\n{said}"
    );
    assert_eq!(cut, 0, "{name}: connections were closed\n{said}");
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
    keeps_up("msk", msk.kafka(), &connector, &msk.imds_environment());
}

#[test]
fn confluent() {
    let cloud: ConfluentCloud = rotating(ConfluentCloud::builder());
    cloud.issuer().lifetime(LIFE);
    let issuer = cloud
        .issuer()
        .https(&cloud.kafka().authority().server("issuer").issue());
    let connector = format!(
        "local: {{ kind: confluent, bootstrap: [{}], tls: {{ ca: {ca} }}, auth: {{ oauth: {{ token_url: {:?}, token_ca: {ca}, \
         client_id: {:?}, client_secret: \"${{SECRET}}\", logical_cluster: {:?}, identity_pool: {:?} }} }} }}",
        list(&cloud.bootstrap_oauth()),
        issuer.token_url(),
        cloud.client_id(),
        cloud.logical_cluster(),
        cloud.identity_pool(),
        ca = quoted(&cloud.ca())
    );
    let secret = vec![("SECRET".to_owned(), cloud.client_secret().to_owned())];
    keeps_up("confluent", cloud.kafka(), &connector, &secret);
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
        "event-hubs",
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
    keeps_up("google", google.kafka(), &connector, &google.environment());
}
