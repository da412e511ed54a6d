//! `ConvTranspose`: every input element adds a kernel, multiplied by it, to the output. Activations NCHW, weights IOHW, any number of
//! spatial axes.

use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::convolution::check_bias;
use super::shared::indexing::for_each_index;
use super::shared::inputs::Inputs;
use super::shared::transposed::{Axis, Geometry};
use crate::exec::float;
use crate::{Error, Tensor, TensorType};

pub(crate) static OP: Operator = Operator {
    examples: &[
        Example::new(
            &[Input::Floats(&[1, 3, 4, 5]), Input::Weights(&[3, 2, 3, 2]), Input::Weights(&[2])],
            &[("pads", Value::Ints(&[1, 0, 1, 1])), ("strides", Value::Ints(&[2, 1]))],
        ),
        Example::new(
            &[Input::Floats(&[2, 4, 3, 3]), Input::Weights(&[4, 1, 3, 3])],
            &[
                ("group", Value::Int(2)),
                ("strides", Value::Ints(&[3, 2])),
                ("dilations", Value::Ints(&[1, 2])),
                ("output_padding", Value::Ints(&[1, 0])),
            ],
        ),
        Example::new(
            &[Input::Floats(&[1, 2, 4]), Input::Weights(&[2, 3, 4])],
            &[("auto_pad", Value::Text("SAME_UPPER")), ("strides", Value::Ints(&[2]))],
        ),
    ],
    reads: |inputs| {
        let weights = inputs.optional(1).map_or(&[][..], |weights| &weights.shape);
        weights.iter().fold(1, |depth, &size| depth.saturating_mul(size))
    },
    lower: float::conv_transpose::lower,
    ..Operator::new("ConvTranspose", "a transposed convolution, with groups and dilations", infer, evaluate)
};

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    let geometry = Geometry::new(inputs.node, inputs.shape(0)?, inputs.shape(1)?)?;
    if let Some(bias) = inputs.optional(2)
        && bias.shape != [geometry.out_channels()]
    {
        let reason = format!("a bias of shape {:?} for {} channels", bias.shape, geometry.out_channels());
        return Err(inputs.error(reason));
    }
    inputs.like(0, geometry.output())
}

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    let geometry = Geometry::new(args.node(), args.tensor(0)?.shape(), args.tensor(1)?.shape())?;
    let (x, w) = (args.values::<f32>(0)?, args.values::<f32>(1)?);
    let bias = args.optional(2).map(Tensor::as_f32).transpose()?;
    check_bias(args, bias.map(<[f32]>::len), geometry.out_channels())?;
    let shape = geometry.output();
    let mut y = vec![0.0f64; args.count(&shape)?];
    let size = |of: fn(&Axis) -> usize| geometry.axes.iter().map(of).product::<usize>();
    let [inputs, outputs, kernel] = [size(|a| a.input), size(|a| a.output), size(|a| a.kernel)];
    let (channels, [group_in, group_out]) = (geometry.out_channels(), geometry.group_channels);
    let input: Vec<usize> = geometry.axes.iter().map(|axis| axis.input).collect();
    let (mut pixel, mut taps) = (0, Vec::new());
    for_each_index(&input, |index| {
        find_taps(&geometry.axes, index, &mut taps);
        for image in 0..geometry.batch {
            for channel in 0..geometry.groups * group_in {
                let x = f64::from(x[(image * geometry.groups * group_in + channel) * inputs + pixel]);
                for out in 0..group_out {
                    let first = (image * channels + channel / group_in * group_out + out) * outputs;
                    let kernel = &w[(channel * group_out + out) * kernel..][..kernel];
                    for &(to, tap) in &taps {
                        y[first + to] += x * f64::from(kernel[tap]);
                    }
                }
            }
        }
        pixel += 1;
    });
    let bias_of = |at: usize| bias.map_or(0.0, |bias| f64::from(bias[at / outputs % channels]));
    let y: Vec<f32> = y.into_iter().enumerate().map(|(at, sum)| (sum + bias_of(at)) as f32).collect();
    Ok(vec![Tensor::new(shape, y)?])
}

/// The taps of the input element at `index` that lie inside the output: offsets in the output and in the kernel.
fn find_taps(axes: &[Axis], index: &[usize], taps: &mut Vec<(usize, usize)>) {
    taps.clear();
    taps.push((0, 0));
    for (axis, &at) in axes.iter().zip(index) {
        let along = |&(to, in_kernel): &(usize, usize)| {
            axis.taps(at).map(move |tap| {
                (to * axis.output + axis.position(at, tap), in_kernel * axis.kernel + tap)
            })
        };
        *taps = taps.iter().flat_map(along).collect();
    }
}
