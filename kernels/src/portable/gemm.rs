//! Tiles on `i16` pairs: one `i16x8::dot` multiplies four columns by two depths, and cannot overflow.

use wide::{i16x8, i32x4};

use super::Portable;
use crate::gemm::{GemmTable, Layout, LhsForm, PANEL, Tile, TileCost, TileRows, down, finish};

pub(crate) const TABLE: GemmTable = GemmTable {
    layout: Layout { name: "i8-group2", group: 2 },
    lhs: LhsForm::Words,
    tiles: &[
        TileRows { rows: 1, unsigned: &[tile::<1>], signed: &[tile::<1>] },
        TileRows { rows: 2, unsigned: &[tile::<2>], signed: &[tile::<2>] },
        TileRows { rows: 4, unsigned: &[tile::<4>], signed: &[tile::<4>] },
    ],
    cost: TileCost::EVEN,
    narrow: None,
};

/// Vectors of four columns in a panel.
const V: usize = PANEL / 4;

/// `R` rows by one panel.
///
/// # Safety
///
/// As [`TileFn`](crate::gemm::TileFn); no CPU features are needed.
unsafe fn tile<const R: usize>(first: &mut Tile) {
    // SAFETY: the caller's promises, for every tile of the strip.
    unsafe { down::<R>(first, one::<R>) }
}

/// # Safety
///
/// As [`tile`].
unsafe fn one<const R: usize>(tile: &Tile) {
    // SAFETY: rows are zero-padded to an even depth, panels to whole groups of two, by the driver's contract.
    unsafe {
        let mut acc = [[i32x4::splat(0); V]; R];
        for row in &mut acc {
            for (v, x) in row.iter_mut().enumerate() {
                *x = <Portable as crate::simd::Simd>::load(tile.init.add(4 * v));
            }
        }
        let mut panel = tile.panels.cast::<[i8; 8]>();
        for pair in 0..tile.segment_len.div_ceil(2) * tile.segments {
            let mut weights = [i16x8::splat(0); V];
            for w in &mut weights {
                *w = i16x8::new(panel.read().map(i16::from));
                panel = panel.add(1);
            }
            for (row, acc) in acc.iter_mut().enumerate() {
                let words = tile.row::<R>(0, row).cast::<[i16; 2]>().add(pair).read();
                let activations = i16x8::new([
                    words[0], words[1], words[0], words[1], words[0], words[1], words[0], words[1],
                ]);
                for (x, &w) in acc.iter_mut().zip(&weights) {
                    *x += activations.dot(w);
                }
            }
        }
        finish::<Portable, R, V>(acc, tile);
    }
}
