//! The rules of measuring, the same as in the peers' drivers: CPU time, samples of at least 0.3 ms, medians.

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

/// Measures calls within a time budget.
#[derive(Clone, Copy)]
pub(crate) struct Stopwatch {
    pub(crate) budget: Duration,
    pub(crate) threads: usize,
    pub(crate) clock: Clock,
}

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

/// The shortest sample, in seconds: long enough to hide the clock's own cost.
const SAMPLE: f64 = 3e-4;
const MIN_SAMPLES: usize = 5;
const MAX_SAMPLES: usize = 60;
/// The longest measurement of a case, in seconds, however slow the call is.
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

    /// Calls `work`; for more than one thread, on a thread of the pool, which then need not be woken.
    pub(crate) fn on_its_threads<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        #[cfg(feature = "rayon")]
        if self.threads > 1 {
            return rayon::scope(|_| work());
        }
        work()
    }

    /// Measures `call`, which does `operations` operations. Without a budget it is called once, untimed.
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
        // Let the CPU's frequency and caches settle before the samples.
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

/// The call of `--once`: profilers and instruction counters find it by its name.
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
