//! What a start, `check` and `doctor` make of a registry that fails, refuses, is none, or lacks a subject.

use std::path::PathBuf;
use std::process::Output;
use std::time::{Duration, Instant};

use forebay_testcontainers::{Kafka, Outage, RegistryStub, await_until};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{pipeline, run, said, stop};

/// A registry that has what the pipeline below needs, and the pipeline.
struct Case {
    stub: RegistryStub,
    folder: TempDir,
    name: &'static str,
    /// More keys of the registry, and of the connector.
    keys: (String, &'static str),
    /// Behind the registry's address.
    path: &'static str,
    /// What the source reads.
    format: &'static str,
}

impl Case {
    fn new(name: &'static str) -> Self {
        let kafka = Kafka::shared();
        let case = Self {
            stub: RegistryStub::start(),
            folder: TempDir::new().expect("a folder"),
            name,
            keys: (String::new(), ""),
            path: "",
            format: "avro",
        };
        for topic in [case.topic("in"), case.topic("out")] {
            kafka.create_topic(&topic, 1);
        }
        case.stub.answer("GET /schemas/types", 200, r#"["AVRO"]"#);
        case.stub.answer("GET /subjects", 200, "[]");
        for end in ["in", "out"] {
            let subject = format!("{}-value", case.topic(end));
            case.stub.answer(
                &format!("GET /subjects/{subject}/versions/latest"),
                200,
                version(&subject),
            );
        }
        case
    }

    fn topic(&self, end: &str) -> String {
        format!("start-{}-{end}", self.name)
    }

    /// Takes the subject of a topic away.
    fn without(&self, end: &str) {
        let latest = format!("GET /subjects/{}-value/versions/latest", self.topic(end));
        let unknown = json!({ "error_code": 40401, "message": "Subject not found." });
        self.stub.answer(&latest, 404, unknown);
    }

    fn cached(mut self) -> Self {
        let folder = self.folder.path().join("cache");
        self.keys.0 = format!(", cache: {:?}", folder.display().to_string());
        self
    }

    fn file(&self) -> PathBuf {
        let text = format!(
            r#"
connector: local
connectors:
  local:
    kind: kafka
    bootstrap: [{:?}]
    schema_registry: {{ url: "{}{}", timeout: 1s{} }}{}
pipeline:
  name: start
  source: {{ topic: {input}, group: {input}, format: {}, columns: {{ id: int64 }} }}
  sink: {{ topic: {}, format: {{ avro: {{ use_latest: true }} }} }}
telemetry: {{ listen: "127.0.0.1:0" }}
"#,
            Kafka::shared().bootstrap(),
            self.stub.url(),
            self.path,
            self.keys.0,
            self.keys.1,
            self.format,
            self.topic("out"),
            input = self.topic("in"),
        );
        pipeline(&self.folder, &text)
    }

    /// Runs until it has started, and stops it.
    fn starts(&self) {
        let (mut forebay, log) = run(&self.file());
        await_until(Duration::from_secs(60), "the run begins", || {
            assert!(forebay.try_wait().expect("forebay").is_none(), "{}", said(&log));
            said(&log).contains("running")
        });
        stop(forebay);
    }

    /// What a command says, and its exit code.
    fn ends(&self, verb: &str) -> (Option<i32>, String) {
        let Output {
            status,
            stdout,
            stderr,
        } = crate::output(crate::forebay(&[verb, &self.file().display().to_string()]));
        let text = String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned();
        (status.code(), text)
    }
}

fn version(subject: &str) -> Value {
    let record = json!({ "type": "record", "name": "R", "fields": [{ "name": "id", "type": "long" }] });
    json!({ "subject": subject, "version": 1, "id": 9, "schema": record.to_string() })
}

#[test]
fn a_registry_that_fails_for_a_moment_is_waited_for_and_the_run_begins() {
    let case = Case::new("passes");
    case.stub.service().fail(Some(Outage::Throttled));
    let (mut forebay, log) = run(&case.file());
    let told = || {
        said(&log).lines().any(|line| {
            line.starts_with("waiting for the schema registry (")
                && line.contains("answered 429")
                && line.ends_with(" s of auth_timeout (30 s)")
        })
    };
    await_until(Duration::from_secs(30), "people are told", || {
        assert!(forebay.try_wait().expect("forebay").is_none(), "{}", said(&log));
        told()
    });
    case.stub.service().fail(None);
    await_until(Duration::from_secs(60), "the run begins", || {
        assert!(forebay.try_wait().expect("forebay").is_none(), "{}", said(&log));
        said(&log).contains("running")
    });
    stop(forebay);
}

#[test]
fn a_registry_that_stays_away_ends_the_start_with_what_it_answered_last() {
    let mut case = Case::new("away");
    case.keys.1 = "\n    auth_timeout: 3s";
    for (outage, format, says) in [
        (Outage::ServerError, "avro", "answered 500"),
        // Only results have a schema.
        (Outage::ServerError, "json", "answered 500"),
        (Outage::Silent, "avro", "no answer within 1s"),
        (Outage::Down, "avro", "no answer"),
    ] {
        case.format = format;
        case.stub.service().fail(Some(outage));
        let begin = Instant::now();
        let (code, said) = case.ends("run");
        assert_eq!(code, Some(1), "{said}");
        assert!(begin.elapsed() >= Duration::from_secs(3), "{said}");
        for part in [says, case.stub.url(), "within 3s", "bring it back"] {
            assert!(said.contains(part), "{part} is not in {said}");
        }
    }
}

#[test]
fn a_refusal_ends_the_start_with_the_registrys_words() {
    let case = Case::new("denied");
    case.stub.service().fail(Some(Outage::Denied));
    let (code, said) = case.ends("run");
    assert_eq!(code, Some(3), "{said}");
    assert!(
        said.contains("User is denied operation Read on Subject"),
        "{said}"
    );
}

#[test]
fn an_address_with_a_wrong_path_ends_the_start() {
    let mut case = Case::new("path");
    case.path = "/apis/wrong";
    for path in ["schemas/types", "subjects"] {
        case.stub
            .answer(&format!("GET /apis/wrong/{path}"), 404, "<html>");
    }
    for format in ["avro", "json"] {
        case.format = format;
        case.stub.answer(
            "GET /apis/wrong/subjects/start-path-out-value/versions/latest",
            404,
            "<html>",
        );
        let (code, said) = case.ends("run");
        assert_eq!(code, Some(2), "{said}");
        for part in ["/apis/wrong/subjects answered 404", "/apis/ccompat/v7"] {
            assert!(said.contains(part), "{part} is not in {said}");
        }
    }
}

/// What all three of them say of a pipeline.
struct Verdicts {
    /// How a run's start ends; `None` where it begins.
    run: Option<i32>,
    /// What `check` and `doctor` say.
    told: [&'static str; 2],
}

impl Case {
    fn agree(&self, what: &str, verdicts: &Verdicts) {
        let code = match verdicts.run {
            None => {
                self.starts();
                0
            }
            Some(code) => {
                let (ended, said) = self.ends("run");
                assert_eq!(ended, Some(code), "{what}: run: {said}");
                code
            }
        };
        for (verb, told) in ["check", "doctor"].into_iter().zip(verdicts.told) {
            let (ended, said) = self.ends(verb);
            assert_eq!(ended, Some(code), "{what}: {verb}: {said}");
            assert!(said.contains(told), "{what}: {verb}: {told} is not in {said}");
        }
    }
}

#[test]
fn check_and_doctor_fail_where_a_run_does_and_warn_where_it_begins() {
    let fits = Verdicts {
        run: None,
        told: ["ok", "results are written with it"],
    };
    let case = Case::new("agree");
    case.agree("all is there", &fits);
    case.without("in");
    let warned = Verdicts {
        run: None,
        told: ["warning: ", "warning  schema"],
    };
    case.agree("the source's subject is missing", &warned);
    case.without("out");
    let missing = Verdicts {
        run: Some(2),
        told: ["no such subject", "failure  schema"],
    };
    case.agree("the sink's subject is missing", &missing);

    let mut case = Case::new("disagree");
    case.keys.1 = "\n    auth_timeout: 1s";
    for (outage, code, says) in [
        (Outage::Down, 1, "no answer"),
        (Outage::ServerError, 1, "answered 500"),
        (Outage::Expired, 3, "answered 401"),
        (Outage::Denied, 3, "User is denied"),
        (Outage::Missing, 2, "/apis/ccompat/v7"),
    ] {
        case.stub.service().fail(Some(outage));
        for format in ["avro", "json"] {
            case.format = format;
            let verdicts = Verdicts {
                run: Some(code),
                told: [says, says],
            };
            case.agree(&format!("{outage:?} with {format}"), &verdicts);
        }
    }
}

#[test]
fn schemas_on_disk_make_an_outage_a_warning_but_no_refusal() {
    let mut case = Case::new("warm").cached();
    case.keys.1 = "\n    auth_timeout: 1s";
    case.stub.service().fail(Some(Outage::Down));
    let cold = Verdicts {
        run: Some(1),
        told: ["no answer", "failure  schema"],
    };
    case.agree("down, and nothing on disk", &cold);
    case.stub.service().fail(None);
    case.starts();
    let warm = Verdicts {
        run: None,
        told: ["a run writes results with the schema", "warning  registry"],
    };
    for outage in [Outage::Down, Outage::Throttled, Outage::Missing] {
        case.stub.service().fail(Some(outage));
        case.agree(&format!("{outage:?}, with schemas on disk"), &warm);
    }
    case.stub.service().fail(Some(Outage::Expired));
    let refused = Verdicts {
        run: Some(3),
        told: ["answered 401", "failure  registry"],
    };
    case.agree("refused, with schemas on disk", &refused);
}
