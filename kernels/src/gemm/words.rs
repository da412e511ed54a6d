//! Rows of activations widened to `i16`, for kernels that multiply pairs of words.
//!
//! Neighbouring patches overlap. What those of a strip see of a row of the image is widened once, a *span*, padding
//! included, and the rows of a patch are pointers into the spans: a k×k kernel widens every pixel little more than k times,
//! not k² times.

use super::regions::Cursor;
use super::rows::Addressing;
use super::scratch::{Parts, ScratchMap, Strip};
use super::{ByteRows, Call, Lhs, PackedPanels, PatchRows, Widen};

/// How rows of words are found: in spans, if the segments are the rows of the kernel, whose taps lie side by side.
pub(super) fn addressing(lhs: &Lhs<'_>, panels: &PackedPanels) -> Addressing {
    if let Lhs::Patches(patches) = lhs {
        let geometry = &patches.geometry;
        let [height, width] = geometry.kernel;
        let row = width * patches.group_channels;
        if geometry.dilation[1] == 1 && panels.segments() == height && panels.segment_len() == row {
            return Addressing::KernelRows { begin: 0, end: geometry.output[1] };
        }
    }
    Addressing::Copied
}

/// Where the pointers of a row go, for its first segment.
#[derive(Clone, Copy)]
struct Slot {
    at: usize,
    /// Rows of the tile from this one on.
    left: usize,
}

impl Slot {
    /// The slot of the row below, in tiles of `tile_rows` rows and `tile_pointers` pointers.
    #[inline]
    fn below(self, tile_rows: usize, tile_pointers: usize) -> Slot {
        match self.left {
            1 => Slot { at: self.at + 1 + tile_pointers - tile_rows, left: tile_rows },
            left => Slot { at: self.at + 1, left: left - 1 },
        }
    }
}

impl Parts<'_> {
    fn words(copies: &mut [u8]) -> &mut [i16] {
        // SAFETY: initialized bytes, any of which make an i16.
        let (before, words, _) = unsafe { copies.align_to_mut::<i16>() };
        assert!(before.is_empty(), "copies are aligned");
        words
    }

    /// Widens `rows` rows of a matrix from `first` on, and writes the pointers of the first `tile_rows`, of which those past
    /// the last row repeat it.
    #[inline]
    pub(super) fn widen_matrix(
        &mut self,
        call: &Call<'_>,
        widen: Widen,
        map: &ScratchMap,
        first: usize,
        rows: usize,
        tile_rows: usize,
    ) {
        let words = Self::words(self.copies);
        let row_words = map.row_bytes / 2;
        if let Lhs::Matrix(matrix) = &call.lhs
            && matrix.column_stride == 1
            && matrix.columns > 0
        {
            let (start, last) = (first * matrix.row_stride, (rows - 1) * matrix.row_stride);
            let bytes = &matrix.data[start..start + last + matrix.columns];
            assert!((rows - 1) * row_words + matrix.columns <= words.len(), "room for the rows");
            // SAFETY: the rows lie inside the data and the scratch; the backend's features are here.
            unsafe {
                widen(&ByteRows {
                    signed: call.lhs_signed,
                    rows,
                    len: matrix.columns,
                    bytes: bytes.as_ptr(),
                    stride: matrix.row_stride,
                    words: words.as_mut_ptr(),
                    word_stride: row_words,
                });
            }
        } else {
            let mut cursor = Cursor { image: 0, y: 0, x: first };
            for words in words.chunks_exact_mut(row_words).take(rows) {
                widen_row(call, widen, &cursor, words);
                cursor.x += 1;
            }
        }
        for slot in 0..tile_rows {
            let row = &words[slot.min(rows - 1) * row_words..];
            for segment in 0..call.panels.segments() {
                let at = &row[segment * call.panels.segment_len()..];
                // SAFETY: `tile_rows` pointers per segment.
                unsafe { *self.slots.pointers.add(segment * tile_rows + slot) = at.as_ptr().cast() };
            }
        }
    }

    /// Widens what the patches of a strip see from the cursor on, which is moved past them, and writes their pointers and
    /// places. One span holds what the strip's patches in one line of the output see of a row of the image.
    #[inline]
    pub(super) fn widen_patches(
        &mut self,
        call: &Call<'_>,
        widen: Widen,
        map: &ScratchMap,
        tile_rows: usize,
        cursor: &mut Cursor,
        strip: &Strip<'_>,
    ) {
        let Lhs::Patches(patches) = &call.lhs else { return };
        let (region, pointers) = (strip.region, self.slots.pointers);
        let (channels, stride) = (patches.group_channels, patches.geometry.stride[1]);
        let mut slot = Slot { at: 0, left: tile_rows };
        let point = |slot: Slot, segment: usize, words: &[i16]| {
            // SAFETY: there are `tile_rows` pointers per segment of every tile.
            unsafe { *pointers.add(slot.at + segment * tile_rows) = words.as_ptr().cast() };
        };
        let (mut row, mut start) = (0, 0);
        while row < strip.rows {
            let words = &mut Self::words(self.copies)[start..];
            let (mut run, mut below) = (1, slot.below(tile_rows, map.tile_pointers));
            if map.addressing == Addressing::Copied {
                let words = &mut words[..map.row_bytes / 2];
                widen_row(call, widen, cursor, words);
                for segment in 0..call.panels.segments() {
                    point(slot, segment, &words[segment * call.panels.segment_len()..]);
                }
                start += words.len();
            } else {
                // With gaps between the patches a span would be longer than they are together.
                if stride <= region.kx.len() {
                    run = (region.x.end - cursor.x).min(strip.rows - row);
                }
                let pixels = (run - 1) * stride + region.kx.len();
                let len = pixels * channels;
                for segment in 0..region.ky.len() {
                    let span = &mut words[segment * len..(segment + 1) * len];
                    let first_tap = [region.ky.start + segment, region.kx.start];
                    patches.for_each_part(cursor, first_tap, pixels, |part, at| {
                        widen_run(call, widen, part, &mut span[at..]);
                    });
                    below = slot;
                    for patch in 0..run {
                        point(below, segment, &span[patch * stride * channels..]);
                        below = below.below(tile_rows, map.tile_pointers);
                    }
                }
                start += len * region.ky.len();
            }
            self.place(call, cursor, strip, row, run);
            region.advance(cursor, run);
            (row, slot) = (row + run, below);
        }
        // Slots past the last row repeat it.
        let segments = call.panels.segments();
        for row in strip.rows..strip.rows.next_multiple_of(tile_rows) {
            // SAFETY: `tile_rows` pointers per segment and as many places, of which the row above's were written before.
            unsafe {
                *self.slots.places.add(row) = *self.slots.places.add(row - 1);
                for segment in 0..segments {
                    let at = self.slots.pointers.add(slot.at + segment * tile_rows);
                    *at = *at.sub(1);
                }
            }
            slot = slot.below(tile_rows, map.tile_pointers);
        }
    }
}

