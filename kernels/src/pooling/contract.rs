//! The pooling kernels that backends implement.

use crate::elementwise::ByteTarget;

/// How a backend pools.
pub(crate) struct PoolKernel {
    pub(crate) columns: ColumnsFn,
    pub(crate) across: AcrossFn,
    /// Bytes of an element between the two steps.
    pub(crate) bytes: usize,
    /// The excess of sums for every tap.
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
    /// Whether to combine with the previous contents of `out`, too.
    pub(crate) accumulate: bool,
    /// Whether to prefetch rows.
    pub(crate) prefetch: bool,
}

/// Windows of one row to finish.
pub(crate) struct Across {
    /// The first tap of the first window: `len` elements and room for [`MAX_BLOCK`](super::generic::MAX_BLOCK) more, like the
    /// other taps.
    pub(crate) from: *const u8,
    pub(crate) taps: Steps,
    /// Windows, by their first taps.
    pub(crate) pixels: Steps,
    /// Elements of a window, at least one.
    pub(crate) len: usize,
    /// `len` bytes for every window, and bytes from one to the next.
    pub(crate) out: *mut u8,
    pub(crate) out_advance: usize,
    /// Whether to prefetch the output.
    pub(crate) prefetch: bool,
    pub(crate) scale: Scale,
}

/// How many there are, at least one, and elements from one to the next.
#[derive(Clone, Copy)]
pub(crate) struct Steps {
    pub(crate) count: usize,
    pub(crate) step: usize,
}

/// From sums to the output.
pub(crate) struct Scale {
    /// Added to every sum.
    pub(crate) offset: i32,
    pub(crate) factor: f32,
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
