//! A connector in memory: topics with partitions, groups that share them out, commits. No process, no network; what it holds
//! ends with it. It shows that the seam needs no Kafka, and is what the contract's own tests bend.

mod log;
mod reader;
mod sink;
mod source;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use forebay_auth::TokenStatus;
use forebay_core::sink::Sink;
use forebay_core::source::Source;
use forebay_core::{Error, Result};

use crate::connector::{Connector, NewTopic, Reader, SinkSpec, SourceSpec, Start};
use crate::finding::{Finding, Needs};
use crate::registry::Registry;

use log::Shared;

/// Partitions of a topic that is created without a number.
const PARTITIONS: i32 = 1;

/// Topics and groups in this process; clones share them.
#[derive(Clone, Default)]
pub struct Memory {
    shared: Arc<Shared>,
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").finish_non_exhaustive()
    }
}

impl Memory {
    /// Without topics.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Connector for Memory {
    fn verify(&self, needs: &Needs, within: Duration) -> Result<BTreeMap<String, usize>> {
        let until = Instant::now() + within;
        let mut log = self.shared.lock();
        loop {
            let missing = needs
                .topics()
                .into_iter()
                .find(|topic| log.topic(topic).is_none());
            let Some(missing) = missing.map(str::to_owned) else {
                break;
            };
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(unknown(&missing));
            }
            log = self.shared.wait(log, left);
        }
        let count = |topic: &str| log.topic(topic).map_or(0, <[_]>::len);
        Ok(needs
            .topics()
            .into_iter()
            .map(|topic| (topic.to_owned(), count(topic)))
            .collect())
    }

    fn diagnose(&self, needs: &Needs, tell: &mut dyn FnMut(Finding)) {
        let log = self.shared.lock();
        for topic in needs.topics() {
            tell(match log.topic(topic) {
                Some(partitions) => Finding::ok("topic", topic, format!("{} partitions", partitions.len())),
                None => Finding::failure("topic", topic, "there is none of that name", "create it"),
            });
        }
    }

    fn reader(&self, topic: &str, start: Start) -> Result<Box<dyn Reader>> {
        Ok(Box::new(reader::MemoryReader::open(&self.shared, topic, start)?))
    }

    fn create_topics(&self, topics: &[NewTopic]) -> Result<Vec<String>> {
        let mut log = self.shared.lock();
        let new = |topic: &&NewTopic| log.topic(&topic.name).is_none();
        let new: Vec<NewTopic> = topics.iter().filter(new).cloned().collect();
        for topic in &new {
            let partitions = topic.partitions.unwrap_or(PARTITIONS).max(1);
            log.create(&topic.name, usize::try_from(partitions).unwrap_or(1));
        }
        self.shared.tell();
        Ok(new.into_iter().map(|topic| topic.name).collect())
    }

    fn token(&self) -> Option<TokenStatus> {
        None
    }

    fn registry(&self) -> Option<Arc<Registry>> {
        None
    }

    fn source(&self, spec: &SourceSpec) -> Result<Box<dyn Source>> {
        Ok(Box::new(source::MemorySource::join(&self.shared, spec)?))
    }

    fn sink(&self, spec: &SinkSpec) -> Result<Box<dyn Sink>> {
        Ok(Box::new(sink::MemorySink::new(&self.shared, spec)))
    }
}

fn unknown(topic: &str) -> Error {
    Error::fatal("find a topic: there is none of that name").with("topic", topic)
}
