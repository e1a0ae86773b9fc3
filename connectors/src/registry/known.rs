//! What is known of each schema: there, being asked for, resting after a failure, or not there. Pure: time is an argument, and who
//! asks, and how, is not known here.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use forebay_core::codec::schemas::{RegisteredSchema, SchemaKey};

/// A schema that the registry does not know may be registered a moment later.
pub(super) const ABSENT_FOR: Duration = Duration::from_secs(30);
/// Ids out of broken records are forgotten as soon as there are so many.
const CROWD: usize = 4096;

/// Every schema that was ever asked for.
#[derive(Debug, Default)]
pub(super) struct Known {
    slots: HashMap<SchemaKey, Slot>,
    /// The registry wants to be left alone until then, whatever the schema.
    hold: Option<Instant>,
}

#[derive(Debug)]
enum Slot {
    Have(Arc<RegisteredSchema>),
    /// Somebody is at it.
    Asking {
        failures: u32,
        last: Option<String>,
    },
    Resting {
        failures: u32,
        reason: String,
        until: Instant,
    },
    Absent {
        reason: String,
        until: Instant,
    },
}

/// What to do for who wants a schema.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    Have(Arc<RegisteredSchema>),
    /// With what the registry said.
    Absent(String),
    /// The one who gets this asks the registry, and tells what came of it.
    Ask,
    /// For news, or until then, with what went wrong last.
    Wait {
        until: Option<Instant>,
        last: Option<String>,
    },
}

impl Known {
    pub(super) fn step(&mut self, key: SchemaKey, now: Instant) -> Step {
        let held = self.hold.filter(|until| *until > now);
        let failures = match self.slots.get(&key) {
            Some(Slot::Have(schema)) => return Step::Have(Arc::clone(schema)),
            Some(Slot::Absent { reason, until }) if *until > now => return Step::Absent(reason.clone()),
            Some(Slot::Asking { last, .. }) => {
                return Step::Wait {
                    until: None,
                    last: last.clone(),
                };
            }
            Some(Slot::Resting { reason, until, .. }) if *until > now => {
                return Step::Wait {
                    until: Some(held.map_or(*until, |held| held.max(*until))),
                    last: Some(reason.clone()),
                };
            }
            Some(Slot::Resting { failures, .. }) => *failures,
            Some(Slot::Absent { .. }) | None => 0,
        };
        if held.is_some() {
            return Step::Wait {
                until: held,
                last: Some("the registry asked for a rest".to_owned()),
            };
        }
        let last = match self.slots.remove(&key) {
            Some(Slot::Resting { reason, .. }) => Some(reason),
            _ => None,
        };
        self.slots.insert(key, Slot::Asking { failures, last });
        Step::Ask
    }

    pub(super) fn have(&mut self, key: SchemaKey, schema: Arc<RegisteredSchema>) {
        self.slots.insert(key, Slot::Have(schema));
    }

    pub(super) fn absent(&mut self, key: SchemaKey, reason: String, now: Instant) {
        if self.slots.len() >= CROWD {
            self.slots.retain(|_, slot| !matches!(slot, Slot::Absent { .. }));
        }
        let until = now + ABSENT_FOR;
        self.slots.insert(key, Slot::Absent { reason, until });
    }

    /// How often in a row it has failed now.
    pub(super) fn failures(&self, key: SchemaKey) -> u32 {
        match self.slots.get(&key) {
            Some(Slot::Asking { failures, .. } | Slot::Resting { failures, .. }) => *failures + 1,
            _ => 1,
        }
    }

    pub(super) fn failed(&mut self, key: SchemaKey, reason: String, until: Instant) {
        let failures = self.failures(key);
        let resting = Slot::Resting {
            failures,
            reason,
            until,
        };
        self.slots.insert(key, resting);
    }

    /// Nobody asks anything before `until`.
    pub(super) fn hold(&mut self, until: Instant) {
        self.hold = self.hold.max(Some(until));
    }

    /// How long nobody asks anything.
    pub(super) fn held(&self, now: Instant) -> Option<Duration> {
        let left = self.hold?.checked_duration_since(now)?;
        (!left.is_zero()).then_some(left)
    }

    /// How many schemas there are.
    pub(super) fn count(&self) -> usize {
        let have = |slot: &&Slot| matches!(slot, Slot::Have(_));
        self.slots.values().filter(have).count()
    }
}

#[cfg(test)]
mod tests {
    use forebay_core::codec::schemas::SchemaType;

    use super::*;

    const KEY: SchemaKey = SchemaKey::Id(7);

    fn schema() -> Arc<RegisteredSchema> {
        Arc::new(RegisteredSchema {
            schema_type: SchemaType::Avro,
            text: "\"int\"".into(),
            references: Vec::new(),
        })
    }

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn one_of_all_who_want_a_schema_asks() {
        let (mut known, now) = (Known::default(), Instant::now());
        assert_eq!(known.step(KEY, now), Step::Ask);
        let waits = Step::Wait {
            until: None,
            last: None,
        };
        assert_eq!(known.step(KEY, now + seconds(3600)), waits);
        assert_eq!(known.step(SchemaKey::Guid([7; 16]), now), Step::Ask);
        known.have(KEY, schema());
        assert_eq!(known.step(KEY, now), Step::Have(schema()));
        assert_eq!(known.count(), 1);
    }

    #[test]
    fn after_a_failure_it_rests_and_then_one_asks_again() {
        let (mut known, now) = (Known::default(), Instant::now());
        for failures in 1..4 {
            assert_eq!(known.step(KEY, now + seconds(failures)), Step::Ask);
            assert_eq!(u64::from(known.failures(KEY)), failures);
            known.failed(KEY, "away".into(), now + seconds(failures + 1));
            let waits = known.step(KEY, now + seconds(failures));
            let until = Some(now + seconds(failures + 1));
            assert_eq!(
                waits,
                Step::Wait {
                    until,
                    last: Some("away".into())
                }
            );
        }
        assert_eq!(known.step(KEY, now + seconds(4)), Step::Ask);
        known.have(KEY, schema());
        assert_eq!(known.failures(KEY), 1);
    }

    #[test]
    fn what_is_not_there_is_asked_for_again_later() {
        let (mut known, now) = (Known::default(), Instant::now());
        assert_eq!(known.step(KEY, now), Step::Ask);
        known.absent(KEY, "unknown".into(), now);
        let almost = now + ABSENT_FOR - seconds(1);
        assert_eq!(known.step(KEY, almost), Step::Absent("unknown".into()));
        assert_eq!(known.step(KEY, now + ABSENT_FOR), Step::Ask);
    }

    #[test]
    fn a_rest_that_the_registry_asks_for_holds_for_every_schema_but_those_that_are_there() {
        let (mut known, now) = (Known::default(), Instant::now());
        known.have(KEY, schema());
        known.hold(now + seconds(5));
        known.hold(now + seconds(2));
        assert_eq!(known.step(KEY, now), Step::Have(schema()));
        let other = known.step(SchemaKey::Id(8), now + seconds(4));
        assert!(matches!(other, Step::Wait { until: Some(until), .. } if until == now + seconds(5)));
        assert_eq!(known.step(SchemaKey::Id(8), now + seconds(5)), Step::Ask);
    }

    #[test]
    fn ids_out_of_broken_records_do_not_pile_up() {
        let (mut known, now) = (Known::default(), Instant::now());
        known.have(KEY, schema());
        for id in 100..(100 + 2 * CROWD as u32) {
            known.absent(SchemaKey::Id(id), String::new(), now);
        }
        assert!(known.slots.len() <= CROWD + 1 && known.count() == 1);
    }
}
