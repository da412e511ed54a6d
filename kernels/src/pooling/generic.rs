//! The pooling kernels, written once for every ISA and for every way to combine taps.
//!
//! A window is combined in two steps. First its rows: the bytes of a row of the image, of all pixels and channels, with
//! those of the rows below. Then its columns: in the result of the first step neighbours are a pixel apart. So every byte is
//! extended once for all windows of a row, and images of few channels take no longer than images of many.

use core::ptr;

use super::contract::{Across, Columns, MAX_ROWS, Scale, Steps};
use crate::elementwise::generic::{TargetVectors, ToBytes};
use crate::prefetch::prefetch;
use crate::simd::{Simd, array_of};

/// The most elements that a block has.
pub(super) const MAX_BLOCK: usize = 64;

/// How taps are combined, and the intermediate form of `4 · LANES` elements.
///
/// # Safety
///
/// A block is vectors of `S`, whose elements lie in order, or in another order that only [`reload`](Self::reload) reads.
/// Pointers must be valid for the elements that functions read or write, of `BYTES` bytes each.
pub(crate) unsafe trait Combine<S: Simd> {
    type Block: Copy;
    /// Bytes of an element of a block in memory.
    const BYTES: usize = size_of::<Self::Block>() / (4 * S::LANES);
    /// The excess of an extended byte over its value.
    const EXCESS: i32 = 0;

    /// Bytes of the image.
    ///
    /// # Safety
    ///
    /// See the trait.
    unsafe fn extend(isa: S, p: *const u8) -> Self::Block;

    fn combine(isa: S, a: Self::Block, b: Self::Block) -> Self::Block;

    /// Turns combined windows into bytes of output.
    fn finish(block: Self::Block, with: &Scaling<S>) -> S::B;

    /// # Safety
    ///
    /// See the trait.
    #[inline(always)]
    unsafe fn store(_: S, p: *mut u8, block: Self::Block) {
        // SAFETY: the caller's promise.
        unsafe { p.cast::<Self::Block>().write_unaligned(block) }
    }

    /// A block that was stored, to combine it with more rows.
    ///
    /// # Safety
    ///
    /// See the trait.
    #[inline(always)]
    unsafe fn reload(_: S, p: *const u8) -> Self::Block {
        // SAFETY: the caller's promise.
        unsafe { Self::load(p) }
    }

    /// A block of what was stored, to combine it with its neighbours.
    ///
    /// # Safety
    ///
    /// See the trait.
    #[inline(always)]
    unsafe fn load(p: *const u8) -> Self::Block {
        // SAFETY: the caller's promise.
        unsafe { p.cast::<Self::Block>().read_unaligned() }
    }
}

/// The maximum.
pub(crate) struct Greatest<const SIGNED: bool>;

// SAFETY: a vector of bytes.
unsafe impl<S: Simd, const SIGNED: bool> Combine<S> for Greatest<SIGNED> {
    type Block = S::B;

    #[inline(always)]
    unsafe fn extend(isa: S, p: *const u8) -> S::B {
        // SAFETY: the caller's promise.
        unsafe { isa.read_bytes(p) }
    }

    #[inline(always)]
    fn combine(isa: S, a: S::B, b: S::B) -> S::B {
        isa.max_bytes::<SIGNED>(a, b)
    }

    #[inline(always)]
    fn finish(block: S::B, _: &Scaling<S>) -> S::B {
        block
    }
}

/// The sum of few taps: in 16 bits, unsigned.
pub(crate) struct U16Sums<const SIGNED: bool>;

// SAFETY: two vectors, which are stored in order.
unsafe impl<S: Simd, const SIGNED: bool> Combine<S> for U16Sums<SIGNED> {
    type Block = [S::W; 2];
    const EXCESS: i32 = if SIGNED { 128 } else { 0 };

    #[inline(always)]
    unsafe fn extend(isa: S, p: *const u8) -> [S::W; 2] {
        // SAFETY: the caller's promise.
        isa.to_u16x::<SIGNED>(unsafe { isa.read_bytes(p) })
    }

    #[inline(always)]
    fn combine(isa: S, a: [S::W; 2], b: [S::W; 2]) -> [S::W; 2] {
        array_of!(2, half => isa.add_u16x(a[half], b[half]))
    }

    #[inline(always)]
    fn finish(block: [S::W; 2], with: &Scaling<S>) -> S::B {
        // Lanes past the window hold arbitrary values; their bytes are discarded.
        let scaled = with.scaled(with.isa.u16x_distances(block, with.origin));
        if with.saturates { with.free.u16x_bytes(scaled) } else { with.target.u16x_bytes(scaled) }
    }

    #[inline(always)]
    unsafe fn store(isa: S, p: *mut u8, block: [S::W; 2]) {
        // SAFETY: the caller's promise.
        unsafe { isa.store_u16x(p.cast(), block) }
    }

