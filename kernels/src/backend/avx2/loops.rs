//! The inner loops of the tallest tiles, six rows by one panel, in assembly.
//!
//! They take twelve accumulators, and the order of their instructions and where the loop begins decide about a tenth of
//! their speed on Zen 3: the compiler controls neither. They begin on a border of 64 bytes; only rows are addressed
//! with an index, since a load that is part of another instruction becomes two with one.

use core::arch::asm;
use core::arch::x86_64::*;

use crate::gemm::dot4;
use crate::prefetch::PREFETCH_DISTANCE;

/// Rows of these tiles.
pub(super) const ROWS: usize = 6;

/// Accumulators of six rows by the two vectors of a panel.
pub(super) type Accumulators = [[__m256i; 2]; ROWS];

/// Repeats the assembly of a row for all rows, with the register of its address and the numbers of its accumulators.
macro_rules! six_rows {
    ($row:ident $(, $more:expr)*) => {
        concat!(
            $row!("{row0}", "0", "1" $(, $more)*),
            $row!("{row1}", "2", "3" $(, $more)*),
            $row!("{row2}", "4", "5" $(, $more)*),
            $row!("{row3}", "6", "7" $(, $more)*),
            $row!("{row4}", "8", "9" $(, $more)*),
            $row!("{row5}", "10", "11" $(, $more)*),
        )
    };
}

/// A loop of lines that multiply four bytes of every row by `$weights` bytes of the panel; `ymm15` is among the further
/// operands.
macro_rules! each_group {
    (
        $acc:ident, $rows:ident, $panel:ident, $end:expr, $weights:literal, $lines:tt,
        $($operand:tt)+
    ) => {
        each_group!(
            @ $acc, $rows, $panel, $end, $weights, $lines,
            // The rows, and the registers of their accumulators.
            [
                row0 0 "ymm0" "ymm1", row1 1 "ymm2" "ymm3", row2 2 "ymm4" "ymm5",
                row3 3 "ymm6" "ymm7", row4 4 "ymm8" "ymm9", row5 5 "ymm10" "ymm11"
            ],
            $($operand)+
        )
    };
    (
        @ $acc:ident, $rows:ident, $panel:ident, $end:expr, $weights:literal, [$($line:expr),+],
        [$($row:ident $number:literal $left:tt $right:tt),+],
        $($operand:tt)+
    ) => {
        asm!(
            ".p2align 6",
            "2:",
            $($line,)+
            concat!("add {panel}, ", $weights),
            "add {at}, 4",
            "cmp {at}, {end}",
            "jne 2b",
            $($row = in(reg) $rows[$number],)+
            panel = inout(reg) $panel => _,
            at = inout(reg) 0usize => _,
            end = in(reg) $end,
            $(inout($left) $acc[$number][0], inout($right) $acc[$number][1],)+
            out("ymm12") _,
            out("ymm13") _,
            out("ymm14") _,
            $($operand)+,
            options(nostack, readonly),
        )
    };
}

/// Prefetches weights; `distance` is among the further operands.
macro_rules! prefetch {
    () => {
        "prefetcht0 byte ptr [{panel} + {distance}]"
    };
}

/// An `i16` pair of a row by a group of two depths of a panel.
macro_rules! pair_row {
    ($row:literal, $left:literal, $right:literal) => {
        concat!(
            "vpbroadcastd ymm14, dword ptr [",
            $row,
            " + {at}]\n",
            "vpmaddwd ymm15, ymm14, ymm12\n",
            "vpaddd ymm",
            $left,
            ", ymm",
            $left,
            ", ymm15\n",
            "vpmaddwd ymm14, ymm14, ymm13\n",
            "vpaddd ymm",
            $right,
            ", ymm",
            $right,
            ", ymm14\n",
        )
    };
}

