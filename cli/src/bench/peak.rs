//! What this machine can do at best: the measure for every other rate.

use std::time::Duration;

use eightbit::{Backend, Error};
use eightbit_kernels::peak;

use crate::bench::shapes::GemmShape;
use crate::bench::{gemm, timing};

/// A rate in Gop/s that nothing should exceed, and what it was measured with.
pub(crate) struct Peak {
    pub(crate) rate: f64,
    pub(crate) what: String,
}

/// Passes of an instruction sequence between two looks at the clock.
const PASSES: u64 = 1000;

/// Sizes whose operands and results stay in the smallest first-level caches (32 KiB).
const SIZES: [[usize; 3]; 3] = [[48, 128, 48], [24, 256, 48], [96, 64, 64]];

/// Measures the peak of `backend` on this machine: that of its instructions, on registers only; where there is no such
/// sequence, the backend's own best on data in the first-level cache.
pub(crate) fn measure(backend: Backend, budget: Duration) -> Result<Peak, Error> {
    let mut best = Peak { rate: 0.0, what: String::new() };
    let mut offer = |rate: f64, what: String| {
        if rate > best.rate {
            best = Peak { rate, what };
        }
    };
    for sequence in peak::sequences(backend) {
        let operations = (sequence.operations() * PASSES) as f64;
        let rates = timing::measure(operations, budget, || sequence.run(PASSES));
        offer(rates.max, format!("{}, on registers only", sequence.instructions()));
    }
    if peak::sequences(backend).is_empty() {
        for [m, k, n] in SIZES {
            let shape = GemmShape { name: format!("{m}×{k}×{n}"), m, k, n };
            for line in gemm::lines(backend, &shape, budget)? {
                offer(
                    line.rates.max,
                    format!(
                        "the backend's own best on data in the first-level cache ({}, {})",
                        shape.name, line.types
                    ),
                );
            }
        }
    }
    Ok(best)
}
