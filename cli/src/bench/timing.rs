//! The rules of measuring, the same as those of the drivers that measure the peers: CPU time of the thread, samples of at
//! least 0.3 ms, medians.

use std::time::Duration;

/// Rates in Gop/s over the samples of one measurement.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rates {
    pub(crate) median: f64,
    pub(crate) max: f64,
    pub(crate) min: f64,
    pub(crate) samples: usize,
}

/// What a clock that can be compared only with itself shows.
#[derive(Clone, Copy)]
struct Moment(Duration);

impl Moment {
    /// CPU time of this thread: leaves out the slices in which another process held the core.
    #[cfg(unix)]
    fn now() -> Self {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        Self(Duration::new(time.tv_sec as u64, time.tv_nsec as u32))
    }

    /// Wall-clock time, where there is no portable clock of the thread.
    #[cfg(not(unix))]
    fn now() -> Self {
        static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
        Self(START.get_or_init(std::time::Instant::now).elapsed())
    }

    fn elapsed(self) -> f64 {
        (Self::now().0 - self.0).as_secs_f64()
    }
}

/// The name of the clock, for the output.
pub(crate) const CLOCK: &str = if cfg!(unix) { "CPU time of the thread" } else { "wall-clock time" };

/// No sample is shorter, in seconds: the clock's own cost must not show.
const SAMPLE: f64 = 3e-4;
const MIN_SAMPLES: usize = 5;
const MAX_SAMPLES: usize = 60;
/// However slow the call is, so much is enough.
const MAX_SECONDS: f64 = 1.5;

/// Measures `call`, which does `operations` operations, for about `budget`.
pub(crate) fn measure(operations: f64, budget: Duration, mut call: impl FnMut()) -> Rates {
    let budget = budget.as_secs_f64();
    let mut time = |calls: u64| {
        let start = Moment::now();
        for _ in 0..calls {
            call();
        }
        start.elapsed()
    };
    let start = Moment::now();
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
    while start.elapsed() < budget * 0.3 {
        time(1);
    }
    let mut rates = Vec::new();
    let start = Moment::now();
    while rates.len() < MIN_SAMPLES || (start.elapsed() < budget && rates.len() < MAX_SAMPLES) {
        rates.push(operations * calls as f64 / time(calls) * 1e-9);
        if start.elapsed() > MAX_SECONDS {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_ordered_and_positive() {
        let mut sum = 0u64;
        let rates = measure(1e4, Duration::from_millis(5), || {
            for value in 0..10_000u64 {
                sum = std::hint::black_box(sum.wrapping_add(value));
            }
        });
        assert!(rates.samples >= MIN_SAMPLES);
        assert!(0.0 < rates.min && rates.min <= rates.median && rates.median <= rates.max);
    }
}
