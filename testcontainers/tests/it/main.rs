//! The crate against the brokers it starts, in one binary.

mod backend;
mod cluster;
mod left_behind;
mod secure;
