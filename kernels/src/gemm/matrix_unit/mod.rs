//! Matrix units: instructions that multiply tiles of both dimensions, beside a variant's tiles of vectors.
//!
//! A unit takes whole m-blocks: the driver finds their rows as it does for the variant's tiles, and the unit multiplies them with all
//! panels of a block. It reads the same panels, so that plans and saved weights serve both, and each call may take either. A unit
//! multiplies activations of either sign as they are; where the variant's instructions want an offset, the pass takes it out of the
//! initial accumulators.

mod pass;

pub(super) use pass::most_scratch_bytes;

use super::rows::Depth;
use super::{Layout, PanelShape, Tile};

/// The most rows of a tile, and the most groups of depths of a step. A step of one panel is a tile, too: its groups are the rows.
pub(crate) const TILE: usize = 16;

/// The most tiles of an m-block; a unit may multiply four at a time.
const M_BLOCK: usize = 8;

/// Bytes of activations of an m-block: its rows are expected to stay in the second-level cache from when they are found until they are
/// copied.
const M_BLOCK_BYTES: usize = 256 << 10;

/// The least rows of tiles that are parts of lines: lower ones take longer than copies of rows for higher ones.
const LEAST_HEIGHT: usize = 12;

/// Bytes of panels of a block: they are read again for each pair of tiles, as expected from the second-level cache, of which they take half
/// where it has two megabytes. Rows that are not read in place are copied anew for each block.
const BLOCK_BYTES: usize = 1 << 20;

/// A matrix unit, for panels of [`Layout::GROUPS_OF_4`].
pub(crate) struct MatrixUnit {
    /// The human-readable name: the instructions.
    pub(crate) name: &'static str,
    /// Asks the operating system for what the unit needs; once in a process, whose answer is kept.
    pub(crate) request: fn() -> Permission,
    /// Whether the operating system has been asked, and agreed.
    pub(crate) is_permitted: fn() -> bool,
    /// Whether the unit computes a product faster than the variant's tiles.
    pub(crate) pays: fn(ProductSize) -> bool,
    /// Runs a function while tiles are this many rows by this many groups of depths, each of which is one to [`TILE`]. Other code on
    /// the thread finds the configuration that it left.
    pub(crate) with_tiles: WithTiles,
    /// Computes an m-block by a block of panels.
    pub(crate) m_block: unsafe fn(&UnitBlock),
    /// The blocks that it computes at once: tiles below each other, and panels.
    #[cfg(feature = "testing")]
    pub(crate) blocks: &'static [[usize; 2]],
}

/// The size of a product.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ProductSize {
    pub(crate) rows: usize,
    /// Segments of the depth, and elements of one.
    pub(crate) segments: usize,
    pub(crate) segment_len: usize,
    pub(crate) columns: usize,
}

impl ProductSize {
    /// Of so many rows and columns by the depth of `panels`.
    #[inline]
    pub(in crate::gemm) fn new(rows: usize, panels: &PanelShape, columns: usize) -> ProductSize {
        ProductSize { rows, segments: panels.segments(), segment_len: panels.segment_len(), columns }
    }

    /// Multiplications, or the most that there can be.
    #[inline]
    pub(crate) fn products(&self) -> usize {
        let depth = self.segments.saturating_mul(self.segment_len);
        self.rows.saturating_mul(depth).saturating_mul(self.columns)
    }
}

/// # Safety
///
/// The CPU has the unit, and [`is_permitted`](MatrixUnit::is_permitted) said so.
pub(crate) type WithTiles = unsafe fn([usize; 2], &mut dyn FnMut());

/// Whether the operating system lets the process use a matrix unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Permission {
    /// It does.
    Granted,
    /// It does not: calls run on vectors, with the same results.
    Refused {
        /// The number of the system's error.
        error: i32,
    },
}

impl core::fmt::Display for Permission {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        /// Linux: the state of tiles would not fit an alternate signal stack of a thread.
        const ENOSPC: i32 = 28;
        match *self {
            Permission::Granted => f.write_str("the system permits the matrix unit"),
            Permission::Refused { error: ENOSPC } => f.write_str(
                "the system refuses the matrix unit, because a thread has an alternate signal stack that is too small for its state",
            ),
            Permission::Refused { error } => write!(f, "the system refuses the matrix unit (error {error})"),
        }
    }
}

/// How a unit cuts rows and depth: the same for all m-blocks of a pass, so that tiles are shaped once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UnitShape {
    /// Rows of a tile: all but the last have as many, and as few as the number of tiles allows, because each takes time.
    pub(crate) height: usize,
    /// Tiles of a full m-block.
    pub(crate) m_block: usize,
    pub(crate) depth: UnitDepth,
}

