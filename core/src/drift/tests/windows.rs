use std::time::Duration;

use super::super::windows::Windows;

const MINUTE: Duration = Duration::from_secs(60);

fn at(minutes: u32) -> Duration {
    Duration::from_secs(1_700_000_000) + MINUTE * minutes
}

#[test]
fn a_window_holds_what_was_counted_within_it() {
    let mut windows = Windows::new(10 * MINUTE, at(0), vec![100, 0]);
    for minute in 1..=30 {
        let window = windows.slide(at(minute), vec![100 + u64::from(minute), 3]);
        let covers = minute.min(10);
        assert_eq!(window.covers, MINUTE * covers, "minute {minute}");
        let second = if minute <= 10 { 3 } else { 0 };
        assert_eq!(window.counts, [u64::from(covers), second], "minute {minute}");
    }
}

#[test]
fn nothing_counted_is_an_empty_window() {
    let mut windows = Windows::new(10 * MINUTE, at(0), vec![7, 7]);
    for minute in 1..=20 {
        assert_eq!(windows.slide(at(minute), vec![7, 7]).counts, [0, 0]);
    }
}

#[test]
fn many_looks_keep_few_snapshots() {
    let mut windows = Windows::new(10 * MINUTE, at(0), vec![0]);
    let mut last = 0;
    for second in 0..3600_u32 {
        let window = windows.slide(at(0) + Duration::from_secs(second.into()), vec![second.into()]);
        last = window.counts[0];
    }
    assert!((600..=660).contains(&last), "{last}");
}

#[test]
fn a_clock_that_jumps_neither_invents_counts_nor_loses_the_next() {
    let mut windows = Windows::new(10 * MINUTE, at(0), vec![0]);
    for minute in 1..=15 {
        windows.slide(at(minute), vec![minute.into()]);
    }
    // Ahead by a week: what lies between is one window, and it says so.
    let ahead = windows.slide(at(10_080), vec![16]);
    assert_eq!((ahead.counts[0], ahead.covers), (1, at(10_080) - at(15)));
    // Back again, to before the beginning.
    let back = windows.slide(at(0), vec![17]);
    assert_eq!((back.counts[0], back.covers), (2, Duration::ZERO));
    for minute in 1..=30 {
        let window = windows.slide(at(minute), vec![17 + u64::from(minute)]);
        assert!(
            window.counts[0] <= u64::from(minute.min(12)) + 2,
            "minute {minute}: {window:?}"
        );
        assert!(window.covers <= 11 * MINUTE, "minute {minute}: {window:?}");
    }
}

#[test]
fn counters_that_begin_anew_are_a_new_beginning() {
    let mut windows = Windows::new(10 * MINUTE, at(0), vec![500, 500]);
    windows.slide(at(1), vec![600, 600]);
    // One of them is higher all the same.
    let window = windows.slide(at(2), vec![2, 700]);
    assert_eq!((window.counts, window.covers), (vec![2, 700], Duration::ZERO));
    assert_eq!(windows.slide(at(3), vec![5, 701]).counts, [5, 701]);
    // Other columns altogether.
    assert_eq!(windows.slide(at(4), vec![9]).counts, [9]);
}
