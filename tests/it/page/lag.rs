//! How far behind each partition is, in records and in time, as the page has it.

use std::sync::Arc;

use forebay::core::metrics::{Lag, LaneMetrics, State};
use forebay::core::records::TopicPartition;

use super::browser::Browser;
use super::{anywhere, looks, made_up, serve};

/// What the brokers' answers came to for a lane's partition.
pub(super) fn lag(lane: &LaneMetrics, partition: i32, lag: Lag) {
    let answers = [(TopicPartition::new("events", partition), lag)];
    lane.asked.store(Arc::new(answers.into()));
}

#[test]
fn it_names_the_partition_that_is_furthest_behind_and_says_no_time_that_is_not_known() {
    let lanes = made_up();
    let (_telemetry, address) = serve("sensors", &lanes, "telemetry", anywhere());
    let mut page = Browser::start();
    page.go(&address);
    let says =
        |id: &str, text: &str| format!("document.querySelector('#{id}')?.innerText.includes('{text}')");
    let row = |nth: u8, cells: [&str; 5]| {
        let cells = serde_json::to_string(&cells).expect("JSON");
        format!(
            "JSON.stringify([...document.querySelectorAll('#partitions tbody tr:nth-child({nth}) td')].map(cell => cell.innerText)) === '{cells}'"
        )
    };
    // The clients' own figures: no time is known.
    page.until(&says("tiles", "2,468\\nrecords"));
    page.until(&says(
        "furthest",
        "Furthest behind: events-0, ok, 1,234 records wait.",
    ));
    page.until(&row(2, ["events-1", "ok", "1,234", "–", "–"]));
    page.until("document.querySelector('#late svg')?.getAttribute('aria-label').startsWith('first waits –')");
    let answer = |records, seconds, drain, state| Lag {
        records,
        seconds: Some(seconds),
        drain_seconds: Some(drain),
        state,
    };
    lag(&lanes[0], 0, answer(90_000, 12.25, 65.0, State::Ok));
    lag(
        &lanes[1],
        1,
        answer(7_000, 4_000.0, f64::INFINITY, State::Stalled),
    );
    // More records wait in the other one, but not for as long.
    page.until(&says(
        "furthest",
        "Furthest behind: events-1, stalled, 7,000 records wait, the first for 1 h 6 min.",
    ));
    page.until(&says("tiles", "97,000\\nfor 1 h 6 min"));
    page.until(&row(1, ["events-1", "stalled", "7,000", "1 h 6 min", "never"]));
    page.until(&row(2, ["events-0", "ok", "90,000", "12.3 s", "65.0 s"]));
    page.until(
        "document.querySelector('#late svg').getAttribute('aria-label').startsWith('first waits 1 h 6 min')",
    );
    for width in [1400, 400] {
        page.looks(width, "light");
        page.until(&format!(
            "innerWidth === {width} && document.querySelector('#late svg').clientWidth < {width}"
        ));
        // Beside each other where there is room, and one below the other where there is not.
        let beside = "document.querySelector('#lag').getBoundingClientRect().top === document.querySelector('#late').getBoundingClientRect().top";
        assert_eq!(page.value(beside), width == 1400);
        // All of the table can be read without moving it.
        assert_eq!(page.value("document.querySelector('#partitions').scrollWidth <= document.querySelector('#partitions').clientWidth"), true, "{width}");
        looks::check(&mut page, &format!("lag at {width}"));
    }
    for (nth, lane) in (0..).zip(&lanes) {
        lag(lane, nth, answer(0, 0.0, 0.0, State::Ok));
    }
    page.until(&says("furthest", "Nothing waits."));
    page.until(&row(1, ["events-0", "ok", "0", "0 ms", "–"]));
}