/// Widens a row.
#[inline]
fn widen_row(call: &Call<'_>, widen: Widen, row: &Cursor, words: &mut [i16]) {
    let mut at = 0;
    call.lhs.for_each_run(row, |run| {
        widen_run(call, widen, run, &mut words[at..]);
        at += run.len();
    });
}

/// Widens bytes to the first of the words.
#[inline]
fn widen_run(call: &Call<'_>, widen: Widen, bytes: &[u8], words: &mut [i16]) {
    let (signed, rows, len) = (call.lhs_signed, 1, bytes.len());
    let (bytes, words) = (bytes.as_ptr(), words[..len].as_mut_ptr());
    // SAFETY: as many words as bytes; the backend's features are here.
    unsafe { widen(&ByteRows { signed, rows, len, bytes, stride: 0, words, word_stride: 0 }) };
}

impl PatchRows<'_> {
    /// Calls `each` with the elements of `pixels` neighbouring pixels of one row of the image, and with where they begin
    /// among all of them: from tap (`ky`, `kx`) of the cursor's patch on, what is outside the image being padding.
    #[inline]
    fn for_each_part(
        &self,
        cursor: &Cursor,
        [ky, kx]: [usize; 2],
        pixels: usize,
        mut each: impl FnMut(&[u8], usize),
    ) {
        let (geometry, length) = (&self.geometry, self.group_channels);
        let (left, pad) = (cursor.x * geometry.stride[1] + kx, geometry.pad[1]);
        let iy = (cursor.y * geometry.stride[0] + ky * geometry.dilation[0]).wrapping_sub(geometry.pad[0]);
        // The pixels `begin..end` are inside.
        let (begin, end) = if iy < geometry.input[0] {
            let begin = pad.saturating_sub(left).min(pixels);
            (begin, (geometry.input[1] + pad).saturating_sub(left).clamp(begin, pixels))
        } else {
            (0, 0)
        };
        for pixel in (0..begin).chain(end..pixels) {
            each(&self.padding[..length], pixel * length);
        }
        if begin == end {
            return;
        }
        let first = self.element(cursor.image, iy, left + begin - pad);
        if length == geometry.channels {
            each(&self.data[first..first + (end - begin) * length], begin * length);
        } else {
            for pixel in begin..end {
                let first = first + (pixel - begin) * geometry.channels;
                each(&self.data[first..first + length], pixel * length);
            }
        }
    }
}
