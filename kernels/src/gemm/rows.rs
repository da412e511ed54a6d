//! Rows of activations: how a kernel finds the bytes of row `m`.

use super::regions::{Cursor, Region, Skip, Span};

/// The left operand: a matrix, or the patches of an image.
#[derive(Clone, Copy, Debug)]
pub enum Lhs<'a> {
    /// A strided matrix.
    Matrix(MatrixRows<'a>),
    /// The patches that a convolution sees: row `m` is output pixel `m`.
    Patches(PatchRows<'a>),
}

/// A strided matrix of bytes.
#[derive(Clone, Copy, Debug)]
pub struct MatrixRows<'a> {
    /// The elements' bytes.
    pub data: &'a [u8],
    /// Number of rows.
    pub rows: usize,
    /// Elements of a row.
    pub columns: usize,
    /// Elements from one row to the next.
    pub row_stride: usize,
    /// Elements from one column to the next.
    pub column_stride: usize,
}

/// Where a convolution's patches lie in an NHWC image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PatchGeometry {
    /// Images.
    pub batch: usize,
    /// Height and width of the input.
    pub input: [usize; 2],
    /// Channels of a pixel, all groups together.
    pub channels: usize,
    /// Height and width of the kernel.
    pub kernel: [usize; 2],
    /// Vertical and horizontal stride.
    pub stride: [usize; 2],
    /// Vertical and horizontal dilation.
    pub dilation: [usize; 2],
    /// Padding above and to the left.
    pub pad: [usize; 2],
    /// Height and width of the output.
    pub output: [usize; 2],
}

/// The patches of one channel group of an image.
#[derive(Clone, Copy, Debug)]
pub struct PatchRows<'a> {
    /// The image, NHWC, as bytes.
    pub data: &'a [u8],
    /// Where the patches lie.
    pub geometry: PatchGeometry,
    /// First channel of the group.
    pub first_channel: usize,
    /// Channels of the group.
    pub group_channels: usize,
    /// The input's zero point, what a patch sees outside the image: at least `group_channels` bytes, and for a row of the
    /// kernel at a time `kernel[1] · group_channels`.
    pub padding: &'a [u8],
}

/// How a kernel finds the segments of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Addressing {
    /// Where they lie: a matrix's row, or the taps of a patch.
    InPlace,
    /// Where they lie: the rows of the kernel, each of whose taps lie side by side. Patches over the left or right border
    /// are copied; those between, `begin..end` of every row of the output, are not.
    KernelRows { begin: usize, end: usize },
    /// In a copy of the row.
    Copied,
}

impl PatchGeometry {
    /// Elements of the input image; `None` if they cannot be counted.
    #[must_use]
    pub fn input_len(&self) -> Option<usize> {
        let pixels = self.batch.checked_mul(self.input[0])?.checked_mul(self.input[1])?;
        pixels.checked_mul(self.channels)
    }

    /// Taps of the kernel.
    #[must_use]
    pub fn taps(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }

    /// Output pixels.
    #[must_use]
    #[inline]
    pub fn rows(&self) -> usize {
        self.batch * self.output[0] * self.output[1]
    }

    /// [`Addressing::KernelRows`] of these patches.
    fn kernel_rows(&self) -> Addressing {
        let (stride, pad, kernel) = (self.stride[1], self.pad[1], self.kernel[1]);
        let begin = pad.div_ceil(stride);
        // The last patch that lies inside begins at `input − kernel`.
        let end = (self.input[1] + pad).checked_sub(kernel).map_or(0, |last| last / stride + 1);
        Addressing::KernelRows { begin, end: end.min(self.output[1]) }
    }

    /// Input row and column that tap (`ky`, `kx`) of output pixel (`y`, `x`) falls on, if it is inside.
    #[inline]
    pub(crate) fn tap(&self, y: usize, x: usize, ky: usize, kx: usize) -> Option<(usize, usize)> {
        let iy = (y * self.stride[0] + ky * self.dilation[0]).wrapping_sub(self.pad[0]);
        let ix = (x * self.stride[1] + kx * self.dilation[1]).wrapping_sub(self.pad[1]);
        (iy < self.input[0] && ix < self.input[1]).then_some((iy, ix))
    }
}

