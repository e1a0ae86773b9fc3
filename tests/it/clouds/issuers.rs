//! Issuers that fail while a pipeline runs, for longer than a token lives: it is counted and told, nothing is lost, and it heals by
//! itself.

use std::time::Duration;

use forebay_testcontainers::{Audit, Failure, Kafka, Load, Outage, await_until, process};
use tempfile::TempDir;

use super::{
    Environment, OWN, assert_quiet, confluent, confluent_oauth, event_hubs, list, msk, quoted, turn,
};
use crate::sensors::{event, pipeline};
use crate::{free_port, metric};

const LIFE: Duration = Duration::from_secs(8);
const USUAL: Duration = Duration::from_secs(3600);
const RATE: u64 = 200;
/// A member that was cut off is missed by its group for a session, and a group waits for the missing.
const WITHIN: Duration = Duration::from_secs(180);

/// A way to tokens, and its issuer.
struct Issued {
    name: &'static str,
    kafka: &'static Kafka,
    connector: String,
    environment: Environment,
    /// Has the issuer fail, or not.
    fails: Box<dyn Fn(bool) + Send>,
}

fn ways() -> Vec<Issued> {
    let (msk, hubs, cloud) = (msk(), event_hubs(), confluent());
    let azure = |auth: &str| {
        format!(
            "local: {{ kind: event-hubs, namespace: {:?}, bootstrap: [{}], auth: {auth}, tls: {{ ca: {} }} }}",
            hubs.namespace(),
            list(&hubs.bootstrap_entra()),
            quoted(&hubs.ca())
        )
    };
    let outage = |is: bool| is.then_some(Outage::ServerError);
    vec![
        Issued {
            name: "msk-container",
            kafka: msk.kafka(),
            connector: format!(
                "local: {{ kind: msk, cluster_arn: {:?}, auth: {{ iam: {{}} }}, tls: {{ ca: {} }} }}",
                msk.cluster_arn(),
                quoted(&msk.ca())
            ),
            environment: msk.container_environment(),
            fails: Box::new(move |is| msk.container().fail(outage(is))),
        },
        Issued {
            name: "managed-identity",
            kafka: hubs.kafka(),
            connector: azure("{ managed_identity: {} }"),
            environment: hubs.managed_identity_environment(),
            fails: Box::new(move |is| hubs.managed_identity().fail(outage(is))),
        },
        Issued {
            name: "entra",
            kafka: hubs.kafka(),
            connector: azure("{ default: {} }"),
            environment: hubs.environment(),
            fails: Box::new(move |is| hubs.entra().fail(outage(is))),
        },
        Issued {
            name: "oidc",
            kafka: cloud.kafka(),
            connector: format!(
                "local: {}",
                confluent_oauth(cloud, &super::confluent_issuer().token_url())
            ),
            environment: vec![("SECRET".into(), cloud.client_secret().into())],
            fails: Box::new(move |is| cloud.issuer().fail(is.then_some(Failure::ServerError))),
        },
    ]
}

/// A process's log, shown where its test fails, with its metrics.
struct Said(std::path::PathBuf, u16);

impl Said {
    fn text(&self) -> String {
        std::fs::read_to_string(&self.0).expect("the log")
    }
}

impl Drop for Said {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!(
                "{}:\n{}\n{}",
                self.0.display(),
                self.text(),
                crate::metrics(self.1)
            );
        }
    }
}

/// The sensors, while the issuer fails for longer than a token lives.
fn heals(way: &Issued) {
    let (name, kafka) = (way.name, way.kafka);
    let topic = |end: &str| format!("{name}-{end}");
    let (input, output) = (
        kafka.create_topic(&topic("in"), 2),
        kafka.create_topic(&topic("out"), 2),
    );
    kafka.create_topic(&topic("dead"), 1);
    let (folder, port) = (TempDir::new().expect("a folder"), free_port());
    let listen = format!(
        "topic: {} }}\ntelemetry: {{ listen: \"127.0.0.1:{port}\" }}",
        topic("dead")
    );
    let edits = [
        (OWN, way.connector.as_str()),
        ("topic: telemetry-scores", &format!("topic: {output}")),
        ("topic: telemetry\n", &format!("topic: {input}\n")),
        ("topic: telemetry.dead }", &listen),
        ("group: sensors", &format!("group: {name}")),
    ];
    let path = pipeline(&folder, &edits).display().to_string();
    let log = Said(folder.path().join(format!("{name}.log")), port);
    let mut command = super::command(&["run", &path], &way.environment);
    command.env(
        "FOREBAY_LOG",
        "debug,hyper=warn,h2=warn,rustls=warn,aws=warn,reqwest=warn",
    );
    command.stderr(std::fs::File::create(&log.0).expect("a log"));
    let mut forebay = process::spawn(command).expect("start forebay");
    let mut ran = |what: &str, done: &dyn Fn() -> bool| {
        await_until(WITHIN, &format!("{name}: {what}"), || {
            let ended = forebay.try_wait().expect("forebay");
            assert!(ended.is_none(), "{name}: forebay ended");
            done()
        });
    };
    let load = Load::start(kafka.bootstrap(), &input, RATE, event);
    ran("results come", &|| kafka.count(&output) > 0);
    let (given, failed) = (
        "forebay_token_fetches_total",
        "forebay_token_fetch_failures_total",
    );
    (way.fails)(true);
    ran("three failures are counted", &|| metric(port, failed) >= 3);
    ran("the last token ends", &|| metric_of_expiry(port) < now());
    let before = metric(port, given);
    (way.fails)(false);
    ran("there are tokens again", &|| metric(port, given) > before);
    let failures = metric(port, failed);
    let sent = load.stop();
    ran("every event is scored", &|| {
        kafka.committed(name, &input) == kafka.end_offsets(&input)
    });
    process::signal(&forebay, libc::SIGTERM);
    assert!(forebay.wait().expect("forebay").success(), "{name}");
    let said = log.text();
    let lines = said.lines().filter(|line| line.contains("no new token")).count();
    assert!(
        lines as u64 >= failures,
        "{name}: {lines} lines, {failures} failures"
    );
    assert!(said.contains("about to expire"), "{name}");
    assert_quiet(&said);
    let audit = Audit::of(&kafka.read_all(&input), &kafka.read_all(&output));
    println!("{name}: {failures} failures, {lines} lines, {audit:?}");
    assert!(
        audit.produced == sent && audit.lost == 0,
        "{name}: {sent} sent, {audit:?}"
    );
}

fn metric_of_expiry(port: u16) -> u64 {
    metric(port, "forebay_token_expires_timestamp_seconds")
}

fn now() -> u64 {
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed();
    since.expect("a time").as_secs()
}

/// What tokens live from now on.
fn lifetime(life: Duration) {
    msk().account().lifetime(life);
    event_hubs().lifetime(life);
    confluent().issuer().lifetime(life);
}

#[test]
fn an_issuer_that_fails_for_longer_than_a_token_lives_loses_nothing() {
    let _turn = turn();
    lifetime(LIFE);
    let ways = ways();
    let ran = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        std::thread::scope(|scope| {
            for way in ways {
                scope.spawn(move || {
                    let ran = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| heals(&way)));
                    (way.fails)(false);
                    ran.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                });
            }
        });
    }));
    lifetime(USUAL);
    if let Err(panic) = ran {
        std::panic::resume_unwind(panic);
    }
}
