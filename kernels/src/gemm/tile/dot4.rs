//! The tile of every ISA that multiplies groups of four bytes: four unsigned activations, broadcast, by four signed
//! weights in each 32-bit lane.

use core::hint::black_box;

use super::{Layout, LhsForm, PANEL, Tile, finish, for_each_row};
use crate::prefetch::prefetch_panels;
use crate::simd::Simd;

/// Activations are read in place. If they are signed and the instruction wants unsigned ones, their top bits are flipped.
pub(crate) const fn lhs<D: Dot4>() -> LhsForm {
    LhsForm::Bytes { flip_signed: if D::FLIPS { 128 } else { 0 }, flip_unsigned: 0 }
}

/// Depths in a group.
const GROUP: usize = Layout::GROUPS_OF_4.k_group;

/// The tiles of an ISA's function `$tile::<ROWS, VECTORS, SIGNED>`: for each number of rows all numbers of vectors, by
/// ascending panels.
macro_rules! tiles {
    ($tile:ident; $($rows:literal: $($vectors:literal)+);+) => {
        &[$($crate::gemm::TileRows {
            rows: $rows,
            unsigned: &[$($tile::<$rows, $vectors, false>),+],
            signed: &[$($tile::<$rows, $vectors, true>),+],
        }),+]
    };
}
pub(crate) use tiles;

/// An instruction, or a short sequence, that multiplies groups of four.
///
/// # Safety
///
/// Every function requires the CPU features that `S` and the implementation name.
pub(crate) unsafe trait Dot4 {
    /// The vectors.
    type S: Simd;

    /// Whether signed activations get their top bits flipped, because the instruction multiplies unsigned ones only.
    const FLIPS: bool;

    /// `acc + Σ activations[k] · weights[k]` by lane over its four bytes, mod 2³². Weights are signed; activations are if
    /// `SIGNED` says so and the implementation does not flip them.
    unsafe fn dot<const SIGNED: bool>(
        acc: <Self::S as Simd>::I,
        activations: <Self::S as Simd>::I,
        weights: <Self::S as Simd>::I,
    ) -> <Self::S as Simd>::I;

    /// Adds the products of `groups` (not 0) groups of `R` rows and one panel, if the implementation has a loop of its own for
    /// such tiles; returns whether it has. `prefetch`: see [`Tile::prefetch`].
    ///
    /// The rows and the panel must be valid for `groups` groups.
    #[inline(always)]
    unsafe fn groups<const R: usize, const V: usize, const SIGNED: bool>(
        _acc: &mut [[<Self::S as Simd>::I; V]; R],
        _rows: &[*const u8; R],
        _panel: *const u8,
        _groups: usize,
        _prefetch: bool,
    ) -> bool {
        false
    }

    /// `a` with the top bit of every byte flipped, which turns signed bytes into themselves plus 128: called only if
    /// [`FLIPS`](Self::FLIPS). `top_bits` is valid for a vector of those bits.
    #[inline(always)]
    unsafe fn flip(a: <Self::S as Simd>::I, _top_bits: *const i32) -> <Self::S as Simd>::I {
        a
    }
}

/// The top bits of the bytes of the widest vector.
#[repr(align(64))]
pub(crate) struct TopBits(pub(crate) [u32; PANEL]);

pub(crate) static TOP_BITS: TopBits = TopBits([0x8080_8080; PANEL]);

/// An m-block of tiles of `R` rows by `V` vectors of columns: `V · LANES / PANEL` panels. A half-width tile of a panel
/// in two vectors computes the first vector only.
///
/// # Safety
///
/// As [`TileFn`](super::variant::TileFn), with the features of `D`, for a layout of groups of four.
#[inline(always)]
pub(crate) unsafe fn m_block<D: Dot4, const R: usize, const V: usize, const SIGNED: bool>(first: &mut Tile) {
    // SAFETY: the caller's promises.
    unsafe {
        if V == 2 && 2 * D::S::LANES == PANEL && first.is_half_width() {
            m_block_of::<D, R, 1, SIGNED>(first);
        } else {
            m_block_of::<D, R, V, SIGNED>(first);
        }
    }
}

