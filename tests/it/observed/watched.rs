//! A run of the sensors pipeline that a real Prometheus watches by the rules that are written of its file.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use forebay_testcontainers::{Kafka, Prometheus, await_until, process};
use tempfile::TempDir;

use crate::{secure, sensors};

pub(super) const WITHIN: Duration = Duration::from_secs(90);

/// The run; ends with the test.
pub(super) struct Watched {
    _folder: TempDir,
    pipeline: PathBuf,
    pub(super) forebay: Child,
    pub(super) prometheus: Prometheus,
    pub(super) input: String,
    pub(super) output: String,
    began: f64,
}

impl Drop for Watched {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.forebay.kill());
        drop(self.forebay.wait());
    }
}

impl Watched {
    /// Runs it on topics whose names begin with `name`, with `alerts` of the pipeline file, results on `sink`; `edits` are further
    /// changes of the example's text.
    pub(super) fn start(
        kafka: &Kafka,
        sink: &Kafka,
        name: &str,
        alerts: &str,
        edits: &[(&str, &str)],
    ) -> Self {
        let local = format!("local: {{ kind: kafka, bootstrap: [\"{}\"] }}", kafka.bootstrap());
        Self::through(&local, [kafka, sink], name, alerts, edits)
    }

    /// The same through a connector of the caller's: `local`, as it stands in the file.
    pub(super) fn through(
        local: &str,
        [kafka, sink]: [&Kafka; 2],
        name: &str,
        alerts: &str,
        edits: &[(&str, &str)],
    ) -> Self {
        let (input, output) = (format!("{name}-in"), format!("{name}-out"));
        kafka.create_topic(&input, 4);
        sink.create_topic(&output, 4);
        kafka.create_topic(&format!("{name}-dead"), 1);
        let folder = TempDir::new().expect("a folder");
        let port = crate::free_port();
        let connectors = format!(
            "  {local}\n  other: {{ kind: kafka, bootstrap: [\"{}\"] }}",
            sink.bootstrap()
        );
        let source = format!("topic: {input}\n    group: {name}");
        let sink = format!("topic: {output}, connector: other");
        let dead = format!(
            "dead_letters: {{ topic: {name}-dead }}\ntelemetry: {{ listen: \"127.0.0.1:{port}\" }}\nalerts: {alerts}"
        );
        let mut all = vec![
            (
                "  local: { kind: kafka, bootstrap: [\"localhost:9092\"] }",
                connectors.as_str(),
            ),
            ("topic: telemetry\n    group: sensors", &source),
            ("topic: telemetry-scores", &sink),
            ("dead_letters: { topic: telemetry.dead }", &dead),
        ];
        all.extend(edits);
        let pipeline = sensors::pipeline(&folder, &all);
        let rules = rules_of(&pipeline, folder.path());
        let forebay = secure::run(&pipeline);
        // Else somebody is called for a pipeline that does not run yet.
        await_until(WITHIN, "it has partitions", || {
            crate::metric(port, "forebay_partitions_assigned") == 4
        });
        let prometheus = Prometheus::start(&[format!("127.0.0.1:{port}")], &[rules]);
        let mut watched = Self {
            _folder: folder,
            pipeline,
            forebay,
            prometheus,
            input,
            output,
            began: now(),
        };
        await_until(WITHIN, "Prometheus has its metrics", || {
            watched.value("sum(forebay_partitions_assigned)") == Some(4.0)
        });
        // It evaluates rules some seconds before it begins to scrape.
        await_until(WITHIN, "that nobody runs the pipeline is over", || {
            watched.prometheus.alerts().is_empty()
        });
        watched.began = now();
        watched
    }

    /// What an expression gives, where it gives one value.
    pub(super) fn value(&self, expr: &str) -> Option<f64> {
        self.prometheus.query(expr).first().map(|(_, value)| *value)
    }

    /// The alerts that fire now, each once.
    pub(super) fn firing(&self) -> Vec<String> {
        let mut names: Vec<String> = self
            .prometheus
            .alerts()
            .into_iter()
            .filter(|alert| alert.firing)
            .map(|alert| alert.name)
            .collect();
        names.dedup();
        names
    }

    /// How often each alert has fired since the start: every time that it had not just before.
    pub(super) fn fired(&self) -> BTreeMap<String, usize> {
        let firing = r#"max by (alertname) (ALERTS{alertstate="firing"})"#;
        let all = self.prometheus.history(firing, self.began, now());
        let mut fired = BTreeMap::new();
        for (labels, times) in all {
            let begins = 1 + times.windows(2).filter(|pair| pair[1] - pair[0] > 1.5).count();
            fired.insert(
                labels["alertname"].as_str().unwrap_or_default().to_owned(),
                begins,
            );
        }
        fired
    }

    /// Ends the process in order.
    pub(super) fn stop(&mut self) {
        process::signal(&self.forebay, libc::SIGTERM);
        assert!(self.forebay.wait().expect("forebay").success());
    }

    /// Starts it again.
    pub(super) fn start_again(&mut self) {
        self.forebay = secure::run(&self.pipeline);
    }
}

/// Writes the rules of a pipeline into a folder.
pub(super) fn rules_of(pipeline: &Path, folder: &Path) -> PathBuf {
    let (pipeline, out) = (pipeline.display().to_string(), folder.display().to_string());
    let written = crate::output(secure::with_secrets(crate::forebay(&[
        "rules", &pipeline, "--out", &out,
    ])));
    let said = String::from_utf8_lossy(&written.stdout).into_owned();
    assert!(
        written.status.success(),
        "{}",
        String::from_utf8_lossy(&written.stderr)
    );
    let rules = PathBuf::from(said.lines().next().expect("the first file"));
    assert!(fs::exists(&rules).expect("look for a file"), "{said}");
    rules
}

fn now() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0.0, |now| now.as_secs_f64())
}
