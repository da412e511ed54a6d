//! Dynamic quantization: zero points and scales that are known only when the graph runs.

use eightbit::elementwise::Quantize;
use eightbit::{Dequantize, ElementType, MatMut, MatRef, Per, QuantizedType, Stage};
use eightbit_kernels::elementwise::range;

use super::batched::Batched;
use super::planned::{by_byte, planned, with_type};
use super::product::{
    convolve, describe_convolution, describe_product, layout, planned_convolution, planned_product, signal,
};
use super::{element_type, zero_points};
use crate::exec::builder::Builder;
use crate::exec::float::lower::next_activation;
use crate::exec::signal::Reordered;
use crate::exec::step::{StepContext, StepKernel};
use crate::exec::value::Layout;
use crate::exec::workers::Threads;
use crate::ops::shared::scaled_sums::{BIAS, SCALES};
use crate::ops::shared::scales::DynamicRange;
use crate::{Element, Error, Node};

/// `DynamicQuantizeLinear`.
pub(crate) fn quantize(builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
    let outputs: Vec<&str> = (0..3).filter_map(|index| node.output(index)).collect();
    let &[y, scale, zero] = outputs.as_slice() else { return Ok(false) };
    let x = node.required_input(0)?;
    let layout = builder.layout_of(x);
    let inputs = vec![Some(builder.read(x, layout)?)];
    let mut define = |name, layout| builder.define(name, layout);
    let outputs = vec![define(y, layout)?, define(scale, Layout::Plain)?, define(zero, Layout::Plain)?];
    let (backend, threads) = (builder.backend, Threads::new(builder.workers, 0));
    let kernel = planned("dynamic quantize", threads, move |context, threads| {
        let x = context.input::<f32>(0)?;
        // NaN counts as 0, which the kernel does not know.
        let range = range(backend, x)
            .map_or_else(|| DynamicRange::of(x), |(low, high)| DynamicRange::over(low, high));
        let range = range.ok_or_else(|| context.error(DynamicRange::NOT_FINITE))?;
        let plan = Quantize::new(backend, QuantizedType::u8(range.scale, range.zero)?);
        threads.run(plan.call(x, context.output::<u8>(0)?)?);
        context.output::<f32>(1)?.fill(range.scale);
        context.output::<u8>(2)?.fill(range.zero as u8);
        Ok(())
    });
    builder.push(node, inputs, outputs, kernel);
    Ok(true)
}

/// What a product reads from the values of a run, by the positions among the inputs of the step.
#[derive(Clone, Copy, Default)]
pub(super) struct Late {
    /// The zero points of both factors.
    zeros: [Option<usize>; 2],
    scales: Option<usize>,
}

impl Late {
    /// The zero point of a factor of type `T`, if a run has it.
    pub(super) fn zero<T: Element + Into<i32>>(
        self,
        context: &StepContext<'_>,
        factor: usize,
    ) -> Result<Option<i32>, Error> {
        let Some(index) = self.zeros[factor] else { return Ok(None) };
        Ok(context.input::<T>(index)?.first().map(|&zero| zero.into()))
    }

    /// The scales, if a run has them.
    pub(super) fn scales<'a>(self, context: &StepContext<'a>) -> Result<Option<&'a [f32]>, Error> {
        self.scales.map(|index| context.input::<f32>(index)).transpose()
    }
}

/// The inputs of the zero points of both factors, after these.
const ZEROS: [usize; 2] = [2, 3];

/// What is known of a product before it runs. Its inputs are both factors, their zero points, scales and bias.
struct Plan {
    /// The type of the activations.
    lhs: ElementType,
    /// The zero points, or any.
    zeros: [i32; 2],
    stage: Stage,
    late: Late,
    /// The inputs of the node that the step reads, in this order.
    reads: Vec<usize>,
    /// The node of an activation that is fused.
    activation: Option<usize>,
    /// The name of the output, that of the activation if there is one.
    output: String,
}

