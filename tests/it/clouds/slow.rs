//! Credential sources that are slow: people are told what is waited for, a start waits as long as `auth_timeout` says, and no longer.

use std::time::{Duration, Instant};

use forebay_testcontainers::{Outage, Service, await_until, process};
use tempfile::TempDir;

use super::ways::topics;
use super::{Environment, OWN, assert_quiet, event_hubs, list, msk, quoted, turn};
use crate::sensors::pipeline;

/// Longer than a source is waited for in silence.
const SLOW: Duration = Duration::from_secs(6);
const NEVER: Duration = Duration::from_secs(3600);

/// A source, and how to get at it.
struct Slow {
    connector: String,
    environment: Environment,
    service: &'static Service,
    /// Requests that it takes until there are credentials.
    requests: u32,
    /// The reason of each source tried, in order.
    tried: &'static [&'static str],
}

/// `auth_timeout` in seconds.
fn sources(timeout: u64) -> Vec<Slow> {
    let (msk, hubs) = (msk(), event_hubs());
    let aws = format!(
        "local: {{ kind: msk, auth_timeout: {timeout}s, cluster_arn: {:?}, auth: {{ iam: {{}} }}, tls: {{ ca: {} }} }}",
        msk.cluster_arn(),
        quoted(&msk.ca())
    );
    let azure = format!(
        "local: {{ kind: event-hubs, auth_timeout: {timeout}s, namespace: {:?}, bootstrap: [{}], auth: {{ default: {{}} }}, \
         tls: {{ ca: {} }} }}",
        hubs.namespace(),
        list(&hubs.bootstrap_entra()),
        quoted(&hubs.ca())
    );
    vec![
        Slow {
            connector: aws.clone(),
            environment: msk.container_environment(),
            service: msk.container(),
            requests: 1,
            tried: &[
                "environment variables: AWS_ACCESS_KEY_ID",
                "profile: there is no profile",
                "web identity: AWS_WEB_IDENTITY_TOKEN_FILE",
                "container: no answer yet",
            ],
        },
        Slow {
            connector: aws,
            environment: msk.imds_environment(),
            service: msk.imds(),
            requests: 3,
            tried: &[
                "web identity: AWS_WEB_IDENTITY_TOKEN_FILE",
                "container: AWS_CONTAINER_CREDENTIALS_FULL_URI",
                "instance: no answer yet",
            ],
        },
        Slow {
            connector: azure,
            environment: hubs.managed_identity_environment(),
            service: hubs.managed_identity(),
            requests: 1,
            tried: &[
                "client secret: AZURE_TENANT_ID",
                "workload identity: AZURE_TENANT_ID",
                "managed identity: no answer yet",
            ],
        },
    ]
}

fn file(folder: &TempDir, source: &Slow) -> String {
    let edits = [
        (OWN, source.connector.as_str()),
        ("topic: telemetry-scores", "topic: ways-out"),
        ("topic: telemetry\n", "topic: ways-in\n"),
        ("topic: telemetry.dead", "topic: ways-dead"),
    ];
    pipeline(folder, &edits).display().to_string()
}

/// All of them at once: each spends its time waiting.
fn each(timeout: u64, answers: impl Fn(&Slow) -> Duration, try_it: impl Fn(&Slow) + Sync) {
    let all = sources(timeout);
    for source in &all {
        source.service.fail(Some(Outage::Slow(answers(source))));
    }
    let tried = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        std::thread::scope(|scope| {
            for source in &all {
                scope.spawn(|| try_it(source));
            }
        });
    }));
    // Other tests go on with them.
    for source in &all {
        source.service.fail(None);
    }
    if let Err(panic) = tried {
        std::panic::resume_unwind(panic);
    }
}

/// Whether a line tells that a token is waited for, by whom it should come.
fn tells(said: &str, timeout: u64) -> bool {
    said.lines().any(|line| {
        line.starts_with("waiting for a token (")
            && line.ends_with(&format!(" s of auth_timeout ({timeout} s)"))
    })
}

#[test]
fn a_source_that_answers_in_time_is_waited_for_and_the_run_begins() {
    let _turn = turn();
    topics(msk().kafka());
    topics(event_hubs().kafka());
    each(
        40,
        |source| SLOW / source.requests,
        |source| {
            let folder = TempDir::new().expect("a folder");
            let log = folder.path().join("log");
            let mut command = super::command(&["run", &file(&folder, source)], &source.environment);
            command.env("FOREBAY_LOG", "info");
            command.stderr(std::fs::File::create(&log).expect("a log"));
            let begin = Instant::now();
            let mut forebay = process::spawn(command).expect("start forebay");
            let said = || std::fs::read_to_string(&log).expect("the log");
            await_until(Duration::from_secs(60), "the run begins", || {
                assert!(
                    forebay.try_wait().expect("forebay").is_none(),
                    "it ended: {}",
                    said()
                );
                said().contains("running")
            });
            assert!(begin.elapsed() >= SLOW && tells(&said(), 40), "{}", said());
            process::signal(&forebay, libc::SIGTERM);
            assert!(forebay.wait().expect("forebay").success(), "{}", said());
            assert_quiet(&said());
        },
    );
}

#[test]
fn a_source_that_does_not_is_given_up_at_the_timeout_with_all_that_was_tried() {
    let _turn = turn();
    for (verb, begins) in [("run", "error: "), ("doctor", "failure  credentials")] {
        each(
            8,
            |_| NEVER,
            |source| {
                let folder = TempDir::new().expect("a folder");
                let begin = Instant::now();
                let command = super::command(&[verb, &file(&folder, source)], &source.environment);
                let output = crate::output(command);
                let took = begin.elapsed();
                let said =
                    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned();
                assert!(
                    tells(&said, 8) && said.contains("5 s of auth_timeout (8 s)"),
                    "{verb}: {said}"
                );
                let failure = said.split_once(begins).map_or("", |(_, failure)| failure);
                let mut rest = failure;
                for part in ["no answer within 8.0 s"].iter().chain(source.tried) {
                    let found = rest.split_once(part);
                    rest = found
                        .unwrap_or_else(|| panic!("{verb}: no {part} in {failure}\n{said}"))
                        .1;
                }
                assert_eq!(output.status.code(), Some(3), "{said}");
                let bounds = Duration::from_secs(8)..Duration::from_secs(12);
                assert!(bounds.contains(&took), "{verb}: {took:?}: {said}");
                assert_quiet(&said);
            },
        );
    }
}
