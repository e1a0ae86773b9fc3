//! A run of the sensors pipeline that a real Prometheus watches by the rules that are written of its file.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use forebay_testcontainers::{Alertmanager, Call, Kafka, Prometheus, await_until, process};
use tempfile::TempDir;

use crate::{secure, sensors};

pub(super) const WITHIN: Duration = Duration::from_secs(90);

/// The run; ends with the test.
pub(super) struct Watched {
    _folder: TempDir,
    pipeline: PathBuf,
    pub(super) forebay: Child,
    pub(super) prometheus: Prometheus,
    alertmanager: Alertmanager,
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
        let alertmanager = Alertmanager::start();
        let prometheus = Prometheus::start(&[format!("127.0.0.1:{port}")], &[rules], &alertmanager);
        let mut watched = Self {
            _folder: folder,
            pipeline,
            forebay,
            prometheus,
            alertmanager,
            input,
            output,
            began: now(),
        };
        await_until(WITHIN, "Prometheus has its metrics", || {
            watched.value("sum(forebay_partitions_assigned)") == Some(4.0)
        });
        // It evaluates rules some seconds before it begins to scrape.
        await_until(WITHIN, "that nobody runs the pipeline is over", || {
            watched.prometheus.alerts().is_empty() && watched.open_calls().is_empty()
        });
        watched.alertmanager.take_calls();
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

    /// The alerts that whoever is on call was called for and not told since that they are over.
    pub(super) fn open_calls(&self) -> Vec<String> {
        let mut open: Vec<Call> = Vec::new();
        for call in self.alertmanager.calls() {
            open.retain(|one| one.labels != call.labels);
            open.extend((!call.resolved).then_some(call));
        }
        open.iter().map(Call::alert).collect()
    }

    /// Awaits that these alerts fire.
    pub(super) fn await_firing(&self, names: &[&str]) {
        await_until(WITHIN, &format!("{names:?} fire"), || {
            let firing = self.firing();
            names.iter().all(|name| firing.iter().any(|one| one == name))
        });
    }

    /// Awaits that none fires, and that whoever is on call was told so.
    pub(super) fn await_calm(&self) {
        await_until(WITHIN * 2, "no alert fires, and every call is over", || {
            self.firing().is_empty() && self.open_calls().is_empty()
        });
    }

    /// How often each alert has fired since the start: every time that it had not just before.
    ///
    /// # Panics
    /// Where whoever is on call was not called as often.
    pub(super) fn fired(&self) -> Vec<(String, usize)> {
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
        assert_eq!(fired, self.called());
        fired.into_iter().collect()
    }

    /// How often whoever is on call was called since the start, by the alerts' names: an alert counts as often as any one set of its other
    /// labels was called for.
    ///
    /// # Panics
    /// Where a call does not say where to read on, or was not followed by the word that it is over.
    fn called(&self) -> BTreeMap<String, usize> {
        let calls = self.alertmanager.calls();
        let mut called: BTreeMap<String, usize> = BTreeMap::new();
        for call in &calls {
            let alike = calls.iter().filter(|one| one.labels == call.labels);
            let (over, open): (Vec<&Call>, Vec<&Call>) = alike.partition(|one| one.resolved);
            assert_eq!(over.len(), open.len(), "{calls:?}");
            let name = call.alert();
            let runbook = call.annotations["runbook_url"].as_str().unwrap_or_default();
            assert!(
                runbook.ends_with(&format!("runbook.md#{}", name.to_lowercase())),
                "{call:?}"
            );
            let most = called.entry(name).or_default();
            *most = (*most).max(open.len());
        }
        called
    }

    /// Ends the process in order.
    pub(super) fn stop(&mut self) {
        process::signal(&self.forebay, libc::SIGTERM);
        assert!(self.forebay.wait().expect("forebay").success());
    }

    /// Another process of the pipeline, which nobody watches, for as long as `while_there` takes.
    pub(super) fn with_another(&self, while_there: impl FnOnce()) {
        let text = fs::read_to_string(&self.pipeline).expect("the pipeline");
        let (before, rest) = text.split_once("listen: \"127.0.0.1:").expect("its address");
        let (_, behind) = rest.split_once('"').expect("its end");
        let other = self.pipeline.with_file_name("other.yaml");
        let port = crate::free_port();
        fs::write(&other, format!("{before}listen: \"127.0.0.1:{port}\"{behind}")).expect("write a pipeline");
        let mut another = secure::run(&other);
        while_there();
        process::signal(&another, libc::SIGTERM);
        assert!(another.wait().expect("forebay").success());
    }

    /// Starts it again.
    pub(super) fn start_again(&mut self) {
        self.forebay = secure::run(&self.pipeline);
    }
}

/// Each of these alerts once, and no other.
pub(super) fn once(names: &[&str]) -> Vec<(String, usize)> {
    let mut names: Vec<_> = names.iter().map(|name| ((*name).to_owned(), 1)).collect();
    names.sort();
    names
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
