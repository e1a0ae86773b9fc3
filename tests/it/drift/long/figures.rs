//! The figures of docs/drift.md: how often the telemetry alarms against itself, and how soon three kinds of shift are caught. The
//! baseline is made of the 30,000 rows that trained the model, the windows of those that it never saw, through the whole pipeline.

use std::sync::Arc;

use forebay::config::{Config, Options};
use forebay::core::carry::Carrier;
use forebay::core::drift::Part;
use forebay::core::memory::{Message, records_of};
use forebay::core::metrics::LaneMetrics;
use forebay::drift::Drift;
use forebay::drift::capture::{self, Capture, WINDOW_ROWS};
use forebay::formats::Schooled;
use forebay::plan::Plan;
use serde_json::Value;
use tempfile::TempDir;

use super::super::with_drift;
use crate::sensors;

const TRAINED: u64 = 30_000;
const ROWS: u64 = 49_097;
const WINDOWS: usize = 200;

type Event = serde_json::Map<String, Value>;

fn event(number: u64) -> Event {
    serde_json::from_slice(&sensors::event(number).1).expect("JSON")
}

fn messages(events: &[Event]) -> Vec<Message> {
    let message = |(offset, event): (usize, &Event)| {
        Message::new(
            "telemetry",
            0,
            offset as i64,
            serde_json::to_vec(event).expect("JSON"),
        )
    };
    events.iter().enumerate().map(message).collect()
}

struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }
}

/// A pipeline with a baseline, and one lane of it.
struct Lane {
    drift: Arc<Drift>,
    carrier: Carrier,
    metrics: Arc<LaneMetrics>,
    before: Vec<Vec<u64>>,
    _folder: TempDir,
}

impl Lane {
    fn new() -> Self {
        let folder = TempDir::new().expect("a folder");
        let pipeline = with_drift(&folder, "{ baseline: baseline.json }");
        let options = Options {
            connector: None,
            also: None,
            env: &|_| None,
        };
        let config = Config::load_without_connectors(&pipeline, &options).expect("a pipeline");
        let plan = Plan::without_drift(&config).expect("a plan");
        let wanted = capture::Options {
            columns: None,
            window_rows: WINDOW_ROWS,
        };
        let mut capture = Capture::new(&config, &plan, &Schooled::AsJson, &wanted).expect("a capture");
        let events: Vec<Event> = (0..TRAINED).map(event).collect();
        capture
            .take(&records_of(&messages(&events)))
            .expect("it goes through");
        let captured = capture.finish().expect("a baseline");
        capture::write(&folder.path().join("baseline.json"), &captured.baseline).expect("a file");
        let plan = Plan::new(&config).expect("it fits");
        let metrics = Arc::new(LaneMetrics::default());
        let carrier = plan
            .open_lane(Arc::clone(&metrics), &Schooled::AsJson)
            .expect("a lane");
        let drift = Arc::clone(plan.drift.as_ref().expect("what is compared"));
        let before = drift
            .columns
            .iter()
            .map(|column| vec![0; column.bins.len()])
            .collect();
        Self {
            drift,
            carrier,
            metrics,
            before,
            _folder: folder,
        }
    }

    /// The columns that drift in a window of these events.
    fn alarms(&mut self, events: &[Event]) -> Vec<(Part, String)> {
        let carried = self
            .carrier
            .carry(&Arc::new(records_of(&messages(events))))
            .expect("it goes through");
        assert_eq!(carried.rejects.len(), 0);
        let counted = self.metrics.drift.get().expect("counts");
        let mut alarms = Vec::new();
        for ((column, counted), before) in self.drift.columns.iter().zip(counted).zip(&mut self.before) {
            let mut now = vec![0; column.bins.len()];
            counted.add_to(&mut now);
            let window: Vec<u64> = now
                .iter()
                .zip(before.iter())
                .map(|(now, before)| now - before)
                .collect();
            *before = now;
            let against = column.against.as_ref().expect("a reference");
            assert!(window.iter().sum::<u64>() >= against.least_rows);
            let scores = against.reference.scores(&window).expect("scores");
            if !against.limits.passed(&scores).is_empty() {
                alarms.push((column.part, column.name.clone()));
            }
        }
        alarms
    }
}

