//! `BatchNormalization` in inference mode: constant statistics per channel.

use super::example::{Example, Input};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::inputs::Inputs;
use super::shared::upgrade::Constants;
use crate::exec::float::batch_norm;
use crate::{Error, Node, Tensor, TensorType};

pub(crate) static OP: Operator = Operator {
    examples: &[Example::new(
        &[
            Input::Floats(&[1, 3, 4, 5]),
            Input::Weights(&[3]),
            Input::Weights(&[3]),
            Input::Weights(&[3]),
            Input::FloatVector(&[0.5, 1.0, 2.0]),
        ],
        &[],
    )],
    lower: batch_norm::lower,
    upgrade,
    ..Operator::new(
        "BatchNormalization",
        "scale · (x − mean) / √(variance + epsilon) + bias by channel",
        infer,
        evaluate,
    )
};

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    if inputs.node.flag("training_mode", false)? || inputs.node.output(1).is_some() {
        return Err(Error::unsupported(inputs.node, "training mode: export the model for inference"));
    }
    let x = inputs.get(0)?;
    let channels = x.shape.get(1).copied().unwrap_or(1);
    for index in 1..5 {
        let shape = inputs.shape(index)?;
        if shape != [channels] {
            return Err(inputs.error(format!("input {index} of shape {shape:?} for {channels} channels")));
        }
    }
    Ok(vec![x.clone()])
}

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    let input = args.tensor(0)?;
    let node = args.node();
    if node.flag("training_mode", false)? {
        return Err(args.unsupported("training mode"));
    }
    let Some(&channels) = input.shape().get(1) else {
        return Err(args.error(format!("an input of shape {:?} has no channels", input.shape())));
    };
    let epsilon = node.float("epsilon", 1e-5)?;
    let parameters: Vec<&[f32]> = (1..5).map(|index| args.values::<f32>(index)).collect::<Result<_, _>>()?;
    if parameters.iter().any(|values| values.len() != channels) {
        return Err(args.error(format!("scale, bias, mean and variance must have {channels} elements")));
    }
    let of_channels: Vec<Channel> =
        (0..channels).map(|c| Channel::new([0, 1, 2, 3].map(|i| parameters[i][c]), epsilon)).collect();
    let plane: usize = input.shape()[2..].iter().product::<usize>().max(1);
    let normalized =
        input.as_f32()?.iter().enumerate().map(|(at, &x)| of_channels[at / plane % channels].apply(x));
    Ok(vec![Tensor::new(input.shape(), normalized.collect::<Vec<_>>())?])
}

/// What is known of a channel, in doubles.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Channel {
    scale: f64,
    bias: f64,
    mean: f64,
    /// `√(variance + epsilon)`
    deviation: f64,
}

impl Channel {
    pub(crate) fn new(parameters: [f32; 4], epsilon: f32) -> Channel {
        let [scale, bias, mean, variance] = parameters.map(f64::from);
        Channel { scale, bias, mean, deviation: (variance + f64::from(epsilon)).sqrt() }
    }

    /// The normalized element.
    #[inline]
    pub(crate) fn apply(self, x: f32) -> f32 {
        (self.scale * (f64::from(x) - self.mean) / self.deviation + self.bias) as f32
    }
}

/// Operator set 9 removed `spatial`, which selected statistics per channel (1) or per element; 7 removed `is_test`, which the number of
/// outputs tells.
fn upgrade(mut node: Node, version: i64, _: &mut Constants<'_>) -> Result<Vec<Node>, Error> {
    if version < 9 {
        if !node.flag("spatial", true)? {
            return Err(Error::unsupported(&node, "statistics per element (spatial = 0)"));
        }
        node.attributes.remove("spatial");
        node.attributes.remove("is_test");
    }
    Ok(vec![node])
}
