//! The tiles, written once for all ISAs and orders of weights.

use super::{BLOCK, QUAD};
use crate::gemm::{PANEL, for_each_row};
use crate::memory::LINE;
use crate::prefetch::prefetch_line;
use crate::simd::Simd;

/// One tile of work: `R` rows (the kernel's constant) by `V` vectors of columns (likewise).
#[derive(Clone, Copy)]
pub(crate) struct GroupTile {
    /// The first row, in the form that the kernel reads; the next one begins `lhs_stride` bytes later.
    pub(crate) lhs: *const u8,
    pub(crate) lhs_stride: usize,
    /// Rows that there are, `1..=R`.
    pub(crate) rows: usize,
    pub(crate) depth: usize,
    /// Depths of a group, the last one excepted: not 0.
    pub(crate) group: usize,
    /// The first panel; the next one begins `panel_stride` bytes later.
    pub(crate) panels: *const u8,
    pub(crate) panel_stride: usize,
    /// What is prefetched.
    pub(crate) ahead: Ahead,
    /// The scales of the tile's columns in the first group; those of the next one are [`QUAD`] panels further on.
    pub(crate) scales: *const f32,
    /// The sums of their weights in the first block, likewise; not read if there are pairs.
    pub(crate) sums: *const i16,
    /// The same with zero points, in pairs; null if there are none.
    pub(crate) pairs: *const i32,
    /// The first row's pairs: one for each block, `row_pairs_step` pairs apart; the next row's begin `row_pairs_stride` later.
    pub(crate) row_pairs: *const i32,
    pub(crate) row_pairs_step: usize,
    pub(crate) row_pairs_stride: usize,
    /// Whether all rows have the same pair, for all blocks.
    pub(crate) one_pair: bool,
    /// Factors by row.
    pub(crate) row_scales: *const f32,
    /// What is added by column, or null.
    pub(crate) bias: *const f32,
    pub(crate) low: f32,
    pub(crate) high: f32,
    /// The first row of the output; the next one begins `out_stride` elements later.
    pub(crate) out: *mut f32,
    pub(crate) out_stride: usize,
    /// Columns to store.
    pub(crate) columns: usize,
}

/// A kernel: computes a [`GroupTile`].
///
/// # Safety
///
/// The CPU has the backend's features, and every pointer of the tile is valid as its description says.
pub(crate) type GroupTileFn = unsafe fn(&GroupTile);

/// The kernels for tiles of one number of rows: index `p − 1` computes `p` panels at a time. They take `u8` activations.
pub(crate) struct GroupTileRows {
    pub(crate) rows: usize,
    pub(crate) tiles: &'static [GroupTileFn],
}

/// What a variant multiplies some depths with: the order of the weights, the form of the rows and the instruction.
///
/// # Safety
///
/// A value exists only if the CPU has the features of `S` and of the implementation.
pub(crate) unsafe trait Depths: Copy {
    /// The vectors.
    type S: Simd;
    /// Depths that lie side by side in a column of a panel.
    const GROUP: usize;
    /// Bytes of an element of a row.
    const ELEMENT: usize = 1;

    /// The vectors' token, which this one implies.
    fn isa(self) -> Self::S;

    /// Bytes of a panel that belong to `len` depths.
    #[inline(always)]
    fn panel_bytes(self, len: usize) -> usize {
        len.next_multiple_of(Self::GROUP) * PANEL
    }

    /// Adds the products of `len` depths of `R` rows by `V` vectors of columns. If `ahead` is not 0, the weights come from memory, and what
    /// lies about as many bytes behind them, wherever that is, may be prefetched.
    ///
    /// # Safety
    ///
    /// The rows are valid for `len` elements (in pairs, if they are `i16`s), the panel for [`panel_bytes`](Self::panel_bytes), and so
    /// is every further panel, `stride` bytes after the last.
    unsafe fn add<const R: usize, const V: usize>(
        self,
        acc: &mut [[Lanes<Self>; V]; R],
        rows: &[*const u8; R],
        panel: *const u8,
        stride: usize,
        len: usize,
        ahead: usize,
    );
}

