//! Tiles on `i16` pairs: one `i16x8::dot` multiplies four columns by two depths, and cannot overflow.

use wide::{i16x8, i32x4};

use super::Portable;
use crate::gemm::{
    ByteRows, Depths, GroupTile, GroupTileRows, Layout, LhsForm, PANEL, PLAIN_I16, Tile, TileCost, TileRows,
    Variant, down, finish, groupwise_tile,
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
    groupwise: &[
        GroupTileRows { rows: 1, tiles: &[groupwise::<1>] },
        GroupTileRows { rows: 2, tiles: &[groupwise::<2>] },
        GroupTileRows { rows: 4, tiles: &[groupwise::<4>] },
    ],
    cost: TileCost::EVEN,
    folded: None,
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
        let mut panel = tile.panels;
        for segment in 0..tile.segments {
            let rows = core::array::from_fn(|row| tile.row::<R>(segment, row));
            let pairs = tile.segment_len.div_ceil(2);
            depths(&mut acc, &rows, panel, pairs);
            panel = panel.wrapping_add(pairs * 2 * PANEL).wrapping_add(tile.panel_skip);
        }
        finish(isa, acc, tile);
    }
}

/// Adds the products of `pairs` pairs of depths of `R` rows by a panel.
///
/// # Safety
///
/// The rows, of aligned `i16`s, are valid for the pairs, the panel for as many groups.
#[inline(always)]
unsafe fn depths<const R: usize>(
    acc: &mut [[i32x4; V]; R],
    rows: &[*const u8; R],
    panel: *const u8,
    pairs: usize,
) {
    let mut panel = panel.cast::<[i8; 8]>();
    for pair in 0..pairs {
        // SAFETY: the caller's promises.
        unsafe {
            let mut weights = [i16x8::splat(0); V];
            for w in &mut weights {
                *w = i16x8::new(panel.read().map(i16::from));
                panel = panel.add(1);
            }
            for (row, acc) in rows.iter().zip(&mut *acc) {
                let [a, b] = row.cast::<[i16; 2]>().add(pair).read();
                let activations = i16x8::new([a, b, a, b, a, b, a, b]);
                for (x, &w) in acc.iter_mut().zip(&weights) {
                    *x += activations.dot(w);
                }
            }
        }
    }
}

/// Pairs of depths, in tiles of weights with scales by group.
#[derive(Clone, Copy)]
struct Pairs(Portable);

// SAFETY: no features are needed.
unsafe impl Depths for Pairs {
    type S = Portable;
    const GROUP: usize = 2;
    const ELEMENT: usize = size_of::<i16>();

    #[inline(always)]
    fn isa(self) -> Portable {
        self.0
    }

    #[inline(always)]
    unsafe fn add<const R: usize, const N: usize>(
        self,
        acc: &mut [[i32x4; N]; R],
        rows: &[*const u8; R],
        panel: *const u8,
        _stride: usize,
        len: usize,
        _ahead: usize,
    ) {
        const { assert!(N == V, "one panel") };
        // SAFETY: the caller's promises; a tile is a panel wide.
        unsafe { depths::<R>(&mut *core::ptr::from_mut(acc).cast(), rows, panel, len.div_ceil(2)) }
    }
}

/// # Safety
///
/// As [`GroupTileFn`](crate::gemm::groupwise::tile::GroupTileFn); no CPU features are needed.
unsafe fn groupwise<const R: usize>(tile: &GroupTile) {
    // SAFETY: the caller's promises.
    unsafe { groupwise_tile::<_, R, V>(Pairs(Portable::new()), tile) }
}
