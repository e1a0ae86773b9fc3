//! Sinks: what they write, what they refuse, when they are full, and how long they take.

use std::time::{Duration, Instant};

use forebay_core::memory::Message;
use forebay_core::sink::{Sink, Ticket};

use super::events::{differences, numbered, numbers, queue, rows, spec};
use super::{Broken, Outcome, PATIENCE, Subject, rule, sound};
use crate::connector::{SinkSpec, Start};

/// What a call that is given a time may take beyond it.
const GRACE: Duration = Duration::from_secs(2);

pub(super) fn keeps_bytes(subject: &Subject<'_>) -> Outcome {
    let topic = subject.topic(1)?;
    let events = odd();
    subject.write(&topic, &events)?;
    let read = subject.read(&topic)?;
    same(&events, &read)?;
    let mut member = subject.join(&topic, &subject.fresh("group"), Start::Earliest)?;
    member.read_all(events.len())?;
    same(&events, &member.read)?;
    member.leave()
}

/// Events with every kind of key, payload and header.
fn odd() -> Vec<Message> {
    let every: Vec<u8> = (0..=255).collect();
    let parts = [
        None,
        Some(Vec::new()),
        Some(every.clone()),
        Some("é\u{0}€".into()),
    ];
    let of_parts = parts
        .iter()
        .flat_map(|key| parts.iter().map(move |payload| (key, payload)));
    let mut events: Vec<Message> = of_parts
        .enumerate()
        .map(|(n, (key, payload))| Message {
            timestamp: 1_600_000_000_123 + n as i64,
            key: key.clone(),
            payload: payload.clone(),
            ..Message::default()
        })
        .collect();
    let headers = [
        ("a", None),
        ("a", Some(Vec::new())),
        ("é", Some(every)),
        ("", Some(b"x".to_vec())),
        ("a", Some(b"1".to_vec())),
    ];
    let headers: Vec<(String, Option<Vec<u8>>)> = headers
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    for (n, event) in events.iter_mut().enumerate() {
        event.headers = headers[..n % (headers.len() + 1)].to_vec();
    }
    events
}

fn same(written: &[Message], read: &[Message]) -> Outcome {
    let part = |all: &[Message]| {
        all.iter()
            .map(|m| (m.key.clone(), m.payload.clone()))
            .collect::<Vec<_>>()
    };
    rule(
        "keys and payloads come back byte for byte, null and empty apart",
        part(written) == part(read),
        || first_difference(&part(written), &part(read)),
    )?;
    let part = |all: &[Message]| all.iter().map(|m| m.headers.clone()).collect::<Vec<_>>();
    rule(
        "headers come back with their order, repetitions and nulls",
        part(written) == part(read),
        || first_difference(&part(written), &part(read)),
    )?;
    let part = |all: &[Message]| all.iter().map(|m| m.timestamp).collect::<Vec<_>>();
    rule("timestamps come back", part(written) == part(read), || {
        first_difference(&part(written), &part(read))
    })
}

fn first_difference<T: PartialEq + std::fmt::Debug>(written: &[T], read: &[T]) -> String {
    let at = written.iter().zip(read).position(|(a, b)| a != b);
    match at {
        Some(at) => format!("record {at}: wrote {:?}, read {:?}", written[at], read[at]),
        None => format!("wrote {} records, read {}", written.len(), read.len()),
    }
}

pub(super) fn says_when_full(subject: &Subject<'_>) -> Outcome {
    let topic = subject.topic(1)?;
    let small = SinkSpec {
        buffer_bytes: 1 << 20,
        ..spec()
    };
    let mut sink = sound(subject.connector.sink(&small))?;
    let mut events = numbered(0, 4000);
    // Four megabytes: far more than it may hold. The number comes first.
    for event in &mut events {
        event.headers = vec![("padding".into(), Some(vec![b'x'; 10]))];
        if let Some(payload) = &mut event.payload {
            payload.resize(1000, b' ');
        }
    }
    let rows = rows(&topic, &events);
    let taken = sound(sink.write(Ticket(1), &rows, 0))?;
    rule("a sink takes no more than its buffer holds", taken < 2000, || {
        format!("{taken} rows of 1000 bytes with a buffer of 1 MiB")
    })?;
    let (mut from, until) = (taken, Instant::now() + PATIENCE);
    while from < rows.len() {
        from += sound(sink.write(Ticket(1), &rows, from))?;
        sound(sink.confirmed())?;
        rule(
            "a sink that is full gets room again",
            Instant::now() < until,
            || format!("{from} rows"),
        )?;
    }
    sound(sink.flush(PATIENCE))?;
    settled(sink.as_mut(), Ticket(1))?;
    let mut read = subject.read(&topic)?;
    for message in &mut read {
        let number = message
            .payload
            .as_ref()
            .map(|p| String::from_utf8_lossy(p).trim().to_owned());
        message.payload = number.map(String::into_bytes);
    }
    let found = numbers(&read);
    rule(
        "a sink that was full has lost nothing and doubled nothing",
        found == (0..4000).collect::<Vec<_>>(),
        || differences(&found, 4000),
    )?;
    let order: Vec<i64> = read.iter().map(|m| m.timestamp).collect();
    rule("rows are written in their order", order.is_sorted(), || {
        "they are not".into()
    })
}

