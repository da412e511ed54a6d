//! Functions of two bytes that are sums or products of a function of each: 32-bit codes.

use super::super::eight_bit::EightBit;
use super::super::example::{Example, Input};
use super::super::operator::{Evaluate, Operator};
use super::arguments::Arguments;
use super::code_range::{Code, CodeRange, Decoder, Encoder, outputs, types};
use super::domains::TENSORFLOW;
use super::indexing::{Offsets, broadcast, broadcast_strides};
use super::inputs::Inputs;
use crate::exec::builder::Builder;
use crate::{DataType, Error, Node, Tensor, TensorData, TensorType};

/// A function for each byte, by their bits.
type Table = [i32; 256];

/// A function of two bytes.
#[derive(Clone, Debug)]
pub(crate) struct BytePair {
    pub(crate) left: Table,
    pub(crate) right: Table,
    /// Whether the functions of both are multiplied; else they are added.
    multiplied: bool,
    /// The range of the results.
    pub(crate) range: CodeRange,
}

/// One of the two tensors.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Side {
    pub(crate) range: CodeRange,
    /// Whether it has one element.
    pub(crate) is_single: bool,
}

/// What a [`BytePair`] computes of two tensors of a type.
pub(crate) type Kind = fn(DataType, Side, Side) -> Option<BytePair>;

impl BytePair {
    /// The function of two bytes, given the functions of each.
    #[inline]
    pub(crate) fn join(&self, left: i32, right: i32) -> i32 {
        if self.multiplied { left.wrapping_mul(right) } else { left.wrapping_add(right) }
    }

    /// Whether the function never falls along the left byte, for any of these functions of the right byte.
    pub(crate) fn is_rising(&self, right: &[i32]) -> bool {
        let fits = |right: &i32| {
            let ends = [self.left[0], self.left[255]].map(|left| left.checked_add(*right));
            ends.iter().all(Option::is_some)
        };
        !self.multiplied && self.left.is_sorted() && right.iter().all(fits)
    }

    /// What the sums rise by from one left byte to the next, if that is the same for all of them, modulo 2³².
    pub(crate) fn step(&self) -> Option<i32> {
        let step = self.left[1].wrapping_sub(self.left[0]);
        let is_line = self.left.windows(2).all(|pair| pair[1].wrapping_sub(pair[0]) == step);
        (!self.multiplied && is_line).then_some(step)
    }

    /// The function of two bytes.
    fn of(&self, left: u8, right: u8) -> i32 {
        self.join(self.left[usize::from(left)], self.right[usize::from(right)])
    }

    /// Sums, as `QuantizedBiasAdd` has them, with room for 2¹⁷ of them.
    pub(crate) fn biased(data_type: DataType, left: Side, right: Side) -> Option<Self> {
        fn sums<T: Code>(left: CodeRange, right: CodeRange, code: fn(u8) -> T) -> BytePair {
            let most = left.max.max((-left.min).max(right.max.max(-right.min)));
            let max = most * (1 << 17) as f32;
            let range = CodeRange { min: -max, max };
            let encoder = Encoder::<i32>::new(range);
            let table = |of: CodeRange| -> Table {
                let decoder = Decoder::<T>::new(of);
                std::array::from_fn(|byte| encoder.code(decoder.float(code(byte as u8))))
            };
            let zero = range.code::<i32>(0.0);
            let right = table(right).map(|sum| sum.wrapping_add(zero));
            BytePair { left: table(left), right, multiplied: false, range }
        }
        match data_type {
            DataType::U8 => Some(sums::<u8>(left.range, right.range, |byte| byte)),
            DataType::I8 => Some(sums::<i8>(left.range, right.range, |byte| byte as i8)),
            _ => None,
        }
    }

