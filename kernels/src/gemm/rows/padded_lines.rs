//! Lines of an image with their padding, in a copy where every pixel begins on the border of a cache line.
//!
//! A matrix unit loads tiles of patches from them in place: patches of a line of the output lie one distance apart in all rows of the
//! kernel, none looks past the copy, and each byte of a part is copied once and not once for each tap. So there are no border regions
//! either.

use super::addressing::Addressing;
use super::patches::{PatchRows, Patches};
use super::regions::{Cursor, Region, Span};
use crate::gemm::PanelShape;
use crate::memory::LINE;
use crate::{PatchGeometry, Window2d};

/// The most bytes of a copy. It is expected to stay in the second-level cache, beside the panels.
pub(in crate::gemm) const PADDED_BYTES: usize = 256 << 10;

/// How the patches of an image are cut into parts, whose input lines are copied.
#[derive(Clone, Copy, Debug)]
pub(in crate::gemm) struct PaddedLines<'a> {
    rows: PatchRows<'a>,
    /// The most lines of the output in a part.
    lines: usize,
    /// How the segments of patches of a copy are found.
    pub(in crate::gemm) addressing: Addressing,
}

/// A part of the output's pixels, of one image: where they are in the lines that the part has.
#[derive(Clone, Copy, Debug)]
pub(in crate::gemm) struct Part {
    image: usize,
    first_line: usize,
    lines: usize,
    /// Columns before the first pixel in the first line.
    pub(in crate::gemm) first: usize,
    /// Pixels.
    pub(in crate::gemm) pixels: usize,
}

impl<'a> PaddedLines<'a> {
    /// `None` if patches have one tap, pixels do not fill cache lines, or the input of one line of the output is too large.
    pub(in crate::gemm) fn new(rows: &PatchRows<'a>, panels: &PanelShape) -> Option<PaddedLines<'a>> {
        let (window, channels) = (rows.window(), rows.patches().channels());
        let is_empty = window.batch == 0 || window.output.contains(&0) || window.input.contains(&0);
        if is_empty || window.taps() == 1 || !channels.is_multiple_of(LINE) {
            return None;
        }
        let line_bytes = input_pixels(window, 1, window.output[1]).checked_mul(channels)?;
        let copied = PADDED_BYTES.checked_div(line_bytes)?;
        let kernel_lines = input_pixels(window, 0, 1);
        let lines = (copied.checked_sub(kernel_lines)? / window.stride[0] + 1).min(window.output[0]);
        let most = geometry(window, channels, lines).and_then(|window| Patches::new(window, 0, channels))?;
        let addressing = most.addressing(panels.segments(), panels.segment_len());
        (addressing != Addressing::Copied).then_some(PaddedLines { rows: *rows, lines, addressing })
    }

    /// Pixels of a line of the output.
    pub(in crate::gemm) fn width(&self) -> usize {
        self.rows.window().output[1]
    }

    /// The most pixels of a part.
    pub(in crate::gemm) fn most_pixels(&self) -> usize {
        self.lines * self.width()
    }

    /// The part of the next `pixels` pixels that begins at the cursor. The rest of a line is a part of its own: in the next one, tiles
    /// begin where lines do.
    pub(in crate::gemm) fn part(&self, cursor: &Cursor, pixels: usize) -> Part {
        let [height, width] = self.rows.window().output;
        let lines = if cursor.x > 0 { 1 } else { self.lines.min(height - cursor.y) };
        let pixels = pixels.min(lines * width - cursor.x);
        let lines = (cursor.x + pixels).div_ceil(width);
        Part { image: cursor.image, first_line: cursor.y, lines, first: cursor.x, pixels }
    }

    /// Moves the cursor past a part.
    pub(in crate::gemm) fn advance(&self, cursor: &mut Cursor, part: &Part) {
        let [height, width] = self.rows.window().output;
        let end = part.first + part.pixels;
        (cursor.y, cursor.x) = (cursor.y + end / width, end % width);
        if cursor.y == height {
            (cursor.image, cursor.y) = (cursor.image + 1, 0);
        }
    }

    /// Copies the input lines of a part, and returns its patches: one image, whose output are the part's lines.
    pub(in crate::gemm) fn copy<'copy>(&self, part: &Part, copies: &'copy mut [u8]) -> PatchRows<'copy>
    where
        'a: 'copy,
    {
        let (window, channels) = (self.rows.window(), self.rows.patches().channels());
        let padding = self.rows.padding();
        let own = geometry(window, channels, part.lines).expect("the largest part is a window");
        let [_, width] = own.input;
        let left = window.pad[1].min(width);
        let inside = left..(left + window.input[1]).min(width);
        let lines = copies.chunks_exact_mut(width * channels).take(own.input[0]);
        for (line, copy) in lines.enumerate() {
            let y = (part.first_line * window.stride[0] + line).wrapping_sub(window.pad[0]);
            if y >= window.input[0] {
                copy.fill(padding[0]);
                continue;
            }
            copy[..inside.start * channels].fill(padding[0]);
            copy[inside.end * channels..].fill(padding[0]);
            let start = self.rows.element(part.image, y, 0);
            let pixels = &mut copy[inside.start * channels..inside.end * channels];
            if channels == window.channels {
                pixels.copy_from_slice(&self.rows.data()[start..][..pixels.len()]);
            } else {
                for (x, pixel) in pixels.chunks_exact_mut(channels).enumerate() {
                    pixel.copy_from_slice(&self.rows.data()[start + x * window.channels..][..channels]);
                }
            }
        }
        let patches = Patches::new(own, 0, channels).expect("the channels are all");
        PatchRows::new(patches, copies, padding).expect("there is room for a part's lines")
    }
}

