//! A source that goes while the group is about to give it something: it must not wait for an answer that nobody gives.

use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::{Duration, Instant};

use forebay_connectors::kafka::{Endpoint, Kafka};
use forebay_connectors::{Connector, GroupProtocol, SourceSpec, Start, Topics};
use forebay_core::source::{Event, Limit, Source};
use forebay_testcontainers::Kafka as Cluster;

/// A drop or a departure takes a second or two at most; one that hangs hangs for ever.
const WITHIN: Duration = Duration::from_secs(60);
const GROUP_ONLY: Limit = Limit { rows: 0 };

fn source(cluster: &Cluster, topic: &str, group: &str, protocol: GroupProtocol) -> Box<dyn Source> {
    let kafka = Kafka::new(Endpoint::plaintext(cluster.bootstrap()));
    let spec = SourceSpec {
        topics: Topics::Names(vec![topic.to_string()]),
        group: group.to_string(),
        start: Start::Earliest,
        protocol,
        instance_id: None,
        prefetch_bytes: 1 << 20,
    };
    kafka.source(&spec).expect("a source")
}

/// Does what a lane does that holds nothing; false at the end.
fn serve(source: &mut dyn Source) -> bool {
    match source.poll(GROUP_ONLY, Duration::from_millis(5)).expect("poll") {
        Event::Revoked(partitions) | Event::Lost(partitions) => source.release(&partitions).expect("release"),
        Event::End => return false,
        _ => {}
    }
    true
}

/// Serves the group for `moment`, then goes: in order, or by a drop alone.
fn come_and_go(mut source: Box<dyn Source>, moment: Duration, in_order: bool) {
    let until = Instant::now() + moment;
    // The last stretch unserved: what the group sends then waits in the queue when the source goes.
    while Instant::now() + Duration::from_millis(30) < until {
        serve(source.as_mut());
    }
    while Instant::now() < until {
        thread::yield_now();
    }
    if in_order {
        source.leave().expect("leave");
        while serve(source.as_mut()) {}
    }
    drop(source);
}

#[test]
fn a_source_can_go_at_any_moment_of_its_joining() {
    let cluster = Cluster::shared();
    let topic = cluster.create_topic("come-and-go", 4);
    let protocols = [
        ("cooperative-sticky", GroupProtocol::CooperativeSticky),
        ("range", GroupProtocol::Range),
        ("consumer", GroupProtocol::Consumer),
    ];
    for (name, protocol) in protocols {
        let (gone, all) = sync_channel(24);
        let moments = (0..24_u64).map(|n| (n, Duration::from_millis(n / 2 * 40), n % 2 == 0));
        for (n, moment, in_order) in moments.clone() {
            let group = format!("come-and-go-{name}-{n}");
            let source = source(cluster, &topic, &group, protocol);
            let gone = gone.clone();
            thread::spawn(move || {
                come_and_go(source, moment, in_order);
                // Nobody listens any more where another one hung.
                drop(gone.send(group));
            });
        }
        for _ in moments {
            assert!(all.recv_timeout(WITHIN).is_ok(), "{name}: a source hangs");
        }
    }
}
