use std::collections::BTreeSet;
use std::io;
use std::sync::{Mutex, MutexGuard};

use forebay_core::metrics::{Bounds, First, Progress, State};
use forebay_core::records::Positions;
use forebay_core::{Error, Result};
use forebay_testcontainers::await_until;
use tracing_subscriber::layer::SubscriberExt;

use super::rests::AT_A_TIME;
use super::*;

fn partition(n: i32) -> TopicPartition {
    TopicPartition::new("in", n)
}

/// Brokers that answer what they are told to, and remember what they were asked.
#[derive(Default)]
struct Brokers {
    ends: Ends,
    firsts: BTreeMap<TopicPartition, Option<First>>,
    silent: bool,
    looked_at: Vec<Positions>,
}

#[derive(Clone, Default)]
struct Told(Arc<Mutex<Brokers>>);

impl Told {
    fn lock(&self) -> MutexGuard<'_, Brokers> {
        self.0.lock().unwrap()
    }
}

impl LogBounds for Told {
    fn ask(&mut self, partitions: &Partitions) -> Result<Ends> {
        let told = self.lock();
        if told.silent {
            return Err(Error::retry("planted"));
        }
        let ends = told.ends.iter().filter(|(one, _)| partitions.contains(one));
        Ok(ends.map(|(one, bounds)| (one.clone(), *bounds)).collect())
    }

    fn first(&mut self, positions: &Positions) -> Result<BTreeMap<TopicPartition, Option<First>>> {
        let mut told = self.lock();
        told.looked_at.push(positions.clone());
        let firsts = told.firsts.iter().filter(|(one, _)| positions.contains_key(one));
        Ok(firsts.map(|(one, first)| (one.clone(), *first)).collect())
    }
}

/// A lane at offset 5 of partitions whose logs end at 10, settled lately.
fn lane_of(partitions: i32, told: &Told) -> AllMetrics {
    let lanes: AllMetrics = vec![Arc::default()];
    let progress = (0..partitions).map(|n| Progress {
        partition: partition(n),
        position: 5,
        settled_at: Some(1_800_000_000_000),
        behind: Some(99),
    });
    lanes[0].progress.store(Arc::new(progress.collect()));
    let ends = (0..partitions).map(|n| (partition(n), Bounds { low: 0, high: 10 }));
    told.lock().ends = ends.collect();
    lanes
}

/// What is looked at when the brokers are asked once more.
fn looked_at(asker: &mut Asker, told: &Told) -> BTreeSet<i32> {
    assert!(asker.ask());
    let looked_at = std::mem::take(&mut told.lock().looked_at);
    let all = looked_at.iter().flat_map(|one| one.keys());
    all.map(|one| one.partition).collect()
}

#[test]
fn positions_that_rest_are_looked_at_in_turn() {
    let told = Told::default();
    let lanes = lane_of(200, &told);
    let first = |n| {
        let found = First {
            offset: 7,
            at: Some(1_700_000_000_000),
        };
        (partition(n), (n > 0).then_some(found))
    };
    told.lock().firsts = (0..200).map(first).collect();
    let mut asker = Asker::new(Box::new(told.clone()), lanes.clone());
    assert!(
        looked_at(&mut asker, &told).is_empty(),
        "they may have moved just now"
    );
    assert_eq!(lanes[0].lag(), 200 * 5);
    let mut all = BTreeSet::new();
    for expected in [64, 64, 64, 8] {
        let now = looked_at(&mut asker, &told);
        assert_eq!(now.len(), expected);
        assert!(all.is_disjoint(&now), "{now:?}");
        all.extend(now);
    }
    assert!(looked_at(&mut asker, &told).is_empty(), "it was just now");
    // Nothing lies behind the position in partition 0; in the others the first record is at 7.
    assert_eq!(lanes[0].lag(), 199 * 3);
    for (n, high, low) in [(0, 12, 0), (1, 12, 0), (2, 12, 8)] {
        told.lock().ends.insert(partition(n), Bounds { low, high });
    }
    let changed = looked_at(&mut asker, &told);
    assert_eq!(
        changed,
        [0, 2].into(),
        "what is behind a first record does not matter"
    );
    let records = |n| lanes[0].asked.load()[&partition(n)].records;
    assert_eq!([records(0), records(1), records(2)], [0, 5, 4]);
}

/// Neither the log's beginning nor its end tells that compaction has removed records between.
#[test]
fn a_first_record_is_looked_for_again() {
    let told = Told::default();
    let lanes = lane_of(1, &told);
    let first = |offset| Some(First { offset, at: None });
    told.lock().firsts.insert(partition(0), first(6));
    let mut asker = Asker::new(Box::new(told.clone()), lanes.clone());
    let mut asked = |times| {
        (0..times)
            .filter(|_| !looked_at(&mut asker, &told).is_empty())
            .count()
    };
    assert_eq!(asked(2), 1);
    assert_eq!(lanes[0].lag(), 4);
    told.lock().firsts.insert(partition(0), first(9));
    assert_eq!((asked(5), lanes[0].lag()), (0, 4));
    assert_eq!((asked(1), lanes[0].lag()), (1, 1));
}

