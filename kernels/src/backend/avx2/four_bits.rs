//! Tiles on `vpmaddubsw` for weights of four bits: the products of eight groups are added in 16 bits, and widened once.

use core::arch::x86_64::*;

use super::{Avx2, flip_rows, row_sums};
use crate::gemm::dot4::{self, TOP_BITS};
use crate::gemm::folded;
use crate::gemm::{Folded, Layout, PANEL, Property, TileCost, Variant, for_each_row, groupwise_tiles};
use crate::prefetch::{PREFETCH_DISTANCE, prefetch_panels};

pub(super) const VARIANT: Variant = Variant { folded: Some(&FOLDED), ..BYTES };

const BYTES: Variant = Variant {
    name: "vpmaddubsw in eights",
    layout: Layout::GROUPS_OF_4,
    lhs: dot4::lhs::<DotEights>(flip_rows),
    row_sums: &row_sums::BYTES,
    proves: Some(&FOUR_BITS),
    tiles: dot4::tiles!(tile; 1: 2 4; 2: 2 4; 3: 2; 4: 2; 5: 2; 6: 2),
    groupwise: groupwise_tiles!(groupwise; 1: 2 4; 2: 2; 3: 2; 4: 2; 6: 2),
    // A multiplication and an addition on four pipes, two of which multiply.
    cost: TileCost { dot: 9, row: 4, panel: 8 },
    folded: None,
    unit: None,
};

/// Rows of the tallest folded tile: with more, weights are unfolded once.
const MOST_FOLDED_ROWS: usize = 2;

static FOLDED: Folded = Folded {
    four: Variant {
        tiles: dot4::tiles!(folded4; 1: 2 4; 2: 2),
        groupwise: groupwise_tiles!(groupwise4; 1: 2 4; 2: 2),
        ..BYTES
    },
    two: Variant {
        tiles: dot4::tiles!(folded2; 1: 2 4; 2: 2),
        groupwise: groupwise_tiles!(groupwise2; 1: 2 4; 2: 2),
        ..BYTES
    },
    most_rows: MOST_FOLDED_ROWS,
    most_groupwise_rows: MOST_FOLDED_ROWS,
};

/// Groups whose products are added in 16 bits.
const EIGHT: usize = 8;

/// Sums of [`EIGHT`] products of unsigned bytes with pairs of weights fit an `i16`, whatever the bytes: 8 · 255 · 16 = 32 640.
static FOUR_BITS: Property =
    Property { name: "four-bit", holds: |canonical| canonical.chunks(BLOCK).all(are_four_bits) };

/// Bytes that are tested together, without a branch for each.
const BLOCK: usize = 4096;

fn are_four_bits(canonical: &[u8]) -> bool {
    canonical.iter().fold(true, |all, &byte| all & (-8..8).contains(&byte.cast_signed()))
}

dot4::instruction! {
    /// `vpmaddubsw`, whose sums are widened by `vpmaddwd` after [`EIGHT`] groups: the driver calls these tiles only for panels whose weights
    /// are proved to have four bits.
    DotEights(Avx2): "AVX2 and FMA", "avx2,fma";
    dot<SIGNED>(acc, activations, weights) = {
        let pairs = _mm256_maddubs_epi16(activations, weights);
        _mm256_add_epi32(acc, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)))
    };
    #[inline(always)]
    unsafe fn groups<const R: usize, const V: usize, const SIGNED: bool>(
        self,
        acc: &mut [[__m256i; V]; R],
        rows: &[*const u8; R],
        panel: *const u8,
        groups: usize,
        prefetch: bool,
    ) -> bool {
        if V > 2 {
            return false;
        }
        // SAFETY: the caller's promises; two vectors are a group of a panel.
        unsafe { eights::<R, V, SIGNED>(acc, rows, panel, groups, prefetch) };
        true
    }
    // Their pairs would not fit.
    const TAKES_TOP_FIELDS: bool = false;
    #[inline(always)]
    fn field<const FIELD: usize, const FIELDS: usize>(self, line: __m256i) -> __m256i {
        // SAFETY: the token; registers and a table of sixteen bytes.
        unsafe { field::<FIELD, FIELDS>(line) }
    }
}

folded::folded!(DotEights, "avx2,fma");

/// Numbers of four and of two bits in two's complement, by their bits.
static NUMBERS: [[i8; 16]; 2] = [
    [0, 1, 2, 3, 4, 5, 6, 7, -8, -7, -6, -5, -4, -3, -2, -1],
    [0, 1, -2, -1, 0, 1, -2, -1, 0, 1, -2, -1, 0, 1, -2, -1],
];

/// A field of the bytes of a folded line, extended.
///
/// # Safety
///
/// AVX2.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn field<const FIELD: usize, const FIELDS: usize>(line: __m256i) -> __m256i {
    let bits = 8 / FIELDS;
    let down = _mm256_srl_epi16(line, _mm_cvtsi32_si128((bits * FIELD) as i32));
    let codes = _mm256_and_si256(down, _mm256_set1_epi8((1 << bits) - 1));
    // SAFETY: the table has sixteen bytes.
    let numbers = unsafe { _mm_loadu_si128(NUMBERS[usize::from(FIELDS == 4)].as_ptr().cast()) };
    _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(numbers), codes)
}

/// Adds the products of `groups` groups of `R` rows, `i8` plus 128 if `SIGNED`, and of one panel.
///
/// # Safety
///
/// AVX2; the rows and the panel are valid for `groups` groups, and the weights have four bits.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn eights<const R: usize, const V: usize, const SIGNED: bool>(
    acc: &mut [[__m256i; V]; R],
    rows: &[*const u8; R],
    mut panel: *const u8,
    groups: usize,
    prefetch: bool,
) {
    const GROUP: usize = Layout::GROUPS_OF_4.k_group;
    let mut done = 0;
    while done < groups {
        let count = EIGHT.min(groups - done);
        let mut sums = [[_mm256_setzero_si256(); V]; R];
        for group in done..done + count {
            // SAFETY: the caller's promises; there are top bits for the widest vector. A prefetched address may lie anywhere.
            unsafe {
                if prefetch {
                    prefetch_panels(panel.wrapping_add(PREFETCH_DISTANCE), 0, 1);
                }
                for_each_row!(R, ROW => {
                    let bytes = rows[ROW].add(group * GROUP).cast::<i32>().read_unaligned();
                    let mut activations = _mm256_set1_epi32(bytes);
                    if SIGNED {
                        activations = _mm256_xor_si256(activations, _mm256_loadu_si256(TOP_BITS.0.as_ptr().cast()));
                    }
                    for (v, sum) in sums[ROW].iter_mut().enumerate() {
                        let weights = _mm256_loadu_si256(panel.cast::<__m256i>().add(v));
                        *sum = _mm256_add_epi16(*sum, _mm256_maddubs_epi16(activations, weights));
                    }
                });
                panel = panel.add(GROUP * PANEL);
            }
        }
        for_each_row!(R, ROW => {
            for v in 0..V {
                let wide = _mm256_madd_epi16(sums[ROW][v], _mm256_set1_epi16(1));
                acc[ROW][v] = _mm256_add_epi32(acc[ROW][v], wide);
            }
        });
        done += count;
    }
}
