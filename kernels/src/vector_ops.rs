//! The kernels that every backend derives from its [`Simd`](crate::simd::Simd) token: element-by-element operators, pooling, and
//! the depthwise kernel that accepts all weights.

use crate::binary::Signs;
use crate::elementwise::contract::{Code, LookupKernel};
use crate::elementwise::{
    Add, Decode, Dequantize, Encode, FixedPointOps, Mul, Quantize, QuantizeRange, Requantize, Steps,
};
use crate::float::FloatOps;
use crate::gemm::Unfold;
use crate::pooling::contract::PoolKernel;

/// The operators' code, indexed by the signedness of the operands (0 for `u8`, 1 for `i8`).
pub(crate) struct VectorOps {
    pub(crate) add: [[Code<Add>; 2]; 2],
    pub(crate) mul: [[Code<Mul>; 2]; 2],
    pub(crate) requantize: [Code<Requantize>; 2],
    pub(crate) quantize: Code<Quantize>,
    pub(crate) dequantize: [Code<Dequantize>; 2],
    pub(crate) encode: Code<Encode>,
    pub(crate) decode: Code<Decode>,
    pub(crate) fixed_point: FixedPointOps,
    pub(crate) extremes: unsafe fn(&[i32]) -> (i32, i32),
    pub(crate) range: unsafe fn(&[f32]) -> Option<(f32, f32)>,
    pub(crate) quantize_range: unsafe fn(&QuantizeRange) -> Option<Steps>,
    /// Best first; the last one needs no more than the backend's features.
    pub(crate) lookup: &'static [&'static LookupKernel],
    pub(crate) maximum: [PoolKernel; 2],
    /// For few taps (`u16` sums), for many (`i32` sums).
    pub(crate) average: [[PoolKernel; 2]; 2],
    pub(crate) float: FloatOps,
    pub(crate) pack_signs: Code<Signs>,
    pub(crate) unfold: Unfold,
}

