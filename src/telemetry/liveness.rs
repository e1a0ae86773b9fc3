//! Whether every lane still goes round its loop. A lane without work does, too: it keeps its membership. So a lane
//! that has not for a while is stuck, and a restart is the way out.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use forebay_core::metrics::LaneMetrics;

/// How long a lane may take for one round: longer than any bounded wait in it, and shorter than the five minutes after
/// which a group gives its partitions to somebody else.
const LIMIT: Duration = Duration::from_secs(120);

/// The lanes that have not gone round for too long, in words. A lane that has not begun is still starting.
pub(super) fn stuck<M: AsRef<LaneMetrics>>(lanes: &[M], now_ms: u64) -> Option<String> {
    let silent = lanes.iter().enumerate().filter_map(|(lane, metrics)| {
        let last = metrics.as_ref().heartbeat.get();
        let silent = Duration::from_millis(now_ms.saturating_sub(last));
        (last > 0 && silent > LIMIT)
            .then(|| format!("lane {lane} has not gone round for {} s", silent.as_secs()))
    });
    let silent: Vec<String> = silent.collect();
    (!silent.is_empty()).then(|| silent.join("; "))
}

/// What a heartbeat is compared with.
pub(super) fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn names_the_lanes_that_fell_silent_and_lets_others_start() {
        let lanes: Vec<Arc<LaneMetrics>> = (0..3).map(|_| Arc::default()).collect();
        assert_eq!(stuck(&lanes, 10_000_000), None);
        lanes[0].heartbeat.set(10_000_000);
        lanes[1].heartbeat.set(10_000_000 - 120_000);
        assert_eq!(stuck(&lanes, 10_000_000), None);
        assert_eq!(
            stuck(&lanes, 10_001_000).as_deref(),
            Some("lane 1 has not gone round for 121 s")
        );
    }
    /// Whoever sets a clock back finds heartbeats of the future.
    #[test]
    fn a_clock_that_is_set_back_makes_nobody_stuck() {
        let lanes: Vec<Arc<LaneMetrics>> = vec![Arc::default()];
        lanes[0].heartbeat.set(10_000_000);
        assert_eq!(stuck(&lanes, 6_400_000), None);
    }
}
