//! The rules of measuring, the same for all drivers: CPU time of the thread, samples of at least 0.3 ms, medians.
//! `BENCH_MS` is the time spent on a case.

use std::fmt;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Rates in Gop/s over the samples of one measurement.
pub struct Rates(Vec<f64>);

/// Median, maximum, minimum and number of samples, as columns.
impl fmt::Display for Rates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Rates(rates) = self;
        let at = |index: usize| rates.get(index).copied().unwrap_or(0.0);
        let (median, max) = (at(rates.len() / 2), at(rates.len().saturating_sub(1)));
        write!(f, "{median:.3},{max:.3},{:.3},{}", at(0), rates.len())
    }
}

const SAMPLE: f64 = 3e-4;

fn now() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

pub fn measure(operations: f64, call: &mut dyn FnMut()) -> Rates {
    let milliseconds = std::env::var("BENCH_MS").ok().and_then(|text| text.parse().ok());
    let budget = milliseconds.unwrap_or(60.0) * 1e-3;
    let since = |start: Duration| (now() - start).as_secs_f64();
    let mut time = |calls: usize| {
        let start = now();
        for _ in 0..calls {
            call();
        }
        since(start)
    };
    let start = now();
    time(1);
    let mut calls = 1;
    loop {
        let taken = time(calls);
        if taken > SAMPLE {
            break;
        }
        calls = if taken < SAMPLE / 10.0 {
            calls * 8
        } else {
            (calls as f64 * 1.2 * SAMPLE / taken) as usize + 1
        };
    }
    while since(start) < 0.3 * budget {
        time(1);
    }
    let mut rates = Vec::new();
    let start = now();
    while rates.len() < 5 || (since(start) < budget && rates.len() < 60) {
        rates.push(operations * calls as f64 / time(calls) * 1e-9);
    }
    rates.sort_by(f64::total_cmp);
    Rates(rates)
}
