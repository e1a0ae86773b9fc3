//! Removes a folder, and the containers that write to it, when this process is gone, however it went, and also when
//! its owner is a static that nothing drops.

use std::io::{self, Write as _};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::backend::Backend;
use crate::docker;

/// A shell that waits for the end of a pipe whose other end only this process holds.
#[derive(Debug)]
pub(crate) struct Reaper {
    shell: Child,
}

/// Those who write to the folder are being killed at the same moment, so one removal may come too early.
const SCRIPT: &str = r#"read -r word; [ "$word" = keep ] && exit 0
for i in 1 2 3 4 5 6 7 8 9 10; do
[ -z "$2" ] || for id in $(docker ps --all --quiet --filter "label=$2"); do docker rm --force --volumes "$id"; done
rm -rf "$1" && [ ! -e "$1" ] && exit 0; sleep 0.2; done"#;

impl Reaper {
    pub(crate) fn watch(folder: &Path) -> io::Result<Self> {
        Self::start(folder, "")
    }

    /// For a cluster's folder, and the containers that have its label.
    pub(crate) fn of_cluster(folder: &Path, backend: &Backend) -> io::Result<Self> {
        match backend {
            Backend::Native => Self::watch(folder),
            Backend::Container { .. } => Self::start(folder, &docker::label(folder)),
        }
    }

    fn start(folder: &Path, label: &str) -> io::Result<Self> {
        let mut command = Command::new("sh");
        command
            .args(["-c", SCRIPT, "reaper"])
            .arg(folder)
            .arg(label)
            .current_dir("/");
        // A group of its own: Ctrl-C at the terminal must not end it before its work is done.
        command.process_group(0);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        Ok(Self {
            shell: command.spawn()?,
        })
    }

    /// Leaves the folder where it is.
    pub(crate) fn keep(&mut self) {
        if let Some(pipe) = &mut self.shell.stdin {
            // It fails only where the shell is gone, which removes nothing then.
            drop(pipe.write_all(b"keep\n"));
        }
    }
}

impl Drop for Reaper {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        drop(self.shell.wait());
    }
}
