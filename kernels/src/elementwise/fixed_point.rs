//! 32-bit codes to bytes, in fixed point.
//!
//! Floats estimate the bytes, with a bound of their error. A block with an estimate that is so close to the border between two bytes
//! that it may be on either side is computed exactly, element by element: about one block in a hundred.

use super::generic::Blocks;
use crate::Backend;
use crate::ElementType;
use crate::byte_range::ByteRange;
use crate::simd::{Simd, array_of};

/// From 32-bit codes to bytes: `(code · scale / 2³² + offset) / 2¹⁶`, each quotient rounded down, clamped to `0..=255`. A code of 2²⁴ or
/// more is first rounded to a float. Overflow wraps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FixedPoint {
    /// 2⁴⁸ times what a code is multiplied by.
    pub scale: i64,
    /// 2¹⁶ times what is added then.
    pub offset: i64,
}

impl FixedPoint {
    /// The byte for a code.
    #[inline]
    #[must_use]
    pub fn byte(self, code: i32) -> u8 {
        let code = if code.unsigned_abs() < 1 << 24 { i64::from(code) } else { code as f32 as i64 };
        let product = code.wrapping_mul(self.scale) >> 32;
        (product.wrapping_add(self.offset) >> 16).clamp(0, 255) as u8
    }
}

/// Bytes `x` that stand for the codes `x · factor + addend`, modulo 2³².
#[derive(Clone, Copy, Debug)]
pub struct CodesOfBytes<'a> {
    /// The bytes.
    pub x: &'a [u8],
    /// See above.
    pub factor: i32,
    /// One for each byte, at least.
    pub addends: &'a [i32],
}

/// Computes the byte of each code, clamped to `bounds`.
///
/// # Panics
///
/// If there are fewer addends than bytes, or `out` has another length.
pub fn requantize_bytes(
    backend: Backend,
    codes: CodesOfBytes<'_>,
    by: FixedPoint,
    bounds: [u8; 2],
    out: &mut [u8],
) {
    assert_eq!(codes.x.len(), out.len(), "output of another length");
    assert!(codes.addends.len() >= out.len(), "an addend for each byte");
    let source = Source { x: codes.x.as_ptr(), factor: codes.factor, addends: codes.addends.as_ptr() };
    let call = Call { source, by, bounds, out: out.as_mut_ptr(), len: out.len() };
    // SAFETY: all have `len` elements; the backend exists, so its features do.
    unsafe { (backend.entry().ops.fixed_point.of_bytes)(&call) };
}

/// Computes the byte of each code, clamped to `bounds`.
///
/// # Panics
///
/// If `out` has another length.
pub fn requantize_codes(backend: Backend, codes: &[i32], by: FixedPoint, bounds: [u8; 2], out: &mut [u8]) {
    assert_eq!(codes.len(), out.len(), "output of another length");
    let call = Call { source: codes.as_ptr(), by, bounds, out: out.as_mut_ptr(), len: out.len() };
    // SAFETY: as above.
    unsafe { (backend.entry().ops.fixed_point.of_codes)(&call) };
}

/// The kernels of a backend.
pub(crate) struct FixedPointOps {
    pub(crate) of_bytes: unsafe fn(&Call<Source>),
    pub(crate) of_codes: unsafe fn(&Call<*const i32>),
}

/// What a kernel computes.
pub(crate) struct Call<C> {
    source: C,
    by: FixedPoint,
    bounds: [u8; 2],
    out: *mut u8,
    len: usize,
}

/// [`CodesOfBytes`] in memory.
#[derive(Clone, Copy)]
pub(crate) struct Source {
    x: *const u8,
    factor: i32,
    addends: *const i32,
}

/// Where codes come from.
pub(crate) trait Codes: Copy {
    /// Four vectors of codes, from that of element `at` on.
    ///
    /// # Safety
    ///
    /// The elements exist.
    unsafe fn vectors<S: Simd>(self, isa: S, at: usize) -> [S::I; 4];

    /// One code.
    ///
    /// # Safety
    ///
    /// The element exists.
    unsafe fn one(self, at: usize) -> i32;
}

impl Codes for *const i32 {
    #[inline(always)]
    unsafe fn vectors<S: Simd>(self, isa: S, at: usize) -> [S::I; 4] {
        // SAFETY: the caller's promise.
        unsafe { array_of!(4, v => isa.load(self.add(at + v * S::LANES))) }
    }

    #[inline(always)]
    unsafe fn one(self, at: usize) -> i32 {
        // SAFETY: the caller's promise.
        unsafe { *self.add(at) }
    }
}

