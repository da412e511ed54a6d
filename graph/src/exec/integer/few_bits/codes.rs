//! From floats to the integers of a grid.

use eightbit::binary::row_bytes;
use eightbit::elementwise::Quantize;
use eightbit::{Backend, ElementType, QuantizedType, Workspace};
use eightbit_kernels::binary::pack_signs;

use super::grid::{Grid, Rule};
use crate::Error;
use crate::exec::integer::planned::Failure;
use crate::ops::shared::few_bits::Rounding;

/// Memory for integers, of which one type is used.
#[derive(Clone, Debug, Default)]
pub(super) struct Codes {
    pub(super) signed: Vec<i8>,
    pub(super) unsigned: Vec<u8>,
}

/// Encodes numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Coder {
    grid: Grid,
    /// The kernel that does the same, if there is one.
    kernel: Option<Quantize>,
}

impl Coder {
    pub(super) fn new(grid: &Grid, backend: Backend) -> Result<Coder, Error> {
        let kernel = match grid.rule {
            // Rounding rises with its operand, so numbers may be clamped to the rounded bounds before or after it.
            Rule::Quant { zero_point: 0.0, bits, rounding: Rounding::HalfEven, .. } if bits > 1.0 => {
                let of_type = QuantizedType::new(element(grid), grid.step, 0);
                of_type.and_then(|of_type| Quantize::new(backend, of_type).clamped(grid.low, grid.high)).ok()
            }
            _ => None,
        };
        Ok(Coder { grid: *grid, kernel })
    }

    /// The type of the integers.
    pub(super) fn element(&self) -> ElementType {
        element(&self.grid)
    }

    /// The integers, as a step describes them.
    pub(super) fn describe(&self) -> String {
        format!("integers {}..={} of floats", self.grid.low, self.grid.high)
    }

    /// Encodes numbers; returns whether one of them is NaN, whose integer has no meaning.
    pub(super) fn encode(&self, x: &[f32], codes: &mut Codes) -> Result<bool, Failure> {
        let Grid { step, rule, .. } = self.grid;
        let workspace = &mut Workspace::new();
        if self.element() == ElementType::I8 {
            codes.signed.resize(x.len(), 0);
            match &self.kernel {
                Some(kernel) => kernel.call(x, &mut codes.signed)?.run(workspace),
                None => {
                    codes.signed.iter_mut().zip(x).for_each(|(code, &x)| *code = rule.integer(x, step) as i8)
                }
            }
        } else {
            codes.unsigned.resize(x.len(), 0);
            match &self.kernel {
                Some(kernel) => kernel.call(x, &mut codes.unsigned)?.run(workspace),
                None => codes
                    .unsigned
                    .iter_mut()
                    .zip(x)
                    .for_each(|(code, &x)| *code = rule.integer(x, step) as u8),
            }
        }
        Ok(!rule.takes_nan() && x.iter().fold(false, |found, x| found | x.is_nan()))
    }
}

fn element(grid: &Grid) -> ElementType {
    if grid.low < 0 { ElementType::I8 } else { ElementType::U8 }
}

/// Packs rows of signs as `BipolarQuant` takes them: a bit is set where a number is not greater than or equal to 0, NaN included.
pub(super) fn pack_bits(backend: Backend, x: &[f32], columns: usize, bits: &mut Vec<u8>) {
    bits.resize(x.len() / columns * row_bytes(columns), 0);
    pack_signs(backend, x, columns, bits);
}
