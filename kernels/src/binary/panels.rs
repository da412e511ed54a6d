//! Packed weights of one bit.

use alloc::vec;
use alloc::vec::Vec;

use super::{BitKernel, BitLayout, MAX_DEPTH, row_bytes};
use crate::{Backend, Bytes};

/// Weights of one bit in the order of a kernel. The depth is that of one or more taps of equally many bits, each of which is filled to whole
/// words.
#[derive(Clone, Debug)]
pub struct BitPanels {
    columns: usize,
    taps: usize,
    tap_bits: usize,
    kernel: &'static BitKernel,
    panels: Bytes,
}

impl BitPanels {
    /// Packs weights `[column][tap][row_bytes(tap_bits)]`, whose filling bits are ignored. `None` if the number of bytes of a row or of the
    /// panels overflows, or the depth is more than [`MAX_DEPTH`].
    ///
    /// # Panics
    ///
    /// If `bits` has another length.
    #[must_use]
    pub fn pack(
        backend: Backend,
        bits: &[u8],
        columns: usize,
        taps: usize,
        tap_bits: usize,
    ) -> Option<BitPanels> {
        let kernel = backend.entry().bit_kernel();
        let BitLayout { columns: width, step, .. } = kernel.layout;
        taps.checked_mul(tap_bits).filter(|&depth| depth <= MAX_DEPTH)?;
        let tap_bytes = row_bytes(tap_bits);
        let row = taps.checked_mul(tap_bytes)?;
        assert_eq!(Some(bits.len()), columns.checked_mul(row), "weights of another length");
        let panel = row.checked_mul(width)?;
        let len = panel.checked_mul(columns.div_ceil(width))?;
        isize::try_from(len).ok()?;
        let mut packed = vec![0; len];
        for (column, weights) in bits.chunks_exact(row.max(1)).enumerate() {
            let panel = &mut packed[column / width * panel..][..panel];
            for (tap, weights) in weights.chunks_exact(tap_bytes.max(1)).enumerate() {
                for (i, &byte) in weights.iter().enumerate() {
                    let at = tap * tap_bytes + i;
                    let (group, within) = (at / step, at % step);
                    panel[(group * width + column % width) * step + within] =
                        byte & filling_mask(tap_bits, i);
                }
            }
        }
        Some(BitPanels { columns, taps, tap_bits, kernel, panels: Bytes::copy_from(&packed) })
    }

    /// Output channels.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Columns of the panels, those that fill the last one included.
    #[must_use]
    pub fn padded_columns(&self) -> usize {
        self.columns.next_multiple_of(self.kernel.layout.columns)
    }

    /// Columns of one panel.
    #[must_use]
    pub fn panel_columns(&self) -> usize {
        self.kernel.layout.columns
    }

    /// Taps, 1 of a matrix.
    #[must_use]
    pub fn taps(&self) -> usize {
        self.taps
    }

    /// Bits of a tap.
    #[must_use]
    pub fn tap_bits(&self) -> usize {
        self.tap_bits
    }

    /// Products of an output.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.taps * self.tap_bits
    }

    /// Bytes of a column.
    #[must_use]
    pub fn row_bytes(&self) -> usize {
        self.taps * row_bytes(self.tap_bits)
    }

    /// Bytes of the panels.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.panels.len()
    }

    /// The name of the instructions that multiply them.
    #[must_use]
    pub fn kernel_name(&self) -> &'static str {
        self.kernel.name
    }

    /// The order of the bits.
    #[must_use]
    pub fn layout(&self) -> BitLayout {
        self.kernel.layout
    }

    pub(super) fn kernel(&self) -> &'static BitKernel {
        self.kernel
    }

    /// The bytes of the panels, in order.
    pub(super) fn packed(&self) -> &[u8] {
        self.panels.get().expect("they are owned")
    }

    /// The sum of each tap's weights by column, `[tap][padded column]`: what a tap adds where all activations are +1.
    #[must_use]
    pub fn tap_sums(&self) -> Vec<i32> {
        let BitLayout { columns: width, step, .. } = self.kernel.layout;
        let (padded, tap_bytes) = (self.padded_columns(), row_bytes(self.tap_bits));
        let mut sums = vec![0; self.taps * padded];
        for (at, byte) in self.packed().iter().enumerate() {
            let (group, within) = (at / (width * step), at % (width * step));
            let (steps, column) = (self.row_bytes() / step, within / step);
            let (panel, byte_of_row) = (group / steps, group % steps * step);
            sums[byte_of_row / tap_bytes * padded + panel * width + column] -= 2 * byte.count_ones() as i32;
        }
        for sums in sums.chunks_exact_mut(padded.max(1)) {
            sums[..self.columns].iter_mut().for_each(|sum| *sum += self.tap_bits as i32);
        }
        sums
    }
}

/// Those bits of byte `i` of a row that are not filling.
pub(super) fn filling_mask(bits: usize, i: usize) -> u8 {
    match bits.saturating_sub(8 * i) {
        left @ 0..8 => (1u8 << left) - 1,
        _ => u8::MAX,
    }
}
