//! The inner loops of common depthwise kernels, in assembly: the products of four outputs between the instructions that make
//! bytes of the four before.
//!
//! Neither waits for the other, while bytes that follow their own products wait for some forty cycles of latency, more than
//! the out-of-order window of the processor covers. The compiler, given the same order, undoes it, and loads activations into
//! registers before it multiplies.

use core::arch::asm;
use core::arch::x86_64::*;
use core::mem::offset_of;

use crate::backend::avx2::Avx2;
use crate::simd::ByteLimits;

/// The sums of four outputs of eight channels.
pub(super) type Sums = [__m256i; 4];

/// The parameters that turn [`Sums`] into bytes.
#[derive(Clone, Copy)]
pub(super) struct ToBytes<'a> {
    pub(super) scale: __m256,
    pub(super) high: __m256,
    pub(super) limits: &'a ByteLimits<Avx2>,
}

/// Where the bytes of four outputs go: the first, and the bytes from one to the next.
#[derive(Clone, Copy)]
pub(super) struct OutputPosition {
    pub(super) out: *mut u8,
    pub(super) stride: usize,
}

/// `$op` of the four vectors of sums before, with `$more` behind the operands.
macro_rules! each_before {
    ($op:literal $(, $more:literal)?) => {
        concat!(
            $op, " {b0}, {b0}", $($more,)? "\n",
            $op, " {b1}, {b1}", $($more,)? "\n",
            $op, " {b2}, {b2}", $($more,)? "\n",
            $op, " {b3}, {b3}", $($more,)? "\n",
        )
    };
}

/// The six parts of making bytes: the same as those of single outputs, in intrinsics.
macro_rules! bytes {
    (0) => {
        each_before!("vcvtdq2ps")
    };
    (1) => {
        each_before!("vmulps", ", {scale}")
    };
    (2) => {
        each_before!("vminps", ", {high}")
    };
    (3) => {
        each_before!("vcvtps2dq")
    };
    (4) => {
        concat!(
            "vpackssdw {b0}, {b0}, {b1}\n",
            "vpackssdw {b2}, {b2}, {b3}\n",
            "vpaddsw {b0}, {b0}, ymmword ptr [{limits} + {zero_point}]\n",
            "vpaddsw {b2}, {b2}, ymmword ptr [{limits} + {zero_point}]\n",
            "vpackuswb {b0}, {b0}, {b2}\n",
        )
    };
    // In each half of the vector lie four channels of every output.
    (5) => {
        concat!(
            "vpmaxub {b0}, {b0}, ymmword ptr [{limits} + {low}]\n",
            "vpxor {b0}, {b0}, ymmword ptr [{limits} + {flip}]\n",
            "vextracti128 {b1:x}, {b0}, 1\n",
            "vpunpckldq {b2:x}, {b0:x}, {b1:x}\n",
            "vpunpckhdq {b3:x}, {b0:x}, {b1:x}\n",
            "vmovq qword ptr [{out}], {b2:x}\n",
            "vmovhps qword ptr [{out} + {step}], {b2:x}\n",
            "vmovq qword ptr [{out} + 2 * {step}], {b3:x}\n",
            "vmovhps qword ptr [{third} + {step}], {b3:x}\n",
        )
    };
}

/// The weights of group `$group` of `$groups` in column `$column` of the kernel.
macro_rules! weights {
    ($column:literal, $group:literal, $groups:literal) => {
        concat!(
            "vmovdqu {w}, ymmword ptr [{weights} + 32 * (",
            $column,
            " * ",
            $groups,
            " + ",
            $group,
            ")]\n",
        )
    };
}

/// The product of output `$output` with those weights.
macro_rules! product {
    ($to:literal, $row:expr, $column:literal, $output:literal) => {
        concat!(
            "vpmaddwd ",
            $to,
            ", {w}, ymmword ptr [",
            $row,
            " + 32 * (",
            $output,
            " * {stride} + ",
            $column,
            ")]\n",
        )
    };
}

/// The products of the first tap, and the initial accumulators.
macro_rules! first_tap {
    ($groups:literal) => {
        concat!(
            weights!(0, 0, $groups),
            product!("{a0}", "{r0}", 0, "0"),
            product!("{a1}", "{r0}", 0, "1"),
            product!("{a2}", "{r0}", 0, "2"),
            product!("{a3}", "{r0}", 0, "3"),
            "vpaddd {a0}, {a0}, {init}\n",
            "vpaddd {a1}, {a1}, {init}\n",
            "vpaddd {a2}, {a2}, {init}\n",
            "vpaddd {a3}, {a3}, {init}\n",
        )
    };
}

