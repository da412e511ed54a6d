//! The element-by-element operators, written once for every ISA.
//!
//! All of them go through their tensors in blocks of four vectors, which become one vector of bytes. The last block may
//! overlap the one before it: its elements are then computed twice, to the same bits.

use core::mem::MaybeUninit;
use core::ptr;

use super::{Add, Binary, ByteTarget, Dequantize, Map, Mul, Requantize};
use crate::prefetch::{PREFETCH_LEN, prefetch, prefetch_line};
use crate::simd::{ByteLimits, Simd, array_of};

/// Floats that a prefetch of an output is ahead.
const FLOATS_AHEAD: usize = 1024;

/// The most elements that a block has.
const MAX_BLOCK: usize = 64;

/// Adds operands that are `i8` where `A` and `B` say so.
///
/// # Safety
///
/// As [`Code`](super::contract::Code), but for the features, which the token proves.
#[inline(always)]
pub(crate) unsafe fn add<S: Simd, const A: bool, const B: bool>(isa: S, call: &Add) {
    // SAFETY: the pointers are the caller's promise.
    unsafe {
        let sum = Combine::<S, false, A, B> {
            isa,
            operands: [isa.splat_f(call.factors[0]), isa.splat_f(call.factors[1])],
            result: isa.splat_f(call.offset),
        };
        let reach = 256.0 * (call.factors[0] + call.factors[1]) + call.offset.abs();
        // The usual sum: output of the operands' type over its whole range, with the zero point in the offset.
        if A == B && call.target.is_whole(A) && call.target.saturates(reach) {
            binary::<S, Saturated<S, A>, _, _, _>(&call.bytes, &call.target, &sum);
        } else {
            binary::<S, TargetVectors<S, true>, _, _, _>(&call.bytes, &call.target, &sum);
        }
    }
}

/// Multiplies operands that are `i8` where `A` and `B` say so.
///
/// # Safety
///
/// As [`add`].
#[inline(always)]
pub(crate) unsafe fn mul<S: Simd, const A: bool, const B: bool>(isa: S, call: &Mul) {
    // SAFETY: as in `add`.
    unsafe {
        let product = Combine::<S, true, A, B> {
            isa,
            operands: [isa.origin::<A>(call.zeros[0]), isa.origin::<B>(call.zeros[1])],
            result: isa.splat_f(call.factor),
        };
        if call.target.saturates(65_536.0 * call.factor) {
            binary::<S, TargetVectors<S, false>, _, _, _>(&call.bytes, &call.target, &product);
        } else {
            binary::<S, TargetVectors<S, true>, _, _, _>(&call.bytes, &call.target, &product);
        }
    }
}

/// An operation on two blocks of operands, which are `i8` where `A` and `B` say so: a sum, or a product if `MUL`.
struct Combine<S: Simd, const MUL: bool, const A: bool, const B: bool> {
    isa: S,
    /// The operands' factors, or their zero points as [`Simd::origin`].
    operands: [S::F; 2],
    /// The sum's offset, or the product's factor.
    result: S::F,
}

impl<S: Simd, const MUL: bool, const A: bool, const B: bool> Combine<S, MUL, A, B> {
    #[inline(always)]
    fn combine(&self, a: S::B, b: S::B) -> [S::F; 4] {
        let Combine { isa, operands, result } = *self;
        if MUL {
            let (a, b) = (isa.distances::<A>(a, operands[0]), isa.distances::<B>(b, operands[1]));
            // The product of two integers of nine bits is exact.
            array_of!(4, v => isa.mul_f(isa.mul_f(a[v], b[v]), result))
        } else {
            let (a, b) = (isa.floats::<A>(a), isa.floats::<B>(b));
            array_of!(4, v => isa.mul_add_f(a[v], operands[0], isa.mul_add_f(b[v], operands[1], result)))
        }
    }
}

