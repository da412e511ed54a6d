//! The clocks of measurements.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use clap::ValueEnum;

/// The clock of a measurement.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub(crate) enum Clock {
    /// CPU time of all threads, divided by their number: excludes the time when another process held a core and when a thread
    /// waits for another.
    Cpu,
    /// Wall-clock time.
    Wall,
}

impl Clock {
    /// The default clock: CPU time for one thread; wall-clock time for more, which serve to shorten it.
    pub(crate) fn for_threads(threads: usize) -> Self {
        if cfg!(unix) && threads == 1 { Self::Cpu } else { Self::Wall }
    }

    /// The current reading; only differences are meaningful.
    pub(crate) fn now(self) -> Duration {
        #[cfg(unix)]
        if self == Self::Cpu {
            let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
            return Duration::new(time.tv_sec as u64, time.tv_nsec as u32);
        }
        static START: OnceLock<Instant> = OnceLock::new();
        START.get_or_init(Instant::now).elapsed()
    }
}