    /// Sums, as `QuantizedAdd` has them, with room for 2¹⁴ of them. A code is a step times a byte; that of a single element is its own.
    pub(crate) fn sum(data_type: DataType, left: Side, right: Side) -> Option<Self> {
        let (of_left, of_right) = (left.range, right.range);
        let most = of_left.min.min(of_right.min).abs().max(of_left.max.max(of_right.max).abs());
        let max = most * (1 << 14) as f32;
        let range = CodeRange { min: -max, max };
        let table = |of: CodeRange, is_single: bool| -> Table {
            let at = |byte: u8| range.unbounded_code::<i32>(of.float(byte));
            let first = at(0);
            let step = i64::from(at(1).saturating_sub(first) as i32);
            std::array::from_fn(|byte| {
                let code = if is_single { at(byte as u8) } else { first.saturating_add(byte as i64 * step) };
                i32::saturated(code)
            })
        };
        let single_right = right.is_single && !left.is_single;
        let (left, right) = (table(of_left, left.is_single), table(of_right, single_right));
        (data_type == DataType::U8).then_some(Self { left, right, multiplied: false, range })
    }

    /// Products, as `QuantizedMul` has them.
    pub(crate) fn product(data_type: DataType, left: Side, right: Side) -> Option<Self> {
        let table = |of: CodeRange| -> Table {
            let zero = of.unbounded_code::<u8>(0.0) as i32;
            std::array::from_fn(|byte| (byte as i32).wrapping_sub(zero))
        };
        let range = CodeRange::of_products::<u8, u8>(left.range, right.range);
        (data_type == DataType::U8).then(|| Self {
            left: table(left.range),
            right: table(right.range),
            multiplied: true,
            range,
        })
    }
}

/// The bits of bytes.
fn bytes(args: &Arguments<'_>, index: usize) -> Result<Vec<u8>, Error> {
    match args.tensor(index)?.data() {
        TensorData::U8(bytes) => Ok(bytes.clone()),
        TensorData::I8(bytes) => Ok(bytes.iter().map(|&byte| byte as u8).collect()),
        other => Err(args.wrong_type(other.data_type())),
    }
}

/// An operator on two tensors of bytes, inputs 0 and 1, whose ranges follow.
pub(crate) const fn operator(
    name: &'static str,
    summary: &'static str,
    evaluate: Evaluate,
    lower: fn(&mut Builder<'_>, &Node) -> Result<bool, Error>,
) -> Operator {
    const RANGES: [Input; 4] = [Input::Float(-1.5), Input::Float(2.0), Input::Float(-0.5), Input::Float(1.0)];
    const EXAMPLES: &[Example] = &[Example::new(
        &[Input::Bytes(&[2, 3, 4]), Input::Bytes(&[4]), RANGES[0], RANGES[1], RANGES[2], RANGES[3]],
        &[],
    )
    .outputs(3)];
    Operator {
        domains: &[TENSORFLOW],
        examples: EXAMPLES,
        eight_bit: EightBit::Bytes,
        lower,
        output_type: |_, _| Some(DataType::I32),
        ..Operator::new(name, summary, infer, evaluate)
    }
}

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    let (x, y) = (inputs.shape(0)?, inputs.shape(1)?);
    let shape = broadcast(x, y).ok_or_else(|| inputs.error(format!("shapes {x:?} and {y:?} do not fit")))?;
    Ok(types(DataType::I32, shape))
}

pub(crate) fn evaluate(args: &Arguments<'_>, kind: Kind) -> Result<Vec<Tensor>, Error> {
    let (x, y) = (args.tensor(0)?, args.tensor(1)?);
    if x.data_type() != y.data_type() {
        return Err(args.unsupported(format!("bytes of types {} and {}", x.data_type(), y.data_type())));
    }
    let side = |tensor: &Tensor, range| Side { range, is_single: tensor.len() == 1 };
    let (left, right) = (side(x, CodeRange::of(args, 2)?), side(y, CodeRange::of(args, 4)?));
    let pair = kind(x.data_type(), left, right);
    let pair = pair.ok_or_else(|| args.wrong_type(x.data_type()))?;
    let shape = broadcast(x.shape(), y.shape());
    let shape =
        shape.ok_or_else(|| args.error(format!("shapes {:?} and {:?} do not fit", x.shape(), y.shape())))?;
    args.count(&shape)?;
    let offsets = |of: &Tensor| Offsets::new(&shape, &broadcast_strides(of.shape(), &shape));
    let (left, right) = (bytes(args, 0)?, bytes(args, 1)?);
    let codes = offsets(x).zip(offsets(y)).map(|(x, y)| pair.of(left[x], right[y])).collect();
    outputs::<i32>(&shape, codes, pair.range)
}
