//! The machine: what it is, what it has free, and how much of it others used while something was measured.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Instant;

use forebay_counted::says;

/// The kernel's unit of CPU time in /proc: 10 ms, wherever Linux runs.
const TICK: f64 = 0.01;

/// Watches what processes outside of this one's family use.
#[derive(Debug)]
pub(crate) struct Others {
    since: Instant,
    all: f64,
    ours: f64,
}

impl Others {
    pub(crate) fn watch() -> Self {
        Self {
            since: Instant::now(),
            all: busy(),
            ours: ours(),
        }
    }

    /// The cores that others kept busy since, on average; time stolen from this machine is theirs, too.
    pub(crate) fn cores(&self) -> f64 {
        let wall = self.since.elapsed().as_secs_f64().max(TICK);
        let others = (busy() - self.all) - (ours() - self.ours);
        (others / wall).max(0.0)
    }
}

/// Seconds all CPUs were busy, or stolen.
fn busy() -> f64 {
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    let line = text.lines().next().unwrap_or_default();
    let ticks: Vec<f64> = line
        .split_whitespace()
        .skip(1)
        .filter_map(|t| t.parse().ok())
        .collect();
    // user nice system idle iowait irq softirq steal
    [0, 1, 2, 5, 6, 7]
        .iter()
        .filter_map(|at| ticks.get(*at))
        .sum::<f64>()
        * TICK
}

/// Seconds that this process, those below it, and their children that have ended used.
fn ours() -> f64 {
    let mut processes: BTreeMap<u32, (u32, f64)> = BTreeMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|n| n.parse().ok()) else {
            continue;
        };
        let Ok(text) = fs::read_to_string(entry.path().join("stat")) else {
            continue;
        };
        // The name may hold anything but ends with the last bracket.
        let fields: Vec<&str> = text
            .rsplit(')')
            .next()
            .unwrap_or_default()
            .split_whitespace()
            .collect();
        let number = |at: usize| fields.get(at).and_then(|f| f.parse::<f64>().ok()).unwrap_or(0.0);
        let ticks = number(11) + number(12) + number(13) + number(14);
        processes.insert(pid, (number(1) as u32, ticks * TICK));
    }
    let own = std::process::id();
    let is_ours = |mut pid: u32| {
        while pid > 1 && pid != own {
            pid = processes.get(&pid).map_or(0, |(parent, _)| *parent);
        }
        pid == own
    };
    let ours = processes.iter().filter(|(pid, _)| is_ours(**pid));
    ours.map(|(_, (_, seconds))| seconds).sum()
}

/// Bytes of memory that can be had.
pub(crate) fn memory_available() -> u64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find(|l| l.starts_with("MemAvailable:"));
    let kib = line.and_then(|l| l.split_whitespace().nth(1)?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

/// Bytes free in the file system of `folder`.
#[allow(unsafe_code)]
pub(crate) fn free(folder: &Path) -> u64 {
    use std::os::unix::ffi::OsStrExt;
    let Ok(path) = std::ffi::CString::new(folder.as_os_str().as_bytes()) else {
        return 0;
    };
    // SAFETY: all zeros is a valid statvfs; both pointers outlive the call.
    unsafe {
        let mut found: libc::statvfs = std::mem::zeroed();
        if libc::statvfs(path.as_ptr(), &raw mut found) == 0 {
            found.f_bavail * found.f_frsize
        } else {
            0
        }
    }
}

/// What it is.
pub(crate) fn description() -> BTreeMap<String, String> {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cpu = cpu.lines().find_map(|l| {
        l.strip_prefix("model name")?
            .split(": ")
            .nth(1)
            .map(str::to_owned)
    });
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib = memory
        .lines()
        .next()
        .and_then(|l| l.split_whitespace().nth(1)?.parse::<u64>().ok());
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    BTreeMap::from([
        ("cpu".into(), format!("{} × {}", cores, cpu.unwrap_or_default())),
        ("memory".into(), format!("{} GiB", kib.unwrap_or(0) >> 20)),
        ("kernel".into(), says("uname", &["-sr"])),
        (
            "load_before".into(),
            load.split_whitespace().take(3).collect::<Vec<_>>().join(" "),
        ),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_work_is_not_taken_for_that_of_others() {
        let before = ours();
        let until = Instant::now() + std::time::Duration::from_millis(200);
        let mut sum = 0_u64;
        while Instant::now() < until {
            sum = std::hint::black_box(sum + 1);
        }
        assert!(ours() - before >= 0.05, "{sum}");
        assert!(busy() >= ours());
    }
}
