//! Depthwise convolution on columns of four taps that lie interleaved in a line buffer (see `line_buffer`), for kernels higher than four
//! rows, where instruction sets have `vpdpbusd`.
//!
//! Both passes keep a column as `quads` does: four vectors, the quarters of [`Interleave::interleave`], one after another.
//! With sizes that are known the weights of a row of taps are held in registers, a quarter of the channels at a time, and
//! every column is loaded once for all outputs of a tile that see it: fewer loads than products. Otherwise outputs share
//! the weights alone: more loads than products.

use super::quads::{AnyStage, Sink, ToBytes, initial, load};
use super::{Group, GroupBlock, Interleave, Row, Source};
use crate::simd::array_of;

/// Interleaves four rows of blocks of `S::BYTES` channels, as unsigned bytes.
///
/// # Safety
///
/// As [`InterleaveFn`](super::line_buffer::InterleaveFn): the features of `S`, and the group's pointers; blocks are whole unless `S`
/// masks.
#[inline(always)]
pub(crate) unsafe fn interleave<S: Interleave, const SIGNED: bool>(group: &Group<'_>) {
    let [left, inside, right] = group.columns;
    for block in group.blocks.clone() {
        let GroupBlock { channel, channels, to } = group.block(block);
        let mut to = to.cast::<i32>();
        // SAFETY: four rows of `channels` readable bytes in each column, and room for four vectors for each.
        unsafe {
            let outside = column::<S, SIGNED>([group.padding.add(channel); 4], channels);
            for _ in 0..left {
                to = store::<S>(to, outside);
            }
            let sources = *group.rows.cast::<[Source; 4]>();
            let mut rows = [group.padding; 4];
            for (row, source) in rows.iter_mut().zip(&sources) {
                *row = source.at(channel);
            }
            for _ in 0..inside {
                to = store::<S>(to, column::<S, SIGNED>(rows, channels));
                for (row, source) in rows.iter_mut().zip(&sources) {
                    *row = row.wrapping_add(source.step);
                }
            }
            for _ in 0..right {
                to = store::<S>(to, outside);
            }
        }
    }
}

#[inline(always)]
unsafe fn column<S: Interleave, const SIGNED: bool>(rows: [*const u8; 4], channels: usize) -> [S::I; 4] {
    // SAFETY: the features of `S`; `channels` readable bytes at each row.
    unsafe {
        let mut vectors = [S::splat(0); 4];
        for (vector, row) in vectors.iter_mut().zip(rows) {
            *vector = load::<S, SIGNED>(row, channels);
        }
        S::interleave(vectors)
    }
}

/// Stores a column; returns where the next begins.
#[inline(always)]
unsafe fn store<S: Interleave>(to: *mut i32, quarters: [S::I; 4]) -> *mut i32 {
    // SAFETY: the features of `S`; room for four vectors.
    unsafe {
        for (q, quarter) in quarters.into_iter().enumerate() {
            S::store(to.add(q * S::LANES), quarter);
        }
        to.add(S::BYTES)
    }
}

/// Computes [`Row`]s of interleaved groups, `X` outputs at a time; but those of the rarer stages are left to `any_stage`, which
/// calls [`multiply_any_stage`]: their code is large, and would cost this one registers.
///
/// # Safety
///
/// As [`MultiplyFn`](super::line_buffer::MultiplyFn): the features of `S`, and the rows' pointers.
#[inline(always)]
pub(crate) unsafe fn multiply<S: Interleave, const X: usize>(rows: &[Row], any_stage: unsafe fn(&Row)) {
    for row in rows {
        // SAFETY: the caller's promises, handed on.
        unsafe {
            match ToBytes::<S>::new(row) {
                Some(sink) => by_size::<S, _, X>(row, sink),
                None => any_stage(row),
            }
        }
    }
}

/// As [`multiply`], one output at a time.
///
/// # Safety
///
/// As [`multiply`].
#[inline(always)]
pub(crate) unsafe fn multiply_any_stage<S: Interleave>(call: &Row) {
    // SAFETY: the caller's promises, handed on.
    unsafe { each_output::<S, _, AnySize, 1>(call, AnyStage(call)) }
}

/// Common sizes are constants.
///
/// # Safety
///
/// As [`multiply`]; the sink may take an output twice.
#[inline(always)]
unsafe fn by_size<S: Interleave, K: Sink<S>, const X: usize>(call: &Row, sink: K) {
    // SAFETY: the caller's promises, handed on.
    unsafe {
        match (call.kernel[1], call.stride, call.dilation) {
            _ if call.outputs < X => each_output::<S, K, AnySize, 1>(call, sink),
            (5, 1, 1) => each_output::<S, K, Size<5, 1>, X>(call, sink),
            (5, 2, 1) => each_output::<S, K, Size<5, 2>, X>(call, sink),
            (7, 1, 1) => each_output::<S, K, Size<7, 1>, X>(call, sink),
            _ => each_output::<S, K, AnySize, X>(call, sink),
        }
    }
}

