//! Which way this test process runs Kafka: in containers, or natively. Found out once, and said once on standard error.

use std::fmt;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::OnceLock;

use crate::docker;

/// How Kafka's Java processes run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Backend {
    Native,
    Container { image: String },
}

/// `docker` or `native` forces one.
const VARIABLE: &str = "FOREBAY_TEST_BACKEND";

impl Backend {
    /// This process' own.
    ///
    /// # Errors
    /// Where containers are asked for and cannot be had; the text says what to do.
    pub(crate) fn own() -> io::Result<&'static Self> {
        static OWN: OnceLock<Result<Backend, String>> = OnceLock::new();
        let own = OWN.get_or_init(|| {
            let wish = std::env::var_os(VARIABLE).unwrap_or_default();
            let (backend, reason) = choose(&wish.to_string_lossy(), || docker::find(Path::new("docker")))?;
            let reason = reason.map(|r| format!(", as {r}")).unwrap_or_default();
            // Not with eprintln: a test's own output is kept back where the test passes.
            drop(writeln!(io::stderr(), "Kafka for tests: {backend}{reason}"));
            Ok(backend)
        });
        own.as_ref().map_err(|error| io::Error::other(error.clone()))
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Native => f.write_str("native process"),
            Self::Container { image } => write!(f, "container (image {image})"),
        }
    }
}

/// The backend, and where nobody asked for it, why it is not a container.
fn choose(
    wish: &str,
    find: impl FnOnce() -> Result<String, docker::Unusable>,
) -> Result<(Backend, Option<String>), String> {
    match wish {
        "native" => Ok((Backend::Native, None)),
        "" => Ok(match find() {
            Ok(image) => (Backend::Container { image }, None),
            Err(unusable) => (Backend::Native, Some(unusable.found)),
        }),
        "docker" => match find() {
            Ok(image) => Ok((Backend::Container { image }, None)),
            Err(docker::Unusable { found, advice }) => Err(format!(
                "{VARIABLE} asks for containers, and {found}; {advice}, or set {VARIABLE}=native"
            )),
        },
        other => Err(format!("{VARIABLE} is docker or native, not {other:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn container() -> Backend {
        let image = "some:1".into();
        Backend::Container { image }
    }

    fn missing() -> Result<String, docker::Unusable> {
        Err(docker::Unusable {
            found: "no engine answers".into(),
            advice: "start it",
        })
    }

    #[test]
    fn a_container_is_taken_where_there_can_be_one() {
        let there = || Ok("some:1".to_string());
        assert_eq!(choose("", there), Ok((container(), None)));
        assert_eq!(choose("docker", there), Ok((container(), None)));
        assert_eq!(choose("native", there), Ok((Backend::Native, None)));
        let reason = Some("no engine answers".to_string());
        assert_eq!(choose("", missing), Ok((Backend::Native, reason)));
    }

    #[test]
    fn a_wish_that_cannot_be_met_says_what_to_do() {
        let error = choose("docker", missing).unwrap_err();
        assert_eq!(
            error,
            "FOREBAY_TEST_BACKEND asks for containers, and no engine answers; start it, \
             or set FOREBAY_TEST_BACKEND=native"
        );
        assert!(choose("podman", missing).unwrap_err().contains("\"podman\""));
    }

    #[test]
    fn names_say_which_way_it_is() {
        assert_eq!(container().to_string(), "container (image some:1)");
        assert_eq!(Backend::Native.to_string(), "native process");
    }
}
