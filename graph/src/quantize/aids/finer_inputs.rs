//! Gives the first convolutions of a network sixteen times finer inputs.
//!
//! The bytes of an input leave out up to half a step. What they leave out, times [`FACTOR`], becomes more channels of the same scale, and
//! the convolution reads them with weights that are as much smaller: the sum is the same, and what is rounded is as much less. Both the
//! image and its remainder are bytes, so the layer stays eight-bit; it reads twice as many channels, of which such a layer has few.
//!
//! As many bits more would be a factor of 2ⁿ. Beyond about 12 the smaller weights, which have the step of the others, are rounded to so
//! few steps that nothing is gained: the error is least where `factor⁴ ≈ 12 · mean((weight / step)²)`. Of an input whose range begins at 0, such as
//! pixels from 0 to 1, the bytes hold no negative remainders, and half of the gain is lost.

use std::collections::HashMap;

use super::changed::Changed;
use crate::ops::{conv, transpose};
use crate::quantize::layer::Layer;
use crate::quantize::{Plan, Role};
use crate::{Error, Graph, Names, Node, Tensor, passes};

/// How many times finer an input becomes.
pub(in crate::quantize) const FACTOR: f32 = 16.0;

/// The most channels of an input: with more, the layer takes too much time.
const MOST: usize = 4;

/// Why the nodes that compute a remainder are float.
pub(in crate::quantize) const REASON: &str = "it computes what the bytes of an input leave out";

/// A graph with finer inputs.
#[derive(Debug)]
pub(in crate::quantize) struct Finer {
    pub(in crate::quantize) graph: Graph,
    /// The nodes that compute remainders, which must stay float.
    pub(in crate::quantize) float: Vec<String>,
    /// Values that become bytes, each with the one that has its range now.
    pub(in crate::quantize) values: Vec<(String, String)>,
}

/// A float value with few channels, all of whose readers are convolutions.
struct Place<'g> {
    value: &'g str,
    /// The node between value and convolutions that moves the channels to where these read them, if any.
    transpose: Option<usize>,
    /// The axis of the value's channels.
    axis: usize,
    layers: Vec<Layer<'g>>,
}

/// The values that would become finer.
pub(in crate::quantize) fn values(graph: &Graph, plan: &Plan) -> Result<Vec<String>, Error> {
    Ok(places(graph, plan)?.iter().map(|place| place.value.to_owned()).collect())
}

/// `graph` with finer inputs; `None` if it has no convolution that reads floats with few channels.
pub(in crate::quantize) fn finer(graph: &Graph, plan: &Plan) -> Result<Option<Finer>, Error> {
    let mut changed = Changed::of(graph);
    let places = places(graph, plan)?;
    for layer in places.iter().flat_map(|place| &place.layers) {
        changed.put(layer.index, 1, doubled(layer)?);
    }
    let Some(mut finer) = changed.finish()? else { return Ok(None) };
    let mut names = Names::of(&finer);
    let (mut float, mut values) = (Vec::new(), Vec::new());
    // By node, what it reads first instead.
    let mut reads: HashMap<&str, String> = HashMap::new();
    for place in places {
        let Some(affine) = plan.parameters(place.value) else { continue };
        let mut name = |stem: &str| names.fresh(&format!("{}_{stem}", place.value));
        let [scale, zero_point, factor] = ["step", "zero", "factor"].map(&mut name);
        finer.constants.insert(scale.clone(), Tensor::scalar(affine.scale));
        finer.constants.insert(zero_point.clone(), Tensor::scalar(affine.zero_point));
        finer.constants.insert(factor.clone(), Tensor::scalar(FACTOR));
        let stems = ["bytes", "rounded", "left_out", "remainder", "finer"];
        let [bytes, rounded, left_out, remainder, finer_value] = stems.map(name);
        let nodes = [
            Node::new(&bytes, "QuantizeLinear", &[place.value, &scale, &zero_point], &[&bytes]),
            Node::new(&rounded, "DequantizeLinear", &[&bytes, &scale, &zero_point], &[&rounded]),
            Node::new(&left_out, "Sub", &[place.value, &rounded], &[&left_out]),
            Node::new(&remainder, "Mul", &[&left_out, &factor], &[&remainder]),
        ];
        float.extend(nodes.iter().map(|node| node.name.clone()));
        finer.nodes.extend(nodes);
        let axis = i64::try_from(place.axis).unwrap_or(1);
        let concat = Node::new(&finer_value, "Concat", &[&rounded, &remainder], &[&finer_value]);
        finer.nodes.push(concat.with("axis", axis));
        let readers = match place.transpose {
            Some(index) => vec![&graph.nodes[index]],
            None => place.layers.iter().map(|layer| layer.node).collect(),
        };
        reads.extend(readers.into_iter().map(|node| (node.name.as_str(), finer_value.clone())));
        values.extend([finer_value, rounded].map(|value| (value, place.value.to_owned())));
    }
    for node in &mut finer.nodes {
        if let Some(finer_value) = reads.remove(node.name.as_str()) {
            node.inputs[0] = finer_value;
        }
    }
    Ok(Some(Finer { graph: passes::sort_by_execution_order(finer)?, float, values }))
}

