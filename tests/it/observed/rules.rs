//! The rules and the dashboard as files: promtool runs their tests, and those in `deploy` are of today.

use std::fs;
use std::path::Path;
use std::time::Duration;

use forebay::config::{Alerts, Span};
use forebay::rules::{Drifts, Rules, Subject};
use forebay_testcontainers::Prometheus;
use tempfile::TempDir;

const EXAMPLE: &str = "examples/sensors/pipeline.yaml";

/// Runs promtool, which must find nothing wrong.
fn promtool(folder: &Path, arguments: &[&str]) -> String {
    let output = Prometheus::promtool(folder, arguments);
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "promtool {arguments:?}: {said}");
    said.into_owned()
}

/// One that has everything that a rule is written for.
fn every(alerts: Alerts, rests: Duration) -> Subject {
    Subject {
        pipeline: "all of it: \"quoted\"".to_owned(),
        alerts: Alerts {
            latency: Some(Span(Duration::from_secs(1))),
            input_stopped: Some(Span(rests)),
            ..alerts
        },
        model: true,
        tokens: true,
        registry: true,
        drift: Some(Drifts {
            window: rests / 2,
            least_rows: 500,
        }),
    }
}

#[test]
fn each_alert_fires_and_is_silent_where_its_tests_say_so() {
    let seconds = |n| Span(Duration::from_secs(n));
    let short = Alerts {
        lag: seconds(5),
        drain: seconds(20),
        rejects: 0.2,
        rebalances: 2,
        token: seconds(20),
        silent: seconds(5),
        window: seconds(15),
        lasts: seconds(3),
        ..Alerts::default()
    };
    let mut all = vec![
        every(Alerts::default(), Duration::from_secs(600)),
        every(short, Duration::from_secs(60)),
    ];
    // Windows and how long a state lasts, up to where an hour is less than what is looked at.
    for (window, lasts, rebalances) in [(300, 900, 10), (420, 60, 50), (3600, 3600, 3)] {
        let alerts = Alerts {
            rebalances,
            window: seconds(window),
            lasts: seconds(lasts),
            ..Alerts::default()
        };
        all.push(every(alerts, Duration::from_secs(2 * window)));
    }
    for subject in all {
        let folder = TempDir::new().expect("a folder");
        let (rules, tests) = (subject.rules_file(), subject.tests_file());
        let made = Rules::of(subject);
        fs::write(folder.path().join(&rules), made.to_yaml()).expect("write rules");
        fs::write(folder.path().join(&tests), made.tests_to_yaml()).expect("write tests");
        promtool(folder.path(), &["check", "rules", "--lint-fatal", &rules]);
        promtool(folder.path(), &["test", "rules", &tests]);
    }
}

#[test]
fn the_command_writes_the_rules_of_a_file_with_its_thresholds() {
    let folder = TempDir::new().expect("a folder");
    let alerts = "alerts: { lag: 42s, window: 1m, runbook: \"https://wiki.example.com/forebay\" }";
    let edits = [("connector: local\n", &*format!("connector: local\n{alerts}\n"))];
    let path = crate::sensors::pipeline(&folder, &edits);
    let rules = super::watched::rules_of(&path, folder.path());
    let written = fs::read_to_string(&rules).expect("the rules");
    for part in [
        "pipeline:forebay_lag_seconds:max > 42",
        "{pipeline=\"sensors\"}[1m]",
        "\"https://wiki.example.com/forebay#forebaydown\"",
    ] {
        assert!(written.contains(part), "{part} is not in\n{written}");
    }
    promtool(
        folder.path(),
        &["check", "rules", "--lint-fatal", "sensors.rules.yml"],
    );
    promtool(folder.path(), &["test", "rules", "sensors.rules.test.yml"]);
    let printed = crate::output(crate::forebay(&["rules", &path.display().to_string()]));
    assert_eq!(String::from_utf8_lossy(&printed.stdout), written);
}

#[test]
fn a_wrong_threshold_is_named_with_its_place() {
    let folder = TempDir::new().expect("a folder");
    let text = fs::read_to_string(crate::sensors::example().join("pipeline.yaml")).expect("the example");
    let path = folder.path().join("pipeline.yaml");
    let alerts = "alerts: { window: 9s, rejects: 2, latency: 10m }\n";
    fs::write(&path, format!("{text}{alerts}")).expect("write a pipeline");
    let run = |path: &Path| {
        let output = crate::output(crate::forebay(&["rules", &path.display().to_string()]));
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let said = run(&path);
    assert!(said.contains("must be at most 1"), "{said}");
    fs::write(&path, text + &alerts.replace("rejects: 2, ", "")).expect("write a pipeline");
    let said = run(&path);
    assert!(said.contains("rates are taken over at least 10s"), "{said}");
    assert!(said.contains("latencies are told apart up to 520s"), "{said}");
}

/// What is made, and where it is kept.
#[test]
fn the_reference_of_deploy_is_made_of_the_example() {
    let folder = TempDir::new().expect("a folder");
    super::watched::rules_of(Path::new(EXAMPLE), folder.path());
    let read = |path: &Path| fs::read_to_string(path).unwrap_or_default();
    let dashboard = crate::output(crate::forebay(&["dashboard"]));
    let made = [
        (
            "prometheus/sensors.rules.yml",
            read(&folder.path().join("sensors.rules.yml")),
        ),
        (
            "prometheus/sensors.rules.test.yml",
            read(&folder.path().join("sensors.rules.test.yml")),
        ),
        (
            "grafana/forebay.json",
            String::from_utf8_lossy(&dashboard.stdout).into_owned(),
        ),
    ];
    let deploy = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy");
    for (name, made) in made {
        let path = deploy.join(name);
        if std::env::var_os("UPDATE").is_some() {
            fs::create_dir_all(path.parent().expect("its folder")).expect("a folder");
            fs::write(&path, &made).expect("write a file");
        }
        assert!(
            !made.is_empty() && read(&path) == made,
            "deploy/{name} is not what is made today; `make reference` writes it"
        );
    }
}