impl Lhs<'_> {
    /// Number of rows.
    pub(crate) fn rows(&self) -> usize {
        match self {
            Lhs::Matrix(matrix) => matrix.rows,
            Lhs::Patches(patches) => patches.geometry.rows(),
        }
    }

    /// Elements of a row.
    #[inline]
    pub(crate) fn depth(&self) -> usize {
        match self {
            Lhs::Matrix(matrix) => matrix.columns,
            Lhs::Patches(patches) => patches.geometry.taps() * patches.group_channels,
        }
    }

    /// How the segments of these rows are found.
    #[inline]
    pub(crate) fn addressing(&self, segments: usize, segment_len: usize) -> Addressing {
        match self {
            Lhs::Matrix(matrix) if segments == 1 && (matrix.column_stride == 1 || matrix.columns <= 1) => {
                Addressing::InPlace
            }
            Lhs::Matrix(_) => Addressing::Copied,
            Lhs::Patches(patches) => {
                let [height, width] = patches.geometry.kernel;
                let row = width * patches.group_channels;
                let contiguous =
                    patches.geometry.dilation[1] == 1 && patches.group_channels == patches.geometry.channels;
                if segment_len == patches.group_channels && segments == height * width {
                    Addressing::InPlace
                } else if segment_len == row
                    && segments == height
                    && contiguous
                    && patches.padding.len() >= row
                {
                    patches.geometry.kernel_rows()
                } else {
                    Addressing::Copied
                }
            }
        }
    }

    /// Height and width of the output; a matrix's is one line.
    #[inline]
    pub(super) fn output(&self) -> [usize; 2] {
        match self {
            Lhs::Matrix(matrix) => [1, matrix.rows],
            Lhs::Patches(patches) => patches.geometry.output,
        }
    }

    /// The most that can be skipped of what lies outside the image: whole segments, or whole groups of depths of segments that
    /// are rows of the kernel.
    pub(super) fn skippable(&self, addressing: Addressing, group: usize) -> Skip {
        match (self, addressing) {
            (Lhs::Patches(patches), Addressing::KernelRows { .. })
                if patches.group_channels.is_multiple_of(group) =>
            {
                Skip::All
            }
            (Lhs::Patches(_), Addressing::KernelRows { .. } | Addressing::InPlace) => Skip::Rows,
            _ => Skip::Nothing,
        }
    }

    /// Asserts that every element of every row lies inside the data.
    pub(crate) fn check(&self) {
        match self {
            Lhs::Matrix(matrix) => {
                if matrix.rows == 0 || matrix.columns == 0 {
                    return;
                }
                let last = (matrix.rows - 1).checked_mul(matrix.row_stride).and_then(|row| {
                    (matrix.columns - 1)
                        .checked_mul(matrix.column_stride)
                        .and_then(|column| row.checked_add(column))
                });
                assert!(last.is_some_and(|last| last < matrix.data.len()), "lhs too short");
            }
            Lhs::Patches(patches) => {
                let geometry = &patches.geometry;
                assert!(geometry.input_len().is_some_and(|len| len <= patches.data.len()), "image too short");
                let end = patches.first_channel.checked_add(patches.group_channels);
                assert!(end.is_some_and(|end| end <= geometry.channels), "channel group outside the image");
                assert!(
                    patches.padding.len() >= patches.group_channels,
                    "padding shorter than the channel group"
                );
            }
        }
    }

    /// Calls `each` with the elements of a row, in order, in runs that lie side by side.
    ///
    /// # Panics
    ///
    /// If the row is past the last (in which case nothing unsafe happens).
    #[inline]
    pub(crate) fn for_each_run(&self, cursor: &Cursor, mut each: impl FnMut(&[u8])) {
        match self {
            Lhs::Matrix(matrix) if matrix.columns == 0 => {}
            Lhs::Matrix(matrix) => {
                let start = cursor.x * matrix.row_stride;
                if matrix.column_stride == 1 {
                    each(&matrix.data[start..start + matrix.columns]);
                } else {
                    for column in 0..matrix.columns {
                        let at = start + column * matrix.column_stride;
                        each(&matrix.data[at..=at]);
                    }
                }
            }
            Lhs::Patches(patches) => patches.for_each_run(cursor, each),
        }
    }
}

impl MatrixRows<'_> {
    /// The rows as the one region of an output of one line.
    #[inline]
    pub(super) fn region(&self) -> Region {
        let one = Span { start: 0, end: 1 };
        Region { y: one, x: Span { start: 0, end: self.rows }, ky: one, kx: one }
    }

    /// Writes the addresses of `slots` rows from `first` on, of which those past the first `rows` repeat the last one.
    ///
    /// # Safety
    ///
    /// The rows exist, there is one at least, and `pointers` is valid for `slots` writes.
    #[inline]
    pub(crate) unsafe fn point(&self, first: usize, rows: usize, slots: usize, pointers: *mut *const u8) {
        // `wrapping_add`, because rows without elements may begin anywhere.
        let row = self.data.as_ptr().wrapping_add(first * self.row_stride);
        for slot in 0..slots {
            // SAFETY: as the caller promises.
            unsafe { *pointers.add(slot) = row.wrapping_add(slot.min(rows - 1) * self.row_stride) };
        }
    }
}

