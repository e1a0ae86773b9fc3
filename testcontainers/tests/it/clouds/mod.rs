//! The clouds' stand-ins: who has what a cloud asks for comes in, who has not is refused, and the services around them
//! answer in the clouds' own forms. Tokens are made here, by other code than the stand-ins'.

mod ask;
mod aws;
mod confluent;
mod entra;
mod event_hubs;
mod google;
mod msk;
mod outages;
mod sasl;
mod services;

use std::time::{SystemTime, UNIX_EPOCH};

/// A token as a client passes it on, which believes in it for an hour.
fn believed(token: String) -> Option<(String, i64)> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock");
    Some((token, (now.as_millis() as i64) + 3_600_000))
}

/// A variable of an environment.
fn variable(environment: &[(String, String)], name: &str) -> String {
    let found = environment.iter().find(|(n, _)| n == name);
    found.unwrap_or_else(|| panic!("no {name}")).1.clone()
}

/// The names in an environment.
fn names(environment: &[(String, String)]) -> Vec<&str> {
    environment.iter().map(|(name, _)| name.as_str()).collect()
}
