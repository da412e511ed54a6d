//! Border regions: parts of a convolution's output whose patches have the same taps inside the image.
//!
//! A tap outside the image sees the zero point, and what that adds to an accumulator is known beforehand. So a region's
//! patches are multiplied with the taps that it has inside, and the rest is part of its initial accumulators: at 7×7 pixels
//! a 3×3 kernel with a border of one has 18 % of its products there.

use crate::Window2d;

/// A range of indices that can be copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl Span {
    pub(crate) fn len(self) -> usize {
        self.end - self.start
    }

    pub(crate) fn contains(self, index: usize) -> bool {
        self.start <= index && index < self.end
    }
}

/// A rectangle of every image's output pixels, and the taps with which their patches are multiplied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Region {
    pub(crate) y: Span,
    pub(crate) x: Span,
    pub(crate) ky: Span,
    pub(crate) kx: Span,
}

/// An output pixel: coordinates that are cheaper to carry along than to compute by division.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor {
    pub(crate) image: usize,
    pub(crate) y: usize,
    pub(crate) x: usize,
}

/// Padding elision: which products with taps outside the image are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PaddingElision {
    /// None: patches hold the zero point there.
    Nothing,
    /// Those of whole rows of the kernel, above and below the image.
    Rows,
    /// Those and the ones to the left and right of it.
    All,
}

impl Window2d {
    /// The border regions under `elision`: together they cover all pixels.
    pub(crate) fn regions(&self, elision: PaddingElision) -> impl Iterator<Item = Region> + '_ {
        let runs = |axis: usize, split: bool| AxisRuns { window: self, axis, split, next: 0 };
        runs(0, elision != PaddingElision::Nothing).flat_map(move |(y, ky)| {
            runs(1, elision == PaddingElision::All).map(move |(x, kx)| Region { y, x, ky, kx })
        })
    }

    /// The taps along an axis that an output has inside the image.
    pub(crate) fn taps_inside(&self, axis: usize, output: usize) -> Span {
        let (dilation, kernel) = (self.dilation[axis], self.kernel[axis]);
        let start = output * self.stride[axis];
        let outside = self.pad[axis].saturating_sub(start).div_ceil(dilation);
        let end = (self.input[axis] + self.pad[axis]).saturating_sub(start).div_ceil(dilation).min(kernel);
        Span { start: outside.min(end), end }
    }

    /// The first output after `output`, which has all taps inside, that may not have.
    fn end_of_inner(&self, axis: usize, output: usize) -> usize {
        let last = self.kernel[axis].saturating_sub(1) * self.dilation[axis];
        let end = (self.input[axis] + self.pad[axis]).saturating_sub(last + 1) / self.stride[axis] + 1;
        end.clamp(output + 1, self.output[axis])
    }

    /// The first output after `output`, which has `taps` inside, that has others. From one output to the next neither the first
    /// tap inside nor the end of them grows, so those that have the same follow one another.
    fn end_of_run(&self, axis: usize, output: usize, taps: Span) -> usize {
        let (mut same, mut other) = (output, self.output[axis]);
        while other - same > 1 {
            let middle = same + (other - same) / 2;
            if self.taps_inside(axis, middle) == taps {
                same = middle;
            } else {
                other = middle;
            }
        }
        other
    }
}

/// Runs of outputs along an axis that have the same taps inside the image: at most twice the number of taps, however large
/// the padding is.
struct AxisRuns<'a> {
    window: &'a Window2d,
    axis: usize,
    split: bool,
    next: usize,
}

impl Iterator for AxisRuns<'_> {
    type Item = (Span, Span);

    fn next(&mut self) -> Option<(Span, Span)> {
        let (window, start, outputs) = (self.window, self.next, self.window.output[self.axis]);
        if start >= outputs {
            return None;
        }
        let all = Span { start: 0, end: window.kernel[self.axis] };
        let taps = if self.split { window.taps_inside(self.axis, start) } else { all };
        self.next = if !self.split {
            outputs
        } else if taps == all {
            window.end_of_inner(self.axis, start)
        } else {
            window.end_of_run(self.axis, start, taps)
        };
        Some((Span { start, end: self.next }, taps))
    }
}

impl Region {
    /// The region's pixels among the first `row` pixels of the batch.
    fn pixels_before(&self, [height, width]: [usize; 2], row: usize) -> usize {
        let (image, y, x) = (row / width / height, row / width % height, row % width);
        let lines = y.clamp(self.y.start, self.y.end) - self.y.start;
        let in_line = self.y.contains(y);
        let rest = if in_line { x.clamp(self.x.start, self.x.end) - self.x.start } else { 0 };
        (image * self.y.len() + lines) * self.x.len() + rest
    }

    /// How many of the pixels `start..end` of a batch of outputs of the given height and width are the region's.
    pub(in crate::gemm) fn pixels(&self, output: [usize; 2], start: usize, end: usize) -> usize {
        self.pixels_before(output, end) - self.pixels_before(output, start)
    }

