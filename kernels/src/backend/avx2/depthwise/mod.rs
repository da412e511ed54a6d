//! Depthwise convolution on pairs of taps: `vpmaddwd` multiplies two vertical neighbours as `i16` and adds them, exact
//! for all bytes and all differences of weights.
//!
//! A block has eight channels, so a vector is a pair of a column. Pairs of rows are interleaved and widened once, for all
//! outputs that see them, in any column and in either row of the pair (see `depthwise::line_buffer`); then every product is an
//! instruction that reads its activations in place. Four outputs at a time share the weights, and the packing to bytes.

mod interleave;
mod steps;

use core::arch::x86_64::*;

use self::interleave::{BLOCK, interleave, pair, single};
use self::steps::{OutputPosition, Sums, ToBytes, five_columns, three_columns};
use super::Avx2;
use crate::depthwise::{DepthwiseKernel, LineBufferPasses, Row};
use crate::gemm::{RawStage, finish, requantize};
use crate::simd::{ByteLimits, Simd, array_of};

pub(crate) static PAIRS: DepthwiseKernel = DepthwiseKernel {
    line_buffer: Some(LineBufferPasses {
        min_height: 1,
        interleave: [interleave::<false>, interleave::<true>],
        multiply,
    }),
    ..DepthwiseKernel::new("taps-i16x2-block8", BLOCK, 2, [row::<false>, row::<true>])
};

/// Computes [`Row`]s of interleaved pairs. Common sizes have loops of their own, for four outputs or more and the commonest stage.
#[target_feature(enable = "avx2")]
unsafe fn multiply(rows: &[Row]) {
    let Some(first) = rows.first() else { return };
    // SAFETY: the caller's promises, handed on: what holds for the first row holds for all.
    unsafe {
        let RawStage::Requantize { .. } = first.stage else { return each_row(rows) };
        match (first.kernel, first.stride, first.dilation) {
            _ if first.outputs < 4 => each_row(rows),
            ([2, 3], 1, 1) => in_turns::<2, 3, 1>(rows, three_columns::<1>),
            ([2, 3], 2, 1) => in_turns::<2, 3, 2>(rows, three_columns::<2>),
            ([3, 5], 1, 1) => in_turns::<3, 5, 1>(rows, five_columns::<1>),
            ([3, 5], 2, 1) => in_turns::<3, 5, 2>(rows, five_columns::<2>),
            _ => each_row(rows),
        }
    }
}

/// Any size and stage.
///
/// # Safety
///
/// As [`multiply`].
#[inline(always)]
unsafe fn each_row(rows: &[Row]) {
    for row in rows {
        // SAFETY: the caller's promises, handed on.
        unsafe {
            match Requantized::new(row) {
                Some(sink) => each_output(row, sink, Size::of(row)),
                None => multiply_any_stage(row),
            }
        }
    }
}

/// The rarer stages, in a function of their own: their code is large, and would cost the others registers and a stack frame.
#[target_feature(enable = "avx2")]
#[inline(never)]
unsafe fn multiply_any_stage(call: &Row) {
    // SAFETY: the caller's promises, handed on.
    unsafe { each_output(call, AnyStage(call), Size::of(call)) }
}

/// Computes a [`Row`] of the image, tap by tap: where rows are dilated.
#[target_feature(enable = "avx2")]
unsafe fn row<const SIGNED: bool>(call: &Row) {
    // SAFETY: the caller's promises, handed on.
    unsafe {
        match Requantized::new(call) {
            Some(sink) => any_shape::<_, SIGNED>(call, sink),
            None => any_shape::<_, SIGNED>(call, AnyStage(call)),
        }
    }
}

/// The destination of accumulators.
trait Sink: Copy {
    /// Whether outputs may be written twice.
    const REPEATABLE: bool;

    /// Takes the accumulators of `X` outputs from `x` on, one or four.
    ///
    /// # Safety
    ///
    /// The CPU has AVX2 and FMA; the outputs are the row's.
    unsafe fn put<const X: usize>(self, acc: [__m256i; X], x: usize);
}

