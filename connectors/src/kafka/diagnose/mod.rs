//! Why a cluster does not answer, step by step: name, connection, TLS, protocol, credentials, the brokers it names, topics,
//! group. Each step is bounded; what comes behind a failure is not tried. Secrets go to no address that has not passed
//! the steps before.

mod access;
mod client;
mod network;
mod tls;
mod wire;

use std::collections::BTreeMap;
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use forebay_auth::Credentials;
use forebay_core::{Kind, Result};
use openssl::ssl::SslStream;

use super::endpoint::Endpoint;
use crate::finding::{Finding, Needs, Outcome};
use access::look;
pub(super) use client::Listener;
use client::{Answer, Probe, Said};
use network::STEP;
use wire::{Handshake, Reply};

/// How long credentials, topics and the group may take together.
const CLIENT_WITHIN: Duration = Duration::from_secs(6);
/// How long a client is left alone before the cause of its silence is looked for.
const ALONE_WITHIN: Duration = Duration::from_secs(4);

/// Tells every finding as it comes; returns the number of partitions of each topic that can be used.
pub(super) fn diagnose(
    endpoint: &Endpoint,
    needs: &Needs,
    tell: &mut dyn FnMut(Finding),
) -> BTreeMap<String, usize> {
    if !every(endpoint, &endpoint.bootstrap, tell) {
        return BTreeMap::new();
    }
    let looked = Probe::open(endpoint).map_err(|error| {
        let remedy = "check the connector's keys";
        Finding::failure("client", endpoint.bootstrap.join(","), error.to_string(), remedy)
    });
    let looked = looked.and_then(|probe| {
        let begin = Instant::now();
        let brokers = login(endpoint, &probe, begin + CLIENT_WITHIN).map_err(|f| f.after(begin.elapsed()))?;
        tell(brokers.finding(endpoint).after(begin.elapsed()));
        advertised(endpoint, &brokers.0, tell)?;
        Ok(look(&probe, needs, Instant::now() + CLIENT_WITHIN, tell))
    });
    looked.unwrap_or_else(|failure| {
        tell(failure);
        BTreeMap::new()
    })
}

/// What a run does before its lanes start: the same, but straight to the client; only where it gets no answer, the steps
/// before are looked into.
///
/// # Errors
/// The first failure, with its cause and what to do.
pub(super) fn verify(
    endpoint: &Endpoint,
    needs: &Needs,
    within: Duration,
) -> Result<BTreeMap<String, usize>> {
    let until = Instant::now() + within;
    let probe = Probe::open(endpoint)?;
    let mut failure = None;
    let mut tell = |finding: Finding| {
        if let Some(remedy) = finding.remedy.as_ref().filter(|_| !finding.is_failure()) {
            tracing::warn!(subject = finding.subject, "{}; {remedy}", finding.found);
        }
        failure = failure.take().or_else(|| finding.error());
    };
    let found = match login(endpoint, &probe, Instant::now() + ALONE_WITHIN) {
        Ok(brokers) => match advertised(endpoint, &brokers.0, &mut tell) {
            Ok(()) => look(&probe, needs, until, &mut tell),
            Err(failure) => {
                tell(failure);
                BTreeMap::new()
            }
        },
        // The broker has seen the credentials, or names an address of its own: there is nothing to look for.
        Err(known)
            if known.step == "brokers"
                || (known.outcome == Outcome::Failure(Kind::Auth) && !is_about_mechanism(&known)) =>
        {
            tell(known);
            BTreeMap::new()
        }
        Err(silent) => {
            tracing::warn!(
                address = silent.subject,
                "{}; looking for the cause",
                silent.found
            );
            diagnose(endpoint, needs, &mut tell)
        }
    };
    failure.map_or(Ok(found), Err)
}

/// Every address by itself, all at once; true where one of them can be used.
fn every(endpoint: &Endpoint, addresses: &[String], tell: &mut dyn FnMut(Finding)) -> bool {
    let outcomes: Vec<Vec<Finding>> = thread::scope(|scope| {
        let handles: Vec<_> = addresses
            .iter()
            .map(|address| scope.spawn(move || reach(endpoint, address)))
            .collect();
        handles
            .into_iter()
            .map(|handle| handle.join().unwrap_or_default())
            .collect()
    });
    let usable = |findings: &Vec<Finding>| !findings.iter().any(Finding::is_failure);
    let some = outcomes.iter().any(usable);
    for mut finding in outcomes.into_iter().flatten() {
        // Where another address works, a run works: the client tries them all.
        if some && finding.is_failure() {
            finding.outcome = Outcome::Warning;
        }
        tell(finding);
    }
    some
}

