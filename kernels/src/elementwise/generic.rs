//! The element-by-element operators, written once for every ISA.

use core::mem::MaybeUninit;
use core::ptr;

use super::{Add, Binary, Dequantize, Mul, Quantize, Requantize, Target};
use crate::simd::Simd;

/// The most lanes that a vector has: the size of the buffers that a partial vector goes through.
const MAX_LANES: usize = 16;

/// Adds operands that are `i8` where `A` and `B` say so.
///
/// # Safety
///
/// As [`AddFn`](super::AddFn): the features of `S`, and the call's pointers.
#[inline(always)]
pub(crate) unsafe fn add<S: Simd, const A: bool, const B: bool>(call: &Add) {
    // SAFETY: the features are the caller's promise, as are the pointers.
    unsafe {
        let [factor_a, factor_b] = call.factors.map(|factor| S::splat_f(factor));
        let offset = S::splat_f(call.offset);
        binary::<S, A, B>(&call.bytes, call.target, |a, b| {
            S::mul_add_f(S::to_f32(a), factor_a, S::mul_add_f(S::to_f32(b), factor_b, offset))
        });
    }
}

/// Multiplies operands that are `i8` where `A` and `B` say so.
///
/// # Safety
///
/// As [`MulFn`](super::MulFn).
#[inline(always)]
pub(crate) unsafe fn mul<S: Simd, const A: bool, const B: bool>(call: &Mul) {
    // SAFETY: as in `add`.
    unsafe {
        let [zero_a, zero_b] = call.zeros.map(|zero| S::splat(zero));
        let factor = S::splat_f(call.factor);
        binary::<S, A, B>(&call.bytes, call.target, |a, b| {
            S::mul_f(S::to_f32(S::mul(S::sub(a, zero_a), S::sub(b, zero_b))), factor)
        });
    }
}

/// Combines two operands, vector by vector.
///
/// # Safety
///
/// The features of `S`, and the pointers of `bytes`.
#[inline(always)]
unsafe fn binary<S: Simd, const A: bool, const B: bool>(
    bytes: &Binary,
    target: Target,
    combine: impl Fn(S::I, S::I) -> S::F,
) {
    // SAFETY: whole vectors are inside the operands; a partial one is read and written through buffers.
    unsafe {
        let target = TargetVectors::<S>::new(target);
        let mut at = 0;
        while at < bytes.len {
            let (mut a, mut b, mut out) = (Buffer::<u8>::EMPTY, Buffer::<u8>::EMPTY, Buffer::<u8>::EMPTY);
            let len = (bytes.len - at).min(S::LANES);
            let a = load::<S, A>(a.reader::<S>(bytes.a.add(at), len));
            let b = load::<S, B>(b.reader::<S>(bytes.b.add(at), len));
            target.store(combine(a, b), out.writer::<S>(bytes.out.add(at), len));
            out.flush::<S>(bytes.out.add(at), len);
            at += S::LANES;
        }
    }
}

/// From one scale and zero point to another.
///
/// # Safety
///
/// As [`RequantizeFn`](super::RequantizeFn).
#[inline(always)]
pub(crate) unsafe fn requantize<S: Simd, const SIGNED: bool>(call: &Requantize) {
    // SAFETY: as in `binary`.
    unsafe {
        let (zero, scale) = (S::splat(call.zero), S::splat_f(call.scale));
        let target = TargetVectors::<S>::new(call.target);
        let mut at = 0;
        while at < call.len {
            let (mut input, mut out) = (Buffer::<u8>::EMPTY, Buffer::<u8>::EMPTY);
            let len = (call.len - at).min(S::LANES);
            let x = load::<S, SIGNED>(input.reader::<S>(call.input.add(at), len));
            let scaled = S::mul_f(S::to_f32(S::sub(x, zero)), scale);
            target.store(scaled, out.writer::<S>(call.out.add(at), len));
            out.flush::<S>(call.out.add(at), len);
            at += S::LANES;
        }
    }
}

/// From `f32` to eight bits.
///
/// # Safety
///
/// As [`QuantizeFn`](super::QuantizeFn).
#[inline(always)]
pub(crate) unsafe fn quantize<S: Simd>(call: &Quantize) {
    // SAFETY: as in `binary`.
    unsafe {
        let scale = S::splat_f(call.scale);
        let target = TargetVectors::<S>::new(call.target);
        let mut at = 0;
        while at < call.len {
            let (mut input, mut out) = (Buffer::<f32>::EMPTY, Buffer::<u8>::EMPTY);
            let len = (call.len - at).min(S::LANES);
            let x = S::load_f(input.reader::<S>(call.input.add(at), len));
            let scaled = S::nan_to_zero(S::div_f(x, scale));
            target.store(scaled, out.writer::<S>(call.out.add(at), len));
            out.flush::<S>(call.out.add(at), len);
            at += S::LANES;
        }
    }
}

