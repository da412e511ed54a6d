//! The order of packed weights.

/// Columns of a packed panel: with eight bits a weight, 64 bytes hold a group of four depths of all of them.
pub const PANEL: usize = 16;

/// The order of the bytes of a panel: `[segment][⌈length / k_group⌉][columns][k_group]`, padded with zeros.
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

    /// Bytes that one group of depths takes in a panel.
    #[inline]
    pub(crate) const fn group_bytes(&self) -> usize {
        self.columns * self.k_group * self.bits / 8
    }
}
