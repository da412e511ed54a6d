//! Softmax of rows.

use super::curves::exp;
use crate::Backend;
use crate::simd::Simd;

/// Elements of a row that are added side by side, whatever a vector's lanes: the order of sums is that of every backend.
pub(super) const BLOCK: usize = 16;

/// The most vectors of a block: those of four lanes.
pub(super) const MOST_VECTORS: usize = BLOCK / 4;

/// For each row of `length` elements of `x`: eˣ / Σ eˣ. The greatest element of a row, NaN aside, is subtracted first, so that nothing
/// overflows. A row with NaN or +∞, or of −∞ alone, becomes NaN.
///
/// # Panics
///
/// If `out` has another length than `x`, or that is not one of whole rows.
pub fn softmax(backend: Backend, x: &[f32], length: usize, out: &mut [f32]) {
    assert_eq!(x.len(), out.len(), "as many results as elements");
    if x.is_empty() {
        return;
    }
    assert!(length > 0 && x.len().is_multiple_of(length), "whole rows");
    for (x, out) in x.chunks_exact(length).zip(out.chunks_exact_mut(length)) {
        let call = SoftmaxRow { x: x.as_ptr(), out: out.as_mut_ptr(), length };
        // SAFETY: both are rows of this length; the backend exists, so its features do.
        unsafe { (backend.entry().ops.float.softmax)(&call) }
    }
}

/// A row.
pub(crate) struct SoftmaxRow {
    x: *const f32,
    out: *mut f32,
    length: usize,
}

impl SoftmaxRow {
    /// The elements behind the last whole block; in their place where there are none, −∞, whose power is 0.
    ///
    /// # Safety
    ///
    /// The row is readable.
    #[inline(always)]
    unsafe fn rest(&self) -> [f32; BLOCK] {
        let mut rest = [f32::NEG_INFINITY; BLOCK];
        let count = self.length % BLOCK;
        // SAFETY: the caller's promise.
        unsafe { rest.as_mut_ptr().copy_from_nonoverlapping(self.x.add(self.length - count), count) };
        rest
    }
}

/// Computes a row.
///
/// # Safety
///
/// `x` is readable and `out` writable for `length` elements.
#[inline(always)]
pub(crate) unsafe fn softmax_row<S: Simd>(simd: S, row: &SoftmaxRow) {
    let (whole, rest) = (row.length - row.length % BLOCK, row.length % BLOCK);
    // SAFETY: whole blocks lie within both rows, as do the elements of the rest; a block has whole vectors of any backend.
    unsafe {
        let last = row.rest();
        let mut greatest = simd.splat_f(f32::NEG_INFINITY);
        for at in (0..whole).step_by(S::LANES) {
            greatest = simd.max_f(greatest, simd.load_f(row.x.add(at)));
        }
        for at in (0..BLOCK).step_by(S::LANES) {
            greatest = simd.max_f(greatest, simd.load_f(last.as_ptr().add(at)));
        }
        let lanes = simd.lanes_f(greatest);
        let greatest = (0..S::LANES).map(|lane| lanes.at(lane)).fold(f32::NEG_INFINITY, f32::max);
        let shift = simd.splat_f(-greatest);
        // In registers: vectors of a block, as many as the lanes need.
        let mut sums = [simd.splat_f(0.0); MOST_VECTORS];
        for block in (0..whole).step_by(BLOCK) {
            for (v, sum) in sums.iter_mut().enumerate().take(BLOCK / S::LANES) {
                let at = block + v * S::LANES;
                let power = exp(simd, simd.add_f(simd.load_f(row.x.add(at)), shift));
                simd.store_f(row.out.add(at), power);
                *sum = simd.add_f(*sum, power);
            }
        }
        let mut powers = [0.0; BLOCK];
        if rest > 0 {
            for (v, sum) in sums.iter_mut().enumerate().take(BLOCK / S::LANES) {
                let at = v * S::LANES;
                let power = exp(simd, simd.add_f(simd.load_f(last.as_ptr().add(at)), shift));
                simd.store_f(powers.as_mut_ptr().add(at), power);
                *sum = simd.add_f(*sum, power);
            }
        }
        let mut lanes = [0.0; BLOCK];
        for (v, &sum) in sums.iter().enumerate().take(BLOCK / S::LANES) {
            simd.store_f(lanes.as_mut_ptr().add(v * S::LANES), sum);
        }
        let factor = 1.0 / lanes.iter().sum::<f32>();
        let factors = simd.splat_f(factor);
        for at in (0..whole).step_by(S::LANES) {
            let out = row.out.add(at);
            simd.store_f(out, simd.mul_f(simd.load_f(out), factors));
        }
        for (index, power) in powers.iter().enumerate().take(rest) {
            row.out.add(whole + index).write(power * factor);
        }
    }
}
