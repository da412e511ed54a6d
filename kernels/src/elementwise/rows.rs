//! Rescaling from rows without gaps to rows that may have gaps: a concatenation rescales each of its inputs this way.

use core::ptr;

#[cfg(doc)]
use super::MAX_FACTOR;
use super::contract::{check_factor, check_zero};
use super::lookup::{self, Lookup};
use super::{ByteTarget, Map, Requantize, Target, contract};
use crate::gemm::OutputBlock;
use crate::prefetch::{PREFETCH_LEN, prefetch};
use crate::{Backend, Element, OutputElement};

/// A rescaling: `out = target(f32(input − zero) · factor)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RequantizeCall<'a, I> {
    /// The backend whose code runs.
    pub backend: Backend,
    /// Rows without gaps.
    pub input: &'a [I],
    /// Elements of a row of the input.
    pub columns: usize,
    /// The input's zero point, within its type's range.
    pub zero: i32,
    /// `input_scale / output_scale`: in `0..=`[`MAX_FACTOR`].
    pub factor: f32,
    /// Where the result goes.
    pub target: Target,
}

/// Rescales the elements that `out` covers: row `m`, column `c` of the output is that of the input.
///
/// # Panics
///
/// If shapes do not fit, the output is not of bytes, or a parameter is outside its range.
pub fn requantize<I: Element, O: OutputElement>(call: &RequantizeCall<'_, I>, out: OutputBlock<'_, O>) {
    check_zero::<I>(call.zero);
    check_factor(call.factor);
    call.target.check::<O>();
    if out.rows() == 0 || out.columns() == 0 {
        return;
    }
    assert!(out.first_column() + out.columns() <= call.columns, "block past the last column");
    let needed = (out.first_row() + out.rows()).checked_mul(call.columns);
    assert!(needed.is_some_and(|needed| needed <= call.input.len()), "input too short");
    let first = out.first_row() * call.columns + out.first_column();
    let (rows, columns) = (out.rows(), out.columns());
    let (to, stride) = (out.address(0, 0), out.row_bytes());
    let mut rows = Rows {
        // SAFETY: `first` is at most the input's length.
        from: unsafe { call.input.as_ptr().add(first).cast() },
        from_stride: call.columns,
        to,
        to_stride: stride,
        rows,
        columns,
    };
    rows.join();
    let unchanged = I::TYPE == O::TYPE
        && call.factor == 1.0
        && call.zero == call.target.zero_point
        && (call.target.low, call.target.high) == O::TYPE.integer_range();
    let code = Code {
        rescale: call.backend.entry().ops.requantize[usize::from(I::SIGNED)],
        zero: call.zero,
        scale: call.factor,
        target: call.target.to_bytes::<O>(),
    };
    // SAFETY: rows and columns of both tensors exist, as has been checked, and the output is exclusively borrowed; the backend
    // exists, so its features do.
    unsafe {
        if unchanged {
            rows.each(|from, to, len| ptr::copy_nonoverlapping(from, to, len));
        } else if lookup::kernel(call.backend).beats_rescaling && rows.rows * rows.columns >= TABLE_PAYS {
            let kernel = lookup::kernel(call.backend).code;
            let table = code.table();
            rows.each(|input, out, len| kernel(&Lookup { table: &table, input, out, len }));
        } else {
            rows.each(|input, out, len| code.run(input, out, len));
        }
    }
}

/// The fewest elements for which it pays to rescale all 256 bytes first and to look the elements up.
const TABLE_PAYS: usize = 2048;

/// A rescaling without its tensors.
struct Code {
    rescale: contract::Code<Requantize>,
    zero: i32,
    scale: f32,
    target: ByteTarget,
}

impl Code {
    /// # Safety
    ///
    /// As [`contract::Code`].
    unsafe fn run(&self, input: *const u8, out: *mut u8, len: usize) {
        let (zero, scale, target) = (self.zero, self.scale, self.target);
        // SAFETY: the caller's promise.
        unsafe { (self.rescale)(&Requantize { tensors: Map { input, out, len }, zero, scale, target }) };
    }