#[test]
fn everybody_has_a_turn_where_nobody_answers() {
    let told = Told::default();
    let lanes = lane_of(150, &told);
    let mut asker = Asker::new(Box::new(told.clone()), lanes);
    looked_at(&mut asker, &told);
    let turns: Vec<_> = (0..6).map(|_| looked_at(&mut asker, &told)).collect();
    assert!(turns.iter().all(|turn| turn.len() == AT_A_TIME));
    for three in turns.chunks(3) {
        let all: BTreeSet<i32> = three.iter().flatten().copied().collect();
        assert_eq!(all.len(), 150);
    }
}

#[test]
fn a_backlog_without_a_settled_record_is_looked_at_at_once() {
    let told = Told::default();
    let lanes = lane_of(1, &told);
    let mut progress = Vec::clone(&lanes[0].progress.load());
    progress[0].settled_at = None;
    lanes[0].progress.store(Arc::new(progress));
    let hour_ago = i64::try_from(liveness::now_ms()).unwrap() - 3_600_000;
    let first = First {
        offset: 5,
        at: Some(hour_ago),
    };
    told.lock().firsts.insert(partition(0), Some(first));
    let mut asker = Asker::new(Box::new(told), lanes.clone());
    assert!(asker.ask());
    let lag = lanes[0].asked.load()[&partition(0)];
    assert!((3_600.0..3_700.0).contains(&lag.seconds.unwrap()), "{lag:?}");
}

#[test]
fn what_waits_waits_longer_while_nobody_answers_and_goes_with_its_partition() {
    let told = Told::default();
    let lanes = lane_of(2, &told);
    let mut asker = Asker::new(Box::new(told.clone()), lanes.clone());
    assert_eq!(lanes[0].lag(), 2 * 99, "by the client");
    assert!(asker.ask());
    assert_eq!(lanes[0].lag(), 2 * 5);
    let waited = || lanes[0].asked.load()[&partition(0)].seconds.unwrap_or(0.0);
    let (before, measured) = (waited(), lanes[0].measured.get());
    assert!(measured > 0);
    told.lock().silent = true;
    await_until(Duration::from_secs(10), "time has passed", || {
        assert!(asker.ask());
        waited() > before + 0.05
    });
    assert_eq!(lanes[0].measured.get(), measured, "nobody answered");
    assert_eq!(lanes[0].lag(), 2 * 5);
    let progress = lanes[0].progress.load_full();
    lanes[0].progress.store(Arc::new(progress[..1].to_vec()));
    assert_eq!(lanes[0].lag(), 5);
    lanes[0].progress.store(Arc::default());
    assert!(!asker.ask());
    assert!(lanes[0].measured.get() > measured, "there is nothing to ask for");
}

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn partitions_that_are_shown_are_bounded_and_sums_are_not() {
    let told = Told::default();
    let lanes = lane_of(1_500, &told);
    for n in 1_000..1_500 {
        told.lock()
            .ends
            .insert(partition(n), Bounds { low: 0, high: 1_000 });
    }
    let mut asker = Asker::new(Box::new(told), lanes.clone());
    let written = Written::default();
    let to = written.clone();
    let lines = tracing_subscriber::fmt::layer().with_writer(move || to.clone());
    tracing::subscriber::with_default(tracing_subscriber::registry().with(lines), || {
        assert!(asker.ask() && asker.ask());
    });
    let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
    assert_eq!(
        text.matches("the 1000 partitions furthest behind").count(),
        1,
        "{text}"
    );
    let shown = Shown::of(&lanes);
    assert_eq!(shown.lanes[0].records, 1_000 * 5 + 500 * 995);
    assert_eq!(shown.partitions.len(), SHOWN);
    let furthest = shown.partitions.iter().filter(|(_, _, lag)| lag.records == 995);
    assert_eq!(furthest.count(), 500);
}

#[test]
fn a_lane_has_the_longest_of_its_times() {
    let lanes: AllMetrics = vec![Arc::default(), Arc::default()];
    let progress = (0..3).map(|n| Progress {
        partition: partition(n),
        position: 0,
        settled_at: None,
        behind: Some(1),
    });
    lanes[0].progress.store(Arc::new(progress.collect()));
    let lag = |seconds| Lag {
        records: 2,
        seconds: Some(seconds),
        drain_seconds: Some(0.0),
        state: State::Ok,
    };
    let asked = [(partition(0), lag(3.0)), (partition(1), lag(7.0))];
    lanes[0].asked.store(Arc::new(asked.into()));
    let of_lanes = Shown::of(&lanes).lanes;
    let first = OfLane {
        records: 2 + 2 + 1,
        seconds: Some(7.0),
    };
    assert_eq!(of_lanes, [first, OfLane::default()]);
}
