//! Rows of activations widened to `i16`, for kernels that multiply pairs of `i16`s.
//!
//! Neighbouring patches overlap. The part of a row of the image that the patches of an m-block see, a *span*, is widened
//! once, padding included, and the rows of a patch are pointers into the spans: a k×k kernel widens every pixel little more
//! than k times, not k² times.

use core::slice;

use super::addressing::Addressing;
use super::prepare::MBlock;
use super::regions::Cursor;
use super::scratch::{Parts, ScratchMap};
use crate::gemm::{ByteRows, Call, Lhs, LhsForm, PackedPanels, PatchRows, Patches, Variant, Widen};

/// How rows are addressed.
#[inline]
pub(in crate::gemm) fn addressing(gemm: &Variant, lhs: &Lhs<'_>, panels: &PackedPanels) -> Addressing {
    match (gemm.lhs, lhs) {
        (LhsForm::I16 { .. }, Lhs::Matrix(_)) => Addressing::Copied,
        (LhsForm::I16 { .. }, Lhs::Patches(rows)) => span_addressing(rows.patches(), panels),
        (LhsForm::Bytes { .. }, _) => lhs.addressing(panels.segments(), panels.segment_len()),
    }
}

/// How patches are addressed.
pub(in crate::gemm) fn patch_addressing(
    gemm: &Variant,
    patches: &Patches,
    panels: &PackedPanels,
) -> Addressing {
    match gemm.lhs {
        LhsForm::I16 { .. } => span_addressing(patches, panels),
        LhsForm::Bytes { .. } => patches.addressing(panels.segments(), panels.segment_len()),
    }
}

/// How widened rows are addressed: in spans, if the segments are the rows of the kernel, whose taps lie side by side.
fn span_addressing(patches: &Patches, panels: &PackedPanels) -> Addressing {
    let window = patches.window();
    let rows = (panels.segments(), panels.segment_len()) == (window.kernel[0], patches.kernel_row());
    if window.dilation[1] == 1 && rows {
        Addressing::KernelRows { begin: 0, end: window.output[1] }
    } else {
        Addressing::Copied
    }
}

/// Where the pointers of a row go, for its first segment.
#[derive(Clone, Copy)]
struct RowSlot {
    at: usize,
    /// Rows of the tile from this one on.
    left: usize,
}

impl RowSlot {
    /// The slot of the row below, in tiles of `tile_rows` rows and `tile_pointers` pointers.
    #[inline]
    fn below(self, tile_rows: usize, tile_pointers: usize) -> RowSlot {
        match self.left {
            1 => RowSlot { at: self.at + 1 + tile_pointers - tile_rows, left: tile_rows },
            left => RowSlot { at: self.at + 1, left: left - 1 },
        }
    }
}

impl Parts {
    /// The `i16`s `start..start + len` of the copies.
    ///
    /// # Safety
    ///
    /// The copies have that length, and nothing that is still read points there.
    #[inline]
    unsafe fn i16_slice<'a>(&self, start: usize, len: usize) -> &'a mut [i16] {
        debug_assert!(2 * (start + len) <= self.copies_len, "i16 past the copies");
        // SAFETY: initialized bytes on a 2-byte border; any two of them are a valid i16.
        unsafe { slice::from_raw_parts_mut(self.copies.cast::<i16>().add(start), len) }
    }

    /// Widens `rows` rows of a matrix from `first` on, and writes the pointers of the first `tile_rows`, of which those past
    /// the last row repeat it.
    ///
    /// # Safety
    ///
    /// As [`prepare`](Self::prepare): the rows exist, and the map has room for them.
    #[inline]
    pub(in crate::gemm) unsafe fn widen_matrix(
        &self,
        call: &Call<'_>,
        widen: Widen,
        map: &ScratchMap,
        first: usize,
        rows: usize,
        tile_rows: usize,
    ) {
        let widened = self.copies.cast::<i16>();
        let row_elements = map.row_bytes / 2;
        if let Lhs::Matrix(matrix) = &call.lhs
            && matrix.column_stride() == 1
            && matrix.columns() > 0
        {
            // SAFETY: the rows lie inside the data, by `MatrixRows`, and there is a row of `i16`s for each, as long as the panels
            // are deep; the backend's features are here.
            unsafe {
                widen(&ByteRows {
                    signed: call.lhs_signed,
                    rows,
                    len: matrix.columns(),
                    bytes: matrix.row(first),
                    stride: matrix.row_stride(),
                    widened,
                    widened_stride: row_elements,
                });
            }
        } else {
            let mut cursor = Cursor { image: 0, y: 0, x: first };
            for row in 0..rows {
                // SAFETY: there is a row of `i16`s for each.
                widen_row(call, widen, &cursor, unsafe { self.i16_slice(row * row_elements, row_elements) });
                cursor.x += 1;
            }
        }
        let (segments, segment_len) = (call.panels.segments(), call.panels.segment_len());
        for slot in 0..tile_rows {
            for segment in 0..segments {
                let at = widened.wrapping_add(slot.min(rows - 1) * row_elements + segment * segment_len);
                // SAFETY: `tile_rows` pointers per segment.
                unsafe {
                    *self.row_pointers.pointers.add(segment * tile_rows + slot) = at.cast_const().cast()
                };
            }
        }
    }

