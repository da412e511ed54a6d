//! The least and the greatest of 32-bit integers.

use super::generic::Blocks;
use crate::Backend;
use crate::simd::{Simd, array_of};

/// The least and the greatest of some codes; those of none are `i32::MAX` and `i32::MIN`.
#[must_use]
pub fn extremes(backend: Backend, codes: &[i32]) -> (i32, i32) {
    // SAFETY: the backend exists, so its features do.
    unsafe { (backend.entry().ops.extremes)(codes) }
}

/// The extremes of codes.
#[inline(always)]
pub(crate) fn extremes_of<S: Simd>(isa: S, codes: &[i32]) -> (i32, i32) {
    let (mut least, mut greatest) = (i32::MAX, i32::MIN);
    if codes.len() >= 4 * S::LANES {
        let (mut low, mut high) = ([isa.splat(i32::MAX); 4], [isa.splat(i32::MIN); 4]);
        for at in Blocks::new::<S>(codes.len()) {
            // SAFETY: blocks lie within the codes.
            let codes = unsafe { array_of!(4, v => isa.load(codes.as_ptr().add(at + v * S::LANES))) };
            for v in 0..4 {
                low[v] = isa.min(low[v], codes[v]);
                high[v] = isa.max(high[v], codes[v]);
            }
        }
        for v in 0..4 {
            let (low, high) = (isa.lanes(low[v]), isa.lanes(high[v]));
            for lane in 0..S::LANES {
                (least, greatest) = (least.min(low.at(lane)), greatest.max(high.at(lane)));
            }
        }
    } else {
        for &code in codes {
            (least, greatest) = (least.min(code), greatest.max(code));
        }
    }
    (least, greatest)
}