impl Codes for Source {
    #[inline(always)]
    unsafe fn vectors<S: Simd>(self, isa: S, at: usize) -> [S::I; 4] {
        let factor = isa.splat(self.factor);
        // SAFETY: the caller's promise.
        unsafe {
            array_of!(4, v => {
                let at = at + v * S::LANES;
                let products = isa.mul(isa.load_extended::<false>(self.x.add(at)), factor);
                isa.add(products, isa.load(self.addends.add(at)))
            })
        }
    }

    #[inline(always)]
    unsafe fn one(self, at: usize) -> i32 {
        // SAFETY: the caller's promise.
        let (x, addend) = unsafe { (*self.x.add(at), *self.addends.add(at)) };
        i32::from(x).wrapping_mul(self.factor).wrapping_add(addend)
    }
}

/// Estimates bytes less half of one, which rounding to the nearest integer makes of what rounding down makes of bytes.
#[derive(Clone, Copy)]
struct Estimate<S: Simd> {
    scale: S::F,
    offset: S::F,
    /// The square of the distance from an integer up to which an estimate rounds to what is exact.
    certain: S::F,
    /// The magnitude of codes up to which nothing overflows.
    reach: u32,
}

impl<S: Simd> Estimate<S> {
    /// `None` if estimates would not be close.
    #[inline(always)]
    fn new(isa: S, FixedPoint { scale, offset }: FixedPoint) -> Option<Self> {
        if scale < 0 || offset.unsigned_abs() > 1 << 28 {
            return None;
        }
        let by_scale = scale as f64 / (1u64 << 48) as f64;
        let offset = offset as f64 / f64::from(1 << 16) - 0.5;
        let reach = ((1i64 << 62) / scale.max(1)).min(i64::from(u32::MAX)) as u32;
        // For an estimate up to 256 the product is up to 257 + |offset|. It has three roundings to 24 bits, with that of the scale and
        // that of the sum, and the offset has two.
        let error = (1024.0 + 8.0 * offset.abs()) / f64::from(1 << 24);
        // Squares are rounded, too.
        let certain = (0.5 - error) * (0.5 - error) * (1.0 - 1.0 / f64::from(1 << 20));
        Some(Self {
            scale: isa.splat_f(by_scale as f32),
            offset: isa.splat_f(offset as f32),
            certain: isa.splat_f(certain as f32),
            reach,
        })
    }
}

/// Computes a call.
///
/// # Safety
///
/// The source and the output have `len` elements.
#[inline(always)]
pub(crate) unsafe fn requantize<S: Simd, C: Codes>(isa: S, call: &Call<C>) {
    let estimate = Estimate::new(isa, call.by).filter(|_| call.len >= 4 * S::LANES);
    let Some(Estimate { scale, offset, certain, reach }) = estimate else {
        // SAFETY: the caller's promise.
        return unsafe { exactly(call, 0, call.len) };
    };
    let [low, high] = [0, 1].map(|index: usize| isa.splat_f(f32::from(call.bounds[index])));
    let limits = isa.byte_limits(ByteRange::new(0, 0, ElementType::U8));
    let (mut least, mut greatest) = (isa.splat(0), isa.splat(0));
    for at in Blocks::new::<S>(call.len) {
        // SAFETY: blocks lie within the elements.
        unsafe {
            let codes = call.source.vectors(isa, at);
            let mut bytes = codes;
            let mut doubt = isa.splat_f(0.0);
            for v in 0..4 {
                least = isa.min(least, codes[v]);
                greatest = isa.max(greatest, codes[v]);
                let x = isa.add_f(isa.mul_f(isa.to_f32(codes[v]), scale), offset);
                let x = isa.min_f(isa.max_f(x, low), high);
                bytes[v] = isa.round(x);
                let rest = isa.sub_f(x, isa.to_f32(bytes[v]));
                doubt = isa.max_f(doubt, isa.mul_f(rest, rest));
            }
            if isa.any_greater(doubt, certain) {
                exactly(call, at, 4 * S::LANES);
            } else {
                isa.store_bytes(call.out.add(at), isa.narrow(bytes, &limits));
            }
        }
    }
    let (least, greatest) = (isa.lanes(least), isa.lanes(greatest));
    if (0..S::LANES).any(|lane| least.at(lane).unsigned_abs().max(greatest.at(lane).unsigned_abs()) > reach) {
        // SAFETY: the caller's promise.
        unsafe { exactly(call, 0, call.len) };
    }
}

/// Computes `count` bytes one by one.
///
/// # Safety
///
/// As [`requantize`], for elements that exist.
#[inline(always)]
unsafe fn exactly<C: Codes>(call: &Call<C>, first: usize, count: usize) {
    let [low, high] = call.bounds;
    for at in first..first + count {
        // SAFETY: the caller's promise.
        unsafe { *call.out.add(at) = call.by.byte(call.source.one(at)).max(low).min(high) };
    }
}