impl Plan {
    /// `None` if no kernel computes the product.
    fn new(builder: &Builder<'_>, node: &Node) -> Result<Option<Self>, Error> {
        let Some(lhs) = element_type(builder.type_of(node.required_input(0)?)?.data_type) else {
            return Ok(None);
        };
        let bias = match node.input(BIAS) {
            None => None,
            Some(bias) => match builder.constant(bias).and_then(|bias| bias.as_f32().ok()) {
                Some(bias) => Some(bias.to_vec()),
                None => return Ok(None),
            },
        };
        let weights_are_known = builder.constant_input(node, 1).is_some();
        let mut reads = if weights_are_known { vec![0] } else { vec![0, 1] };
        let mut late = Late::default();
        let mut known = [0; 2];
        for (factor, index) in ZEROS.into_iter().enumerate() {
            match zero_points(builder, node, index).as_deref() {
                Some(&[zero]) => known[factor] = zero,
                // Weights have the zero points of their columns packed with them.
                Some(_) if factor == 1 && weights_are_known => {}
                Some(_) => return Ok(None),
                None if builder.type_of(node.required_input(index)?)?.shape.iter().product::<usize>()
                    != 1
                    || factor == 1 && weights_are_known =>
                {
                    return Ok(None);
                }
                None => {
                    late.zeros[factor] = Some(reads.len());
                    reads.push(index);
                }
            }
        }
        let (mut activation, mut output) = (None, node.required_output(0)?.to_owned());
        let mut stage = Stage::ACCUMULATORS;
        if node.input(SCALES).is_some() {
            late.scales = Some(reads.len());
            reads.push(SCALES);
            let clamp;
            (activation, clamp, output) = next_activation(builder, node)?;
            let dequantize = Dequantize::new(Per::Tensor(1.0)).with_bias(bias);
            stage = Stage::Dequantize(dequantize.clamped(clamp.low, clamp.high));
        }
        Ok(Some(Self { lhs, zeros: known, stage, late, reads, activation, output }))
    }

    /// Adds the step of the product, which reads the activations in `layout`.
    fn push(
        self,
        builder: &mut Builder<'_>,
        node: &Node,
        layout: Layout,
        kernel: Box<dyn StepKernel>,
    ) -> Result<bool, Error> {
        self.activation.into_iter().for_each(|index| builder.fuse(index));
        let mut inputs = Vec::with_capacity(self.reads.len());
        for &index in &self.reads {
            let layout = if index == 0 { layout } else { Layout::Plain };
            inputs.push(Some(builder.read(node.required_input(index)?, layout)?));
        }
        let output = match layout {
            Layout::ChannelsLast => builder.define_pixels(&self.output)?,
            Layout::Plain => builder.define(&self.output, layout)?,
        };
        builder.push(node, inputs, vec![output], kernel);
        Ok(true)
    }
}

/// `ConvInteger`.
pub(crate) fn convolution(builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
    let Some(plan) = Plan::new(builder, node)? else { return Ok(false) };
    let inputs = [1, ZEROS[1], usize::MAX];
    let Some(conv) = planned_convolution(builder, node, inputs, plan.zeros[0], &plan.stage)? else {
        return Ok(false);
    };
    let (late, layout, what) = (plan.late, layout(builder, node)?, describe_convolution(&conv));
    let threads = Threads::new(builder.workers, conv.workspace_bytes());
    let kernel: Box<dyn StepKernel> = by_byte!(I, plan.lhs, {
        with_type!(O, conv.output(), [ElementType::F32 => f32, _ => i32], {
            let signal = signal::<I, O>(builder, layout, conv.shape())?;
            let memory = (threads, conv, Reordered::<I, O>::default());
            planned(what, memory, move |context, (threads, conv, reordered)| {
                late.zero::<I>(context, 0)?.map_or(Ok(()), |zero| conv.set_input_zero_point(zero))?;
                late.scales(context)?.map_or(Ok(()), |scales| conv.set_scales(scales))?;
                convolve(conv, signal.map(|signal| (signal, reordered)), context, threads)
            })
        })
    });
    plan.push(builder, node, layout, kernel)
}

/// `MatMulInteger`.
pub(crate) fn product(builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
    let Some(plan) = Plan::new(builder, node)? else { return Ok(false) };
    let late = plan.late;
    if builder.constant_input(node, 1).is_none() {
        if node.input(BIAS).is_some() {
            return Ok(false);
        }
        let Some(batched) = Batched::new(builder, node, 1, plan.zeros, &plan.stage)? else {
            return Ok(false);
        };
        let kernel = batched.kernel(builder.workers, late);
        return plan.push(builder, node, Layout::Plain, kernel);
    }
    let inputs = [1, ZEROS[1], usize::MAX];
    let gemm = planned_product(builder, node, inputs, false, plan.zeros[0], &plan.stage)?;
    let Some((gemm, rows)) = gemm else { return Ok(false) };
    let (depth, columns) = (gemm.weights().depth(), gemm.weights().columns());
    let what = describe_product(&gemm.explain(rows));
    let threads = Threads::new(builder.workers, gemm.workspace_bytes());
    let kernel: Box<dyn StepKernel> = by_byte!(I, plan.lhs, {
        with_type!(O, gemm.output(), [ElementType::F32 => f32, _ => i32], {
            planned(what, (threads, gemm), move |context, (threads, gemm)| {
                late.zero::<I>(context, 0)?.map_or(Ok(()), |zero| gemm.set_lhs_zero_point(zero))?;
                late.scales(context)?.map_or(Ok(()), |scales| gemm.set_scales(scales))?;
                let a = MatRef::new(context.input::<I>(0)?, rows, depth)?;
                let out = MatMut::new(context.output::<O>(0)?, rows, columns)?;
                threads.run(gemm.call(a, out)?);
                Ok(())
            })
        })
    });
    plan.push(builder, node, Layout::Plain, kernel)
}