/// Combines two operands, block by block.
///
/// # Safety
///
/// The pointers of `bytes` are valid.
#[inline(always)]
unsafe fn binary<S: Simd, T: ToBytes<S>, const MUL: bool, const A: bool, const B: bool>(
    bytes: &Binary,
    target: &ByteTarget,
    with: &Combine<S, MUL, A, B>,
) {
    // SAFETY: blocks lie inside the operands, or inside buffers that hold them.
    unsafe {
        let (isa, target) = (with.isa, T::new(with.isa, target));
        let (mut a, mut b, mut out) = (Buffer::<u8>::EMPTY, Buffer::<u8>::EMPTY, Buffer::<u8>::EMPTY);
        let (from_a, from_b) = (a.reader::<S>(bytes.a, bytes.len), b.reader::<S>(bytes.b, bytes.len));
        let to = out.writer::<S>(bytes.out, bytes.len);
        for at in Blocks::new::<S>(bytes.len) {
            if bytes.len >= PREFETCH_LEN {
                prefetch(from_a.wrapping_add(at));
                prefetch(from_b.wrapping_add(at));
                prefetch(to.wrapping_add(at));
            }
            let combined = with.combine(isa.read_bytes(from_a.add(at)), isa.read_bytes(from_b.add(at)));
            isa.store_bytes(to.add(at), target.bytes(combined));
        }
        out.flush::<S>(bytes.out, bytes.len);
    }
}

/// From one scale and zero point to another.
///
/// # Safety
///
/// As [`add`].
#[inline(always)]
pub(crate) unsafe fn requantize<S: Simd, const SIGNED: bool>(isa: S, call: &Requantize) {
    // SAFETY: the caller's promises, handed on.
    unsafe {
        if call.target.saturates(256.0 * call.scale) {
            rescale::<S, SIGNED, false>(isa, call);
        } else {
            rescale::<S, SIGNED, true>(isa, call);
        }
    }
}

#[inline(always)]
unsafe fn rescale<S: Simd, const SIGNED: bool, const LIMITED: bool>(isa: S, call: &Requantize) {
    // SAFETY: as in `binary`.
    unsafe {
        let (origin, scale) = (isa.origin::<SIGNED>(call.zero), isa.splat_f(call.scale));
        let target = TargetVectors::<S, LIMITED>::new(isa, &call.target);
        let mut buffers = Buffers::EMPTY;
        let (from, to) = buffers.open::<S>(&call.tensors);
        for at in Blocks::new::<S>(call.tensors.len) {
            if call.tensors.len >= PREFETCH_LEN {
                prefetch(from.wrapping_add(at));
                prefetch(to.wrapping_add(at));
            }
            let steps = isa.distances::<SIGNED>(isa.read_bytes(from.add(at)), origin);
            let scaled = array_of!(4, v => isa.mul_f(steps[v], scale));
            isa.store_bytes(to.add(at), target.bytes(scaled));
        }
        buffers.close::<S>(&call.tensors);
    }
}

/// From eight bits to `f32`.
///
/// # Safety
///
/// As [`add`].
#[inline(always)]
pub(crate) unsafe fn dequantize<S: Simd, const SIGNED: bool>(isa: S, call: &Dequantize) {
    // SAFETY: as in `binary`.
    unsafe {
        let (zero, scale) = (isa.splat(call.zero), isa.splat_f(call.scale));
        let mut buffers = Buffers::EMPTY;
        let (from, to) = buffers.open::<S>(&call.tensors);
        for at in Blocks::new::<S>(call.tensors.len) {
            for v in 0..4 {
                let at = at + v * S::LANES;
                // Four times as much is written as is read.
                prefetch_line(to.wrapping_add(at + FLOATS_AHEAD).cast());
                let steps = isa.to_f32(isa.sub(isa.load_extended::<SIGNED>(from.add(at)), zero));
                isa.store_f(to.add(at), isa.mul_f(steps, scale));
            }
        }
        buffers.close::<S>(&call.tensors);
    }
}

/// Where the blocks of a tensor begin: side by side, except for the last one, which ends where the tensor does. A tensor of
/// less than a block has one block.
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

/// The buffer through which a tensor of less than a block is read or written; longer tensors do not use it.
struct Buffer<T>(MaybeUninit<[T; MAX_BLOCK]>);

impl<T: Copy + Default> Buffer<T> {
    const EMPTY: Buffer<T> = Buffer(MaybeUninit::uninit());

