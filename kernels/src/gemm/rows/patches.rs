//! Rows that are the patches of an image.

use super::addressing::Addressing;
use super::regions::{Cursor, PaddingElision, Region, Span};
use crate::Window2d;

/// The patches that a convolution sees of one channel group of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patches {
    window: Window2d,
    first_channel: usize,
    channels: usize,
}

/// [`Patches`] and the pixels that they see.
#[derive(Clone, Copy, Debug)]
pub struct PatchRows<'a> {
    patches: Patches,
    data: &'a [u8],
    padding: &'a [u8],
}

impl Patches {
    /// The patches of `channels` channels from `first_channel` on; `None` if the image has no such channels, there are none, or
    /// the number of a patch's elements overflows.
    #[must_use]
    #[inline]
    pub fn new(window: Window2d, first_channel: usize, channels: usize) -> Option<Patches> {
        let end = first_channel.checked_add(channels)?;
        window.taps().checked_mul(channels)?;
        (channels > 0 && end <= window.channels).then_some(Patches { window, first_channel, channels })
    }

    /// Where the patches lie.
    #[must_use]
    #[inline]
    pub fn window(&self) -> &Window2d {
        &self.window
    }

    /// Channels of the group.
    #[inline]
    pub(in crate::gemm) fn channels(&self) -> usize {
        self.channels
    }

    /// Elements of a row of the kernel.
    #[inline]
    pub(in crate::gemm) fn kernel_row(&self) -> usize {
        self.window.kernel[1] * self.channels
    }

    /// Elements of a patch.
    #[inline]
    pub(in crate::gemm) fn depth(&self) -> usize {
        self.window.taps() * self.channels
    }

    /// How the segments of these patches are found where kernels read bytes.
    #[inline]
    pub(in crate::gemm) fn addressing(&self, segments: usize, segment_len: usize) -> Addressing {
        let [height, width] = self.window.kernel;
        let contiguous = self.window.dilation[1] == 1 && self.channels == self.window.channels;
        if segment_len == self.channels && segments == height * width {
            Addressing::InPlace
        } else if segment_len == self.kernel_row() && segments == height && contiguous {
            self.kernel_rows()
        } else {
            Addressing::Copied
        }
    }

    /// [`Addressing::KernelRows`] of these patches.
    fn kernel_rows(&self) -> Addressing {
        let window = &self.window;
        let (stride, pad, kernel) = (window.stride[1], window.pad[1], window.kernel[1]);
        let begin = pad.div_ceil(stride);
        // The last patch that lies inside begins at `input − kernel`.
        let end = (window.input[1] + pad).checked_sub(kernel).map_or(0, |last| last / stride + 1);
        Addressing::KernelRows { begin, end: end.min(window.output[1]) }
    }

    /// The most padding elision that is possible: whole segments, or whole k-groups of segments that are rows of the kernel.
    pub(in crate::gemm) fn possible_elision(&self, addressing: Addressing, group: usize) -> PaddingElision {
        match addressing {
            Addressing::KernelRows { .. } if self.channels.is_multiple_of(group) => PaddingElision::All,
            Addressing::KernelRows { .. } | Addressing::InPlace => PaddingElision::Rows,
            Addressing::Copied => PaddingElision::Nothing,
        }
    }
}

impl<'a> PatchRows<'a> {
    /// The patches of an image, NHWC, as bytes. `padding` is what a patch sees outside the image, the input's zero point: a row of
    /// the kernel, at least `kernel[1] · channels` bytes. `None` if a slice is too short.
    #[must_use]
    #[inline]
    pub fn new(patches: Patches, data: &'a [u8], padding: &'a [u8]) -> Option<PatchRows<'a>> {
        let enough = data.len() >= patches.window.input_len() && padding.len() >= patches.kernel_row();
        enough.then_some(PatchRows { patches, data, padding })
    }

    /// The patches.
    #[inline]
    pub(in crate::gemm) fn patches(&self) -> &Patches {
        &self.patches
    }

    /// Where they lie.
    #[inline]
    pub(in crate::gemm) fn window(&self) -> &Window2d {
        &self.patches.window
    }

    /// The image.
    #[inline]
    pub(in crate::gemm) fn data(&self) -> &'a [u8] {
        self.data
    }

    /// The padding: at least a row of the kernel.
    #[inline]
    pub(in crate::gemm) fn padding(&self) -> &'a [u8] {
        self.padding
    }
}

