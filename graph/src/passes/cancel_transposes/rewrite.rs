//! Nodes for transposed inputs.
//!
//! A node whose inputs are transposed computes its outputs transposed, if its attributes and constants follow: `Relu(x)` needs
//! nothing, `Concat` another axis, `Add` of a constant a transposed constant.

use std::collections::{BTreeMap, BTreeSet};

use super::permutation::Permutation;
use super::values::Values;
use crate::{Attribute, Error, Node, Tensor};

/// A node for inputs that are transposed.
pub(super) struct Rewritten {
    pub(super) node: Node,
    /// The order by which its outputs are transposed; `None` if they are as they were.
    pub(super) outputs: Option<Permutation>,
    /// The inputs that must be transposed; the others are as they are.
    pub(super) inputs: BTreeSet<usize>,
    /// Constants that replace inputs.
    pub(super) constants: BTreeMap<usize, Constant>,
}

/// A constant that replaces an input.
pub(super) enum Constant {
    /// The input, which is a constant, transposed. It may be large: it is made once the node is in the graph.
    Transposed,
    /// Axes or sizes.
    Other(Tensor),
}

impl Rewritten {
    fn new(node: &Node, order: &Permutation, inputs: impl IntoIterator<Item = usize>) -> Self {
        let inputs = inputs.into_iter().collect();
        Self { node: node.clone(), outputs: Some(order.clone()), inputs, constants: BTreeMap::new() }
    }

    /// The constants that must be transposed.
    pub(super) fn transposed(&self) -> impl Iterator<Item = &str> {
        let is_large = |(_, constant): &(&usize, &Constant)| matches!(constant, Constant::Transposed);
        self.constants.iter().filter(is_large).filter_map(|(&index, _)| self.node.input(index))
    }

    fn with(mut self, name: &str, value: impl Into<Attribute>) -> Self {
        self.node = self.node.with(name, value);
        self
    }
}

/// The node for inputs that are transposed by `order`; `None` if there is none.
pub(super) fn rewrite(values: &Values, node: &Node, order: &Permutation) -> Result<Option<Rewritten>, Error> {
    let elementwise = node.operator().is_some_and(|operator| operator.elementwise);
    match if node.op.domain().is_empty() { node.op.as_str() } else { "" } {
        "QuantizeLinear" | "DequantizeLinear" => quantization(values, node, order),
        "Add" | "And" | "Div" | "Equal" | "Greater" | "GreaterOrEqual" | "Less" | "LessOrEqual" | "Max"
        | "Mean" | "Min" | "Mod" | "Mul" | "Or" | "PRelu" | "Pow" | "Sub" | "Sum" | "Where" | "Xor" => {
            Ok(broadcast(values, node, order))
        }
        "LogSoftmax" | "Softmax" => along_axis(node, order, -1, [0]),
        "Split" => along_axis(node, order, 0, [0]),
        "Concat" => {
            let rewritten = along_axis(node, order, 0, 0..node.inputs.len())?;
            Ok(rewritten.and_then(|rewritten| with_constants(values, order, rewritten)))
        }
        "ArgMax" | "ArgMin" | "ReduceMax" | "ReduceMean" | "ReduceMin" | "ReduceProd" | "ReduceSum" => {
            reduction(values, node, order)
        }
        "Squeeze" => squeezed(values, node, order),
        "Pad" => padded(values, node, order),
        "Slice" => sliced(values, node, order),
        _ if elementwise => Ok(of_one_input(values, node, order)),
        _ => Ok(None),
    }
}

/// An operator on each element of the first input. Other inputs, if any, are numbers: limits.
fn of_one_input(values: &Values, node: &Node, order: &Permutation) -> Option<Rewritten> {
    let is_number = |name: &str| values.constant(name).is_some_and(|tensor| tensor.len() == 1);
    let single = node.outputs.iter().filter(|output| !output.is_empty()).count() == 1;
    let others = (1..node.inputs.len()).filter_map(|index| node.input(index)).all(is_number);
    (single && others).then(|| Rewritten::new(node, order, [0]))
}

/// An operator along one axis, with the attribute `axis`.
fn along_axis(
    node: &Node,
    order: &Permutation,
    default: i64,
    inputs: impl IntoIterator<Item = usize>,
) -> Result<Option<Rewritten>, Error> {
    let place = order.place(node.int("axis", default)?);
    Ok(place.map(|place| Rewritten::new(node, order, inputs).with("axis", place as i64)))
}

/// Replaces the constants among the transposed inputs.
fn with_constants(values: &Values, order: &Permutation, mut rewritten: Rewritten) -> Option<Rewritten> {
    for index in std::mem::take(&mut rewritten.inputs) {
        let Some(tensor) = rewritten.node.input(index).and_then(|name| values.constant(name)) else {
            rewritten.inputs.insert(index);
            continue;
        };
        if tensor.rank() > order.rank() {
            return None;
        }
        rewritten.constants.insert(index, Constant::Transposed);
    }
    Some(rewritten)
}

fn broadcast(values: &Values, node: &Node, order: &Permutation) -> Option<Rewritten> {
    // The other inputs must have all axes, too.
    let has_rank = |index: usize| {
        node.input(index)
            .is_some_and(|name| values.constant(name).is_some() || values.rank(name) == Some(order.rank()))
    };
    if !(0..node.inputs.len()).all(has_rank) {
        return None;
    }
    with_constants(values, order, Rewritten::new(node, order, 0..node.inputs.len()))
}