    /// Where to read the tensor of `len` elements at `p`.
    ///
    /// # Safety
    ///
    /// `p` is valid for `len` reads.
    #[inline(always)]
    unsafe fn reader<S: Simd>(&mut self, p: *const T, len: usize) -> *const T {
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
    fn writer<S: Simd>(&mut self, p: *mut T, len: usize) -> *mut T {
        if len >= 4 * S::LANES { p } else { self.0.as_mut_ptr().cast() }
    }

    /// Copies what was written to `p`.
    ///
    /// # Safety
    ///
    /// `p` is valid for `len` writes, and a block was stored at [`writer`](Self::writer) if there is one.
    #[inline(always)]
    unsafe fn flush<S: Simd>(&self, p: *mut T, len: usize) {
        if len < 4 * S::LANES {
            // SAFETY: the caller's promise.
            unsafe { ptr::copy_nonoverlapping(self.0.as_ptr().cast(), p, len) };
        }
    }
}

/// The buffers of a [`Map`].
pub(super) struct Buffers<I, O> {
    input: Buffer<I>,
    out: Buffer<O>,
}

impl<I: Copy + Default, O: Copy + Default> Buffers<I, O> {
    pub(super) const EMPTY: Buffers<I, O> = Buffers { input: Buffer::EMPTY, out: Buffer::EMPTY };

    /// Where to read the input and where to write the output.
    ///
    /// # Safety
    ///
    /// The input is valid for reads.
    #[inline(always)]
    pub(super) unsafe fn open<S: Simd>(&mut self, tensors: &Map<I, O>) -> (*const I, *mut O) {
        // SAFETY: the caller's promise.
        let from = unsafe { self.input.reader::<S>(tensors.input, tensors.len) };
        (from, self.out.writer::<S>(tensors.out, tensors.len))
    }

    /// Copies what was written to the output.
    ///
    /// # Safety
    ///
    /// The output is valid for writes, and a block was stored if it has elements.
    #[inline(always)]
    pub(super) unsafe fn close<S: Simd>(&self, tensors: &Map<I, O>) {
        // SAFETY: the caller's promise.
        unsafe { self.out.flush::<S>(tensors.out, tensors.len) };
    }
}

/// How floats become bytes.
pub(crate) trait ToBytes<S: Simd>: Copy {
    fn new(isa: S, target: &ByteTarget) -> Self;

    /// Clamps, rounds and adds the zero point; `x` are in the order of [`Simd::floats`]. No `x` is NaN or greater than the
    /// implementation allows.
    fn bytes(&self, x: [S::F; 4]) -> S::B;
}

/// [`ByteTarget`] in vectors. Without `LIMITED`, the target [`saturates`](ByteTarget::saturates) for its inputs.
#[derive(Clone, Copy)]
pub(crate) struct TargetVectors<S: Simd, const LIMITED: bool> {
    isa: S,
    high: S::F,
    limits: ByteLimits<S>,
}

impl<S: Simd, const LIMITED: bool> ToBytes<S> for TargetVectors<S, LIMITED> {
    #[inline(always)]
    fn new(isa: S, target: &ByteTarget) -> Self {
        TargetVectors { isa, high: isa.splat_f(target.high), limits: isa.byte_limits(target.range) }
    }

    #[inline(always)]
    fn bytes(&self, x: [S::F; 4]) -> S::B {
        self.isa.narrow_floats(self.round(x), &self.limits)
    }
}

impl<S: Simd, const LIMITED: bool> TargetVectors<S, LIMITED> {
    /// As [`bytes`](ToBytes::bytes), with `x` and the bytes in order.
    #[inline(always)]
    pub(crate) fn bytes_in_order(&self, x: [S::F; 4]) -> S::B {
        self.isa.narrow(self.round(x), &self.limits)
    }

    /// As [`bytes`](ToBytes::bytes), with `x` in the order of [`Simd::u16x_distances`] and the bytes in order.
    #[inline(always)]
    pub(crate) fn u16x_bytes(&self, x: [S::F; 4]) -> S::B {
        self.isa.narrow_u16x(self.round(x), &self.limits)
    }

    #[inline(always)]
    fn round(&self, x: [S::F; 4]) -> [S::I; 4] {
        let isa = self.isa;
        // No more than 2²² with the limit, which is at most 510, or without it by the promise of `bytes`.
        array_of!(4, v => isa.round(if LIMITED { isa.min_f(x[v], self.high) } else { x[v] }))
    }
}

/// The whole range of bytes, zero point 0, for floats at which that [`saturates`](ByteTarget::saturates).
#[derive(Clone, Copy)]
struct Saturated<S: Simd, const SIGNED: bool>(S);

impl<S: Simd, const SIGNED: bool> ToBytes<S> for Saturated<S, SIGNED> {
    #[inline(always)]
    fn new(isa: S, _: &ByteTarget) -> Self {
        Saturated(isa)
    }

    #[inline(always)]
    fn bytes(&self, x: [S::F; 4]) -> S::B {
        self.0.saturate_floats::<SIGNED>(array_of!(4, v => self.0.round(x[v])))
    }
}
