//! Which inputs of two graphs belong together.

use std::collections::BTreeMap;

use super::names::plain;
use crate::shapes::{ShapeOptions, open_shape};
use crate::{Error, Graph, TensorType, ValueInfo, quoted};

/// NCHW images from NHWC ones, and the other way round.
const TO_CHANNELS_FIRST: [usize; 4] = [0, 3, 1, 2];
const TO_CHANNELS_LAST: [usize; 4] = [0, 2, 3, 1];

/// What an input of the second graph is in terms of the first one's.
#[derive(Debug)]
pub(super) struct Given<'a> {
    /// The input of the first graph.
    pub(super) name: &'a str,
    /// The order of its axes in the second graph, if it is another one.
    pub(super) order: Option<[usize; 4]>,
    /// Its shape in the second graph.
    pub(super) shape: Option<Vec<usize>>,
}

/// For each input of `b`, the input of `a` with its name, or at its place; `types` has the types of `a`'s values.
pub(super) fn matched<'a>(
    a: &'a Graph,
    b: &Graph,
    types: &BTreeMap<String, TensorType>,
) -> Result<Vec<Given<'a>>, Error> {
    if a.inputs.len() != b.inputs.len() {
        let (count, other) = (a.inputs.len(), b.inputs.len());
        return Err(Error::argument("networks", format!("the first has {count} inputs, the second {other}")));
    }
    let find = |(index, input): (usize, &ValueInfo)| {
        let named = a.inputs.iter().find(|own| plain(&own.name) == plain(&input.name));
        let own = named.unwrap_or(&a.inputs[index]);
        let shape = types.get(&own.name).map(|found| &found.shape);
        let order = match shape {
            Some(shape) if !fits(shape, input) => Some(reordered(shape, input).ok_or_else(|| {
                Error::argument(
                    "networks",
                    format!(
                        "input {} of the first is of shape {shape:?}, input {} of the second of shape {}",
                        quoted(&own.name),
                        quoted(&input.name),
                        open_shape(&input.shape)
                    ),
                )
            })?),
            _ => None,
        };
        let shape = shape.map(|shape| match order {
            Some(order) => order.map(|axis| shape[axis]).to_vec(),
            None => shape.clone(),
        });
        Ok(Given { name: &own.name, order, shape })
    };
    b.inputs.iter().enumerate().map(find).collect()
}

/// The sizes of `b`'s inputs.
pub(super) fn options(b: &Graph, given: &[Given<'_>], options: &ShapeOptions) -> ShapeOptions {
    let shapes = b.inputs.iter().zip(given);
    let inputs =
        shapes.filter_map(|(input, given)| Some((input.name.clone(), given.shape.clone()?))).collect();
    ShapeOptions { inputs, ..options.clone() }
}

fn fits(shape: &[usize], input: &ValueInfo) -> bool {
    shape.len() == input.shape.len()
        && shape.iter().zip(&input.shape).all(|(size, dim)| dim.is_none_or(|dim| dim == *size))
}

/// The order of axes in which an image of `shape` fits `input`.
fn reordered(shape: &[usize], input: &ValueInfo) -> Option<[usize; 4]> {
    let shape: &[usize; 4] = shape.try_into().ok()?;
    [TO_CHANNELS_FIRST, TO_CHANNELS_LAST]
        .into_iter()
        .find(|order| fits(&order.map(|axis| shape[axis]), input))
}
