//! Rejects by stage and cause. Causes are texts of the program, so there is a bounded number of them; what does not find a place
//! any more is counted with the others of its stage. The lane writes, others read, and nobody waits.

use std::fmt;
use std::sync::OnceLock;

use super::Count;
use crate::reject::{Reject, Stage};

/// Pairs of stage and cause that a lane counts apart.
const PLACES: usize = 64;
/// So long a pair that comes again and again is not said again.
const SAID_EVERY_MS: u64 = 60_000;
/// The cause of those that found no place.
const OTHER: &str = "other";

/// Counts by stage and cause; a place is taken by the first reject of its pair.
pub struct Rejects {
    places: [Place; PLACES],
    others: [Count; Stage::ALL.len()],
}

#[derive(Default)]
struct Place {
    pair: OnceLock<(Stage, &'static str)>,
    count: Count,
    /// When it is to be said again, in milliseconds of whoever counts.
    again: Count,
}

impl Default for Rejects {
    fn default() -> Self {
        Self {
            places: std::array::from_fn(|_| Default::default()),
            others: Default::default(),
        }
    }
}

impl fmt::Debug for Rejects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.all()).finish()
    }
}

impl Rejects {
    /// Counts a reject. Where it is the first of its pair, or one comes a minute after it was last said, it is to be said: how many there
    /// are by now.
    pub fn count(&self, reject: &Reject, now_ms: u64) -> Option<u64> {
        let pair = (reject.stage, reject.cause);
        let mut places = self.places.iter();
        let Some(place) = places.find(|place| *place.pair.get_or_init(|| pair) == pair) else {
            self.others[reject.stage as usize].add(1);
            return None;
        };
        place.count.add(1);
        let first = place.count.get() == 1;
        (first || now_ms >= place.again.get()).then(|| {
            place.again.set(now_ms + SAID_EVERY_MS);
            place.count.get()
        })
    }

    /// What was counted, pair by pair.
    pub fn all(&self) -> impl Iterator<Item = (Stage, &'static str, u64)> {
        let places = self.places.iter().map_while(|place| {
            let (stage, cause) = *place.pair.get()?;
            Some((stage, cause, place.count.get()))
        });
        let others = Stage::ALL.into_iter().zip(&self.others);
        let others = others.map(|(stage, count)| (stage, OTHER, count.get()));
        places.chain(others.filter(|(_, _, n)| *n > 0))
    }

    /// All of a stage.
    pub fn of(&self, stage: Stage) -> u64 {
        let all = self.all().filter(|(other, _, _)| *other == stage);
        all.map(|(_, _, n)| n).sum()
    }

    /// All.
    pub fn total(&self) -> u64 {
        self.all().map(|(_, _, n)| n).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reject(stage: Stage, cause: &'static str) -> Reject {
        Reject {
            record: 0,
            stage,
            cause,
            reason: "of one record".into(),
        }
    }

    #[test]
    fn each_pair_has_its_place_until_there_is_none() {
        let rejects = Rejects::default();
        rejects.count(&reject(Stage::Decode, "trailing bytes"), 0);
        rejects.count(&reject(Stage::Model, "trailing bytes"), 0);
        rejects.count(&reject(Stage::Decode, "trailing bytes"), 0);
        let found: Vec<_> = rejects.all().collect();
        assert_eq!(
            found,
            [
                (Stage::Decode, "trailing bytes", 2),
                (Stage::Model, "trailing bytes", 1)
            ]
        );
        for nth in 0..100 {
            let cause: &'static str = Box::leak(format!("cause {nth}").into_boxed_str());
            rejects.count(&reject(Stage::Encode, cause), 0);
        }
        assert_eq!(rejects.all().count(), PLACES + 1);
        assert_eq!(rejects.of(Stage::Encode), 100);
        assert_eq!(rejects.total(), 103);
        assert!(rejects.all().any(|found| found == (Stage::Encode, OTHER, 38)));
    }

    #[test]
    fn a_pair_is_said_at_first_and_then_once_a_minute() {
        let rejects = Rejects::default();
        let of = |stage, now| rejects.count(&reject(stage, "trailing bytes"), now);
        assert_eq!(of(Stage::Decode, 5_000), Some(1));
        assert_eq!(of(Stage::Decode, 5_001), None);
        assert_eq!(of(Stage::Model, 5_002), Some(1));
        assert_eq!(of(Stage::Decode, 64_999), None);
        assert_eq!(of(Stage::Decode, 65_000), Some(4));
        assert_eq!(of(Stage::Decode, 65_001), None);
    }
}
