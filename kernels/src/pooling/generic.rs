//! The pooling kernels, written once for every ISA and for every way to combine taps.
//!
//! A window is combined in two steps. First its rows: the bytes of a row of the image, all pixels and channels alike, with
//! those of the rows below. Then its columns: neighbours are a pixel apart in what the first step made. So every byte is
//! extended once for all windows of a row, and few channels take as long as many.

use core::ptr;

use super::contract::{Across, Columns, MAX_ROWS};
use crate::elementwise::generic::{TargetVectors, ToBytes};
use crate::prefetch::prefetch;
use crate::simd::{Simd, array_of};

/// The most elements that a block has.
pub(super) const MAX_BLOCK: usize = 64;

/// How taps are combined: what stands for `4 · LANES` elements between the first tap and the last.
///
/// # Safety
///
/// Every function requires the features of `S` and pointers that are valid for the elements they address, of `BYTES` bytes each.
pub(crate) unsafe trait Combine<S: Simd> {
    type Block: Copy;
    /// What finishes windows, in vectors.
    type Finish: Copy;
    /// Bytes of an element of a block in memory.
    const BYTES: usize;
    /// What an extended byte is more than its value.
    const EXCESS: i32 = 0;

    /// Bytes of the image.
    unsafe fn extend(p: *const u8) -> Self::Block;
    /// A block that was stored, to combine it with more rows.
    unsafe fn reload(p: *const u8) -> Self::Block;
    unsafe fn store(p: *mut u8, block: Self::Block);
    /// A block of what was stored, to combine it with its neighbours.
    unsafe fn load(p: *const u8) -> Self::Block;
    unsafe fn combine(a: Self::Block, b: Self::Block) -> Self::Block;
    unsafe fn prepare(call: &Across) -> Self::Finish;
    /// What bytes become of whole windows.
    unsafe fn finish(block: Self::Block, with: &Self::Finish) -> S::B;
}

/// The greatest.
pub(crate) struct Greatest<const SIGNED: bool>;

// SAFETY: reads and writes a vector of bytes.
unsafe impl<S: Simd, const SIGNED: bool> Combine<S> for Greatest<SIGNED> {
    type Block = S::B;
    type Finish = ();
    const BYTES: usize = 1;

    #[inline(always)]
    unsafe fn extend(p: *const u8) -> S::B {
        // SAFETY: the caller's promise.
        unsafe { S::read_bytes(p) }
    }

    #[inline(always)]
    unsafe fn reload(p: *const u8) -> S::B {
        // SAFETY: the caller's promise.
        unsafe { S::read_bytes(p) }
    }

    #[inline(always)]
    unsafe fn load(p: *const u8) -> S::B {
        // SAFETY: the caller's promise.
        unsafe { S::read_bytes(p) }
    }

    #[inline(always)]
    unsafe fn store(p: *mut u8, block: S::B) {
        // SAFETY: the caller's promise.
        unsafe { S::store_bytes(p, block) }
    }

    #[inline(always)]
    unsafe fn combine(a: S::B, b: S::B) -> S::B {
        // SAFETY: the caller's promise.
        unsafe { S::max_bytes::<SIGNED>(a, b) }
    }

    #[inline(always)]
    unsafe fn prepare(_: &Across) {}

    #[inline(always)]
    unsafe fn finish(block: S::B, (): &()) -> S::B {
        block
    }
}

/// The sum of few: in 16 bits without a sign.
pub(crate) struct U16Sums<const SIGNED: bool>;

// SAFETY: reads 4·LANES bytes, or reads and writes as many words.
unsafe impl<S: Simd, const SIGNED: bool> Combine<S> for U16Sums<SIGNED> {
    type Block = [S::W; 2];
    type Finish = Scaling<S>;
    const BYTES: usize = 2;
    const EXCESS: i32 = if SIGNED { 128 } else { 0 };

    #[inline(always)]
    unsafe fn extend(p: *const u8) -> [S::W; 2] {
        // SAFETY: the caller's promise.
        unsafe { S::to_u16x::<SIGNED>(S::read_bytes(p)) }
    }

    #[inline(always)]
    unsafe fn reload(p: *const u8) -> [S::W; 2] {
        // SAFETY: the caller's promise.
        unsafe { S::load_u16x(p.cast()) }
    }

    #[inline(always)]
    unsafe fn store(p: *mut u8, block: [S::W; 2]) {
        // SAFETY: the caller's promise.
        unsafe { S::store_u16x(p.cast(), block) }
    }

    #[inline(always)]
    unsafe fn load(p: *const u8) -> [S::W; 2] {
        // SAFETY: the caller's promise.
        unsafe { S::load_u16x_in_order(p.cast()) }
    }

