//! Tiles of weights of four or two bits that stay in their panels as they are, for the ISAs of [`dot4`](super::dot4).
//!
//! A line of a folded panel has a group of four depths of sixteen columns in each of its fields. A field that lies in the top bits of its bytes, where a
//! shift and a mask leave it, is a signed byte: its weight times 16 (or 64). Products of those are added in accumulators of their own, which
//! are shifted back at the end, before anything else is added to them (but fields that an instruction does not take so are extended): no sum
//! overflows up to [`MAX_DEPTH`](crate::gemm::variant::MAX_DEPTH).

use super::dot4::{Dot4, GROUP, Lanes, TOP_BITS, TopBits, load_weights, multiply};
use crate::gemm::{Depths, PANEL, Tile, finish, for_each_row};
use crate::prefetch::{PREFETCH_DISTANCE, prefetch_panels};
use crate::simd::Simd;
use core::hint::black_box;

/// The most accumulators of a tile that has some for each field: fewer would wait for each other.
const MANY: usize = 16;

/// Defines the functions of a token's tiles for folded weights: `folded4` and `folded2` are like `tile` of
/// `dot4::instruction!`, `groupwise4` and `groupwise2` like `groupwise`.
macro_rules! folded {
    ($name:ident, $features:literal) => {
        $crate::gemm::folded::folded!(@ $name, $features, 2, folded4, groupwise4);
        $crate::gemm::folded::folded!(@ $name, $features, 4, folded2, groupwise2);
    };
    (@ $name:ident, $features:literal, $fields:literal, $tile:ident, $groupwise:ident) => {
        /// # Safety
        ///
        /// As [`TileFn`](crate::gemm::variant::TileFn), for folded panels of one segment of at most
        /// [`MAX_DEPTH`](crate::gemm::variant::MAX_DEPTH) depths.
        #[target_feature(enable = $features)]
        unsafe fn $tile<const R: usize, const V: usize, const SIGNED: bool>(tile: &mut $crate::gemm::Tile) {
            // SAFETY: the features are those of the backend; the layout is of groups of four.
            unsafe { $crate::gemm::folded::m_block::<$name, R, V, SIGNED, $fields>($name::new(), tile) }
        }

        /// # Safety
        ///
        /// As [`GroupTileFn`](crate::gemm::groupwise::tile::GroupTileFn), for folded panels and groups of at most
        /// [`MAX_GROUP`](crate::gemm::variant::MAX_GROUP) depths.
        #[target_feature(enable = $features)]
        unsafe fn $groupwise<const R: usize, const V: usize>(tile: &$crate::gemm::GroupTile) {
            // SAFETY: the features are those of the backend; the layout is of groups of four.
            unsafe {
                let fields = $crate::gemm::folded::Fields::<$name, $fields>($name::new());
                $crate::gemm::groupwise_tile::<_, R, V>(fields, tile);
            }
        }
    };
}
pub(crate) use folded;

/// An m-block of tiles of `R` rows by `V` vectors of columns, of lines with `FIELDS` fields.
///
/// # Safety
///
/// As [`dot4::m_block`](super::dot4::m_block), for folded panels of one segment of at most [`MAX_DEPTH`](crate::gemm::variant::MAX_DEPTH) depths.
#[inline(always)]
pub(crate) unsafe fn m_block<
    D: Dot4,
    const R: usize,
    const V: usize,
    const SIGNED: bool,
    const FIELDS: usize,
>(
    dot: D,
    first: &mut Tile,
) {
    let half = V == 2 && 2 * D::S::LANES == PANEL && first.is_half_width();
    loop {
        // SAFETY: the caller's promises, for every tile of the m-block.
        unsafe {
            if half {
                tile::<D, R, 1, SIGNED, FIELDS>(dot, first);
            } else {
                tile::<D, R, V, SIGNED, FIELDS>(dot, first);
            }
        }
        if first.count <= 1 {
            return;
        }
        first.move_down::<R>();
    }
}

