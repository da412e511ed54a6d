//! What columns have by group.

use alloc::vec;
use alloc::vec::Vec;

use super::{BLOCK, QUAD, pair, place};
use crate::gemm::{PANEL, Panels};

/// Depths of a group are a multiple of this, which is one of the k-groups of every layout.
pub const GROUP_STEP: usize = 32;

/// The scales of packed weights by group, and what takes zero points out: padded to whole panels, in the order in which kernels read them.
#[derive(Clone, Debug)]
pub struct GroupTerms {
    /// Depths of a group, the last one excepted.
    pub(super) group: usize,
    /// In the order of [`place`].
    pub(super) scales: Vec<f32>,
    /// Likewise by block, the sums of the block's canonical weights; none if there are pairs.
    pub(super) sums: Vec<i16>,
    /// The same in pairs: the sum and the zero point; none if all zero points are 0.
    pub(super) pairs: Vec<i32>,
    pub(super) shape: GroupShape,
    /// Whether any canonical weight has a zero point other than 0.
    pub(super) zero_points: bool,
}

/// How many groups and blocks there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct GroupShape {
    pub(super) depth: usize,
    pub(super) columns: usize,
    pub(super) groups: usize,
    pub(super) blocks: usize,
}

impl GroupTerms {
    /// The terms of panels in groups of `group` depths. `scale(n, g)` and `zero_point(n, g)` are those of column `n` in group `g`; zero
    /// points are in the weights' own type, within its range.
    ///
    /// # Panics
    ///
    /// If `group` is 0 or not a multiple of [`GROUP_STEP`], or the panels have several segments.
    #[must_use]
    pub fn new(
        panels: &Panels<'_>,
        group: usize,
        scale: impl Fn(usize, usize) -> f32,
        zero_point: impl Fn(usize, usize) -> i32,
    ) -> GroupTerms {
        assert!(group > 0 && group.is_multiple_of(GROUP_STEP), "groups of whole k-groups");
        assert_eq!(panels.segments(), 1, "the weights of a matrix");
        let (depth, columns) = (panels.depth(), panels.columns());
        let blocks = || blocks(depth, group);
        let groups = depth.div_ceil(group);
        // Not counted one by one: without columns the depth may be any number.
        let blocks_of = |depth: usize| depth.div_ceil(BLOCK);
        let block_count = depth / group * blocks_of(group) + blocks_of(depth % group);
        let shape = GroupShape { depth, columns, groups, blocks: block_count };
        let origin = panels.origin();
        let padded = panels.panels().next_multiple_of(QUAD) * PANEL;
        let mut scales = vec![0f32; padded * groups];
        for n in 0..columns {
            for g in 0..groups {
                scales[place(n / PANEL, groups) + g * QUAD * PANEL + n % PANEL] = scale(n, g);
            }
        }
        let zero_points = (0..columns).any(|n| (0..groups).any(|group| zero_point(n, group) != origin));
        let count = padded * shape.blocks;
        let (mut block_sums, mut pairs) =
            if zero_points { (vec![], vec![0; count]) } else { (vec![0; count], vec![]) };
        panels.for_each(|index, panel| {
            for (number, block) in blocks().enumerate() {
                let start = block.start * PANEL;
                let mut sums = [0; PANEL];
                let bytes = &panel[start..start + panels.segment_bytes(block.len)];
                panels.variant.layout.add_columns(bytes, &mut sums);
                let at = place(index, shape.blocks) + number * QUAD * PANEL;
                for (lane, &sum) in sums.iter().enumerate() {
                    let n = index * PANEL + lane;
                    if !zero_points {
                        block_sums[at + lane] = sum as i16;
                    } else if n < columns {
                        pairs[at + lane] = pair(sum, zero_point(n, block.group) - origin);
                    }
                }
            }
        });
        GroupTerms { group, scales, sums: block_sums, pairs, shape, zero_points }
    }

    /// Bytes of what a panel has by group.
    pub(super) fn bytes_of_panel(&self) -> usize {
        let block = if self.zero_points { size_of::<i32>() } else { size_of::<i16>() };
        let (scales, blocks) = (self.shape.groups * PANEL, self.shape.blocks * PANEL);
        // Without columns there are none, and any depth.
        scales.saturating_mul(size_of::<f32>()).saturating_add(blocks.saturating_mul(block))
    }

    /// Depths of a group, the last one excepted.
    #[must_use]
    pub fn group(&self) -> usize {
        self.group
    }

    /// Whether any weight has a zero point other than that of weights without: kernels then need the sums of rows by block.
    #[must_use]
    pub fn has_zero_points(&self) -> bool {
        self.zero_points
    }
}

/// Depths that zero points are taken out of at once.
pub(super) struct Block {
    pub(super) group: usize,
    /// The first depth, and how many.
    pub(super) start: usize,
    pub(super) len: usize,
}

/// The blocks of a depth in groups, in the order of the depth.
pub(super) fn blocks(depth: usize, group: usize) -> impl Iterator<Item = Block> {
    (0..depth).step_by(group).enumerate().flat_map(move |(number, start)| {
        let end = depth.min(start.saturating_add(group));
        (start..end).step_by(BLOCK).map(move |start| Block {
            group: number,
            start,
            len: BLOCK.min(end - start),
        })
    })
}