impl PatchRows<'_> {
    /// Index of the group's first channel of an input pixel.
    #[inline]
    pub(super) fn element(&self, image: usize, y: usize, x: usize) -> usize {
        let [height, width] = self.geometry.input;
        ((image * height + y) * width + x) * self.geometry.channels + self.first_channel
    }

    /// Writes the address of every tap of some rows of the kernel in a patch: tap `t` to `pointers[t · step]`.
    ///
    /// # Safety
    ///
    /// [`check`](Lhs::check) has passed, the cursor is at a pixel that exists, and `pointers` is valid for these writes.
    #[inline]
    pub(crate) unsafe fn point_taps(
        &self,
        cursor: &Cursor,
        rows: Span,
        pointers: *mut *const u8,
        step: usize,
    ) {
        let geometry = &self.geometry;
        let mut segment = 0;
        for ky in rows.start..rows.end {
            for kx in 0..geometry.kernel[1] {
                let address = match geometry.tap(cursor.y, cursor.x, ky, kx) {
                    // SAFETY: inside the image, whose length `check` has verified.
                    Some((iy, ix)) => unsafe { self.data.as_ptr().add(self.element(cursor.image, iy, ix)) },
                    None => self.padding.as_ptr(),
                };
                // SAFETY: one write per segment, as the caller promises.
                unsafe { *pointers.add(segment * step) = address };
                segment += 1;
            }
        }
    }

    /// Writes the addresses of the kernel's rows in `count` neighbouring patches, from the region's first taps on: of row
    /// `ky.start + i` in patch `j` to `pointers[i · step + j]`.
    ///
    /// # Safety
    ///
    /// [`check`](Lhs::check) has passed; the patches from the cursor on exist and are in one line of the output; their taps
    /// `kx` lie inside the image's columns; and `pointers` is valid for these writes.
    #[inline]
    pub(crate) unsafe fn point_kernel_rows(
        &self,
        cursor: &Cursor,
        count: usize,
        region: &Region,
        pointers: *mut *const u8,
        step: usize,
    ) {
        let geometry = &self.geometry;
        let left = cursor.x * geometry.stride[1] + region.kx.start * geometry.dilation[1] - geometry.pad[1];
        for (segment, ky) in (region.ky.start..region.ky.end).enumerate() {
            let iy =
                (cursor.y * geometry.stride[0] + ky * geometry.dilation[0]).wrapping_sub(geometry.pad[0]);
            let (mut address, stride) = if iy < geometry.input[0] {
                let start = self.element(cursor.image, iy, left);
                (self.data.as_ptr().wrapping_add(start), geometry.stride[1] * geometry.channels)
            } else {
                (self.padding.as_ptr(), 0)
            };
            for patch in 0..count {
                // SAFETY: one write per patch and row, as the caller promises.
                unsafe { *pointers.add(segment * step + patch) = address };
                address = address.wrapping_add(stride);
            }
        }
    }

    #[inline]
    fn for_each_run(&self, cursor: &Cursor, mut each: impl FnMut(&[u8])) {
        let geometry = &self.geometry;
        let &Cursor { image, y, x, .. } = cursor;
        let length = self.group_channels;
        let left = (x * geometry.stride[1]).wrapping_sub(geometry.pad[1]);
        // A row of taps that lies side by side inside the image is one run: what makes stems with 3 channels cheap.
        let contiguous = geometry.dilation[1] == 1
            && length == geometry.channels
            && left < geometry.input[1]
            && left + geometry.kernel[1] <= geometry.input[1];
        for ky in 0..geometry.kernel[0] {
            if contiguous && let Some((iy, ix)) = geometry.tap(y, x, ky, 0) {
                let start = self.element(image, iy, ix);
                each(&self.data[start..start + geometry.kernel[1] * length]);
                continue;
            }
            for kx in 0..geometry.kernel[1] {
                each(match geometry.tap(y, x, ky, kx) {
                    Some((iy, ix)) => {
                        let start = self.element(image, iy, ix);
                        &self.data[start..start + length]
                    }
                    None => &self.padding[..length],
                });
            }
        }
    }
}
