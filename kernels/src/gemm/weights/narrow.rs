//! Weights of fewer than eight bits: panels whose cache lines are laid on top of each other.
//!
//! A panel of bytes, in whatever order a variant reads them, is cut into runs of two (four bits a weight) or four (two bits) lines of 64
//! bytes. A run becomes one line: byte `i` has the low bits of byte `i` of each, those of the first line in its lowest bits. So a panel of
//! any layout is unfolded a vector at a time, by shifts and masks alone, and a kernel that reads groups of depths in order finds the next ones
//! in the higher bits.

use crate::memory::LINE;

/// Bytes of the longest run.
pub(super) const LONGEST_RUN: usize = Width::Two.lines() * LINE;

/// The bits that a weight takes in a panel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Width {
    Two,
    Four,
    Eight,
}

impl Width {
    /// That of weights of `bits` bits: three take four, five to seven take eight.
    #[inline(always)]
    pub(crate) const fn of(bits: u32) -> Width {
        match bits {
            ..=2 => Width::Two,
            3..=4 => Width::Four,
            _ => Width::Eight,
        }
    }

    /// Lines of a panel of bytes that one line has.
    #[inline(always)]
    pub(crate) const fn lines(self) -> usize {
        match self {
            Width::Two => 4,
            Width::Four => 2,
            Width::Eight => 1,
        }
    }

    /// The bits.
    pub(crate) const fn bits(self) -> usize {
        8 / self.lines()
    }

    /// Bytes of a panel that has `bytes` bytes unfolded; the last line may be padded.
    #[inline(always)]
    pub(crate) const fn folded(self, bytes: usize) -> usize {
        match self {
            Width::Eight => bytes,
            _ => bytes.div_ceil(LINE * self.lines()) * LINE,
        }
    }

    /// Folds a panel of canonical bytes, each of which fits the bits, into zeroed `lines`.
    pub(super) fn fold(self, panel: &[u8], lines: &mut [u8]) {
        let (bits, mask) = (self.bits(), 0xff >> (8 - self.bits()));
        for (run, line) in panel.chunks(LINE * self.lines()).zip(lines.chunks_mut(LINE)) {
            for (number, from) in run.chunks(LINE).enumerate() {
                for (to, &byte) in line.iter_mut().zip(from) {
                    *to |= (byte & mask) << (bits * number);
                }
            }
        }
    }
}

/// Unfolds whole lines of four-bit (or, if `TWO`, two-bit) weights into runs of lines of canonical bytes: as many as there are of both.
#[inline(always)]
pub(crate) fn unfold<const TWO: bool>(lines: &[u8], panels: &mut [u8]) {
    let lines = lines.as_chunks::<LINE>().0;
    if TWO {
        for (line, run) in lines.iter().zip(panels.as_chunks_mut::<{ 4 * LINE }>().0) {
            let (runs, _) = run.as_chunks_mut::<LINE>();
            for (number, to) in runs.iter_mut().enumerate() {
                for (to, &byte) in to.iter_mut().zip(line) {
                    // A weight of two bits is its number in two's complement.
                    *to = (byte >> (2 * number) & 3 ^ 2).wrapping_sub(2);
                }
            }
        }
    } else {
        for (line, run) in lines.iter().zip(panels.as_chunks_mut::<{ 2 * LINE }>().0) {
            let (first, second) = run.split_at_mut(LINE);
            for ((&byte, first), second) in line.iter().zip(first).zip(second) {
                *first = (byte & 15 ^ 8).wrapping_sub(8);
                *second = (byte >> 4 ^ 8).wrapping_sub(8);
            }
        }
    }
}

/// [`unfold`] of each width, compiled for a backend's features.
pub(crate) struct Unfold {
    pub(crate) two: UnfoldLines,
    pub(crate) four: UnfoldLines,
}

/// # Safety
///
/// The CPU has the backend's features.
pub(crate) type UnfoldLines = unsafe fn(&[u8], &mut [u8]);

impl Unfold {
    /// Unfolds lines of weights that are not as wide as bytes, into room for all of them.
    ///
    /// # Safety
    ///
    /// The CPU has the backend's features.
    #[inline]
    pub(crate) unsafe fn lines(&self, width: Width, lines: &[u8], panels: &mut [u8]) {
        let unfold = if width == Width::Two { self.two } else { self.four };
        // SAFETY: the caller's promise.
        unsafe { unfold(lines, panels) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Backend;

    #[test]
    fn what_was_folded_unfolds() {
        for (width, most) in [(Width::Four, 7i8), (Width::Two, 1)] {
            for lines in [1, 2, 3, 8, 9] {
                let count = 2 * (i32::from(most) + 1);
                let panel: alloc::vec::Vec<u8> = (0..lines * LINE)
                    .map(|i| ((i * i / 5 + i) as i32 % count - i32::from(most) - 1) as u8)
                    .collect();
                let mut folded = alloc::vec![0; width.folded(panel.len())];
                width.fold(&panel, &mut folded);
                for backend in Backend::available() {
                    let mut found = alloc::vec![0x55; folded.len() * width.lines()];
                    // SAFETY: the backend is available.
                    unsafe { backend.entry().ops.unfold.lines(width, &folded, &mut found) };
                    assert_eq!(found[..panel.len()], panel, "{backend}: {width:?}, {lines} lines");
                    assert!(found[panel.len()..].iter().all(|&byte| byte == 0), "{backend}: padding");
                }
            }
        }
    }
}
