//! Whether a registry is there and takes the credentials, for a person who looks for a fault.

use std::time::Instant;

use forebay_core::Kind;

use super::Registry;
use super::trouble::What;
use crate::finding::{Finding, Outcome};

const STEP: &str = "registry";

impl Registry {
    /// Asks for the list of subjects, once.
    pub fn diagnose(&self) -> Finding {
        let begin = Instant::now();
        let subjects = self.command(|inner| async move { inner.http.get::<Vec<String>>("/subjects").await });
        let finding = match subjects {
            Ok(subjects) => {
                let count = match subjects.len() {
                    1 => "1 subject".to_owned(),
                    count => format!("{count} subjects"),
                };
                let login = self.inner.http.login().shown();
                Finding::ok(
                    STEP,
                    self.url(),
                    format!("a schema registry with {count}; login: {login}"),
                )
            }
            Err(trouble) => {
                let remedy = trouble
                    .remedy
                    .unwrap_or_else(|| "look into the registry's own log".to_owned());
                let found = behind(self.url(), &trouble.found);
                let finding = Finding::failure(STEP, self.url(), found, remedy);
                match trouble.what {
                    What::Refused => finding.by_credentials(),
                    What::Strange => Finding {
                        outcome: Outcome::Failure(Kind::Config),
                        ..finding
                    },
                    _ => finding,
                }
            }
        };
        finding.after(begin.elapsed())
    }
}

/// What was found, without the address where it is the one that the line begins with.
fn behind<'a>(url: &str, found: &'a str) -> &'a str {
    match found.strip_prefix(url) {
        Some(rest) if rest.starts_with([':', '/', ' ']) => rest.trim_start_matches([':', ' ']),
        _ => found,
    }
}
