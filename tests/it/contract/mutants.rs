//! A connector that keeps every rule but one: the check of that rule must fail, and say which.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use forebay::auth::TokenStatus;
use forebay::connectors::contract::{CHECKS, Subject};
use forebay::connectors::memory::Memory;
use forebay::connectors::registry::Registry;
use forebay::connectors::{Connector, Finding, Needs, NewTopic, Reader, SinkSpec, SourceSpec, Start};
use forebay::core::memory::{Message, records_of};
use forebay::core::records::Records;
use forebay::core::sink::{Confirmed, Outgoing, Sink, Ticket};
use forebay::core::source::{Commit, Event, Limit, Source};
use forebay::core::{Partitions, Positions, Result};

use self::Bend::*;

/// The rule that is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bend {
    CreatesAgain,
    VerifiesAnything,
    FindsNothing,
    EndsEarly,
    Reorders,
    Loses,
    Doubles,
    StartsAtTheBeginning,
    IgnoresTheLimit,
    ReadsAtZero,
    IgnoresRewinds,
    RewindsTooFar,
    CommitsTheLast,
    AcknowledgesOnly,
    ReadsWhatIsRevoked,
    KeepsCommitsBack,
    EndsWithoutRevoking,
    DropsHeaders,
    FillsNulls,
    ForgetsTimes,
    IsNeverFull,
    LosesWhenFull,
    HidesRefusals,
    RefusesTheNext,
    RefusesTwice,
    FlushesLate,
    FlushesNothing,
}

const MUTANTS: &[(Bend, &str, &str)] = &[
    (CreatesAgain, "topics are created once", "not created again"),
    (
        VerifiesAnything,
        "topics are created once",
        "verify refuses a topic",
    ),
    (
        FindsNothing,
        "topics are created once",
        "a diagnosis fails at what is missing",
    ),
    (EndsEarly, "a reader sees", "sees every record once"),
    (Reorders, "records come in order", "in the order of their offsets"),
    (Loses, "records come in order", "none left out"),
    (Doubles, "records come in order", "in the order of their offsets"),
    (
        StartsAtTheBeginning,
        "a group starts",
        "starts at the time it is told",
    ),
    (
        IgnoresTheLimit,
        "a poll keeps its limit",
        "no more than its limit",
    ),
    (ReadsAtZero, "a poll keeps its limit", "no more than its limit"),
    (
        IgnoresRewinds,
        "a rewind goes back",
        "in the order of their offsets",
    ),
    (
        RewindsTooFar,
        "a rewind goes back",
        "in the order of their offsets",
    ),
    (
        CommitsTheLast,
        "a commit is the position",
        "starts at the committed positions",
    ),
    (
        AcknowledgesOnly,
        "a commit without waiting",
        "what was acknowledged is committed",
    ),
    (ReadsWhatIsRevoked, "partitions move", "follows its revocation"),
    (
        KeepsCommitsBack,
        "partitions move",
        "seen once, and nothing is lost",
    ),
    (
        EndsWithoutRevoking,
        "a member leaves",
        "revokes everything before its end",
    ),
    (KeepsCommitsBack, "a member leaves", "not seen again"),
    (DropsHeaders, "bytes are not changed", "headers come back"),
    (FillsNulls, "bytes are not changed", "null and empty apart"),
    (ForgetsTimes, "bytes are not changed", "timestamps come back"),
    (IsNeverFull, "a full sink", "no more than its buffer holds"),
    (LosesWhenFull, "a full sink", "lost nothing and doubled nothing"),
    (
        HidesRefusals,
        "what is refused",
        "a row that is too long is refused",
    ),
    (RefusesTheNext, "what is refused", "and no other"),
    (RefusesTwice, "what is refused", "refused once"),
    (FlushesLate, "a flush keeps its time", "returns within its time"),
    (FlushesNothing, "a flush keeps its time", "settled everything"),
];