/// The lanes of an implementation's vector.
pub(crate) type Lanes<D> = <<D as Depths>::S as Simd>::I;

/// What a tile prefetches while it multiplies.
#[derive(Clone, Copy)]
pub(crate) struct Ahead {
    /// Bytes from weights to those that are prefetched with them, because they come from memory; 0 for none.
    pub(crate) near: usize,
    /// Bytes from weights to those that will be multiplied when all rows are done with these, of which each tile of rows prefetches a
    /// share; 0 for none.
    pub(crate) far: usize,
    /// Where in a block the share begins and ends, in 2⁻¹⁶ of its lines.
    pub(crate) share: [usize; 2],
}

impl Ahead {
    /// Nothing.
    pub(crate) const NONE: Ahead = Ahead { near: 0, far: 0, share: [0; 2] };

    /// Prefetches the share of a block of `bytes` bytes in each of `panels` panels.
    #[inline(always)]
    fn prefetch(&self, panel: *const u8, stride: usize, panels: usize, bytes: usize) {
        if self.far == 0 {
            return;
        }
        let [first, end] = self.share.map(|part| (bytes / LINE * part) >> 16);
        for line in first..end {
            for index in 0..panels {
                prefetch_line(panel.wrapping_add(self.far + line * LINE + index * stride));
            }
        }
    }
}

/// The tiles for weights in groups of an ISA's function `$tile::<ROWS, VECTORS>`, by numbers of rows, `1: 2 4; …`.
macro_rules! groupwise_tiles {
    ($tile:ident; $($rows:literal: $($vectors:literal)+);+) => {
        &[$($crate::gemm::GroupTileRows { rows: $rows, tiles: &[$($tile::<$rows, $vectors>),+] }),+]
    };
}
pub(crate) use groupwise_tiles;

/// The tile of an implementation.
///
/// # Safety
///
/// As [`GroupTileFn`], but for the features, which the token proves.
#[inline(always)]
pub(crate) unsafe fn groupwise_tile<D: Depths, const R: usize, const V: usize>(depths: D, tile: &GroupTile) {
    // SAFETY: rows past the last one repeat it. Each block, group and panel is read where the tile's description says that it lies; `V`
    // vectors are whole panels.
    unsafe {
        let isa = depths.isa();
        let mut lhs = rows::<R>(tile);
        let mut row_pairs = [tile.row_pairs; R];
        for_each_row!(R, ROW => {
            row_pairs[ROW] = tile.row_pairs.add(present(tile, ROW) * tile.row_pairs_stride);
        });
        let mut sums = [[isa.splat_f(0.0); V]; R];
        let (mut panel, mut scales, mut column_sums, mut pairs) =
            (tile.panels, tile.scales, tile.sums, tile.pairs);
        let mut left = tile.depth;
        while left > 0 {
            let mut in_group = if left < tile.group { left } else { tile.group };
            left -= in_group;
            // Then corrections are the first that accumulators have.
            let one_block = in_group <= BLOCK;
            let mut acc = [[isa.splat(0); V]; R];
            loop {
                let len = if in_group < BLOCK { in_group } else { BLOCK };
                in_group -= len;
                let mut columns = [isa.splat(0); V];
                for (v, x) in columns.iter_mut().enumerate() {
                    *x = if tile.pairs.is_null() {
                        isa.load_i16(column_sums.add(v * D::S::LANES))
                    } else {
                        isa.load(pairs.add(v * D::S::LANES))
                    };
                }
                if R > 1 && tile.one_pair {
                    let zero = isa.splat(*row_pairs[0]);
                    for x in &mut columns {
                        *x = isa.dot_pairs(isa.splat(0), *x, zero);
                    }
                    if one_block {
                        acc = [columns; R];
                    } else {
                        for_each_row!(R, ROW => {
                            for v in 0..V {
                                acc[ROW][v] = isa.add(acc[ROW][v], columns[v]);
                            }
                        });
                    }
                } else {
                    for_each_row!(R, ROW => {
                        let zero = isa.splat(*row_pairs[ROW]);
                        for v in 0..V {
                            acc[ROW][v] = isa.dot_pairs(acc[ROW][v], columns[v], zero);
                        }
                        row_pairs[ROW] = row_pairs[ROW].add(tile.row_pairs_step);
                    });
                }
                let bytes = depths.panel_bytes(len);
                tile.ahead.prefetch(panel, tile.panel_stride, (V * D::S::LANES).div_ceil(PANEL), bytes);
                depths.add::<R, V>(&mut acc, &lhs, panel, tile.panel_stride, len, tile.ahead.near);
                for_each_row!(R, ROW => {
                    lhs[ROW] = lhs[ROW].add(len * D::ELEMENT);
                });
                panel = panel.add(bytes);
                column_sums = column_sums.wrapping_add(QUAD * PANEL);
                pairs = pairs.wrapping_add(QUAD * PANEL);
                if in_group == 0 {
                    break;
                }
            }
            add_group::<D, R, V>(depths, &mut sums, &acc, scales);
            scales = scales.wrapping_add(QUAD * PANEL);
        }
        store::<D, R, V>(depths, &sums, tile);
    }
}

