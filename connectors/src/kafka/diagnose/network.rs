//! From a name to a connection: the two steps before any protocol. Each is bounded, whatever the network swallows.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::{Duration, Instant};

use crate::finding::Finding;

/// One step of the network may take so long.
pub(super) const STEP: Duration = Duration::from_secs(3);

/// `host` and `port` of `host:port`, an IPv6 address without its brackets.
pub(super) fn split(address: &str) -> Option<(&str, u16)> {
    let (host, port) = address.rsplit_once(':')?;
    let host = host
        .strip_prefix('[')
        .and_then(|h| h.strip_suffix(']'))
        .unwrap_or(host);
    Some((host, port.parse().ok()?))
}

/// The addresses behind a name.
pub(super) fn resolve(address: &str) -> Result<(Vec<SocketAddr>, Finding), Finding> {
    let begin = Instant::now();
    let failed = |found: String| {
        let remedy = "check the name in `bootstrap`, the machine's DNS, and whether this network may see it";
        Finding::failure("dns", address, found, remedy)
    };
    let (host, port) = split(address).ok_or_else(|| failed("the address is not `host:port`".into()))?;
    let (tell, told) = sync_channel(1);
    let name = host.to_owned();
    // The system's resolver knows no deadline: its thread is left behind where it finds none.
    let resolver = thread::Builder::new().name("resolver".into()).spawn(move || {
        let found = (name.as_str(), port)
            .to_socket_addrs()
            .map(Iterator::collect::<Vec<_>>);
        drop(tell.send(found));
    });
    resolver.map_err(|e| failed(format!("no thread for the resolver: {}", e.kind())))?;
    let found = match told.recv_timeout(STEP) {
        Ok(Ok(found)) if !found.is_empty() => found,
        Ok(Ok(_)) => return Err(failed("the name has no address".into()).after(begin.elapsed())),
        Ok(Err(error)) => {
            return Err(failed(format!("the name cannot be resolved ({error})")).after(begin.elapsed()));
        }
        Err(_) => {
            return Err(failed(format!("the resolver did not answer within {STEP:?}")).after(begin.elapsed()));
        }
    };
    let ips: Vec<String> = found.iter().map(|a| a.ip().to_string()).collect();
    let text = match host.parse::<IpAddr>() {
        Ok(_) => "an address, no name".to_owned(),
        Err(_) => ips.join(", "),
    };
    Ok((found, Finding::ok("dns", address, text).after(begin.elapsed())))
}

/// A connection to the first address that takes one.
pub(super) fn connect(address: &str, to: &[SocketAddr]) -> Result<(TcpStream, Finding), Finding> {
    let begin = Instant::now();
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for at in to {
        match TcpStream::connect_timeout(at, STEP) {
            Ok(stream) => {
                let set = stream
                    .set_read_timeout(Some(STEP))
                    .and_then(|()| stream.set_write_timeout(Some(STEP)));
                if let Err(error) = set {
                    last = error;
                    continue;
                }
                let finding = Finding::ok("tcp", address, format!("connected to {at}"));
                return Ok((stream, finding.after(begin.elapsed())));
            }
            Err(error) => last = error,
        }
    }
    let (found, remedy) = match last.kind() {
        io::ErrorKind::ConnectionRefused => (
            "nothing listens there: the connection was refused".to_owned(),
            "check the port, and that the broker runs and listens on this interface",
        ),
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => (
            format!("no answer to a connection within {STEP:?}"),
            "a firewall, a security group or a missing route swallows it: open the port for this machine",
        ),
        _ => (
            format!("no connection ({last})"),
            "check the route from this machine to the broker",
        ),
    };
    Err(Finding::failure("tcp", address, found, remedy).after(begin.elapsed()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_split() {
        assert_eq!(split("broker:9092"), Some(("broker", 9092)));
        assert_eq!(split("[::1]:9092"), Some(("::1", 9092)));
        assert_eq!(split("broker"), None);
    }

    #[test]
    fn an_unknown_name_and_a_closed_port_are_told_apart() {
        let unknown = resolve("no-such-host.invalid:9092").expect_err("unknown");
        assert!(
            unknown.step == "dns" && unknown.found.contains("resolve"),
            "{unknown:?}"
        );
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("address").to_string();
        let (found, _) = resolve(&address).expect("an address");
        assert!(connect(&address, &found).is_ok());
        drop(listener);
        let closed = connect(&address, &found).expect_err("closed");
        assert!(closed.found.contains("refused"), "{closed:?}");
    }
}
