//! General matrix multiplication of eight-bit matrices: the contract that every backend keeps.
//!
//! ```text
//! out[m][n] = stage( Σ_k (lhs[m][k] − lhs_zero) · (weights[k][n] − weight_zero[n]) + bias[n] )      mod 2³²
//! ```
//!
//! The journey of a call:
//!
//! 1. **Weights** are packed once into [`PackedPanels`]: panels of [`PANEL`] columns, canonical signed bytes.
//! 2. **Columns**: what depends on the column alone (bias, zero points, sums of weights) is folded into one vector of
//!    initial accumulators, once per plan ([`PackedPanels::initial_accumulators`]).
//! 3. **Rows** ([`Lhs`]) are addressed by pointers, one per row and segment, so that a strided matrix and the patches
//!    of a convolution are the same thing to a kernel. Nothing is copied where bytes can be read in place.
//! 4. **Tiles**: a kernel accumulates `rows × panels` dot products in registers over the whole depth, and
//! 5. the **epilogue** takes them to the output's type in registers, before the only store ([`Stage`]).
//!
//! All arithmetic is mod 2³², so offsets that a backend adds to make operands fit its instructions (`u8 ↔ i8` by
//! flipping the top bit) cancel exactly.

mod call;
#[cfg(feature = "testing")]
pub mod coverage;
#[cfg(target_arch = "x86_64")]
pub(crate) mod dot4;
mod driver;
mod epilogue;
mod output;
mod panels;
mod regions;
mod rows;
mod scratch;
mod small;
mod stage;
mod tiling;
mod words;

pub use call::{Border, Call};
pub use driver::{run, scratch_bytes};
pub use output::OutputBlock;
pub use panels::{Activations, MAX_EMPTY_COLUMNS, PackedPanels, PanelError, Panels, WeightView};
pub use regions::Skip;
pub use rows::{Lhs, MatrixRows, PatchRows, Patches};
pub use stage::Stage;
pub use tiling::{Tiling, TilingMemo, best_skip, tiling};

pub(crate) use epilogue::{Finish, finish, for_each_row, in_memory};
pub(crate) use regions::Span;
pub(crate) use stage::RawStage;
pub(crate) use tiling::TileCost;
pub(crate) use words::{ByteRows, Widen};

/// Columns of a packed panel: 64 bytes hold a group of four depths of all of them.
pub const PANEL: usize = 16;

/// What a backend gives to the GEMM driver.
pub(crate) struct GemmTable {
    /// Version and shape of the packed layout: backends of equal `layout` read each other's panels.
    pub(crate) layout: Layout,
    /// How rows of activations reach the kernel.
    pub(crate) lhs: LhsForm,
    /// The tiles, by ascending number of rows.
    pub(crate) tiles: &'static [TileRows],
    /// What they take: the choice among them rests on it.
    pub(crate) cost: TileCost,
    /// Faster kernels that are exact only for narrow weights: those whose [`PackedPanels`] have proved that
    /// [`fits_pair_sums`](panels::fits_pair_sums) holds.
    pub(crate) narrow: Option<&'static GemmTable>,
}

/// How the bytes of a panel are ordered: `[segment][⌈length/group⌉][PANEL][group]`, zero-padded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    /// The layout's name in saved weights.
    pub(crate) name: &'static str,
    /// Consecutive depths kept together for one column: 1, 2, 4 or 8.
    pub(crate) group: usize,
}

/// How rows of activations reach a kernel.
#[derive(Clone, Copy, Debug)]
pub(crate) enum LhsForm {
    /// Bytes, read in place: a pointer per row and segment. A kernel may read exactly the segment's bytes. Its
    /// instructions want activations plus an offset: `flip_signed` (128 for signed input), `flip_unsigned` (−128).
    Bytes { flip_signed: i32, flip_unsigned: i32 },
    /// Rows widened to `i16` by the driver. After a segment of odd length there is another word, of any value.
    Words { widen: Widen },
}

impl LhsForm {
    /// What the kernel adds to every activation, mod 2³².
    pub(crate) fn offset(self, signed: bool) -> i32 {
        match self {
            LhsForm::Bytes { flip_signed, .. } if signed => flip_signed,
            LhsForm::Bytes { flip_unsigned, .. } => flip_unsigned,
            LhsForm::Words { .. } => 0,
        }
    }
}

/// The kernels for tiles of one number of rows: index `p − 1` computes `p` panels at a time.
pub(crate) struct TileRows {
    pub(crate) rows: usize,
    /// For `u8` activations (for `Words`: for both).
    pub(crate) unsigned: &'static [TileFn],
    /// For `i8` activations.
    pub(crate) signed: &'static [TileFn],
}

/// The most rows of a tile.
pub(crate) const MAX_ROWS: usize = 16;

impl TileRows {
    /// The most panels that a tile of this height computes at once.
    pub(crate) fn max_panels(&self) -> usize {
        self.unsigned.len()
    }
}

/// A kernel: computes a [`Tile`] and those below it, and may move the tile to the last of them.
///
/// # Safety
///
/// The CPU has the backend's features, and every pointer of the tile is valid as its description says.
pub(crate) type TileFn = unsafe fn(&mut Tile);