/// `X` outputs at a time, of which there are that many at least; the last ones again with some that are done.
///
/// # Safety
///
/// As [`multiply`], and the row has the size; the sink may take an output twice, or `X` is 1.
#[inline(always)]
unsafe fn each_output<S: Interleave, K: Sink<S>, T: Taps, const X: usize>(call: &Row, sink: K) {
    // SAFETY: the caller's promises; `x + X` is at most `outputs`.
    unsafe {
        let init = initial::<S>(call);
        for x in (0..call.outputs).step_by(X) {
            let x = x.min(call.outputs - X);
            let sums = T::sums::<S, X>(call, init, x);
            for (i, acc) in sums.into_iter().enumerate() {
                sink.put(acc, x + i, call.out.add((x + i) * call.out_stride));
            }
        }
    }
}

/// How the loops over taps know the kernel's width, stride and dilation.
trait Taps {
    /// The accumulators of `X` outputs from `x` on.
    ///
    /// # Safety
    ///
    /// As [`multiply`], and the row has the size; the outputs are the row's.
    unsafe fn sums<S: Interleave, const X: usize>(call: &Row, init: [S::I; 4], x: usize) -> [[S::I; 4]; X];
}

/// A width and a stride, not dilated.
struct Size<const WIDTH: usize, const STRIDE: usize>;

impl<const WIDTH: usize, const STRIDE: usize> Taps for Size<WIDTH, STRIDE> {
    #[inline(always)]
    unsafe fn sums<S: Interleave, const X: usize>(call: &Row, init: [S::I; 4], x: usize) -> [[S::I; 4]; X] {
        // SAFETY: `WIDTH · groups` times four vectors of weights; every group has four vectors for each column that the
        // outputs' taps fall on.
        unsafe {
            let mut quarters = array_of!(4, q => [init[q]; X]);
            let groups = call.kernel[0];
            let first = call.column.cast_unsigned() + x * STRIDE;
            for g in 0..groups {
                let columns = call.group(g).cast::<i32>().add(first * S::BYTES);
                let weights = call.weights.cast::<i32>().add(g * S::BYTES);
                // Not a loop: what a variable indexes is in memory.
                let [a, b, c, d] = &mut quarters;
                Self::quarter::<S, X>(a, columns, weights, groups);
                Self::quarter::<S, X>(b, columns.add(S::LANES), weights.add(S::LANES), groups);
                Self::quarter::<S, X>(c, columns.add(2 * S::LANES), weights.add(2 * S::LANES), groups);
                Self::quarter::<S, X>(d, columns.add(3 * S::LANES), weights.add(3 * S::LANES), groups);
            }
            let mut sums = [init; X];
            for (i, sums) in sums.iter_mut().enumerate() {
                *sums = array_of!(4, q => quarters[q][i]);
            }
            sums
        }
    }
}

impl<const WIDTH: usize, const STRIDE: usize> Size<WIDTH, STRIDE> {
    /// Adds a group of taps to a quarter of the channels of `X` outputs.
    ///
    /// # Safety
    ///
    /// The features of `S`; at `columns` that quarter of every column that the outputs' taps fall on, at `weights` that of
    /// `WIDTH` columns of weights, which are `groups` apart.
    #[inline(always)]
    unsafe fn quarter<S: Interleave, const X: usize>(
        acc: &mut [S::I; X],
        columns: *const i32,
        weights: *const i32,
        groups: usize,
    ) {
        // SAFETY: the caller's promises.
        unsafe {
            let mut taps = [acc[0]; WIDTH];
            for (kx, taps) in taps.iter_mut().enumerate() {
                *taps = S::load(weights.add(kx * groups * S::BYTES));
            }
            for column in 0..(X - 1) * STRIDE + WIDTH {
                let quads = S::load(columns.add(column * S::BYTES));
                for (i, acc) in acc.iter_mut().enumerate() {
                    if let Some(&taps) = taps.get(column.wrapping_sub(i * STRIDE)) {
                        *acc = S::dot(*acc, quads, taps);
                    }
                }
            }
        }
    }
}

/// As the row says.
struct AnySize;

impl Taps for AnySize {
    #[inline(always)]
    unsafe fn sums<S: Interleave, const X: usize>(call: &Row, init: [S::I; 4], x: usize) -> [[S::I; 4]; X] {
        // SAFETY: as for a size that is known.
        unsafe {
            let mut acc = [init; X];
            let [groups, width] = call.kernel;
            let first = call.column.cast_unsigned() + x * call.stride;
            let mut weights = call.weights.cast::<i32>();
            for kx in 0..width {
                for g in 0..groups {
                    let columns = call.group(g).cast::<i32>();
                    let columns = columns.add((first + kx * call.dilation) * S::BYTES);
                    for q in 0..4 {
                        let taps = S::load(weights.add(q * S::LANES));
                        for (i, acc) in acc.iter_mut().enumerate() {
                            let quads = S::load(columns.add(i * call.stride * S::BYTES + q * S::LANES));
                            acc[q] = S::dot(acc[q], quads, taps);
                        }
                    }
                    weights = weights.add(S::BYTES);
                }
            }
            acc
        }
    }
}
