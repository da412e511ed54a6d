//! From numbers to bits and back.

use alloc::format;

use eightbit_kernels::binary::{self, row_bytes};

use crate::check::check_size;
use crate::{Backend, Error};

/// Packs the signs of rows of `columns` numbers: a bit is set where the number is less than 0.
///
/// ```
/// use eightbit::Backend;
/// use eightbit::binary::{pack_signs, row_bytes};
/// let mut bits = [0; 2 * row_bytes(3)];
/// pack_signs(Backend::best()?, &[1.0, -0.5, -2.0, 0.0, -0.0, -1.0], 3, &mut bits)?;
/// assert_eq!((bits[0], bits[8]), (0b110, 0b100));
/// # Ok::<(), eightbit::Error>(())
/// ```
///
/// # Errors
///
/// If the numbers are no whole rows, `bits` has not [`row_bytes`]`(columns)` bytes for each of them, or a number is NaN, which has no sign.
pub fn pack_signs(backend: Backend, numbers: &[f32], columns: usize, bits: &mut [u8]) -> Result<(), Error> {
    if columns == 0 || !numbers.len().is_multiple_of(columns) {
        let why = format!("{} numbers are no whole rows of {columns}", numbers.len());
        return Err(Error::Shape { what: "signs", why });
    }
    check_size("bytes of the signs", numbers.len() / columns * row_bytes(columns), bits.len())?;
    if let Some(index) = first_nan(numbers) {
        let what = "a number whose sign is packed";
        return Err(Error::NotFinite { what, found: f32::NAN, index: Some(index) });
    }
    binary::pack_signs(backend, numbers, columns, bits);
    Ok(())
}

/// The first number that is none.
fn first_nan(numbers: &[f32]) -> Option<usize> {
    let has_nan = numbers.iter().fold(false, |found, number| found | number.is_nan());
    if has_nan { numbers.iter().position(|number| number.is_nan()) } else { None }
}

/// The numbers, 1 or −1, of rows of `columns` bits.
///
/// # Errors
///
/// If the bits are no whole rows, or `numbers` has not `columns` elements for each of them.
pub fn unpack_signs(bits: &[u8], columns: usize, numbers: &mut [f32]) -> Result<(), Error> {
    let bytes = row_bytes(columns);
    if columns == 0 || !bits.len().is_multiple_of(bytes) {
        let why = format!("{} bytes are no whole rows of {columns} bits, which take {bytes}", bits.len());
        return Err(Error::Shape { what: "signs", why });
    }
    check_size("numbers", (bits.len() / bytes).saturating_mul(columns), numbers.len())?;
    for (bits, row) in bits.chunks_exact(bytes).zip(numbers.chunks_exact_mut(columns)) {
        for (i, number) in row.iter_mut().enumerate() {
            *number = sign(bits, i) as f32;
        }
    }
    Ok(())
}

/// Element `i` of a row of bits: 1 or −1.
///
/// # Panics
///
/// If the row is shorter.
#[must_use]
pub fn sign(row: &[u8], i: usize) -> i32 {
    1 - 2 * i32::from(row[i / 8] >> (i % 8) & 1)
}

/// Checks that rows are filled with zeros behind their bits.
pub(super) fn check_filling(what: &'static str, bits: &[u8], columns: usize) -> Result<(), Error> {
    let (bytes, used) = (row_bytes(columns), columns % 64);
    if used == 0 {
        return Ok(());
    }
    let last = |row: &[u8]| u64::from_le_bytes(row[bytes - 8..].try_into().expect("a word"));
    match bits.chunks_exact(bytes).position(|row| last(row) >> used != 0) {
        None => Ok(()),
        Some(row) => {
            let why = format!("row {row} has bits behind its {columns}: they must be 0");
            Err(Error::Shape { what, why })
        }
    }
}
