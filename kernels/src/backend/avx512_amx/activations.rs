//! Where the steps of a strip find its rows: in place where they lie as tiles are loaded, else in copies.

use super::tiles::{Operands, ROW, TILE_BYTES};
use crate::gemm::{Tile, UnitBlock, UnitDepth};

/// Where the steps of a strip find its rows.
pub(super) struct Activations {
    runs: Runs,
    /// Bytes from a row to the next, and from a tile.
    row: usize,
    tile: usize,
    /// Bytes from a step of a run to the next.
    step: usize,
    /// How the steps cut the depth: in place, no step has bytes of two segments.
    pub(super) depth: UnitDepth,
}

/// Where the rows of the first tile begin in each run.
enum Runs {
    /// In copies, one behind the other.
    Copied { first: *const u8, bytes: usize },
    /// In place: `[runs][height]` pointers, of which the first of each run counts, to which an offset is added.
    InPlace { pointers: *const *const u8, height: usize, offset: usize },
}

impl Activations {
    /// The copies of a block's strip.
    pub(super) fn copied(block: &UnitBlock) -> Activations {
        let depth = block.shape.depth;
        Activations {
            runs: Runs::Copied { first: block.strips, bytes: depth.steps * TILE_BYTES },
            row: ROW,
            tile: Self::copied_bytes(&depth),
            step: TILE_BYTES,
            depth,
        }
    }

    /// The copies of a tile of the strip.
    ///
    /// # Safety
    ///
    /// A strip has that many tiles.
    pub(super) unsafe fn of_tile(block: &UnitBlock, number: usize) -> *mut u8 {
        // SAFETY: there is room for as many tiles as a strip has.
        unsafe { block.strips.add(number * Self::copied_bytes(&block.shape.depth)) }
    }

    /// Bytes of a tile's copies.
    fn copied_bytes(depth: &UnitDepth) -> usize {
        depth.runs * depth.steps * TILE_BYTES
    }

    /// The rows of `tiles` tiles from `tile` on in place, if they can be loaded so: segments of whole steps, and in each of them rows that
    /// lie one distance apart, on borders of cache lines, because a load across them takes five times as long. Those are rows of matrices,
    /// and patches side by side.
    ///
    /// # Safety
    ///
    /// The block is valid as its description says, and all rows of the tiles exist.
    pub(super) unsafe fn in_place(tile: &Tile, block: &UnitBlock, tiles: usize) -> Option<Activations> {
        let UnitDepth { segments, segment_len, segment_groups, .. } = block.shape.depth;
        let height = block.shape.height;
        if segments == 0 || segment_len == 0 || !segment_len.is_multiple_of(ROW) {
            return None;
        }
        let offset = tile.lhs_offset;
        // SAFETY: there is a pointer for each segment and row of each tile, or of the first one.
        let address = |number: usize, segment: usize, row: usize| unsafe {
            let pointers = tile.lhs.add(number * tile.lhs_step.entries);
            (*pointers.add(segment * height + row)).addr().wrapping_add(offset + number * tile.lhs_step.bytes)
        };
        let row = if height > 1 { address(0, 0, 1).wrapping_sub(address(0, 0, 0)) } else { ROW };
        let below = if tiles > 1 { address(1, 0, 0).wrapping_sub(address(0, 0, 0)) } else { 0 };
        let is_loadable = |number: usize, segment: usize| {
            let first = address(0, segment, 0).wrapping_add(number * below);
            (0..height).all(|i| address(number, segment, i) == first.wrapping_add(i.wrapping_mul(row)))
        };
        let aligned = (0..segments).all(|segment| address(0, segment, 0).is_multiple_of(ROW));
        if !(aligned && (row | below).is_multiple_of(ROW)) {
            return None;
        }
        // Tiles without pointers of their own lie like the first one, whose rows are those of a matrix.
        let described = if tile.lhs_step.entries > 0 { tiles } else { 1 };
        let all = (0..described).all(|number| (0..segments).all(|segment| is_loadable(number, segment)));
        all.then_some(Activations {
            runs: Runs::InPlace { pointers: tile.lhs, height, offset },
            row,
            tile: below,
            step: ROW,
            depth: UnitDepth {
                runs: segments,
                run_groups: segment_groups,
                steps: segment_len / ROW,
                ..block.shape.depth
            },
        })
    }

    /// The operands of a run from its first step on.
    ///
    /// # Safety
    ///
    /// The depth has the run, and the rows are those that the activations were made for.
    #[inline(always)]
    pub(super) unsafe fn operands(&self, run: usize, weights: *const u8, panel: usize) -> Operands {
        let activations = match self.runs {
            Runs::Copied { first, bytes } => first.wrapping_add(run * bytes),
            // SAFETY: there are pointers for each run, which is a segment.
            Runs::InPlace { pointers, height, offset } => unsafe {
                (*pointers.add(run * height)).wrapping_add(offset)
            },
        };
        Operands { activations, row: self.row, tile: self.tile, step: self.step, weights, panel }
    }

    /// Whether rows are read in place.
    #[cfg(feature = "testing")]
    pub(super) fn are_in_place(&self) -> bool {
        matches!(self.runs, Runs::InPlace { .. })
    }
}
