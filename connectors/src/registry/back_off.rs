//! How long to leave a registry alone that does not answer. Pure: chance is an argument.

use std::time::Duration;

const FROM: Duration = Duration::from_millis(250);
const TO: Duration = Duration::from_secs(15);
/// A registry may ask for a longer rest, but not for any.
const ASKED_FOR_TO: Duration = Duration::from_secs(60);

/// The rest after so many failures in a row (from 1). `chance` lies between 0 and 1, and differs between processes, so that they
/// do not come back all at once. What the registry asked for is the least.
pub(super) fn rest(failures: u32, chance: f64, asked_for: Option<Duration>) -> Duration {
    let doubled = 1_u32 << failures.saturating_sub(1).min(10);
    let whole = (FROM * doubled).min(TO);
    let own = whole.mul_f64(0.5 + chance.clamp(0.0, 1.0) / 2.0);
    own.max(asked_for.unwrap_or_default().min(ASKED_FOR_TO))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rests_grow_to_a_bound_and_are_spread() {
        let rests: Vec<u128> = (1..9).map(|n| rest(n, 1.0, None).as_millis()).collect();
        assert_eq!(rests, [250, 500, 1000, 2000, 4000, 8000, 15_000, 15_000]);
        assert_eq!(rest(1, 0.0, None), FROM / 2);
        assert_eq!(rest(u32::MAX, 0.0, None), TO / 2);
    }

    #[test]
    fn what_the_registry_asks_for_is_the_least_but_has_a_bound() {
        let seconds = Duration::from_secs;
        assert_eq!(rest(1, 1.0, Some(seconds(7))), seconds(7));
        assert_eq!(rest(7, 1.0, Some(seconds(7))), TO);
        assert_eq!(rest(1, 1.0, Some(seconds(86_400))), ASKED_FOR_TO);
    }
}
