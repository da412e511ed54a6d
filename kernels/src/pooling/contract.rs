//! What backends implement of pooling.

use crate::elementwise::ByteTarget;

/// How a backend pools.
pub(crate) struct PoolKernel {
    pub(crate) columns: ColumnsFn,
    pub(crate) across: AcrossFn,
    /// Bytes of an element between the two.
    pub(crate) bytes: usize,
    /// What sums have too much for every tap.
    pub(crate) excess: i32,
}

/// The most rows of a [`Columns`].
pub(crate) const MAX_ROWS: usize = 8;

/// Rows of the image to combine, element by element.
pub(crate) struct Columns {
    pub(crate) rows: [*const u8; MAX_ROWS],
    /// Rows, at least one.
    pub(crate) count: usize,
    /// Bytes of a row, at least one.
    pub(crate) len: usize,
    /// Room for `len` elements and [`MAX_BLOCK`](super::generic::MAX_BLOCK) more.
    pub(crate) out: *mut u8,
    /// Whether to combine with what is there, too.
    pub(crate) accumulate: bool,
    /// Whether to ask memory for rows ahead.
    pub(crate) prefetch: bool,
}

/// Windows of one row to finish.
pub(crate) struct Across {
    /// The first tap of the first window: `len` elements and room for [`MAX_BLOCK`](super::generic::MAX_BLOCK) more, as the other taps have.
    pub(crate) from: *const u8,
    /// Taps, at least one, and elements from one to the next.
    pub(crate) taps: usize,
    pub(crate) step: usize,
    /// Windows, and elements from the first tap of one to that of the next.
    pub(crate) pixels: usize,
    pub(crate) advance: usize,
    /// Elements of a window, at least one.
    pub(crate) len: usize,
    /// `len` bytes for every window, and bytes from one to the next.
    pub(crate) out: *mut u8,
    pub(crate) out_advance: usize,
    /// Whether to ask memory for the output ahead.
    pub(crate) prefetch: bool,
    /// Added to every sum.
    pub(crate) offset: i32,
    pub(crate) scale: f32,
    pub(crate) target: ByteTarget,
    /// Whether the target [`saturates`](ByteTarget::saturates) whatever the sums.
    pub(crate) saturates: bool,
}

/// Combines rows.
///
/// # Safety
///
/// The CPU has the backend's features; every pointer is valid as described; the output overlaps no row.
pub(crate) type ColumnsFn = unsafe fn(&Columns);
/// Finishes windows.
///
/// # Safety
///
/// As [`ColumnsFn`].
pub(crate) type AcrossFn = unsafe fn(&Across);
