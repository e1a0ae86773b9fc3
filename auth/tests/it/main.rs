//! The clouds' credentials from outside: every source with a small service on loopback behind it, asked in a process of its own, for
//! sources are found through the environment. Every log line there is is looked through for secrets.
#![cfg(all(feature = "aws", feature = "azure"))]

mod aws;
mod azure;
mod child;
mod proxies;
mod quiet;
mod stub;
