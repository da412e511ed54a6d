//! Examples of operators: what the tests run.

use std::collections::BTreeMap;

use super::Operator;
use crate::{Attribute, Error, Node, Tensor};

/// A node of an operator with its inputs, as data.
#[derive(Clone, Copy, Debug)]
pub struct Example {
    inputs: &'static [Input],
    attributes: &'static [(&'static str, Value)],
    outputs: usize,
}

/// An input of an [`Example`].
#[derive(Clone, Copy, Debug)]
pub(crate) enum Input {
    /// Left out.
    Absent,
    /// Floats between −2 and 2 of this shape: an activation.
    Floats(&'static [usize]),
    /// Floats between 0.1 and 2.1 of this shape.
    Positive(&'static [usize]),
    /// Unsigned bytes of this shape: an activation.
    Bytes(&'static [usize]),
    /// Constant floats of this shape between −2 and 2.
    Weights(&'static [usize]),
    /// Constant signed bytes of this shape.
    SignedWeights(&'static [usize]),
    /// Constant 32-bit integers of this shape between −1000 and 1000.
    Bias(&'static [usize]),
    /// A constant float.
    Float(f32),
    /// Constant floats.
    FloatVector(&'static [f32]),
    /// A constant unsigned byte.
    Byte(u8),
    /// A constant signed byte.
    SignedByte(i8),
    /// Constant 64-bit integers.
    Integers(&'static [i64]),
    /// Booleans of this shape, alternating.
    Booleans(&'static [usize]),
    /// A constant table of 256 bytes.
    Table,
}

/// An attribute of an [`Example`].
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value {
    Int(i64),
    Float(f32),
    Ints(&'static [i64]),
    Text(&'static str),
    Tensor(f32),
}

/// An [`Example`], ready to be run: a node that reads `x0`, `x1`, … and writes `y0`, `y1`, …
#[derive(Clone, Debug)]
pub struct Sample {
    /// The node.
    pub node: Node,
    /// Its inputs; `None` is one left out.
    pub inputs: Vec<Option<Tensor>>,
    /// For each input, whether a model would have it as a constant.
    pub constant: Vec<bool>,
}

impl Example {
    /// Of a node with one output.
    pub(crate) const fn new(inputs: &'static [Input], attributes: &'static [(&'static str, Value)]) -> Self {
        Self { inputs, attributes, outputs: 1 }
    }

    /// With more outputs.
    pub(crate) const fn outputs(self, outputs: usize) -> Self {
        Self { outputs, ..self }
    }

    /// The example as a node of `operator`.
    ///
    /// # Errors
    ///
    /// Shapes of more elements than can be counted: none of this crate's examples.
    pub fn sample(&self, operator: &'static Operator) -> Result<Sample, Error> {
        let mut numbers = Numbers(1);
        let mut inputs = Vec::with_capacity(self.inputs.len());
        let (mut names, mut constant) = (Vec::new(), Vec::new());
        for (index, input) in self.inputs.iter().enumerate() {
            inputs.push(input.tensor(&mut numbers)?);
            names.push(inputs[index].as_ref().map_or_else(String::new, |_| format!("x{index}")));
            constant.push(!matches!(
                input,
                Input::Floats(_) | Input::Positive(_) | Input::Bytes(_) | Input::Booleans(_)
            ));
        }
        let attributes: BTreeMap<String, Attribute> =
            self.attributes.iter().map(|(name, value)| ((*name).to_owned(), value.attribute())).collect();
        let node = Node {
            name: operator.name.to_owned(),
            op: operator.into(),
            inputs: names,
            outputs: (0..self.outputs).map(|index| format!("y{index}")).collect(),
            attributes,
        };
        Ok(Sample { node, inputs, constant })
    }
}

/// Numbers that look random and are the same everywhere (a linear congruential generator, Knuth's MMIX constants).
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
