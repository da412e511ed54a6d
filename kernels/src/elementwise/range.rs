//! The range of floats.

use crate::Backend;
use crate::simd::{Elements, Simd};

/// The least and the greatest of some floats and 0; `None` if one of them is not finite. A zero is positive.
#[must_use]
pub fn range(backend: Backend, x: &[f32]) -> Option<(f32, f32)> {
    // SAFETY: the backend exists, so its features do.
    unsafe { (backend.entry().ops.range)(x) }
}

/// Ranges lane by lane.
#[derive(Clone, Copy)]
struct Lanes<S: Simd> {
    low: S::F,
    high: S::F,
    /// Zeros, but for infinities and what is not a number: once there, it stays.
    trace: S::F,
}

impl<S: Simd> Lanes<S> {
    #[inline(always)]
    fn widen(&mut self, isa: S, x: S::F) {
        self.low = isa.min_f(self.low, x);
        self.high = isa.max_f(self.high, x);
        self.trace = if S::FUSED {
            isa.mul_add_f(x, isa.splat_f(0.0), self.trace)
        } else {
            isa.add_f(self.trace, isa.sub_f(x, x))
        };
    }

    #[inline(always)]
    fn merge(&mut self, isa: S, other: Lanes<S>) {
        self.low = isa.min_f(self.low, other.low);
        self.high = isa.max_f(self.high, other.high);
        self.trace = isa.add_f(self.trace, other.trace);
    }
}

/// The most lanes of a vector.
const MOST_LANES: usize = 16;

/// The result of an operation on all lanes: in halves, which the compiler makes vectors of.
#[inline(always)]
fn reduced<S: Simd>(lanes: Elements<S::F, f32>, operation: impl Fn(f32, f32) -> f32) -> f32 {
    let mut all = [0.0; MOST_LANES];
    for (lane, x) in all.iter_mut().enumerate().take(S::LANES) {
        *x = lanes.at(lane);
    }
    let mut half = S::LANES / 2;
    while half > 0 {
        for lane in 0..half {
            all[lane] = operation(all[lane], all[lane + half]);
        }
        half /= 2;
    }
    all[0]
}

/// The range of floats.
#[inline(always)]
pub(crate) fn range_of<S: Simd>(isa: S, x: &[f32]) -> Option<(f32, f32)> {
    let (mut least, mut greatest, mut trace) = (0.0f32, 0.0f32, 0.0f32);
    if x.len() >= S::LANES {
        let zero = isa.splat_f(0.0);
        let mut lanes = [Lanes { low: zero, high: zero, trace: zero }; 4];
        let mut at = 0;
        // SAFETY (every load below): the vector lies within the floats.
        while at + 4 * S::LANES <= x.len() {
            for (v, lanes) in lanes.iter_mut().enumerate() {
                // SAFETY: see above.
                lanes.widen(isa, unsafe { isa.load_f(x.as_ptr().add(at + v * S::LANES)) });
            }
            at += 4 * S::LANES;
        }
        while at < x.len() {
            // The last vector may overlap the one before it.
            // SAFETY: see above.
            lanes[0].widen(isa, unsafe { isa.load_f(x.as_ptr().add(at.min(x.len() - S::LANES))) });
            at += S::LANES;
        }
        let [mut all, others @ ..] = lanes;
        for other in others {
            all.merge(isa, other);
        }
        least = reduced::<S>(isa.lanes_f(all.low), |a, b| if a < b { a } else { b });
        greatest = reduced::<S>(isa.lanes_f(all.high), |a, b| if a > b { a } else { b });
        trace = reduced::<S>(isa.lanes_f(all.trace), |a, b| a + b);
    } else {
        for &x in x {
            (least, greatest) = (least.min(x), greatest.max(x));
            trace += x * 0.0;
        }
    }
    // The sum with 0 is never a negative zero.
    (trace == 0.0).then_some((least + 0.0, greatest + 0.0))
}
