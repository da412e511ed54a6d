//! Rows of activations: how a kernel finds the bytes of row `m`.

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
    /// At least `group_channels` bytes of the input's zero point: what a patch sees outside the image.
    pub padding: &'a [u8],
}

impl PatchGeometry {
    /// Elements of the input image; `None` if they cannot be counted.
    #[must_use]
    pub fn input_len(&self) -> Option<usize> {
        let pixels = self.batch.checked_mul(self.input[0])?.checked_mul(self.input[1])?;
        pixels.checked_mul(self.channels)
    }

    /// Output pixels.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.batch * self.output[0] * self.output[1]
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
    pub(crate) fn depth(&self) -> usize {
        match self {
            Lhs::Matrix(matrix) => matrix.columns,
            Lhs::Patches(patches) => {
                patches.geometry.kernel[0] * patches.geometry.kernel[1] * patches.group_channels
            }
        }
    }

    /// Whether a row is made of segments that lie in memory as they are, `segment_len` bytes each.
    pub(crate) fn in_place(&self, segments: usize, segment_len: usize) -> bool {
        match self {
            Lhs::Matrix(matrix) => segments == 1 && (matrix.column_stride == 1 || matrix.columns <= 1),
            Lhs::Patches(patches) => {
                segment_len == patches.group_channels && segments * segment_len == self.depth()
            }
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

    /// Writes the address of every segment of `row`: segment `s` to `pointers[s · step]`.
    ///
    /// # Safety
    ///
    /// [`check`](Self::check) has passed, `row < rows()`, [`in_place`](Self::in_place) holds, and `pointers` is valid
    /// for writes at each segment.
    #[inline]
    pub(crate) unsafe fn point(&self, row: usize, pointers: *mut *const u8, step: usize) {
        match self {
            // `wrapping_add`, because rows without elements may begin anywhere.
            // SAFETY: one segment by `in_place`, and one write for it, as the caller promises.
            Lhs::Matrix(matrix) => unsafe {
                *pointers = matrix.data.as_ptr().wrapping_add(row * matrix.row_stride);
            },
            Lhs::Patches(patches) => {
                let geometry = &patches.geometry;
                let (y, x, image) = patches.pixel(row);
                let mut segment = 0;
                for ky in 0..geometry.kernel[0] {
                    for kx in 0..geometry.kernel[1] {
                        let address = match geometry.tap(y, x, ky, kx) {
                            // SAFETY: inside the image, whose length `check` has verified.
                            Some((iy, ix)) => unsafe {
                                patches.data.as_ptr().add(patches.element(image, iy, ix))
                            },
                            None => patches.padding.as_ptr(),
                        };
                        // SAFETY: one write per segment, as the caller promises.
                        unsafe { *pointers.add(segment * step) = address };
                        segment += 1;
                    }
                }
            }
        }
    }

    /// Calls `each` with the elements of `row`, in order, in runs that lie side by side.
    ///
    /// # Panics
    ///
    /// If `row` is past the last (in which case nothing unsafe happens).
    #[inline]
    pub(crate) fn for_each_run(&self, row: usize, mut each: impl FnMut(&[u8])) {
        match self {
            Lhs::Matrix(matrix) if matrix.columns == 0 => {}
            Lhs::Matrix(matrix) => {
                let start = row * matrix.row_stride;
                if matrix.column_stride == 1 {
                    each(&matrix.data[start..start + matrix.columns]);
                } else {
                    for column in 0..matrix.columns {
                        let at = start + column * matrix.column_stride;
                        each(&matrix.data[at..=at]);
                    }
                }
            }
            Lhs::Patches(patches) => patches.for_each_run(row, each),
        }
    }
}

impl PatchRows<'_> {
    /// Output row and column, and image, of output pixel `row`.
    #[inline]
    fn pixel(&self, row: usize) -> (usize, usize, usize) {
        let [height, width] = self.geometry.output;
        (row / width % height, row % width, row / width / height)
    }

    /// Index of the group's first channel of an input pixel.
    #[inline]
    fn element(&self, image: usize, y: usize, x: usize) -> usize {
        let [height, width] = self.geometry.input;
        ((image * height + y) * width + x) * self.geometry.channels + self.first_channel
    }

    #[inline]
    fn for_each_run(&self, row: usize, mut each: impl FnMut(&[u8])) {
        let geometry = &self.geometry;
        let (y, x, image) = self.pixel(row);
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
