//! The padding of a window over an image.

/// Rows and columns of zero points that a convolution sees around an image. An image has four sides: there will be no further
/// field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Padding {
    /// Rows above.
    pub top: usize,
    /// Columns to the left.
    pub left: usize,
    /// Rows below.
    pub bottom: usize,
    /// Columns to the right.
    pub right: usize,
}

impl Padding {
    /// The same on all four sides.
    #[must_use]
    pub const fn same(pad: usize) -> Padding {
        Padding { top: pad, left: pad, bottom: pad, right: pad }
    }
}
