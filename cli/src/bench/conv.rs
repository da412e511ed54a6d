//! Measures convolutions.

use std::time::Duration;

use eightbit::{Backend, Conv2d, ElementType, Error, Per, Requantize, Stage, Workspace};

use crate::bench::shapes::ConvShape;
use crate::bench::{Line, bytes, signed_bytes, timing};

/// Measures `conv`: NHWC, `u8` activations with a zero point, `i8` weights and a scale per channel, `u8` out.
/// Products with padding count as operations, as they do for the peers.
pub(crate) fn line(backend: Backend, conv: &ConvShape, budget: Duration) -> Result<Line, Error> {
    let shape = &conv.shape;
    let [height, width] = shape.output();
    let taps = shape.kernel[0] * shape.kernel[1] * (shape.in_channels / shape.groups);
    let weights = signed_bytes(shape.out_channels * taps);
    let input = bytes(shape.input[0] * shape.input[1] * shape.in_channels);
    let mut out = vec![0u8; height * width * shape.out_channels];
    // The scales and the zero point of the peers' drivers.
    let scales = Per::Channel(vec![0.02 * 0.01 / 2.0; shape.out_channels]);
    let bias = vec![100i32; shape.out_channels];
    let stage = Stage::Requantize(Requantize::new(scales, 128, ElementType::U8));
    let packed = Conv2d::pack(backend, shape, &weights, 0)?;
    let plan = Conv2d::new(*shape, packed, ElementType::U8, 128, Some(&bias), &stage)?;
    let mut workspace = Workspace::with_capacity(plan.workspace_bytes());
    // What can fail, fails at the first call: the ones that are measured are the same.
    plan.run(&input, &mut out, &mut workspace)?;
    let operations = 2.0 * out.len() as f64 * taps as f64;
    let rates = timing::measure(operations, budget, || drop(plan.run(&input, &mut out, &mut workspace)));
    std::hint::black_box(&out);
    Ok(Line { shape: conv.name.clone(), types: "u8s8u8_nhwc_zp", rates, path: plan.explain() })
}
