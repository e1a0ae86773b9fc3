//! The process itself, by the names that Prometheus' own clients use. Linux tells it in /proc; elsewhere there is the build alone.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use super::prometheus::Build;
use super::table;

#[derive(Debug)]
pub(super) struct Collected {
    pub(super) build: Build,
}

impl Collector for Collected {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let labels = [
            ("version", self.build.version.as_str()),
            ("librdkafka", &self.build.librdkafka),
        ];
        table::BUILD.begin(&mut to)?.info(&labels)?;
        #[cfg(target_os = "linux")]
        if let Some(now) = linux::now() {
            table::PROCESS_CPU.begin(&mut to)?.seconds(&[], now.cpu_seconds)?;
            table::PROCESS_RESIDENT.begin(&mut to)?.level(&[], now.resident)?;
            table::PROCESS_VIRTUAL
                .begin(&mut to)?
                .level(&[], now.virtual_bytes)?;
            table::PROCESS_THREADS.begin(&mut to)?.level(&[], now.threads)?;
            table::PROCESS_OPEN_FDS.begin(&mut to)?.level(&[], now.open_fds)?;
            table::PROCESS_START.begin(&mut to)?.gauge(&[], now.started)?;
        }
        Ok(())
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use procfs::process::Process;
    use procfs::{CurrentSI, KernelStats, page_size, ticks_per_second};

    pub(super) struct Now {
        pub(super) cpu_seconds: f64,
        pub(super) resident: u64,
        pub(super) virtual_bytes: u64,
        pub(super) threads: u64,
        pub(super) open_fds: u64,
        pub(super) started: f64,
    }

    /// `None` where /proc does not tell.
    pub(super) fn now() -> Option<Now> {
        let process = Process::myself().ok()?;
        let stat = process.stat().ok()?;
        let ticks = ticks_per_second() as f64;
        let booted = KernelStats::current().ok()?.btime as f64;
        Some(Now {
            cpu_seconds: (stat.utime + stat.stime) as f64 / ticks,
            resident: stat.rss * page_size(),
            virtual_bytes: stat.vsize,
            threads: u64::try_from(stat.num_threads).ok()?,
            open_fds: process.fd_count().ok()? as u64,
            started: booted + stat.starttime as f64 / ticks,
        })
    }
}
