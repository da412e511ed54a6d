//! Copies of rows in another form: widened to `i16`, for kernels that multiply pairs of `i16`s, or with flipped top bits, for
//! kernels that want unsigned bytes.
//!
//! Neighbouring patches overlap. The part of a row of the image that the patches of an m-block see, a *span*, is copied
//! once, padding included, and the rows of a patch are pointers into the spans: a k×k kernel copies every pixel little more
//! than k times, not k² times.

use core::slice;

use super::addressing::Addressing;
use super::prepare::MBlock;
use super::regions::Cursor;
use super::scratch::{Parts, ScratchMap};
use crate::gemm::{ByteRows, Call, CopyRows, Lhs, LhsForm, PanelShape, PatchRows, Patches, Variant};

/// The fewest columns for which rows are copied to flip their bytes once: with fewer, flipping them in each tile takes less
/// time. Of a span all patches that see it are multiplied, so that it counts as often as the kernel is wide.
const FLIPPED_COLUMNS: usize = 32;

/// How rows are copied.
#[derive(Clone, Copy)]
pub(in crate::gemm) struct RowCopy {
    pub(in crate::gemm) copy: CopyRows,
    /// Bytes of a copied element.
    pub(in crate::gemm) element: usize,
}

impl RowCopy {
    /// The copy without which the kernels read no rows.
    pub(in crate::gemm) fn always(gemm: &Variant) -> Option<RowCopy> {
        match gemm.lhs {
            LhsForm::I16 { widen } => Some(RowCopy { copy: widen, element: size_of::<i16>() }),
            LhsForm::Bytes { .. } => None,
        }
    }

    /// Whether signed bytes become unsigned ones.
    #[inline]
    pub(in crate::gemm) fn flips(&self) -> bool {
        self.element == 1
    }
}

/// How rows are addressed, and copied.
#[inline]
pub(in crate::gemm) fn addressing(gemm: &Variant, call: &Call<'_>) -> (Addressing, Option<RowCopy>) {
    let (lhs, panels) = (&call.lhs, &call.panels);
    let copied = || match lhs {
        Lhs::Matrix(_) => Addressing::Copied,
        Lhs::Patches(rows) => span_addressing(rows.patches(), panels),
    };
    let LhsForm::Bytes { flip, .. } = gemm.lhs else { return (copied(), RowCopy::always(gemm)) };
    let addressing = lhs.addressing(panels.segments(), panels.segment_len());
    let columns = panels.columns();
    let pays = match (lhs, addressing) {
        (Lhs::Matrix(_), Addressing::InPlace) => columns >= FLIPPED_COLUMNS,
        (Lhs::Patches(rows), Addressing::KernelRows { .. }) => {
            columns.saturating_mul(rows.window().kernel[1]) >= FLIPPED_COLUMNS
        }
        (Lhs::Patches(_), Addressing::Copied) => true,
        _ => false,
    };
    match flip {
        Some(copy) if call.lhs_signed && pays => (copied(), Some(RowCopy { copy, element: 1 })),
        _ => (addressing, None),
    }
}

/// How patches are addressed.
pub(in crate::gemm) fn patch_addressing(
    gemm: &Variant,
    patches: &Patches,
    panels: &PanelShape,
) -> Addressing {
    match gemm.lhs {
        LhsForm::I16 { .. } => span_addressing(patches, panels),
        LhsForm::Bytes { .. } => patches.addressing(panels.segments(), panels.segment_len()),
    }
}

