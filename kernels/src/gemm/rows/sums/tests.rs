//! Sums of rows against their definition, for the variants of all backends that run here.

use alloc::vec;
use alloc::vec::Vec;

use super::{AddedRows, RowSums};
use crate::Backend;
use crate::gemm::{LhsForm, Step, Variant};

/// A sum from the form in which a variant's kernels take it.
fn sum_of(row_sums: &RowSums, depth: usize, form: i32) -> i32 {
    let pairs = (row_sums.zero_factor)(1) != 1;
    if pairs && !RowSums::are_plain(depth) { -((form >> 16) * 256 + (form & 0xffff)) } else { form }
}

/// Adds up `rows` rows, in tiles of three, of `segments` times `len` extreme and other elements, with and without equal distances.
fn check(variant: &Variant, rows: usize, segments: usize, len: usize, signed: bool) {
    let depth = segments * len;
    let element = |row: usize, k: usize| match (row + k) % 5 {
        0 => 0xff,
        1 => 0x80,
        _ => (31 * row + 7 * k) as u8,
    };
    let number = |byte: u8| if signed { i32::from(byte.cast_signed()) } else { i32::from(byte) };
    let size = if matches!(variant.lhs, LhsForm::I16 { .. }) { 2 } else { 1 };
    let mut bytes = vec![0u8; rows * depth * size];
    for row in 0..rows {
        for k in 0..depth {
            let at = (row * depth + k) * size;
            let number = number(element(row, k)) as i16;
            bytes[at..at + size].copy_from_slice(&number.to_ne_bytes()[..size]);
        }
    }
    // `i16`s are aligned, as in the copies of a call; little-endian numbers begin with their bytes.
    let words: Vec<u16> =
        bytes.chunks(2).map(|pair| u16::from_ne_bytes([pair[0], pair[pair.len() - 1]])).collect();
    let start = if size == 2 { words.as_ptr().cast() } else { bytes.as_ptr() };
    let tile_rows = 3;
    let tiles = rows.div_ceil(tile_rows);
    let mut pointers = vec![start; tiles * segments * tile_rows];
    for row in 0..rows {
        for segment in 0..segments {
            let at = (row / tile_rows * segments + segment) * tile_rows + row % tile_rows;
            pointers[at] = start.wrapping_add((row * depth + segment * len) * size);
        }
    }
    // What is added to signed bytes makes unsigned ones of them.
    let offset = if signed { 128 } else { 0 };
    for (offset, stride) in [(0, None), (offset, None), (0, Some(depth * size))] {
        let mut sums = vec![0; rows];
        let added = AddedRows {
            pointers: pointers.as_ptr(),
            tile_rows,
            step: Step { entries: segments * tile_rows, bytes: 0 },
            stride,
            rows,
            segments,
            len,
            signed,
            offset: offset * depth as i32,
            sums: sums.as_mut_ptr(),
        };
        // SAFETY: the backend runs here; the pointers are those of the rows, which have these elements.
        unsafe { (variant.row_sums.add_up)(&added) };
        for (row, &form) in sums.iter().enumerate() {
            let expected: i32 = (0..depth).map(|k| number(element(row, k)) + offset).sum();
            let case = (variant.name, row, [rows, segments, len], signed, offset, stride);
            assert_eq!(sum_of(variant.row_sums, depth, form), expected, "{case:?}");
        }
    }
}

#[test]
fn sums_of_rows() {
    let variants: Vec<&Variant> = Backend::available().flat_map(|backend| backend.entry().gemm).collect();
    for signed in [false, true] {
        for variant in &variants {
            for len in (1..70).chain([95, 96, 127, 128, 129, 1000]) {
                check(variant, 7, 1, len, signed);
            }
            for (rows, segments, len) in
                [(1, 1, 33), (4, 3, 20), (13, 9, 16), (6, 2, 65), (2, 1, 32_768), (3, 1, 32_769)]
            {
                check(variant, rows, segments, len, signed);
            }
        }
    }
}
