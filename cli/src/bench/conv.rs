//! Measures convolutions.

use eightbit::{Conv2d, Element, Error, Workspace, reference};

use crate::bench::case::{Case, Work, on_threads};
use crate::bench::check::Verdict;
use crate::bench::setup::Setup;
use crate::bench::shapes::ConvShape;
use crate::bench::types::{Operands, Operator, Output, Types};

/// The number of products that the reference computes, at about a nanosecond each.
const CHECKED_PRODUCTS: usize = 1 << 27;

/// Images are NHWC, weights are packed; the activations have a zero point, the channels a bias. Products with padding count as
/// operations, as they do for the peers.
impl Operator for ConvShape {
    fn typed<A: Element, W: Element, T: Output>(&self, setup: &Setup, types: Types) -> Result<Case, Error> {
        let (shape, channels) = (self.sizes, self.sizes.out_channels);
        let [height, width] = shape.output();
        let taps = shape.kernel[0] * shape.kernel[1] * (shape.in_channels / shape.groups);
        let Operands { input, weights, bias, stage, input_zero, weight_zeros } =
            types.operands::<A, W>(shape.input[0] * shape.input[1] * shape.in_channels, taps, channels);
        let packed =
            Conv2d::pack_as(setup.backend, &shape, &weights, types.precision(), weight_zeros.clone())?;
        let plan = Conv2d::new(shape, packed, A::TYPE, input_zero, Some(&bias), &stage)?;
        let work = Work {
            path: plan.explain(),
            workspace_bytes: plan.workspace_bytes(),
            outputs: height * width * channels,
            depth: taps,
            input,
            call: move |input: &[A], out: &mut [T], workspaces: &mut [Workspace]| {
                on_threads(plan.call(input, out)?, workspaces)
            },
        };
        Case::new(setup, [self.name.clone(), types.to_string()], work, |input, out| {
            // Check only the first channels if there are too many: each has weights of its own.
            let most = (CHECKED_PRODUCTS / (height * width * taps)).clamp(1, channels);
            let checked = if shape.groups == 1 { most } else { channels };
            let mut part = shape;
            part.out_channels = checked;
            let sums = reference::conv2d(&part, input, input_zero, &weights, &weight_zeros, Some(&bias));
            let results = out.chunks_exact(channels).flat_map(|pixel| &pixel[..checked]).copied();
            let mut verdict = Verdict::default();
            verdict.add(results, &sums, &stage, |index| index % checked);
            verdict
        })
    }
}
