//! A tile of work, as the driver describes it to a kernel.

use core::ptr;

use crate::gemm::{PANEL, RawStage, RowSums};

/// One tile of work: `R` rows (the kernel's constant) by `P` panels (likewise). A kernel computes an m-block of them,
/// which read the same panels: [`move_down`](Self::move_down).
#[derive(Clone, Copy)]
pub(crate) struct Tile {
    /// Tiles of the m-block, this one included; more than one only if `rows` is `R`. For a matrix unit `rows` are those of the last tile.
    pub(crate) count: usize,
    /// `[segments][R]` pointers to which `lhs_offset` is added to get those of `segment_len` elements: bytes, or `i16` for
    /// [`LhsForm::I16`](crate::gemm::LhsForm::I16). Rows past `rows` repeat a valid one.
    pub(crate) lhs: *const *const u8,
    pub(crate) lhs_offset: usize,
    /// What a tile adds to `lhs` and to `lhs_offset` to get those of the next one: tiles of patches have pointers of their
    /// own, those of a matrix lie one distance apart.
    pub(crate) lhs_step: Step,
    pub(crate) segments: usize,
    /// Elements of depth in a segment.
    pub(crate) segment_len: usize,
    /// The first panel; the next one begins `panel_stride` bytes later.
    pub(crate) panels: *const u8,
    pub(crate) panel_stride: usize,
    /// Bytes of a panel between the end of what a segment reads and the start of what the next one reads.
    pub(crate) panel_skip: usize,
    /// Whether to prefetch the panels, because they come from memory.
    #[cfg_attr(not(target_arch = "x86_64"), allow(dead_code, reason = "only x86 tiles prefetch"))]
    pub(crate) prefetch: bool,
    /// Whether to prefetch the lines that are written, because there are many of them and few products meanwhile.
    #[cfg_attr(not(target_arch = "x86_64"), allow(dead_code, reason = "only x86 tiles prefetch"))]
    pub(crate) prefetch_out: bool,
    /// Rows to store, `1..=R`.
    pub(crate) rows: usize,
    /// Columns to store, `1..=P·PANEL`; more than `(P−1)·PANEL`.
    pub(crate) columns: usize,
    /// `P·PANEL` initial accumulators.
    pub(crate) init: *const i32,
    /// `P·PANEL` zero points of the (canonical) weights, in the form of the variant's [`RowSums`], or null if all are 0.
    pub(crate) weight_zeros: *const i32,
    /// `count · R` sums of the (offset) activations over the depth, in that form too; not read if `weight_zeros` is null.
    pub(crate) row_sums: *const i32,
    /// Zero points of the rows, if they differ.
    pub(crate) zeros: TileZeros,
    /// The epilogue; its column pointers address this tile's first column.
    pub(crate) stage: RawStage,
    /// The output's column, and bytes from there to each of `R` rows.
    pub(crate) out: *mut u8,
    pub(crate) out_rows: *const usize,
    /// What a tile adds to `out_rows` and to `out` to get those of the next one.
    pub(crate) out_step: Step,
}

/// [`RowZeros`](crate::gemm::RowZeros) as a kernel sees them: pointers that begin at the tile's first row and column.
#[derive(Clone, Copy)]
pub(crate) struct TileZeros {
    /// `count · R` zero points, of which those of rows to store are read; null if there are none.
    pub(crate) of_rows: *const i32,
    pub(crate) of_init: i32,
    /// `P·PANEL` sums of weights.
    pub(crate) sums: *const i32,
}

impl TileZeros {
    /// Those of rows that have none.
    pub(crate) const NONE: TileZeros = TileZeros { of_rows: ptr::null(), of_init: 0, sums: ptr::null() };
}

/// From a tile's rows to those of the tile below: entries of the table that finds them, and bytes.
#[derive(Clone, Copy)]
pub(crate) struct Step {
    pub(crate) entries: usize,
    pub(crate) bytes: usize,
}

impl Step {
    /// Of a tile without another below.
    pub(crate) const NONE: Step = Step { entries: 0, bytes: 0 };
}

impl Tile {
    /// Whether at most the first half of a panel is stored: a kernel may compute a half-width tile.
    #[cfg(any(target_arch = "x86_64", feature = "testing"))]
    #[inline(always)]
    pub(crate) fn is_half_width(&self) -> bool {
        self.columns <= PANEL / 2
    }

    /// Whether the sums of rows are as they are, because they need not fit the kernels' form.
    #[inline(always)]
    pub(crate) fn has_plain_sums(&self) -> bool {
        RowSums::are_plain(self.segments.wrapping_mul(self.segment_len))
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
        // SAFETY: there are `R` output offsets, of which those below `rows` lie inside the output.
        unsafe { self.out.add(*self.out_rows.add(row)) }
    }

    /// Moves to the tile `R` rows below, in an m-block that has one.
    #[inline(always)]
    pub(crate) fn move_down<const R: usize>(&mut self) {
        self.move_down_by(R);
    }

    /// Moves to the tile `rows` rows below, of tiles of as many rows, in an m-block that has one.
    #[inline(always)]
    pub(crate) fn move_down_by(&mut self, rows: usize) {
        self.count -= 1;
        self.prefetch = false;
        self.lhs = self.lhs.wrapping_add(self.lhs_step.entries);
        self.lhs_offset = self.lhs_offset.wrapping_add(self.lhs_step.bytes);
        self.row_sums = self.row_sums.wrapping_add(rows);
        if !self.zeros.of_rows.is_null() {
            self.zeros.of_rows = self.zeros.of_rows.wrapping_add(rows);
        }
        self.stage.move_down(rows);
        self.out = self.out.wrapping_add(self.out_step.bytes);
        self.out_rows = self.out_rows.wrapping_add(self.out_step.entries);
    }

    /// The tiles of the m-block without their first `columns` columns.
    ///
    /// # Safety
    ///
    /// They have more columns than that.
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
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
                zeros: TileZeros { sums: self.zeros.sums.wrapping_add(columns), ..self.zeros },
                stage: self.stage.right(columns),
                out: self.out.add(columns * self.stage.output_bytes()),
                ..*self
            }
        }
    }
}

/// Computes the tiles of an m-block, one by one.
///
/// # Safety
///
/// As [`TileFn`](crate::gemm::variant::TileFn), which `one` is for one tile of `R` rows.
#[inline(always)]
pub(crate) unsafe fn down<const R: usize>(tile: &mut Tile, one: unsafe fn(&Tile)) {
    loop {
        // SAFETY: the caller's promises, for every tile of the m-block.
        unsafe { one(tile) };
        if tile.count <= 1 {
            return;
        }
        tile.move_down::<R>();
    }
}

/// An ISA, with a function for the tiles whose epilogues are not worth code of their own.
///
/// # Safety
///
/// [`finish_in_memory`](Self::finish_in_memory) is [`in_memory`](super::in_memory), compiled for the ISA's features.
pub(crate) unsafe trait Finish {
    /// [`in_memory`](super::in_memory). It must not be inlined: it is compiled once, where [`finish`](super::finish) is a part of
    /// every tile.
    ///
    /// # Safety
    ///
    /// As there.
    unsafe fn finish_in_memory(self, acc: *const i32, vectors: usize, tile: &Tile);
}
