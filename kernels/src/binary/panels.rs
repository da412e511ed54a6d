//! Packed weights of one bit.

use alloc::vec;
use alloc::vec::Vec;

use super::{BitKernel, BitLayout, MAX_DEPTH, row_bytes};
use crate::gemm::MAX_EMPTY_COLUMNS;
use crate::{Backend, Bytes};

/// Weights of one bit in the order of a kernel. The depth is that of one or more taps of equally many bits, each of which is filled to whole
/// words.
#[derive(Clone, Debug)]
pub struct BitPanels {
    columns: usize,
    padded_columns: usize,
    taps: usize,
    tap_bits: usize,
    kernel: &'static BitKernel,
    panels: Bytes,
}

impl BitPanels {
    /// Packs weights `[column][tap][row_bytes(tap_bits)]`, whose filling bits are ignored. `None` if the bytes of the panels or of
    /// the sums of taps cannot be counted, the depth is more than [`MAX_DEPTH`], or it is 0 with more than [`MAX_EMPTY_COLUMNS`]
    /// columns or with several taps.
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
        let depth = taps.checked_mul(tap_bits).filter(|&depth| depth <= MAX_DEPTH)?;
        if depth == 0 && (columns > MAX_EMPTY_COLUMNS || taps > 1) {
            return None;
        }
        let padded_columns = columns.checked_next_multiple_of(width)?;
        // The sums of taps have at most four times as many corners.
        isize::try_from(taps.checked_mul(padded_columns)?.checked_mul(4 * size_of::<i32>())?).ok()?;
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
        Some(BitPanels { columns, padded_columns, taps, tap_bits, kernel, panels: Bytes::copy_from(&packed) })
    }

    /// Output channels.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Columns of the panels, those that fill the last one included.
    #[must_use]
    pub fn padded_columns(&self) -> usize {
        self.padded_columns
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

    /// Sums of weights over the taps of rectangles from the first tap on, `[height + 1][width + 1][padded column]`, for taps that are
    /// those of a kernel of that height and width: what taps add where all activations are +1. The sum over any rectangle is that of its last
    /// corner, less those of the two beside it, plus that of the first.
    ///
    /// # Panics
    ///
    /// If that is another number of taps.
    #[must_use]
    pub fn tap_sums(&self, [height, width]: [usize; 2]) -> Vec<i32> {
        assert_eq!(height.checked_mul(width), Some(self.taps), "the kernel's taps");
        let BitLayout { columns: panel_columns, step, .. } = self.kernel.layout;
        let (padded, tap_bytes) = (self.padded_columns, row_bytes(self.tap_bits));
        let mut sums = vec![0; (height + 1) * (width + 1) * padded];
        let corner = |tap: usize| ((tap / width + 1) * (width + 1) + tap % width + 1) * padded;
        for (at, byte) in self.packed().iter().enumerate() {
            let (group, within) = (at / (panel_columns * step), at % (panel_columns * step));
            let (steps, column) = (self.row_bytes() / step, within / step);
            let (panel, byte_of_row) = (group / steps, group % steps * step);
            sums[corner(byte_of_row / tap_bytes) + panel * panel_columns + column] -=
                2 * byte.count_ones() as i32;
        }
        for tap in 0..self.taps {
            sums[corner(tap)..][..self.columns].iter_mut().for_each(|sum| *sum += self.tap_bits as i32);
        }
        for tap in 0..self.taps {
            let [above, left, first] = [(width + 1) * padded, padded, (width + 2) * padded];
            for column in corner(tap)..corner(tap) + padded {
                // Sums are of weights, at most the depth; what is between them may wrap.
                let beside = sums[column - above].wrapping_add(sums[column - left]);
                sums[column] = sums[column].wrapping_add(beside).wrapping_sub(sums[column - first]);
            }
        }
        sums
    }
}

/// Those bits of byte `i` of a row that are not filling.
fn filling_mask(bits: usize, i: usize) -> u8 {
    match bits.saturating_sub(8 * i) {
        left @ 0..8 => (1u8 << left) - 1,
        _ => u8::MAX,
    }
}
