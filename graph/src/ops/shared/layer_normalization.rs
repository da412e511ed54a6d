//! Shared by normalizations over all axes from `axis` on, by default the last one.

use super::arguments::Arguments;
use super::doubles::doubles;
use super::indexing::axis_of;
use super::inputs::Inputs;
use super::normalization::{Kind, Moments, check_broadcast, epsilon, rows, scaled};
use crate::exec::builder::Builder;
use crate::exec::float::normalize;
use crate::{DataType, Error, Node, Tensor, TensorType};

/// A normalization of input 0, or of sums of its shape.
pub(crate) struct Layer {
    pub(crate) kind: Kind,
    /// The input that scales the results.
    pub(crate) scale: usize,
    /// The input that is added to them, if there is one.
    pub(crate) bias: Option<usize>,
    pub(crate) epsilon: f32,
}

impl Layer {
    /// The types of the results, of the means, and of the inverse deviations.
    pub(crate) fn infer(&self, inputs: &Inputs<'_>) -> Result<[TensorType; 3], Error> {
        let x = inputs.get(0)?;
        inputs.get(self.scale)?;
        for index in self.bias.into_iter().chain([self.scale]) {
            check_broadcast(inputs, index)?;
        }
        let (_, moments) = trailing(inputs.node, &x.shape)?;
        let moments = TensorType::new(moment_type(inputs.node)?, moments);
        Ok([x.clone(), moments.clone(), moments])
    }

    /// Adds the step of a node whose scale and bias are the inputs 1 and 2.
    pub(crate) fn lower(&self, builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
        let (length, _) = trailing(node, &builder.shape(node, 0)?)?;
        // An input that the operator does not have has no meaning for the step either.
        if self.bias.is_none() && node.input(2).is_some() {
            return Ok(false);
        }
        normalize::layer(builder, node, self.kind, length, epsilon(node, self.epsilon)?)
    }

    /// The results, the means, and the inverse deviations.
    pub(crate) fn evaluate(&self, args: &Arguments<'_>, x: &Tensor) -> Result<[Tensor; 3], Error> {
        let (len, shape) = trailing(args.node(), x.shape())?;
        let mut values = doubles(&Arguments::new(args.node(), &[Some(x)]), 0)?;
        let moments = rows(&mut values, len, self.kind, epsilon(args.node(), self.epsilon)?);
        let data_type = moment_type(args.node())?;
        let output = |number: fn(&Moments) -> f64| {
            let numbers = moments.iter().map(number);
            if data_type == DataType::F64 {
                return Tensor::new(shape.as_slice(), numbers.collect::<Vec<f64>>());
            }
            Tensor::new(shape.as_slice(), numbers.map(|number| number as f32).collect::<Vec<f32>>())
        };
        Ok([
            scaled(args, values, self.scale, self.bias)?,
            output(|moments| moments.mean)?,
            output(|moments| moments.inverse)?,
        ])
    }
}

/// The number of elements of a row, and the shape of a number for each row.
fn trailing(node: &Node, shape: &[usize]) -> Result<(usize, Vec<usize>), Error> {
    let axis = axis_of(node, node.int("axis", -1)?, shape.len())?;
    let (outer, inner) = shape.split_at(axis);
    Ok((inner.iter().product(), [outer, &vec![1; inner.len()]].concat()))
}

/// The type of means and inverse deviations: that of the first stage of the computation.
fn moment_type(node: &Node) -> Result<DataType, Error> {
    // TensorProto.DataType of onnx.proto3: 11 is a double.
    Ok(if node.int("stash_type", 1)? == 11 { DataType::F64 } else { DataType::F32 })
}