/// The places in `graph` where finer values are possible.
fn places<'g>(graph: &'g Graph, plan: &Plan) -> Result<Vec<Place<'g>>, Error> {
    let (producers, consumers) = (graph.producers()?, graph.consumers());
    let outputs = graph.output_names();
    let roles = plan.roles();
    let is_float = |value: &str| match producers.get(value) {
        Some(&node) => matches!(roles.node(&graph.nodes[node].name), Some(Role::Float(_))),
        None => graph.inputs.iter().any(|input| input.name == value),
    };
    let of_nodes = graph.nodes.iter().flat_map(|node| node.outputs.iter());
    let values = graph.inputs.iter().map(|input| &input.name).chain(of_nodes).map(String::as_str);
    let mut places = Vec::new();
    for value in values.filter(|value| is_float(value) && plan.parameters(value).is_some()) {
        let mut readers = consumers.get(value).map_or(&[][..], Vec::as_slice);
        let (mut between, mut axis) = (None, 1);
        if let &[reader] = readers
            && graph.nodes[reader].is(&transpose::OP)
            && let (Some(perm), Some(output)) =
                (graph.nodes[reader].ints("perm")?, graph.nodes[reader].output(0))
            && let Some(channels) = perm.get(1).and_then(|&axis| usize::try_from(axis).ok())
            && !outputs.contains(output)
        {
            readers = consumers.get(output).map_or(&[][..], Vec::as_slice);
            (between, axis) = (Some(reader), channels);
        }
        let layer = |&reader: &usize| -> Result<Option<Layer<'g>>, Error> {
            let layer = Layer::of(reader, graph)?;
            let reads = |layer: &Layer<'_>| {
                let node = layer.node;
                node.is(&conv::OP)
                    && layer.groups == 1
                    && layer.inputs() <= MOST
                    && roles.is_quantized(&node.name)
            };
            Ok(layer.filter(reads))
        };
        let layers: Option<Vec<Layer<'g>>> = readers.iter().map(layer).collect::<Result<_, _>>()?;
        if let Some(layers) = layers.filter(|layers| !layers.is_empty()) {
            places.push(Place { value, transpose: between, axis, layers });
        }
    }
    Ok(places)
}

/// The weights of a convolution, and after those of each output channel the weights for what is [`FACTOR`] times as large.
fn doubled(layer: &Layer<'_>) -> Result<Tensor, Error> {
    let weights = layer.weights.as_f32()?;
    let mut shape = layer.weights.shape().to_vec();
    shape[1] *= 2;
    let rows = weights.chunks_exact(layer.depth());
    let doubled = rows.flat_map(|row| row.iter().copied().chain(row.iter().map(|weight| weight / FACTOR)));
    Tensor::new(shape, doubled.collect::<Vec<f32>>())
}