/// How a unit cuts the depth: runs of groups that lie side by side in a panel, and steps of up to [`TILE`] groups.
///
/// All steps have the same number of groups. Where those of a run are no multiple, the last step begins earlier, and what it has in
/// common with the one before is multiplied by zeros: nothing is read past the run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UnitDepth {
    /// Segments of all runs, and elements of one.
    pub(crate) segments: usize,
    pub(crate) segment_len: usize,
    /// One run if the segments follow each other in the panels; else one for each.
    pub(crate) runs: usize,
    /// Groups of a run, of a segment and of a step.
    pub(crate) run_groups: usize,
    pub(crate) segment_groups: usize,
    pub(crate) step_groups: usize,
    /// Steps of a run.
    pub(crate) steps: usize,
}

impl UnitShape {
    /// For `rows` rows.
    pub(in crate::gemm) fn new(rows: usize, depth: &Depth, panels: &PanelShape) -> UnitShape {
        let m_block = (M_BLOCK_BYTES / TILE / panels.depth().max(1)).clamp(2, M_BLOCK) & !1;
        UnitShape { height: even_height(rows), m_block, depth: UnitDepth::new(depth, panels) }
    }

    /// For `rows` patches in lines of `width`, if padded lines are read in place: tiles are parts of lines where those can be cut into high
    /// ones.
    pub(in crate::gemm) fn of_lines(
        rows: usize,
        width: usize,
        depth: &Depth,
        panels: &PanelShape,
    ) -> UnitShape {
        let shape = UnitShape::new(rows, depth, panels);
        let height = even_height(width);
        let cuts = height >= LEAST_HEIGHT && width.is_multiple_of(height);
        if cuts { UnitShape { height, ..shape } } else { shape }
    }

    /// The most that any number of rows takes, for the whole depth.
    fn largest(panels: &PanelShape) -> UnitShape {
        UnitShape::new(TILE, &Depth::whole(panels), panels)
    }

    /// The most steps of any part of the panels' depth: of a border region, segments may be runs of their own. `None` if they overflow.
    fn most_steps(panels: &PanelShape) -> Option<usize> {
        const DEPTHS: usize = TILE * Layout::GROUPS_OF_4.k_group;
        panels.segments().checked_mul(panels.segment_len().div_ceil(DEPTHS))
    }

    /// Panels of a block.
    pub(in crate::gemm) fn block_panels(panels: &PanelShape) -> usize {
        // A multiple of the four panels of the widest blocks.
        (BLOCK_BYTES / panels.panel_bytes().max(1)).max(1).next_multiple_of(4)
    }
}

/// Rows of tiles that are as many as must be, and as even as can be.
fn even_height(rows: usize) -> usize {
    rows.div_ceil(rows.div_ceil(TILE).max(1))
}

/// The most tiles below each other that a unit multiplies at once.
pub(crate) const MAX_TILES: usize = 4;

impl UnitDepth {
    fn new(depth: &Depth, panels: &PanelShape) -> UnitDepth {
        let &Depth { segments, len, .. } = depth;
        let segment_groups = len.div_ceil(Layout::GROUPS_OF_4.k_group);
        let joined = panels.segment_bytes(len) == panels.segment_bytes(panels.segment_len());
        let (runs, run_groups) = match segments * segment_groups {
            0 => (0, 0),
            groups if joined => (1, groups),
            _ => (segments, segment_groups),
        };
        UnitDepth {
            segments,
            segment_len: len,
            runs,
            run_groups,
            segment_groups,
            step_groups: run_groups.clamp(1, TILE),
            steps: run_groups.div_ceil(TILE),
        }
    }

    /// Groups that the last step of a run has in common with the one before.
    #[inline(always)]
    pub(crate) fn overlap(&self) -> usize {
        self.steps * self.step_groups - self.run_groups
    }
}

/// An m-block by a block of panels, as the driver describes it to a unit.
pub(crate) struct UnitBlock {
    /// The first tile, as for a kernel of vectors of [`height`](UnitShape::height) rows, with all columns of the block.
    /// [`rows`](Tile::rows) are those of the last tile.
    pub(crate) tile: Tile,
    pub(crate) shape: UnitShape,
    /// Whether activations are signed, which a unit takes as they are: the initial accumulators are those without the variant's offset.
    pub(crate) signed: bool,
    /// Room for strips of [`MAX_TILES`] tiles, on a 64-byte border.
    pub(crate) strips: *mut u8,
}
