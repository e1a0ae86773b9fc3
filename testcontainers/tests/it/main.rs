//! The crate against the brokers it starts, in one binary.

mod backend;
mod clouds;
mod cluster;
mod left_behind;
mod redpanda;
mod secure;