    /// The region's first pixel that is not before pixel `row` of the batch. There must be one.
    pub(in crate::gemm) fn first_pixel(&self, [height, width]: [usize; 2], row: usize) -> Cursor {
        let (image, y, x) = (row / width / height, row / width % height, row % width);
        // The first line with pixels left.
        let y = if x >= self.x.end { y + 1 } else { y };
        if y >= self.y.end {
            Cursor { image: image + 1, y: self.y.start, x: self.x.start }
        } else if y < self.y.start || x >= self.x.end {
            Cursor { image, y: y.max(self.y.start), x: self.x.start }
        } else {
            Cursor { image, y, x: x.max(self.x.start) }
        }
    }

    /// Moves `count` pixels on, no further than the end of a line.
    #[inline]
    pub(in crate::gemm) fn advance(&self, cursor: &mut Cursor, count: usize) {
        cursor.x += count;
        if cursor.x == self.x.end {
            cursor.x = self.x.start;
            cursor.y += 1;
            if cursor.y == self.y.end {
                cursor.y = self.y.start;
                cursor.image += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PatchGeometry;
    use crate::window::tests::PLAIN;
    use alloc::vec;
    use alloc::vec::Vec;

    fn window(geometry: PatchGeometry) -> Window2d {
        Window2d::new(geometry).unwrap()
    }

    fn windows() -> Vec<Window2d> {
        let mut all = Vec::new();
        for (input, kernel) in [(1, 1), (1, 3), (2, 5), (5, 3), (9, 3), (7, 4), (3, 7)] {
            for stride in 1..4 {
                for dilation in 1..3 {
                    for pad in 0..4 {
                        for output in [1, 2, 7] {
                            all.push(window(PatchGeometry {
                                batch: 2,
                                input: [input, input + 1],
                                channels: 1,
                                kernel: [kernel, 3],
                                stride: [stride, 1],
                                dilation: [dilation, 1],
                                pad: [pad, 1],
                                output: [output, 5],
                            }));
                        }
                    }
                }
            }
        }
        all
    }

    /// Every pixel is in one region, and that region's taps are those inside the image.
    #[test]
    fn regions_cover_the_output() {
        for geometry in windows() {
            for elision in [PaddingElision::Nothing, PaddingElision::Rows, PaddingElision::All] {
                let mut seen = vec![0; geometry.rows()];
                for region in geometry.regions(elision) {
                    let count = region.pixels(geometry.output, 0, geometry.rows());
                    assert_eq!(count, 2 * region.y.len() * region.x.len());
                    let mut cursor = region.first_pixel(geometry.output, 0);
                    for _ in 0..count {
                        let Cursor { image, y, x } = cursor;
                        seen[(image * geometry.output[0] + y) * geometry.output[1] + x] += 1;
                        for ky in 0..geometry.kernel[0] {
                            for kx in 0..geometry.kernel[1] {
                                let inside = geometry.tap(y, x, ky, kx).is_some();
                                let kept = region.ky.contains(ky) && region.kx.contains(kx);
                                assert!(kept || !inside, "{geometry:?} {region:?}: a tap is missing");
                                assert!(
                                    inside || !kept || elision != PaddingElision::All,
                                    "a tap outside is kept"
                                );
                            }
                        }
                        region.advance(&mut cursor, 1);
                    }
                }
                assert!(seen.iter().all(|&count| count == 1), "{geometry:?} {elision:?}: {seen:?}");
            }
        }
    }

    /// Blocks of rows share a region's pixels between them.
    #[test]
    fn parts_begin_where_the_others_end() {
        for geometry in windows() {
            for region in geometry.regions(PaddingElision::All) {
                let mut cursor = region.first_pixel(geometry.output, 0);
                for row in 0..geometry.rows() {
                    let [height, width] = geometry.output;
                    let at = Cursor { image: row / width / height, y: row / width % height, x: row % width };
                    let inside = region.y.contains(at.y) && region.x.contains(at.x);
                    assert_eq!(region.pixels(geometry.output, row, row + 1), usize::from(inside));
                    if region.pixels(geometry.output, row, geometry.rows()) > 0 {
                        let first = region.first_pixel(geometry.output, row);
                        let expected = [cursor.image, cursor.y, cursor.x];
                        assert_eq!([first.image, first.y, first.x], expected, "{region:?} from {row}");
                    }
                    if inside {
                        region.advance(&mut cursor, 1);
                    }
                }
            }
        }
    }

    /// Huge padding costs no more than the taps that it moves.
    #[test]
    fn regions_of_huge_padding_are_few() {
        let far = usize::MAX / 64;
        let window = window(PatchGeometry {
            input: [4, 1],
            kernel: [3, 1],
            stride: [1, 1],
            dilation: [2, 1],
            pad: [far, 0],
            output: [far + 9, 1],
            ..PLAIN
        });
        let regions: Vec<Region> = window.regions(PaddingElision::All).collect();
        assert!(regions.len() <= 7, "{regions:?}");
        assert_eq!(regions.iter().map(|region| region.y.len()).sum::<usize>(), far + 9);
        for pair in regions.windows(2) {
            assert_eq!(pair[0].y.end, pair[1].y.start);
            assert_ne!(pair[0].ky, pair[1].ky);
        }
    }
}
