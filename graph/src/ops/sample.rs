//! Prepares examples of operators to run.

use std::collections::BTreeMap;

use super::example::{Example, Input, Value};
use super::operator::Operator;
use crate::{Attribute, Error, Node, Tensor};

/// An [`Example`], ready to run: a node that reads `x0`, `x1`, … and writes `y0`, `y1`, …
#[derive(Clone, Debug)]
pub struct Sample {
    /// The node.
    pub node: Node,
    /// Its inputs; `None` for an input left out.
    pub inputs: Vec<Option<Tensor>>,
    /// For each input, whether it is a constant in models.
    pub constant: Vec<bool>,
}

impl Operator {
    /// The operator's examples, ready to run.
    ///
    /// # Errors
    ///
    /// Shapes of more elements than can be counted: none of this crate's examples.
    pub fn samples(&'static self) -> Result<Vec<Sample>, Error> {
        self.examples.iter().map(|example| sample(self, example)).collect()
    }
}

/// The example as a node of `operator`.
fn sample(operator: &'static Operator, example: &Example) -> Result<Sample, Error> {
    let mut numbers = Numbers(1);
    let mut inputs = Vec::with_capacity(example.inputs.len());
    let (mut names, mut constant) = (Vec::new(), Vec::new());
    for (index, input) in example.inputs.iter().enumerate() {
        inputs.push(input.tensor(&mut numbers)?);
        names.push(inputs[index].as_ref().map_or_else(String::new, |_| format!("x{index}")));
        constant.push(!matches!(
            input,
            Input::Floats(_) | Input::Positive(_) | Input::Bytes(_) | Input::Booleans(_)
        ));
    }
    let attributes: BTreeMap<String, Attribute> =
        example.attributes.iter().map(|(name, value)| ((*name).to_owned(), value.attribute())).collect();
    let node = Node {
        name: operator.name.to_owned(),
        op: operator.into(),
        inputs: names,
        outputs: (0..example.outputs).map(|index| format!("y{index}")).collect(),
        attributes,
    };
    Ok(Sample { node, inputs, constant })
}

/// Deterministic pseudo-random numbers (a linear congruential generator, Knuth's MMIX constants).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as u32
    }

    /// Between `low` and `low + 4`.
    fn floats(&mut self, shape: &[usize], low: f32, width: f32) -> Vec<f32> {
        (0..shape.iter().product()).map(|_| low + width * self.next() as f32 / (1u32 << 24) as f32).collect()
    }

    fn bytes(&mut self, shape: &[usize]) -> Vec<u8> {
        (0..shape.iter().product()).map(|_| self.next() as u8).collect()
    }
}

impl Input {
    fn tensor(self, numbers: &mut Numbers) -> Result<Option<Tensor>, Error> {
        match self {
            Self::Absent => return Ok(None),
            Self::Floats(shape) | Self::Weights(shape) => {
                Tensor::new(shape, numbers.floats(shape, -2.0, 4.0))
            }
            Self::Positive(shape) => Tensor::new(shape, numbers.floats(shape, 0.1, 2.0)),
            Self::Bytes(shape) => Tensor::new(shape, numbers.bytes(shape)),
            Self::SignedWeights(shape) => {
                let bytes: Vec<i8> = numbers.bytes(shape).into_iter().map(|byte| byte as i8).collect();
                Tensor::new(shape, bytes)
            }
            Self::Bias(shape) => {
                let values: Vec<i32> =
                    numbers.floats(shape, -1000.0, 2000.0).into_iter().map(|x| x as i32).collect();
                Tensor::new(shape, values)
            }
            Self::Float(value) => Ok(Tensor::scalar(value)),
            Self::FloatVector(values) => Ok(Tensor::vector(values)),
            Self::Byte(value) => Ok(Tensor::scalar(value)),
            Self::SignedByte(value) => Ok(Tensor::scalar(value)),
            Self::Integers(values) => Ok(Tensor::vector(values)),
            Self::Booleans(shape) => {
                let values: Vec<bool> =
                    (0..shape.iter().product()).map(|at: usize| at.is_multiple_of(2)).collect();
                Tensor::new(shape, values)
            }
            Self::Table => Ok(Tensor::vector(numbers.bytes(&[256]))),
        }
        .map(Some)
    }
}

impl Value {
    fn attribute(self) -> Attribute {
        match self {
            Self::Int(value) => value.into(),
            Self::Float(value) => value.into(),
            Self::Ints(values) => values.to_vec().into(),
            Self::Text(text) => text.into(),
            Self::Tensor(value) => Tensor::vector([value]).into(),
        }
    }
}