    #[inline(always)]
    unsafe fn combine(a: [S::W; 2], b: [S::W; 2]) -> [S::W; 2] {
        // SAFETY: the caller's promise.
        array_of!(2, half => unsafe { S::add_u16x(a[half], b[half]) })
    }

    #[inline(always)]
    unsafe fn prepare(call: &Across) -> Scaling<S> {
        // SAFETY: the caller's promise.
        unsafe { Scaling::new(call) }
    }

    #[inline(always)]
    unsafe fn finish(block: [S::W; 2], with: &Scaling<S>) -> S::B {
        // SAFETY: the caller's promise.
        unsafe {
            // Lanes past the window hold anything, and become bytes that nobody keeps.
            let sums = S::u16x_distances(block, with.origin);
            let scaled = array_of!(4, v => S::mul_f(sums[v], with.scale));
            if with.saturates { with.free.u16x_bytes(scaled) } else { with.target.u16x_bytes(scaled) }
        }
    }
}

/// The sum of many: in 32 bits.
pub(crate) struct I32Sums<const SIGNED: bool>;

// SAFETY: reads 4·LANES bytes, or reads and writes as many integers.
unsafe impl<S: Simd, const SIGNED: bool> Combine<S> for I32Sums<SIGNED> {
    type Block = [S::I; 4];
    type Finish = Scaling<S>;
    const BYTES: usize = 4;

    #[inline(always)]
    unsafe fn extend(p: *const u8) -> [S::I; 4] {
        // SAFETY: the caller's promise.
        array_of!(4, v => unsafe {
            let p = p.add(v * S::LANES);
            if SIGNED { S::load_i8(p.cast()) } else { S::load_u8(p) }
        })
    }

    #[inline(always)]
    unsafe fn reload(p: *const u8) -> [S::I; 4] {
        // SAFETY: the caller's promise.
        unsafe { <Self as Combine<S>>::load(p) }
    }

    #[inline(always)]
    unsafe fn load(p: *const u8) -> [S::I; 4] {
        // SAFETY: the caller's promise.
        array_of!(4, v => unsafe { S::load(p.cast::<i32>().add(v * S::LANES)) })
    }

    #[inline(always)]
    unsafe fn store(p: *mut u8, block: [S::I; 4]) {
        for (v, &x) in block.iter().enumerate() {
            // SAFETY: the caller's promise.
            unsafe { S::store(p.cast::<i32>().add(v * S::LANES), x) };
        }
    }

    #[inline(always)]
    unsafe fn combine(a: [S::I; 4], b: [S::I; 4]) -> [S::I; 4] {
        // SAFETY: the caller's promise.
        array_of!(4, v => unsafe { S::add(a[v], b[v]) })
    }

    #[inline(always)]
    unsafe fn prepare(call: &Across) -> Scaling<S> {
        // SAFETY: the caller's promise.
        unsafe { Scaling::new(call) }
    }

    #[inline(always)]
    unsafe fn finish(block: [S::I; 4], with: &Scaling<S>) -> S::B {
        // SAFETY: the caller's promise.
        unsafe {
            let sums = array_of!(4, v => S::to_f32(S::add(block[v], with.offset)));
            let scaled = array_of!(4, v => S::mul_f(sums[v], with.scale));
            with.target.bytes_in_order(scaled)
        }
    }
}

/// From sums to steps of the output.
#[derive(Clone, Copy)]
pub(crate) struct Scaling<S: Simd> {
    offset: S::I,
    /// The offset for [`Simd::u16x_distances`].
    origin: S::F,
    scale: S::F,
    target: TargetVectors<S, true>,
    free: TargetVectors<S, false>,
    saturates: bool,
}

impl<S: Simd> Scaling<S> {
    /// # Safety
    ///
    /// The features of `S`.
    #[inline(always)]
    unsafe fn new(call: &Across) -> Scaling<S> {
        // SAFETY: the caller's promise.
        unsafe {
            Scaling {
                offset: S::splat(call.offset),
                origin: S::origin::<false>(-call.offset),
                scale: S::splat_f(call.scale),
                target: TargetVectors::new(&call.target),
                free: TargetVectors::new(&call.target),
                saturates: call.saturates,
            }
        }
    }
}

/// Combines rows, element by element.
///
/// # Safety
///
/// As [`ColumnsFn`](super::ColumnsFn): the features of `S`, and the call's pointers.
#[inline(always)]
pub(crate) unsafe fn columns<S: Simd, C: Combine<S>>(call: &Columns) {
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
            2 if !call.accumulate => rows_of::<S, C, 2>(call, &rows),
            3 if !call.accumulate => rows_of::<S, C, 3>(call, &rows),
            _ => rows_of::<S, C, 0>(call, &rows),
        }
    }
}

