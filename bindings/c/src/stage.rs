//! What becomes of accumulators.

use eightbit::{Dequantize, ElementType, Per, Requantize, Stage};

use crate::pointer;
use crate::status::{Code, Failure};
use crate::types::element_type;

/// The struct of the header.
#[repr(C)]
pub(crate) struct EbStage {
    output: i32,
    scales: *const f32,
    scale_count: usize,
    zero_point: i32,
    low: f32,
    high: f32,
}

impl EbStage {
    /// The stage.
    ///
    /// # Safety
    ///
    /// `scales` keeps the promises of the header.
    pub(crate) unsafe fn read(&self) -> Result<Stage, Failure> {
        let output = element_type(self.output)?;
        if output == ElementType::I32 {
            return Ok(Stage::ACCUMULATORS);
        }
        // SAFETY: as promised by the caller.
        let scales = unsafe { pointer::slice(self.scales, self.scale_count, "stage.scales") }?;
        let scales = match scales {
            [] => {
                return Err(Failure::new(
                    Code::Argument,
                    "stage.scale_count must be 1, or the output channels",
                ));
            }
            [one] => Per::Tensor(*one),
            several => Per::Channel(several.to_vec()),
        };
        if self.low.is_nan() || self.high.is_nan() {
            return Err(Failure::new(Code::Argument, "stage.low and stage.high must be numbers"));
        }
        let is_clamped = self.low <= self.high;
        if output == ElementType::F32 {
            let stage = Dequantize::new(scales);
            return Ok(Stage::Dequantize(if is_clamped {
                stage.clamped(self.low, self.high)
            } else {
                stage
            }));
        }
        let stage = Requantize::new(scales, self.zero_point, output);
        // Beyond the type, a clamp is that of the type.
        let (low, high) = output.integer_range();
        let bound = |number: f32| (number as i32).clamp(low, high);
        let clamped = |stage: Requantize| stage.clamped(bound(self.low), bound(self.high));
        Ok(Stage::Requantize(if is_clamped { clamped(stage) } else { stage }))
    }
}

/// Zero points: none, one, or one for each column.
///
/// # Safety
///
/// `zero_points` keeps the promises of the header.
pub(crate) unsafe fn zero_points(zero_points: *const i32, count: usize) -> Result<Per<i32>, Failure> {
    // SAFETY: as promised by the caller.
    Ok(match unsafe { pointer::slice(zero_points, count, "zero_points") }? {
        [] => Per::Tensor(0),
        [one] => Per::Tensor(*one),
        several => Per::Channel(several.to_vec()),
    })
}
