//! The tile of every ISA that multiplies groups of four bytes: four unsigned activations, broadcast, by four signed
//! weights in each 32-bit lane.

use core::hint::black_box;

use crate::gemm::{CopyRows, Depths, Layout, LhsForm, PANEL, Tile, finish, for_each_row};
use crate::prefetch::{PREFETCH_DISTANCE, prefetch_panels, prefetch_to_write};
use crate::simd::Simd;

/// Activations are read in place. If they are signed and the instruction wants unsigned ones, their top bits are flipped: by the
/// tiles, or by `flip` where many tiles read them.
pub(crate) const fn lhs<D: Dot4>(flip: CopyRows) -> LhsForm {
    if D::FLIPS {
        LhsForm::Bytes { flip_signed: 128, flip_unsigned: 0, flip: Some(flip) }
    } else {
        LhsForm::Bytes { flip_signed: 0, flip_unsigned: 0, flip: None }
    }
}

/// The fewest vectors, of a line each, in rows of a tile whose lines are prefetched: fewer come in time.
const PREFETCHED_VECTORS: usize = 3;

/// Depths in a group.
pub(super) const GROUP: usize = Layout::GROUPS_OF_4.k_group;

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

/// An instruction, or a short sequence, that multiplies groups of four: a token, whose values prove that the CPU has it.
///
/// # Safety
///
/// A value exists only if the CPU has the features of `S` and of the implementation.
pub(crate) unsafe trait Dot4: Copy {
    /// The vectors.
    type S: Simd;

    /// Whether signed activations get their top bits flipped, because the instruction multiplies unsigned ones only.
    const FLIPS: bool = true;

    /// The vectors' token, which this one implies.
    fn isa(self) -> Self::S;

    /// `acc + Σ activations[k] · weights[k]` by lane over its four bytes, mod 2³². Weights are signed; activations are if
    /// `SIGNED` says so and the implementation does not flip them.
    fn dot<const SIGNED: bool>(
        self,
        acc: Lanes<Self>,
        activations: Lanes<Self>,
        weights: Lanes<Self>,
    ) -> Lanes<Self>;

    /// Adds the products of `groups` (not 0) groups of `R` rows and one panel, if the implementation has a loop of its own for
    /// such tiles; returns whether it has. `prefetch`: see [`Tile::prefetch`].
    ///
    /// # Safety
    ///
    /// The rows and the panel must be valid for `groups` groups.
    #[inline(always)]
    unsafe fn groups<const R: usize, const V: usize, const SIGNED: bool>(
        self,
        _acc: &mut [[Lanes<Self>; V]; R],
        _rows: &[*const u8; R],
        _panel: *const u8,
        _groups: usize,
        _prefetch: bool,
    ) -> bool {
        false
    }

    /// Whether products with weights times 16 or 64, which a field in the top of its byte is, are exact.
    const TAKES_TOP_FIELDS: bool = true;

    /// Field `FIELD` of `FIELDS` of the bytes of a [folded](super::folded) line, as signed bytes: in their top bits, or extended if the
    /// instruction [does not take](Self::TAKES_TOP_FIELDS) those.
    #[inline(always)]
    fn field<const FIELD: usize, const FIELDS: usize>(self, line: Lanes<Self>) -> Lanes<Self> {
        let (isa, bits) = (self.isa(), 8 / FIELDS);
        let mask = isa.splat(i32::from_ne_bytes([0xff << (8 - bits); 4]));
        let up = isa.splat((8 - bits * (FIELD + 1)) as i32);
        isa.and(if FIELD + 1 == FIELDS { line } else { isa.shift_left(line, up) }, mask)
    }

    /// `a` with the top bit of every byte flipped, which turns signed bytes into themselves plus 128: called only if
    /// [`FLIPS`](Self::FLIPS).
    #[inline(always)]
    fn flip(self, a: Lanes<Self>, top_bits: &TopBits) -> Lanes<Self> {
        let isa = self.isa();
        // SAFETY: there are top bits for the widest vector.
        isa.xor(a, unsafe { isa.load(top_bits.0.as_ptr().cast()) })
    }
}

