//! The element-by-element operators, written once for every ISA.
//!
//! All of them go through their tensors in blocks of four vectors, which become one vector of bytes. The last block may
//! overlap the one before it: its elements are then computed twice, to the same bits.

use core::mem::MaybeUninit;
use core::ptr;

use super::{Add, Binary, ByteTarget, Dequantize, Mul, Requantize};
use crate::prefetch::{PREFETCH_LEN, prefetch};
use crate::simd::{ByteLimits, Simd, array_of};

/// The most elements that a block has.
const MAX_BLOCK: usize = 64;

/// Adds operands that are `i8` where `A` and `B` say so.
///
/// # Safety
///
/// As [`AddFn`](super::AddFn): the features of `S`, and the call's pointers.
#[inline(always)]
pub(crate) unsafe fn add<S: Simd, const A: bool, const B: bool>(call: &Add) {
    // SAFETY: the features are the caller's promise, as are the pointers.
    unsafe {
        let sum = Sum::<S, A, B> {
            factors: [S::splat_f(call.factors[0]), S::splat_f(call.factors[1])],
            offset: S::splat_f(call.offset),
        };
        let reach = 256.0 * (call.factors[0] + call.factors[1]) + call.offset.abs();
        // The usual sum: its bytes are like the operands', all of them, and its zero point is in the offset.
        if A == B && call.target.is_whole(A) && call.target.saturates(reach) {
            binary::<S, _, Saturated<A>>(&call.bytes, &call.target, &sum);
        } else {
            binary::<S, _, TargetVectors<S, true>>(&call.bytes, &call.target, &sum);
        }
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
        let product = Product::<S, A, B> {
            origins: [S::origin::<A>(call.zeros[0]), S::origin::<B>(call.zeros[1])],
            factor: S::splat_f(call.factor),
        };
        if call.target.saturates(65_536.0 * call.factor) {
            binary::<S, _, TargetVectors<S, false>>(&call.bytes, &call.target, &product);
        } else {
            binary::<S, _, TargetVectors<S, true>>(&call.bytes, &call.target, &product);
        }
    }
}

/// What two blocks of operands become.
trait Combine<S: Simd> {
    /// # Safety
    ///
    /// The features of `S`.
    unsafe fn combine(&self, a: S::B, b: S::B) -> [S::F; 4];
}

struct Sum<S: Simd, const A: bool, const B: bool> {
    factors: [S::F; 2],
    offset: S::F,
}

impl<S: Simd, const A: bool, const B: bool> Combine<S> for Sum<S, A, B> {
    #[inline(always)]
    unsafe fn combine(&self, a: S::B, b: S::B) -> [S::F; 4] {
        // SAFETY: the caller's promise.
        unsafe {
            let (a, b) = (S::floats::<A>(a), S::floats::<B>(b));
            array_of!(4, v => {
                S::mul_add_f(a[v], self.factors[0], S::mul_add_f(b[v], self.factors[1], self.offset))
            })
        }
    }
}

struct Product<S: Simd, const A: bool, const B: bool> {
    origins: [S::F; 2],
    factor: S::F,
}

impl<S: Simd, const A: bool, const B: bool> Combine<S> for Product<S, A, B> {
    #[inline(always)]
    unsafe fn combine(&self, a: S::B, b: S::B) -> [S::F; 4] {
        // SAFETY: the caller's promise.
        unsafe {
            let (a, b) = (S::distances::<A>(a, self.origins[0]), S::distances::<B>(b, self.origins[1]));
            // The product of two integers of nine bits is exact.
            array_of!(4, v => S::mul_f(S::mul_f(a[v], b[v]), self.factor))
        }
    }
}

/// Combines two operands, block by block.
///
/// # Safety
///
/// The features of `S`, and the pointers of `bytes`.
#[inline(always)]
unsafe fn binary<S: Simd, C: Combine<S>, T: ToBytes<S>>(bytes: &Binary, target: &ByteTarget, with: &C) {
    // SAFETY: blocks lie inside the operands, or inside buffers that hold them.
    unsafe {
        let target = T::new(target);
        let (mut a, mut b, mut out) = (Buffer::<u8>::EMPTY, Buffer::<u8>::EMPTY, Buffer::<u8>::EMPTY);
        let (from_a, from_b) = (a.reader::<S>(bytes.a, bytes.len), b.reader::<S>(bytes.b, bytes.len));
        let to = out.writer::<S>(bytes.out, bytes.len);
        for at in Blocks::new::<S>(bytes.len) {
            if bytes.len >= PREFETCH_LEN {
                prefetch(from_a.wrapping_add(at));
                prefetch(from_b.wrapping_add(at));
                prefetch(to.wrapping_add(at));
            }
            let combined = with.combine(S::read_bytes(from_a.add(at)), S::read_bytes(from_b.add(at)));
            S::store_bytes(to.add(at), target.bytes(combined));
        }
        out.flush::<S>(bytes.out, bytes.len);
    }
}

