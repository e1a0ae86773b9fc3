//! A TLS handshake as the client would make it, with every fault of the broker's certificate written down instead of the
//! first one thrown. OpenSSL, as librdkafka uses it, so that both trust the same authorities.

use std::net::TcpStream;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use openssl::asn1::Asn1Time;
use openssl::pkey::PKey;
use openssl::ssl::{HandshakeError, SslConnector, SslMethod, SslStream, SslVerifyMode};
use openssl::x509::{X509, X509Ref, X509VerifyResult};

use super::network::{STEP, split};
use super::wire::{Reply, failed};
use crate::finding::Finding;
use crate::tls::Tls;

/// Warned of when a certificate ends within so many days.
const SOON_DAYS: i32 = 14;

/// A fault that OpenSSL found in the chain.
struct Fault {
    code: X509VerifyResult,
    /// Whom the certificate at fault names, and who signed it.
    subject: String,
    issuer: String,
}

/// Shakes hands; the stream is good for a question or two even where the certificate is not.
pub(super) fn handshake(
    address: &str,
    stream: TcpStream,
    tls: &Tls,
) -> Result<(SslStream<TcpStream>, Finding), Finding> {
    let begin = Instant::now();
    let faults = Arc::new(Mutex::new(Vec::new()));
    let own = |e: openssl::error::ErrorStack| {
        let remedy = "check `tls.ca`, `tls.certificate`, `tls.key` and `tls.key_password`";
        Finding::failure(
            "tls",
            address,
            format!("the client's own TLS cannot be set up ({})", reason(&e)),
            remedy,
        )
    };
    let connector = connector(tls, &faults).map_err(own)?;
    let host = split(address).map_or(address, |(host, _)| host);
    let shaken = connector
        .configure()
        .map_err(own)?
        .verify_hostname(tls.check_host_name)
        .connect(host, stream);
    let stream = shaken.map_err(|error| broken(address, &error).after(begin.elapsed()))?;
    let faults = std::mem::take(&mut *faults.lock().unwrap_or_else(PoisonError::into_inner));
    let certificate = stream.ssl().peer_certificate();
    if let Some(fault) = faults.first() {
        return Err(untrusted(address, host, fault, certificate.as_deref(), tls).after(begin.elapsed()));
    }
    let version = stream.ssl().version_str();
    let finding = match certificate.as_deref().map(ends) {
        Some((until, days)) if days < SOON_DAYS => Finding::warning(
            "tls",
            address,
            format!("{version}; the broker's certificate ends in {days} days ({until})"),
            "have it renewed before clients are refused",
        ),
        Some((until, _)) => Finding::ok(
            "tls",
            address,
            format!("{version}; trusted, names {host}, good until {until}"),
        ),
        None => Finding::ok("tls", address, version),
    };
    Ok((stream, finding.after(begin.elapsed())))
}

fn connector(tls: &Tls, faults: &Arc<Mutex<Vec<Fault>>>) -> Result<SslConnector, openssl::error::ErrorStack> {
    let mut builder = SslConnector::builder(SslMethod::tls_client())?;
    if let Some(ca) = &tls.ca {
        let mut store = openssl::x509::store::X509StoreBuilder::new()?;
        for certificate in X509::stack_from_pem(ca.as_bytes())? {
            store.add_cert(certificate)?;
        }
        builder.set_cert_store(store.build());
    }
    if let Some(identity) = &tls.identity {
        let mut chain = X509::stack_from_pem(identity.certificate.as_bytes())?.into_iter();
        if let Some(own) = chain.next() {
            builder.set_certificate(&own)?;
        }
        chain.try_for_each(|above| builder.add_extra_chain_cert(above))?;
        let key = identity.key.expose().as_bytes();
        let password = identity.key_password.as_ref();
        let key = match password {
            Some(password) => PKey::private_key_from_pem_passphrase(key, password.expose().as_bytes())?,
            None => PKey::private_key_from_pem(key)?,
        };
        builder.set_private_key(&key)?;
    }
    let faults = Arc::clone(faults);
    builder.set_verify_callback(SslVerifyMode::PEER, move |fine, context| {
        if !fine {
            let current = context.current_cert();
            let fault = Fault {
                code: context.error(),
                subject: current.map_or(String::new(), |c| name(c.subject_name())),
                issuer: current.map_or(String::new(), |c| name(c.issuer_name())),
            };
            faults.lock().unwrap_or_else(PoisonError::into_inner).push(fault);
        }
        true
    });
    Ok(builder.build())
}

