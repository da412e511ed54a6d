//! Tiles on `i16` pairs: `vpmaddwd` multiplies eight columns by two depths and cannot overflow, whatever the bytes.
//!
//! Weights stay bytes in memory and are widened as they are loaded (`vpmovsxbw`); rows come widened from the driver.

use core::arch::x86_64::*;

use super::{Avx2, loops, row_sums};
use crate::gemm::{
    ByteRows, Depths, GroupTile, Layout, LhsForm, PANEL, Tile, TileCost, TileRows, Variant, down, finish,
    for_each_row, groupwise_tile, groupwise_tiles,
};
use crate::prefetch::{PREFETCH_DISTANCE, prefetch_panels};

const GROUP: usize = Layout::GROUPS_OF_2.k_group;

pub(super) const VARIANT: Variant = Variant {
    name: "vpmaddwd",
    layout: Layout::GROUPS_OF_2,
    lhs: LhsForm::I16 { widen },
    row_sums: &row_sums::I16S,
    proves: None,
    tiles: &[
        TileRows { rows: 1, unsigned: &[tile::<1, 2>, tile::<1, 4>], signed: &[tile::<1, 2>, tile::<1, 4>] },
        TileRows { rows: 2, unsigned: &[tile::<2, 2>, tile::<2, 4>], signed: &[tile::<2, 2>, tile::<2, 4>] },
        TileRows { rows: 3, unsigned: &[tile::<3, 2>], signed: &[tile::<3, 2>] },
        TileRows { rows: 4, unsigned: &[tile::<4, 2>], signed: &[tile::<4, 2>] },
        TileRows { rows: 5, unsigned: &[tile::<5, 2>], signed: &[tile::<5, 2>] },
        TileRows { rows: 6, unsigned: &[tile::<6, 2>], signed: &[tile::<6, 2>] },
    ],
    groupwise: groupwise_tiles!(groupwise; 1: 2 4; 2: 2; 3: 2; 4: 2; 6: 2),
    // Two multiplications and two additions on four pipes, of which two multiply; loads are widened, two in a cycle.
    cost: TileCost { dot: 9, row: 4, panel: 8 },
    folded: None,
    unit: None,
};

/// `R` rows by `V / 2` panels, or half-width. Six rows by one panel fill the registers: 12 accumulators, 2 vectors of
/// weights, a broadcast pair and a product.
///
/// # Safety
///
/// As [`TileFn`](crate::gemm::variant::TileFn).
#[target_feature(enable = "avx2")]
unsafe fn tile<const R: usize, const V: usize>(first: &mut Tile) {
    // SAFETY: the caller's promises, for every tile of the m-block; half a panel is one vector.
    unsafe {
        if V == 2 && first.is_half_width() {
            down::<R>(first, one::<R, 1>)
        } else {
            down::<R>(first, one::<R, V>)
        }
    }
}

/// # Safety
///
/// As [`tile`].
#[target_feature(enable = "avx2")]
unsafe fn one<const R: usize, const V: usize>(tile: &Tile) {
    // SAFETY: after a segment of odd length there is one more `i16`, which is multiplied by weights of 0: panels are padded
    // to whole groups of two. A prefetched address may lie anywhere.
    unsafe {
        let mut init = [_mm256_setzero_si256(); V];
        for (v, x) in init.iter_mut().enumerate() {
            *x = _mm256_loadu_si256(tile.init.add(8 * v).cast());
        }
        let mut acc = [init; R];
        let mut panel = tile.panels;
        for segment in 0..tile.segments {
            let mut rows = [core::ptr::null::<i32>(); R];
            for (r, row) in rows.iter_mut().enumerate() {
                *row = tile.row::<R>(segment, r).cast();
            }
            let pairs = tile.segment_len.div_ceil(GROUP);
            panel = depths(&mut acc, &rows, panel, tile.panel_stride, pairs, tile.prefetch);
            panel = panel.wrapping_add(tile.panel_skip);
        }
        finish(Avx2::new(), acc, tile);
    }
}

/// Adds the products of `pairs` pairs of depths of `R` rows by `V` vectors of columns; returns where the panel goes on.
///
/// # Safety
///
/// AVX2; the rows are valid for the pairs, the panel for as many groups, and so is every further panel, `stride` bytes after the last.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn depths<const R: usize, const V: usize>(
    acc: &mut [[__m256i; V]; R],
    rows: &[*const i32; R],
    mut panel: *const u8,
    stride: usize,
    pairs: usize,
    prefetch: bool,
) -> *const u8 {
    // SAFETY: the caller's promises; six rows by two vectors are what the loops in assembly take. A prefetched address may lie anywhere.
    unsafe {
        if R == loops::ROWS && V == 2 && pairs > 0 {
            let acc = &mut *acc.as_mut_ptr().cast::<loops::Accumulators>();
            let rows = *rows.as_ptr().cast();
            if prefetch {
                loops::i16_pairs::<true>(acc, rows, panel, pairs);
            } else {
                loops::i16_pairs::<false>(acc, rows, panel, pairs);
            }
            return panel.add(pairs * GROUP * PANEL);
        }
        for pair in 0..pairs {
            if prefetch {
                prefetch_panels(panel.wrapping_add(PREFETCH_DISTANCE), stride, V.div_ceil(2));
            }
            let mut weights = [_mm256_setzero_si256(); V];
            for (v, w) in weights.iter_mut().enumerate() {
                let at = panel.add(v / 2 * stride + v % 2 * 16);
                *w = _mm256_cvtepi8_epi16(_mm_loadu_si128(at.cast()));
            }
            for_each_row!(R, ROW => {
                let activations = _mm256_set1_epi32(rows[ROW].add(pair).read_unaligned());
                for v in 0..V {
                    let products = _mm256_madd_epi16(activations, weights[v]);
                    acc[ROW][v] = _mm256_add_epi32(acc[ROW][v], products);
                }
            });
            panel = opaque(panel.add(GROUP * PANEL));
        }
        panel
    }
}