/// How copied rows are addressed: in spans, if the segments are the rows of the kernel, whose taps lie side by side.
fn span_addressing(patches: &Patches, panels: &PanelShape) -> Addressing {
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
    /// The bytes `start..start + len` of the copies.
    ///
    /// # Safety
    ///
    /// The copies have that length, and nothing that is still read points there.
    #[inline]
    unsafe fn copy_slice<'a>(&self, start: usize, len: usize) -> &'a mut [u8] {
        debug_assert!(start + len <= self.copies_len, "past the copies");
        // SAFETY: initialized bytes.
        unsafe { slice::from_raw_parts_mut(self.copies.add(start), len) }
    }

    /// Copies `rows` rows of a matrix from `first` on, and writes the pointers of the first `tile_rows`, of which those past
    /// the last row repeat it.
    ///
    /// # Safety
    ///
    /// As [`prepare`](Self::prepare): the rows exist, and the map has room for them.
    #[inline]
    pub(in crate::gemm) unsafe fn copy_matrix(
        &self,
        call: &Call<'_>,
        by: RowCopy,
        map: &ScratchMap,
        first: usize,
        rows: usize,
        tile_rows: usize,
    ) {
        if let Lhs::Matrix(matrix) = &call.lhs
            && matrix.column_stride() == 1
            && matrix.columns() > 0
        {
            // SAFETY: the rows lie inside the data, by `MatrixRows`, and there is a copy for each, as long as the panels are
            // deep, on a 64-byte border; the backend's features are here.
            unsafe {
                (by.copy)(&ByteRows {
                    signed: call.lhs_signed,
                    rows,
                    len: matrix.columns(),
                    bytes: matrix.row(first),
                    stride: matrix.row_stride(),
                    copies: self.copies,
                    copies_stride: map.row_bytes,
                });
            }
        } else {
            let mut cursor = Cursor { image: 0, y: 0, x: first };
            for row in 0..rows {
                // SAFETY: there is a copy for each.
                copy_row(call, by, &cursor, unsafe { self.copy_slice(row * map.row_bytes, map.row_bytes) });
                cursor.x += 1;
            }
        }
        let (segments, segment_bytes) = (call.panels.segments(), call.panels.segment_len() * by.element);
        for slot in 0..tile_rows {
            for segment in 0..segments {
                let at = slot.min(rows - 1) * map.row_bytes + segment * segment_bytes;
                let at = self.copies.wrapping_add(at).cast_const();
                // SAFETY: `tile_rows` pointers per segment.
                unsafe { *self.row_pointers.pointers.add(segment * tile_rows + slot) = at };
            }
        }
    }

    /// Copies what the patches of an m-block see from the cursor on, which is moved past them, and writes their pointers and
    /// output offsets. One span holds what the m-block's patches in one line of the output see of a row of the image.
    ///
    /// # Safety
    ///
    /// As [`prepare`](Self::prepare): the patches exist, and the map has room for them.
    #[inline]
    pub(in crate::gemm) unsafe fn copy_patches(
        &self,
        call: &Call<'_>,
        by: RowCopy,
        map: &ScratchMap,
        tile_rows: usize,
        cursor: &mut Cursor,
        m_block: &MBlock<'_>,
    ) {
        let Lhs::Patches(patches) = &call.lhs else { return };
        let (region, pointers) = (m_block.region, self.row_pointers.pointers);
        let (channels, stride) = (patches.patches().channels(), patches.window().stride[1]);
        let (segments, segment_bytes) = (call.panels.segments(), call.panels.segment_len() * by.element);
        let mut slot = RowSlot { at: 0, left: tile_rows };
        let point = |slot: RowSlot, segment: usize, byte: usize| {
            let at = self.copies.wrapping_add(byte).cast_const();
            // SAFETY: there are `tile_rows` pointers per segment of every tile.
            unsafe { *pointers.add(slot.at + segment * tile_rows) = at };
        };
        let (mut row, mut start) = (0, 0);
        while row < m_block.rows {
            let (mut run, mut below) = (1, slot.below(tile_rows, map.tile_pointers));
            if map.addressing == Addressing::Copied {
                // SAFETY: there is a copy for each row of the m-block.
                copy_row(call, by, cursor, unsafe { self.copy_slice(start, map.row_bytes) });
                for segment in 0..segments {
                    point(slot, segment, start + segment * segment_bytes);
                }
                start += map.row_bytes;
            } else {
                // With gaps between the patches a span would be longer than the patches together.
                if stride <= region.kx.len() {
                    run = (region.x.end - cursor.x).min(m_block.rows - row);
                }
                let pixels = (run - 1) * stride + region.kx.len();
                let len = pixels * channels * by.element;
                for segment in 0..region.ky.len() {
                    // SAFETY: a run's spans are no longer than the copies that its patches would take; there are no more
                    // of them than segments, which are the rows of the kernel.
                    let span = unsafe { self.copy_slice(start, len) };
                    let first_tap = [region.ky.start + segment, region.kx.start];
                    patches.for_each_part(cursor, first_tap, pixels, |part, at| {
                        copy_run(call, by, part, &mut span[at * by.element..]);
                    });
                    below = slot;
                    for patch in 0..run {
                        point(below, segment, start + patch * stride * channels * by.element);
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

/// Copies a row.
#[inline]
fn copy_row(call: &Call<'_>, by: RowCopy, row: &Cursor, copy: &mut [u8]) {
    let mut at = 0;
    call.lhs.for_each_run(row, |run| {
        copy_run(call, by, run, &mut copy[at..]);
        at += run.len() * by.element;
    });
}

/// Copies bytes to the first elements of `copies`, which is aligned for them.
#[inline]
fn copy_run(call: &Call<'_>, by: RowCopy, bytes: &[u8], copies: &mut [u8]) {
    let (signed, rows, len) = (call.lhs_signed, 1, bytes.len());
    let (bytes, copies) = (bytes.as_ptr(), copies[..len * by.element].as_mut_ptr());
    // SAFETY: there is an element for each byte; the backend's features are here.
    unsafe { (by.copy)(&ByteRows { signed, rows, len, bytes, stride: 0, copies, copies_stride: 0 }) };
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
