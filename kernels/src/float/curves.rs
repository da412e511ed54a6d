//! Exponentials, and the curves made of them: sigmoid and hyperbolic tangent.

use crate::Backend;
use crate::simd::Simd;

/// A function of each element. Its results are within 3e-7 of the exact ones, the same on every backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Curve {
    /// 1 / (1 + e⁻ˣ)
    Sigmoid,
    /// (eˣ − e⁻ˣ) / (eˣ + e⁻ˣ)
    Tanh,
}

/// Replaces each element by its place on the curve. NaN stays NaN.
pub fn apply_curve(backend: Backend, curve: Curve, elements: &mut [f32]) {
    let call = CurveCall { curve, elements: elements.as_mut_ptr(), count: elements.len() };
    // SAFETY: the elements are borrowed mutably; the backend exists, so its features do.
    unsafe { (backend.entry().ops.float.curve)(&call) }
}

/// What a kernel computes.
pub(crate) struct CurveCall {
    curve: Curve,
    elements: *mut f32,
    count: usize,
}

/// The most floats of a vector.
const MOST_LANES: usize = 16;

/// Computes a call.
///
/// # Safety
///
/// The elements are readable and writable.
#[inline(always)]
pub(crate) unsafe fn curve<S: Simd>(simd: S, call: &CurveCall) {
    let mut at = 0;
    while at + S::LANES <= call.count {
        // SAFETY: the caller's promise.
        unsafe {
            let p = call.elements.add(at);
            simd.store_f(p, place(simd, call.curve, simd.load_f(p)));
        }
        at += S::LANES;
    }
    let rest = call.count - at;
    if rest > 0 {
        let mut lanes = [0.0; MOST_LANES];
        // SAFETY: the elements left, which are fewer than lanes; lanes are as many as any vector has.
        unsafe {
            let p = call.elements.add(at);
            p.copy_to_nonoverlapping(lanes.as_mut_ptr(), rest);
            let y = place(simd, call.curve, simd.load_f(lanes.as_ptr()));
            simd.store_f(lanes.as_mut_ptr(), y);
            p.copy_from_nonoverlapping(lanes.as_ptr(), rest);
        }
    }
}

#[inline(always)]
fn place<S: Simd>(simd: S, curve: Curve, x: S::F) -> S::F {
    match curve {
        Curve::Sigmoid => logistic(simd, x, -1.0),
        // 1 − 2 / (1 + e²ˣ)
        Curve::Tanh => simd.mul_add_f(simd.splat_f(-2.0), logistic(simd, x, 2.0), simd.splat_f(1.0)),
    }
}

/// 1 / (1 + e^(factor · x)). No closure: it would not have the caller's instructions.
#[inline(always)]
fn logistic<S: Simd>(simd: S, x: S::F, factor: f32) -> S::F {
    let power = exp(simd, simd.mul_f(x, simd.splat_f(factor)));
    simd.div_f(simd.splat_f(1.0), simd.add_f(simd.splat_f(1.0), power))
}

/// eˣ from −88 to 88, and its values there beyond: 0 (instead of what has no normal number) and 1.7e38. NaN stays NaN.
///
/// x = n · ln 2 + r with |r| ≤ ln 2 / 2, so eˣ = 2ⁿ · eʳ; of the series of eʳ eight terms leave an error of r⁸ / 8!, which is below 6e-9.
#[inline(always)]
pub(super) fn exp<S: Simd>(simd: S, x: S::F) -> S::F {
    const LN_2: [f32; 2] = {
        let high = core::f32::consts::LN_2;
        [high, (core::f64::consts::LN_2 - high as f64) as f32]
    };
    const TERMS: [f32; 7] = [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0];
    let x = simd.min_f(simd.max_f(x, simd.splat_f(-88.0)), simd.splat_f(88.0));
    let n = simd.round(simd.mul_f(x, simd.splat_f(core::f32::consts::LOG2_E)));
    let times = simd.to_f32(n);
    let r = simd.mul_add_f(times, simd.splat_f(-LN_2[0]), x);
    let r = simd.mul_add_f(times, simd.splat_f(-LN_2[1]), r);
    let mut power = simd.splat_f(1.0 / 5040.0);
    for term in TERMS {
        power = simd.mul_add_f(power, r, simd.splat_f(term));
    }
    // A float's exponent is kept in 8 bits above 23, 127 too great.
    let scale = simd.shift_left(simd.add(n, simd.splat(127)), simd.splat(23));
    simd.mul_f(power, simd.float_of_bits(scale))
}
