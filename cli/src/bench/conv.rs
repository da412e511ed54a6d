//! Measures convolutions.

use eightbit::{Conv2d, Element, Error, OutputElement, Workspace, reference};

use crate::bench::check::Verdict;
use crate::bench::shapes::ConvShape;
use crate::bench::types::{Build, Types};
use crate::bench::{Case, Setup, biases, on_threads, random};

/// The number of products that the reference computes, at about a nanosecond each.
const CHECKED_PRODUCTS: usize = 1 << 27;

/// The convolution `conv` with these types: NHWC, weights packed, a zero point of the activations, a bias.
/// Products with padding count as operations, as they do for the peers.
pub(crate) fn case(setup: &Setup, conv: &ConvShape, types: Types) -> Result<Case, Error> {
    types.build(ConvCase { setup, conv, types })
}

struct ConvCase<'a> {
    setup: &'a Setup,
    conv: &'a ConvShape,
    types: Types,
}

impl Build for ConvCase<'_> {
    fn build<A: Element, W: Element, T: OutputElement + Into<i32>>(self) -> Result<Case, Error> {
        let ConvCase { setup, conv, types } = self;
        let (shape, channels) = (conv.shape, conv.shape.out_channels);
        let [height, width] = shape.output();
        let taps = shape.kernel[0] * shape.kernel[1] * (shape.in_channels / shape.groups);
        let input = random::<A>(shape.input[0] * shape.input[1] * shape.in_channels);
        let weights = types.random_weights::<W>(channels * taps);
        let (bias, stage) = (biases(channels), types.stage(channels));
        let (input_zero, weight_zeros) = (types.activation_zero(), types.weight_zeros(channels));
        let packed = Conv2d::pack(setup.backend, &shape, &weights, weight_zeros.clone())?;
        let plan = Conv2d::new(shape, packed, A::TYPE, input_zero, Some(&bias), &stage)?;
        let path = plan.explain();
        let mut out = vec![T::default(); height * width * channels];
        let mut workspaces = setup.workspaces(plan.workspace_bytes());
        // Errors occur at the first call; the measured calls are identical.
        convolve(&plan, &input, &mut out, &mut workspaces)?;
        let verdict = setup.check.then(|| {
            // Check only the first channels if there are too many: each has weights of its own.
            let most = (CHECKED_PRODUCTS / (height * width * taps)).clamp(1, channels);
            let checked = if shape.groups == 1 { most } else { channels };
            let mut part = shape;
            part.out_channels = checked;
            let sums = reference::conv2d(&part, &input, input_zero, &weights, &weight_zeros, Some(&bias));
            let results = out.chunks_exact(channels).flat_map(|pixel| &pixel[..checked]).copied();
            let mut verdict = Verdict::default();
            verdict.add(results, &sums, &stage, |index| index % checked);
            verdict
        });
        let operations = 2.0 * out.len() as f64 * taps as f64;
        Ok(Case {
            shape: conv.name.clone(),
            types: types.to_string(),
            path,
            verdict,
            measure: Box::new(move |stopwatch| {
                let rates = stopwatch.measure(operations, || {
                    drop(convolve(&plan, &input, &mut out, &mut workspaces));
                });
                std::hint::black_box(&out);
                rates
            }),
        })
    }
}

/// One call, with one thread per workspace.
fn convolve<A: Element, T: OutputElement>(
    plan: &Conv2d,
    input: &[A],
    out: &mut [T],
    workspaces: &mut [Workspace],
) -> Result<(), Error> {
    on_threads(plan.call(input, out)?, workspaces)
}