/// One tile of work: `R` rows (the kernel's constant) by `P` panels (likewise). A kernel goes down a strip of them, which
/// read the same panels: [`move_down`](Self::move_down).
#[derive(Clone, Copy)]
pub(crate) struct Tile {
    /// Tiles of the strip, this one included; more than one only if `rows` is `R`.
    pub(crate) count: usize,
    /// `[segments][R]` pointers to which `lhs_offset` is added to get those of `segment_len` elements: bytes, or `i16` for
    /// [`LhsForm::Words`]. Rows past `rows` repeat a valid one.
    pub(crate) lhs: *const *const u8,
    pub(crate) lhs_offset: usize,
    /// What a tile adds to `lhs` and to `lhs_offset` to get those of the next one: tiles of patches have pointers of their
    /// own, those of a matrix lie one distance apart.
    pub(crate) lhs_step: LhsStep,
    pub(crate) segments: usize,
    /// Elements of depth in a segment.
    pub(crate) segment_len: usize,
    /// The first panel; the next one begins `panel_stride` bytes later.
    pub(crate) panels: *const u8,
    pub(crate) panel_stride: usize,
    /// Bytes of a panel between what a segment reads and what the next one does.
    pub(crate) panel_skip: usize,
    /// Whether the panels come from memory, and are best asked for ahead.
    #[cfg_attr(not(target_arch = "x86_64"), allow(dead_code, reason = "only x86 tiles ask"))]
    pub(crate) far: bool,
    /// Rows to store, `1..=R`.
    pub(crate) rows: usize,
    /// Columns to store, `1..=P·PANEL`; more than `(P−1)·PANEL`.
    pub(crate) columns: usize,
    /// `P·PANEL` initial accumulators.
    pub(crate) init: *const i32,
    /// `P·PANEL` zero points of the (canonical) weights, or null if all are 0.
    pub(crate) weight_zeros: *const i32,
    /// `count · R` sums of the (offset) activations over the depth; not read if `weight_zeros` is null.
    pub(crate) row_sums: *const i32,
    /// What becomes of the accumulators; its column pointers address this tile's first column.
    pub(crate) stage: RawStage,
    /// The output's column, and bytes from there to each of `R` rows.
    pub(crate) out: *mut u8,
    pub(crate) out_rows: *const usize,
    /// What a tile adds to `out_rows` and to `out` to get those of the next one.
    pub(crate) out_step: OutStep,
}

/// From a tile's rows to those of the tile below.
#[derive(Clone, Copy)]
pub(crate) struct LhsStep {
    pub(crate) pointers: usize,
    pub(crate) bytes: usize,
}

/// From the places of a tile's rows in the output to those of the tile below.
#[derive(Clone, Copy)]
pub(crate) struct OutStep {
    pub(crate) places: usize,
    pub(crate) bytes: usize,
}

impl Tile {
    /// Whether only the first half of a panel is stored, or less: a kernel may leave out the rest.
    #[cfg(any(target_arch = "x86_64", feature = "testing"))]
    #[inline(always)]
    pub(crate) fn is_half(&self) -> bool {
        self.columns <= PANEL / 2
    }

    /// Address of a row's elements in a segment.
    ///
    /// # Safety
    ///
    /// `segment` is below `segments`, `row` below `R`.
    #[inline(always)]
    pub(crate) unsafe fn row<const R: usize>(&self, segment: usize, row: usize) -> *const u8 {
        // SAFETY: there are `segments · R` pointers. Rows without elements may lie anywhere, hence `wrapping_add`.
        unsafe { (*self.lhs.add(segment * R + row)).wrapping_add(self.lhs_offset) }
    }

    /// Address of a row's first column in the output.
    ///
    /// # Safety
    ///
    /// `row` is below `rows`.
    #[inline(always)]
    pub(crate) unsafe fn out_row(&self, row: usize) -> *mut u8 {
        // SAFETY: there are `R` places, of which those below `rows` lie inside the output.
        unsafe { self.out.add(*self.out_rows.add(row)) }
    }

    /// Moves to the tile `R` rows below, in a strip that has one.
    #[inline(always)]
    pub(crate) fn move_down<const R: usize>(&mut self) {
        self.count -= 1;
        self.far = false;
        self.lhs = self.lhs.wrapping_add(self.lhs_step.pointers);
        self.lhs_offset = self.lhs_offset.wrapping_add(self.lhs_step.bytes);
        self.row_sums = self.row_sums.wrapping_add(R);
        self.stage.move_down::<R>();
        self.out = self.out.wrapping_add(self.out_step.bytes);
        self.out_rows = self.out_rows.wrapping_add(self.out_step.places);
    }

    /// The tiles of the strip without their first `columns` columns.
    ///
    /// # Safety
    ///
    /// They have more columns than that.
    #[cfg(target_arch = "aarch64")]
    #[inline(always)]
    pub(crate) unsafe fn right(&self, columns: usize) -> Tile {
        // SAFETY: the column is one of the tile's, and so are its panel, initial accumulator and zero point.
        unsafe {
            Tile {
                panels: self.panels.add(columns / PANEL * self.panel_stride),
                columns: self.columns - columns,
                init: self.init.add(columns),
                weight_zeros: if self.weight_zeros.is_null() {
                    self.weight_zeros
                } else {
                    self.weight_zeros.add(columns)
                },
                stage: self.stage.right(columns),
                out: self.out.add(columns * self.stage.output_bytes()),
                ..*self
            }
        }
    }
}

/// Computes the tiles of a strip, one by one.
///
/// # Safety
///
/// As [`TileFn`], which `one` is for one tile of `R` rows.
#[inline(always)]
pub(crate) unsafe fn down<const R: usize>(tile: &mut Tile, one: unsafe fn(&Tile)) {
    loop {
        // SAFETY: the caller's promises, for every tile of the strip.
        unsafe { one(tile) };
        if tile.count <= 1 {
            return;
        }
        tile.move_down::<R>();
    }
}
