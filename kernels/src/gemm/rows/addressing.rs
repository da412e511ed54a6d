//! Where kernels find the bytes of a row.

/// How a kernel addresses the k-segments of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Addressing {
    /// In place: a matrix's row, or the taps of a patch.
    InPlace,
    /// In place: the rows of the kernel, each of whose taps lie side by side. Patches over the left or right border
    /// are copied; those between, `begin..end` of every row of the output, are not.
    KernelRows { begin: usize, end: usize },
    /// In a copy of the row.
    Copied,
}