/// [`RawStage::Requantize`], its vectors in registers.
#[derive(Clone, Copy)]
struct Requantized<'a> {
    isa: Avx2,
    call: &'a Row,
    scale: __m256,
    high: __m256,
    limits: ByteLimits<Avx2>,
}

impl<'a> Requantized<'a> {
    /// # Safety
    ///
    /// The CPU has AVX2 and FMA; the stage is a block's.
    #[inline(always)]
    unsafe fn new(call: &'a Row) -> Option<Requantized<'a>> {
        let RawStage::Requantize { scale, high, range } = call.stage else { return None };
        // SAFETY: the features, and a factor for each channel of the block, by the caller's promise.
        let (isa, scale) = unsafe { (Avx2::new(), _mm256_loadu_ps(scale)) };
        Some(Requantized { isa, call, scale, high: isa.splat_f(high), limits: isa.byte_limits(range) })
    }
}

impl Sink for Requantized<'_> {
    const REPEATABLE: bool = true;

    #[inline(always)]
    unsafe fn put<const X: usize>(self, acc: [__m256i; X], x: usize) {
        let Requantized { isa, call, scale, high, limits } = self;
        let OutputPosition { out, stride } = output_position(call, x);
        // A single output is four times the same vector, which the compiler computes once.
        let bytes = isa.narrow(array_of!(4, i => requantize(isa, acc[i % X], scale, high)), &limits);
        // SAFETY: eight writable bytes for each output, by the caller's promise.
        unsafe {
            isa.store_quarter::<0>(out, bytes);
            if X == 4 {
                isa.store_quarter::<1>(out.add(stride), bytes);
                isa.store_quarter::<2>(out.add(2 * stride), bytes);
                isa.store_quarter::<3>(out.add(3 * stride), bytes);
            }
        }
    }
}

/// The other stages, by way of the epilogue that all kernels share.
#[derive(Clone, Copy)]
struct AnyStage<'a>(&'a Row);

impl Sink for AnyStage<'_> {
    const REPEATABLE: bool = false;

    #[inline(always)]
    unsafe fn put<const X: usize>(self, acc: [__m256i; X], x: usize) {
        for (i, acc) in acc.into_iter().enumerate() {
            // SAFETY: the features, and an output of the row, by the caller's promise; a block is one vector.
            unsafe { finish(Avx2::new(), [[acc]], &self.0.tile::<1>(x + i, &self.0.output_offsets())) }
        }
    }
}

/// The numbers that the loops over taps depend on.
#[derive(Clone, Copy)]
struct Size {
    groups: usize,
    width: usize,
    stride: usize,
    dilation: usize,
}

impl Size {
    fn of(call: &Row) -> Size {
        let [groups, width] = call.kernel;
        Size { groups, width, stride: call.stride, dilation: call.dilation }
    }
}