    /// Widens what the patches of an m-block see from the cursor on, which is moved past them, and writes their pointers and
    /// output offsets. One span holds what the m-block's patches in one line of the output see of a row of the image.
    ///
    /// # Safety
    ///
    /// As [`prepare`](Self::prepare): the patches exist, and the map has room for them.
    #[inline]
    pub(in crate::gemm) unsafe fn widen_patches(
        &self,
        call: &Call<'_>,
        widen: Widen,
        map: &ScratchMap,
        tile_rows: usize,
        cursor: &mut Cursor,
        m_block: &MBlock<'_>,
    ) {
        let Lhs::Patches(patches) = &call.lhs else { return };
        let (region, pointers) = (m_block.region, self.row_pointers.pointers);
        let (channels, stride) = (patches.patches().channels(), patches.window().stride[1]);
        let (segments, segment_len) = (call.panels.segments(), call.panels.segment_len());
        let copies = self.copies.cast::<i16>();
        let mut slot = RowSlot { at: 0, left: tile_rows };
        let point = |slot: RowSlot, segment: usize, element: usize| {
            let at = copies.wrapping_add(element).cast_const();
            // SAFETY: there are `tile_rows` pointers per segment of every tile.
            unsafe { *pointers.add(slot.at + segment * tile_rows) = at.cast() };
        };
        let (mut row, mut start) = (0, 0);
        while row < m_block.rows {
            let (mut run, mut below) = (1, slot.below(tile_rows, map.tile_pointers));
            if map.addressing == Addressing::Copied {
                let len = map.row_bytes / 2;
                // SAFETY: there is a row of `i16`s for each row of the m-block.
                widen_row(call, widen, cursor, unsafe { self.i16_slice(start, len) });
                for segment in 0..segments {
                    point(slot, segment, start + segment * segment_len);
                }
                start += len;
            } else {
                // With gaps between the patches a span would be longer than the patches together.
                if stride <= region.kx.len() {
                    run = (region.x.end - cursor.x).min(m_block.rows - row);
                }
                let pixels = (run - 1) * stride + region.kx.len();
                let len = pixels * channels;
                for segment in 0..region.ky.len() {
                    // SAFETY: a run's spans are no longer than the rows of `i16`s that its patches would take; there are no more
                    // of them than segments, which are the rows of the kernel.
                    let span = unsafe { self.i16_slice(start, len) };
                    let first_tap = [region.ky.start + segment, region.kx.start];
                    patches.for_each_part(cursor, first_tap, pixels, |part, at| {
                        widen_run(call, widen, part, &mut span[at..]);
                    });
                    below = slot;
                    for patch in 0..run {
                        point(below, segment, start + patch * stride * channels);
                        below = below.below(tile_rows, map.tile_pointers);
                    }
                    start += len;
                }
            }
            // SAFETY: rows of the m-block.
            unsafe { self.write_out_offsets(call, cursor, m_block, row, run) };
            region.advance(cursor, run);
            (row, slot) = (row + run, below);
        }
        // Slots past the last row repeat the last row.
        for row in m_block.rows..m_block.rows.next_multiple_of(tile_rows) {
            // SAFETY: `tile_rows` pointers per segment and output offsets, of which the previous row's were written before.
            unsafe {
                *self.row_pointers.out_offsets.add(row) = *self.row_pointers.out_offsets.add(row - 1);
                for segment in 0..segments {
                    let at = self.row_pointers.pointers.add(slot.at + segment * tile_rows);
                    *at = *at.sub(1);
                }
            }
            slot = slot.below(tile_rows, map.tile_pointers);
        }
    }
}

/// Widens a row.
#[inline]
fn widen_row(call: &Call<'_>, widen: Widen, row: &Cursor, widened: &mut [i16]) {
    let mut at = 0;
    call.lhs.for_each_run(row, |run| {
        widen_run(call, widen, run, &mut widened[at..]);
        at += run.len();
    });
}

/// Widens bytes to the first `i16`s of `widened`.
#[inline]
fn widen_run(call: &Call<'_>, widen: Widen, bytes: &[u8], widened: &mut [i16]) {
    let (signed, rows, len) = (call.lhs_signed, 1, bytes.len());
    let (bytes, widened) = (bytes.as_ptr(), widened[..len].as_mut_ptr());
    // SAFETY: the slices have equal lengths; the backend's features are here.
    unsafe { widen(&ByteRows { signed, rows, len, bytes, stride: 0, widened, widened_stride: 0 }) };
}

impl PatchRows<'_> {
    /// Calls `each` with the elements of `pixels` neighbouring pixels of one row of the image, and with the position of
    /// these elements among all of them, from tap (`ky`, `kx`) of the cursor's patch on. Pixels outside the image are padding.
    #[inline]
    fn for_each_part(
        &self,
        cursor: &Cursor,
        [ky, kx]: [usize; 2],
        pixels: usize,
        mut each: impl FnMut(&[u8], usize),
    ) {
        let (window, length) = (self.window(), self.patches().channels());
        let (left, pad) = (cursor.x * window.stride[1] + kx, window.pad[1]);
        let iy = (cursor.y * window.stride[0] + ky * window.dilation[0]).wrapping_sub(window.pad[0]);
        // The pixels `begin..end` are inside.
        let (begin, end) = if iy < window.input[0] {
            let begin = pad.saturating_sub(left).min(pixels);
            (begin, (window.input[1] + pad).saturating_sub(left).clamp(begin, pixels))
        } else {
            (0, 0)
        };
        for pixel in (0..begin).chain(end..pixels) {
            each(&self.padding()[..length], pixel * length);
        }
        if begin == end {
            return;
        }
        let first = self.element(cursor.image, iy, left + begin - pad);
        if length == window.channels {
            each(&self.data()[first..first + (end - begin) * length], begin * length);
        } else {
            for pixel in begin..end {
                let first = first + (pixel - begin) * window.channels;
                each(&self.data()[first..first + length], pixel * length);
            }
        }
    }
}
