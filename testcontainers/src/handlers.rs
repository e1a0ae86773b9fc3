//! The brokers' own checks of tokens that Kafka has none for, and what they count, in Java: compiled once, into the cache, with the JDK's
//! compiler. It knows no listener.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use openssl::sha::Sha256;

use crate::{jvm, process};

/// Every source there is, by its name.
const SOURCES: &[(&str, &str)] = &[
    (
        "BearerTokens.java",
        include_str!("../kafka/java/forebay/BearerTokens.java"),
    ),
    (
        "ConnectionCounts.java",
        include_str!("../kafka/java/forebay/ConnectionCounts.java"),
    ),
    (
        "ConnectionStrings.java",
        include_str!("../kafka/java/forebay/ConnectionStrings.java"),
    ),
    (
        "GoogleTokens.java",
        include_str!("../kafka/java/forebay/GoogleTokens.java"),
    ),
    (
        "MskTokens.java",
        include_str!("../kafka/java/forebay/MskTokens.java"),
    ),
    ("NoLogin.java", include_str!("../kafka/java/forebay/NoLogin.java")),
    ("Refused.java", include_str!("../kafka/java/forebay/Refused.java")),
    (
        "RequiredExtensions.java",
        include_str!("../kafka/java/forebay/RequiredExtensions.java"),
    ),
    (
        "SignedUrl.java",
        include_str!("../kafka/java/forebay/SignedUrl.java"),
    ),
    ("Table.java", include_str!("../kafka/java/forebay/Table.java")),
    ("Token.java", include_str!("../kafka/java/forebay/Token.java")),
];
const COMPILED_WITHIN: Duration = Duration::from_secs(120);

/// A class that decides on a listener who comes in by a mechanism, and its module's options.
#[derive(Clone)]
pub(crate) struct Handler {
    pub(crate) class: &'static str,
    /// Keys among them, which no `Debug` shows.
    pub(crate) options: Vec<(String, String)>,
}

impl Handler {
    pub(crate) fn new(class: &'static str) -> Self {
        let options = Vec::new();
        Self { class, options }
    }

    pub(crate) fn option(mut self, name: &str, value: impl ToString) -> Self {
        self.options.push((name.into(), value.to_string()));
        self
    }
}

impl fmt::Debug for Handler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handler")
            .field("class", &self.class)
            .finish_non_exhaustive()
    }
}

/// The folder of the classes.
pub(crate) fn classes() -> io::Result<PathBuf> {
    let cache = jvm::cache()
        .ok_or_else(|| io::Error::other("there is no cache folder; set HOME or XDG_CACHE_HOME"))?
        .join("forebay/kafka");
    let classes = cache.join(format!("handlers-{}", digest()));
    if classes.is_dir() {
        return Ok(classes);
    }
    fs::create_dir_all(&cache)?;
    let work = tempfile::Builder::new().prefix(".new-").tempdir_in(&cache)?;
    let new = work.path().join("classes");
    compile(work.path(), &new)?;
    // Where two compile at once the first one wins: they made the same.
    match fs::rename(&new, &classes) {
        Err(error) if !classes.is_dir() => Err(error),
        _ => Ok(classes),
    }
}

fn compile(sources: &Path, classes: &Path) -> io::Result<()> {
    if Command::new("javac").arg("-version").output().is_err() {
        return Err(io::Error::other(
            "the stand-ins' brokers need classes that Java's compiler makes once, and there is no javac; run `make kafka`, \
             or install a JDK of version 17 or newer",
        ));
    }
    let mut command = Command::new("javac");
    command.args(["-proc:none", "-nowarn", "--release", "17", "-cp"]);
    command.arg(jvm::home()?.join("*"));
    command.arg("-d").arg(classes);
    for (name, text) in SOURCES {
        let file = sources.join(name);
        fs::write(&file, text)?;
        command.arg(file);
    }
    let output = process::output(command, COMPILED_WITHIN);
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(io::Error::other(format!(
        "javac on the brokers' handlers:\n{text}"
    )))
}

/// Of all sources: other ones have another folder.
fn digest() -> String {
    let mut hash = Sha256::new();
    for (name, text) in SOURCES {
        hash.update(name.as_bytes());
        hash.update(text.as_bytes());
    }
    hash.finish()[..6].iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_source_there_is_is_compiled() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("kafka/java/forebay");
        let mut found: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        found.sort();
        let known: Vec<&str> = SOURCES.iter().map(|(name, _)| *name).collect();
        assert_eq!(known, found);
        let classes = classes().unwrap();
        for name in known {
            let class = name.replace(".java", ".class");
            assert!(classes.join("forebay").join(&class).exists(), "no {class}");
        }
        assert_eq!(super::classes().unwrap(), classes);
    }

    #[test]
    fn options_are_not_shown() {
        let handler = Handler::new("forebay.Some").option("key", "secret");
        assert!(!format!("{handler:?}").contains("secret"));
    }
}
