//! Epilogue: from accumulator to output element.

use core::ptr;

use crate::ElementType;
use crate::byte_range::ByteRange;

/// The epilogue of an accumulator. `F` and `I` hold what it has by column: those of a plan are vectors, those of a call
/// [slices](StageRef).
#[derive(Clone, Copy, Debug)]
pub enum Stage<F, I> {
    /// Stored as `i32`; added (mod 2³²) to the output if `accumulate`.
    Accumulators {
        /// Whether to add to the output instead of replacing it.
        accumulate: bool,
    },
    /// `rne(clamp(f32(acc) · scale[n], low − zero_point, high − zero_point)) + zero_point`.
    Requantize {
        /// Factor by column: finite, > 0.
        scale: F,
        /// The output's zero point, within its type's range.
        zero_point: i32,
        /// Least output value.
        low: i32,
        /// Greatest output value.
        high: i32,
        /// `U8` or `I8`.
        output: ElementType,
    },
    /// As TensorFlow Lite's reference kernels: `acc · 2^left`, saturating rounding doubling high multiplication by
    /// `multiplier[n]`, rounding division by `2^right`, where `shift[n] = left` if positive and `−right` if not.
    RequantizeFixed {
        /// Mantissa by column, 2³⁰ … 2³¹−1.
        multiplier: I,
        /// Exponent by column, −31 … 30.
        shift: I,
        /// The output's zero point, within its type's range.
        zero_point: i32,
        /// Least output value.
        low: i32,
        /// Greatest output value.
        high: i32,
        /// `U8` or `I8`.
        output: ElementType,
    },
    /// `clamp((f32(acc) · scale[n]) · row_scale[m] + bias[n], low, high)`, each step rounded on its own.
    Dequantize {
        /// Factor by column: finite.
        scale: F,
        /// Factor by row of the whole matrix: finite, > 0.
        row_scale: Option<F>,
        /// Added at the end: finite.
        bias: Option<F>,
        /// Least output value; not NaN.
        low: f32,
        /// Greatest output value; not NaN.
        high: f32,
    },
}

/// The stage of a call. Slices by column hold at least as many elements as the panels have columns, padding included (see
/// [`PanelShape::padded_columns`](super::PanelShape::padded_columns)).
pub type StageRef<'a> = Stage<&'a [f32], &'a [i32]>;

impl<F, I> Stage<F, I> {
    /// The type that the stage writes.
    #[must_use]
    #[inline]
    pub fn output(&self) -> ElementType {
        match *self {
            Stage::Accumulators { .. } => ElementType::I32,
            Stage::Requantize { output, .. } | Stage::RequantizeFixed { output, .. } => output,
            Stage::Dequantize { .. } => ElementType::F32,
        }
    }

    /// The stage of a call with columns from `first` on, counted with padding. `row_scale` replaces the factors by row of
    /// [`Stage::Dequantize`].
    #[must_use]
    #[inline]
    pub fn columns_from<'a>(&'a self, first: usize, row_scale: Option<&'a [f32]>) -> StageRef<'a>
    where
        F: AsRef<[f32]>,
        I: AsRef<[i32]>,
    {
        match *self {
            Stage::Accumulators { accumulate } => Stage::Accumulators { accumulate },
            Stage::Requantize { ref scale, zero_point, low, high, output } => {
                Stage::Requantize { scale: &scale.as_ref()[first..], zero_point, low, high, output }
            }
            Stage::RequantizeFixed { ref multiplier, ref shift, zero_point, low, high, output } => {
                let (multiplier, shift) = (&multiplier.as_ref()[first..], &shift.as_ref()[first..]);
                Stage::RequantizeFixed { multiplier, shift, zero_point, low, high, output }
            }
            Stage::Dequantize { ref scale, ref bias, low, high, .. } => {
                let bias = bias.as_ref().map(|bias| &bias.as_ref()[first..]);
                Stage::Dequantize { scale: &scale.as_ref()[first..], row_scale, bias, low, high }
            }
        }
    }
}