    /// The table of rescaled bytes.
    ///
    /// # Safety
    ///
    /// The CPU has the features of the code.
    unsafe fn table(&self) -> [u8; 256] {
        let bytes: [u8; 256] = core::array::from_fn(|byte| byte as u8);
        let mut table = [0; 256];
        // SAFETY: 256 bytes each; the rest is the caller's promise.
        unsafe { self.run(bytes.as_ptr(), table.as_mut_ptr(), 256) };
        table
    }
}

/// Rows of bytes.
struct Rows {
    from: *const u8,
    from_stride: usize,
    to: *mut u8,
    to_stride: usize,
    rows: usize,
    columns: usize,
}

/// Rows of fewer bytes are rescaled several at a time, in a buffer.
const SHORT: usize = 256;
const BUFFER: usize = 2048;

impl Rows {
    /// Merges rows without gaps into one row.
    fn join(&mut self) {
        if self.from_stride == self.columns && (self.to_stride == self.columns || self.rows == 1) {
            self.columns *= self.rows;
            self.rows = 1;
        }
    }

    /// Calls `convert` for pieces of the rows: input, output, length.
    ///
    /// # Safety
    ///
    /// The rows are valid for reads and writes, and do not overlap.
    unsafe fn each(&self, convert: impl Fn(*const u8, *mut u8, usize)) {
        // SAFETY: whole rows inside the tensors; of the buffer no more than its length.
        unsafe {
            if self.rows > 1 && self.columns < SHORT && self.from_stride == self.columns {
                let mut buffer = [0; BUFFER];
                let step = BUFFER / self.columns;
                for first in (0..self.rows).step_by(step) {
                    let rows = step.min(self.rows - first);
                    convert(self.from.add(first * self.columns), buffer.as_mut_ptr(), rows * self.columns);
                    self.spread(buffer.as_ptr(), first, rows);
                }
            } else {
                for row in 0..self.rows {
                    let (from, to) =
                        (self.from.add(row * self.from_stride), self.to.add(row * self.to_stride));
                    convert(from, to, self.columns);
                }
            }
        }
    }

    /// Copies `rows` rows without gaps to those of the output from `first` on.
    ///
    /// # Safety
    ///
    /// As [`each`](Self::each); `from` is valid for the reads.
    #[inline(always)]
    unsafe fn spread(&self, from: *const u8, first: usize, rows: usize) {
        // SAFETY: pieces are no longer than rows, which are inside the tensors.
        unsafe {
            match self.columns {
                0..4 => self.spread_pieces::<1>(from, first, rows),
                4..8 => self.spread_pieces::<4>(from, first, rows),
                8..16 => self.spread_pieces::<8>(from, first, rows),
                16..32 => self.spread_pieces::<16>(from, first, rows),
                _ => self.spread_pieces::<32>(from, first, rows),
            }
        }
    }

    /// Copies rows in pieces of a fixed size, the last of which may overlap the one before it.
    ///
    /// # Safety
    ///
    /// As [`spread`](Self::spread); a row has at least `N` bytes.
    #[inline(always)]
    unsafe fn spread_pieces<const N: usize>(&self, from: *const u8, first: usize, rows: usize) {
        let (columns, stride) = (self.columns, self.to_stride);
        for row in 0..rows {
            if self.rows * columns >= PREFETCH_LEN {
                prefetch(self.from.wrapping_add((first + row) * columns));
                prefetch(self.to.wrapping_add((first + row) * stride));
            }
            let (mut at, last) = (0, columns - N);
            loop {
                // SAFETY: `at + N ≤ columns`.
                unsafe {
                    let piece = from.add(row * columns + at).cast::<[u8; N]>().read_unaligned();
                    self.to.add((first + row) * stride + at).cast::<[u8; N]>().write_unaligned(piece);
                }
                if at == last {
                    break;
                }
                at = (at + N).min(last);
            }
        }
    }
}
