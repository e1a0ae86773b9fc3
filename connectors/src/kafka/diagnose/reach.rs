//! One address, from its name to the first words of Kafka's protocol. Sends no secret.

use std::net::TcpStream;
use std::time::Instant;

use openssl::ssl::SslStream;

use super::network::{self, STEP};
use super::tls;
use super::wire::{self, Handshake, Reply};
use crate::finding::Finding;
use crate::kafka::endpoint::Endpoint;

/// From the name to the first words of Kafka's protocol; tells each step that goes well.
///
/// # Errors
/// The step that fails.
pub(super) fn reach(
    endpoint: &Endpoint,
    address: &str,
    tell: &mut dyn FnMut(Finding),
) -> Result<(), Finding> {
    let (at, finding) = network::resolve(address)?;
    tell(finding);
    let (stream, finding) = network::connect(address, &at)?;
    tell(finding);
    let begin = Instant::now();
    let last = match &endpoint.tls {
        None => speaks(endpoint, address, stream),
        Some(tls) => {
            let (stream, finding) = tls::handshake(address, stream, tls)?;
            tell(finding);
            speaks_tls(endpoint, address, stream)
        }
    };
    let last = last.after(begin.elapsed());
    if last.is_failure() {
        return Err(last);
    }
    tell(last);
    Ok(())
}

fn speaks_tls(endpoint: &Endpoint, address: &str, mut stream: SslStream<TcpStream>) -> Finding {
    let reply = wire::api_versions(&mut stream);
    if let (Reply::Closed | Reply::Broken(_), None) =
        (&reply, endpoint.tls.as_ref().and_then(|t| t.identity.as_ref()))
    {
        // TLS 1.3 ends on the client's side before the broker has looked for a certificate.
        let remedy =
            "set `tls.certificate` and `tls.key` to what the broker's authority has signed for this client";
        return Finding::failure(
            "tls",
            address,
            "the broker wants a client certificate, and none is set",
            remedy,
        )
        .by_credentials();
    }
    if let Reply::Broken(text) = &reply {
        let remedy =
            "have `tls.certificate` signed by an authority that the broker trusts; see the broker's log";
        let found = format!("the broker refused the client certificate ({})", alert(text));
        return Finding::failure("tls", address, found, remedy).by_credentials();
    }
    protocol(endpoint, address, reply, |endpoint| {
        greeting(endpoint, address, &mut stream)
    })
}

/// The words for the alert in OpenSSL's line (RFC 8446 section 6.2).
fn alert(text: &str) -> &str {
    let number = text.split("alert number ").nth(1).unwrap_or_default();
    match number.split(|c: char| !c.is_ascii_digit()).next() {
        Some("40") => "no common cipher or protocol",
        Some("42") => "bad certificate",
        Some("43") => "unsupported kind of certificate",
        Some("44") => "certificate revoked",
        Some("45") => "certificate expired",
        Some("46") => "certificate unknown",
        Some("48") => "unknown authority",
        Some("116") => "certificate required",
        _ => text,
    }
}

fn speaks(endpoint: &Endpoint, address: &str, mut stream: TcpStream) -> Finding {
    let reply = wire::api_versions(&mut stream);
    protocol(endpoint, address, reply, |endpoint| {
        greeting(endpoint, address, &mut stream)
    })
}

/// What the answer to the first request means.
fn protocol(
    endpoint: &Endpoint,
    address: &str,
    reply: Reply,
    greeting: impl FnOnce(&Endpoint) -> Finding,
) -> Finding {
    let failure = |found: &str, remedy: &str| Finding::failure("kafka", address, found, remedy);
    match reply {
        Reply::Kafka(_) => greeting(endpoint),
        Reply::Tls => failure(
            "what answers speaks TLS",
            "add `tls: {}` to the connector, with `ca` where its authority is a private one",
        ),
        Reply::Http => failure(
            "what answers speaks HTTP: a proxy, or another service",
            "check host and port; Kafka does not go through HTTP proxies",
        ),
        Reply::Garbage => failure("what answers is no Kafka broker", "check host and port"),
        Reply::Closed if endpoint.tls.is_none() => failure(
            "it closed the connection at the first request",
            "a listener with TLS does that to plaintext clients: add `tls: {}`, or use the port of the plaintext listener",
        ),
        Reply::Closed | Reply::Broken(_) => failure(
            "it closed the connection at the first request",
            "check host and port; a load balancer without a broker behind does this, too",
        ),
        Reply::Silent => failure(
            &format!("it took the connection, and did not answer within {STEP:?}"),
            "a firewall, a proxy or a load balancer without a broker behind waits like this, and so does a listener \
             with TLS: check host and port, and `tls`",
        ),
    }
}

/// Whether the listener wants SASL, and which.
fn greeting(
    endpoint: &Endpoint,
    address: &str,
    stream: &mut (impl std::io::Read + std::io::Write),
) -> Finding {
    let Some(mechanism) = endpoint.mechanism() else {
        return match wire::metadata(stream) {
            Reply::Kafka(_) => Finding::ok("kafka", address, "a broker, without SASL"),
            _ => {
                let remedy =
                    "add `sasl: { mechanism, username, password }` to the connector, or use another listener";
                Finding::failure(
                    "kafka",
                    address,
                    "the listener wants SASL credentials, and none are set",
                    remedy,
                )
                .by_credentials()
            }
        };
    };
    match wire::sasl_handshake(stream, mechanism) {
        Handshake::Accepted => Finding::ok("kafka", address, format!("a broker that offers {mechanism}")),
        Handshake::Unsupported(offered) => {
            let found = format!(
                "the listener does not offer {mechanism}; it offers: {}",
                offered.join(", ")
            );
            Finding::failure("kafka", address, found, "set `sasl.mechanism` to one of those").by_credentials()
        }
        Handshake::NotWanted => {
            let remedy = "leave out `sasl`, or use the port of the listener with SASL";
            Finding::failure("kafka", address, "the listener wants no SASL", remedy)
        }
        Handshake::Else(_) => {
            let remedy = "leave out `sasl`, or use the port of the listener with SASL";
            Finding::failure(
                "kafka",
                address,
                "the listener closed the connection when SASL began",
                remedy,
            )
        }
    }
}