/// # Safety
///
/// As [`m_block`].
#[inline(always)]
unsafe fn tile<D: Dot4, const R: usize, const V: usize, const SIGNED: bool, const FIELDS: usize>(
    dot: D,
    tile: &Tile,
) {
    // SAFETY: the caller's promises; the panel has a line for the depths of all fields, and one for what is left.
    unsafe {
        let isa = dot.isa();
        let mut acc = [[isa.splat(0); V]; R];
        if tile.segments > 0 {
            let mut rows = [core::ptr::null::<u8>(); R];
            for (r, row) in rows.iter_mut().enumerate() {
                *row = tile.row::<R>(0, r);
            }
            let top_bits = &TOP_BITS;
            // As in `dot4::tile`.
            let top_bits = if SIGNED && D::FLIPS { black_box(top_bits) } else { top_bits };
            let (panel, stride, len) = (tile.panels, tile.panel_stride, tile.segment_len);
            // Twice, so that the distance is a part of the instructions.
            if tile.prefetch {
                let ahead = PREFETCH_DISTANCE;
                lines::<D, R, V, SIGNED, FIELDS>(dot, &mut acc, &rows, panel, stride, len, ahead, top_bits);
            } else {
                lines::<D, R, V, SIGNED, FIELDS>(dot, &mut acc, &rows, panel, stride, len, 0, top_bits);
            }
        }
        let shift = isa.splat(shift::<D, FIELDS>());
        let mut init = [isa.splat(0); V];
        for (v, x) in init.iter_mut().enumerate() {
            *x = isa.load(tile.init.add(v * D::S::LANES));
        }
        for_each_row!(R, ROW => {
            for (x, &init) in acc[ROW].iter_mut().zip(&init) {
                *x = isa.add(init, isa.shift_right(*x, shift));
            }
        });
        finish(isa, acc, tile);
    }
}

/// Bits below a field where the instruction takes it.
const fn shift<D: Dot4, const FIELDS: usize>() -> i32 {
    if D::TAKES_TOP_FIELDS { 8 - 8 / FIELDS as i32 } else { 0 }
}

/// Adds the products of `len` depths, times 16 or 64 if the instruction takes fields so. `ahead` and `top_bits` as in `dot4`.
///
/// # Safety
///
/// The rows are valid for `len` bytes, the panel for its lines, and so is every further panel, `stride` bytes after the last.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "it is a part of several functions")]
unsafe fn lines<D: Dot4, const R: usize, const V: usize, const SIGNED: bool, const FIELDS: usize>(
    dot: D,
    acc: &mut [[Lanes<D>; V]; R],
    rows: &[*const u8; R],
    mut panel: *const u8,
    stride: usize,
    len: usize,
    ahead: usize,
    top_bits: &TopBits,
) {
    // SAFETY: the caller's promises.
    unsafe {
        let isa = dot.isa();
        let of_line = FIELDS * GROUP;
        let mut others = [[isa.splat(0); V]; R];
        for number in 0..len / of_line {
            if ahead != 0 {
                prefetch_panels(panel.wrapping_add(ahead), stride, (V * D::S::LANES).div_ceil(PANEL));
            }
            let weights = load_weights::<D::S, V>(isa, panel, stride);
            let at = number * of_line;
            line::<D, R, V, SIGNED, FIELDS>(dot, acc, &mut others, rows, at, top_bits, &weights);
            panel = panel.add(LINE_BYTES);
        }
        let left = len % of_line;
        if left > 0 {
            // What follows the rows is multiplied by weights of 0.
            let mut tails = [[0u8; 4 * GROUP]; R];
            let mut last = *rows;
            for (tail, row) in tails.iter_mut().zip(&mut last) {
                row.add(len - left).copy_to_nonoverlapping(tail.as_mut_ptr(), left);
                *row = tail.as_ptr();
            }
            let weights = load_weights::<D::S, V>(isa, panel, stride);
            line::<D, R, V, SIGNED, FIELDS>(dot, acc, &mut others, &last, 0, top_bits, &weights);
        }
        if are_apart::<R, V>() {
            for_each_row!(R, ROW => {
                for v in 0..V {
                    acc[ROW][v] = isa.add(acc[ROW][v], others[ROW][v]);
                }
            });
        }
    }
}

