//! `Col2Im`: images from columns of blocks, which are added where they overlap.

use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::indexing::for_each_index;
use super::shared::inputs::Inputs;
use super::shared::window::Window;
use super::shared::window_sizes::WindowSizes;
use crate::{Error, Node, Tensor, TensorType};

pub(crate) static OP: Operator = Operator {
    since: 18,
    examples: &[
        Example::new(&[Input::Floats(&[1, 8, 12]), Input::Integers(&[4, 5]), Input::Integers(&[2, 2])], &[]),
        Example::new(
            &[Input::Floats(&[2, 2, 4]), Input::Integers(&[5]), Input::Integers(&[2])],
            &[("pads", Value::Ints(&[1, 1])), ("dilations", Value::Ints(&[3]))],
        ),
    ],
    ..Operator::new("Col2Im", "the sums of blocks at their places in images", infer, evaluate)
};

/// The windows of the blocks on an image, and the shape of the output.
fn window(node: &Node, x: &[usize], image: &[i64], block: &[i64]) -> Result<(Window, Vec<usize>), Error> {
    let misfit =
        || Error::node(node, format!("columns of shape {x:?}, images of {image:?}, blocks of {block:?}"));
    let sizes = |values: &[i64]| -> Option<Vec<usize>> {
        values.iter().map(|&size| usize::try_from(size).ok().filter(|&size| size > 0)).collect()
    };
    let (input, kernel) = sizes(image).zip(sizes(block)).ok_or_else(misfit)?;
    if node.attributes.contains_key("auto_pad") || node.attributes.contains_key("ceil_mode") {
        return Err(Error::node(node, "has attributes of pools"));
    }
    let sizes = WindowSizes::resolve(node, &input, &kernel)?;
    let product = |sizes: &[usize]| sizes.iter().try_fold(1usize, |count, &size| count.checked_mul(size));
    let (taps, places) = product(&kernel).zip(product(&sizes.output)).ok_or_else(misfit)?;
    match *x {
        [batch, rows, columns] if rows.is_multiple_of(taps) && columns == places => {
            let shape = [&[batch, rows / taps], input.as_slice()].concat();
            Ok((Window { input, sizes }, shape))
        }
        _ => Err(misfit()),
    }
}

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    let given = |index: usize| {
        inputs.integers(index)?.ok_or_else(|| inputs.error(format!("input {index} is missing")))
    };
    let (_, shape) = window(inputs.node, inputs.shape(0)?, given(1)?, given(2)?)?;
    inputs.like(0, shape)
}

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    let x = args.tensor(0)?;
    let (window, shape) = window(args.node(), x.shape(), args.values(1)?, args.values(2)?)?;
    let mut y = vec![0.0f64; args.count(&shape)?];
    let [plane, taps, places] = [&window.input, &window.sizes.kernel, &window.sizes.output]
        .map(|sizes| sizes.iter().product::<usize>());
    let x = x.as_f32()?;
    let (mut place, mut inside) = (0, Vec::new());
    for_each_index(&window.sizes.output, |index| {
        window.taps(index, &mut inside);
        for number in 0..shape[0] * shape[1] {
            for &(tap, at) in &inside {
                y[number * plane + at] += f64::from(x[(number * taps + tap) * places + place]);
            }
        }
        place += 1;
    });
    Ok(vec![Tensor::new(shape, y.into_iter().map(|y| y as f32).collect::<Vec<_>>())?])
}
