//! Operators on one tensor, element by element.

use super::arguments::Arguments;
use super::indexing::{Offsets, broadcast, broadcast_strides};
use crate::{Element, Error, Tensor, TensorData};

pub(super) fn evaluate(args: &Arguments<'_>) -> Result<Tensor, Error> {
    let node = args.node();
    match node.op.as_str() {
        "Clip" => return clip(args),
        "PRelu" => return parametric_relu(args),
        "Relu" | "Abs" | "Neg" => return integers_too(args),
        _ => {}
    }
    let function: Box<dyn Fn(f64) -> f64> = match node.op.as_str() {
        "LeakyRelu" => {
            let alpha = f64::from(node.float("alpha", 0.01)?);
            Box::new(move |x| if x < 0.0 { alpha * x } else { x })
        }
        "Elu" => {
            let alpha = f64::from(node.float("alpha", 1.0)?);
            Box::new(move |x| if x < 0.0 { alpha * x.exp_m1() } else { x })
        }
        "HardSigmoid" => {
            let (alpha, beta) = (f64::from(node.float("alpha", 0.2)?), f64::from(node.float("beta", 0.5)?));
            Box::new(move |x| (alpha * x + beta).clamp(0.0, 1.0))
        }
        "HardSwish" => Box::new(|x| x * (x / 6.0 + 0.5).clamp(0.0, 1.0)),
        "Sigmoid" => Box::new(|x| 1.0 / (1.0 + (-x).exp())),
        "Tanh" => Box::new(f64::tanh),
        "Exp" => Box::new(f64::exp),
        "Log" => Box::new(f64::ln),
        "Sqrt" => Box::new(f64::sqrt),
        "Reciprocal" => Box::new(|x| 1.0 / x),
        "Floor" => Box::new(f64::floor),
        "Ceil" => Box::new(f64::ceil),
        "Round" => Box::new(f64::round_ties_even),
        _ => return Err(args.unsupported("not implemented")),
    };
    let input = args.tensor(0)?;
    match input.data() {
        TensorData::F32(x) => map(input, x, |x| function(f64::from(x)) as f32),
        TensorData::F64(x) => map(input, x, function),
        other => Err(args.wrong_type(other.data_type())),
    }
}

fn map<T: Element>(input: &Tensor, elements: &[T], function: impl Fn(T) -> T) -> Result<Tensor, Error> {
    Tensor::new(input.shape(), T::wrap(elements.iter().map(|&x| function(x)).collect()))
}

/// `Relu`, `Abs` and `Neg`, which have a meaning for integers, too.
fn integers_too(args: &Arguments<'_>) -> Result<Tensor, Error> {
    let input = args.tensor(0)?;
    macro_rules! signed {
        ($x:expr, $zero:expr, $abs:expr, $neg:expr) => {
            match args.node().op.as_str() {
                // A comparison, not `max`: NaN stays NaN.
                "Relu" => map(input, $x, |x| if x < $zero { $zero } else { x }),
                "Abs" => map(input, $x, $abs),
                _ => map(input, $x, $neg),
            }
        };
    }
    match input.data() {
        TensorData::F32(x) => signed!(x, 0.0, f32::abs, |x| -x),
        TensorData::F64(x) => signed!(x, 0.0, f64::abs, |x| -x),
        TensorData::I8(x) => signed!(x, 0, i8::wrapping_abs, i8::wrapping_neg),
        TensorData::I32(x) => signed!(x, 0, i32::wrapping_abs, i32::wrapping_neg),
        TensorData::I64(x) => signed!(x, 0, i64::wrapping_abs, i64::wrapping_neg),
        other => Err(args.wrong_type(other.data_type())),
    }
}

/// `min(max(x, low), high)`: where the bounds are the wrong way round, the upper one wins.
fn clip(args: &Arguments<'_>) -> Result<Tensor, Error> {
    fn bounded<T: Element + PartialOrd>(args: &Arguments<'_>, x: &[T]) -> Result<Tensor, Error> {
        let (low, high) = (args.optional_scalar::<T>(1)?, args.optional_scalar::<T>(2)?);
        map(args.tensor(0)?, x, |x| {
            let x = low.filter(|&low| x < low).unwrap_or(x);
            high.filter(|&high| x > high).unwrap_or(x)
        })
    }
    match args.tensor(0)?.data() {
        TensorData::F32(x) => bounded(args, x),
        TensorData::F64(x) => bounded(args, x),
        TensorData::U8(x) => bounded(args, x),
        TensorData::I8(x) => bounded(args, x),
        TensorData::I32(x) => bounded(args, x),
        TensorData::I64(x) => bounded(args, x),
        other @ TensorData::Bool(_) => Err(args.wrong_type(other.data_type())),
    }
}

/// `x` where it is not negative, `slope · x` elsewhere; the slope is broadcast to `x`.
fn parametric_relu(args: &Arguments<'_>) -> Result<Tensor, Error> {
    let (input, slope) = (args.tensor(0)?, args.tensor(1)?);
    if broadcast(input.shape(), slope.shape()).as_deref() != Some(input.shape()) {
        return Err(args.error(format!(
            "a slope of shape {:?} cannot be broadcast to {:?}",
            slope.shape(),
            input.shape()
        )));
    }
    let offsets = Offsets::new(input.shape(), &broadcast_strides(slope.shape(), input.shape()));
    let (x, slope) = (input.as_f32()?, slope.as_f32()?);
    let y: Vec<f32> = x.iter().zip(offsets).map(|(&x, at)| if x < 0.0 { slope[at] * x } else { x }).collect();
    Tensor::new(input.shape(), y)
}
