//! Asks for tokens in a process of its own: this test binary again, with another environment and one question.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use forebay_auth::aws::{Aws, Iam};
use forebay_auth::azure::{Azure, AzureLogin, scope_of};
use forebay_auth::{AuthError, AuthKind, Token, TokenProvider};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Every secret in these tests holds this word.
pub(crate) const PLANTED: &str = "planted";
const QUESTION: &str = "FOREBAY_TEST_QUESTION";
const ANSWER: &str = "the answer: ";
const LOG_WORKS: &str = "the log is on";
pub(crate) const REGION: &str = "eu-west-1";

/// What came of a question.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// Of each token asked for.
    pub(crate) tokens: Vec<Got>,
    /// Whether the last one failed, and whether trying again could help.
    pub(crate) error: Option<(bool, String)>,
}

/// A token, without extensions.
#[derive(Clone, Debug)]
pub(crate) struct Got {
    pub(crate) value: String,
    pub(crate) principal: String,
    pub(crate) source: String,
    pub(crate) left: Duration,
}

impl Answer {
    /// The one token.
    pub(crate) fn token(&self) -> &Got {
        assert_eq!((self.tokens.len(), &self.error), (1, &None));
        &self.tokens[0]
    }

    /// Why there is none.
    pub(crate) fn refusal(&self) -> &str {
        let error = self.error.as_ref();
        &error.unwrap_or_else(|| panic!("no error: {self:?}")).1
    }
}

/// The environment of a process, and nothing else of this one's.
#[derive(Clone)]
pub(crate) struct Environment {
    variables: Vec<(String, String)>,
    pub(crate) home: Arc<TempDir>,
}

impl Environment {
    pub(crate) fn new() -> Self {
        Self {
            variables: Vec::new(),
            home: Arc::new(TempDir::new().expect("a folder")),
        }
    }

    pub(crate) fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.variables.push((name.into(), value.to_string()));
        self
    }

    /// A file at home; its path.
    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        let path = self.home.path().join(name);
        std::fs::write(&path, text).expect("write a file");
        path.display().to_string()
    }

    /// AWS's credentials, as `iam` says.
    pub(crate) fn aws(&self, iam: Value) -> Answer {
        self.ask(&json!({ "aws": iam, "times": 1 }))
    }

    /// The same, one token after another.
    pub(crate) fn aws_times(&self, iam: Value, times: usize) -> Answer {
        self.ask(&json!({ "aws": iam, "times": times }))
    }

    /// Azure's, for a namespace.
    pub(crate) fn azure(&self, login: &str, host: &str) -> Answer {
        self.ask(&json!({ "azure": login, "host": host, "times": 1 }))
    }

    fn ask(&self, question: &Value) -> Answer {
        let mut command = Command::new(std::env::current_exe().expect("this binary"));
        command.args(["--exact", "child::answers", "--nocapture"]);
        command.env_clear().env("HOME", self.home.path());
        command
            .envs(self.variables.iter().cloned())
            .env(QUESTION, question.to_string());
        let output = command.output().expect("run this binary");
        let (said, log) = (
            String::from_utf8_lossy(&output.stdout).into_owned(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        );
        assert!(
            output.status.success() && log.contains(LOG_WORKS),
            "{said}\n{log}"
        );
        assert!(!log.contains(PLANTED), "a secret in the log:\n{log}");
        let line = said.split_once(ANSWER).and_then(|(_, rest)| rest.lines().next());
        let line = line.unwrap_or_else(|| panic!("no answer: {said}\n{log}"));
        read(&serde_json::from_str(line).expect("JSON"))
    }
}

fn read(answer: &Value) -> Answer {
    let text = |value: &Value, name: &str| value[name].as_str().expect("a text").to_owned();
    let tokens = answer["tokens"].as_array().expect("tokens").iter();
    let got = tokens.map(|token| Got {
        value: text(token, "value"),
        principal: text(token, "principal"),
        source: text(token, "source"),
        left: Duration::from_millis(token["left_ms"].as_u64().expect("a number")),
    });
    let error = answer["error"].as_str().map(str::to_owned);
    if let Some(error) = &error {
        assert!(!error.contains(PLANTED), "a secret in the error: {error}");
    }
    Answer {
        tokens: got.collect(),
        error: error.map(|error| (answer["again"] == json!(true), error)),
    }
}

/// The other process's part.
#[test]
fn answers() {
    let Ok(question) = std::env::var(QUESTION) else {
        return;
    };
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(std::io::stderr)
        .init();
    tracing::info!("{LOG_WORKS}");
    let question: Value = serde_json::from_str(&question).expect("JSON");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let answer = runtime.expect("a runtime").block_on(answer(&question));
    println!("\n{ANSWER}{answer}");
}

async fn answer(question: &Value) -> Value {
    let mut tokens = Vec::new();
    let provider = match provider(question) {
        Ok(provider) => provider,
        Err(error) => return told(&tokens, Some(error)),
    };
    for _ in 0..question["times"].as_u64().expect("a number") {
        match provider.fetch().await {
            Ok(token) => tokens.push(token),
            Err(error) => return told(&tokens, Some(error)),
        }
    }
    told(&tokens, None)
}

fn provider(question: &Value) -> Result<Arc<dyn TokenProvider>, AuthError> {
    let field = |name: &str| question["aws"][name].as_str().map(str::to_owned);
    if question["aws"].is_object() {
        let iam = Iam {
            profile: field("profile"),
            role_arn: field("role_arn"),
            session_name: field("session_name"),
            external_id: field("external_id"),
        };
        return Ok(Arc::new(Aws::new(iam, REGION)));
    }
    let login = match question["azure"].as_str() {
        Some("client_secret") => AzureLogin::ClientSecret {
            tenant: "tenant".into(),
            client_id: "app".into(),
            secret: "planted-app-secret".into(),
        },
        Some("managed_identity") => AzureLogin::ManagedIdentity { client_id: None },
        _ => AzureLogin::Default,
    };
    let host = question["host"].as_str().expect("a host");
    Ok(Arc::new(Azure::new(login, scope_of(host))?))
}

fn told(tokens: &[Token], error: Option<AuthError>) -> Value {
    let one = |token: &Token| {
        json!({
            "value": token.value.expose(),
            "principal": token.principal,
            "source": token.source,
            "left_ms": token.left().as_millis() as u64,
        })
    };
    json!({
        "tokens": tokens.iter().map(one).collect::<Vec<_>>(),
        "again": error.as_ref().map(|error| error.kind == AuthKind::Unavailable),
        "error": error.map(|error| format!("{error} {error:?}")),
    })
}
