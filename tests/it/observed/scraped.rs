//! Whoever looks does not disturb: scrapes while partitions move, and a hundred clients that open a connection and dawdle.

use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use forebay_testcontainers::{Kafka, Load, await_until, process};
use tempfile::TempDir;

use super::watched::WITHIN;
use crate::{metric, metrics, secure, sensors};

/// The partitions that a scrape names.
fn named(scrape: &str) -> usize {
    let lag = |line: &&str| line.starts_with("forebay_partition_lag_records{");
    scrape.lines().filter(lag).count()
}

#[test]
fn scrapes_during_rebalances_and_a_hundred_clients_that_dawdle_disturb_nobody() {
    let kafka = Kafka::shared();
    let topic = |name: &str, partitions| kafka.create_topic(&format!("scraped-{name}"), partitions);
    let (input, output, dead) = (topic("in", 4), topic("out", 4), topic("dead", 1));
    let source = format!("topic: {input}\n    group: {input}");
    let start = |port: u16| {
        let folder = TempDir::new().expect("a folder");
        let listen = format!("connector: local\ntelemetry: {{ listen: \"127.0.0.1:{port}\" }}\n");
        let edits = [
            ("localhost:9092", kafka.bootstrap()),
            ("topic: telemetry\n    group: sensors", &source),
            ("topic: telemetry-scores", &format!("topic: {output}")),
            ("topic: telemetry.dead", &format!("topic: {dead}")),
            ("connector: local\n", &listen),
        ];
        (secure::run(&sensors::pipeline(&folder, &edits)), folder)
    };
    let (port, other) = (crate::free_port(), crate::free_port());
    let (mut forebay, _folder) = start(port);
    let load = Load::start(kafka.bootstrap(), &input, 2000, sensors::event);
    await_until(WITHIN, "it has all partitions", || named(&metrics(port)) == 4);

    let done = AtomicBool::new(false);
    thread::scope(|threads| {
        let scraping = threads.spawn(|| {
            let (mut scrapes, mut longest) = (0, Duration::ZERO);
            while !done.load(Ordering::Acquire) {
                let begin = Instant::now();
                let text = metrics(port);
                assert!(text.ends_with("# EOF\n") && named(&text) <= 4, "{text}");
                longest = longest.max(begin.elapsed());
                scrapes += 1;
            }
            (scrapes, longest)
        });
        for _ in 0..2 {
            let (mut second, _folder) = start(other);
            await_until(WITHIN, "half of them has moved, and its series with it", || {
                (named(&metrics(port)), named(&metrics(other))) == (2, 2)
            });
            process::signal(&second, libc::SIGTERM);
            assert!(second.wait().expect("forebay").success());
            await_until(WITHIN, "they are back", || named(&metrics(port)) == 4);
        }
        done.store(true, Ordering::Release);
        let (scrapes, longest) = scraping.join().expect("scrapes");
        assert!(
            scrapes > 100 && longest < Duration::from_secs(5),
            "{scrapes}, {longest:?}"
        );
    });

    let dawdling: Vec<TcpStream> = (0..100)
        .map(|_| {
            let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
            stream.write_all(b"GET /me").expect("write");
            stream
        })
        .collect();
    let before = kafka.count(&output);
    await_until(WITHIN, "results go on", || kafka.count(&output) > before + 5000);
    await_until(Duration::from_secs(10), "who asks in order is answered", || {
        metric(port, "forebay_records_consumed_total") > 0
    });
    drop(dawdling);
    let written = load.stop();
    await_until(WITHIN, "every event has its result", || {
        kafka.count(&output) >= written
    });
    process::signal(&forebay, libc::SIGTERM);
    assert!(forebay.wait().expect("forebay").success());
}
