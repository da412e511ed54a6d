//! The rules of measuring, the same as those of the drivers that measure the peers: CPU time of the thread, samples of at
//! least 0.3 ms, medians.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Rates in Gop/s over the samples of one measurement.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rates {
    pub(crate) median: f64,
    pub(crate) max: f64,
    pub(crate) min: f64,
    pub(crate) samples: usize,
}

/// Measures calls for a time, by the clock that fits the number of threads.
#[derive(Clone, Copy)]
pub(crate) struct Stopwatch {
    pub(crate) budget: Duration,
    pub(crate) threads: usize,
}

/// What a clock shows; only differences mean something.
type Moment = Duration;

/// CPU time of this thread: leaves out the slices in which another process held the core.
#[cfg(unix)]
fn thread_time() -> Moment {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// There is no portable clock of the thread.
#[cfg(not(unix))]
fn thread_time() -> Moment {
    wall_time()
}

fn wall_time() -> Moment {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed()
}

/// No sample is shorter, in seconds: the clock's own cost must not show.
const SAMPLE: f64 = 3e-4;
const MIN_SAMPLES: usize = 5;
const MAX_SAMPLES: usize = 60;
/// However slow the call is, so much is enough.
const MAX_SECONDS: f64 = 1.5;

impl Stopwatch {
    /// The name of the clock, for the output.
    pub(crate) fn clock(&self) -> &'static str {
        if cfg!(unix) && self.threads == 1 { "CPU time of the thread" } else { "wall-clock time" }
    }

    /// Calls `work` where its threads are: for more than one, on a thread of the pool, which then need not be woken.
    pub(crate) fn on_its_threads<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        #[cfg(feature = "rayon")]
        if self.threads > 1 {
            return rayon::scope(|_| work());
        }
        work()
    }

    /// Measures `call`, which does `operations` operations.
    pub(crate) fn measure(&self, operations: f64, mut call: impl FnMut()) -> Rates {
        let now = if self.threads == 1 { thread_time } else { wall_time };
        let since = |start: Moment| (now() - start).as_secs_f64();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_ordered_and_positive() {
        let mut sum = 0u64;
        let stopwatch = Stopwatch { budget: Duration::from_millis(5), threads: 1 };
        let rates = stopwatch.measure(1e4, || {
            for value in 0..10_000u64 {
                sum = std::hint::black_box(sum.wrapping_add(value));
            }
        });
        assert!(rates.samples >= MIN_SAMPLES);
        assert!(0.0 < rates.min && rates.min <= rates.median && rates.median <= rates.max);
    }
}
