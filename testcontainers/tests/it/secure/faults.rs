//! Connections that fail, and a proxy that makes them fail and recover.

use std::io::Read as _;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use forebay_testcontainers::{Fault, await_until};
use rdkafka::ClientConfig;
use rdkafka::producer::Producer as _;

use super::attempt::{producer, write};
use super::{WITHIN, astray, client, cluster, refused};

/// A client of a plain listener elsewhere.
fn at(address: &str) -> ClientConfig {
    let mut config = client("OPEN", "plaintext");
    config
        .set("bootstrap.servers", address)
        .set("reconnect.backoff.max.ms", "200");
    config
}

#[test]
fn each_fault_shows_as_itself() {
    refused(&at(&Fault::closed_port()), None, &["Connection refused"]);
    let cut = Fault::cut();
    refused(&at(&cut.address()), None, &["brokers are down"]);
    assert!(cut.connections() > 0);
    // The first four bytes of the answer, `HTTP`, are a length as Kafka reads them.
    let http = Fault::http();
    refused(&at(&http.address()), None, &["response size 1213486160"]);
    let mut tls = client("TLS", "ssl");
    tls.set("bootstrap.servers", http.address());
    refused(&tls, None, &["SSL"]);
    let hole = Fault::black_hole();
    let mut patient = at(&hole.address());
    patient
        .set("socket.timeout.ms", "1000")
        .set("api.version.request.timeout.ms", "500");
    let begin = Instant::now();
    refused(&patient, None, &["brokers are down"]);
    assert!(hole.connections() > 0 && begin.elapsed() >= Duration::from_millis(500));
}

#[test]
fn a_fault_ends_with_its_connections() {
    let hole = Fault::black_hole();
    let mut stream = TcpStream::connect(hole.address()).expect("connect");
    await_until(WITHIN, "the connection is taken", || hole.connections() == 1);
    let address = hole.address();
    drop(hole);
    assert_eq!(stream.read(&mut [0]).unwrap_or(0), 0);
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn an_advertised_address_that_nobody_has_fails_after_the_first_answer() {
    let config = client("ASTRAY", "plaintext");
    let topic = cluster().create_topic("astray", 1);
    let error = write(&config, None, &topic).expect_err("astray");
    assert!(
        error.contains(&format!("{}/1", astray())) && error.contains("refused"),
        "{error}"
    );
}

#[test]
fn a_proxy_forwards_pauses_delays_and_cuts() {
    let topic = cluster().create_topic("proxied", 1);
    let proxy = super::proxy();
    proxy.target(&cluster().address("PROXIED"));
    let mut config = client("PROXIED", "plaintext");
    config.set("bootstrap.servers", proxy.address());
    write(&config, None, &topic).expect("through the proxy");

    proxy.delay(Duration::from_millis(150));
    let begin = Instant::now();
    write(&config, None, &topic).expect("slowly");
    assert!(
        begin.elapsed() >= Duration::from_millis(600),
        "at least two round trips"
    );
    proxy.delay(Duration::ZERO);

    let producer = producer(&config, None).expect("a producer");
    let answers = || {
        producer
            .client()
            .fetch_metadata(None, Duration::from_millis(300))
            .is_ok()
    };
    await_until(WITHIN, "it answers", answers);
    proxy.pause();
    assert!(!answers());
    proxy.resume();
    await_until(WITHIN, "it answers again", answers);

    let before = proxy.connections();
    proxy.refuse(true);
    proxy.cut();
    await_until(WITHIN, "the client comes back in vain", || {
        producer.poll(Duration::from_millis(10));
        proxy.connections() > before
    });
    assert!(!answers() && producer.context().errors().is_err());
    proxy.refuse(false);
    await_until(WITHIN, "it answers after all", answers);
}
