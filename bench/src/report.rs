//! The report: everything as JSON, the medians as Markdown, two charts as SVG.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Serialize;

use crate::latency::Latency;
use crate::round::{LOAD_LIMIT, Round, START_RECORDS};
use forebay_counted::Failure;

/// All of it.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) about: BTreeMap<String, String>,
    pub(crate) workloads: Vec<Measured>,
    pub(crate) latency: Vec<Latency>,
    /// What has no figure, and why.
    pub(crate) failed: Vec<Failed>,
}

/// One workload.
#[derive(Debug, Serialize)]
pub(crate) struct Measured {
    pub(crate) name: String,
    pub(crate) about: String,
    pub(crate) event_bytes: u64,
    pub(crate) records: u64,
    pub(crate) rounds: Vec<Round>,
}

/// A system without figures.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Failed {
    pub(crate) system: String,
    /// The workload, or the latency's rate.
    pub(crate) at: String,
    pub(crate) reason: String,
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

impl Measured {
    /// The systems in the order they first ran.
    fn systems(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for round in &self.rounds {
            if !names.contains(&round.system.as_str()) {
                names.push(&round.system);
            }
        }
        names
    }

    /// The median over a system's rounds.
    pub(crate) fn median(&self, system: &str, figure: impl Fn(&Round) -> f64) -> f64 {
        let rounds = self.rounds.iter().filter(|r| r.system == system);
        median(rounds.map(figure).collect())
    }

    fn table(&self) -> String {
        let mut out = format!(
            "\n## {}: {}\n\n{} events of about {} bytes\n\n\
             | system | records/s | CPU µs/record | of the floor | peak MiB | first result s | rounds | load of others |\n\
             | --- | --- | --- | --- | --- | --- | --- | --- |\n",
            self.name.to_uppercase(),
            self.about,
            thousands(self.records),
            self.event_bytes
        );
        let floor = self.median("floor", |r| r.cpu_us_per_record);
        for system in self.systems() {
            let of = |figure: fn(&Round) -> f64| self.median(system, figure);
            let cpu = of(|r| r.cpu_us_per_record);
            let rounds: Vec<&Round> = self.rounds.iter().filter(|r| r.system == system).collect();
            let loud = rounds.iter().filter(|r| r.others_cores > LOAD_LIMIT).count();
            let most = rounds.iter().map(|r| r.others_cores).fold(0.0, f64::max);
            let marked = if loud > 0 {
                format!("{most:.2} cores in {loud} rounds")
            } else {
                "-".into()
            };
            let ratio = if floor.is_nan() {
                "-".into()
            } else {
                format!("{:.2}", cpu / floor)
            };
            line(
                &mut out,
                &format!(
                    "| {system} | {} | {cpu:.2} | {ratio} | {:.0} | {:.2} | {} | {marked} |",
                    thousands(of(|r| r.records_per_s) as u64),
                    of(|r| r.peak_mib),
                    of(|r| r.start_s),
                    rounds.len(),
                ),
            );
        }
        out
    }
}

fn line(out: &mut String, text: &str) {
    out.push_str(text);
    out.push('\n');
}

fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

impl Report {
    /// Writes `report.json`, `report.md`, `cpu.svg` and `rate.svg` into `folder`.
    pub(crate) fn write(&self, folder: &Path) -> Result<(), Failure> {
        let failed = |e: &dyn std::fmt::Display| Failure(format!("write the report: {e}"));
        fs::create_dir_all(folder).map_err(|e| failed(&e))?;
        let json = serde_json::to_string_pretty(self).map_err(|e| failed(&e))?;
        let files = [
            ("report.json", json + "\n"),
            ("report.md", self.markdown()),
            (
                "cpu.svg",
                self.chart("CPU µs per record, less is better", |r| r.cpu_us_per_record),
            ),
            (
                "rate.svg",
                self.chart("records per second, more is better", |r| r.records_per_s),
            ),
        ];
        for (name, text) in files {
            fs::write(folder.join(name), text).map_err(|e| failed(&e))?;
        }
        Ok(())
    }