/// Four outputs at a time, where a row's last four overlap outputs that are done: computes the sums of the next four, and
/// meanwhile the bytes of those before.
///
/// # Safety
///
/// As [`multiply`]; the stage is [`RawStage::Requantize`], there are `GROUPS` sources and four outputs or more, and the rows have
/// this size and no dilation, which `step` is for.
#[inline(always)]
unsafe fn in_turns<const GROUPS: usize, const WIDTH: usize, const STRIDE: usize>(
    rows: &[Row],
    step: unsafe fn(Sums, &ToBytes<'_>, OutputPosition, [*const u8; GROUPS], *const u8, __m256i) -> Sums,
) {
    let size = Size { groups: GROUPS, width: WIDTH, stride: STRIDE, dilation: 1 };
    let mut rows = rows.iter();
    let Some(mut row) = rows.next() else { return };
    // SAFETY: the caller's promises: what is taken from the first row holds for all. Outputs `x` to `x + 3` are the row's, so
    // are their bytes, and the columns that they see are in the groups.
    unsafe {
        let Some(sink) = Requantized::new(row) else { return };
        let mut to_bytes = ToBytes { scale: sink.scale, high: sink.high, limits: &sink.limits };
        let mut init = _mm256_loadu_si256(row.init.cast());
        let (mut x, last) = (0, row.outputs - 4);
        let mut acc = sums::<4>(row, init, size, 0);
        loop {
            let (before, out) = (to_bytes, output_position(row, x));
            if x < last {
                x = (x + 4).min(last);
            } else if let Some(next) = rows.next() {
                let RawStage::Requantize { scale, .. } = next.stage else {
                    unreachable!("rows of one stage")
                };
                (row, x) = (next, 0);
                init = _mm256_loadu_si256(row.init.cast());
                to_bytes.scale = _mm256_loadu_ps(scale);
            } else {
                break;
            }
            let mut columns = [row.padding; GROUPS];
            for (g, column) in columns.iter_mut().enumerate() {
                let first = row.column.cast_unsigned() + x * STRIDE;
                *column = row.group(g).add(first * size_of::<__m256i>());
            }
            acc = step(acc, &before, out, columns, row.weights, init);
        }
        Requantized { call: row, scale: to_bytes.scale, ..sink }.put(acc, last);
    }
}

/// Position of output `x`.
#[inline(always)]
fn output_position(row: &Row, x: usize) -> OutputPosition {
    OutputPosition { out: row.out.wrapping_add(x * row.out_stride), stride: row.out_stride }
}

/// Four outputs at a time; the rest one by one, or as four that overlap outputs that are done.
///
/// # Safety
///
/// As [`multiply`], and the row has this size.
#[inline(always)]
unsafe fn each_output<K: Sink>(call: &Row, sink: K, size: Size) {
    // SAFETY: the caller's promises; `x` counts outputs.
    unsafe {
        let init = _mm256_loadu_si256(call.init.cast());
        let mut x = 0;
        while x + 4 <= call.outputs {
            sink.put(sums::<4>(call, init, size, x), x);
            x += 4;
        }
        if K::REPEATABLE && x < call.outputs && call.outputs >= 4 {
            x = call.outputs - 4;
            sink.put(sums::<4>(call, init, size, x), x);
            return;
        }
        while x < call.outputs {
            sink.put(sums::<1>(call, init, size, x), x);
            x += 1;
        }
    }
}

/// The accumulators of `X` outputs from `x` on.
///
/// # Safety
///
/// As [`each_output`]; the outputs are the row's.
#[inline(always)]
unsafe fn sums<const X: usize>(call: &Row, init: __m256i, size: Size, x: usize) -> [__m256i; X] {
    // SAFETY: `width · groups` vectors of weights; every group has a vector for each column that the row's taps fall on.
    unsafe {
        let mut acc = [init; X];
        let mut weights = call.weights.cast::<__m256i>();
        let first = call.column.cast_unsigned() + x * size.stride;
        for kx in 0..size.width {
            for g in 0..size.groups {
                let columns = call.group(g).cast::<__m256i>().add(first + kx * size.dilation);
                let taps = _mm256_loadu_si256(weights);
                weights = weights.add(1);
                for (i, acc) in acc.iter_mut().enumerate() {
                    let pair = _mm256_loadu_si256(columns.add(i * size.stride));
                    *acc = _mm256_add_epi32(*acc, _mm256_madd_epi16(pair, taps));
                }
            }
        }
        acc
    }
}

/// Any kernel, stride and dilation: every output visits all of its taps.
#[inline(always)]
unsafe fn any_shape<K: Sink, const SIGNED: bool>(call: &Row, sink: K) {
    // SAFETY: `kw · ⌈kh/2⌉` vectors of weights; every tap has eight readable channels (see `Row::tap`).
    unsafe {
        let [height, width] = call.kernel;
        let init = _mm256_loadu_si256(call.init.cast());
        for x in 0..call.outputs {
            let mut acc = init;
            let mut weights = call.weights.cast::<__m256i>();
            let mut column = call.column + (x * call.stride).cast_signed();
            for _ in 0..width {
                for ky in (0..height).step_by(2) {
                    let upper = call.tap(ky, column);
                    let activations = if ky + 1 < height {
                        pair::<SIGNED>(upper, call.tap(ky + 1, column))
                    } else {
                        single::<SIGNED>(upper)
                    };
                    acc = _mm256_add_epi32(acc, _mm256_madd_epi16(activations, _mm256_loadu_si256(weights)));
                    weights = weights.add(1);
                }
                column += call.dilation.cast_signed();
            }
            sink.put([acc], x);
        }
    }
}
