//! Tiles on `i16` pairs: `vpmaddwd` multiplies eight columns by two depths and cannot overflow, whatever the bytes.
//!
//! Weights stay bytes in memory and are widened as they are loaded (`vpmovsxbw`); rows come widened from the driver.

use core::arch::x86_64::*;

use super::Avx2;
use crate::gemm::{GemmTable, Layout, LhsForm, PANEL, Tile, TileCost, TileRows, down, finish, for_each_row};

const GROUP: usize = 2;

pub(super) const TABLE: GemmTable = GemmTable {
    layout: Layout { name: "i8-group2", group: GROUP },
    lhs: LhsForm::Words,
    tiles: &[
        TileRows { rows: 1, unsigned: &[tile::<1, 2>, tile::<1, 4>], signed: &[tile::<1, 2>, tile::<1, 4>] },
        TileRows { rows: 2, unsigned: &[tile::<2, 2>, tile::<2, 4>], signed: &[tile::<2, 2>, tile::<2, 4>] },
        TileRows { rows: 3, unsigned: &[tile::<3, 2>], signed: &[tile::<3, 2>] },
        TileRows { rows: 4, unsigned: &[tile::<4, 2>], signed: &[tile::<4, 2>] },
        TileRows { rows: 5, unsigned: &[tile::<5, 2>], signed: &[tile::<5, 2>] },
        TileRows { rows: 6, unsigned: &[tile::<6, 2>], signed: &[tile::<6, 2>] },
    ],
    // Two multiplications and two additions on four pipes, of which two multiply; loads are widened, two in a cycle.
    cost: TileCost { dot: 9, row: 4, panel: 8 },
    narrow: Some(&super::narrow::TABLE),
};

/// `R` rows by `V / 2` panels. Six rows by one panel fill the registers: 12 accumulators, 2 vectors of weights, a
/// broadcast pair and a product.
///
/// # Safety
///
/// As [`TileFn`](crate::gemm::TileFn).
#[target_feature(enable = "avx2")]
unsafe fn tile<const R: usize, const V: usize>(first: &mut Tile) {
    // SAFETY: the caller's promises, for every tile of the strip.
    unsafe { down::<R>(first, one::<R, V>) }
}

/// # Safety
///
/// As [`tile`].
#[target_feature(enable = "avx2")]
unsafe fn one<const R: usize, const V: usize>(tile: &Tile) {
    // SAFETY: rows hold `segment_len` words and zeros up to an even count, panels whole groups of two, by the driver's
    // contract; there is one segment, or none.
    unsafe {
        let mut init = [_mm256_setzero_si256(); V];
        for (v, x) in init.iter_mut().enumerate() {
            *x = _mm256_loadu_si256(tile.init.add(8 * v).cast());
        }
        let mut acc = [init; R];
        let mut rows = [core::ptr::null::<i32>(); R];
        for (r, row) in rows.iter_mut().enumerate() {
            *row = tile.row::<R>(0, r).cast();
        }
        let mut panel = tile.panels;
        for pair in 0..tile.segment_len.div_ceil(GROUP) * tile.segments {
            let mut weights = [_mm256_setzero_si256(); V];
            for (v, w) in weights.iter_mut().enumerate() {
                let at = panel.add(v / 2 * tile.panel_stride + v % 2 * 16);
                *w = _mm256_cvtepi8_epi16(_mm_loadu_si128(at.cast()));
            }
            for_each_row!(R, ROW => {
                let activations = _mm256_set1_epi32(rows[ROW].add(pair).read_unaligned());
                for v in 0..V {
                    let products = _mm256_madd_epi16(activations, weights[v]);
                    acc[ROW][v] = _mm256_add_epi32(acc[ROW][v], products);
                }
            });
            panel = panel.add(GROUP * PANEL);
        }
        finish::<Avx2, R, V>(acc, tile);
    }
}