/// The products of a further tap: of the row whose number is that of the group.
macro_rules! tap {
    ($column:literal, $group:literal, $groups:literal) => {
        concat!(
            weights!($column, $group, $groups),
            product!("{t0}", concat!("{r", $group, "}"), $column, "0"),
            "vpaddd {a0}, {a0}, {t0}\n",
            product!("{t1}", concat!("{r", $group, "}"), $column, "1"),
            "vpaddd {a1}, {a1}, {t1}\n",
            product!("{t0}", concat!("{r", $group, "}"), $column, "2"),
            "vpaddd {a2}, {a2}, {t0}\n",
            product!("{t1}", concat!("{r", $group, "}"), $column, "3"),
            "vpaddd {a3}, {a3}, {t1}\n",
        )
    };
}

/// Defines a step for the given number of groups, whose rows have these names and numbers: it stores the bytes of the sums
/// `before` at `position`, and returns the sums of the four outputs whose first column is at `rows`, `STRIDE` columns apart.
/// After the first tap come the parts of making bytes, each followed by the taps in these columns and groups.
macro_rules! step {
    (
        $(#[$attribute:meta])*
        $name:ident, $groups:literal: $($row:ident = $number:literal),+;
        $($part:tt: $($column:literal of $group:literal),*;)+
    ) => {
        $(#[$attribute])*
        #[inline]
        #[target_feature(enable = "avx2")]
        pub(super) unsafe fn $name<const STRIDE: usize>(
            before: Sums,
            to_bytes: &ToBytes<'_>,
            position: OutputPosition,
            rows: [*const u8; $groups],
            weights: *const u8,
            init: __m256i,
        ) -> Sums {
            let [b0, b1, b2, b3] = before;
            let (a0, a1, a2, a3);
            // SAFETY: reads and writes what the caller promises, and registers, all of which are declared.
            unsafe {
                asm!(
                    concat!(first_tap!($groups), $(bytes!($part), $(tap!($column, $group, $groups),)*)+),
                    $($row = in(reg) rows[$number],)+
                    weights = in(reg) weights,
                    out = in(reg) position.out,
                    third = in(reg) position.out.wrapping_add(2 * position.stride),
                    step = in(reg) position.stride,
                    limits = in(reg) core::ptr::from_ref(to_bytes.limits),
                    scale = in(ymm_reg) to_bytes.scale,
                    high = in(ymm_reg) to_bytes.high,
                    init = in(ymm_reg) init,
                    stride = const STRIDE,
                    zero_point = const offset_of!(ByteLimits<Avx2>, zero_point),
                    low = const offset_of!(ByteLimits<Avx2>, low),
                    flip = const offset_of!(ByteLimits<Avx2>, flip),
                    b0 = inout(ymm_reg) b0 => _,
                    b1 = inout(ymm_reg) b1 => _,
                    b2 = inout(ymm_reg) b2 => _,
                    b3 = inout(ymm_reg) b3 => _,
                    a0 = out(ymm_reg) a0,
                    a1 = out(ymm_reg) a1,
                    a2 = out(ymm_reg) a2,
                    a3 = out(ymm_reg) a3,
                    t0 = out(ymm_reg) _,
                    t1 = out(ymm_reg) _,
                    w = out(ymm_reg) _,
                    options(nostack, preserves_flags),
                );
            }
            [a0, a1, a2, a3]
        }
    };
}

step! {
    /// Two groups of three columns.
    ///
    /// # Safety
    ///
    /// AVX2; six vectors of weights; columns of activations for four outputs; eight writable bytes at each of four outputs.
    three_columns, 2: r0 = 0, r1 = 1;
    0: 0 of 1;
    1: 1 of 0;
    2: 1 of 1;
    3: 2 of 0;
    4: 2 of 1;
    5: ;
}

step! {
    /// Three groups of five columns.
    ///
    /// # Safety
    ///
    /// As [`three_columns`], with fifteen vectors of weights.
    five_columns, 3: r0 = 0, r1 = 1, r2 = 2;
    0: 0 of 1, 0 of 2;
    1: 1 of 0, 1 of 1, 1 of 2;
    2: 2 of 0, 2 of 1, 2 of 2;
    3: 3 of 0, 3 of 1;
    4: 3 of 2, 4 of 0;
    5: 4 of 1, 4 of 2;
}
