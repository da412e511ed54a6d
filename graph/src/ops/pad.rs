//! `Pad`: elements are added before and after each axis (or each of `axes`), or removed where the amount is negative. Elements
//! are removed first, so the other end does not repeat removed ones (as in ONNX Runtime; ONNX does not define it).

use super::eight_bit::{EightBit, Move};
use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::axes;
use super::shared::by_element::by_element;
use super::shared::indexing::{axis_of, for_each_index, strides};
use super::shared::inputs::Inputs;
use super::shared::operands::Operands;
use super::shared::quantized_value::QuantizedValue;
use super::shared::upgrade::Constants;
use super::shared::values::Values;
use crate::{Element, Error, Node, Tensor, TensorType, quoted};

pub(crate) static OP: Operator = Operator {
    examples: &[
        Example::new(&[Input::Floats(&[1, 2, 3, 4]), Input::Integers(&[0, 0, 1, 2, 0, 0, 0, -1])], &[]),
        Example::new(
            &[Input::Floats(&[3, 4]), Input::Integers(&[1, 2]), Input::Absent, Input::Integers(&[-1])],
            &[("mode", Value::Text("reflect"))],
        ),
    ],
    eight_bit: EightBit::Move(Move { why_float, on_bytes, every_output: false }),
    upgrade,
    ..Operator::new(
        "Pad",
        "elements added around the input: constant, edge, reflect or wrap",
        infer,
        evaluate,
    )
};

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    let x = inputs.get(0)?;
    let pads = inputs.integers(1)?.ok_or_else(|| inputs.error("input 1, the amounts, is missing"))?;
    let amounts = Amounts::new(inputs.node, &x.shape, pads, inputs.integers(3)?)?;
    Ok(vec![TensorType::new(x.data_type, amounts.shape)])
}

/// Per axis, the number of elements added before it and the remaining ones (the first and their number); and the shape of the
/// result.
struct Amounts {
    before: Vec<i64>,
    kept: Vec<(i64, i64)>,
    shape: Vec<usize>,
}

impl Amounts {
    fn new(node: &Node, from: &[usize], pads: &[i64], axes: Option<&[i64]>) -> Result<Self, Error> {
        let rank = from.len();
        let axes: Vec<usize> = match axes {
            None => (0..rank).collect(),
            Some(axes) => {
                axes::named(node, axes, rank)?;
                axes.iter().map(|&axis| axis_of(node, axis, rank)).collect::<Result<_, _>>()?
            }
        };
        if pads.len() != 2 * axes.len() {
            return Err(Error::node(node, format!("{} amounts for {} axes", pads.len(), axes.len())));
        }
        let (mut before, mut shape) = (vec![0i64; rank], from.to_vec());
        let mut kept: Vec<(i64, i64)> = from.iter().map(|&size| (0, size as i64)).collect();
        for (index, &axis) in axes.iter().enumerate() {
            let after = pads[index + axes.len()];
            before[axis] = pads[index];
            let padded = pads[index]
                .checked_add(after)
                .and_then(|amount| isize::try_from(amount).ok())
                .and_then(|amount| shape[axis].checked_add_signed(amount));
            shape[axis] = padded.ok_or_else(|| {
                Error::node(node, format!("amounts {pads:?} for a tensor of shape {from:?}"))
            })?;
            let (first, end) =
                (before[axis].saturating_neg().max(0), (from[axis] as i64).saturating_add(after.min(0)));
            kept[axis] = (first, end.saturating_sub(first).max(0));
        }
        Ok(Self { before, kept, shape })
    }
}

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    fn padded<T: Element>(args: &Arguments<'_>, x: &[T]) -> Result<Vec<Tensor>, Error> {
        let dims = args.tensor(0)?.shape();
        let mode = args.node().string("mode", "constant")?;
        let fill = if mode == "constant" { args.optional_scalar::<T>(2)? } else { None };
        let fill = fill.unwrap_or_default();
        let axes = args.optional(3).map(Tensor::as_i64).transpose()?;
        let amounts = Amounts::new(args.node(), dims, args.values::<i64>(1)?, axes)?;
        let Amounts { before, kept, shape } = amounts;
        let count = args.count(&shape)?;
        if count == 0 {
            return Ok(vec![Tensor::new(shape, T::wrap(Vec::new()))?]);
        }
        // The source of each output coordinate, axis by axis; `None` is the fill value.
        let mut sources: Vec<Vec<Option<usize>>> = Vec::with_capacity(dims.len());
        for axis in 0..dims.len() {
            let (first, size) = kept[axis];
            if size == 0 && shape[axis] > 0 && mode != "constant" {
                let reason = format!("mode {} has nothing to repeat along axis {axis}", quoted(mode));
                return Err(args.error(reason));
            }
            let source = |at: usize| {
                let inside = source(mode, at as i64 - before[axis].max(0), size)?;
                Ok(inside.map(|inside| inside + first as usize))
            };
            let along: Result<Vec<_>, ()> = (0..shape[axis]).map(source).collect();
            sources.push(along.map_err(|()| args.unsupported(format!("mode {}", quoted(mode))))?);
        }
        let strides = strides(dims);
        let mut result = Vec::with_capacity(count);
        for_each_index(&shape, |index| {
            let offset: Option<usize> = index
                .iter()
                .enumerate()
                .map(|(axis, &at)| sources[axis][at].map(|from| from * strides[axis]))
                .sum();
            result.push(offset.map_or(fill, |offset| x[offset]));
        });
        Ok(vec![Tensor::new(shape, T::wrap(result))?])
    }
    by_element!(args, args.tensor(0)?, padded)
}