/// All `V` vectors of the m-block's tiles.
///
/// # Safety
///
/// As [`m_block`].
#[inline(always)]
unsafe fn m_block_of<D: Dot4, const R: usize, const V: usize, const SIGNED: bool>(first: &mut Tile) {
    loop {
        // SAFETY: the caller's promises, for every tile of the m-block.
        unsafe { tile::<D, R, V, SIGNED>(first) };
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
unsafe fn tile<D: Dot4, const R: usize, const V: usize, const SIGNED: bool>(tile: &Tile) {
    // SAFETY: a segment's row has `segment_len` bytes, of which `full` whole groups and then, in `last_group`, exactly
    // the rest are read; its panels have `PANEL` groups of four for each of these, padded with zeros.
    unsafe {
        let mut init = [D::S::splat(0); V];
        for (v, x) in init.iter_mut().enumerate() {
            *x = D::S::load(tile.init.add(v * D::S::LANES));
        }
        let mut acc = [init; R];
        // Hidden from the optimizer, which would flip the four bytes before they are broadcast, at the cost of a shuffle each time.
        let top_bits = TOP_BITS.0.as_ptr().cast();
        let top_bits = if SIGNED && D::FLIPS { black_box(top_bits) } else { top_bits };
        let full = tile.segment_len / GROUP;
        let mut panel = tile.panels;
        for segment in 0..tile.segments {
            let mut at = [core::ptr::null::<u8>(); R];
            for (r, at) in at.iter_mut().enumerate() {
                *at = tile.row::<R>(segment, r);
            }
            if full > 0 && D::groups::<R, V, SIGNED>(&mut acc, &at, panel, full, tile.prefetch) {
                panel = panel.add(full * GROUP * PANEL);
            } else {
                for group in 0..full {
                    if tile.prefetch {
                        prefetch_panels(panel, tile.panel_stride, (V * D::S::LANES).div_ceil(PANEL));
                    }
                    let weights = load_weights::<D, V>(panel, tile.panel_stride);
                    for_each_row!(R, ROW => {
                        let bytes = at[ROW].add(group * GROUP).cast::<i32>().read_unaligned();
                        multiply::<D, V, SIGNED>(&mut acc[ROW], bytes, top_bits, &weights);
                    });
                    panel = panel.add(GROUP * PANEL);
                }
            }
            if !tile.segment_len.is_multiple_of(GROUP) {
                let weights = load_weights::<D, V>(panel, tile.panel_stride);
                for_each_row!(R, ROW => {
                    let bytes = last_group(at[ROW], tile.segment_len);
                    multiply::<D, V, SIGNED>(&mut acc[ROW], bytes, top_bits, &weights);
                });
                panel = panel.add(GROUP * PANEL);
            }
            panel = panel.wrapping_add(tile.panel_skip);
        }
        finish::<D::S, R, V>(acc, tile);
    }
}

/// One group of depths of `V` vectors of columns.
///
/// # Safety
///
/// The features of `D`; `panel` is valid for the group, and so is every further panel, `stride` bytes after the last.
#[inline(always)]
unsafe fn load_weights<D: Dot4, const V: usize>(panel: *const u8, stride: usize) -> [<D::S as Simd>::I; V] {
    // SAFETY: a group of a panel is PANEL lanes of four bytes, PANEL / LANES vectors.
    unsafe {
        let vectors = PANEL / D::S::LANES;
        let mut weights = [D::S::splat(0); V];
        for (v, w) in weights.iter_mut().enumerate() {
            let offset = v / vectors * stride + v % vectors * D::S::LANES * GROUP;
            *w = D::S::load(panel.add(offset).cast());
        }
        weights
    }
}

/// # Safety
///
/// The features of `D`; `top_bits` is valid for a vector.
#[inline(always)]
unsafe fn multiply<D: Dot4, const V: usize, const SIGNED: bool>(
    acc: &mut [<D::S as Simd>::I; V],
    bytes: i32,
    top_bits: *const i32,
    weights: &[<D::S as Simd>::I; V],
) {
    // SAFETY: the caller promises the features and the top bits.
    unsafe {
        let activations = D::S::splat(bytes);
        let activations = if SIGNED && D::FLIPS { D::flip(activations, top_bits) } else { activations };
        for v in 0..V {
            acc[v] = D::dot::<SIGNED>(acc[v], activations, weights[v]);
        }
    }
}

/// The last `len % 4` bytes of a row, in the low bytes of an `i32`. The other bytes are multiplied by weights of 0.
///
/// # Safety
///
/// `row` is valid for `len` bytes; `len % 4` is not 0.
#[inline(always)]
unsafe fn last_group(row: *const u8, len: usize) -> i32 {
    // SAFETY: only bytes of the row are read.
    unsafe {
        if len >= GROUP {
            // The four bytes that end with the row, shifted down.
            let bytes = row.add(len - GROUP).cast::<u32>().read_unaligned();
            (bytes >> (8 * (GROUP - len % GROUP))).cast_signed()
        } else {
            let mut bytes = u32::from(*row);
            if len > 1 {
                bytes |= u32::from(*row.add(1)) << 8;
            }
            if len > 2 {
                bytes |= u32::from(*row.add(2)) << 16;
            }
            bytes.cast_signed()
        }
    }
}
