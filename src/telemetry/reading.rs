//! One lane's record counters, read so that they belong together. They are separate atomics: a scrape between two of
//! a lane's additions would see a record twice or not at all.

use forebay_core::metrics::LaneMetrics;

/// How often the counters are read again where they do not add up. A lane settles a batch within microseconds, so
/// what still does not add up after that is a fault to be shown.
const ATTEMPTS: usize = 1000;

/// Where the records of a lane are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    pub consumed: u64,
    pub delivered: u64,
    pub filtered: u64,
    pub dead_lettered: u64,
    pub dropped: u64,
    pub abandoned: u64,
    pub in_flight: u64,
}

impl Balance {
    fn glance(lane: &LaneMetrics) -> Self {
        Self {
            consumed: lane.consumed.get(),
            delivered: lane.delivered.get(),
            filtered: lane.filtered.get(),
            dead_lettered: lane.dead_lettered.get(),
            dropped: lane.dropped.get(),
            abandoned: lane.abandoned.get(),
            in_flight: lane.in_flight.get(),
        }
    }

    /// The counters of one moment; after many attempts, what they are.
    pub fn of(lane: &LaneMetrics) -> Self {
        let mut balance = Self::glance(lane);
        for _ in 0..ATTEMPTS {
            if balance.adds_up() {
                break;
            }
            std::hint::spin_loop();
            balance = Self::glance(lane);
        }
        balance
    }

    /// Whether every record consumed is accounted for.
    pub fn adds_up(&self) -> bool {
        let settled = self.delivered + self.filtered + self.dead_lettered + self.dropped + self.abandoned;
        self.consumed == settled + self.in_flight
    }
}

/// A lane's metrics with its balance.
#[derive(Debug)]
pub struct Reading<'a> {
    pub lane: &'a LaneMetrics,
    pub balance: Balance,
}

impl<'a> Reading<'a> {
    pub fn of(lane: &'a LaneMetrics) -> Self {
        Self {
            lane,
            balance: Balance::of(lane),
        }
    }
}