impl PatchRows<'_> {
    /// Index of the group's first channel of an input pixel.
    #[inline]
    pub(in crate::gemm) fn element(&self, image: usize, y: usize, x: usize) -> usize {
        let window = self.window();
        let [height, width] = window.input;
        ((image * height + y) * width + x) * window.channels + self.patches.first_channel
    }

    /// Writes the address of every tap of some rows of the kernel in a patch: tap `t` to `pointers[t · step]`.
    ///
    /// # Safety
    ///
    /// The cursor is at a pixel that exists, and `pointers` is valid for these writes.
    #[inline]
    pub(crate) unsafe fn point_taps(
        &self,
        cursor: &Cursor,
        rows: Span,
        pointers: *mut *const u8,
        step: usize,
    ) {
        let window = self.window();
        let mut segment = 0;
        for ky in rows.start..rows.end {
            for kx in 0..window.kernel[1] {
                let address = match window.tap(cursor.y, cursor.x, ky, kx) {
                    // SAFETY: a pixel of the image, which lies in the data by `PatchRows::new`.
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
    /// The patches from the cursor on exist and are in one line of the output; their taps `kx` lie inside the image's columns;
    /// and `pointers` is valid for these writes.
    #[inline]
    pub(crate) unsafe fn point_kernel_rows(
        &self,
        cursor: &Cursor,
        count: usize,
        region: &Region,
        pointers: *mut *const u8,
        step: usize,
    ) {
        let window = self.window();
        let left = cursor.x * window.stride[1] + region.kx.start * window.dilation[1] - window.pad[1];
        for (segment, ky) in (region.ky.start..region.ky.end).enumerate() {
            let iy = (cursor.y * window.stride[0] + ky * window.dilation[0]).wrapping_sub(window.pad[0]);
            let (mut address, stride) = if iy < window.input[0] {
                let start = self.element(cursor.image, iy, left);
                // Of the next patch, if there is one: its taps lie inside the image, too.
                (self.data.as_ptr().wrapping_add(start), window.stride[1].wrapping_mul(window.channels))
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

    /// Whether the region's rows of the kernel lie inside the image in the cursor's patch.
    #[inline]
    pub(in crate::gemm) fn kernel_rows_inside(&self, cursor: &Cursor, region: &Region) -> bool {
        let (window, ky) = (self.window(), region.ky);
        let row =
            |ky: usize| (cursor.y * window.stride[0] + ky * window.dilation[0]).wrapping_sub(window.pad[0]);
        ky.len() > 0 && row(ky.start) < window.input[0] && row(ky.end - 1) < window.input[0]
    }

    /// Calls `each` with the elements of a patch, in order, in runs that lie side by side.
    #[inline]
    pub(super) fn for_each_run(&self, cursor: &Cursor, mut each: impl FnMut(&[u8])) {
        let window = self.window();
        let &Cursor { image, y, x, .. } = cursor;
        let (length, width) = (self.patches.channels, window.kernel[1]);
        // Taps of a row lie side by side, inside the image and in the padding: what makes stems with 3 channels cheap.
        let contiguous = window.dilation[1] == 1 && length == window.channels;
        let (left, pad) = (x * window.stride[1], window.pad[1]);
        let before = pad.saturating_sub(left).min(width);
        let inside = (window.input[1] + pad).saturating_sub(left + before).min(width - before);
        for ky in 0..window.kernel[0] {
            if contiguous {
                let iy = (y * window.stride[0] + ky * window.dilation[0]).wrapping_sub(window.pad[0]);
                if inside == 0 || iy >= window.input[0] {
                    each(&self.padding[..width * length]);
                    continue;
                }
                let start = self.element(image, iy, left + before - pad);
                each(&self.padding[..before * length]);
                each(&self.data[start..start + inside * length]);
                each(&self.padding[..(width - before - inside) * length]);
                continue;
            }
            for kx in 0..width {
                each(match window.tap(y, x, ky, kx) {
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
