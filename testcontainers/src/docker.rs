//! Kafka's Java processes in containers, through the `docker` command. A container shares this machine's network, its
//! user and the folders it needs, at their own paths, so that it is told what a native process is told. Containers
//! carry a label with the pid of their test process; those whose process is gone are removed when the next one starts.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Kafka's jars in an image.
pub(crate) const HOME: &str = "/opt/kafka/libs/*";
/// The pid of the test process.
const PROCESS: &str = "forebay.test";
/// The folder of the cluster.
const FOLDER: &str = "forebay.folder";
/// The one that `scripts/make-kafka-image.sh` makes, and the one that a registry has.
const IMAGES: [&str; 2] = ["forebay/kafka:4.4.0", "apache/kafka:4.1.0"];
const ANSWERS_WITHIN: Duration = Duration::from_secs(30);
const PULLED_WITHIN: Duration = Duration::from_secs(60);
/// Writes into the folder which kernel and which network a container has.
const LOOK: &str = "cat /proc/sys/kernel/random/boot_id >seen && readlink /proc/self/ns/net >>seen";

/// Why there can be no containers, and what to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unusable {
    pub(crate) found: String,
    pub(crate) advice: &'static str,
}

/// The image to use, where an engine answers, has it or pulls it within a minute, and shares this machine's network.
pub(crate) fn find(docker: &Path) -> Result<String, Unusable> {
    output(
        docker,
        &["version", "--format", "{{.Server.Version}}"],
        Duration::from_secs(10),
    )
    .map_err(|error| {
        let (found, advice) = match error.kind() {
            ErrorKind::NotFound => ("there is no docker command".to_string(), "install Docker"),
            _ => (
                format!("no engine answers: {error}"),
                "start Docker's engine, or let scripts/docker-engine.sh start one",
            ),
        };
        Unusable { found, advice }
    })?;
    let image = image(
        docker,
        std::env::var("FOREBAY_KAFKA_IMAGE")
            .ok()
            .filter(|i| !i.is_empty()),
    )?;
    look(docker, &image).map_err(|error| Unusable {
        found: format!(
            "the engine's containers do not share this machine's network, user and folders: {error}"
        ),
        advice: "use an engine that runs as root on this very machine",
    })?;
    sweep(docker);
    Ok(image)
}

/// The one that is named, or the first of ours that is there; pulled where none is.
fn image(docker: &Path, named: Option<String>) -> Result<String, Unusable> {
    let known = named.map_or_else(|| IMAGES.map(String::from).to_vec(), |image| vec![image]);
    let is_there = |image: &String| output(docker, &["image", "inspect", image], ANSWERS_WITHIN).is_ok();
    if let Some(image) = known.iter().find(|image| is_there(image)) {
        return Ok(image.clone());
    }
    let image = known.last().cloned().unwrap_or_default();
    match output(docker, &["pull", "-q", &image], PULLED_WITHIN) {
        Ok(_) => Ok(image),
        Err(error) => Err(Unusable {
            found: format!("there is no image {}: {error}", known.join(" or ")),
            advice: "make one with scripts/make-kafka-image.sh, or name another with FOREBAY_KAFKA_IMAGE",
        }),
    }
}

/// Engines in virtual machines, on other machines and of other users have another network.
fn look(docker: &Path, image: &str) -> io::Result<()> {
    let folder = tempfile::Builder::new().prefix("forebay-look-").tempdir()?;
    let container = Container::new(folder.path());
    let mut arguments = container.run(image, "sh", folder.path(), &BTreeSet::new())?;
    arguments.extend(["-c".to_string(), LOOK.into()]);
    output(docker, &arguments, ANSWERS_WITHIN)?;
    let own = fs::read_to_string("/proc/sys/kernel/random/boot_id")?
        + &fs::read_link("/proc/self/ns/net")?.to_string_lossy();
    let seen = fs::read_to_string(folder.path().join("seen"))?;
    if seen.trim_end() == own {
        return Ok(());
    }
    Err(io::Error::other(
        "a container has another kernel or another network",
    ))
}