/// The source coordinate of position `at` of a padded axis of `size`; an error if the mode is not known.
fn source(mode: &str, at: i64, size: i64) -> Result<Option<usize>, ()> {
    let inside = |at: i64| Some(at as usize).filter(|_| (0..size).contains(&at));
    match mode {
        "constant" => Ok(inside(at)),
        "edge" => Ok(inside(at.clamp(0, size - 1))),
        "wrap" => Ok(inside(at.rem_euclid(size))),
        "reflect" => {
            // The elements forwards and backwards, the ends once: a period of 2·(size − 1).
            let period = (2 * (size - 1)).max(1);
            let at = at.rem_euclid(period);
            Ok(inside(if at < size { at } else { period - at }))
        }
        _ => Err(()),
    }
}

/// Added elements must be representable in the input's bytes: zero, or copies of elements.
fn why_float(node: &Node, values: &Values<'_>) -> Result<Option<String>, Error> {
    let zero = match node.input(2).map(|value| values.constant(value)) {
        _ if node.string("mode", "constant")? != "constant" => true,
        None => true,
        Some(None) => false,
        Some(Some(value)) => value.as_f32().is_ok_and(|value| value.iter().all(|&value| value == 0.0)),
    };
    Ok((!zero).then(|| "it pads with a value other than 0".to_owned()))
}

/// Converts the fill value to a byte.
fn on_bytes(node: &mut Node, bytes: &QuantizedValue, operands: &mut Operands) -> Result<bool, Error> {
    if node.string("mode", "constant")? != "constant" {
        // Nothing is filled: the value is ignored, and must not remain as a float beside bytes.
        if let Some(fill) = node.inputs.get_mut(2) {
            fill.clear();
        }
        return Ok(true);
    }
    let fill = match node.input(2) {
        None => 0.0,
        Some(name) => match operands.constant(name).and_then(|tensor| tensor.to_scalar::<f32>().ok()) {
            Some(fill) => fill,
            None => return Ok(false),
        },
    };
    // Only a fill that is exactly a step: others would be rounded before the next operator reads them.
    let step = bytes.step(fill);
    if bytes.real(step) != fill {
        return Ok(false);
    }
    let name = operands.add_constant(&format!("{}_fill", node.name), bytes.scalar(step));
    node.inputs.resize(node.inputs.len().max(3), String::new());
    node.inputs[2] = name;
    Ok(true)
}

/// `pads` and `value` became inputs with operator set 11.
fn upgrade(mut node: Node, version: i64, constants: &mut Constants<'_>) -> Result<Vec<Node>, Error> {
    if version >= 11 {
        return Ok(vec![node]);
    }
    if let Some(pads) = node.attributes.remove("paddings") {
        // Its name in operator set 1.
        node.attributes.insert("pads".to_owned(), pads);
    }
    let Some(pads) = node.ints("pads")?.map(<[i64]>::to_vec) else {
        return Err(Error::attribute(&node, "pads", "is missing"));
    };
    let value = node.float("value", 0.0)?;
    let mut inputs = vec![("pads", Tensor::vector(pads))];
    // Other modes copy elements and ignore the value.
    if node.string("mode", "constant")? == "constant" {
        inputs.push(("value", Tensor::scalar(value)));
    }
    for (what, tensor) in inputs {
        let name = constants.add(&node, what, tensor);
        node.inputs.push(name);
    }
    node.attributes.remove("pads");
    node.attributes.remove("value");
    Ok(vec![node])
}
