//! Convolutions of signals, which have one spatial axis: those of images of one row. The values before and after stay in ONNX's order.

use super::Convolution;
use super::lower::{bias, fuse_activation, packed};
use crate::Error;
use crate::exec::builder::Builder;
use crate::exec::shuffle::transpose;
use crate::exec::step::{StepContext, StepKernel};
use crate::exec::value::Layout;
use crate::ops::shared::convolution::Geometry;
use crate::{Node, element_count};

/// A convolution between values in ONNX's order.
#[derive(Debug)]
struct Signal {
    convolution: Convolution,
    /// Channels and length of the input and of the output.
    sizes: [[usize; 2]; 2],
    /// Input and output, channels innermost.
    scratch: [Vec<f32>; 2],
}

impl StepKernel for Signal {
    fn run(&mut self, context: &mut StepContext<'_>) -> Result<(), Error> {
        let (x, [from, to]) = (context.input::<f32>(0)?, &mut self.scratch);
        let [[in_channels, in_length], [out_channels, out_length]] = self.sizes;
        from.resize(x.len(), 0.0);
        transpose(x, from, in_channels, in_length);
        let y = context.output::<f32>(0)?;
        to.resize(y.len(), 0.0);
        self.convolution.compute(from, to);
        transpose(to, y, out_length, out_channels);
        Ok(())
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
    let sizes = [
        [in_channels, element_count(&geometry.window.input)?],
        [out_channels, element_count(&geometry.window.sizes.output)?],
    ];
    let weights = packed(builder, node, &geometry, weights.as_f32()?, &bias)?;
    let convolution = Convolution::new(geometry, weights, clamp, builder.threads);
    let [from, to] = sizes.map(|[channels, length]| shape[0] * channels * length);
    let pixels = shape[0] * sizes[1][1];
    builder.count_scratch(convolution.scratch_bytes(pixels) + ((from + to) * size_of::<f32>()) as u64);
    let kernel = Signal { convolution, sizes, scratch: Default::default() };
    builder.push(node, vec![Some(input)], vec![output], Box::new(kernel));
    Ok(true)
}