    fn markdown(&self) -> String {
        let mut out = String::from(
            "# What a record costs\n\nMade by `make bench`. Medians; each round is in report.json.\n\n",
        );
        for (name, value) in &self.about {
            line(&mut out, &format!("- {}: {value}", name.replace('_', " ")));
        }
        line(
            &mut out,
            &format!(
                "\nCPU is what the process used from start to end, less what it used in a run of {START_RECORDS} events that is \
                 started and ended alike. Records/s lie between the first and the last append of a result, so what was \
                 read before the first one flatters short runs. Every output was audited: each id once, samples \
                 against a reference. A round while others kept more than {LOAD_LIMIT} cores busy was redone up to 3 times.\n\n\
                 ![CPU per record](cpu.svg)\n\n![records per second](rate.svg)"
            ),
        );
        for workload in &self.workloads {
            out.push_str(&workload.table());
        }
        if !self.latency.is_empty() {
            out.push_str(
                "\n## Latency on T\n\nFrom the moment an event is due to the arrival of its result at a reader, in ms; \
                 the generator never skips and never moves a due time.\n\n\
                 | system | events/s | linger | p50 | p90 | p99 | max |\n| --- | --- | --- | --- | --- | --- | --- |\n",
            );
            for l in &self.latency {
                line(
                    &mut out,
                    &format!(
                        "| {} | {} | {} | {:.2} | {:.2} | {:.1} | {:.1} |",
                        l.system,
                        thousands(l.per_s),
                        l.linger_ms,
                        l.p50_ms,
                        l.p90_ms,
                        l.p99_ms,
                        l.max_ms
                    ),
                );
            }
        }
        if !self.failed.is_empty() {
            out.push_str("\n## Without a figure\n\n");
            for failed in &self.failed {
                line(
                    &mut out,
                    &format!("- {} at {}: {}", failed.system, failed.at, failed.reason),
                );
            }
        }
        out
    }

    /// Bars: per workload one for each system, each workload on its own scale.
    fn chart(&self, title: &str, figure: fn(&Round) -> f64) -> String {
        const LINE: usize = 22;
        const BAR: f64 = 420.0;
        let colours = ["#64748b", "#d97706", "#2563eb", "#1e40af"];
        let (mut body, mut y) = (String::new(), 40);
        for workload in &self.workloads {
            body += &format!(
                "<text x=\"10\" y=\"{}\" font-weight=\"bold\">{}: {}</text>\n",
                y + 14,
                workload.name.to_uppercase(),
                workload.about
            );
            y += LINE;
            let values: Vec<(&str, f64)> = workload
                .systems()
                .into_iter()
                .map(|s| (s, workload.median(s, figure)))
                .collect();
            let most = values.iter().map(|(_, v)| *v).fold(f64::MIN_POSITIVE, f64::max);
            for (nth, (system, value)) in values.iter().enumerate() {
                let width = value / most * BAR;
                let said = if *value >= 1000.0 {
                    thousands(*value as u64)
                } else {
                    format!("{value:.2}")
                };
                body += &format!(
                    "<text x=\"10\" y=\"{0}\">{system}</text><rect x=\"140\" y=\"{1}\" width=\"{width:.0}\" height=\"16\" \
                     fill=\"{2}\"/><text x=\"{3:.0}\" y=\"{0}\">{said}</text>\n",
                    y + 14,
                    y + 1,
                    colours[nth % colours.len()],
                    146.0 + width
                );
                y += LINE;
            }
            y += LINE / 2;
        }
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"680\" height=\"{y}\" font-family=\"sans-serif\" font-size=\"13\">\n\
             <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n<text x=\"10\" y=\"22\" font-size=\"16\">{title}</text>\n{body}</svg>\n"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(system: &str, cpu: f64, others: f64) -> Round {
        Round {
            system: system.into(),
            records_per_s: 1_234_567.0,
            whole_s: 1.0,
            cpu_us_per_record: cpu,
            start_cpu_s: 0.1,
            start_s: 0.5,
            peak_mib: 100.0,
            others_cores: others,
            redone: 0,
        }
    }

    #[test]
    fn medians_ratios_and_marks_are_in_the_table() {
        let rounds = vec![
            round("floor", 1.0, 0.0),
            round("mine", 9.0, 0.0),
            round("mine", 2.0, 0.5),
            round("mine", 1.0, 0.0),
            round("floor", 1.0, 0.0),
        ];
        let measured = Measured {
            name: "t".into(),
            about: "a test".into(),
            event_bytes: 490,
            records: 1000,
            rounds,
        };
        let table = measured.table();
        assert!(
            table.contains("| mine | 1,234,567 | 2.00 | 2.00 | 100 | 0.50 | 3 | 0.50 cores in 1 rounds |"),
            "{table}"
        );
        let report = Report {
            about: BTreeMap::from([("commit".into(), "abc".into())]),
            workloads: vec![measured],
            latency: Vec::new(),
            failed: vec![Failed {
                system: "broken".into(),
                at: "t".into(),
                reason: "1 lost".into(),
            }],
        };
        let text = report.markdown();
        assert!(
            text.contains("- commit: abc") && text.contains("- broken at t: 1 lost"),
            "{text}"
        );
        assert!(
            report
                .chart("CPU", |r| r.cpu_us_per_record)
                .contains("2.00</text>")
        );
    }
}
