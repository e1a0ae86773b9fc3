//! A scrape in both formats, as `promtool` reads it.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;

use forebay::core::metrics::{AllMetrics, Lag, LaneMetrics, Progress, State, StepMetrics};
use forebay::core::records::TopicPartition;
use forebay::core::reject::{Reject, Stage};
use forebay::telemetry::{Beside, Serving, Telemetry};
use forebay_testcontainers::Prometheus;

/// A lane that has all that a lane can have.
fn lane() -> LaneMetrics {
    let lane = LaneMetrics::default();
    let steps = [Stage::Sql, Stage::Model].map(|stage| Arc::new(StepMetrics::new(stage)));
    lane.steps.set(steps.into()).expect("steps once");
    lane.consumed.add(1 << 40);
    lane.latency.observe_all(0..1000);
    let reject = Reject {
        record: 0,
        stage: Stage::Decode,
        cause: "not JSON: a \"quote\", a \\ and a\nline",
        reason: "of one record".into(),
    };
    lane.rejects.count(&reject, 0);
    let partition = TopicPartition::new("events", 3);
    lane.progress.store(Arc::new(vec![Progress {
        partition: partition.clone(),
        position: 7,
        settled_at: None,
        behind: Some(4),
    }]));
    let lag = Lag {
        records: 4,
        seconds: Some(1.5),
        drain_seconds: Some(f64::INFINITY),
        state: State::Ok,
    };
    lane.asked.store(Arc::new([(partition, lag)].into()));
    lane
}

fn ask(address: SocketAddr, accept: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("connect");
    write!(stream, "GET /metrics HTTP/1.0\r\naccept: {accept}\r\n\r\n").expect("ask");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let body = answer.split_once("\r\n\r\n").expect("a body").1;
    body.to_owned()
}

/// The series, without their values: two scrapes are two moments.
fn series(text: &str) -> BTreeSet<&str> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| Some(line.rsplit_once(' ')?.0)).collect()
}

#[test]
fn both_formats_have_the_same_series_and_promtool_likes_the_classic_one() {
    let lanes: AllMetrics = vec![Arc::new(lane()), Arc::new(lane())];
    let serving = Serving {
        listen: Some((Ipv4Addr::LOCALHOST, 0).into()),
        token: None,
    };
    let telemetry = Telemetry::start(serving, "p", lanes, Beside::default());
    let address = telemetry.address().expect("an address");
    let (open, classic) = (ask(address, "application/openmetrics-text"), ask(address, "*/*"));
    assert!(series(&open).len() > 100, "{open}");
    assert_eq!(series(&open), series(&classic));
    let output = Prometheus::check_metrics(&classic);
    let said = [output.stdout, output.stderr].concat();
    assert!(
        output.status.success() && said.is_empty(),
        "{}",
        String::from_utf8_lossy(&said)
    );
    let misread = Prometheus::check_metrics(&open);
    assert!(!misread.status.success());
}