/// Pairs of depths, in tiles of weights with scales by group.
#[derive(Clone, Copy)]
struct Pairs(Avx2);

// SAFETY: the token proves AVX2 and FMA.
unsafe impl Depths for Pairs {
    type S = Avx2;
    const GROUP: usize = GROUP;
    const ELEMENT: usize = size_of::<i16>();

    #[inline(always)]
    fn isa(self) -> Avx2 {
        self.0
    }

    #[inline(always)]
    unsafe fn add<const R: usize, const V: usize>(
        self,
        acc: &mut [[__m256i; V]; R],
        rows: &[*const u8; R],
        panel: *const u8,
        stride: usize,
        len: usize,
        ahead: usize,
    ) {
        // SAFETY: the token, and the caller's promises: rows are valid for whole pairs.
        unsafe {
            let rows = &*core::ptr::from_ref(rows).cast();
            depths::<R, V>(acc, rows, panel, stride, len.div_ceil(GROUP), ahead != 0);
        }
    }
}

/// # Safety
///
/// As [`GroupTileFn`](crate::gemm::groupwise::tile::GroupTileFn).
#[target_feature(enable = "avx2,fma")]
unsafe fn groupwise<const R: usize, const V: usize>(tile: &GroupTile) {
    // SAFETY: the caller's promises.
    unsafe { groupwise_tile::<_, R, V>(Pairs(Avx2::new()), tile) }
}

/// Hides the pointer from the optimizer, which would otherwise use one loop index for rows and weights: a `vpmovsxbw` from an
/// indexed address costs Zen 3 a tenth of the tile's speed.
#[inline(always)]
fn opaque(mut pointer: *const u8) -> *const u8 {
    // SAFETY: no instruction.
    unsafe {
        core::arch::asm!("/* {0} */", inout(reg) pointer, options(pure, readonly, nostack, preserves_flags));
    }
    pointer
}

/// # Safety
///
/// As [`CopyRows`](crate::gemm::CopyRows).
#[target_feature(enable = "avx2")]
unsafe fn widen(rows: &ByteRows) {
    // SAFETY: the caller's promises.
    unsafe {
        if rows.signed {
            widen_as::<true>(rows);
        } else {
            widen_as::<false>(rows);
        }
    }
}

/// # Safety
///
/// As [`widen`].
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn widen_as<const SIGNED: bool>(rows: &ByteRows) {
    // SAFETY: reads end with a row's bytes, writes with a row's `i16`s. If the length is not a multiple of a vector, the last
    // vector overlaps the one before it.
    unsafe {
        let len = rows.len;
        for row in 0..rows.rows {
            let from = rows.bytes.add(row * rows.stride);
            let to = rows.copies.add(row * rows.copies_stride).cast::<i16>();
            let sixteen = |at: usize| {
                let bytes = _mm_loadu_si128(from.add(at).cast());
                let wide = if SIGNED { _mm256_cvtepi8_epi16(bytes) } else { _mm256_cvtepu8_epi16(bytes) };
                _mm256_storeu_si256(to.add(at).cast(), wide);
            };
            let eight = |at: usize| {
                let bytes = _mm_loadl_epi64(from.add(at).cast());
                let wide = if SIGNED { _mm_cvtepi8_epi16(bytes) } else { _mm_cvtepu8_epi16(bytes) };
                _mm_storeu_si128(to.add(at).cast(), wide);
            };
            let four = |at: usize| {
                let bytes = _mm_cvtsi32_si128(from.add(at).cast::<i32>().read_unaligned());
                let wide = if SIGNED { _mm_cvtepi8_epi16(bytes) } else { _mm_cvtepu8_epi16(bytes) };
                _mm_storel_epi64(to.add(at).cast(), wide);
            };
            if len >= 16 {
                (0..=len - 16).step_by(16).for_each(sixteen);
                if !len.is_multiple_of(16) {
                    sixteen(len - 16);
                }
            } else if len >= 8 {
                eight(0);
                eight(len - 8);
            } else if len >= 4 {
                four(0);
                four(len - 4);
            } else {
                for at in 0..len {
                    let byte = *from.add(at);
                    *to.add(at) = if SIGNED { i16::from(byte.cast_signed()) } else { i16::from(byte) };
                }
            }
        }
    }
}
