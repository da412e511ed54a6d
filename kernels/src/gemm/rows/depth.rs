//! The part of the depth that is multiplied.

use super::patches::Patches;
use super::regions::Region;
use crate::gemm::PanelShape;

/// The part of the depth that a region's rows are multiplied with.
pub(in crate::gemm) struct Depth {
    pub(in crate::gemm) first_segment: usize,
    pub(in crate::gemm) segments: usize,
    /// First element of a segment, and number of elements.
    pub(in crate::gemm) first: usize,
    pub(in crate::gemm) len: usize,
}

impl Depth {
    /// The whole depth.
    #[inline]
    pub(in crate::gemm) fn whole(panels: &PanelShape) -> Depth {
        Depth { first_segment: 0, segments: panels.segments(), first: 0, len: panels.segment_len() }
    }

    /// K-groups of `group` depths, padding included.
    pub(in crate::gemm) fn groups(&self, group: usize) -> usize {
        self.segments * self.len.div_ceil(group)
    }
}

/// The part of the depth that a region of patches takes.
#[inline]
pub(in crate::gemm) fn depth_of(patches: &Patches, panels: &PanelShape, region: &Region) -> Depth {
    let (segments, segment_len) = (panels.segments(), panels.segment_len());
    let [height, width] = patches.window().kernel;
    // The segments of a row of the kernel: its taps, the whole row, or all rows at once.
    let per_row = segments / height;
    if region.kx.len() == 0 || region.ky.len() == 0 {
        Depth { first_segment: 0, segments: 0, first: 0, len: segment_len }
    } else if region.ky.len() == height && region.kx.len() == width {
        Depth::whole(panels)
    } else if region.kx.len() == width {
        let (first_segment, segments) = (region.ky.start * per_row, region.ky.len() * per_row);
        Depth { first_segment, segments, first: 0, len: segment_len }
    } else {
        let channels = patches.channels();
        let (first, len) = (region.kx.start * channels, region.kx.len() * channels);
        Depth { first_segment: region.ky.start, segments: region.ky.len(), first, len }
    }
}