impl Part {
    /// Where the part's first pixel is in its copy.
    pub(in crate::gemm) fn start(&self) -> Cursor {
        Cursor { image: 0, y: 0, x: self.first }
    }

    /// All pixels of the part's lines, with all taps.
    pub(in crate::gemm) fn region(&self, window: &Window2d) -> Region {
        let all = |end| Span { start: 0, end };
        Region {
            y: all(self.lines),
            x: all(window.output[1]),
            ky: all(window.kernel[0]),
            kx: all(window.kernel[1]),
        }
    }
}

/// Pixels of the input, along an axis, that `outputs` of the output see.
fn input_pixels(window: &Window2d, axis: usize, outputs: usize) -> usize {
    (outputs - 1) * window.stride[axis] + (window.kernel[axis] - 1) * window.dilation[axis] + 1
}

/// The window of `lines` lines of the output in their copy.
fn geometry(window: &Window2d, channels: usize, lines: usize) -> Option<Window2d> {
    let output = [lines, window.output[1]];
    Window2d::new(PatchGeometry {
        batch: 1,
        input: [input_pixels(window, 0, output[0]), input_pixels(window, 1, output[1])],
        channels,
        pad: [0, 0],
        output,
        ..**window
    })
}

#[cfg(test)]
mod tests {
    use alloc::vec;
    use alloc::vec::Vec;

    use super::*;
    use crate::window::tests::PLAIN;

    /// The elements of all patches, in order.
    fn elements(rows: &PatchRows<'_>, cursors: impl Iterator<Item = Cursor>) -> Vec<u8> {
        let mut all = Vec::new();
        for cursor in cursors {
            rows.for_each_run(&cursor, |run| all.extend_from_slice(run));
        }
        all
    }

    /// Patches of copies are those of the image, however the output is cut.
    #[test]
    fn copies_have_the_same_patches() {
        for (geometry, channels, first) in [
            (PatchGeometry { channels: 64, ..PLAIN }, 64, 0),
            (PatchGeometry { channels: 192, batch: 3, stride: [2, 1], pad: [2, 1], ..PLAIN }, 64, 128),
            (
                PatchGeometry {
                    channels: 64,
                    kernel: [3, 3],
                    dilation: [2, 3],
                    pad: [5, 9],
                    output: [7, 9],
                    ..PLAIN
                },
                64,
                0,
            ),
            (PatchGeometry { channels: 128, input: [1, 1], pad: [0, 0], output: [1, 1], ..PLAIN }, 128, 0),
        ] {
            let window = Window2d::new(geometry).unwrap();
            let data: Vec<u8> = (0..window.input_len()).map(|i| (i * 7 / 3 % 251) as u8).collect();
            let padding = vec![253; window.kernel[1] * channels];
            let patches = Patches::new(window, first, channels).unwrap();
            let rows = PatchRows::new(patches, &data, &padding).unwrap();
            let [height, width] = window.output;
            let at =
                |row: usize| Cursor { image: row / width / height, y: row / width % height, x: row % width };
            for lines in [1, 2, height] {
                let padded = PaddedLines { rows, lines, addressing: Addressing::InPlace };
                for (start, end) in
                    [(0, window.rows()), (window.rows() / 3, window.rows() - window.rows() / 4)]
                {
                    let (mut cursor, mut row) = (at(start), start);
                    while row < end {
                        let part = padded.part(&cursor, end - row);
                        let mut copies = vec![1; PADDED_BYTES];
                        let copy = padded.copy(&part, &mut copies);
                        let pixels = (part.first..part.first + part.pixels).map(|x| Cursor {
                            image: 0,
                            y: x / width,
                            x: x % width,
                        });
                        let expected = elements(&rows, (row..row + part.pixels).map(at));
                        assert!(elements(&copy, pixels) == expected, "{geometry:?} {part:?}");
                        row += part.pixels;
                        padded.advance(&mut cursor, &part);
                    }
                }
            }
        }
    }
}
