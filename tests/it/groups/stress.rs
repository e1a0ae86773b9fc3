//! What is done to members while records flow, and the audit afterwards.

use std::path::PathBuf;
use std::process::Child;
use std::time::{Duration, Instant};

use forebay_testcontainers::{Audit, Kafka, Load, await_until, process};

use tempfile::TempDir;

use super::member::{Copy, LANES, MAX_RECORDS, SESSION};
use crate::sensors;

const PARTITIONS: i32 = 12;
const RATE: u64 = 6000;
/// Members have caught up within this.
const DRAINED_WITHIN: Duration = Duration::from_secs(120);

/// A load on an input topic, and members that copy it.
pub(super) struct Stress<'a> {
    kafka: &'a Kafka,
    copy: Copy,
    load: Load,
    members: Vec<Child>,
    /// Holds the pipeline file.
    _folder: TempDir,
}

impl<'a> Stress<'a> {
    /// Two members with two lanes each copy the bytes of a running load.
    pub(super) fn copying(kafka: &'a Kafka, name: &str, protocol: &str) -> Self {
        Self::start(kafka, &format!("{name}-copy"), protocol, false)
    }

    /// Two members with two lanes each score a running load with the sensors pipeline.
    pub(super) fn scoring(kafka: &'a Kafka, name: &str, protocol: &str) -> Self {
        Self::start(kafka, &format!("{name}-score"), protocol, true)
    }

    fn start(kafka: &'a Kafka, name: &str, protocol: &str, scoring: bool) -> Self {
        let input = kafka.create_topic(&format!("{name}-{protocol}-in"), PARTITIONS);
        let output = kafka.create_topic(&format!("{name}-{protocol}-out"), PARTITIONS);
        let load = Load::start(kafka.bootstrap(), &input, RATE, sensors::event);
        let folder = TempDir::new().expect("a folder");
        let (bootstrap, protocol) = (kafka.bootstrap().to_string(), protocol.to_string());
        let mut copy = Copy {
            bootstrap,
            input,
            output,
            protocol,
            pipeline: None,
        };
        if scoring {
            copy.pipeline = Some(pipeline(&folder, &copy));
        }
        let members = vec![copy.start(), copy.start()];
        let stress = Self {
            kafka,
            copy,
            load,
            members,
            _folder: folder,
        };
        stress.await_progress();
        stress
    }

    fn written(&self) -> u64 {
        self.kafka.count(&self.copy.output)
    }

    /// Results go on coming.
    fn await_progress(&self) {
        let before = self.written();
        await_until(Duration::from_secs(60), "results come", || {
            self.written() > before + RATE / 2
        });
    }

    /// A member joins, and one leaves in order, in turn; a change begins when results flow again after the last.
    pub(super) fn joins_and_leaves(mut self, changes: usize) {
        for change in 0..changes {
            if change % 2 == 0 {
                self.members.push(self.copy.start());
            } else {
                end(self.members.remove(0));
            }
            self.await_progress();
        }
        let audit = self.drain();
        println!("{changes} joins and leaves: {audit:?}");
        assert_eq!(
            (audit.lost, audit.duplicated, audit.out_of_order, audit.strange),
            (0, 0, 0, 0),
            "{audit:?}"
        );
    }

    /// Members are killed at moments that do not depend on what they do, and started again.
    pub(super) fn kills(mut self, kills: usize) {
        let mut random = Random(0x5eed);
        for kill in 0..kills {
            let pause = Duration::from_millis(500 + random.next() % 2000);
            let at = Instant::now() + pause;
            await_until(pause * 2, "the moment of the kill", || Instant::now() >= at);
            let victim = kill % self.members.len();
            let mut member = self.members.remove(victim);
            member.kill().expect("kill a member");
            member.wait().expect("the killed member");
            self.members.push(self.copy.start());
        }
        let audit = self.drain();
        let bound = kills as u64 * LANES * MAX_RECORDS;
        println!("{kills} kills: {audit:?}, at most {bound} may be duplicated");
        assert_eq!((audit.lost, audit.strange), (0, 0), "{audit:?}");
        assert!(audit.duplicated <= bound, "{audit:?}");
    }

