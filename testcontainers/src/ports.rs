//! Free ports on loopback. Below the range that the kernel hands to outgoing connections: a client that goes on
//! calling a stopped node would otherwise be given the node's own port, and the node could not come back.

use std::collections::HashSet;
use std::net::TcpListener;
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

const LOWEST: u16 = 10_000;

/// A port that nobody listens on now and that this process has not handed out before.
pub(crate) fn free() -> u16 {
    static TAKEN: Mutex<Option<HashSet<u16>>> = Mutex::new(None);
    let mut taken = TAKEN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let taken = taken.get_or_insert_with(HashSet::new);
    let range = ephemeral_start().saturating_sub(LOWEST);
    let first = seed();
    for step in 0..u32::from(range) {
        let port = LOWEST + ((first + step) % u32::from(range)) as u16;
        if !taken.contains(&port) && is_free(port) {
            taken.insert(port);
            return port;
        }
    }
    any()
}

/// Whether a server could listen on the port now.
pub(crate) fn is_free(port: u16) -> bool {
    TcpListener::bind(("127.0.0.1", port)).is_ok() && TcpListener::bind(("0.0.0.0", port)).is_ok()
}

/// The kernel's choice, for machines whose range for outgoing connections leaves no room below it.
fn any() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("binding a free port on loopback");
    listener
        .local_addr()
        .expect("asking for the port just bound")
        .port()
}

fn ephemeral_start() -> u16 {
    let text = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    text.split_whitespace()
        .next()
        .and_then(|low| low.parse().ok())
        .unwrap_or(32_768)
}

/// Differs between processes that start at the same moment, and between calls.
fn seed() -> u32 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| d.subsec_nanos());
    now.wrapping_mul(2_654_435_761)
        .wrapping_add(std::process::id().wrapping_mul(40_503))
        >> 8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_free_distinct_and_not_the_clients() {
        let ports: Vec<u16> = (0..50).map(|_| free()).collect();
        assert_eq!(ports.iter().collect::<HashSet<_>>().len(), 50);
        assert!(ports.iter().all(|port| *port < ephemeral_start()));
        let held = TcpListener::bind(("127.0.0.1", ports[0])).unwrap();
        assert!(!is_free(held.local_addr().unwrap().port()));
    }
}
