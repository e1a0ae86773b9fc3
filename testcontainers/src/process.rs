//! Child processes that die with the test process, whatever ends it: a panic, Ctrl-C or a kill.
#![allow(
    unsafe_code,
    reason = "the parent-death signal is set between fork and exec; prctl and kill are plain calls"
)]

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::sync::{Mutex, OnceLock, PoisonError, mpsc};
use std::thread;

type Order = (Command, mpsc::SyncSender<io::Result<Child>>);

/// Starts `command` so that it gets SIGKILL when this process ends. The kernel ties that signal to the thread that
/// forks, and a test's thread ends early: so one thread, which never ends, does all the forking.
///
/// # Errors
/// What spawning fails with.
pub fn spawn(command: Command) -> io::Result<Child> {
    static SPAWNER: OnceLock<Mutex<mpsc::SyncSender<Order>>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (orders, inbox) = mpsc::sync_channel::<Order>(0);
        thread::spawn(move || {
            for (command, reply) in inbox {
                // The one who asked may be gone.
                drop(reply.send(spawn_here(command)));
            }
        });
        Mutex::new(orders)
    });
    let (reply, answer) = mpsc::sync_channel(1);
    let gone = || io::Error::other("the spawning thread is gone");
    spawner
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .send((command, reply))
        .map_err(|_| gone())?;
    answer.recv().map_err(|_| gone())?
}

fn spawn_here(mut command: Command) -> io::Result<Child> {
    let parent = std::process::id();
    // SAFETY: prctl and getppid are async-signal-safe and touch no memory of ours.
    unsafe {
        command.pre_exec(move || {
            if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) != 0 {
                return Err(io::Error::last_os_error());
            }
            // A parent that died before that call sends no signal any more.
            if libc::getppid().cast_unsigned() != parent {
                return Err(io::Error::from_raw_os_error(libc::ESRCH));
            }
            Ok(())
        });
    }
    command.spawn()
}

/// Sends `signal` to a child.
pub fn signal(child: &Child, signal: i32) {
    if let Ok(pid) = i32::try_from(child.id()) {
        // SAFETY: a plain call; the child is ours and not waited for yet, so the pid is still its own.
        unsafe { libc::kill(pid, signal) };
    }
}
