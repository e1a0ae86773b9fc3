use std::io::{Read, Write};
use std::net::TcpStream;

use super::*;

fn ask(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn local() -> Option<SocketAddr> {
    Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
}

#[test]
fn serves_metrics_and_liveness_until_dropped() {
    let lanes: AllMetrics = vec![Arc::default()];
    lanes[0].consumed.add(7);
    lanes[0].in_flight.add(7);
    let telemetry = Telemetry::start(local(), "p", lanes.clone(), Beside::default());
    let address = telemetry.address().unwrap();

    let metrics = ask(address, "/metrics");
    assert!(metrics.starts_with("HTTP/1.1 200"), "{metrics}");
    assert!(metrics.contains(CONTENT_TYPE), "{metrics}");
    assert!(
        metrics.contains("forebay_records_consumed_total{pipeline=\"p\",lane=\"0\"} 7\n"),
        "{metrics}"
    );
    assert!(ask(address, "/livez").starts_with("HTTP/1.1 200"));
    lanes[0].heartbeat.set(1);
    let stuck = ask(address, "/livez");
    assert!(
        stuck.starts_with("HTTP/1.1 503") && stuck.contains("lane 0"),
        "{stuck}"
    );

    drop(telemetry);
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn a_taken_address_is_replaced_only_where_none_was_configured() {
    let first = bind(local(), DEFAULT).unwrap();
    let taken = first.local_addr().unwrap();
    let second = bind(None, taken).unwrap().local_addr().unwrap();
    assert_ne!(second, taken);
    assert!(second.ip().is_loopback());
    let configured = Telemetry::start(Some(taken), "p", Vec::new(), Beside::default());
    assert_eq!(configured.address(), None);
}

#[test]
fn an_open_connection_does_not_hold_up_the_end() {
    let telemetry = Telemetry::start(local(), "p", Vec::new(), Beside::default());
    let mut open = TcpStream::connect(telemetry.address().unwrap()).unwrap();
    drop(telemetry);
    let mut rest = Vec::new();
    // Closed or reset: either way the server is gone.
    assert!(open.read_to_end(&mut rest).is_err() || rest.is_empty());
}
