//! Exponentials, and the curves made of them: activations.

use crate::Backend;
use crate::simd::Simd;

/// A function of each element. Its results are within 3e-7 of the exact ones, or within that part of results and elements that are greater
/// than 1, and the same on every backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Curve {
    /// 1 / (1 + e⁻ˣ)
    Sigmoid,
    /// (eˣ − e⁻ˣ) / (eˣ + e⁻ˣ)
    Tanh,
    /// eˣ, and 0 below −176.
    Exp,
    /// x/2 · (1 + erf(x / √2))
    Gelu,
    /// x/2 · (1 + tanh(√(2/π) · (x + 0.044715 x³)))
    GeluByTanh,
    /// x / (1 + e⁻ˣ)
    Swish,
    /// x · tanh(ln(1 + eˣ))
    Mish,
    /// x · (x/6 + 1/2 between 0 and 1)
    HardSwish,
}

/// Replaces each element by its place on the curve. NaN stays NaN.
pub fn apply_curve(backend: Backend, curve: Curve, elements: &mut [f32]) {
    let out = elements.as_mut_ptr();
    let call = CurveCall { curve, x: out, out, count: elements.len() };
    // SAFETY: the elements are borrowed mutably; the backend exists, so its features do.
    unsafe { (backend.entry().ops.float.curve)(&call) }
}

/// Writes the place of each element of `x` on the curve. NaN stays NaN.
///
/// # Panics
///
/// If `out` has another length than `x`.
pub fn curve_of(backend: Backend, curve: Curve, x: &[f32], out: &mut [f32]) {
    assert_eq!(x.len(), out.len(), "as many results as elements");
    let call = CurveCall { curve, x: x.as_ptr(), out: out.as_mut_ptr(), count: x.len() };
    // SAFETY: elements and results are borrowed; the backend exists, so its features do.
    unsafe { (backend.entry().ops.float.curve)(&call) }
}

/// What a kernel computes.
pub(crate) struct CurveCall {
    curve: Curve,
    /// The elements, which may be where the results are.
    x: *const f32,
    out: *mut f32,
    count: usize,
}

/// The most floats of a vector.
const MOST_LANES: usize = 16;

/// Computes a call.
///
/// # Safety
///
/// `x` is readable and `out` writable for `count` elements; they are the same or apart.
#[inline(always)]
pub(crate) unsafe fn curve<S: Simd>(simd: S, call: &CurveCall) {
    let mut at = 0;
    while at + S::LANES <= call.count {
        // SAFETY: the caller's promise.
        unsafe {
            let x = simd.load_f(call.x.add(at));
            simd.store_f(call.out.add(at), place(simd, call.curve, x));
        }
        at += S::LANES;
    }
    let rest = call.count - at;
    if rest > 0 {
        let mut lanes = [0.0; MOST_LANES];
        // SAFETY: the elements left, which are fewer than lanes; lanes are as many as any vector has.
        unsafe {
            call.x.add(at).copy_to_nonoverlapping(lanes.as_mut_ptr(), rest);
            let y = place(simd, call.curve, simd.load_f(lanes.as_ptr()));
            simd.store_f(lanes.as_mut_ptr(), y);
            call.out.add(at).copy_from_nonoverlapping(lanes.as_ptr(), rest);
        }
    }
}

