//! All unsafe code of the shipped crates: the calls of librdkafka that its Rust wrapper does not offer, or offers
//! only with an allocation per record. Each function takes what proves its safety; nothing raw leaves this folder.
#![allow(
    unsafe_code,
    reason = "librdkafka is a C library; every block says why it holds"
)]

mod commits;
mod producing;
mod rights;
mod taking;
mod token;

pub(super) use commits::{Answer, Commits};
pub(super) use producing::{Produce, Report, Reports, TopicHandle, produce, push_out};
pub(super) use rights::{Operation, Rights, rights_of_group, rights_of_topics};
pub(super) use taking::{LaneQueue, known_end};
pub(super) use token::TokenPush;
