//! Weights of one bit, packed for a backend.

use alloc::format;

use eightbit_kernels::binary::BitPanels;

use super::{MAX_DEPTH, row_bytes};
use crate::check::check_size;
use crate::{Backend, Conv2dShape, Error};

/// Weights that are +1 or −1, in the order of a backend's kernel: made once, when the model is loaded.
#[derive(Clone, Debug)]
pub struct BinaryWeights {
    backend: Backend,
    panels: BitPanels,
}

impl BinaryWeights {
    /// Packs a matrix of bits, a row for each output channel: `[columns][`[`row_bytes`]`(depth)]`. Filling bits are ignored.
    ///
    /// # Errors
    ///
    /// If `bits` has another length, or the depth is more than [`MAX_DEPTH`].
    pub fn pack(backend: Backend, bits: &[u8], columns: usize, depth: usize) -> Result<BinaryWeights, Error> {
        Self::of_taps(backend, bits, columns, 1, depth)
    }

    /// Packs the weights of a convolution, OHWI: `[out_channels][kh][kw][`[`row_bytes`]`(in_channels)]`.
    ///
    /// # Errors
    ///
    /// As [`pack`](Self::pack), and if the shape is invalid.
    pub fn pack_convolution(
        backend: Backend,
        shape: &Conv2dShape,
        bits: &[u8],
    ) -> Result<BinaryWeights, Error> {
        shape.check()?;
        let taps = shape.kernel[0] * shape.kernel[1];
        Self::of_taps(backend, bits, shape.out_channels, taps, shape.in_channels)
    }

    fn of_taps(
        backend: Backend,
        bits: &[u8],
        columns: usize,
        taps: usize,
        tap_bits: usize,
    ) -> Result<BinaryWeights, Error> {
        let refused = || {
            let why = format!(
                "{columns} columns of {taps} × {tap_bits} bits: a depth is at most {MAX_DEPTH}, columns without depth are few, and all must fit memory"
            );
            Error::Shape { what: "binary weights", why }
        };
        let depth = taps.checked_mul(tap_bits).filter(|&depth| depth <= MAX_DEPTH);
        let row = depth.and_then(|_| taps.checked_mul(row_bytes(tap_bits)));
        let len = row.and_then(|row| row.checked_mul(columns)).ok_or_else(refused)?;
        check_size("bytes of the binary weights", len, bits.len())?;
        let panels = BitPanels::pack(backend, bits, columns, taps, tap_bits).ok_or_else(refused)?;
        Ok(BinaryWeights { backend, panels })
    }

    /// The backend that they are packed for.
    #[must_use]
    pub fn backend(&self) -> Backend {
        self.backend
    }

    /// Output channels.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.panels.columns()
    }

    /// Products of an output.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.panels.depth()
    }

    /// Bytes that they take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.panels.bytes()
    }

    pub(super) fn panels(&self) -> &BitPanels {
        &self.panels
    }
}