/// Runs `docker` to its end; what it wrote to standard output.
fn output(docker: &Path, arguments: &[impl AsRef<str>], within: Duration) -> io::Result<String> {
    let mut command = Command::new(docker);
    command.args(arguments.iter().map(AsRef::as_ref));
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn()?;
    let until = Instant::now() + within;
    while child.try_wait()?.is_none() {
        if Instant::now() >= until {
            child.kill()?;
            child.wait()?;
            let verb = arguments.first().map_or("", AsRef::as_ref);
            return Err(io::Error::other(format!(
                "docker {verb} did not end within {within:?}"
            )));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let output = child.wait_with_output()?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_string());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let error = text.lines().find(|line| !line.trim().is_empty());
    Err(io::Error::other(
        error.unwrap_or("docker failed without a word").trim().to_string(),
    ))
}

/// A container, by its name; there may be none yet, or none any more.
#[derive(Debug)]
pub(crate) struct Container {
    name: String,
    data: PathBuf,
}

impl Container {
    /// One that may write below the cluster's folder.
    pub(crate) fn new(data: &Path) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}-{count}", folder_name(data));
        let data = data.into();
        Self { name, data }
    }

    /// The arguments of `docker` that run `program` in `folder` until it ends; the program's own follow.
    pub(crate) fn run(
        &self,
        image: &str,
        program: &str,
        folder: &Path,
        others: &BTreeSet<PathBuf>,
    ) -> io::Result<Vec<String>> {
        let owner = fs::metadata(&self.data)?;
        let mut arguments: Vec<String> = [
            "run",
            "--rm",
            "--pull=never",
            "--network=host",
            "--log-driver=none",
            "--security-opt=label=disable",
            "--env=LC_ALL=C.UTF-8",
        ]
        .map(String::from)
        .to_vec();
        arguments.push(format!("--name={}", self.name));
        arguments.push(format!("--label={PROCESS}={}", std::process::id()));
        arguments.push(format!("--label={}", label(&self.data)));
        arguments.push(format!("--user={}:{}", owner.uid(), owner.gid()));
        for path in others.iter().chain([&self.data]) {
            let path = path.display().to_string().replace('"', "\"\"");
            arguments.push(format!("--mount=type=bind,\"source={path}\",\"target={path}\""));
        }
        arguments.push(format!("--workdir={}", folder.display()));
        arguments.push(format!("--entrypoint={program}"));
        arguments.push(image.into());
        Ok(arguments)
    }

    pub(crate) fn signal(&self, signal: i32) -> io::Result<()> {
        let arguments = ["kill", &format!("--signal={signal}"), &self.name];
        output(Path::new("docker"), &arguments, ANSWERS_WITHIN).map(drop)
    }

    /// Kills and removes it, if it is there.
    pub(crate) fn remove(&self) {
        let arguments = ["rm", "--force", "--volumes", &self.name];
        drop(output(Path::new("docker"), &arguments, ANSWERS_WITHIN));
    }
}

fn folder_name(folder: &Path) -> String {
    folder
        .file_name()
        .map(|n| n.to_string_lossy().into_owned())
        .unwrap_or_default()
}

/// The label of all containers of a cluster.
pub(crate) fn label(data: &Path) -> String {
    format!("{FOLDER}={}", folder_name(data))
}

/// The folders of the files that settings name, so that a container sees a file that is replaced.
pub(crate) fn folders<'a>(values: impl Iterator<Item = &'a str>) -> BTreeSet<PathBuf> {
    let paths = values.flat_map(|value| value.split(',')).map(Path::new);
    let there = paths.filter(|path| path.is_absolute() && path.exists());
    let folders = there.map(|path| {
        if path.is_dir() {
            path
        } else {
            path.parent().unwrap_or(path)
        }
    });
    folders
        .filter(|f| f.parent().is_some())
        .map(PathBuf::from)
        .collect()
}

