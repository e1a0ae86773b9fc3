//! Child processes that die with the test process, whatever ends it: a panic, Ctrl-C or a kill.
#![allow(
    unsafe_code,
    reason = "the parent-death signal is set between fork and exec; prctl and kill are plain calls"
)]

use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

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

/// Runs `command` to its end, with no input.
///
/// # Panics
/// Where it does not start, or does not end within `within`: it is killed then, and the panic shows what it wrote.
pub fn output(command: Command, within: Duration) -> Output {
    output_of(command, Stdio::null(), within)
}

/// Runs `command` to its end, with this input.
///
/// # Panics
/// As [`output`] does.
pub fn output_of(mut command: Command, input: impl Into<Stdio>, within: Duration) -> Output {
    command.stdin(input).stdout(Stdio::piped()).stderr(Stdio::piped());
    let named = format!("{command:?}");
    let mut child = spawn(command).expect("start a process");
    let (stdout, stderr) = (read(child.stdout.take()), read(child.stderr.take()));
    let until = Instant::now() + within;
    let status = loop {
        if let Some(status) = child.try_wait().expect("wait for a process") {
            break Some(status);
        }
        if Instant::now() >= until {
            child.kill().expect("kill a process");
            child.wait().expect("wait for a process");
            break None;
        }
        thread::sleep(Duration::from_millis(2));
    };
    let (stdout, stderr) = (stdout.join().expect("read"), stderr.join().expect("read"));
    let Some(status) = status else {
        panic!(
            "{named} did not end within {within:?}:\n{}",
            String::from_utf8_lossy(&stderr)
        );
    };
    Output {
        status,
        stdout,
        stderr,
    }
}

fn read(pipe: Option<impl Read + Send + 'static>) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            pipe.read_to_end(&mut bytes).expect("read what a process writes");
        }
        bytes
    })
}

/// Sends `signal` to a child.
pub fn signal(child: &Child, signal: i32) {
    if let Ok(pid) = i32::try_from(child.id()) {
        // SAFETY: a plain call; the child is ours and not waited for yet, so the pid is still its own.
        unsafe { libc::kill(pid, signal) };
    }
}
