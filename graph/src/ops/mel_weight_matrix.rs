//! `MelWeightMatrix`: triangles over the frequencies of a spectrum, evenly spaced on the mel scale. Inputs: the number of triangles,
//! the length of the transform, the sample rate, the lowest and the highest frequency.

use super::cast;
use super::example::{Example, Input};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::doubles::doubles;
use super::shared::fourier::one_sided;
use super::shared::inputs::Inputs;
use super::shared::integers::size;
use crate::{DataType, Error, Node, Tensor, TensorType, onnx};

pub(crate) static OP: Operator = Operator {
    since: 17,
    examples: &[Example::new(
        &[
            Input::IntegersOf(&[], &[8]),
            Input::IntegersOf(&[], &[16]),
            Input::IntegersOf(&[], &[8192]),
            Input::Float(0.0),
            Input::Float(4096.0),
        ],
        &[],
    )],
    output_type: |node, _| data_type(node).ok(),
    ..Operator::new(
        "MelWeightMatrix",
        "triangles over frequencies, evenly spaced on the mel scale",
        infer,
        evaluate,
    )
};

fn data_type(node: &Node) -> Result<DataType, Error> {
    Ok(onnx::type_attribute(node, "output_datatype")?.unwrap_or(DataType::F32))
}

/// Frequencies by triangles.
fn shape(args: &Arguments<'_>) -> Result<[usize; 2], Error> {
    let shape = [one_sided(size(args, 1)?), size(args, 0)?];
    args.count(&shape)?;
    Ok(shape)
}

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    let known = [inputs.value(0)?, inputs.value(1)?];
    let shape = shape(&Arguments::new(inputs.node, &known))?;
    Ok(vec![TensorType::new(data_type(inputs.node)?, shape)])
}

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    let [frequencies, triangles] = shape(args)?;
    let (length, rate) = (size(args, 1)?, size(args, 2)?);
    let edge = |index: usize| match doubles(args, index)?[..] {
        [hertz] => Ok(hertz),
        _ => Err(args.error(format!("input {index} must be a single number"))),
    };
    let mel = |hertz: f64| 2595.0 * (1.0 + hertz / 700.0).log10();
    let (low, high) = (mel(edge(3)?), mel(edge(4)?));
    let step = (high - low) / (triangles + 2) as f64;
    // The bin of the spectrum at a multiple of the step.
    let bin = |index: usize| {
        let hertz = 700.0 * (10f64.powf((low + step * index as f64) / 2595.0) - 1.0);
        ((length + 1) as f64 * hertz / rate as f64).floor()
    };
    let mut weights = vec![0.0; frequencies * triangles];
    for triangle in 0..triangles {
        let [left, peak, right] = [0, 1, 2].map(|offset| bin(triangle + offset));
        for frequency in 0..frequencies {
            let at = frequency as f64;
            let weight = if at == peak {
                1.0
            } else if at < peak {
                (at - left) / (peak - left)
            } else {
                (right - at) / (right - peak)
            };
            weights[frequency * triangles + triangle] = weight.max(0.0);
        }
    }
    Ok(vec![cast::converted(&Tensor::new([frequencies, triangles], weights)?, data_type(args.node())?)?])
}