/// Makes a module `ops` with a backend's [`VectorOps`] (`VECTOR_OPS`) and generic depthwise kernel (`DEPTHWISE`).
///
/// Takes the token, the number of its vectors that hold sixteen lanes (16 / `LANES`), the numbers of rows of its float tiles, from 1
/// to as many as registers can hold, the table lookup kernels, best first, and the attributes that entry functions need: their
/// `target_feature`s, all of which the backend's `detect` must check.
macro_rules! vector_ops {
    ($simd:ty, $vectors:literal, [$($rows:literal)+], [$($lookup:path),+] $(, #[$attribute:meta])*) => {
        mod ops {
            use $crate::binary::{Signs, pack_signs_on};
            use $crate::depthwise::{DepthwiseKernel, GENERIC_BLOCK, Row, generic_row};
            use $crate::elementwise::fixed_point::{self, Call, Codes, FixedPointOps};
            use $crate::elementwise::{Add, Decode, Dequantize, Encode, Mul, Quantize, QuantizeRange, Requantize, Steps};
            use $crate::elementwise::{encode as steps, extremes as integers, generic as elementwise, quantize as quotients};
            use $crate::elementwise::{range as floats, ranged};
            use $crate::float::{self, FloatOps};
            use $crate::gemm::{Finish, Tile, Unfold, in_memory, unfold};
            use $crate::pooling::generic::{self as pooling, Combine, Greatest, I32Sums, U16Sums};
            use $crate::pooling::{Across, Columns, PoolKernel};
            use $crate::vector_ops::VectorOps;

            #[allow(unused_imports, reason = "the token is named as the parent module names it")]
            use super::*;

            pub(crate) static VECTOR_OPS: VectorOps = VectorOps {
                add: [[add::<false, false>, add::<false, true>], [add::<true, false>, add::<true, true>]],
                mul: [[mul::<false, false>, mul::<false, true>], [mul::<true, false>, mul::<true, true>]],
                requantize: [requantize::<false>, requantize::<true>],
                quantize,
                dequantize: [dequantize::<false>, dequantize::<true>],
                encode,
                decode,
                fixed_point: FixedPointOps {
                    of_bytes: fixed_point,
                    of_codes: fixed_point,
                },
                extremes,
                range,
                quantize_range,
                lookup: &[$(&$lookup),+],
                maximum: [
                    pool::<Greatest<false>, Greatest<false>>(),
                    pool::<Greatest<true>, Greatest<true>>(),
                ],
                // Extended bytes, and so the sums, are unsigned.
                average: [
                    [pool::<U16Sums<false>, U16Sums<false>>(), pool::<U16Sums<true>, U16Sums<false>>()],
                    [pool::<I32Sums<false>, I32Sums<false>>(), pool::<I32Sums<true>, I32Sums<false>>()],
                ],
                float: FloatOps {
                    lanes: 16 / $vectors,
                    tiles: [&[$(float_tile::<$rows, 1>),+], &[$(float_tile::<$rows, 2>),+]],
                    row: [float_tile::<1, { float::ROW_VECTORS }>],
                    depthwise: [float_depthwise::<false>, float_depthwise::<true>],
                    softmax: float_softmax,
                    curve: float_curve,
                    sums: [float_sums::<false>, float_sums::<true>],
                },
                pack_signs,
                unfold: Unfold { two: unfold_lines::<true>, four: unfold_lines::<false> },
            };

            pub(crate) static DEPTHWISE: DepthwiseKernel = DepthwiseKernel {
                last_overlaps: false,
                ..DepthwiseKernel::new(
                    "taps-i32-block16",
                    GENERIC_BLOCK,
                    1,
                    [depthwise::<false>, depthwise::<true>],
                )
            };

            $(#[$attribute])*
            unsafe fn add<const A: bool, const B: bool>(call: &Add) {
                // SAFETY: the caller's promises; this function has the token's features.
                unsafe { elementwise::add::<$simd, A, B>(<$simd>::new(), call) }
            }

            $(#[$attribute])*
            unsafe fn mul<const A: bool, const B: bool>(call: &Mul) {
                // SAFETY: as in `add`.
                unsafe { elementwise::mul::<$simd, A, B>(<$simd>::new(), call) }
            }

            $(#[$attribute])*
            unsafe fn requantize<const SIGNED: bool>(call: &Requantize) {
                // SAFETY: as in `add`.
                unsafe { elementwise::requantize::<$simd, SIGNED>(<$simd>::new(), call) }
            }

            $(#[$attribute])*
            unsafe fn quantize(call: &Quantize) {
                // SAFETY: as in `add`.
                unsafe { quotients::quantize::<$simd>(<$simd>::new(), call) }
            }

            $(#[$attribute])*
            unsafe fn dequantize<const SIGNED: bool>(call: &Dequantize) {
                // SAFETY: as in `add`.
                unsafe { elementwise::dequantize::<$simd, SIGNED>(<$simd>::new(), call) }
            }

            $(#[$attribute])*
            unsafe fn encode(call: &Encode) {
                // SAFETY: as in `add`.
                unsafe { steps::bytes::<$simd>(<$simd>::new(), call) }
            }

            $(#[$attribute])*
            unsafe fn decode(call: &Decode) {
                // SAFETY: as in `add`.
                unsafe { steps::floats::<$simd>(<$simd>::new(), call) }
            }

            $(#[$attribute])*
            unsafe fn fixed_point<C: Codes>(call: &Call<C>) {
                // SAFETY: as in `add`.
                unsafe { fixed_point::requantize::<$simd, C>(<$simd>::new(), call) }
            }

            $(#[$attribute])*
            unsafe fn extremes(codes: &[i32]) -> (i32, i32) {
                // SAFETY: as in `add`.
                integers::extremes_of::<$simd>(unsafe { <$simd>::new() }, codes)
            }

            $(#[$attribute])*
            unsafe fn range(x: &[f32]) -> Option<(f32, f32)> {
                // SAFETY: as in `add`.
                floats::range_of::<$simd>(unsafe { <$simd>::new() }, x)
            }

            $(#[$attribute])*
            unsafe fn quantize_range(call: &QuantizeRange) -> Option<Steps> {
                // SAFETY: as in `add`.
                unsafe { ranged::quantize_over::<$simd>(<$simd>::new(), call) }
            }

            // SAFETY: the function is `in_memory`, with the token's features.
            unsafe impl Finish for $simd {
                #[inline(never)]
                $(#[$attribute])*
                unsafe fn finish_in_memory(self, acc: *const i32, vectors: usize, tile: &Tile) {
                    // SAFETY: the caller's promises.
                    unsafe { in_memory(self, acc, vectors, tile) }
                }
            }

            const fn pool<C: Combine<$simd>, A: Combine<$simd>>() -> PoolKernel {
                assert!(C::BYTES == A::BYTES);
                PoolKernel { columns: columns::<C>, across: across::<A>, bytes: C::BYTES, excess: C::EXCESS }
            }

            $(#[$attribute])*
            unsafe fn columns<C: Combine<$simd>>(call: &Columns) {
                // SAFETY: as in `add`.
                unsafe { pooling::columns::<$simd, C>(<$simd>::new(), call) }
            }

            $(#[$attribute])*
            unsafe fn across<C: Combine<$simd>>(call: &Across) {
                // SAFETY: as in `add`.
                unsafe { pooling::across::<$simd, C>(<$simd>::new(), call) }
            }

            $(#[$attribute])*
            unsafe fn float_tile<const ROWS: usize, const VECTORS: usize>(tile: &float::Tile<'_>) {
                // SAFETY: as in `add`.
                unsafe { float::tile::<$simd, ROWS, VECTORS>(<$simd>::new(), tile) }
            }

            $(#[$attribute])*
            unsafe fn float_depthwise<const TWICE: bool>(run: &float::Run<'_>) {
                // SAFETY: as in `add`.
                unsafe { float::run::<$simd, TWICE>(<$simd>::new(), run) }
            }

            $(#[$attribute])*
            unsafe fn float_softmax(row: &float::SoftmaxRow) {
                // SAFETY: as in `add`.
                unsafe { float::softmax_row::<$simd>(<$simd>::new(), row) }
            }

            $(#[$attribute])*
            unsafe fn float_curve(call: &float::CurveCall) {
                // SAFETY: as in `add`.
                unsafe { float::curve::<$simd>(<$simd>::new(), call) }
            }

            $(#[$attribute])*
            unsafe fn float_sums<const SQUARES: bool>(chunk: &mut float::Chunk) {
                // SAFETY: as in `add`.
                unsafe { float::add_up::<$simd, SQUARES>(<$simd>::new(), chunk) }
            }

            $(#[$attribute])*
            unsafe fn pack_signs(call: &Signs) {
                // SAFETY: as in `add`.
                unsafe { pack_signs_on::<$simd>(<$simd>::new(), call) }
            }

            $(#[$attribute])*
            unsafe fn unfold_lines<const TWO: bool>(lines: &[u8], panels: &mut [u8]) {
                unfold::<TWO>(lines, panels)
            }

            $(#[$attribute])*
            unsafe fn depthwise<const SIGNED: bool>(call: &Row) {
                // SAFETY: as in `add`.
                unsafe { generic_row::<$simd, $vectors, SIGNED>(<$simd>::new(), call) }
            }
        }
    };
}
pub(crate) use vector_ops;