/// What a fault of the certificate means to a person.
fn untrusted(address: &str, host: &str, fault: &Fault, certificate: Option<&X509Ref>, tls: &Tls) -> Finding {
    // The numbers are OpenSSL's X509_V_ERR_*.
    let (found, remedy) = match fault.code.as_raw() {
        9 => (
            format!("the certificate of `{}` is not valid yet", fault.subject),
            "compare this machine's clock with the broker's".to_owned(),
        ),
        10 => {
            let until = certificate.map_or(String::new(), |c| format!(" since {}", c.not_after()));
            (
                format!("the certificate of `{}` has expired{until}", fault.subject),
                "have it renewed on the broker; if it has been, compare the clocks".to_owned(),
            )
        }
        18..=21 | 2 => {
            let given = if tls.ca.is_some() {
                "`tls.ca` holds another authority"
            } else {
                "the system does not know it"
            };
            (
                format!(
                    "the broker's certificate is signed by `{}`, and {given}",
                    fault.issuer
                ),
                "set `tls: { ca: FILE }` to the certificate of the authority that signed the broker's"
                    .to_owned(),
            )
        }
        62 | 64 => {
            let names = certificate.map(names).unwrap_or_default();
            (
                format!("the broker's certificate does not name `{host}`; it names: {}", names.join(", ")),
                "connect by a name that it has, or have one added to it; `check_host_name: false` gives up the check"
                    .to_owned(),
            )
        }
        _ => (
            format!(
                "the broker's certificate is not accepted ({})",
                fault.code.error_string()
            ),
            "check the broker's certificate chain and `tls.ca`".to_owned(),
        ),
    };
    Finding::failure("tls", address, found, remedy)
}

/// Why there was no handshake.
fn broken(address: &str, error: &HandshakeError<TcpStream>) -> Finding {
    let (reply, text) = match error {
        HandshakeError::SetupFailure(stack) => (Reply::Broken(String::new()), reason(stack)),
        HandshakeError::Failure(middle) | HandshakeError::WouldBlock(middle) => {
            let error = middle.error();
            let io = error.io_error();
            let reply = io.map_or(Reply::Broken(error.to_string()), failed);
            let text = error.ssl_error().map_or(error.to_string(), reason);
            // An end of the stream without an error is an error without an io error.
            let closed = io.is_none() && error.ssl_error().is_none();
            (if closed { Reply::Closed } else { reply }, text)
        }
    };
    let plaintext =
        "the listener may be a plaintext one: leave out `tls`, or use the port of the TLS listener";
    let (found, remedy) = match reply {
        Reply::Silent => (
            format!("it took the connection, and did not answer TLS within {STEP:?}"),
            "a plaintext listener waits like this, and so does a firewall or a load balancer without a broker behind: \
             check the port, or leave out `tls`",
        ),
        Reply::Closed => ("it closed the connection when TLS began".to_owned(), plaintext),
        _ if text.contains("wrong version number") || text.contains("packet length too long") => {
            ("what answers speaks no TLS".to_owned(), plaintext)
        }
        _ if text.contains("alert") => (
            format!("the broker refused the handshake ({text})"),
            "where it asks for a client certificate, set `tls.certificate` and `tls.key`; else compare protocol versions",
        ),
        _ => (format!("no TLS handshake ({text})"), plaintext),
    };
    Finding::failure("tls", address, found, remedy)
}

/// The reason of the first error, without file names of a library.
fn reason(stack: &openssl::error::ErrorStack) -> String {
    let first = stack.errors().iter().find_map(|e| e.reason());
    first.unwrap_or("no reason given").to_owned()
}

fn name(name: &openssl::x509::X509NameRef) -> String {
    let parts: Vec<String> = name.entries().filter_map(|e| e.data().to_string().ok()).collect();
    parts.join(", ")
}

/// The names a certificate is good for.
fn names(certificate: &X509Ref) -> Vec<String> {
    let listed = certificate.subject_alt_names();
    let one = |n: &openssl::x509::GeneralNameRef| {
        let ip = n.ipaddress().and_then(|bytes| match bytes.len() {
            4 => <[u8; 4]>::try_from(bytes)
                .ok()
                .map(|b| std::net::IpAddr::from(b).to_string()),
            _ => <[u8; 16]>::try_from(bytes)
                .ok()
                .map(|b| std::net::IpAddr::from(b).to_string()),
        });
        n.dnsname().map(str::to_owned).or(ip)
    };
    let all: Vec<String> = listed.iter().flatten().filter_map(one).collect();
    if all.is_empty() {
        vec![name(certificate.subject_name())]
    } else {
        all
    }
}

/// When a certificate ends, and in how many days.
fn ends(certificate: &X509Ref) -> (String, i32) {
    let until = certificate.not_after();
    let days = Asn1Time::days_from_now(0)
        .and_then(|now| now.diff(until))
        .map_or(0, |d| d.days);
    (until.to_string(), days)
}
