//! Tiles on `i16` pairs: one `i16x8::dot` multiplies four columns by two depths, and cannot overflow.

use wide::{i16x8, i32x4};

use super::Portable;
use crate::gemm::{
    ByteRows, Layout, LhsForm, PANEL, PLAIN_I16, Tile, TileCost, TileRows, Variant, down, finish,
};
use crate::simd::Simd;

pub(super) static VARIANTS: &[Variant] = &[Variant {
    name: "i16 pairs",
    layout: Layout::GROUPS_OF_2,
    lhs: LhsForm::I16 { widen },
    row_sums: &PLAIN_I16,
    proves: None,
    tiles: &[
        TileRows { rows: 1, unsigned: &[tile::<1>], signed: &[tile::<1>] },
        TileRows { rows: 2, unsigned: &[tile::<2>], signed: &[tile::<2>] },
        TileRows { rows: 4, unsigned: &[tile::<4>], signed: &[tile::<4>] },
    ],
    cost: TileCost::EVEN,
    unit: None,
}];

/// # Safety
///
/// As [`CopyRows`](crate::gemm::CopyRows).
unsafe fn widen(rows: &ByteRows) {
    for row in 0..rows.rows {
        for at in 0..rows.len {
            // SAFETY: as the caller promises.
            unsafe {
                let byte = *rows.bytes.add(row * rows.stride + at);
                let element = if rows.signed { i16::from(byte.cast_signed()) } else { i16::from(byte) };
                rows.copies.add(row * rows.copies_stride).cast::<i16>().add(at).write(element);
            }
        }
    }
}

/// Vectors of four columns in a panel.
const V: usize = PANEL / 4;

/// `R` rows by one panel.
///
/// # Safety
///
/// As [`TileFn`](crate::gemm::variant::TileFn); no CPU features are needed.
unsafe fn tile<const R: usize>(first: &mut Tile) {
    // SAFETY: the caller's promises, for every tile of the m-block.
    unsafe { down::<R>(first, one::<R>) }
}

/// # Safety
///
/// As [`tile`].
unsafe fn one<const R: usize>(tile: &Tile) {
    // SAFETY: after a segment of odd length there is one more `i16`, which is multiplied by weights of 0: panels are padded
    // to whole groups of two.
    unsafe {
        let isa = Portable::new();
        let mut acc = [[i32x4::splat(0); V]; R];
        for row in &mut acc {
            for (v, x) in row.iter_mut().enumerate() {
                *x = isa.load(tile.init.add(4 * v));
            }
        }
        let mut panel = tile.panels.cast::<[i8; 8]>();
        for segment in 0..tile.segments {
            for pair in 0..tile.segment_len.div_ceil(2) {
                let mut weights = [i16x8::splat(0); V];
                for w in &mut weights {
                    *w = i16x8::new(panel.read().map(i16::from));
                    panel = panel.add(1);
                }
                for (row, acc) in acc.iter_mut().enumerate() {
                    let widened = tile.row::<R>(segment, row).cast::<[i16; 2]>().add(pair).read();
                    let activations = i16x8::new([
                        widened[0], widened[1], widened[0], widened[1], widened[0], widened[1], widened[0],
                        widened[1],
                    ]);
                    for (x, &w) in acc.iter_mut().zip(&weights) {
                        *x += activations.dot(w);
                    }
                }
            }
            panel = panel.wrapping_byte_add(tile.panel_skip);
        }
        finish(isa, acc, tile);
    }
}
