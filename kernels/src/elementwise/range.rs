//! The range of floats.

use super::generic::Blocks;
use crate::Backend;
use crate::simd::{Simd, array_of};

/// The least and the greatest of some floats and 0; `None` if one of them is not finite. A zero is positive.
#[must_use]
pub fn range(backend: Backend, x: &[f32]) -> Option<(f32, f32)> {
    // SAFETY: the backend exists, so its features do.
    unsafe { (backend.entry().ops.range)(x) }
}

/// The range of floats.
#[inline(always)]
pub(crate) fn range_of<S: Simd>(isa: S, x: &[f32]) -> Option<(f32, f32)> {
    let (mut least, mut greatest, mut trace) = (0.0f32, 0.0f32, 0.0f32);
    if x.len() >= 4 * S::LANES {
        let zero = isa.splat_f(0.0);
        let (mut low, mut high, mut traces) = ([zero; 4], [zero; 4], [zero; 4]);
        for at in Blocks::new::<S>(x.len()) {
            // SAFETY: blocks lie within the floats.
            let x = unsafe { array_of!(4, v => isa.load_f(x.as_ptr().add(at + v * S::LANES))) };
            for v in 0..4 {
                low[v] = isa.min_f(low[v], x[v]);
                high[v] = isa.max_f(high[v], x[v]);
                // Nothing, but for infinities and what is not a number: once there, it stays.
                traces[v] = isa.add_f(traces[v], isa.sub_f(x[v], x[v]));
            }
        }
        for v in 0..4 {
            let [low, high, traces] = [isa.lanes_f(low[v]), isa.lanes_f(high[v]), isa.lanes_f(traces[v])];
            for lane in 0..S::LANES {
                (least, greatest) = (least.min(low.at(lane)), greatest.max(high.at(lane)));
                trace += traces.at(lane);
            }
        }
    } else {
        for &x in x {
            (least, greatest) = (least.min(x), greatest.max(x));
            trace += x - x;
        }
    }
    // The sum with 0 is never a negative zero.
    (trace == 0.0).then_some((least + 0.0, greatest + 0.0))
}
