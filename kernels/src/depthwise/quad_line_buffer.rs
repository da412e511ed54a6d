//! Depthwise convolution on columns of four taps that lie interleaved in a line buffer (see `line_buffer`), for kernels higher
//! than four rows on instruction sets with `vpdpbusd`.
//!
//! Both passes keep a column as `quads` does: four vectors, the quarters of [`Interleave::interleave`], one after another.
//! With sizes known at compile time the weights of a row of taps are held in registers, a quarter of the channels at a time, and
//! every column is loaded once for all outputs of a tile that see it: fewer loads than products. Otherwise outputs share
//! the weights alone: more loads than products.

use super::quads::{AnyStage, Quarters, Sink, ToBytes, column, initial};
use super::{Group, GroupBlock, Interleave, Row, Source};
use crate::gemm::dot4::Lanes;
use crate::simd::{Simd, array_of};

/// Interleaves four rows of blocks of `D::BYTES` channels, as unsigned bytes.
///
/// # Safety
///
/// As [`InterleaveFn`](super::line_buffer::InterleaveFn), but for the features, which the token proves; blocks are whole
/// unless `D` masks.
#[inline(always)]
pub(crate) unsafe fn interleave<D: Interleave, const SIGNED: bool>(quads: D, group: &Group<'_>) {
    let [left, inside, right] = group.columns;
    for block in group.blocks.clone() {
        let GroupBlock { channel, channels, to } = group.block(block);
        let mut to = to.cast::<i32>();
        // SAFETY: four rows of `channels` readable bytes in each column, and room for four vectors for each.
        unsafe {
            let outside = column::<D, 4, SIGNED>(quads, [group.padding.add(channel); 4], channels);
            for _ in 0..left {
                to = store(quads, to, outside);
            }
            let sources = *group.rows.cast::<[Source; 4]>();
            let mut rows = [group.padding; 4];
            for (row, source) in rows.iter_mut().zip(&sources) {
                *row = source.at(channel);
            }
            for _ in 0..inside {
                to = store(quads, to, column::<D, 4, SIGNED>(quads, rows, channels));
                for (row, source) in rows.iter_mut().zip(&sources) {
                    *row = row.wrapping_add(source.step);
                }
            }
            for _ in 0..right {
                to = store(quads, to, outside);
            }
        }
    }
}

/// Stores a column; returns where the next begins.
#[inline(always)]
unsafe fn store<D: Interleave>(quads: D, to: *mut i32, quarters: Quarters<D>) -> *mut i32 {
    // SAFETY: room for four vectors.
    unsafe {
        for (q, quarter) in quarters.into_iter().enumerate() {
            quads.isa().store(to.add(q * D::S::LANES), quarter);
        }
        to.add(D::BYTES)
    }
}

