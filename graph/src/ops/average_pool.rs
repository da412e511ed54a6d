//! `AveragePool`: the mean of each window; `count_include_pad` counts the padding as zeros.

use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::qlinear_average_pool;
use super::shared::arguments::Arguments;
use super::shared::indexing::for_each_index;
use super::shared::pool;
use crate::exec::float;
use crate::{Error, Tensor};

pub(crate) static OP: Operator = Operator {
    examples: &[
        Example::new(
            &[Input::Floats(&[1, 3, 5, 6])],
            &[("kernel_shape", Value::Ints(&[3, 2])), ("pads", Value::Ints(&[1, 0, 1, 1]))],
        ),
        Example::new(
            &[Input::Floats(&[1, 3, 5])],
            &[
                ("kernel_shape", Value::Ints(&[2])),
                ("pads", Value::Ints(&[1, 0])),
                ("count_include_pad", Value::Int(1)),
            ],
        ),
    ],
    eight_bit: pool::eight_bit(|node, operands, to| {
        pool::on_bytes(&qlinear_average_pool::OP, node, operands, to)
    }),
    lower: float::lower::average_pool,
    ..Operator::new(
        "AveragePool",
        "the mean of each window",
        |inputs| Ok(vec![pool::infer(inputs)?]),
        evaluate,
    )
};

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    let x = args.values::<f32>(0)?;
    let window = pool::window(args)?;
    let (shape, planes) = pool::output(args, &window)?;
    let plane: usize = window.input.iter().product();
    let count_padding = args.node().flag("count_include_pad", false)?;
    let mut means = Vec::new();
    let mut taps = Vec::new();
    for plane in (0..planes).map(|index| &x[index * plane..][..plane]) {
        for_each_index(&window.sizes.output, |index| {
            window.taps(index, &mut taps);
            let count = if count_padding { window.padded_taps(index) } else { taps.len() };
            let sum: f64 = taps.iter().map(|&(_, at)| f64::from(plane[at])).sum();
            means.push((sum / count.max(1) as f64) as f32);
        });
    }
    Ok(vec![Tensor::new(shape, means)?])
}
