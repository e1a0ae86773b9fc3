//! One lane: what it reads, from where, how much at once, and what it commits.

use std::time::Duration;

use forebay_core::source::Commit;
use forebay_core::{Positions, TopicPartition};

use super::events::{differences, numbered, numbers};
use super::member::Member;
use super::{Outcome, Subject, rule, sound};
use crate::connector::Start;

pub(super) fn in_order_each_once(subject: &Subject<'_>) -> Outcome {
    let (topic, group) = (subject.topic(3)?, subject.fresh("group"));
    subject.write(&topic, &numbered(0, 500))?;
    let mut member = subject.join(&topic, &group, Start::Earliest)?;
    member.read_all(500)?;
    each_once(&member, 500)?;
    rule(
        "records of one key stay in one partition, in order",
        keys_in_order(&member),
        || format!("{:?}", member.counts()),
    )?;
    member.leave()
}

fn each_once(member: &Member, count: usize) -> Outcome {
    let found = numbers(&member.read);
    rule(
        "every record comes once",
        found == (0..count).collect::<Vec<_>>(),
        || differences(&found, count),
    )
}

fn keys_in_order(member: &Member) -> bool {
    let keys: std::collections::BTreeSet<_> = member.read.iter().map(|m| m.key.clone()).collect();
    keys.iter().all(|key| {
        let of: Vec<_> = member.read.iter().filter(|m| m.key == *key).collect();
        of.windows(2)
            .all(|w| w[0].partition == w[1].partition && w[0].timestamp < w[1].timestamp)
    })
}

pub(super) fn starts_where_told(subject: &Subject<'_>) -> Outcome {
    let topic = subject.topic(2)?;
    let events = numbered(0, 200);
    subject.write(&topic, &events)?;
    let at = events[120].timestamp;
    let mut timed = subject.join(&topic, &subject.fresh("group"), Start::Timestamp(at))?;
    timed.read_all(80)?;
    let found = numbers(&timed.read);
    rule(
        "a group starts at the time it is told",
        found == (120..200).collect::<Vec<_>>(),
        || format!("from {:?}, {} records", found.first(), found.len()),
    )?;
    timed.leave()?;
    let mut late = subject.join(&topic, &subject.fresh("group"), Start::Latest)?;
    late.until("partitions are assigned", |member| member.assigned.len() == 2)?;
    subject.write(&topic, &numbered(200, 50))?;
    late.read_all(50)?;
    let found = numbers(&late.read);
    rule(
        "a group that starts at the end sees what is written later",
        found == (200..250).collect::<Vec<_>>(),
        || format!("from {:?}, {} records", found.first(), found.len()),
    )?;
    late.leave()
}

pub(super) fn keeps_the_limit(subject: &Subject<'_>) -> Outcome {
    let (topic, group) = (subject.topic(2)?, subject.fresh("group"));
    subject.write(&topic, &numbered(0, 200))?;
    let mut member = subject.join(&topic, &group, Start::Earliest)?;
    member.until("records come", |member| !member.read.is_empty())?;
    let before = member.read.len();
    let until = std::time::Instant::now() + Duration::from_millis(500);
    while std::time::Instant::now() < until {
        // The limit is looked at by the member itself.
        member.poll(0)?;
    }
    rule(
        "a limit of 0 serves the group only",
        member.read.len() == before,
        || format!("{} records", member.read.len() - before),
    )?;
    while member.read.len() < 150 {
        member.poll(7)?;
    }
    member.read_all(200)?;
    each_once(&member, 200)?;
    member.leave()
}

pub(super) fn rewinds(subject: &Subject<'_>) -> Outcome {
    let (topic, group) = (subject.topic(2)?, subject.fresh("group"));
    subject.write(&topic, &numbered(0, 400))?;
    let mut member = subject.join(&topic, &group, Start::Earliest)?;
    member.until("records come of both partitions", |member| {
        member.counts().len() == 2 && member.read.len() > 150
    })?;
    for back in [40, 7] {
        let (partition, next) = furthest(&member);
        let to = Positions::from([(partition.clone(), next - back)]);
        sound(member.source.rewind(&to))?;
        // From here on the member expects exactly that offset next, and everything else where it was.
        member.next.insert(partition.clone(), next - back);
        member
            .read
            .retain(|m| m.partition != partition.partition || m.offset < next - back);
    }
    member.read_all(400)?;
    each_once(&member, 400)?;
    member.leave()
}

fn furthest(member: &Member) -> (TopicPartition, i64) {
    let furthest = member.next.iter().max_by_key(|(_, next)| **next);
    furthest.map_or((TopicPartition::new("", 0), 0), |(partition, next)| {
        (partition.clone(), *next)
    })
}

pub(super) fn commits_what_is_next(subject: &Subject<'_>) -> Outcome {
    let (topic, group) = (subject.topic(3)?, subject.fresh("group"));
    subject.write(&topic, &numbered(0, 300))?;
    let mut first = subject.join(&topic, &group, Start::Earliest)?;
    first.until("records come of every partition", |member| {
        member.counts().len() == 3 && member.read.len() >= 100
    })?;
    let committed = first.next.clone();
    sound(first.source.commit(&committed, Commit::Now))?;
    let (read, mut behind) = (first.read.clone(), first);
    // What it reads from now on is not committed.
    behind.for_a_while()?;
    sound(behind.source.leave())?;
    while !behind.ended {
        behind.poll(0)?;
        let revoked = std::mem::take(&mut behind.revoked);
        sound(behind.source.release(&revoked))?;
    }
    drop(behind);
    let mut second = subject.join(&topic, &group, Start::Earliest)?;
    second.until("partitions are assigned", |member| member.assigned.len() == 3)?;
    rule(
        "a new member starts at the committed positions",
        second.assigned == committed,
        || format!("committed {committed:?}, started at {:?}", second.assigned),
    )?;
    second.read_all(300 - read.len())?;
    let found = numbers(read.iter().chain(&second.read));
    rule(
        "behind a commit nothing is missing and nothing comes twice",
        found == (0..300).collect::<Vec<_>>(),
        || differences(&found, 300),
    )?;
    second.leave()
}

pub(super) fn acknowledges(subject: &Subject<'_>) -> Outcome {
    let (topic, group) = (subject.topic(2)?, subject.fresh("group"));
    subject.write(&topic, &numbered(0, 100))?;
    let mut first = subject.join(&topic, &group, Start::Earliest)?;
    first.read_all(100)?;
    let next = first.next.clone();
    sound(first.source.commit(&next, Commit::Soon))?;
    first.until("a commit is acknowledged", |member| {
        let mut all = Positions::new();
        member.committed.iter().for_each(|some| all.extend(some.clone()));
        all == next
    })?;
    drop(first);
    // It was not told that the first one left; the broker may wait for it as long as a session lasts.
    let mut other = subject.join(&topic, &group, Start::Earliest)?;
    other.until("the partitions of a member that is gone are assigned", |member| {
        member.assigned.len() == 2
    })?;
    rule(
        "what was acknowledged is committed",
        other.assigned == next,
        || format!("acknowledged {next:?}, started at {:?}", other.assigned),
    )?;
    other.leave()
}
