//! Clients that take their time: they are ended and make room, be it the head of a request, its body, or the answer that they
//! dawdle over.

use std::net::Shutdown;
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use super::super::door::Limits;
use super::*;

const SOON: Duration = Duration::from_millis(200);
const LATE: Duration = Duration::from_secs(60);
/// More than the buffers between two sockets hold.
const LARGE: usize = 64 << 20;

/// A server that two connections fill; runs as long as its runtime.
fn server(idle: Duration, request: Duration) -> (Runtime, SocketAddr) {
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let router = Router::new()
        .route("/", get(|| async { "in" }).post(|_: String| async { "in" }))
        .route("/large", get(|| async { "x".repeat(LARGE) }));
    let limits = Limits {
        connections: 2,
        idle,
        request,
    };
    let listening = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let listener = runtime.block_on(listening).unwrap();
    let address = listener.local_addr().unwrap();
    runtime.spawn(async move { axum::serve(Door::with(listener, limits), router).await });
    (runtime, address)
}

/// What a third client is told while `dawdle` has both connections.
fn third(idle: Duration, request: Duration, dawdle: fn(TcpStream)) -> String {
    let (_runtime, address) = server(idle, request);
    let taken = [(); 2].map(|()| TcpStream::connect(address).unwrap());
    let dawdling = taken.each_ref().map(|stream| {
        let stream = stream.try_clone().unwrap();
        thread::spawn(move || dawdle(stream))
    });
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    write!(stream, "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    let read = stream.read_to_string(&mut answer);
    for stream in taken {
        // One that was ended is no longer connected.
        drop(stream.shutdown(Shutdown::Both));
    }
    for thread in dawdling {
        thread.join().unwrap();
    }
    read.unwrap();
    answer
}

/// Sends one byte after another until the connection ends.
fn drip(mut stream: TcpStream) {
    while stream.write_all(b"x").is_ok() {
        thread::sleep(Duration::from_millis(50)); // it dawdles: that is what is tested
    }
}

#[test]
fn whoever_sends_nothing_makes_room() {
    let third = third(SOON, LATE, drop);
    assert!(third.ends_with("in"), "{third}");
}

#[test]
fn whoever_sends_a_head_byte_by_byte_makes_room() {
    let third = third(LATE, SOON, |mut stream| {
        stream.write_all(b"GET / HTTP/1.1\r\nhost: ").unwrap();
        drip(stream);
    });
    assert!(third.ends_with("in"), "{third}");
}

#[test]
fn whoever_sends_a_body_byte_by_byte_makes_room() {
    let third = third(LATE, SOON, |mut stream| {
        stream
            .write_all(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n")
            .unwrap();
        drip(stream);
    });
    assert!(third.ends_with("in"), "{third}");
}

#[test]
fn whoever_takes_an_answer_bit_by_bit_makes_room() {
    let third = third(LATE, SOON, |mut stream| {
        stream
            .write_all(b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n")
            .unwrap();
        let mut some = [0; 64 << 10];
        while stream.read(&mut some).is_ok_and(|read| read > 0) {
            thread::sleep(Duration::from_millis(50)); // it dawdles: that is what is tested
        }
    });
    assert!(third.ends_with("in"), "{third}");
}

/// The time of a request is its own, not that of the connection.
#[test]
fn a_connection_outlasts_its_requests() {
    let (_runtime, address) = server(LATE, SOON);
    let mut stream = TcpStream::connect(address).unwrap();
    for _ in 0..3 {
        stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\nin") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            answer.extend(byte);
        }
        thread::sleep(SOON * 2); // longer than one request may take, between two
    }
}
