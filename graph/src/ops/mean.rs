//! `Mean` of any number of tensors, broadcast to each other.

use super::cast;
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::binary;
use super::sum::Sum;
use crate::{DataType, Error, Tensor};

pub(crate) static OP: Operator =
    Operator { evaluate, ..binary::many::<Sum>("Mean", "the mean of all inputs") };

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    let inputs = args.all()?;
    let wide: Vec<Tensor> =
        inputs.iter().map(|input| cast::converted(input, DataType::F64)).collect::<Result<_, _>>()?;
    let wide: Vec<Option<&Tensor>> = wide.iter().map(Some).collect();
    let sums = binary::evaluate::<Sum>(&Arguments::new(args.node(), &wide))?;
    let mean = |sum: f64| sum / inputs.len() as f64;
    sums.iter()
        .map(|sum| {
            let means: Vec<f64> = sum.as_f64()?.iter().map(|&sum| mean(sum)).collect();
            cast::converted(&Tensor::new(sum.shape(), means)?, inputs[0].data_type())
        })
        .collect()
}
