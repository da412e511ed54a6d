//! The peak of this machine, which every other rate is compared with.

use eightbit::{Backend, Error};

use crate::bench::rates::Rates;
use crate::bench::setup::Setup;
use crate::bench::shapes::GemmShape;
use crate::bench::timing::Stopwatch;
use crate::bench::types::{Operator, Types};

/// An upper bound of rates in Gop/s, and what it was measured with.
pub(crate) struct Peak {
    /// The greatest rate is the peak: disturbances only slow down a loop on registers.
    pub(crate) rates: Rates,
    pub(crate) what: String,
}

/// Passes of an instruction sequence between two readings of the clock.
const PASSES: u64 = 1000;

/// Sizes whose operands and results stay in the smallest first-level caches (32 KiB).
const SIZES: [[usize; 3]; 3] = [[48, 128, 48], [24, 256, 48], [96, 64, 64]];

impl Peak {
    pub(crate) fn rate(&self) -> f64 {
        self.rates.range[1]
    }
}

/// The peak of `backend` on this machine: the best of [`all`].
pub(crate) fn measure(backend: Backend, stopwatch: &Stopwatch) -> Result<Peak, Error> {
    let best = all(backend, stopwatch)?.into_iter().max_by(|one, other| one.rate().total_cmp(&other.rate()));
    best.ok_or_else(|| Error::Shape { what: "peak", why: format!("nothing to measure for {backend}") })
}

/// Measures the instruction sequences of `backend` on registers only; without any, the backend's best rate on data in the
/// first-level cache.
pub(crate) fn all(backend: Backend, stopwatch: &Stopwatch) -> Result<Vec<Peak>, Error> {
    let mut peaks = Vec::new();
    for sequence in backend.peak() {
        let operations = (sequence.operations() * PASSES) as f64;
        let rates = stopwatch.measure(operations, || sequence.run(PASSES));
        peaks.push(Peak { rates, what: format!("{}, on registers only", sequence.instructions()) });
    }
    if peaks.is_empty() {
        let setup = Setup { backend, threads: 1, check: false };
        for sizes in SIZES {
            let [m, k, n] = sizes;
            let shape = GemmShape { name: format!("{m}×{k}×{n}"), class: String::new(), sizes };
            for types in [Types::U8S8S32, Types::S8S8S32] {
                let rates = shape.case(&setup, types)?.measure(stopwatch);
                let (data, level) = (&shape.name, "on data in the first-level cache");
                peaks.push(Peak { rates, what: format!("the backend's own best {level} ({data}, {types})") });
            }
        }
    }
    Ok(peaks)
}