    #[inline(always)]
    unsafe fn reload(isa: S, p: *const u8) -> [S::W; 2] {
        // SAFETY: the caller's promise.
        unsafe { isa.load_u16x(p.cast()) }
    }
}

/// The sum of many taps: in 32 bits.
pub(crate) struct I32Sums<const SIGNED: bool>;

// SAFETY: four vectors, in order.
unsafe impl<S: Simd, const SIGNED: bool> Combine<S> for I32Sums<SIGNED> {
    type Block = [S::I; 4];

    #[inline(always)]
    unsafe fn extend(isa: S, p: *const u8) -> [S::I; 4] {
        // SAFETY: the caller's promise.
        array_of!(4, v => unsafe { isa.load_extended::<SIGNED>(p.add(v * S::LANES)) })
    }

    #[inline(always)]
    fn combine(isa: S, a: [S::I; 4], b: [S::I; 4]) -> [S::I; 4] {
        array_of!(4, v => isa.add(a[v], b[v]))
    }

    #[inline(always)]
    fn finish(block: [S::I; 4], with: &Scaling<S>) -> S::B {
        let isa = with.isa;
        let sums = array_of!(4, v => isa.to_f32(isa.add(block[v], with.offset)));
        with.target.bytes_in_order(with.scaled(sums))
    }
}

/// From sums to steps of the output.
#[derive(Clone, Copy)]
pub(crate) struct Scaling<S: Simd> {
    isa: S,
    offset: S::I,
    /// The offset for [`Simd::u16x_distances`].
    origin: S::F,
    factor: S::F,
    target: TargetVectors<S, true>,
    free: TargetVectors<S, false>,
    saturates: bool,
}

impl<S: Simd> Scaling<S> {
    #[inline(always)]
    fn new(isa: S, call: &Across) -> Scaling<S> {
        let Scale { offset, factor, ref target, saturates } = call.scale;
        Scaling {
            isa,
            offset: isa.splat(offset),
            origin: isa.origin::<false>(-offset),
            factor: isa.splat_f(factor),
            target: TargetVectors::new(isa, target),
            free: TargetVectors::new(isa, target),
            saturates,
        }
    }

    #[inline(always)]
    fn scaled(&self, sums: [S::F; 4]) -> [S::F; 4] {
        array_of!(4, v => self.isa.mul_f(sums[v], self.factor))
    }
}

/// Combines rows, element by element.
///
/// # Safety
///
/// As [`ColumnsFn`](super::contract::ColumnsFn), but for the features, which the token proves.
#[inline(always)]
pub(crate) unsafe fn columns<S: Simd, C: Combine<S>>(isa: S, call: &Columns) {
    let block = 4 * S::LANES;
    // SAFETY: blocks lie inside the rows, or in the buffer; the sums have room for a block more.
    unsafe {
        let mut buffer = [[0u8; MAX_BLOCK]; MAX_ROWS];
        let mut rows = call.rows;
        if call.len < block {
            for (row, buffer) in rows.iter_mut().zip(&mut buffer).take(call.count) {
                ptr::copy_nonoverlapping(*row, buffer.as_mut_ptr(), call.len);
                *row = buffer.as_ptr();
            }
        }
        match call.count {
            2 if !call.accumulate => rows_of::<S, C, 2>(isa, call, &rows),
            3 if !call.accumulate => rows_of::<S, C, 3>(isa, call, &rows),
            _ => rows_of::<S, C, 0>(isa, call, &rows),
        }
    }
}

/// `N` rows alone, or `call.count` and perhaps what was combined before if that is 0.
#[inline(always)]
unsafe fn rows_of<S: Simd, C: Combine<S>, const N: usize>(
    isa: S,
    call: &Columns,
    rows: &[*const u8; MAX_ROWS],
) {
    // SAFETY: as in `columns`.
    unsafe {
        let (out, count) = (call.out, if N == 0 { call.count } else { N });
        let before = if N == 0 && call.accumulate { call.out } else { ptr::null() };
        let last = call.len.saturating_sub(4 * S::LANES);
        // The last block overlaps the one before it: what it adds to must be read before that is written.
        let sum = sum_of_rows::<S, C>(isa, &rows[..count], before, last);
        // Where windows overlap, the rows above these have been read before.
        let fresh = [rows[count.saturating_sub(2)], rows[count - 1]];
        let mut at = 0;
        while at < last {
            if call.prefetch {
                prefetch(fresh[0].wrapping_add(at));
                prefetch(fresh[1].wrapping_add(at));
            }
            C::store(isa, out.add(at * C::BYTES), sum_of_rows::<S, C>(isa, &rows[..count], before, at));
            at += 4 * S::LANES;
        }
        C::store(isa, out.add(last * C::BYTES), sum);
    }
}