/// `N` rows alone, or `call.count` and perhaps what was combined before if that is 0.
#[inline(always)]
unsafe fn rows_of<S: Simd, C: Combine<S>, const N: usize>(call: &Columns, rows: &[*const u8; MAX_ROWS]) {
    // SAFETY: as in `columns`.
    unsafe {
        let (out, count) = (call.out, if N == 0 { call.count } else { N });
        let before = if N == 0 && call.accumulate { call.out } else { ptr::null() };
        let last = call.len.saturating_sub(4 * S::LANES);
        // The last block overlaps the one before it: what it adds to must be read before that is written.
        let sum = sum_of_rows::<S, C>(&rows[..count], before, last);
        // Of windows that overlap, the rows above these have been seen before.
        let fresh = [rows[count.saturating_sub(2)], rows[count - 1]];
        let mut at = 0;
        while at < last {
            if call.prefetch {
                prefetch(fresh[0].wrapping_add(at));
                prefetch(fresh[1].wrapping_add(at));
            }
            C::store(out.add(at * C::BYTES), sum_of_rows::<S, C>(&rows[..count], before, at));
            at += 4 * S::LANES;
        }
        C::store(out.add(last * C::BYTES), sum);
    }
}

/// The block at `at` of some rows and, unless that is null, of what was combined before.
#[inline(always)]
unsafe fn sum_of_rows<S: Simd, C: Combine<S>>(rows: &[*const u8], before: *const u8, at: usize) -> C::Block {
    // SAFETY: as in `columns`.
    unsafe {
        let mut sum = C::extend(rows[0].add(at));
        for row in &rows[1..] {
            sum = C::combine(sum, C::extend(row.add(at)));
        }
        if before.is_null() { sum } else { C::combine(sum, C::reload(before.add(at * C::BYTES))) }
    }
}

/// Combines neighbours of what [`columns`] made, and finishes windows.
///
/// # Safety
///
/// As [`AcrossFn`](super::AcrossFn): the features of `S`, and the call's pointers.
#[inline(always)]
pub(crate) unsafe fn across<S: Simd, C: Combine<S>>(call: &Across) {
    // SAFETY: the caller's promise, handed on.
    unsafe {
        match call.taps {
            2 => taps_of::<S, C, 2>(call),
            3 => taps_of::<S, C, 3>(call),
            _ => taps_of::<S, C, 0>(call),
        }
    }
}

/// `N` taps, or `call.taps` if that is 0.
#[inline(always)]
unsafe fn taps_of<S: Simd, C: Combine<S>, const N: usize>(call: &Across) {
    let Across { from, pixels, advance, len, out, out_advance, .. } = *call;
    let block = 4 * S::LANES;
    // SAFETY: as in `across`: every tap has room for a block more, and no byte past the last pixel's is written.
    unsafe {
        let finish = C::prepare(call);
        if pixels == 1 {
            blocks::<S, C, N>(call, [block; 2], 0, len / block, &finish);
            if !len.is_multiple_of(block) {
                last_block::<S, C, N>(call, from, out, &finish);
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
            blocks::<S, C, N>(call, [advance, out_advance], at, whole, &finish);
            for pixel in whole..pixels {
                let from = from.add(pixel * advance * C::BYTES);
                last_block::<S, C, N>(call, from, out.add(pixel * out_advance), &finish);
            }
            if at == 0 {
                return;
            }
            at -= block;
        }
    }
}

/// Finishes `count` blocks, the first of which is at `at`, and which are `steps` elements apart: in the windows and in the output.
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
    finish: &C::Finish,
) {
    let (mut from, mut out) = (call.from.wrapping_add(at * C::BYTES), call.out.wrapping_add(at));
    for _ in 0..count {
        if call.prefetch {
            prefetch(out);
        }
        // SAFETY: the caller's promise.
        unsafe { S::store_bytes(out, C::finish(window::<S, C, N>(call, from), finish)) };
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
    finish: &C::Finish,
) {
    let at = call.len.saturating_sub(4 * S::LANES);
    // SAFETY: the caller's promise.
    unsafe {
        let bytes = C::finish(window::<S, C, N>(call, from.add(at * C::BYTES)), finish);
        if at == 0 {
            S::store_first(out, bytes, call.len);
        } else {
            S::store_bytes(out.add(at), bytes);
        }
    }
}

/// The block of a window at `from`.
///
/// # Safety
///
/// As [`across`].
#[inline(always)]
unsafe fn window<S: Simd, C: Combine<S>, const N: usize>(call: &Across, from: *const u8) -> C::Block {
    let taps = if N == 0 { call.taps } else { N };
    // SAFETY: the caller's promise.
    unsafe {
        let mut sum = C::load(from);
        for tap in 1..taps {
            sum = C::combine(sum, C::load(from.add(tap * call.step * C::BYTES)));
        }
        sum
    }
}
