use std::io::{Read, Write};
use std::net::TcpStream;

use forebay_core::metrics::Progress;
use forebay_core::records::TopicPartition;

use super::*;

mod dawdling;

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

fn at(listen: Option<SocketAddr>) -> Serving {
    Serving { listen, token: None }
}

fn local() -> Option<SocketAddr> {
    Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
}

#[test]
fn serves_metrics_and_liveness_until_dropped() {
    let lanes: AllMetrics = vec![Arc::default()];
    lanes[0].consumed.add(7);
    lanes[0].in_flight.add(7);
    let telemetry = Telemetry::start(at(local()), "p", lanes.clone(), Beside::default());
    let address = telemetry.address().unwrap();

    let metrics = ask(address, "/metrics");
    assert!(metrics.starts_with("HTTP/1.1 200"), "{metrics}");
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
fn metrics_are_in_the_format_that_is_asked_for() {
    let telemetry = Telemetry::start(at(local()), "p", vec![Arc::default()], Beside::default());
    let address = telemetry.address().unwrap();
    // As Prometheus asks.
    let open =
        "accept: application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.4,*/*;q=0.1";
    for (accept, content, is_open) in [
        (open, CONTENT_TYPE, true),
        (
            "accept: text/plain\r\naccept: application/openmetrics-text",
            CONTENT_TYPE,
            true,
        ),
        ("accept: */*", text::CLASSIC, false),
        ("accept: text/plain;version=0.0.4", text::CLASSIC, false),
        ("user-agent: none", text::CLASSIC, false),
    ] {
        let answer = ask_with(address, "/metrics", accept);
        assert!(
            answer.contains(&format!("content-type: {content}\r\n")),
            "{accept}: {answer}"
        );
        assert_eq!(answer.ends_with("# EOF\n"), is_open, "{accept}: {answer}");
    }
}

#[test]
fn a_taken_address_is_replaced_only_where_none_was_configured() {
    let first = bind(local(), DEFAULT).unwrap();
    let taken = first.local_addr().unwrap();
    let second = bind(None, taken).unwrap().local_addr().unwrap();
    assert_ne!(second, taken);
    assert!(second.ip().is_loopback());
    let configured = Telemetry::start(at(Some(taken)), "p", Vec::new(), Beside::default());
    assert_eq!(configured.address(), None);
}

#[test]
fn an_open_connection_does_not_hold_up_the_end() {
    let telemetry = Telemetry::start(at(local()), "p", Vec::new(), Beside::default());
    let mut open = TcpStream::connect(telemetry.address().unwrap()).unwrap();
    drop(telemetry);
    let mut rest = Vec::new();
    // Closed or reset: either way the server is gone.
    assert!(open.read_to_end(&mut rest).is_err() || rest.is_empty());
}

fn ask_with(address: SocketAddr, path: &str, header: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{header}\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn readiness_and_status_tell_what_is_missing() {
    let lanes: AllMetrics = vec![Arc::default()];
    let telemetry = Telemetry::start(at(local()), "p", lanes.clone(), Beside::default());
    let address = telemetry.address().unwrap();
    let starting = ask(address, "/readyz");
    assert!(
        starting.starts_with("HTTP/1.1 503") && starting.contains("lane 0 is starting"),
        "{starting}"
    );
    lanes[0].heartbeat.set(liveness::now_ms());
    lanes[0].joined.set(1);
    lanes[0].consumed.add(3);
    lanes[0].in_flight.add(3);
    lanes[0].progress.store(Arc::new(vec![Progress {
        partition: TopicPartition::new("in", 4),
        position: 0,
        settled_at: None,
        behind: Some(7),
    }]));
    assert!(ask(address, "/readyz").starts_with("HTTP/1.1 200"));
    let status = ask(address, "/status");
    let body = status.split("\r\n\r\n").nth(1).unwrap();
    let status: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(status["ready"], true);
    let lane = &status["lanes"][0];
    assert_eq!(lane["records"]["in_flight"], 3);
    let by_client =
        serde_json::json!([{"topic": "in", "partition": 4, "records": 7, "seconds": null, "state": "ok"}]);
    assert_eq!((&lane["lag_records"], &lane["lags"]), (&7.into(), &by_client));
}

#[test]
fn a_token_is_asked_for_where_there_is_one_but_not_by_probes() {
    let serving = Serving {
        listen: local(),
        token: Some(Secret::from("planted-token")),
    };
    let telemetry = Telemetry::start(serving, "p", vec![Arc::default()], Beside::default());
    let address = telemetry.address().unwrap();
    for wrong in [
        "",
        "Bearer",
        "Bearer planted-tokem",
        "Bearer planted-token2",
        "Basic planted-token",
        "planted-token",
    ] {
        let answer = ask_with(address, "/metrics", &format!("authorization: {wrong}"));
        assert!(answer.starts_with("HTTP/1.1 401"), "{wrong}: {answer}");
        assert!(!answer.contains("planted-token\""), "{answer}");
    }
    for path in ["/metrics", "/status"] {
        for scheme in ["Bearer", "bearer", "BEARER "] {
            let answer = ask_with(address, path, &format!("authorization: {scheme} planted-token"));
            assert!(answer.starts_with("HTTP/1.1 200"), "{scheme} {path}: {answer}");
            assert!(!answer.contains("planted"), "{answer}");
        }
    }
    assert!(ask(address, "/livez").starts_with("HTTP/1.1 200"));
}

#[test]
fn slow_clients_and_large_requests_hold_up_nobody() {
    let telemetry = Telemetry::start(at(local()), "p", vec![Arc::default()], Beside::default());
    let address = telemetry.address().unwrap();
    let slow: Vec<TcpStream> = (0..100)
        .map(|_| {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.write_all(b"GET /metrics HTTP/1.1\r\nhost:").unwrap();
            stream
        })
        .collect();
    let mut large = TcpStream::connect(address).unwrap();
    let request = format!("GET /{} HTTP/1.1\r\n", "x".repeat(1 << 20));
    // The server may end it before all is sent.
    if large.write_all(request.as_bytes()).is_ok() {
        let mut answer = Vec::new();
        let read = large.read_to_end(&mut answer);
        assert!(read.is_err() || answer.starts_with(b"HTTP/1.1 4"), "{answer:?}");
    }
    let metrics = ask(address, "/metrics");
    assert!(metrics.starts_with("HTTP/1.1 200"), "{metrics}");
    drop(slow);
}

/// So many lanes that there are more than 5,000 series, as of many partitions.
#[test]
fn a_scrape_of_thousands_of_series_is_quick() {
    use forebay_core::metrics::StepMetrics;
    use forebay_core::reject::Stage;

    let lanes: AllMetrics = (0..64).map(|_| Arc::default()).collect();
    for lane in &lanes {
        let stages = [Stage::Sql, Stage::Model, Stage::Sql].map(|stage| Arc::new(StepMetrics::new(stage)));
        lane.steps.set(stages.into()).unwrap();
        lane.latency.observe_all(0..1000);
        lane.consumed.add(1 << 40);
        lane.in_flight.add(1 << 40);
    }
    let exporter = Exporter::new("p", lanes, Beside::default(), Build::this());
    let timed = |_| {
        let begin = std::time::Instant::now();
        let text = text::classic(&exporter.scrape().unwrap());
        (begin.elapsed(), text)
    };
    let (quickest, text) = (0..20).map(timed).min_by_key(|(time, _)| *time).unwrap();
    let series = text.lines().filter(|line| !line.starts_with('#')).count();
    println!("{series} series, {} bytes in {quickest:?}", text.len());
    assert!(series > 5000, "{series}");
    // Of an optimised build `make bench-parts` asks more.
    assert!(quickest < std::time::Duration::from_millis(200), "{quickest:?}");
}