/// A window of rows that the model never saw: in their order as long as there are any, then drawn.
fn window(number: usize, random: &mut Random) -> Vec<Event> {
    let fresh = (ROWS - TRAINED) as usize;
    let at = |i: usize| match (number + 1) * WINDOW_ROWS <= fresh {
        true => number * WINDOW_ROWS + i,
        false => random.below(fresh),
    };
    let rows: Vec<usize> = (0..WINDOW_ROWS).map(at).collect();
    rows.into_iter().map(|row| event(TRAINED + row as u64)).collect()
}

fn change(events: &mut [Event], field: &str, with: impl Fn(f64) -> f64) {
    for event in events {
        let value = event[field].as_f64().expect("a number");
        event[field] = with(value).into();
    }
}

/// A window in which this share of the events are anomalies.
fn mixed(share: f64, fresh: &[Event], random: &mut Random) -> Vec<Event> {
    let is = |event: &&Event| event["anomaly"] == 1;
    let (anomalies, normal): (Vec<&Event>, Vec<&Event>) = fresh.iter().partition(is);
    let count = (WINDOW_ROWS as f64 * share) as usize;
    let mut draw = |from: &[&Event]| from[random.below(from.len())].clone();
    (0..WINDOW_ROWS)
        .map(|i| {
            if i < count {
                draw(&anomalies)
            } else {
                draw(&normal)
            }
        })
        .collect()
}

#[test]
fn the_telemetry_is_quiet_against_itself_and_shifts_are_caught_in_two_windows() {
    let (mut lane, mut random) = (Lane::new(), Random(1));
    let alarmed: Vec<Vec<(Part, String)>> = (0..WINDOWS)
        .map(|number| lane.alarms(&window(number, &mut random)))
        .filter(|alarms| !alarms.is_empty())
        .collect();
    let columns = lane.drift.columns.len();
    println!(
        "no shift: {} of {WINDOWS} windows with an alarm in any of {columns} columns: {alarmed:?}",
        alarmed.len()
    );
    assert!(alarmed.len() * 100 <= WINDOWS, "{alarmed:?}");

    let fresh: Vec<Event> = (TRAINED..ROWS).map(event).collect();
    let mean = |field: &str| {
        fresh
            .iter()
            .map(|e| e[field].as_f64().expect("a number"))
            .sum::<f64>()
            / fresh.len() as f64
    };
    let deviation = |field: &str| {
        let mean = mean(field);
        let squares = fresh
            .iter()
            .map(|e| (e[field].as_f64().expect("a number") - mean).powi(2))
            .sum::<f64>();
        (squares / fresh.len() as f64).sqrt()
    };
    let (of_f1, f7) = (deviation("f1"), mean("f7"));
    type Shift<'a> = (&'a str, &'a str, Box<dyn Fn(&mut Random) -> Vec<Event> + 'a>);
    let shifts: Vec<Shift<'_>> = vec![
        (
            "mean of f1 + 0.5 sd",
            "f1",
            Box::new(|random| {
                let mut events = window(WINDOWS, random);
                change(&mut events, "f1", |value| value + 0.5 * of_f1);
                events
            }),
        ),
        (
            "spread of f7 x 1.5",
            "f7",
            Box::new(|random| {
                let mut events = window(WINDOWS, random);
                change(&mut events, "f7", |value| f7 + 1.5 * (value - f7));
                events
            }),
        ),
        (
            "anomalies 7 % -> 20 %",
            "predicted",
            Box::new(|random| mixed(0.2, &fresh, random)),
        ),
    ];
    for (what, column, make) in shifts {
        let caught: Vec<bool> = (0..20)
            .map(|_| {
                lane.alarms(&make(&mut random))
                    .iter()
                    .any(|(_, name)| name == column)
            })
            .collect();
        let count = caught.iter().filter(|caught| **caught).count();
        println!(
            "{what}: caught in {count} of {} windows, the first {}",
            caught.len(),
            caught[0]
        );
        assert!(
            caught.windows(2).all(|two| two[0] || two[1]),
            "{what}: {caught:?}"
        );
    }
}