impl StageRef<'_> {
    /// Whether rows have factors of their own.
    #[inline]
    pub(crate) fn has_row_scale(&self) -> bool {
        matches!(self, Stage::Dequantize { row_scale: Some(_), .. })
    }

    /// Asserts that the stage is sound for `padded_columns` columns and `rows` rows.
    #[inline]
    pub(crate) fn check(&self, padded_columns: usize, rows: usize) {
        match *self {
            Stage::Accumulators { .. } => {}
            Stage::Requantize { scale, zero_point, low, high, output } => {
                assert!(scale.len() >= padded_columns, "one scale per column, padding included");
                check_range(zero_point, low, high, output);
            }
            Stage::RequantizeFixed { multiplier, shift, zero_point, low, high, output } => {
                assert!(multiplier.len() >= padded_columns, "one multiplier per column, padding included");
                assert!(shift.len() >= padded_columns, "one shift per column, padding included");
                check_range(zero_point, low, high, output);
            }
            Stage::Dequantize { scale, row_scale, bias, .. } => {
                assert!(scale.len() >= padded_columns, "one scale per column, padding included");
                assert!(row_scale.is_none_or(|s| s.len() >= rows), "one row scale per row");
                assert!(
                    bias.is_none_or(|b| b.len() >= padded_columns),
                    "one bias per column, padding included"
                );
            }
        }
    }

    /// The stage with its column pointers at `column` and its row pointers at `row`.
    ///
    /// # Safety
    ///
    /// `column` and `row` are within what [`check`](Self::check) was called with.
    #[inline]
    pub(crate) unsafe fn at(&self, row: usize, column: usize) -> RawStage {
        // SAFETY (every `add` below): within the slices by this function's contract.
        match *self {
            Stage::Accumulators { accumulate } => RawStage::Accumulators { accumulate },
            Stage::Requantize { scale, zero_point, low, high, output } => RawStage::Requantize {
                // SAFETY: see above.
                scale: unsafe { scale.as_ptr().add(column) },
                high: (high - zero_point) as f32,
                range: ByteRange::new(zero_point, low, output),
            },
            Stage::RequantizeFixed { multiplier, shift, zero_point, low, high, output } => {
                RawStage::RequantizeFixed {
                    // SAFETY: see above.
                    multiplier: unsafe { multiplier.as_ptr().add(column) },
                    // SAFETY: see above.
                    shift: unsafe { shift.as_ptr().add(column) },
                    high: high - zero_point,
                    range: ByteRange::new(zero_point, low, output),
                }
            }
            Stage::Dequantize { scale, row_scale, bias, low, high } => RawStage::Dequantize {
                // SAFETY: see above.
                scale: unsafe { scale.as_ptr().add(column) },
                // SAFETY: see above.
                row_scale: row_scale.map_or(ptr::null(), |s| unsafe { s.as_ptr().add(row) }),
                // SAFETY: see above.
                bias: bias.map_or(ptr::null(), |b| unsafe { b.as_ptr().add(column) }),
                low,
                high,
            },
        }
    }
}

fn check_range(zero_point: i32, low: i32, high: i32, output: ElementType) {
    assert!(matches!(output, ElementType::U8 | ElementType::I8), "requantization writes u8 or i8");
    let (min, max) = output.integer_range();
    assert!((min..=max).contains(&zero_point), "zero point within the output's range");
    assert!(min <= low && low <= high && high <= max, "clamp within the output's range");
}

/// [`Stage`] as a kernel sees it: pointers that begin at the tile's first column and row.
#[derive(Clone, Copy)]
pub(crate) enum RawStage {
    Accumulators {
        accumulate: bool,
    },
    /// `high` is less the zero point, which `range` adds.
    Requantize {
        scale: *const f32,
        high: f32,
        range: ByteRange,
    },
    /// As in `Requantize`: less the zero point, which `range` adds.
    RequantizeFixed {
        multiplier: *const i32,
        shift: *const i32,
        high: i32,
        range: ByteRange,
    },
    Dequantize {
        scale: *const f32,
        row_scale: *const f32,
        bias: *const f32,
        low: f32,
        high: f32,
    },
}

impl RawStage {
    /// Moves to the stage of a tile `rows` rows below.
    #[inline(always)]
    pub(crate) fn move_down(&mut self, rows: usize) {
        if let RawStage::Dequantize { row_scale, .. } = self
            && !row_scale.is_null()
        {
            *row_scale = row_scale.wrapping_add(rows);
        }
    }

    /// The stage of a tile `columns` columns to the right.
    ///
    /// # Safety
    ///
    /// The stage has that column.
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    pub(crate) unsafe fn right(&self, columns: usize) -> RawStage {
        // SAFETY (every `add` below): within what the pointers are valid for, by this function's contract.
        match *self {
            RawStage::Accumulators { .. } => *self,
            RawStage::Requantize { scale, high, range } => {
                // SAFETY: see above.
                RawStage::Requantize { scale: unsafe { scale.add(columns) }, high, range }
            }
            RawStage::RequantizeFixed { multiplier, shift, high, range } => {
                // SAFETY: see above.
                let (multiplier, shift) = unsafe { (multiplier.add(columns), shift.add(columns)) };
                RawStage::RequantizeFixed { multiplier, shift, high, range }
            }
            RawStage::Dequantize { scale, row_scale, bias, low, high } => RawStage::Dequantize {
                // SAFETY: see above.
                scale: unsafe { scale.add(columns) },
                row_scale,
                // SAFETY: see above.
                bias: if bias.is_null() { bias } else { unsafe { bias.add(columns) } },
                low,
                high,
            },
        }
    }

    /// Bytes of an output element.
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    pub(crate) fn output_bytes(&self) -> usize {
        match self {
            RawStage::Accumulators { .. } | RawStage::Dequantize { .. } => 4,
            RawStage::Requantize { .. } | RawStage::RequantizeFixed { .. } => 1,
        }
    }
}