#[test]
fn each_check_fails_where_its_rule_is_broken() {
    let wrong: Vec<String> = thread::scope(|scope| {
        let running: Vec<_> = MUTANTS
            .iter()
            .map(|mutant| scope.spawn(|| wrong(mutant)))
            .collect();
        running
            .into_iter()
            .filter_map(|one| one.join().expect("a check"))
            .collect()
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let unbroken: Vec<_> = CHECKS
        .iter()
        .filter(|(name, _)| !MUTANTS.iter().any(|(_, check, _)| name.starts_with(check)))
        .collect();
    assert!(unbroken.is_empty(), "no mutant breaks {unbroken:?}");
}

/// What is wrong with what the check says of the mutant.
fn wrong((bend, check, rule): &(Bend, &str, &str)) -> Option<String> {
    let bent = Bent {
        bend: *bend,
        memory: Memory::new(),
    };
    let (_, run) = CHECKS
        .iter()
        .find(|(name, _)| name.starts_with(check))
        .expect("a check");
    match run(&Subject::new(&bent, "bent")) {
        Err(broken) if broken.rule.contains(rule) => None,
        other => Some(format!("{bend:?}: wanted {rule:?} of {check:?}, got {other:?}")),
    }
}

#[derive(Debug)]
struct Bent {
    bend: Bend,
    memory: Memory,
}

impl Connector for Bent {
    fn verify(&self, needs: &Needs, within: Duration) -> Result<BTreeMap<String, usize>> {
        match self.memory.verify(needs, within) {
            Err(_) if self.bend == VerifiesAnything => Ok(BTreeMap::new()),
            told => told,
        }
    }

    fn diagnose(&self, needs: &Needs, tell: &mut dyn FnMut(Finding)) {
        if self.bend != FindsNothing {
            self.memory.diagnose(needs, tell);
        }
    }

    fn reader(&self, topic: &str, start: Start) -> Result<Box<dyn Reader>> {
        let reader = self.memory.reader(topic, start)?;
        Ok(match self.bend {
            EndsEarly => Box::new(Ended),
            _ => reader,
        })
    }

    fn create_topics(&self, topics: &[NewTopic]) -> Result<Vec<String>> {
        let created = self.memory.create_topics(topics)?;
        Ok(match self.bend {
            CreatesAgain => topics.iter().map(|topic| topic.name.clone()).collect(),
            _ => created,
        })
    }

    fn token(&self) -> Option<TokenStatus> {
        self.memory.token()
    }

    fn registry(&self) -> Option<Arc<Registry>> {
        self.memory.registry()
    }

    fn source(&self, spec: &SourceSpec) -> Result<Box<dyn Source>> {
        let mut spec = spec.clone();
        if self.bend == StartsAtTheBeginning {
            spec.start = Start::Earliest;
        }
        Ok(Box::new(BentSource {
            bend: self.bend,
            source: self.memory.source(&spec)?,
            next: Positions::new(),
            late: None,
            acknowledged: None,
            ended: false,
            done: false,
        }))
    }

    fn sink(&self, spec: &SinkSpec) -> Result<Box<dyn Sink>> {
        let mut spec = spec.clone();
        if self.bend == IsNeverFull {
            spec.buffer_bytes = usize::MAX;
        }
        Ok(Box::new(BentSink {
            bend: self.bend,
            sink: self.memory.sink(&spec)?,
            hidden: Vec::new(),
        }))
    }
}

/// A reader that is done before it begins.
struct Ended;

impl Reader for Ended {
    fn read(&mut self, _wait: Duration) -> Result<Records> {
        Ok(records_of(&[]))
    }

    fn is_at_end(&self) -> bool {
        true
    }
}

struct BentSource {
    bend: Bend,
    source: Box<dyn Source>,
    next: Positions,
    /// A record that comes too late.
    late: Option<Message>,
    acknowledged: Option<Positions>,
    ended: bool,
    /// Once is enough.
    done: bool,
}

fn owned(records: &Records) -> Vec<Message> {
    let one = |row: usize| Message {
        timestamp: records.timestamp(row),
        key: records.key(row).map(<[u8]>::to_vec),
        ..Message::new(
            &records.partition(row).topic,
            records.partition(row).partition,
            records.offset(row),
            records.payload(row).unwrap_or_default(),
        )
    };
    (0..records.len()).map(one).collect()
}

impl BentSource {
    fn bent(&mut self, records: Records) -> Records {
        self.next.extend(records.next_positions());
        let mut all = owned(&records);
        if all.len() < 3 || self.done {
            return records;
        }
        self.done = true;
        match self.bend {
            Reorders => {
                let of_first = all
                    .iter()
                    .rposition(|m| m.partition == all[0].partition)
                    .unwrap_or(0);
                all.swap(0, of_first);
            }
            Loses => drop(all.remove(0)),
            Doubles => {
                all.pop();
                all.insert(0, all[0].clone());
            }
            _ => return records,
        }
        records_of(&all)
    }
}

impl Source for BentSource {
    fn poll(&mut self, limit: Limit, wait: Duration) -> Result<Event> {
        if let Some(late) = self.late.take() {
            return Ok(Event::Records(records_of(&[late])));
        }
        if let Some(next) = self.acknowledged.take() {
            return Ok(Event::Committed(next));
        }
        if self.ended {
            return Ok(Event::End);
        }
        let rows = match self.bend {
            IgnoresTheLimit if limit.rows > 0 => limit.rows + 1,
            ReadsAtZero => limit.rows.max(1),
            _ => limit.rows,
        };
        Ok(match self.source.poll(Limit { rows }, wait)? {
            Event::Records(records) => Event::Records(self.bent(records)),
            Event::Revoked(partitions) => {
                let first = partitions.first().filter(|_| self.bend == ReadsWhatIsRevoked);
                self.late = first.map(|p| {
                    let next = self.next.get(p).copied().unwrap_or_default();
                    Message::new(&p.topic, p.partition, next, "late")
                });
                Event::Revoked(partitions)
            }
            event => event,
        })
    }

    fn commit(&mut self, next: &Positions, how: Commit) -> Result<()> {
        match (self.bend, how) {
            (CommitsTheLast, _) => {
                let last = next.iter().map(|(p, next)| (p.clone(), next - 1)).collect();
                self.source.commit(&last, how)
            }
            (AcknowledgesOnly, Commit::Soon) => {
                self.acknowledged = Some(next.clone());
                Ok(())
            }
            (KeepsCommitsBack, Commit::Now) => Ok(()),
            _ => self.source.commit(next, how),
        }
    }

    fn rewind(&mut self, to: &Positions) -> Result<()> {
        match self.bend {
            IgnoresRewinds => Ok(()),
            RewindsTooFar => self
                .source
                .rewind(&to.iter().map(|(p, next)| (p.clone(), next - 1)).collect()),
            _ => self.source.rewind(to),
        }
    }

    fn release(&mut self, partitions: &Partitions) -> Result<()> {
        self.source.release(partitions)
    }

    fn leave(&mut self) -> Result<()> {
        self.ended = self.bend == EndsWithoutRevoking;
        self.source.leave()
    }
}

struct BentSink {
    bend: Bend,
    sink: Box<dyn Sink>,
    /// Refused rows, to be named again.
    hidden: Vec<(Ticket, u32)>,
}

impl BentSink {
    /// The rows with what the bend does to each.
    fn bent(&self, rows: &Outgoing) -> Option<Outgoing> {
        let change: fn(&mut Message) = match self.bend {
            DropsHeaders => |m| m.headers.clear(),
            FillsNulls => |m| m.payload = Some(m.payload.take().unwrap_or_default()),
            ForgetsTimes => |m| m.timestamp = 0,
            _ => return None,
        };
        let one = |row: usize| {
            let mut message = Message {
                timestamp: rows.timestamp(row),
                key: rows.key(row).map(<[u8]>::to_vec),
                payload: rows.payload(row).map(<[u8]>::to_vec),
                headers: rows
                    .headers(row)
                    .map(|(n, v)| (n.to_owned(), v.map(<[u8]>::to_vec)))
                    .collect(),
                ..Message::default()
            };
            change(&mut message);
            message
        };
        let all: Vec<Message> = (0..rows.len()).map(one).collect();
        Some(Outgoing {
            topic: Arc::clone(&rows.topic),
            records: records_of(&all).into(),
            origin: rows.origin.clone(),
            arena: Vec::new(),
            payload: rows.payload.clone(),
            key: Vec::new(),
            headers: [].into(),
            row_headers: Vec::new(),
        })
    }
}

impl Sink for BentSink {
    fn write(&mut self, ticket: Ticket, rows: &Outgoing, from: usize) -> Result<usize> {
        let bent = self.bent(rows);
        let skipped = usize::from(self.bend == LosesWhenFull && from > 0);
        let taken = self
            .sink
            .write(ticket, bent.as_ref().unwrap_or(rows), from + skipped)?;
        Ok(taken + skipped)
    }

    fn confirmed(&mut self) -> Result<Confirmed> {
        if self.bend == FlushesNothing {
            return Ok(Confirmed::default());
        }
        let mut confirmed = self.sink.confirmed()?;
        match self.bend {
            HidesRefusals => confirmed.refused.clear(),
            RefusesTheNext => confirmed.refused.iter_mut().for_each(|r| r.record += 1),
            RefusesTwice => {
                let again = std::mem::take(&mut self.hidden).into_iter();
                self.hidden = confirmed.refused.iter().map(|r| (r.ticket, r.record)).collect();
                let error = || forebay::core::Error::reject("again");
                confirmed
                    .refused
                    .extend(again.map(|(ticket, record)| forebay::core::sink::Refused {
                        ticket,
                        record,
                        error: error(),
                    }));
            }
            _ => {}
        }
        Ok(confirmed)
    }

    fn flush(&mut self, within: Duration) -> Result<()> {
        match self.bend {
            FlushesNothing => Ok(()),
            FlushesLate => {
                // The fault itself is that it takes its time.
                thread::sleep(Duration::from_secs(3));
                self.sink.flush(within)
            }
            _ => self.sink.flush(within),
        }
    }
}