/// From eight bits to `f32`.
///
/// # Safety
///
/// As [`DequantizeFn`](super::DequantizeFn).
#[inline(always)]
pub(crate) unsafe fn dequantize<S: Simd, const SIGNED: bool>(call: &Dequantize) {
    // SAFETY: as in `binary`.
    unsafe {
        let (zero, scale) = (S::splat(call.zero), S::splat_f(call.scale));
        let mut at = 0;
        while at < call.len {
            let (mut input, mut out) = (Buffer::<u8>::EMPTY, Buffer::<f32>::EMPTY);
            let len = (call.len - at).min(S::LANES);
            let x = load::<S, SIGNED>(input.reader::<S>(call.input.add(at), len));
            let real = S::mul_f(S::to_f32(S::sub(x, zero)), scale);
            S::store_f(out.writer::<S>(call.out.add(at), len), real);
            out.flush::<S>(call.out.add(at), len);
            at += S::LANES;
        }
    }
}

/// What a partial vector of `T` is read or written through; a whole one goes past it.
struct Buffer<T>(MaybeUninit<[T; MAX_LANES]>);

impl<T: Copy + Default> Buffer<T> {
    const EMPTY: Buffer<T> = Buffer(MaybeUninit::uninit());

    /// Where to read a vector whose first `len` elements are at `p`.
    ///
    /// # Safety
    ///
    /// `p` is valid for `len ≤ LANES` reads.
    #[inline(always)]
    unsafe fn reader<S: Simd>(&mut self, p: *const T, len: usize) -> *const T {
        if len == S::LANES {
            return p;
        }
        let buffer = self.0.write([T::default(); MAX_LANES]);
        // SAFETY: the caller's promise; a buffer holds any vector.
        unsafe { ptr::copy_nonoverlapping(p, buffer.as_mut_ptr(), len) };
        buffer.as_ptr()
    }

    /// Where to write a vector whose first `len` elements belong to `p`.
    #[inline(always)]
    fn writer<S: Simd>(&mut self, p: *mut T, len: usize) -> *mut T {
        if len == S::LANES { p } else { self.0.as_mut_ptr().cast() }
    }

    /// Brings what was written to `p`.
    ///
    /// # Safety
    ///
    /// `p` is valid for `len ≤ LANES` writes, and a vector was stored at [`writer`](Self::writer).
    #[inline(always)]
    unsafe fn flush<S: Simd>(&self, p: *mut T, len: usize) {
        if len < S::LANES {
            // SAFETY: the caller's promise.
            unsafe { ptr::copy_nonoverlapping(self.0.as_ptr().cast(), p, len) };
        }
    }
}

/// [`Target`] in vectors.
#[derive(Clone, Copy)]
pub(crate) struct TargetVectors<S: Simd> {
    low: S::F,
    high: S::F,
    zero_point: S::I,
}

impl<S: Simd> TargetVectors<S> {
    /// # Safety
    ///
    /// The features of `S`.
    #[inline(always)]
    pub(crate) unsafe fn new(target: Target) -> TargetVectors<S> {
        let (low, high) = target.float_range();
        // SAFETY: the caller's promise.
        unsafe {
            TargetVectors {
                low: S::splat_f(low),
                high: S::splat_f(high),
                zero_point: S::splat(target.zero_point),
            }
        }
    }

    /// Clamps, rounds, adds the zero point and stores `LANES` bytes.
    ///
    /// # Safety
    ///
    /// The features of `S`; `x` is not NaN; `out` is valid for `LANES` writes.
    #[inline(always)]
    pub(crate) unsafe fn store(&self, x: S::F, out: *mut u8) {
        // SAFETY: after the clamp `|x| ≤ 255`; the rest is the caller's promise.
        unsafe {
            let rounded = S::round(S::min_f(S::max_f(x, self.low), self.high));
            S::store_low_bytes(out, S::add(rounded, self.zero_point));
        }
    }
}

/// # Safety
///
/// The features of `S`; `p` is valid for `LANES` reads.
#[inline(always)]
pub(crate) unsafe fn load<S: Simd, const SIGNED: bool>(p: *const u8) -> S::I {
    // SAFETY: the caller's promise.
    unsafe { if SIGNED { S::load_i8(p.cast()) } else { S::load_u8(p) } }
}