#[inline(always)]
fn place<S: Simd>(simd: S, curve: Curve, x: S::F) -> S::F {
    match curve {
        Curve::Sigmoid => logistic(simd, x, -1.0),
        // 1 − 2 / (1 + e²ˣ)
        Curve::Tanh => simd.mul_add_f(simd.splat_f(-2.0), logistic(simd, x, 2.0), simd.splat_f(1.0)),
        Curve::Exp => power(simd, x),
        Curve::Gelu => gelu(simd, x),
        Curve::GeluByTanh => {
            // x / (1 + e⁻²ᵘ), where u is what the hyperbolic tangent is of.
            let square = simd.mul_f(x, x);
            let slope = simd.mul_add_f(square, simd.splat_f(0.044_715), simd.splat_f(1.0));
            let u = simd.mul_f(simd.mul_f(x, slope), simd.splat_f(SQRT_2_OVER_PI));
            share(simd, x, simd.mul_f(u, simd.splat_f(-2.0)))
        }
        Curve::Swish => share(simd, x, simd.mul_f(x, simd.splat_f(-1.0))),
        Curve::Mish => {
            // tanh(ln(1 + e)) = (e² + 2e) / (e² + 2e + 2); from 20 on it is 1.
            let e = exp(simd, simd.min_f(x, simd.splat_f(20.0)));
            let two = simd.splat_f(2.0);
            let part = simd.mul_f(e, simd.add_f(e, two));
            simd.mul_f(x, simd.div_f(part, simd.add_f(part, two)))
        }
        Curve::HardSwish => {
            let part = simd.mul_add_f(x, simd.splat_f(1.0 / 6.0), simd.splat_f(0.5));
            let part = simd.min_f(simd.max_f(part, simd.splat_f(0.0)), simd.splat_f(1.0));
            simd.mul_f(x, part)
        }
    }
}

/// √(2/π)
const SQRT_2_OVER_PI: f32 = (core::f64::consts::FRAC_2_SQRT_PI * core::f64::consts::FRAC_1_SQRT_2) as f32;

/// eˣ, also where it is more than 1.7e38: a square.
#[inline(always)]
fn power<S: Simd>(simd: S, x: S::F) -> S::F {
    let root = exp(simd, simd.mul_f(x, simd.splat_f(0.5)));
    simd.mul_f(root, root)
}

/// x / (1 + eᵗ) as a product, so that it is 0 where x is a great negative number, and NaN where that is −∞.
#[inline(always)]
fn share<S: Simd>(simd: S, x: S::F, t: S::F) -> S::F {
    let one = simd.splat_f(1.0);
    simd.mul_f(x, simd.div_f(one, simd.add_f(one, power(simd, t))))
}

/// The distance of erf(x) from 1, for x ≥ 0: Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26, whose error is below 1.5e-7.
#[inline(always)]
fn erfc<S: Simd>(simd: S, x: S::F) -> S::F {
    const TERMS: [f64; 5] = [1.061_405_429, -1.453_152_027, 1.421_413_741, -0.284_496_736, 0.254_829_592];
    let one = simd.splat_f(1.0);
    let t = simd.div_f(one, simd.mul_add_f(x, simd.splat_f(0.327_591_1), one));
    let mut sum = simd.splat_f(0.0);
    for term in TERMS {
        sum = simd.mul_add_f(sum, t, simd.splat_f(term as f32));
    }
    let square = simd.mul_f(x, simd.mul_f(x, simd.splat_f(-1.0)));
    simd.mul_f(simd.mul_f(sum, t), exp(simd, square))
}

#[inline(always)]
fn magnitude<S: Simd>(simd: S, x: S::F) -> S::F {
    simd.max_f(x, simd.mul_f(x, simd.splat_f(-1.0)))
}

/// The greater of x and 0, less a term that is small far from 0.
#[inline(always)]
fn gelu<S: Simd>(simd: S, x: S::F) -> S::F {
    // From here on the term is 0.
    let size = simd.min_f(magnitude(simd, x), simd.splat_f(16.0));
    let rest = erfc(simd, simd.mul_f(size, simd.splat_f(core::f32::consts::FRAC_1_SQRT_2)));
    let term = simd.mul_f(size, simd.mul_f(rest, simd.splat_f(-0.5)));
    let zero = simd.splat_f(0.0);
    // Nothing is added but NaN for −∞, whose product with 0 it is.
    let positive = simd.mul_add_f(simd.min_f(x, zero), zero, simd.max_f(x, zero));
    simd.add_f(positive, term)
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