/// The brokers that the cluster names, beside those in `bootstrap`: clients go to those in the end.
///
/// # Errors
/// Where none of them can be used; where some can, a run works on those partitions.
fn advertised(
    endpoint: &Endpoint,
    brokers: &[String],
    tell: &mut dyn FnMut(Finding),
) -> std::result::Result<(), Finding> {
    let others: Vec<&String> = brokers
        .iter()
        .filter(|broker| !endpoint.bootstrap.contains(broker))
        .collect();
    let begin = Instant::now();
    let failures: Vec<Option<Finding>> = thread::scope(|scope| {
        let look = |address: &String| reach(endpoint, address).into_iter().find(Finding::is_failure);
        let handles: Vec<_> = others
            .iter()
            .map(|address| scope.spawn(move || look(address)))
            .collect();
        handles
            .into_iter()
            .map(|handle| handle.join().unwrap_or_default())
            .collect()
    });
    let all_fail = !brokers.is_empty() && failures.iter().flatten().count() == brokers.len();
    for (address, failure) in others.iter().zip(failures) {
        let Some(failure) = failure else { continue };
        let found = format!(
            "the cluster names this broker, and it cannot be used from here: {}",
            failure.found
        );
        let remedy = "`advertised.listeners` of a broker must name an address that its clients can reach";
        let finding = Finding::failure("brokers", *address, found, remedy).after(begin.elapsed());
        if all_fail {
            return Err(finding);
        }
        tell(Finding {
            outcome: Outcome::Warning,
            ..finding
        });
    }
    Ok(())
}

fn unreachable(broker: &str, why: &str) -> Finding {
    let found = format!("the cluster names this broker, and it cannot be used from here: {why}");
    let remedy = "`advertised.listeners` of a broker must name an address that its clients can reach";
    Finding::failure("brokers", broker, found, remedy)
}

/// From the name to the first words of Kafka's protocol.
fn reach(endpoint: &Endpoint, address: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let failed = |mut findings: Vec<Finding>, failure| {
        findings.push(failure);
        findings
    };
    let at = match network::resolve(address) {
        Ok((at, finding)) => {
            findings.push(finding);
            at
        }
        Err(failure) => return failed(findings, failure),
    };
    let stream = match network::connect(address, &at) {
        Ok((stream, finding)) => {
            findings.push(finding);
            stream
        }
        Err(failure) => return failed(findings, failure),
    };
    let begin = Instant::now();
    let finding = match &endpoint.tls {
        None => speaks(endpoint, address, stream),
        Some(tls) => match tls::handshake(address, stream, tls) {
            Ok((stream, finding)) => {
                findings.push(finding);
                speaks_tls(endpoint, address, stream)
            }
            Err(failure) => return failed(findings, failure),
        },
    };
    findings.push(finding.after(begin.elapsed()));
    findings
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

/// The brokers' own addresses.
struct Brokers(Vec<String>);

impl Brokers {
    fn finding(&self, endpoint: &Endpoint) -> Finding {
        let who = match &endpoint.credentials {
            Credentials::None => String::new(),
            Credentials::Password { username, .. } => format!("authenticated as {username}; "),
            Credentials::Token(cell) => {
                let token = cell.token();
                format!(
                    "authenticated as {}, for {} s; ",
                    token.principal,
                    token.left().as_secs()
                )
            }
        };
        let found = format!("{who}brokers: {}", self.0.join(", "));
        Finding::ok(step(endpoint), endpoint.bootstrap.join(","), found)
    }
}

/// The step that first speaks to the cluster as a whole.
fn step(endpoint: &Endpoint) -> &'static str {
    if endpoint.mechanism().is_some() {
        "sasl"
    } else {
        "cluster"
    }
}

/// Authenticates, and learns the brokers.
fn login(endpoint: &Endpoint, probe: &Probe, until: Instant) -> std::result::Result<Brokers, Finding> {
    let address = endpoint.bootstrap.join(",");
    match probe.metadata(None, until) {
        Answer::Cluster(metadata) => {
            let brokers = metadata.brokers().iter();
            Ok(Brokers(
                brokers.map(|b| format!("{}:{}", b.host(), b.port())).collect(),
            ))
        }
        Answer::Refused(reason) => Err(refused_credentials(endpoint, &address, &reason)),
        Answer::Silence(Some(Said {
            broker: Some(broker), ..
        })) if !endpoint.bootstrap.contains(&broker) => {
            let failure = reach(endpoint, &broker).into_iter().find(Finding::is_failure);
            let found = failure.map_or("it does not answer".to_owned(), |failure| failure.found);
            Err(unreachable(&broker, &found))
        }
        Answer::Silence(said) => {
            let said = said.map(|said| said.text);
            let said = said.map_or(String::new(), |said| format!(" ({said})"));
            let remedy =
                "look at the broker's log; it took the connection, and answered nothing a client can use";
            Err(Finding::failure(
                step(endpoint),
                address,
                format!("the cluster does not answer{said}"),
                remedy,
            ))
        }
    }
}

/// Whether the two did not even agree on how to authenticate, which the steps before tell better.
fn is_about_mechanism(refused: &Finding) -> bool {
    refused.found.contains("mechanism handshake failed")
}

fn refused_credentials(endpoint: &Endpoint, address: &str, reason: &str) -> Finding {
    let remedy = match &endpoint.credentials {
        Credentials::Token(_) => {
            "compare the token's issuer, audience and scope with what the broker expects, and the clocks of both"
        }
        _ => {
            "check `sasl.username`, `sasl.password` and `sasl.mechanism`; the broker does not say which is wrong"
        }
    };
    Finding::failure(
        "sasl",
        address,
        format!("the broker refused the credentials ({reason})"),
        remedy,
    )
    .by_credentials()
}
