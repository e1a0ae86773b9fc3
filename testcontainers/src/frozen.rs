//! A thread of a child that stands still while the others go on, as one that hangs in a call that does not return.
#![allow(
    unsafe_code,
    reason = "ptrace and waitpid are plain calls here: they are given no memory but a status"
)]

use std::fs;
use std::io;
use std::process::Child;
use std::ptr;
use std::sync::mpsc::{self, SyncSender};
use std::thread::{self, JoinHandle};

/// A thread that stands still; goes on when this is dropped.
#[derive(Debug)]
pub struct Frozen {
    running: Option<(SyncSender<()>, JoinHandle<()>)>,
}

impl Frozen {
    /// Stops the thread of `child` that has this name.
    ///
    /// # Errors
    /// Where there is no such thread, or it may not be stopped.
    pub fn thread(child: &Child, name: &str) -> io::Result<Self> {
        let thread = find(child, name)?;
        let (release, released) = mpsc::sync_channel::<()>(0);
        let (tell, told) = mpsc::sync_channel::<io::Result<()>>(1);
        // All calls about a thread come from one thread of this process.
        let holder = thread::spawn(move || {
            let stopped = stop(thread);
            let holds = stopped.is_ok();
            // The one who asked waits for it.
            drop(tell.send(stopped));
            if holds {
                // Nobody sends: the other end is dropped.
                let _dropped = released.recv();
                call(libc::PTRACE_DETACH, thread);
            }
        });
        told.recv()
            .map_err(|_| io::Error::other("the thread that stops the other is gone"))??;
        Ok(Self {
            running: Some((release, holder)),
        })
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        if let Some((release, holder)) = self.running.take() {
            drop(release);
            // It does not panic.
            drop(holder.join());
        }
    }
}

fn find(child: &Child, name: &str) -> io::Result<i32> {
    for task in fs::read_dir(format!("/proc/{}/task", child.id()))? {
        let task = task?;
        if fs::read_to_string(task.path().join("comm"))?.trim() == name {
            let id = task.file_name().into_string().ok().and_then(|id| id.parse().ok());
            return id.ok_or_else(|| io::Error::other("a thread's id is no number"));
        }
    }
    Err(io::Error::other(format!("the process has no thread {name}")))
}

fn stop(thread: i32) -> io::Result<()> {
    for request in [libc::PTRACE_SEIZE, libc::PTRACE_INTERRUPT] {
        if call(request, thread) != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    let mut status = 0;
    // SAFETY: a plain call; the status lives as long as it.
    if unsafe { libc::waitpid(thread, &mut status, libc::__WALL) } != thread {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

fn call(request: u32, thread: i32) -> i64 {
    let nothing = ptr::null_mut::<libc::c_void>();
    // SAFETY: these requests take no address and no data.
    unsafe { libc::ptrace(request, thread, nothing, nothing) }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};
    use std::time::Duration;

    use super::*;
    use crate::{await_until, process};

    /// As the kernel names it: `S` sleeps, `t` is stopped by another.
    fn state(child: &Child) -> char {
        let text = fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap();
        text.rsplit(") ").next().unwrap().chars().next().unwrap()
    }

    #[test]
    fn a_thread_stands_still_until_it_is_released() {
        let mut command = Command::new("sleep");
        command.arg("60").stdin(Stdio::null());
        let mut child = process::spawn(command).unwrap();
        let within = Duration::from_secs(10);
        await_until(within, "it sleeps", || state(&child) == 'S');
        assert!(Frozen::thread(&child, "nobody").is_err());
        let frozen = Frozen::thread(&child, "sleep").unwrap();
        assert_eq!(state(&child), 't');
        drop(frozen);
        await_until(within, "it goes on", || state(&child) == 'S');
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
