//! Judges what a system delivered: every id once, the samples as the reference has them. Pure.

use forebay_counted::workloads::Workload;

/// What came out so far.
#[derive(Debug)]
pub(crate) struct Audit<'a> {
    workload: &'a Workload,
    seen: Vec<bool>,
    duplicated: u64,
    strange: u64,
    wrong: u64,
    first_wrong: Option<String>,
    /// When the broker appended results, in milliseconds since the epoch: the first and the last.
    pub(crate) appended: Option<(i64, i64)>,
}

impl<'a> Audit<'a> {
    /// Of events `0..records`.
    pub(crate) fn new(workload: &'a Workload, records: u64) -> Self {
        Self {
            workload,
            seen: vec![false; records as usize],
            duplicated: 0,
            strange: 0,
            wrong: 0,
            first_wrong: None,
            appended: None,
        }
    }

    /// Takes one result.
    pub(crate) fn take(&mut self, key: Option<&[u8]>, payload: Option<&[u8]>, appended: i64) {
        let (first, last) = self.appended.unwrap_or((appended, appended));
        self.appended = Some((first.min(appended), last.max(appended)));
        let id = key.and_then(|k| std::str::from_utf8(k).ok()?.parse::<u64>().ok());
        let Some((id, seen)) = id.and_then(|id| Some((id, self.seen.get_mut(id as usize)?))) else {
            self.strange += 1;
            return;
        };
        self.duplicated += u64::from(*seen);
        *seen = true;
        if let Err(why) = self.workload.check(id, payload.unwrap_or_default()) {
            self.wrong += 1;
            self.first_wrong.get_or_insert(format!("of event {id} {why}"));
        }
    }

    /// Nothing, or why this run has no figures.
    pub(crate) fn verdict(&self) -> Result<(), String> {
        let lost = self.seen.iter().filter(|seen| !**seen).count();
        let mut faults = Vec::new();
        for (count, what) in [
            (lost as u64, "lost"),
            (self.duplicated, "duplicated"),
            (self.strange, "with a key that no event has"),
            (self.wrong, "miscomputed among the samples"),
        ] {
            if count > 0 {
                faults.push(format!("{count} {what}"));
            }
        }
        faults.extend(self.first_wrong.clone());
        if faults.is_empty() {
            Ok(())
        } else {
            Err(faults.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RIGHT: [(&str, f32); 3] = [("0", 0.25), ("1", 0.5), ("2", 0.75)];

    fn verdict(results: &[(&str, f32)]) -> Result<(), String> {
        let workload = Workload::plain();
        let mut audit = Audit::new(&workload, 3);
        for (at, (key, score)) in (0..).zip(results) {
            audit.take(Some(key.as_bytes()), Some(&score.to_le_bytes()), 1000 + at);
        }
        assert_eq!(audit.appended, Some((1000, 1000 + results.len() as i64 - 1)));
        audit.verdict()
    }

    #[test]
    fn every_event_once_and_right_is_good() {
        assert_eq!(verdict(&RIGHT), Ok(()));
    }

    #[test]
    fn what_is_lost_twice_strange_or_wrong_is_named() {
        assert_eq!(verdict(&RIGHT[..2]), Err("1 lost".into()));
        let twice = [RIGHT[0], RIGHT[1], RIGHT[1]];
        assert_eq!(verdict(&twice), Err("1 lost, 1 duplicated".into()));
        let strange = [RIGHT[0], RIGHT[1], RIGHT[2], ("3", 0.0), ("x", 0.0)];
        assert_eq!(verdict(&strange), Err("2 with a key that no event has".into()));
        let wrong = [("0", 0.26), RIGHT[1], RIGHT[2]];
        let why = verdict(&wrong).expect_err("it is wrong");
        assert!(why.contains("1 miscomputed") && why.contains("event 0"), "{why}");
    }
}
