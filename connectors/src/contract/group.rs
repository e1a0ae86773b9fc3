//! Two lanes of one group in one process: what moves between them, and what is left behind.

use std::time::Instant;

use super::events::{differences, numbered, numbers};
use super::member::Member;
use super::{Outcome, PATIENCE, Subject, rule, sound};
use crate::connector::Start;

pub(super) fn moves_partitions(subject: &Subject<'_>) -> Outcome {
    let (topic, group) = (subject.topic(4)?, subject.fresh("group"));
    let mut one = subject.join(&topic, &group, Start::Earliest)?;
    one.until("a lone member gets every partition", |member| {
        member.assigned.len() == 4
    })?;
    subject.write(&topic, &numbered(0, 200))?;
    one.until("records come", |member| member.read.len() >= 50)?;
    let mut two = subject.join(&topic, &group, Start::Earliest)?;
    both(
        &mut one,
        &mut two,
        "a second member gets its share",
        |one, two| one.next.len() == 2 && two.next.len() == 2,
    )?;
    disjoint(&one, &two)?;
    subject.write(&topic, &numbered(200, 200))?;
    both(&mut one, &mut two, "two members read everything", |one, two| {
        one.read.len() + two.read.len() >= 400
    })?;
    // The second one goes under load, and the first gets back what it had.
    subject.write(&topic, &numbered(400, 200))?;
    sound(two.source.leave())?;
    both(
        &mut one,
        &mut two,
        "a member that stays gets back what the other had",
        |one, two| two.ended && one.next.len() == 4,
    )?;
    both(
        &mut one,
        &mut two,
        "the one that stays reads the rest",
        |one, two| one.read.len() + two.read.len() >= 600,
    )?;
    one.for_a_while()?;
    let found = numbers(one.read.iter().chain(&two.read));
    rule(
        "what is committed before it is handed over is seen once, and nothing is lost",
        found == (0..600).collect::<Vec<_>>(),
        || differences(&found, 600),
    )?;
    one.leave()
}

/// Polls both in turn, and hands over what is revoked.
fn both(
    one: &mut Member,
    two: &mut Member,
    what: &'static str,
    done: impl Fn(&Member, &Member) -> bool,
) -> Outcome {
    let until = Instant::now() + PATIENCE;
    while !done(one, two) {
        for member in [&mut *one, &mut *two] {
            if !member.ended {
                member.poll(20)?;
                // A poll between, in which a record of a revoked partition would show.
                if !member.revoked.is_empty() {
                    member.poll(20)?;
                }
                member.hand_over()?;
            }
        }
        rule(what, Instant::now() < until, || {
            format!("one: {}; two: {}", one.seen(), two.seen())
        })?;
    }
    Ok(())
}

fn disjoint(one: &Member, two: &Member) -> Outcome {
    let shared: Vec<_> = one.next.keys().filter(|p| two.next.contains_key(*p)).collect();
    rule("a partition is one member's at a time", shared.is_empty(), || {
        format!("{shared:?}")
    })
}

pub(super) fn leaves_under_load(subject: &Subject<'_>) -> Outcome {
    let (topic, group) = (subject.topic(3)?, subject.fresh("group"));
    subject.write(&topic, &numbered(0, 2000))?;
    let mut first = subject.join(&topic, &group, Start::Earliest)?;
    first.until("records come", |member| member.read.len() >= 100)?;
    // Much more is prefetched by now.
    first.leave()?;
    let (read, mut second) = (first.read, subject.join(&topic, &group, Start::Earliest)?);
    drop(first.source);
    second.read_all(2000 - read.len())?;
    let found = numbers(read.iter().chain(&second.read));
    rule(
        "what a member that leaves has committed is not seen again, and the rest is",
        found == (0..2000).collect::<Vec<_>>(),
        || differences(&found, 2000),
    )?;
    second.leave()
}