/// The block at `at` of some rows and, unless that is null, of what was combined before.
#[inline(always)]
unsafe fn sum_of_rows<S: Simd, C: Combine<S>>(
    isa: S,
    rows: &[*const u8],
    before: *const u8,
    at: usize,
) -> C::Block {
    // SAFETY: as in `columns`.
    unsafe {
        let mut sum = C::extend(isa, rows[0].add(at));
        for row in &rows[1..] {
            sum = C::combine(isa, sum, C::extend(isa, row.add(at)));
        }
        if before.is_null() { sum } else { C::combine(isa, sum, C::reload(isa, before.add(at * C::BYTES))) }
    }
}

/// Combines neighbours of what [`columns`] made, and finishes windows.
///
/// # Safety
///
/// As [`AcrossFn`](super::contract::AcrossFn), but for the features, which the token proves.
#[inline(always)]
pub(crate) unsafe fn across<S: Simd, C: Combine<S>>(isa: S, call: &Across) {
    // SAFETY: the caller's promise, handed on.
    unsafe {
        match call.taps.count {
            2 => taps_of::<S, C, 2>(isa, call),
            3 => taps_of::<S, C, 3>(isa, call),
            _ => taps_of::<S, C, 0>(isa, call),
        }
    }
}

/// `N` taps, or `call.taps` if that is 0.
#[inline(always)]
unsafe fn taps_of<S: Simd, C: Combine<S>, const N: usize>(isa: S, call: &Across) {
    let Across { from, len, out, out_advance, .. } = *call;
    let Steps { count: pixels, step: advance } = call.pixels;
    let block = 4 * S::LANES;
    // SAFETY: as in `across`: every tap has room for a block more, and no byte past the last pixel's is written.
    unsafe {
        let with = Scaling::new(isa, call);
        if pixels == 1 {
            blocks::<S, C, N>(call, [block; 2], 0, len / block, &with);
            if !len.is_multiple_of(block) {
                last_block::<S, C, N>(call, from, out, &with);
            }
            return;
        }
        // The last block of all pixels, then the one before it: where pixels lie side by side, a block may reach into the next one,
        // which is written later.
        let mut at = (len - 1) / block * block;
        loop {
            let reach = at + block;
            let whole = if reach <= len {
                pixels
            } else if out_advance == len {
                (pixels + 1).saturating_sub(reach.div_ceil(len))
            } else {
                0
            };
            blocks::<S, C, N>(call, [advance, out_advance], at, whole, &with);
            for pixel in whole..pixels {
                let from = from.add(pixel * advance * C::BYTES);
                last_block::<S, C, N>(call, from, out.add(pixel * out_advance), &with);
            }
            if at == 0 {
                return;
            }
            at -= block;
        }
    }
}

/// Finishes `count` blocks, the first of them at `at` and the others `steps` elements apart, in the windows and in the output.
///
/// # Safety
///
/// As [`across`], and all of the output's blocks are part of it.
#[inline(always)]
unsafe fn blocks<S: Simd, C: Combine<S>, const N: usize>(
    call: &Across,
    steps: [usize; 2],
    at: usize,
    count: usize,
    with: &Scaling<S>,
) {
    let (mut from, mut out) = (call.from.wrapping_add(at * C::BYTES), call.out.wrapping_add(at));
    for _ in 0..count {
        if call.prefetch {
            prefetch(out);
        }
        // SAFETY: the caller's promise.
        unsafe { with.isa.store_bytes(out, C::finish(window::<S, C, N>(with.isa, call, from), with)) };
        from = from.wrapping_add(steps[0] * C::BYTES);
        out = out.wrapping_add(steps[1]);
    }
}

/// Finishes the last block of the window at `from`: it ends where the output does.
///
/// # Safety
///
/// As [`across`].
#[inline(always)]
unsafe fn last_block<S: Simd, C: Combine<S>, const N: usize>(
    call: &Across,
    from: *const u8,
    out: *mut u8,
    with: &Scaling<S>,
) {
    let at = call.len.saturating_sub(4 * S::LANES);
    // SAFETY: the caller's promise.
    unsafe {
        let bytes = C::finish(window::<S, C, N>(with.isa, call, from.add(at * C::BYTES)), with);
        if at == 0 {
            with.isa.store_first(out, bytes, call.len);
        } else {
            with.isa.store_bytes(out.add(at), bytes);
        }
    }
}

/// The block of a window at `from`.
///
/// # Safety
///
/// As [`across`].
#[inline(always)]
unsafe fn window<S: Simd, C: Combine<S>, const N: usize>(isa: S, call: &Across, from: *const u8) -> C::Block {
    let taps = if N == 0 { call.taps.count } else { N };
    // SAFETY: the caller's promise.
    unsafe {
        let mut sum = C::load(from);
        for tap in 1..taps {
            sum = C::combine(isa, sum, C::load(from.add(tap * call.taps.step * C::BYTES)));
        }
        sum
    }
}