/// A row of the tile: those past the last one repeat it.
#[inline(always)]
fn present(tile: &GroupTile, row: usize) -> usize {
    if row < tile.rows { row } else { tile.rows - 1 }
}

/// The addresses of the tile's rows.
///
/// # Safety
///
/// The tile's rows are as its description says.
#[inline(always)]
unsafe fn rows<const R: usize>(tile: &GroupTile) -> [*const u8; R] {
    let mut rows = [tile.lhs; R];
    for_each_row!(R, ROW => {
        // SAFETY: the caller's promise.
        rows[ROW] = unsafe { tile.lhs.add(present(tile, ROW) * tile.lhs_stride) };
    });
    rows
}

/// Adds the dot products of a group, scaled.
///
/// # Safety
///
/// There are scales for `V` vectors of columns.
#[inline(always)]
unsafe fn add_group<D: Depths, const R: usize, const V: usize>(
    depths: D,
    sums: &mut [[<D::S as Simd>::F; V]; R],
    dots: &[[Lanes<D>; V]; R],
    scales: *const f32,
) {
    let isa = depths.isa();
    for v in 0..V {
        // SAFETY: the caller's promise.
        let scale = unsafe { isa.load_f(scales.add(v * D::S::LANES)) };
        for_each_row!(R, ROW => {
            sums[ROW][v] = isa.mul_add_f(isa.to_f32(dots[ROW][v]), scale, sums[ROW][v]);
        });
    }
}

/// Scales the sums of the tile's rows, adds the bias, clamps and stores them.
///
/// # Safety
///
/// As [`groupwise_tile`].
#[inline(always)]
unsafe fn store<D: Depths, const R: usize, const V: usize>(
    depths: D,
    sums: &[[<D::S as Simd>::F; V]; R],
    tile: &GroupTile,
) {
    let isa = depths.isa();
    let (low, high) = (isa.splat_f(tile.low), isa.splat_f(tile.high));
    for_each_row!(R, ROW => {
        if ROW < tile.rows {
            // SAFETY: the row exists, and there is a bias for `V` vectors of columns. Lanes of the output are written only as far as
            // `columns` covers them.
            unsafe {
                let factor = isa.splat_f(*tile.row_scales.add(ROW));
                let out = tile.out.add(ROW * tile.out_stride);
                for (v, &sum) in sums[ROW].iter().enumerate() {
                    let column = v * D::S::LANES;
                    let mut y = isa.mul_f(sum, factor);
                    if !tile.bias.is_null() {
                        y = isa.add_f(y, isa.load_f(tile.bias.add(column)));
                    }
                    y = isa.min_f(isa.max_f(y, low), high);
                    if column + D::S::LANES <= tile.columns {
                        isa.store_f(out.add(column), y);
                    } else if column < tile.columns {
                        isa.store_some(out.add(column).cast(), isa.to_bits(y), tile.columns - column);
                    }
                }
            }
        }
    });
}