/// From one scale and zero point to another.
///
/// # Safety
///
/// As [`RequantizeFn`](super::RequantizeFn).
#[inline(always)]
pub(crate) unsafe fn requantize<S: Simd, const SIGNED: bool>(call: &Requantize) {
    // SAFETY: the caller's promises, handed on.
    unsafe {
        if call.target.saturates(256.0 * call.scale) {
            rescale::<S, SIGNED, false>(call);
        } else {
            rescale::<S, SIGNED, true>(call);
        }
    }
}

#[inline(always)]
unsafe fn rescale<S: Simd, const SIGNED: bool, const LIMITED: bool>(call: &Requantize) {
    // SAFETY: as in `binary`.
    unsafe {
        let (origin, scale) = (S::origin::<SIGNED>(call.zero), S::splat_f(call.scale));
        let target = TargetVectors::<S, LIMITED>::new(&call.target);
        let (mut input, mut out) = (Buffer::<u8>::EMPTY, Buffer::<u8>::EMPTY);
        let (from, to) = (input.reader::<S>(call.input, call.len), out.writer::<S>(call.out, call.len));
        for at in Blocks::new::<S>(call.len) {
            if call.len >= PREFETCH_LEN {
                prefetch(from.wrapping_add(at));
                prefetch(to.wrapping_add(at));
            }
            let steps = S::distances::<SIGNED>(S::read_bytes(from.add(at)), origin);
            let scaled = array_of!(4, v => S::mul_f(steps[v], scale));
            S::store_bytes(to.add(at), target.bytes(scaled));
        }
        out.flush::<S>(call.out, call.len);
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
        let (mut input, mut out) = (Buffer::<u8>::EMPTY, Buffer::<f32>::EMPTY);
        let (from, to) = (input.reader::<S>(call.input, call.len), out.writer::<S>(call.out, call.len));
        for at in Blocks::new::<S>(call.len) {
            for v in 0..4 {
                let at = at + v * S::LANES;
                let steps = S::to_f32(S::sub(load::<S, SIGNED>(from.add(at)), zero));
                S::store_f(to.add(at), S::mul_f(steps, scale));
            }
        }
        out.flush::<S>(call.out, call.len);
    }
}

/// Where the blocks of a tensor begin: side by side, but for the last, which ends where the tensor does. A tensor of less than
/// a block has one.
pub(super) struct Blocks {
    next: Option<usize>,
    last: usize,
    step: usize,
}

impl Blocks {
    #[inline(always)]
    pub(super) fn new<S: Simd>(len: usize) -> Blocks {
        let step = 4 * S::LANES;
        Blocks { next: (len > 0).then_some(0), last: len.saturating_sub(step), step }
    }
}

impl Iterator for Blocks {
    type Item = usize;

    #[inline(always)]
    fn next(&mut self) -> Option<usize> {
        let at = self.next?;
        self.next = (at < self.last).then_some((at + self.step).min(self.last));
        Some(at)
    }
}

/// What a tensor of less than a block is read or written through; a longer one goes past it.
pub(super) struct Buffer<T>(MaybeUninit<[T; MAX_BLOCK]>);

impl<T: Copy + Default> Buffer<T> {
    pub(super) const EMPTY: Buffer<T> = Buffer(MaybeUninit::uninit());

    /// Where to read the tensor of `len` elements at `p`.
    ///
    /// # Safety
    ///
    /// `p` is valid for `len` reads.
    #[inline(always)]
    pub(super) unsafe fn reader<S: Simd>(&mut self, p: *const T, len: usize) -> *const T {
        if len >= 4 * S::LANES {
            return p;
        }
        let buffer = self.0.write([T::default(); MAX_BLOCK]);
        // SAFETY: the caller's promise; a buffer holds any block.
        unsafe { ptr::copy_nonoverlapping(p, buffer.as_mut_ptr(), len) };
        buffer.as_ptr()
    }

