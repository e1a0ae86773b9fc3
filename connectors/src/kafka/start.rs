//! Where an assigned partition starts: at the group's commit, else where `start` says. A commit that lies outside of
//! the log is a gap, and never silently another place.

use std::time::Duration;

use forebay_core::source::Gap;
use forebay_core::{Positions, TopicPartition};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
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

/// The bounds of one partition's log. librdkafka's own question for both may give the end for the beginning where one answer is an error.
pub(super) fn gap(
    consumer: &BaseConsumer<Group>,
    partition: &TopicPartition,
    position: i64,
) -> KafkaResult<Gap> {
    let mut list = TopicPartitionList::new();
    list.add_partition(&partition.topic, partition.partition);
    let bound = |what| {
        let told = at(consumer, &list, what)?;
        let nothing = KafkaError::OffsetFetch(RDKafkaErrorCode::NoOffset);
        told.get(partition).copied().ok_or(nothing)
    };
    Ok(Gap {
        partition: partition.clone(),
        position,
        earliest: bound(Offset::Beginning)?,
        latest: bound(Offset::End)?,
    })
}

/// The offsets that a list lookup gives; a timestamp behind the last record is the end.
pub(super) fn at<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
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