/// Adds the products of `pairs` `i16` pairs of six rows and `pairs` groups of two of a panel.
///
/// # Safety
///
/// AVX2; `pairs` is not 0, the rows are valid for `pairs` `i16` pairs, the panel for `pairs` groups.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) unsafe fn i16_pairs<const PREFETCH: bool>(
    acc: &mut Accumulators,
    rows: [*const u8; ROWS],
    panel: *const u8,
    pairs: usize,
) {
    // SAFETY: reads what the caller promises, and writes nothing but registers, all of which are declared. A
    // prefetched address may lie anywhere.
    unsafe {
        if PREFETCH {
            each_group!(acc, rows, panel, 4 * pairs, "32", [
                prefetch!(),
                "vpmovsxbw ymm12, xmmword ptr [{panel}]",
                "vpmovsxbw ymm13, xmmword ptr [{panel} + 16]",
                six_rows!(pair_row)
            ], distance = const PREFETCH_DISTANCE, out("ymm15") _);
        } else {
            each_group!(acc, rows, panel, 4 * pairs, "32", [
                "vpmovsxbw ymm12, xmmword ptr [{panel}]",
                "vpmovsxbw ymm13, xmmword ptr [{panel} + 16]",
                six_rows!(pair_row)
            ], out("ymm15") _);
        }
    }
}

/// Four bytes of a row by a group of four depths of a panel. The second vector of weights is read again for every row,
/// because no register is left for it.
macro_rules! byte_row {
    ($row:literal, $left:literal, $right:literal, $flip:expr) => {
        concat!(
            "vpbroadcastd ymm12, dword ptr [",
            $row,
            " + {at}]\n",
            $flip,
            "vpmaddubsw ymm13, ymm12, ymm14\n",
            "vpmaddubsw ymm12, ymm12, ymmword ptr [{panel} + 32]\n",
            "vpmaddwd ymm13, ymm13, ymm15\n",
            "vpmaddwd ymm12, ymm12, ymm15\n",
            "vpaddd ymm",
            $left,
            ", ymm",
            $left,
            ", ymm13\n",
            "vpaddd ymm",
            $right,
            ", ymm",
            $right,
            ", ymm12\n",
        )
    };
}

/// Adds the products of `groups` groups of four bytes of six rows, `i8` plus 128 if `SIGNED`, and `groups` groups of a panel,
/// whose weights are pair-safe.
///
/// # Safety
///
/// AVX2; `groups` is not 0, the rows and the panel are valid for `groups` groups.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) unsafe fn bytes<const SIGNED: bool, const PREFETCH: bool>(
    acc: &mut Accumulators,
    rows: [*const u8; ROWS],
    panel: *const u8,
    groups: usize,
) {
    // SAFETY: reads what the caller promises and a constant, and writes nothing but registers, all of which are declared. A
    // prefetched address may lie anywhere.
    unsafe {
        let (ones, top_bits) = (_mm256_set1_epi16(1), dot4::TOP_BITS.0.as_ptr());
        macro_rules! flip {
            () => {
                "vpxor ymm12, ymm12, ymmword ptr [{flip}]\n"
            };
        }
        macro_rules! groups {
            ([$($prefetch:expr)?], $flip:expr, $($operand:tt)*) => {
                each_group!(acc, rows, panel, 4 * groups, "64", [
                    $($prefetch,)?
                    "vmovdqu ymm14, ymmword ptr [{panel}]",
                    six_rows!(byte_row, $flip)
                ], $($operand)* in("ymm15") ones)
            };
        }
        match (SIGNED, PREFETCH) {
            (true, true) => {
                groups!([prefetch!()], flip!(), distance = const PREFETCH_DISTANCE, flip = in(reg) top_bits,)
            }
            (true, false) => groups!([], flip!(), flip = in(reg) top_bits,),
            (false, true) => groups!([prefetch!()], "", distance = const PREFETCH_DISTANCE,),
            (false, false) => groups!([], "",),
        }
    }
}
