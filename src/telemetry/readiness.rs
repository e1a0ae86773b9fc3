//! Whether this process can do its work now: every lane has its model and turns, is a member of its group, and reaches source and
//! sink. A member without partitions is ready: others have them all, and it stands by.

use std::time::Duration;

use forebay_core::metrics::LaneMetrics;

use super::liveness;

/// How long a lane may be unable to reach what it reads from or writes to before it counts: brokers that restart take less.
const LIMIT: Duration = Duration::from_secs(15);
/// Clients repeat at least this often that they reach nothing; what was said longer ago is over.
const SAID_AGAIN: Duration = Duration::from_secs(60);

/// What keeps lanes from their work, in words; nothing where they are ready.
pub(super) fn missing<M: AsRef<LaneMetrics>>(lanes: &[M], now_ms: u64) -> Option<String> {
    if lanes.is_empty() {
        return Some("no lane runs".to_owned());
    }
    let of_one = |(lane, metrics): (usize, &M)| {
        let metrics = metrics.as_ref();
        let silent = unreachable_for(metrics, now_ms);
        match () {
            () if metrics.heartbeat.get() == 0 => Some(format!("lane {lane} is starting")),
            () if silent > LIMIT => Some(format!(
                "lane {lane} has not reached its source or sink for {} s: the log names it",
                silent.as_secs()
            )),
            () if metrics.joined.get() == 0 => Some(format!("lane {lane} has not joined its group")),
            () => None,
        }
    };
    let mut all: Vec<String> = lanes.iter().enumerate().filter_map(of_one).collect();
    all.extend(liveness::stuck(lanes, now_ms));
    (!all.is_empty()).then(|| all.join("; "))
}

/// How long a lane has not reached what it reads from or writes to; zero while it does.
pub(super) fn unreachable_for(lane: &LaneMetrics, now_ms: u64) -> Duration {
    let ago = |at: u64| Duration::from_millis(now_ms.saturating_sub(at));
    match lane.unreachable_since.get() {
        since if since > 0 && ago(lane.unreachable_last.get()) < SAID_AGAIN => ago(since),
        _ => Duration::ZERO,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn a_lane_is_ready_once_it_turns_and_has_joined_and_while_it_reaches_its_systems() {
        let lanes: Vec<Arc<LaneMetrics>> = vec![Arc::default(), Arc::default()];
        let now = 1_000_000;
        let said = || missing(&lanes, now).unwrap_or_default();
        assert_eq!(said(), "lane 0 is starting; lane 1 is starting");
        for lane in &lanes {
            lane.heartbeat.set(now);
        }
        assert_eq!(
            said(),
            "lane 0 has not joined its group; lane 1 has not joined its group"
        );
        for lane in &lanes {
            lane.joined.set(1);
        }
        assert_eq!(said(), "", "members without partitions stand by");
        lanes[1].unreachable_last.set(now - 1_000);
        lanes[1].unreachable_since.set(now - 15_000);
        assert_eq!(said(), "", "a broker may restart");
        lanes[1].unreachable_since.set(now - 16_000);
        assert!(
            said().starts_with("lane 1 has not reached its source or sink for 16 s"),
            "{}",
            said()
        );
        lanes[1].unreachable_last.set(now - 60_000);
        assert_eq!(said(), "", "nobody has said so for a minute");
        lanes[1].unreachable_since.set(0);
        lanes[0].heartbeat.set(now - 200_000);
        assert_eq!(said(), "lane 0 has not gone round for 200 s");
        assert_eq!(
            missing::<Arc<LaneMetrics>>(&[], now).as_deref(),
            Some("no lane runs")
        );
    }
}
