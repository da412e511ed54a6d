//! From floats to bits.

use super::row_bytes;
use crate::Backend;
use crate::simd::Simd;

/// Rows of numbers, and where their bits go.
pub(crate) struct Signs {
    pub(crate) input: *const f32,
    pub(crate) rows: usize,
    /// Numbers of a row, at least one.
    pub(crate) columns: usize,
    /// [`row_bytes`] for each row.
    pub(crate) out: *mut u8,
}

/// Packs rows of `columns` numbers: a bit is set where a number is not greater than or equal to 0, so that of NaN is. Rows are filled with
/// zeros.
///
/// # Panics
///
/// If the numbers are no whole rows, or `bits` has not [`row_bytes`] bytes for each of them.
pub fn pack_signs(backend: Backend, numbers: &[f32], columns: usize, bits: &mut [u8]) {
    assert!(columns > 0 && numbers.len().is_multiple_of(columns), "whole rows");
    let rows = numbers.len() / columns;
    assert_eq!(Some(bits.len()), rows.checked_mul(row_bytes(columns)), "as many rows of bits");
    let call = Signs { input: numbers.as_ptr(), rows, columns, out: bits.as_mut_ptr() };
    // SAFETY: rows of these lengths; the backend exists, so its features do.
    unsafe { (backend.entry().ops.pack_signs)(&call) };
}

/// [`pack_signs`] on the vectors of an ISA.
///
/// # Safety
///
/// The rows are readable, and those of bits writable.
#[inline(always)]
pub(crate) unsafe fn pack_signs_on<S: Simd>(isa: S, call: &Signs) {
    // SAFETY: words of 64 numbers that a row has, then its last numbers, and as many words of its bits.
    unsafe {
        for row in 0..call.rows {
            let input = call.input.add(row * call.columns);
            let out = call.out.add(row * row_bytes(call.columns));
            for word in 0..call.columns / 64 {
                let mut bits = 0;
                for i in (0..64).step_by(S::LANES) {
                    bits |= u64::from(signs(isa, isa.load_f(input.add(64 * word + i)))) << i;
                }
                out.add(8 * word).cast::<[u8; 8]>().write(bits.to_le_bytes());
            }
            let first = call.columns / 64 * 64;
            if first < call.columns {
                let mut bits = 0u64;
                for i in first..call.columns {
                    let x = *input.add(i);
                    bits |= u64::from(x < 0.0 || x.is_nan()) << (i - first);
                }
                out.add(first / 8).cast::<[u8; 8]>().write(bits.to_le_bytes());
            }
        }
    }
}

/// A bit for each lane: whether it is not greater than or equal to 0.
#[inline(always)]
fn signs<S: Simd>(isa: S, x: S::F) -> u32 {
    // −0 becomes 0. As integers, numbers that are not less than 0 go from 0 to infinity, and what is above is NaN.
    let x = isa.to_bits(isa.add_f(x, isa.splat_f(0.0)));
    let infinity = isa.splat(f32::INFINITY.to_bits().cast_signed());
    isa.negative(x) | isa.negative(isa.sub(infinity, x))
}
