//! Depthwise convolution on columns of four taps that lie interleaved in a line buffer (see `line_buffer`), for kernels higher
//! than four rows on instruction sets with `vpdpbusd`.
//!
//! Both passes keep a column as `quads` does: four vectors, the quarters of [`Interleave::interleave`], one after another.
//! With sizes known at compile time the weights of a row of taps are held in registers, a quarter of the channels at a time, and
//! every column is loaded once for all outputs of a tile that see it: fewer loads than products. Otherwise outputs share
//! the weights alone: more loads than products.
//!
//! Where weights are bytes around a centre, an output also gets the sum over its columns of centre times column. These
//! products do not depend on the column's place in the kernel: they are computed once for a row of outputs and added up from the left,
//! so that an output's sum is the difference of two.

use super::quads::{AnyStage, Quarters, Sink, ToBytes, column, dots, initial, load_weights};
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

/// Computes a [`Row`] of interleaved groups, `X` outputs at a time; but one of the rarer stages is left to `any_stage`, which
/// calls [`multiply_any_stage`]: their code is large, and would cost this one registers.
///
/// # Safety
///
/// As [`MultiplyFn`](super::line_buffer::MultiplyFn), but for the features, which the token proves; the row has centres if
/// `CENTRED`.
#[inline(always)]
pub(crate) unsafe fn multiply<D: Interleave, const X: usize, const CENTRED: bool>(
    quads: D,
    call: &Row,
    any_stage: unsafe fn(&Row),
) {
    // SAFETY: the caller's promises, handed on.
    unsafe {
        match ToBytes::new(quads, call) {
            Some(sink) => match sink.saturating() {
                Some(sink) => by_size::<D, _, X, CENTRED>(quads, call, sink),
                None => by_size::<D, _, X, CENTRED>(quads, call, sink),
            },
            None => any_stage(call),
        }
    }
}

/// As [`multiply`], one output at a time.
///
/// # Safety
///
/// As [`multiply`].
#[inline(always)]
pub(crate) unsafe fn multiply_any_stage<D: Interleave, const CENTRED: bool>(quads: D, call: &Row) {
    // SAFETY: the caller's promises, handed on.
    unsafe { each_output::<D, _, AnySize, 1, CENTRED>(quads, call, AnyStage { quads, call }) }
}

/// Common sizes are constants.
///
/// # Safety
///
/// As [`multiply`]; the sink may take an output twice.
#[inline(always)]
unsafe fn by_size<D: Interleave, K: Sink<D>, const X: usize, const CENTRED: bool>(
    quads: D,
    call: &Row,
    sink: K,
) {
    // SAFETY: the caller's promises, handed on.
    unsafe {
        match (call.kernel[1], call.stride, call.dilation) {
            _ if call.outputs < X => each_output::<D, K, AnySize, 1, CENTRED>(quads, call, sink),
            (5, 1, 1) => each_output::<D, K, Size<5, 1>, X, CENTRED>(quads, call, sink),
            (5, 2, 1) => each_output::<D, K, Size<5, 2>, X, CENTRED>(quads, call, sink),
            (7, 1, 1) => each_output::<D, K, Size<7, 1>, X, CENTRED>(quads, call, sink),
            _ => each_output::<D, K, AnySize, X, CENTRED>(quads, call, sink),
        }
    }
}

