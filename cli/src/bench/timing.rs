//! The rules of measuring, the same as in the peers' drivers: CPU time, samples of at least 0.3 ms, medians.

use std::time::Duration;

use crate::bench::clock::Clock;
use crate::bench::rates::Rates;

/// Measures calls within a time budget.
#[derive(Clone, Copy)]
pub(crate) struct Stopwatch {
    pub(crate) budget: Duration,
    pub(crate) threads: usize,
    pub(crate) clock: Clock,
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
        let budget = self.budget.as_secs_f64();
        let start = self.clock.now();
        self.time(2, &mut call);
        let mut calls = 1u64;
        loop {
            let seconds = self.time(calls, &mut call);
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
        while self.since(start) < budget * 0.3 {
            self.time(1, &mut call);
        }
        let mut samples = Vec::new();
        let start = self.clock.now();
        while samples.len() < MIN_SAMPLES || (self.since(start) < budget && samples.len() < MAX_SAMPLES) {
            samples.push(operations * calls as f64 / self.time(calls, &mut call) * 1e-9);
            if self.since(start) > MAX_SECONDS {
                break;
            }
        }
        Rates::of(samples)
    }

    /// The seconds that a number of calls take.
    fn time(&self, calls: u64, call: &mut impl FnMut()) -> f64 {
        let start = self.clock.now();
        (0..calls).for_each(|_| call());
        self.since(start)
    }

    /// The seconds since a reading of the clock.
    fn since(&self, start: Duration) -> f64 {
        let shares = if self.clock == Clock::Cpu { self.threads as f64 } else { 1.0 };
        (self.clock.now() - start).as_secs_f64() / shares
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
        assert!(0.0 < rates.range[0] && rates.range[0] <= rates.median && rates.median <= rates.range[1]);
    }
}
