//! The rules of measuring, the same as those of the drivers that measure the peers: CPU time, samples of at
//! least 0.3 ms, medians.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use clap::ValueEnum;

/// Rates in Gop/s over the samples of one measurement.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rates {
    pub(crate) median: f64,
    pub(crate) max: f64,
    pub(crate) min: f64,
    pub(crate) samples: usize,
}

/// Measures calls for a time.
#[derive(Clone, Copy)]
pub(crate) struct Stopwatch {
    pub(crate) budget: Duration,
    pub(crate) threads: usize,
    pub(crate) clock: Clock,
}

/// What passes while a call is measured.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub(crate) enum Clock {
    /// CPU time of all threads, divided by their number: leaves out the slices in which another process held a core, and the
    /// time that a thread waits for another.
    Cpu,
    /// The time that a user waits.
    Wall,
}

impl Clock {
    /// The clock that fits: CPU time for one thread; more are there for the user to wait less.
    pub(crate) fn for_threads(threads: usize) -> Self {
        if cfg!(unix) && threads == 1 { Self::Cpu } else { Self::Wall }
    }

    /// What it shows; only differences mean something.
    fn now(self) -> Duration {
        #[cfg(unix)]
        if self == Self::Cpu {
            let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
            return Duration::new(time.tv_sec as u64, time.tv_nsec as u32);
        }
        static START: OnceLock<Instant> = OnceLock::new();
        START.get_or_init(Instant::now).elapsed()
    }
}

/// No sample is shorter, in seconds: the clock's own cost must not show.
const SAMPLE: f64 = 3e-4;
const MIN_SAMPLES: usize = 5;
const MAX_SAMPLES: usize = 60;
/// However slow the call is, so much is enough.
const MAX_SECONDS: f64 = 1.5;

impl Stopwatch {
    /// The name of the clock, for the output.
    pub(crate) fn clock_name(&self) -> &'static str {
        match (self.clock, self.threads) {
            (Clock::Cpu, 1) => "CPU time",
            (Clock::Cpu, _) => "CPU time divided by the threads",
            (Clock::Wall, _) => "wall-clock time",
        }
    }

    /// Calls `work` where its threads are: for more than one, on a thread of the pool, which then need not be woken.
    pub(crate) fn on_its_threads<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        #[cfg(feature = "rayon")]
        if self.threads > 1 {
            return rayon::scope(|_| work());
        }
        work()
    }

    /// Measures `call`, which does `operations` operations. Without any budget it is called once, and no clock is read.
    pub(crate) fn measure(&self, operations: f64, mut call: impl FnMut()) -> Rates {
        if self.budget.is_zero() {
            profiled_call(&mut call);
            return Rates::default();
        }
        let now = || self.clock.now();
        let shares = if self.clock == Clock::Cpu { self.threads as f64 } else { 1.0 };
        let since = |start: Duration| (now() - start).as_secs_f64() / shares;
        let budget = self.budget.as_secs_f64();
        let mut time = |calls: u64| {
            let start = now();
            for _ in 0..calls {
                call();
            }
            since(start)
        };
        let start = now();
        time(2);
        let mut calls = 1u64;
        loop {
            let seconds = time(calls);
            if seconds > SAMPLE {
                break;
            }
            calls = if seconds < SAMPLE / 10.0 {
                calls.saturating_mul(8)
            } else {
                (calls as f64 * 1.2 * SAMPLE / seconds) as u64 + 1
            };
        }
        // Clocks and caches settle before samples count.
        while since(start) < budget * 0.3 {
            time(1);
        }
        let mut rates = Vec::new();
        let start = now();
        while rates.len() < MIN_SAMPLES || (since(start) < budget && rates.len() < MAX_SAMPLES) {
            rates.push(operations * calls as f64 / time(calls) * 1e-9);
            if since(start) > MAX_SECONDS {
                break;
            }
        }
        rates.sort_by(f64::total_cmp);
        let at = |index: usize| rates.get(index).copied().unwrap_or(0.0);
        Rates {
            median: at(rates.len() / 2),
            max: at(rates.len().saturating_sub(1)),
            min: at(0),
            samples: rates.len(),
        }
    }
}

/// The call of `--once`: profilers and counters of instructions find it by its name.
#[inline(never)]
fn profiled_call(call: &mut dyn FnMut()) {
    call();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_ordered_and_positive() {
        let mut sum = 0u64;
        let clock = Clock::for_threads(1);
        let stopwatch = Stopwatch { budget: Duration::from_millis(5), threads: 1, clock };
        let rates = stopwatch.measure(1e4, || {
            for value in 0..10_000u64 {
                sum = std::hint::black_box(sum.wrapping_add(value));
            }
        });
        assert!(rates.samples >= MIN_SAMPLES);
        assert!(0.0 < rates.min && rates.min <= rates.median && rates.median <= rates.max);
    }
}
