//! The order of packed weights.

use super::narrow::Width;

/// Columns of a packed panel: with eight bits a weight, 64 bytes hold a group of four depths of all of them.
pub const PANEL: usize = 16;

/// The order of the bytes of a panel: `[segment][⌈length / k_group⌉][columns][k_group]`, padded with zeros. Weights of four or two bits are the
/// same bytes, folded: two or four lines of them in one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The layout's name in saved weights: it never changes its meaning.
    pub name: &'static str,
    /// Consecutive depths kept together for one column: a power of two.
    pub k_group: usize,
    /// Columns of a panel.
    pub columns: usize,
    /// Bits of a weight.
    pub bits: usize,
}

impl Layout {
    /// Panels of [`PANEL`] columns of bytes.
    pub(crate) const fn bytes(name: &'static str, k_group: usize) -> Layout {
        Layout { name, k_group, columns: PANEL, bits: 8 }
    }

    /// Groups of two depths: what instructions want that add two products in a lane.
    pub(crate) const GROUPS_OF_2: Layout = Layout::bytes("i8-group2", 2);

    /// Groups of four depths: what instructions want that add four products in a lane.
    pub(crate) const GROUPS_OF_4: Layout = Layout::bytes("i8-group4", 4);

    /// The name of panels whose lines of 64 bytes are folded, two or four into one.
    pub(crate) const fn folded_name(&self, width: Width) -> &'static str {
        match (width, self.k_group) {
            (Width::Eight, _) => self.name,
            (Width::Four, 2) => "i4-group2",
            (Width::Four, 4) => "i4-group4",
            (Width::Four, _) => "i4-group8",
            (Width::Two, 2) => "i2-group2",
            (Width::Two, 4) => "i2-group4",
            (Width::Two, _) => "i2-group8",
        }
    }

    /// Bytes that one group of depths takes in a panel.
    #[inline]
    pub(crate) const fn group_bytes(&self) -> usize {
        self.columns * self.k_group * self.bits / 8
    }
}
