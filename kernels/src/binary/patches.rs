//! Patches of images of bits.

use alloc::vec::Vec;

use super::strip::STRIP_BYTES;
use crate::Window2d;

/// What the elements outside the image are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outside<'a> {
    /// +1: bits of zero.
    Ones,
    /// Nothing: taps outside the image add nothing. [Sums of taps](super::BitPanels::tap_sums) take back what bits of zero add.
    Nothing {
        /// Of the window's kernel.
        tap_sums: &'a [i32],
    },
}

/// The patches of NHWC images whose pixels are rows of bits.
#[derive(Clone, Copy, Debug)]
pub struct BitPatches<'a> {
    /// Where the patches lie.
    pub geometry: &'a BitGeometry,
    /// The images; filling bits are zeros.
    pub input: &'a [u8],
    /// What is outside of them.
    pub outside: Outside<'a>,
}

/// A window, whose channels are bytes, and how its patches are read: in the images, or in copies of their lines with the padding.
#[derive(Clone, Debug)]
pub struct BitGeometry {
    window: Window2d,
    /// Whether lines are copied.
    copied: bool,
    /// Bytes from one line that is read to the next.
    line_bytes: usize,
    /// Lines of output that are computed from one strip, one at least.
    strip_lines: usize,
    /// Where the parts of a patch begin that lie together, from its first byte on; and their bytes.
    segments: Vec<usize>,
    segment_bytes: usize,
}

/// The most bytes of a strip, so that no shape asks for memory without end.
const MAX_STRIP: usize = 1 << 28;

impl BitGeometry {
    /// For a window whose channels are bytes of a pixel, a multiple of 8. `None` if its sizes cannot be counted, or copies of the lines
    /// that one line of output sees have more than 2²⁸ bytes.
    #[must_use]
    pub fn new(window: Window2d) -> Option<BitGeometry> {
        let [kernel_height, kernel_width] = window.kernel;
        let pixel = window.channels;
        // Lines and pixels that windows see, padding included.
        let [bottom, right] = [0, 1].map(|axis| {
            window.output[axis].saturating_sub(1) * window.stride[axis]
                + (window.kernel[axis] - 1) * window.dilation[axis]
                + 1
        });
        let copied = window.pad != [0, 0] || bottom > window.input[0] || right > window.input[1];
        let line_bytes = if copied { right } else { window.input[1] }.checked_mul(pixel)?;
        // Copies have no lines between the taps, and lines of output then have none in common.
        let (tap_lines, spread) =
            if copied { (1, window.dilation[0] > 1) } else { (window.dilation[0], false) };
        let one = (kernel_height - 1).checked_mul(tap_lines)?.checked_add(1)?.checked_mul(line_bytes)?;
        if copied && one > MAX_STRIP {
            return None;
        }
        let more = STRIP_BYTES.saturating_sub(one) / line_bytes.max(1) / window.stride[0];
        let strip_lines = if spread { 1 } else { (1 + more).min(window.output[0].max(1)) };
        let together = window.dilation[1] == 1;
        let parts = if together { 1 } else { kernel_width };
        let mut segments = Vec::new();
        segments.try_reserve_exact(kernel_height.checked_mul(parts)?).ok()?;
        for ky in 0..kernel_height {
            for part in 0..parts {
                segments.push(ky * tap_lines * line_bytes + part * window.dilation[1] * pixel);
            }
        }
        let segment_bytes = if together { kernel_width.checked_mul(pixel)? } else { pixel };
        Some(BitGeometry { window, copied, line_bytes, strip_lines, segments, segment_bytes })
    }

    /// The window.
    #[must_use]
    pub fn window(&self) -> &Window2d {
        &self.window
    }

    /// Whether lines are copied with their padding.
    #[must_use]
    pub fn is_copied(&self) -> bool {
        self.copied
    }

    /// Bytes of scratch that a call needs.
    #[must_use]
    pub fn scratch_bytes(&self) -> usize {
        if self.copied { self.lines(self.strip_lines) * self.line_bytes } else { 0 }
    }

    pub(super) fn line_bytes(&self) -> usize {
        self.line_bytes
    }

    pub(super) fn strip_lines(&self) -> usize {
        self.strip_lines
    }

    /// Offsets of the parts of a patch, and their bytes.
    pub(super) fn segments(&self) -> (&[usize], usize) {
        (&self.segments, self.segment_bytes)
    }

    /// Lines that are copied for `count` lines of output, at least one.
    pub(super) fn lines(&self, count: usize) -> usize {
        (count - 1) * self.window.stride[0] + self.window.kernel[0]
    }

    /// From one line that is copied to the next.
    pub(super) fn line_step(&self) -> usize {
        // With a dilation there is one line of output at a time.
        self.window.dilation[0]
    }
}