/// Computes [`Row`]s of interleaved groups, `X` outputs at a time; but those of the rarer stages are left to `any_stage`, which
/// calls [`multiply_any_stage`]: their code is large, and would cost this one registers.
///
/// # Safety
///
/// As [`MultiplyFn`](super::line_buffer::MultiplyFn), but for the features, which the token proves.
#[inline(always)]
pub(crate) unsafe fn multiply<D: Interleave, const X: usize>(
    quads: D,
    rows: &[Row],
    any_stage: unsafe fn(&Row),
) {
    for row in rows {
        // SAFETY: the caller's promises, handed on.
        unsafe {
            match ToBytes::new(quads, row) {
                Some(sink) => by_size::<D, _, X>(quads, row, sink),
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
pub(crate) unsafe fn multiply_any_stage<D: Interleave>(quads: D, call: &Row) {
    // SAFETY: the caller's promises, handed on.
    unsafe { each_output::<D, _, AnySize, 1>(quads, call, AnyStage { quads, call }) }
}

/// Common sizes are constants.
///
/// # Safety
///
/// As [`multiply`]; the sink may take an output twice.
#[inline(always)]
unsafe fn by_size<D: Interleave, K: Sink<D>, const X: usize>(quads: D, call: &Row, sink: K) {
    // SAFETY: the caller's promises, handed on.
    unsafe {
        match (call.kernel[1], call.stride, call.dilation) {
            _ if call.outputs < X => each_output::<D, K, AnySize, 1>(quads, call, sink),
            (5, 1, 1) => each_output::<D, K, Size<5, 1>, X>(quads, call, sink),
            (5, 2, 1) => each_output::<D, K, Size<5, 2>, X>(quads, call, sink),
            (7, 1, 1) => each_output::<D, K, Size<7, 1>, X>(quads, call, sink),
            _ => each_output::<D, K, AnySize, X>(quads, call, sink),
        }
    }
}

/// `X` outputs at a time, of which there are at least `X`; the last tile overlaps outputs that are done.
///
/// # Safety
///
/// As [`multiply`], and the row has the size; the sink may take an output twice, or `X` is 1.
#[inline(always)]
unsafe fn each_output<D: Interleave, K: Sink<D>, T: Taps, const X: usize>(quads: D, call: &Row, sink: K) {
    // SAFETY: the caller's promises; `x + X` is at most `outputs`.
    unsafe {
        let init = initial(quads, call);
        for x in (0..call.outputs).step_by(X) {
            let x = x.min(call.outputs - X);
            let sums = T::sums::<D, X>(RowOf { quads, call, init }, x);
            for (i, acc) in sums.into_iter().enumerate() {
                sink.put(acc, x + i, call.out.add((x + i) * call.out_stride));
            }
        }
    }
}

/// A row, with its initial accumulators in registers.
#[derive(Clone, Copy)]
struct RowOf<'a, D: Interleave> {
    quads: D,
    call: &'a Row,
    init: Quarters<D>,
}

/// How the loops over taps know the kernel's width, stride and dilation.
trait Taps {
    /// The accumulators of `X` outputs from `x` on.
    ///
    /// # Safety
    ///
    /// As [`multiply`], and the row has the size; the outputs are the row's.
    unsafe fn sums<D: Interleave, const X: usize>(row: RowOf<'_, D>, x: usize) -> [Quarters<D>; X];
}

/// A width and a stride, not dilated.
struct Size<const WIDTH: usize, const STRIDE: usize>;

impl<const WIDTH: usize, const STRIDE: usize> Taps for Size<WIDTH, STRIDE> {
    #[inline(always)]
    unsafe fn sums<D: Interleave, const X: usize>(row: RowOf<'_, D>, x: usize) -> [Quarters<D>; X] {
        let RowOf { quads, call, init } = row;
        // SAFETY: `WIDTH · groups` times four vectors of weights; every group has four vectors for each column that the
        // outputs' taps fall on.
        unsafe {
            let mut quarters = array_of!(4, q => [init[q]; X]);
            let groups = call.kernel[0];
            let first = call.column.cast_unsigned() + x * STRIDE;
            for g in 0..groups {
                let columns = call.group(g).cast::<i32>().add(first * D::BYTES);
                let weights = call.weights.cast::<i32>().add(g * D::BYTES);
                // Not a loop: an array that a variable indexes is in memory.
                let [a, b, c, d] = &mut quarters;
                Self::quarter::<D, X>(quads, a, columns, weights, groups);
                Self::quarter::<D, X>(quads, b, columns.add(D::S::LANES), weights.add(D::S::LANES), groups);
                Self::quarter::<D, X>(
                    quads,
                    c,
                    columns.add(2 * D::S::LANES),
                    weights.add(2 * D::S::LANES),
                    groups,
                );
                Self::quarter::<D, X>(
                    quads,
                    d,
                    columns.add(3 * D::S::LANES),
                    weights.add(3 * D::S::LANES),
                    groups,
                );
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
    /// At `columns` that quarter of every column that the outputs' taps fall on, at `weights` that of
    /// `WIDTH` columns of weights, which are `groups` apart.
    #[inline(always)]
    unsafe fn quarter<D: Interleave, const X: usize>(
        quads: D,
        acc: &mut [Lanes<D>; X],
        columns: *const i32,
        weights: *const i32,
        groups: usize,
    ) {
        // SAFETY: the caller's promises.
        unsafe {
            let mut taps = [acc[0]; WIDTH];
            for (kx, taps) in taps.iter_mut().enumerate() {
                *taps = quads.isa().load(weights.add(kx * groups * D::BYTES));
            }
            for column in 0..(X - 1) * STRIDE + WIDTH {
                let quad = quads.isa().load(columns.add(column * D::BYTES));
                for (i, acc) in acc.iter_mut().enumerate() {
                    if let Some(&taps) = taps.get(column.wrapping_sub(i * STRIDE)) {
                        *acc = quads.dot::<false>(*acc, quad, taps);
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
    unsafe fn sums<D: Interleave, const X: usize>(row: RowOf<'_, D>, x: usize) -> [Quarters<D>; X] {
        let RowOf { quads, call, init } = row;
        // SAFETY: as for a size that is known.
        unsafe {
            let mut acc = [init; X];
            let [groups, width] = call.kernel;
            let first = call.column.cast_unsigned() + x * call.stride;
            let mut weights = call.weights.cast::<i32>();
            for kx in 0..width {
                for g in 0..groups {
                    let columns = call.group(g).cast::<i32>();
                    let columns = columns.add((first + kx * call.dilation) * D::BYTES);
                    for q in 0..4 {
                        let taps = quads.isa().load(weights.add(q * D::S::LANES));
                        for (i, acc) in acc.iter_mut().enumerate() {
                            let quad =
                                quads.isa().load(columns.add(i * call.stride * D::BYTES + q * D::S::LANES));
                            acc[q] = quads.dot::<false>(acc[q], quad, taps);
                        }
                    }
                    weights = weights.add(D::BYTES);
                }
            }
            acc
        }
    }
}
