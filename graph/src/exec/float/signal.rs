//! Convolutions of signals.

use super::Convolution;
use super::lower::{bias, fuse_activation, packed};
use crate::exec::builder::Builder;
use crate::exec::scratch::Scratch;
use crate::exec::signal::{Reordered, Signal};
use crate::exec::step::{StepContext, StepKernel, StepKind};
use crate::exec::value::Layout;
use crate::ops::shared::convolution::Geometry;
use crate::{Error, Node};

/// A convolution between values in ONNX's order.
#[derive(Debug)]
struct SignalConvolution {
    convolution: Convolution,
    signal: Signal,
}

impl StepKernel for SignalConvolution {
    fn run(&self, context: &mut StepContext<'_>, scratch: &mut Scratch) -> Result<(), Error> {
        let (x, y) = (context.input::<f32>(0)?, context.output(0)?);
        let blank = || (Reordered::default(), self.convolution.memory());
        scratch.with(blank, |(reordered, memories)| {
            self.signal.around(reordered, x, y, |x, y| {
                self.convolution.compute(x, None, y, memories);
                Ok(())
            })
        })
    }

    fn kind(&self) -> StepKind {
        StepKind::Float
    }

    fn describe(&self) -> String {
        format!("{}, of a signal", self.convolution.describe())
    }
}

/// `Conv` of a signal of shape `shape` with constant weights.
pub(super) fn convolution(builder: &mut Builder<'_>, node: &Node, shape: &[usize]) -> Result<bool, Error> {
    let Some(weights) = builder.constant_input(node, 1).filter(|w| w.rank() == shape.len()).cloned() else {
        return Ok(false);
    };
    let geometry = Geometry::new(node, shape, weights.shape())?.of_one_row();
    if geometry.window.is_huge() {
        return Ok(false);
    }
    let Some(bias) = bias(builder, node, 2, geometry.out_channels()) else { return Ok(false) };
    let input = builder.read(node.required_input(0)?, Layout::Plain)?;
    let (clamp, result) = fuse_activation(builder, node)?;
    let output = builder.define(&result, Layout::Plain)?;
    let [in_channels, out_channels] = geometry.channels;
    let length = geometry.window.sizes.output[1];
    let signal =
        Signal::new(geometry.batch, [[in_channels, geometry.window.input[1]], [out_channels, length]]);
    let pixels = geometry.batch * length;
    let weights = packed(builder, node, &geometry, weights.as_f32()?, &bias)?;
    builder.take_scratch(Convolution::description_bytes(&geometry))?;
    let convolution = Convolution::new(geometry, weights, clamp, builder.workers.clone());
    builder.count_scratch(convolution.scratch_bytes(pixels) + signal.scratch_bytes::<f32, f32>());
    let kernel = SignalConvolution { convolution, signal };
    builder.push(node, vec![Some(input)], vec![output], Box::new(kernel));
    Ok(true)
}
