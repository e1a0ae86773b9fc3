//! HTTP by hand: one request, one answer.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use native_tls::{Certificate, TlsConnector};
use serde_json::Value;

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    head: String,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.body))
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let is_named = |line: &&str| {
            line.split(':')
                .next()
                .is_some_and(|n| n.eq_ignore_ascii_case(name))
        };
        let line = self.head.lines().find(is_named)?;
        Some(line.split_once(':')?.1.trim())
    }

    /// What is in an element of XML.
    pub(super) fn element(&self, name: &str) -> &str {
        let (_, rest) = self
            .body
            .split_once(&format!("<{name}>"))
            .unwrap_or_else(|| panic!("no {name} in {}", self.body));
        rest.split_once("</").expect("an end").0
    }
}

type Headers<'a> = &'a [(&'a str, &'a str)];

/// Asks a service at `http://…`.
pub(super) fn ask(url: &str, method: &str, headers: Headers<'_>, body: &str) -> Answer {
    try_ask(url, method, headers, body).expect("an answer")
}

/// The answer, or nothing where the connection ends without one.
pub(super) fn try_ask(url: &str, method: &str, headers: Headers<'_>, body: &str) -> Option<Answer> {
    let (host, path) = split(url);
    let stream = TcpStream::connect(&host).expect("connect");
    exchange(stream, &host, method, &path, headers, body)
}

/// Asks a service at `https://localhost:…` whose authority is in a file.
pub(super) fn ask_tls(url: &str, ca: &Path, headers: Headers<'_>, body: &str) -> Answer {
    let (host, path) = split(url);
    let root = Certificate::from_pem(&std::fs::read(ca).expect("the authority")).expect("a certificate");
    let connector = TlsConnector::builder()
        .disable_built_in_roots(true)
        .add_root_certificate(root)
        .build()
        .expect("TLS");
    let stream = TcpStream::connect(host.replace("localhost", "127.0.0.1")).expect("connect");
    let stream = connector.connect("localhost", stream).expect("a trusted server");
    exchange(stream, &host, "POST", &path, headers, body).expect("an answer")
}

fn split(url: &str) -> (String, String) {
    let (_, rest) = url.split_once("://").expect("a URL");
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    (host.into(), format!("/{path}"))
}

fn exchange(
    mut stream: impl Read + Write,
    host: &str,
    method: &str,
    path: &str,
    headers: Headers<'_>,
    body: &str,
) -> Option<Answer> {
    let more: String = headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\n{more}Connection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    // A service that is down may be faster than the request.
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let answer = String::from_utf8(answer).expect("text");
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    Some(Answer {
        status: status.expect("a status"),
        head: head.into(),
        body: body.into(),
    })
}

/// Whether nothing comes back for a while.
pub(super) fn is_silent(url: &str) -> bool {
    let (host, path) = split(url);
    let mut stream = TcpStream::connect(&host).expect("connect");
    let wait = Some(Duration::from_millis(300));
    stream.set_read_timeout(wait).expect("a time-out");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n").expect("ask");
    stream.read(&mut [0]).is_err()
}