    /// A member is frozen until others own its partitions, and wakes up.
    pub(super) fn freezes(self) {
        let frozen = &self.members[0];
        process::signal(frozen, libc::SIGSTOP);
        // Records that came after it froze are committed on every partition: the others own them all.
        let frozen_at = self.kafka.end_offsets(&self.copy.input);
        await_until(Duration::from_secs(90), "the others take over", || {
            let committed = self.committed();
            frozen_at
                .iter()
                .all(|(p, end)| committed.get(p).is_some_and(|next| next > end))
        });
        let before = self.committed();
        process::signal(frozen, libc::SIGCONT);
        self.await_progress();
        let after = self.committed();
        let behind: Vec<_> = before.iter().filter(|(p, next)| after[*p] < **next).collect();
        assert!(behind.is_empty(), "the woken member set commits back: {behind:?}");
        let audit = self.drain();
        println!("a frozen member: {audit:?}");
        assert_eq!((audit.lost, audit.strange), (0, 0), "{audit:?}");
        assert!(audit.duplicated <= LANES * MAX_RECORDS, "{audit:?}");
    }

    fn committed(&self) -> std::collections::BTreeMap<i32, i64> {
        self.kafka.committed(&self.copy.input, &self.copy.input)
    }

    /// A broker is away for ten seconds; the members go on by themselves.
    pub(super) fn broker_stops(self, node: usize) {
        self.kafka.stop_node(node);
        let back = Instant::now() + Duration::from_secs(10);
        await_until(Duration::from_secs(20), "ten seconds have passed", || {
            Instant::now() >= back
        });
        self.kafka.start_node(node);
        self.await_progress();
        let audit = self.drain();
        println!("a broker stopped: {audit:?}");
        assert_eq!((audit.lost, audit.strange), (0, 0), "{audit:?}");
        assert!(audit.duplicated <= 2 * LANES * MAX_RECORDS, "{audit:?}");
    }

    /// Ends the load, waits until everything is through and committed, ends the members in order, and counts.
    fn drain(self) -> Audit {
        let Self {
            kafka,
            copy,
            load,
            members,
            _folder,
        } = self;
        let produced = load.stop();
        await_until(DRAINED_WITHIN, "everything is committed", || {
            kafka.committed(&copy.input, &copy.input) == kafka.end_offsets(&copy.input)
        });
        members.into_iter().for_each(end);
        let audit = Audit::of(&kafka.read_all(&copy.input), &kafka.read_all(&copy.output));
        assert_eq!(audit.produced, produced);
        audit
    }
}

/// The sensors pipeline on these topics, with the members' bounds.
fn pipeline(folder: &TempDir, copy: &Copy) -> PathBuf {
    let session = match copy.protocol.as_str() {
        "consumer" => String::new(),
        _ => format!(", client: {{ session.timeout.ms: {SESSION}, heartbeat.interval.ms: 1000 }}"),
    };
    let addresses = copy.bootstrap.replace(',', "\", \"");
    let bootstrap = format!("[\"{addresses}\"]{session}");
    let rest = format!("lanes: {LANES}\n  commit: {{ max_records: {MAX_RECORDS} }}");
    let source = format!("topic: {}\n    group_protocol: {}", copy.input, copy.protocol);
    sensors::pipeline(
        folder,
        &[
            ("[\"localhost:9092\"]", &bootstrap),
            ("topic: telemetry-scores", &format!("topic: {}", copy.output)),
            ("topic: telemetry\n", &format!("{source}\n")),
            ("group: sensors", &format!("group: {}", copy.input)),
            ("dead_letters: { topic: telemetry.dead }", &rest),
        ],
    )
}

/// SIGTERM, and the member must end well.
fn end(mut member: Child) {
    process::signal(&member, libc::SIGTERM);
    let mut status = None;
    await_until(Duration::from_secs(60), "a member leaves", || {
        status = member.try_wait().expect("the member");
        status.is_some()
    });
    let status = status.expect("it has ended");
    assert!(status.success(), "a member ended with {status}");
}

/// Reproducible moments (xorshift).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}