/// Removes containers whose test process is gone.
fn sweep(docker: &Path) {
    let filter = format!("--filter=label={PROCESS}");
    let format = format!("--format={{{{.ID}}}} {{{{.Label \"{PROCESS}\"}}}}");
    let list = output(docker, &["ps", "--all", &filter, &format], ANSWERS_WITHIN);
    for line in list.unwrap_or_default().lines() {
        if let Some((id, pid)) = line.split_once(' ')
            && !Path::new("/proc").join(pid).exists()
        {
            drop(output(
                docker,
                &["rm", "--force", "--volumes", id],
                ANSWERS_WITHIN,
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::Backend;
    use crate::reaper::Reaper;

    #[test]
    fn a_container_shares_network_user_and_folders_and_is_labelled() {
        let data = tempfile::Builder::new().prefix("a,\"b").tempdir().unwrap();
        let container = Container::new(data.path());
        let folder = data.path().join("node-1");
        let others = BTreeSet::from(["/certificates".into()]);
        let arguments = container.run("some:1", "java", &folder, &others).unwrap();
        let owner = fs::metadata(data.path()).unwrap();
        let path = data.path().display().to_string().replace('"', "\"\"");
        for wanted in [
            "--network=host".to_string(),
            format!("--user={}:{}", owner.uid(), owner.gid()),
            format!("--label=forebay.test={}", std::process::id()),
            format!("--label={}", label(data.path())),
            format!("--mount=type=bind,\"source={path}\",\"target={path}\""),
            "--mount=type=bind,\"source=/certificates\",\"target=/certificates\"".into(),
            format!("--workdir={}", folder.display()),
        ] {
            assert!(arguments.contains(&wanted), "no {wanted} in {arguments:?}");
        }
        assert_eq!(
            (arguments[0].as_str(), arguments.last().unwrap().as_str()),
            ("run", "some:1")
        );
    }

    #[test]
    fn containers_of_a_cluster_have_names_of_their_own_and_one_label() {
        let [one, other] = [(); 2].map(|()| Container::new(Path::new("/tmp/forebay-kafka-x")));
        assert!(one.name.starts_with("forebay-kafka-x-") && one.name != other.name);
        assert_eq!(label(&one.data), "forebay.folder=forebay-kafka-x");
    }

    #[test]
    fn the_folders_of_files_that_settings_name_are_shared() {
        let folder = tempfile::tempdir().unwrap();
        let (file, inner) = (folder.path().join("key.pem"), folder.path().join("inner"));
        fs::write(&file, "").unwrap();
        fs::create_dir(&inner).unwrap();
        let [file, inner] = [&file, &inner].map(|path| path.display().to_string());
        let values = [&*file, &format!("{inner},/nowhere"), "/", "9092", "relative/path"];
        let found = folders(values.into_iter());
        assert_eq!(found, BTreeSet::from([folder.path().to_path_buf(), inner.into()]));
    }

    /// A `docker` that does what the script says with `$1`, its first argument.
    fn fake(script: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let docker = folder.path().join("docker");
        // Another process writes it: one that this process forks meanwhile would hold the file, and it could not run.
        let mut write = Command::new("sh");
        write.args([
            "-c",
            "printf '#!/bin/sh\n%s\n' \"$1\" >\"$2\" && chmod +x \"$2\"",
            "sh",
            script,
        ]);
        assert!(write.arg(&docker).status().unwrap().success());
        (folder, docker)
    }

    #[test]
    fn what_is_missing_is_said() {
        let missing = |docker: &Path| {
            let Unusable { found, advice } = find(docker).unwrap_err();
            format!("{found}; {advice}")
        };
        let text = missing(Path::new("/nowhere/docker"));
        assert_eq!(text, "there is no docker command; install Docker");
        let (_folder, docker) = fake("echo >&2; echo 'cannot connect' >&2; exit 1");
        let text = missing(&docker);
        assert!(
            text.starts_with("no engine answers: cannot connect; start"),
            "{text}"
        );
        let (_folder, docker) = fake("[ $1 = version ] || { echo refused >&2; exit 1; }");
        let text = missing(&docker);
        assert!(
            text.contains(": refused; make one with scripts/make-kafka-image.sh"),
            "{text}"
        );
        let (_folder, docker) =
            fake(r#"for a; do [ "${a#--workdir=}" = "$a" ] || echo elsewhere >"${a#*=}/seen"; done"#);
        let text = missing(&docker);
        assert!(
            text.contains("this machine's network") && text.contains("another kernel"),
            "{text}"
        );
    }

    #[test]
    fn the_image_that_is_there_is_taken_before_one_is_pulled() {
        let [own, official] = IMAGES;
        for (script, named, image_taken) in [
            ("exit 0", None, own),
            ("[ \"$1 $3\" != \"image forebay/kafka:4.4.0\" ]", None, official),
            ("[ $1 = pull ]", None, official),
            ("[ $1 = pull ]", Some("named:1".to_string()), "named:1"),
        ] {
            let (_folder, docker) = fake(script);
            assert_eq!(image(&docker, named).as_deref(), Ok(image_taken), "{script}");
        }
    }

    #[test]
    fn an_engine_that_hangs_is_given_up() {
        let (_folder, docker) = fake("exec sleep 60");
        let error = output(&docker, &["pull"], Duration::from_millis(50)).unwrap_err();
        assert_eq!(error.to_string(), "docker pull did not end within 50ms");
    }

    /// Starts a container that only sleeps, where this process runs containers.
    fn sleeper(label: &str) -> Option<String> {
        let Backend::Container { image } = Backend::own().unwrap() else {
            eprintln!("skipped: there are no containers here");
            return None;
        };
        let (label, entry) = (format!("--label={label}"), "--entrypoint=sleep");
        let arguments = [
            "run",
            "--detach",
            "--rm",
            "--network=host",
            &label,
            entry,
            image,
            "600",
        ];
        Some(output(Path::new("docker"), &arguments, ANSWERS_WITHIN).unwrap())
    }

    fn is_there(id: &str) -> bool {
        output(Path::new("docker"), &["inspect", id], ANSWERS_WITHIN).is_ok()
    }

    #[test]
    fn containers_of_processes_that_are_gone_are_removed() {
        // No process has the first pid: the kernel's highest is 4194304.
        let labels = [4_200_000, std::process::id()].map(|pid| format!("{PROCESS}={pid}"));
        let [Some(gone), Some(own)] = labels.map(|label| sleeper(&label)) else {
            return;
        };
        let docker = Path::new("docker");
        sweep(docker);
        let found = (is_there(&gone), is_there(&own));
        output(docker, &["rm", "--force", &own], ANSWERS_WITHIN).unwrap();
        assert_eq!(found, (false, true));
    }

    #[test]
    fn containers_of_a_cluster_go_with_its_reaper() {
        let folder = tempfile::tempdir().unwrap();
        let Some(id) = sleeper(&label(folder.path())) else {
            return;
        };
        let backend = Backend::own().unwrap();
        let reaper = Reaper::of_cluster(folder.path(), backend).unwrap();
        assert!(is_there(&id));
        drop(reaper);
        assert!(!is_there(&id) && !folder.path().exists());
    }
}
