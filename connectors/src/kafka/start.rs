//! Where an assigned partition starts: at the group's commit, else where `start` says. A commit that lies outside of
//! the log is a gap, and never silently another place.

use std::time::Duration;

use forebay_core::source::Gap;
use forebay_core::{Positions, TopicPartition};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::{Offset, TopicPartitionList};

use super::group::Group;
use crate::connector::Start;

/// How long one question may take; the caller asks again.
const ASK: Duration = Duration::from_secs(5);

/// The starts of partitions, and the gaps among them (each resting at the log's end until the lane decides).
#[derive(Debug, Default)]
pub(super) struct Starts {
    pub(super) positions: Positions,
    pub(super) gaps: Vec<Gap>,
}

/// Asks the group and the log.
pub(super) fn resolve(
    consumer: &BaseConsumer<Group>,
    partitions: &TopicPartitionList,
    start: Start,
) -> KafkaResult<Starts> {
    let mut starts = Starts::default();
    if partitions.count() == 0 {
        return Ok(starts);
    }
    let committed = offsets(&consumer.committed_offsets(copy_at(partitions, Offset::Invalid)?, ASK)?)?;
    let earliest = at(consumer, partitions, Offset::Beginning)?;
    let latest = at(consumer, partitions, Offset::End)?;
    let chosen = match start {
        Start::Earliest => earliest.clone(),
        Start::Latest => latest.clone(),
        Start::Timestamp(millis) => at(consumer, partitions, Offset::Offset(millis))?,
    };
    for (partition, latest) in &latest {
        let earliest = earliest.get(partition).copied().unwrap_or(0);
        let position = match committed.get(partition) {
            None => chosen.get(partition).copied().unwrap_or(*latest),
            Some(position) if (earliest..=*latest).contains(position) => *position,
            Some(position) => {
                let (position, latest) = (*position, *latest);
                starts.gaps.push(Gap {
                    partition: partition.clone(),
                    position,
                    earliest,
                    latest,
                });
                latest
            }
        };
        starts.positions.insert(partition.clone(), position);
    }
    Ok(starts)
}

/// The bounds of one partition's log.
pub(super) fn gap(
    consumer: &BaseConsumer<Group>,
    partition: &TopicPartition,
    position: i64,
) -> KafkaResult<Gap> {
    let (earliest, latest) = consumer.fetch_watermarks(&partition.topic, partition.partition, ASK)?;
    Ok(Gap {
        partition: partition.clone(),
        position,
        earliest,
        latest,
    })
}

/// The offsets that a list lookup gives; a timestamp behind the last record is the end.
fn at(
    consumer: &BaseConsumer<Group>,
    partitions: &TopicPartitionList,
    what: Offset,
) -> KafkaResult<Positions> {
    offsets(&consumer.offsets_for_times(copy_at(partitions, what)?, ASK)?)
}

fn copy_at(partitions: &TopicPartitionList, offset: Offset) -> KafkaResult<TopicPartitionList> {
    let mut copy = TopicPartitionList::new();
    for element in partitions.elements() {
        copy.add_partition_offset(element.topic(), element.partition(), offset)?;
    }
    Ok(copy)
}

/// Concrete offsets only.
fn offsets(list: &TopicPartitionList) -> KafkaResult<Positions> {
    let mut positions = Positions::new();
    for element in list.elements() {
        element.error()?;
        if let Offset::Offset(offset) = element.offset() {
            positions.insert(TopicPartition::new(element.topic(), element.partition()), offset);
        }
    }
    Ok(positions)
}

/// Positions as librdkafka takes them.
pub(super) fn list_of(positions: &Positions) -> Result<TopicPartitionList, KafkaError> {
    let mut list = TopicPartitionList::new();
    for (partition, next) in positions {
        list.add_partition_offset(&partition.topic, partition.partition, Offset::Offset(*next))?;
    }
    Ok(list)
}