    /// Where to write the tensor of `len` elements at `p`.
    #[inline(always)]
    pub(super) fn writer<S: Simd>(&mut self, p: *mut T, len: usize) -> *mut T {
        if len >= 4 * S::LANES { p } else { self.0.as_mut_ptr().cast() }
    }

    /// Brings what was written to `p`.
    ///
    /// # Safety
    ///
    /// `p` is valid for `len` writes, and a block was stored at [`writer`](Self::writer) if there is one.
    #[inline(always)]
    pub(super) unsafe fn flush<S: Simd>(&self, p: *mut T, len: usize) {
        if len < 4 * S::LANES {
            // SAFETY: the caller's promise.
            unsafe { ptr::copy_nonoverlapping(self.0.as_ptr().cast(), p, len) };
        }
    }
}

/// How floats become bytes.
pub(crate) trait ToBytes<S: Simd>: Copy {
    /// # Safety
    ///
    /// The features of `S`.
    unsafe fn new(target: &ByteTarget) -> Self;

    /// Clamps, rounds and adds the zero point; `x` are in the order of [`Simd::floats`].
    ///
    /// # Safety
    ///
    /// The features of `S`; no `x` is NaN, nor more than the implementation takes.
    unsafe fn bytes(&self, x: [S::F; 4]) -> S::B;
}

/// [`ByteTarget`] in vectors. Without `LIMITED`, the target [`saturates`](ByteTarget::saturates) at what it gets.
#[derive(Clone, Copy)]
pub(crate) struct TargetVectors<S: Simd, const LIMITED: bool> {
    high: S::F,
    limits: ByteLimits<S>,
}

impl<S: Simd, const LIMITED: bool> ToBytes<S> for TargetVectors<S, LIMITED> {
    #[inline(always)]
    unsafe fn new(target: &ByteTarget) -> Self {
        // SAFETY: the caller's promise.
        unsafe { TargetVectors { high: S::splat_f(target.high), limits: S::byte_limits(target.range) } }
    }

    #[inline(always)]
    unsafe fn bytes(&self, x: [S::F; 4]) -> S::B {
        // SAFETY: the caller's promise.
        unsafe { S::narrow_floats(self.round(x), &self.limits) }
    }
}

impl<S: Simd, const LIMITED: bool> TargetVectors<S, LIMITED> {
    /// What [`bytes`](ToBytes::bytes) does, with `x` and the bytes in order.
    ///
    /// # Safety
    ///
    /// As it.
    #[inline(always)]
    pub(crate) unsafe fn bytes_in_order(&self, x: [S::F; 4]) -> S::B {
        // SAFETY: the caller's promise.
        unsafe { S::narrow(self.round(x), &self.limits) }
    }

    /// What [`bytes`](ToBytes::bytes) does, with `x` in the order of [`Simd::u16x_distances`] and the bytes in order.
    ///
    /// # Safety
    ///
    /// As it.
    #[inline(always)]
    pub(crate) unsafe fn u16x_bytes(&self, x: [S::F; 4]) -> S::B {
        // SAFETY: the caller's promise.
        unsafe { S::narrow_u16x(self.round(x), &self.limits) }
    }

    #[inline(always)]
    unsafe fn round(&self, x: [S::F; 4]) -> [S::I; 4] {
        // SAFETY: no more than 2²² with the limit, which is at most 510, or without it by the promise of `bytes`.
        array_of!(4, v => unsafe { S::round(if LIMITED { S::min_f(x[v], self.high) } else { x[v] }) })
    }
}

/// The whole range of bytes, zero point 0, for floats at which that [`saturates`](ByteTarget::saturates).
#[derive(Clone, Copy)]
struct Saturated<const SIGNED: bool>;

impl<S: Simd, const SIGNED: bool> ToBytes<S> for Saturated<SIGNED> {
    #[inline(always)]
    unsafe fn new(_: &ByteTarget) -> Self {
        Saturated
    }

    #[inline(always)]
    unsafe fn bytes(&self, x: [S::F; 4]) -> S::B {
        // SAFETY: the caller's promise.
        unsafe { S::saturate_floats::<SIGNED>(array_of!(4, v => S::round(x[v]))) }
    }
}

/// # Safety
///
/// The features of `S`; `p` is valid for `LANES` reads.
#[inline(always)]
unsafe fn load<S: Simd, const SIGNED: bool>(p: *const u8) -> S::I {
    // SAFETY: the caller's promise.
    unsafe { if SIGNED { S::load_i8(p.cast()) } else { S::load_u8(p) } }
}
