//! One process with two lanes: this test binary, started again to copy bytes from topic to topic, or `forebay run`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use forebay_connectors::kafka::{Endpoint, Kafka};
use forebay_connectors::{Connector, GroupProtocol, Scalar, SinkSpec, SourceSpec, Start, Topics};
use forebay_core::carry::Carrier;
use forebay_core::codec::verbatim::{VerbatimDecoder, VerbatimEncoder};
use forebay_core::lane::{Lane, OnGap, Rules, Stop};
use forebay_core::metrics::LaneMetrics;
use forebay_testcontainers::process;

use crate::sensors;

/// What a member copies, and how.
#[derive(Clone, Debug)]
pub(super) struct Copy {
    pub(super) bootstrap: String,
    pub(super) input: String,
    pub(super) output: String,
    pub(super) protocol: String,
    /// Runs the binary on this pipeline instead of copying bytes.
    pub(super) pipeline: Option<PathBuf>,
}

/// Lanes of each member.
pub(super) const LANES: u64 = 2;
/// What may be seen twice per lane and kill.
pub(super) const MAX_RECORDS: u64 = 2000;
/// Short, so that a dead member is noticed soon. With KIP-848 it is the broker's setting.
pub(super) const SESSION: &str = "6000";

const VARIABLES: [&str; 4] = ["COPY_BOOTSTRAP", "COPY_INPUT", "COPY_OUTPUT", "COPY_PROTOCOL"];

impl Copy {
    /// Starts a member; it dies with this process.
    pub(super) fn start(&self) -> Child {
        if let Some(pipeline) = &self.pipeline {
            return sensors::run(pipeline);
        }
        let mut command = Command::new(std::env::current_exe().expect("this test binary"));
        command.args([
            "groups::member::copy",
            "--exact",
            "--nocapture",
            "--test-threads=1",
        ]);
        let values = [&self.bootstrap, &self.input, &self.output, &self.protocol];
        command
            .envs(VARIABLES.iter().zip(values))
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        process::spawn(command).expect("start a member")
    }

    fn from_environment() -> Option<Self> {
        let [bootstrap, input, output, protocol] = VARIABLES.map(|name| std::env::var(name).ok());
        Some(Self {
            bootstrap: bootstrap?,
            input: input?,
            output: output?,
            protocol: protocol?,
            pipeline: None,
        })
    }

    fn lane(&self, stop: &Stop) -> Lane {
        let (protocol, session) = match self.protocol.as_str() {
            "range" => (GroupProtocol::Range, true),
            "consumer" => (GroupProtocol::Consumer, false),
            _ => (GroupProtocol::CooperativeSticky, true),
        };
        let mut client = BTreeMap::new();
        if session {
            client.insert("session.timeout.ms".to_string(), Scalar(SESSION.to_string()));
            client.insert("heartbeat.interval.ms".to_string(), Scalar("1000".to_string()));
        }
        let kafka = Kafka::new(Endpoint {
            client,
            ..Endpoint::plaintext(&self.bootstrap)
        });
        let source = SourceSpec {
            topics: Topics::Names(vec![self.input.clone()]),
            group: self.input.clone(),
            start: Start::Earliest,
            protocol,
            instance_id: None,
            prefetch_bytes: 16 << 20,
        };
        let sink = SinkSpec {
            compression: "none".into(),
            linger: Duration::from_millis(1),
            buffer_bytes: 32 << 20,
        };
        let metrics = Arc::new(LaneMetrics::default());
        let carrier = Carrier::new(
            Box::new(VerbatimDecoder),
            Vec::new(),
            Box::new(VerbatimEncoder::new(self.output.as_str())),
            Arc::clone(&metrics),
        );
        let rules = Rules {
            max_rows: 512,
            commit_every: Duration::from_secs(1),
            commit_at_least: Duration::ZERO,
            max_records: MAX_RECORDS,
            max_bytes: 32 << 20,
            on_gap: OnGap::Stop,
            drop_rejects: false,
            dead_letters: None,
            flush_within: Duration::from_secs(30),
        };
        let source = kafka.source(&source).expect("a source");
        let sinks = vec![kafka.sink(&sink).expect("a sink")];
        Lane::new(source, carrier, sinks, rules, metrics, stop.clone())
    }
}

/// Does nothing in a test run; as a member, copies until SIGTERM.
#[test]
fn copy() {
    let Some(copy) = Copy::from_environment() else {
        return;
    };
    tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::WARN)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
    let stop = Stop::default();
    let requested = stop.clone();
    let mut signals = signal_hook::iterator::Signals::new([libc::SIGTERM]).expect("signals");
    std::thread::spawn(move || signals.forever().for_each(|_| requested.request()));
    let lanes: Vec<_> = (0..LANES)
        .map(|_| {
            let lane = copy.lane(&stop);
            std::thread::spawn(move || lane.run())
        })
        .collect();
    for lane in lanes {
        lane.join().expect("no panic").expect("no error");
    }
}