/// `X` outputs at a time, of which there are at least `X`; the last tile overlaps outputs that are done.
///
/// # Safety
///
/// As [`multiply`], and the row has the size; the sink may take an output twice, or `X` is 1.
#[inline(always)]
unsafe fn each_output<D: Interleave, K: Sink<D>, T: Taps, const X: usize, const CENTRED: bool>(
    quads: D,
    call: &Row,
    sink: K,
) {
    // SAFETY: the caller's promises; `x + X` is at most `outputs`.
    unsafe {
        if CENTRED {
            match call.kernel[0] {
                2 => sum_columns(quads, call, load_centres::<D, 2>(quads, call)),
                3 => sum_columns(quads, call, load_centres::<D, 3>(quads, call)),
                _ => sum_columns(quads, call, InMemory),
            }
        }
        let init = initial(quads, call);
        for x in (0..call.outputs).step_by(X) {
            let x = x.min(call.outputs - X);
            let sums = T::sums::<D, X, CENTRED>(RowOf { quads, call, init }, x);
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

impl<D: Interleave> RowOf<'_, D> {
    /// What the accumulators of `X` outputs from `x` on begin with.
    ///
    /// # Safety
    ///
    /// As [`multiply`], and the row has the width, stride and dilation; the outputs are the row's, whose columns are added up if
    /// `CENTRED`.
    #[inline(always)]
    unsafe fn begin<const X: usize, const CENTRED: bool>(
        self,
        x: usize,
        width: usize,
        stride: usize,
        dilation: usize,
    ) -> [Quarters<D>; X] {
        let isa = self.quads.isa();
        let mut begin = [self.init; X];
        if CENTRED {
            for (i, begin) in begin.iter_mut().enumerate() {
                let before = (x + i) * stride;
                // SAFETY: there is a sum for every column of the row's taps, behind those of as many columns as taps are apart.
                let (before, with) = unsafe {
                    let before = self.call.sums.cast::<i32>().add(before * D::BYTES);
                    let with = before.add(width * dilation * D::BYTES);
                    (load_weights(self.quads, before), load_weights(self.quads, with))
                };
                *begin = array_of!(4, q => isa.add(begin[q], isa.sub(with[q], before[q])));
            }
        }
        begin
    }
}

/// Where the centres of a row's groups are.
trait Centres<D: Interleave>: Copy {
    /// The products of a column's groups with the centres, added.
    ///
    /// # Safety
    ///
    /// Groups and centres are those of the row.
    unsafe fn dots(self, quads: D, call: &Row, column: usize) -> Quarters<D>;
}

/// The centres of `G` groups, in registers.
impl<D: Interleave, const G: usize> Centres<D> for [Quarters<D>; G] {
    #[inline(always)]
    unsafe fn dots(self, quads: D, call: &Row, column: usize) -> Quarters<D> {
        let mut sum = [quads.isa().splat(0); 4];
        for (g, centre) in self.into_iter().enumerate() {
            // SAFETY: the caller's promise.
            let taps = unsafe { load_weights(quads, call.group(g).cast::<i32>().add(column * D::BYTES)) };
            sum = dots(quads, sum, taps, centre);
        }
        sum
    }
}

/// The centres of any number of groups, in memory.
#[derive(Clone, Copy)]
struct InMemory;

impl<D: Interleave> Centres<D> for InMemory {
    #[inline(always)]
    unsafe fn dots(self, quads: D, call: &Row, column: usize) -> Quarters<D> {
        let mut sum = [quads.isa().splat(0); 4];
        for g in 0..call.kernel[0] {
            // SAFETY: the caller's promise.
            unsafe {
                let taps = load_weights(quads, call.group(g).cast::<i32>().add(column * D::BYTES));
                sum = dots(quads, sum, taps, load_centre(quads, call, g));
            }
        }
        sum
    }
}

/// The centres of a group of taps.
///
/// # Safety
///
/// The row has such a group, and centres.
#[inline(always)]
unsafe fn load_centre<D: Interleave>(quads: D, call: &Row, group: usize) -> Quarters<D> {
    let [groups, width] = call.kernel;
    // SAFETY: centres lie behind `width` columns of weights.
    unsafe { load_weights(quads, call.weights.cast::<i32>().add((width * groups + group) * D::BYTES)) }
}

/// # Safety
///
/// The row has `G` groups, and centres.
#[inline(always)]
unsafe fn load_centres<D: Interleave, const G: usize>(quads: D, call: &Row) -> [Quarters<D>; G] {
    let mut centres = [[quads.isa().splat(0); 4]; G];
    for (g, centre) in centres.iter_mut().enumerate() {
        // SAFETY: the caller's promise.
        *centre = unsafe { load_centre(quads, call, g) };
    }
    centres
}

/// Adds up the products of the row's columns with the centres, from the left, into the row's sums; of a dilated kernel those
/// of columns that the same output sees. The first sums, before any column, are 0.
///
/// # Safety
///
/// As [`multiply`]; the centres are the row's.
#[inline(always)]
unsafe fn sum_columns<D: Interleave>(quads: D, call: &Row, centres: impl Centres<D>) {
    let isa = quads.isa();
    let columns = (call.outputs - 1) * call.stride + (call.kernel[1] - 1) * call.dilation + 1;
    let first = call.column.cast_unsigned();
    // SAFETY: room for sums of as many columns, and of the distance of taps; the groups have the row's columns.
    unsafe {
        let sums = call.sums.cast::<i32>();
        let mut last = [isa.splat(0); 4];
        for column in 0..call.dilation {
            store(quads, sums.add(column * D::BYTES), last);
        }
        for column in 0..columns {
            let at = sums.add(column * D::BYTES);
            if call.dilation != 1 {
                last = load_weights(quads, at);
            }
            let sum = centres.dots(quads, call, first + column);
            last = array_of!(4, q => isa.add(last[q], sum[q]));
            store(quads, at.add(call.dilation * D::BYTES), last);
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
    unsafe fn sums<D: Interleave, const X: usize, const CENTRED: bool>(
        row: RowOf<'_, D>,
        x: usize,
    ) -> [Quarters<D>; X];
}

/// A width and a stride, not dilated.
struct Size<const WIDTH: usize, const STRIDE: usize>;

impl<const WIDTH: usize, const STRIDE: usize> Taps for Size<WIDTH, STRIDE> {
    #[inline(always)]
    unsafe fn sums<D: Interleave, const X: usize, const CENTRED: bool>(
        row: RowOf<'_, D>,
        x: usize,
    ) -> [Quarters<D>; X] {
        let RowOf { quads, call, .. } = row;
        // SAFETY: `WIDTH · groups` times four vectors of weights; every group has four vectors for each column that the
        // outputs' taps fall on.
        unsafe {
            let begin = row.begin::<X, CENTRED>(x, WIDTH, STRIDE, 1);
            let mut quarters = array_of!(4, q => [begin[0][q]; X]);
            for (i, begin) in begin.iter().enumerate() {
                for (quarter, &begin) in quarters.iter_mut().zip(begin) {
                    quarter[i] = begin;
                }
            }
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
            let mut sums = begin;
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
    unsafe fn sums<D: Interleave, const X: usize, const CENTRED: bool>(
        row: RowOf<'_, D>,
        x: usize,
    ) -> [Quarters<D>; X] {
        let RowOf { quads, call, .. } = row;
        // SAFETY: as for a size that is known.
        unsafe {
            let mut acc = row.begin::<X, CENTRED>(x, call.kernel[1], call.stride, call.dilation);
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