fn settled(sink: &mut dyn Sink, ticket: Ticket) -> Outcome {
    let confirmed = sound(sink.confirmed())?;
    rule(
        "behind a flush everything is settled",
        confirmed.up_to == Some(ticket),
        || format!("up to {:?}, where {ticket} was written", confirmed.up_to),
    )
}

pub(super) fn names_what_is_refused(subject: &Subject<'_>) -> Outcome {
    let topic = subject.topic(1)?;
    let mut sink = sound(subject.connector.sink(&spec()))?;
    let mut events = numbered(0, 5);
    events[2].payload = Some(vec![b'x'; 4 << 20]);
    queue_without_asking(sink.as_mut(), Ticket(1), &topic, &numbered(5, 2))?;
    queue_without_asking(sink.as_mut(), Ticket(2), &topic, &events)?;
    sound(sink.flush(PATIENCE))?;
    let confirmed = sound(sink.confirmed())?;
    let refused: Vec<(Ticket, u32)> = confirmed.refused.iter().map(|r| (r.ticket, r.record)).collect();
    rule(
        "a row that is too long is refused, and no other",
        refused == [(Ticket(2), 2)],
        || format!("{refused:?}"),
    )?;
    rule(
        "a row that is refused is settled",
        confirmed.up_to == Some(Ticket(2)),
        || format!("up to {:?}", confirmed.up_to),
    )?;
    let again = sound(sink.confirmed())?;
    rule("a row is refused once", again.refused.is_empty(), || {
        format!("{} more", again.refused.len())
    })?;
    let found = numbers(&subject.read(&topic)?);
    rule(
        "the neighbours of a refused row are written",
        found == [0, 1, 3, 4, 5, 6],
        || format!("{found:?}"),
    )
}

fn queue_without_asking(
    sink: &mut dyn Sink,
    ticket: Ticket,
    topic: &str,
    events: &[Message],
) -> Result<(), Broken> {
    let rows = rows(topic, events);
    let taken = sound(sink.write(ticket, &rows, 0))?;
    rule("a sink with room takes every row", taken == rows.len(), || {
        format!("{taken} of {}", rows.len())
    })
}

pub(super) fn flushes_in_time(subject: &Subject<'_>) -> Outcome {
    let topic = subject.topic(1)?;
    let lingering = SinkSpec {
        linger: Duration::from_secs(10),
        ..spec()
    };
    let mut sink = sound(subject.connector.sink(&lingering))?;
    let nothing = sound(sink.confirmed())?.up_to;
    rule(
        "nothing is settled where nothing was written",
        nothing.is_none(),
        || format!("{nothing:?}"),
    )?;
    for (n, within) in [(1, Duration::ZERO), (2, PATIENCE)] {
        queue(
            sink.as_mut(),
            Ticket(n),
            &rows(
                &topic,
                &numbered(usize::try_from(n).unwrap_or(0) * 100 - 100, 100),
            ),
        )?;
        let begin = Instant::now();
        let flushed = sink.flush(within);
        let took = begin.elapsed();
        rule("a flush returns within its time", took < within + GRACE, || {
            format!("{took:?} with {within:?}")
        })?;
        let up_to = sound(sink.confirmed())?.up_to;
        let whole = up_to == Some(Ticket(n));
        rule(
            "a flush that succeeds has settled everything",
            flushed.is_err() || whole,
            || format!("up to {up_to:?}"),
        )?;
        // Where it had no time it may fail; where it had, it sends what would still linger.
        rule(
            "a flush with time succeeds, and does not wait for `linger`",
            within.is_zero() || (flushed.is_ok() && took < Duration::from_secs(8)),
            || format!("{flushed:?} after {took:?}"),
        )?;
    }
    let found = numbers(&subject.read(&topic)?);
    rule(
        "what a flush settled is written",
        found == (0..200).collect::<Vec<_>>(),
        || differences(&found, 200),
    )
}