/// Defines the token of an instruction, and `tile` and `groupwise`, the functions of its tiles: `R` rows by `V` vectors of columns.
///
/// Takes the token's name, that of its vectors', what both prove, the `target_feature`s of the function, the product, and
/// whatever else the implementation of [`Dot4`] replaces.
macro_rules! instruction {
    (
        $(#[$attribute:meta])*
        $visibility:vis $name:ident($vectors:ty): $proof:literal, $features:literal;
        dot<$signed:ident>($acc:ident, $activations:ident, $weights:ident) = $dot:expr;
        $($other:tt)*
    ) => {
        $crate::simd::token! { $(#[$attribute])* $visibility $name: $proof; }

        // SAFETY: the token proves the features of its vectors, too. The product is the wrapping sum of the four products and
        // the accumulator.
        unsafe impl $crate::gemm::dot4::Dot4 for $name {
            type S = $vectors;

            #[inline(always)]
            fn isa(self) -> $vectors {
                // SAFETY: the token.
                unsafe { <$vectors>::new() }
            }

            #[inline(always)]
            fn dot<const $signed: bool>(
                self,
                $acc: $crate::gemm::dot4::Lanes<Self>,
                $activations: $crate::gemm::dot4::Lanes<Self>,
                $weights: $crate::gemm::dot4::Lanes<Self>,
            ) -> $crate::gemm::dot4::Lanes<Self> {
                // SAFETY: the token; registers only.
                unsafe { $dot }
            }

            $($other)*
        }

        /// # Safety
        ///
        /// As [`TileFn`](crate::gemm::variant::TileFn), for weights that the variant accepts.
        #[target_feature(enable = $features)]
        unsafe fn tile<const R: usize, const V: usize, const SIGNED: bool>(tile: &mut $crate::gemm::Tile) {
            // SAFETY: the features are those of the backend; the layout is of groups of four.
            unsafe { $crate::gemm::dot4::m_block::<$name, R, V, SIGNED>($name::new(), tile) }
        }

        /// # Safety
        ///
        /// As [`GroupTileFn`](crate::gemm::groupwise::tile::GroupTileFn), for weights that the variant accepts.
        #[target_feature(enable = $features)]
        unsafe fn groupwise<const R: usize, const V: usize>(tile: &$crate::gemm::GroupTile) {
            // SAFETY: the features are those of the backend; the layout is of groups of four.
            unsafe {
                let dot = $crate::gemm::dot4::Grouped($name::new());
                $crate::gemm::groupwise_tile::<_, R, V>(dot, tile);
            }
        }
    };
}
pub(crate) use instruction;

/// The lanes of an ISA's vector.
pub(crate) type Lanes<D> = <<D as Dot4>::S as Simd>::I;

/// The top bits of the bytes of the widest vector.
#[repr(align(64))]
pub(crate) struct TopBits(pub(crate) [u32; PANEL]);

pub(crate) static TOP_BITS: TopBits = TopBits([0x8080_8080; PANEL]);

/// An m-block of tiles of `R` rows by `V` vectors of columns: `V · LANES / PANEL` panels. A half-width tile of a panel
/// in two vectors computes the first vector only.
///
/// # Safety
///
/// As [`TileFn`](crate::gemm::variant::TileFn), but for the features, which the token proves; the layout is of groups of four.
#[inline(always)]
pub(crate) unsafe fn m_block<D: Dot4, const R: usize, const V: usize, const SIGNED: bool>(
    dot: D,
    first: &mut Tile,
) {
    // SAFETY: the caller's promises.
    unsafe {
        if V == 2 && 2 * D::S::LANES == PANEL && first.is_half_width() {
            m_block_of::<D, R, 1, SIGNED>(dot, first);
        } else {
            m_block_of::<D, R, V, SIGNED>(dot, first);
        }
    }
}

/// All `V` vectors of the m-block's tiles.
///
/// # Safety
///
/// As [`m_block`].
#[inline(always)]
unsafe fn m_block_of<D: Dot4, const R: usize, const V: usize, const SIGNED: bool>(dot: D, first: &mut Tile) {
    loop {
        // SAFETY: the caller's promises, for every tile of the m-block.
        unsafe { tile::<D, R, V, SIGNED>(dot, first) };
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
unsafe fn tile<D: Dot4, const R: usize, const V: usize, const SIGNED: bool>(dot: D, tile: &Tile) {
    // SAFETY: a segment's row has `segment_len` bytes, of which `full` whole groups and then, in `last_group`, exactly
    // the rest are read; its panels have `PANEL` groups of four for each of these, padded with zeros.
    unsafe {
        let isa = dot.isa();
        let mut init = [isa.splat(0); V];
        for (v, x) in init.iter_mut().enumerate() {
            *x = isa.load(tile.init.add(v * D::S::LANES));
        }
        let mut acc = [init; R];
        if V >= PREFETCHED_VECTORS && D::S::LANES == PANEL && tile.prefetch_out {
            for row in 0..tile.rows {
                let out = tile.out_row(row);
                for line in 0..V {
                    prefetch_to_write(out.wrapping_add(line * size_of::<Lanes<D>>()));
                }
            }
        }
        // Hidden from the optimizer, which would flip the four bytes before they are broadcast, at the cost of a shuffle each time.
        let top_bits = &TOP_BITS;
        let top_bits = if SIGNED && D::FLIPS { black_box(top_bits) } else { top_bits };
        let mut panel = tile.panels;
        for segment in 0..tile.segments {
            let mut at = [core::ptr::null::<u8>(); R];
            for (r, at) in at.iter_mut().enumerate() {
                *at = tile.row::<R>(segment, r);
            }
            let (len, stride) = (tile.segment_len, tile.panel_stride);
            // Twice, so that the distance is a part of the instructions.
            panel = if tile.prefetch {
                let ahead = PREFETCH_DISTANCE;
                depths::<D, R, V, SIGNED>(dot, &mut acc, &at, panel, stride, len, ahead, top_bits)
            } else {
                depths::<D, R, V, SIGNED>(dot, &mut acc, &at, panel, stride, len, 0, top_bits)
            };
            panel = panel.wrapping_add(tile.panel_skip);
        }
        finish(isa, acc, tile);
    }
}

/// Adds the products of `len` depths of `R` rows by `V` vectors of columns, and prefetches the weights `ahead` bytes on, if that is not 0;
/// returns where the panel goes on.
///
/// # Safety
///
/// The rows are valid for `len` bytes, the panel for whole groups of them, and so is every further panel, `stride` bytes after the last.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "it is a part of two functions")]
unsafe fn depths<D: Dot4, const R: usize, const V: usize, const SIGNED: bool>(
    dot: D,
    acc: &mut [[Lanes<D>; V]; R],
    rows: &[*const u8; R],
    mut panel: *const u8,
    stride: usize,
    len: usize,
    ahead: usize,
    top_bits: &TopBits,
) -> *const u8 {
    // SAFETY: the caller's promises.
    unsafe {
        let (isa, full) = (dot.isa(), len / GROUP);
        if full > 0 && dot.groups::<R, V, SIGNED>(acc, rows, panel, full, ahead != 0) {
            panel = panel.add(full * GROUP * PANEL);
        } else {
            for group in 0..full {
                if ahead != 0 {
                    prefetch_panels(panel.wrapping_add(ahead), stride, (V * D::S::LANES).div_ceil(PANEL));
                }
                let weights = load_weights::<D::S, V>(isa, panel, stride);
                for_each_row!(R, ROW => {
                    let bytes = rows[ROW].add(group * GROUP).cast::<i32>().read_unaligned();
                    multiply::<D, V, SIGNED>(dot, &mut acc[ROW], bytes, top_bits, &weights);
                });
                panel = panel.add(GROUP * PANEL);
            }
        }
        if !len.is_multiple_of(GROUP) {
            let weights = load_weights::<D::S, V>(isa, panel, stride);
            for_each_row!(R, ROW => {
                let bytes = last_group(rows[ROW], len);
                multiply::<D, V, SIGNED>(dot, &mut acc[ROW], bytes, top_bits, &weights);
            });
            panel = panel.add(GROUP * PANEL);
        }
        panel
    }
}

/// Groups of four depths of unsigned activations, in tiles of weights with scales by group.
#[derive(Clone, Copy)]
pub(crate) struct Grouped<D>(pub(crate) D);

// SAFETY: the token proves the features.
unsafe impl<D: Dot4> Depths for Grouped<D> {
    type S = D::S;
    const GROUP: usize = GROUP;

    #[inline(always)]
    fn isa(self) -> D::S {
        self.0.isa()
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
        // SAFETY: the caller's promises.
        unsafe {
            depths::<D, R, V, false>(self.0, acc, rows, panel, stride, len, ahead, &TOP_BITS);
        }
    }
}

/// One group of depths of `V` vectors of columns.
///
/// # Safety
///
/// `panel` is valid for the group, and so is every further panel, `stride` bytes after the last.
#[inline(always)]
pub(super) unsafe fn load_weights<S: Simd, const V: usize>(
    isa: S,
    panel: *const u8,
    stride: usize,
) -> [S::I; V] {
    // SAFETY: a group of a panel is PANEL lanes of four bytes, PANEL / LANES vectors.
    unsafe {
        let vectors = PANEL / S::LANES;
        let mut weights = [isa.splat(0); V];
        for (v, w) in weights.iter_mut().enumerate() {
            let offset = v / vectors * stride + v % vectors * S::LANES * GROUP;
            *w = isa.load(panel.add(offset).cast());
        }
        weights
    }
}

#[inline(always)]
pub(super) fn multiply<D: Dot4, const V: usize, const SIGNED: bool>(
    dot: D,
    acc: &mut [Lanes<D>; V],
    bytes: i32,
    top_bits: &TopBits,
    weights: &[Lanes<D>; V],
) {
    let activations = dot.isa().splat(bytes);
    let activations = if SIGNED && D::FLIPS { dot.flip(activations, top_bits) } else { activations };
    for v in 0..V {
        acc[v] = dot.dot::<SIGNED>(acc[v], activations, weights[v]);
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