fn quantization(values: &Values, node: &Node, order: &Permutation) -> Result<Option<Rewritten>, Error> {
    if node.int("block_size", 0)? != 0 {
        return Ok(None);
    }
    let scale = node.input(1).and_then(|name| values.constant(name));
    match scale {
        Some(scale) if scale.rank() == 0 || scale.len() == 1 => {
            let mut rewritten = Rewritten::new(node, order, [0]);
            // It has no meaning, but must name an axis.
            if let Some(place) = order.place(node.int("axis", 1)?) {
                rewritten = rewritten.with("axis", place as i64);
            }
            Ok(Some(rewritten))
        }
        Some(_) => along_axis(node, order, 1, [0]),
        None => Ok(None),
    }
}

/// For each axis of the input, whether `axes` names it.
fn named(axes: &[i64], rank: usize) -> Option<Vec<bool>> {
    let mut named = vec![false; rank];
    for &axis in axes {
        let axis = if axis < 0 { axis + rank as i64 } else { axis };
        *named.get_mut(usize::try_from(axis).ok()?)? = true;
    }
    Some(named)
}

/// Where `axes` are in the transposed input.
fn places(axes: &[i64], order: &Permutation) -> Option<Vec<i64>> {
    axes.iter().map(|&axis| order.place(axis).map(|place| place as i64)).collect()
}

fn reduction(values: &Values, node: &Node, order: &Permutation) -> Result<Option<Rewritten>, Error> {
    let is_arg = node.op.as_str().starts_with("Arg");
    let listed = match node.ints("axes")? {
        _ if is_arg => Some(vec![node.int("axis", 0)?]),
        Some(axes) => Some(axes.to_vec()),
        None => match node.input(1) {
            Some(name) => match values.integers(name) {
                Some(axes) => Some(axes),
                None => return Ok(None),
            },
            None => None,
        },
    };
    let axes = match listed.filter(|axes| !axes.is_empty()) {
        Some(axes) => axes,
        None if node.flag("noop_with_empty_axes", false)? => return Ok(None),
        None => (0..order.rank() as i64).collect(),
    };
    let Some(gone) = named(&axes, order.rank()) else { return Ok(None) };
    let Some(places) = places(&axes, order) else { return Ok(None) };
    let mut rewritten = Rewritten::new(node, order, [0]);
    if is_arg {
        rewritten = rewritten.with("axis", places.first().copied().unwrap_or_default());
    } else if node.attributes.contains_key("axes") {
        rewritten = rewritten.with("axes", places);
    } else if node.input(1).is_some() {
        rewritten.constants.insert(1, Constant::Other(Tensor::vector(places)));
    }
    if !node.flag("keepdims", true)? {
        rewritten.outputs = Some(order.without(&gone)).filter(|order| !order.is_identity());
    }
    Ok(Some(rewritten))
}

fn squeezed(values: &Values, node: &Node, order: &Permutation) -> Result<Option<Rewritten>, Error> {
    let axes = match node.input(1) {
        Some(name) => values.integers(name),
        None => {
            let Some(shape) = node.input(0).and_then(|name| values.shape(name)) else { return Ok(None) };
            let ones: Vec<i64> =
                shape.iter().zip(0..).filter(|&(&size, _)| size == Some(1)).map(|(_, axis)| axis).collect();
            // Whether an open axis goes is not known: it makes no difference where the others keep their order.
            let keeps_order = |gone: Vec<bool>| order.without(&gone).is_identity();
            if shape.contains(&None) && !named(&ones, order.rank()).is_some_and(keeps_order) {
                return Ok(None);
            }
            Some(ones)
        }
    };
    let Some(axes) = axes else { return Ok(None) };
    let Some(gone) = named(&axes, order.rank()) else { return Ok(None) };
    let Some(places) = places(&axes, order) else { return Ok(None) };
    let mut rewritten = Rewritten::new(node, order, [0]);
    if node.input(1).is_some() {
        rewritten.constants.insert(1, Constant::Other(Tensor::vector(places)));
    }
    rewritten.outputs = Some(order.without(&gone)).filter(|order| !order.is_identity());
    Ok(Some(rewritten))
}

fn padded(values: &Values, node: &Node, order: &Permutation) -> Result<Option<Rewritten>, Error> {
    let pads = node.input(1).and_then(|name| values.integers(name));
    let Some(pads) = pads.filter(|pads| node.input(3).is_none() && pads.len() == 2 * order.rank()) else {
        return Ok(None);
    };
    let (before, after) = pads.split_at(order.rank());
    let (Some(mut pads), Some(after)) = (order.apply(before), order.apply(after)) else { return Ok(None) };
    pads.extend(after);
    let mut rewritten = Rewritten::new(node, order, [0]);
    rewritten.constants.insert(1, Constant::Other(Tensor::vector(pads)));
    Ok(Some(rewritten))
}

fn sliced(values: &Values, node: &Node, order: &Permutation) -> Result<Option<Rewritten>, Error> {
    let axes = match (node.input(3), node.input(1)) {
        (Some(name), _) => values.integers(name),
        (None, Some(starts)) => values.integers(starts).map(|starts| (0..).take(starts.len()).collect()),
        (None, None) => None,
    };
    let Some(places) = axes.and_then(|axes| places(&axes, order)) else { return Ok(None) };
    let mut rewritten = Rewritten::new(node, order, [0]);
    if rewritten.node.inputs.len() < 4 {
        rewritten.node.inputs.resize(4, String::new());
    }
    rewritten.constants.insert(3, Constant::Other(Tensor::vector(places)));
    Ok(Some(rewritten))
}