/// Whether every second field has accumulators of its own: few would wait for each other.
const fn are_apart<const R: usize, const V: usize>() -> bool {
    R * V <= MANY / 2
}

/// Adds the products of a line of each panel and its depths, which begin at `at`.
///
/// # Safety
///
/// The rows are valid for them.
#[inline(always)]
unsafe fn line<D: Dot4, const R: usize, const V: usize, const SIGNED: bool, const FIELDS: usize>(
    dot: D,
    acc: &mut [[Lanes<D>; V]; R],
    others: &mut [[Lanes<D>; V]; R],
    rows: &[*const u8; R],
    at: usize,
    top_bits: &TopBits,
    lines: &[Lanes<D>; V],
) {
    // SAFETY: the caller's promise. In this order, or the registers do not last.
    unsafe {
        field::<D, R, V, SIGNED, 0, FIELDS>(dot, acc, rows, at, top_bits, lines);
        let odd = if are_apart::<R, V>() { &mut *others } else { &mut *acc };
        field::<D, R, V, SIGNED, 1, FIELDS>(dot, odd, rows, at, top_bits, lines);
        if FIELDS == 4 {
            field::<D, R, V, SIGNED, 2, FIELDS>(dot, acc, rows, at, top_bits, lines);
            let odd = if are_apart::<R, V>() { others } else { acc };
            field::<D, R, V, SIGNED, 3, FIELDS>(dot, odd, rows, at, top_bits, lines);
        }
    }
}

/// Adds the products of a field of lines and its depths, which follow `at`.
///
/// # Safety
///
/// The rows are valid for them.
#[inline(always)]
unsafe fn field<
    D: Dot4,
    const R: usize,
    const V: usize,
    const SIGNED: bool,
    const FIELD: usize,
    const FIELDS: usize,
>(
    dot: D,
    acc: &mut [[Lanes<D>; V]; R],
    rows: &[*const u8; R],
    at: usize,
    top_bits: &TopBits,
    lines: &[Lanes<D>; V],
) {
    let weights = lines.map(|line| dot.field::<FIELD, FIELDS>(line));
    for_each_row!(R, ROW => {
        // SAFETY: the caller's promise.
        let bytes = unsafe { rows[ROW].add(at + FIELD * GROUP).cast::<i32>().read_unaligned() };
        multiply::<D, V, SIGNED>(dot, &mut acc[ROW], bytes, top_bits, &weights);
    });
}

/// Lines of folded panels, in tiles of weights with scales by group.
#[derive(Clone, Copy)]
pub(crate) struct Fields<D, const FIELDS: usize>(pub(crate) D);

// SAFETY: the token proves the features.
unsafe impl<D: Dot4, const FIELDS: usize> Depths for Fields<D, FIELDS> {
    type S = D::S;
    const GROUP: usize = FIELDS * GROUP;

    #[inline(always)]
    fn isa(self) -> D::S {
        self.0.isa()
    }

    #[inline(always)]
    fn panel_bytes(self, len: usize) -> usize {
        len.div_ceil(FIELDS * GROUP) * LINE_BYTES
    }

    #[inline(always)]
    unsafe fn add<const R: usize, const V: usize>(
        self,
        acc: &mut [[Lanes<D>; V]; R],
        rows: &[*const u8; R],
        panel: *const u8,
        stride: usize,
        len: usize,
        ahead: usize,
    ) {
        let isa = self.isa();
        let shift = isa.splat(shift::<D, FIELDS>());
        for_each_row!(R, ROW => {
            for x in &mut acc[ROW] {
                *x = isa.shift_left(*x, shift);
            }
        });
        // SAFETY: the caller's promises.
        unsafe {
            lines::<D, R, V, false, FIELDS>(self.0, acc, rows, panel, stride, len, ahead, &TOP_BITS);
        }
        for_each_row!(R, ROW => {
            for x in &mut acc[ROW] {
                *x = isa.shift_right(*x, shift);
            }
        });
    }
}

/// Bytes of a line: a group of four depths of a panel of bytes.
const LINE_BYTES: usize = GROUP * PANEL;
