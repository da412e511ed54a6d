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
    let attributes: BTreeMap<String, Attribute> =
        example.attributes.iter().map(|(name, value)| ((*name).to_owned(), value.attribute())).collect();
    let node = Node {
        name: operator.name.to_owned(),
        op: operator.into(),
        inputs: Vec::new(),
        outputs: (0..example.outputs).map(|index| format!("y{index}")).collect(),
        attributes,
    };
    let mut sample = Sample { node, inputs: Vec::new(), constant: Vec::new() };
    let mut numbers = Numbers(1);
    example.inputs.iter().try_for_each(|input| sample.push(*input, &mut numbers))?;
    Ok(sample)
}

impl Sample {
    /// Adds one or more inputs.
    fn push(&mut self, input: Input, numbers: &mut Numbers) -> Result<(), Error> {
        let mut all = |inputs: &[Input]| inputs.iter().try_for_each(|input| self.push(*input, numbers));
        let tensor = match input {
            Input::Quantized(shape, scale, zero) => {
                return all(&[Input::Bytes(shape), Input::Float(scale), Input::Byte(zero)]);
            }
            Input::QuantizedWeights(shape, scale) => {
                return all(&[Input::SignedWeights(shape), Input::Float(scale), Input::SignedByte(0)]);
            }
            Input::Scale(scale, zero) => return all(&[Input::Float(scale), Input::Byte(zero)]),
            Input::Absent => None,
            Input::Floats(shape) | Input::Weights(shape) => {
                Some(Tensor::new(shape, numbers.floats(shape, -2.0, 4.0))?)
            }
            Input::Positive(shape) => Some(Tensor::new(shape, numbers.floats(shape, 0.1, 2.0))?),
            Input::Between(shape, low, high) => {
                Some(Tensor::new(shape, numbers.floats(shape, low, high - low))?)
            }
            Input::Bytes(shape) | Input::ByteWeights(shape) => {
                Some(Tensor::new(shape, numbers.bytes(shape))?)
            }
            Input::SignedWeights(shape) => {
                let bytes: Vec<i8> = numbers.bytes(shape).into_iter().map(|byte| byte as i8).collect();
                Some(Tensor::new(shape, bytes)?)
            }
            Input::Bias(shape) => {
                let floats = numbers.floats(shape, -1000.0, 2000.0);
                Some(Tensor::new(shape, floats.into_iter().map(|x| x as i32).collect::<Vec<_>>())?)
            }
            Input::Float(value) => Some(Tensor::scalar(value)),
            Input::FloatVector(values) => Some(Tensor::vector(values)),
            Input::FloatVectors(shape, values) => Some(Tensor::new(shape, values.to_vec())?),
            Input::Byte(value) => Some(Tensor::scalar(value)),
            Input::SignedByte(value) => Some(Tensor::scalar(value)),
            Input::Integers(values) => Some(Tensor::vector(values)),
            Input::IntegersOf(shape, values) => Some(Tensor::new(shape, values.to_vec())?),
            Input::Booleans(shape) => {
                let count: usize = shape.iter().product();
                Some(Tensor::new(shape, (0..count).map(|at| at.is_multiple_of(2)).collect::<Vec<_>>())?)
            }
            Input::Flags(values) => Some(Tensor::vector(values)),
            Input::Table => Some(Tensor::vector(numbers.bytes(&[256]))),
        };
        let index = self.inputs.len();
        self.node.inputs.push(tensor.as_ref().map_or_else(String::new, |_| format!("x{index}")));
        self.inputs.push(tensor);
        self.constant.push(!matches!(
            input,
            Input::Floats(_) | Input::Positive(_) | Input::Between(..) | Input::Bytes(_) | Input::Booleans(_)
        ));
        Ok(())
    }
}

/// Deterministic pseudo-random numbers (a linear congruential generator, Knuth's MMIX constants).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as u32
    }

    /// Between `low` and `low + width`.
    fn floats(&mut self, shape: &[usize], low: f32, width: f32) -> Vec<f32> {
        (0..shape.iter().product()).map(|_| low + width * self.next() as f32 / (1u32 << 24) as f32).collect()
    }

    fn bytes(&mut self, shape: &[usize]) -> Vec<u8> {
        (0..shape.iter().product()).map(|_| self.next() as u8).collect()
    }
}

impl Value {
    fn attribute(self) -> Attribute {
        match self {
            Self::Int(value) => value.into(),
            Self::Float(value) => value.into(),
            Self::Ints(values) => values.to_vec().into(),
            Self::Floats(values) => values.to_vec().into(),
            Self::Text(text) => text.into(),
            Self::Tensor(value) => Tensor::vector([value]).into(),
        }
    }
}
