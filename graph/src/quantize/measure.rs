//! Measures the quantization error of each eight-bit layer.

use std::collections::{HashMap, HashSet};

use super::runner::{Runner, observed};
use super::{Affine, Plan, Role, bounds};
use crate::energy::Energy;
use crate::exec::Seen;
use crate::ops::{concat, dequantize_linear, quantize_linear};
use crate::{DataType, Error, Graph, Limits, Names, Node, Tensor, passes};

/// The quantization error of one eight-bit node, as signal-to-noise ratios in decibels:
/// `10 · log10(Σ float² / Σ (float − eight-bit)²)`, infinite where there is no difference.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerError {
    /// The node in the float graph.
    pub node: String,
    /// Its operator.
    pub op: String,
    /// The value that it writes (after the activations fused into it).
    pub value: String,
    /// The error of this node alone, on the inputs of the float graph.
    pub sqnr_db: f64,
    /// The error accumulated up to this node, with all nodes before it in eight bits, too.
    pub accumulated_sqnr_db: f64,
}

/// Compares a float graph with its eight-bit form, layer by layer.
#[derive(Debug)]
pub(super) struct Meter {
    layers: Vec<Layer>,
    /// The float graph, and beside it every eight-bit layer on float inputs.
    alone: Runner,
    /// The eight-bit graph.
    together: Runner,
    /// Bytes taken by others, with the constants of the graphs.
    held: u64,
}

#[derive(Debug)]
struct Layer {
    node: String,
    op: String,
    value: String,
    /// What its bytes stand for; `None` if it has none.
    affine: Option<Affine>,
    /// Those of the activations fused into later nodes, which clamp the value's bytes already.
    bounds: (f32, f32),
    alone: Energy,
    together: Energy,
}

/// A copy of a value; of the eight-bit graph its bytes, a quarter of the floats that they stand for.
#[derive(Clone, Debug)]
enum Kept {
    Floats(Vec<f32>),
    Bytes(Vec<u8>),
}

impl From<Seen<'_>> for Kept {
    fn from(seen: Seen<'_>) -> Self {
        match seen {
            Seen::Floats(values) => Self::Floats(values.to_vec()),
            Seen::Bytes(bytes) => Self::Bytes(bytes.to_vec()),
        }
    }
}

impl Kept {
    fn seen(&self) -> Seen<'_> {
        match self {
            Self::Floats(values) => Seen::Floats(values),
            Self::Bytes(bytes) => Seen::Bytes(bytes),
        }
    }
}

impl Layer {
    /// Adds the energies of a value of the eight-bit graph to those of the layer alone or of all layers together.
    fn compare(&mut self, of: fn(&mut Self) -> &mut Energy, float: &[f32], eight_bit: Seen<'_>) {
        let bounds = self.bounds;
        match (eight_bit, self.affine) {
            (Seen::Floats(values), _) => add(of(self), float, values.iter().copied(), bounds),
            (Seen::Bytes(bytes), Some(affine)) => {
                add(of(self), float, bytes.iter().map(|&byte| affine.dequantize(byte)), bounds);
            }
            (Seen::Bytes(bytes), None) => add(of(self), float, bytes.iter().map(|&byte| byte.into()), bounds),
        }
    }
}

impl Meter {
    /// Compares `float`, whose constants it takes, with `eight_bit`, which the passes made from it by `plan`. `held` bytes of the
    /// limits are taken, the constants of both graphs among them.
    pub(super) fn new(
        float: &mut Graph,
        eight_bit: &Graph,
        plan: &Plan,
        held: u64,
        limits: &Limits,
    ) -> Result<Self, Error> {
        let mut layers = Vec::new();
        let later = later_bounds(float, plan)?;
        let consumers = float.consumers();
        // Nodes whose outputs are internal float values before an activation.
        let mut heads: HashMap<&str, &Node> = HashMap::new();
        for index in float.topological_order()? {
            let node = &float.nodes[index];
            let Some(value) = node.output(0).filter(|_| plan.roles().is_quantized(&node.name)) else {
                continue;
            };
            let head = node.input(0).and_then(|input| heads.get(input).copied()).unwrap_or(node);
            let affine = plan.parameters(value);
            let is_fused =
                |reader: &usize| plan.roles().node(&float.nodes[*reader].name) == Some(&Role::Fused);
            if affine.is_none() && consumers.get(value).is_some_and(|readers| readers.iter().any(is_fused)) {
                heads.insert(value, head);
                continue;
            }
            if plan.roles().is_moved(value) {
                continue;
            }
            layers.push(Layer {
                node: head.name.clone(),
                op: head.op.to_string(),
                value: value.to_owned(),
                affine,
                bounds: later.get(value).copied().unwrap_or(UNBOUNDED),
                alone: Energy::default(),
                together: Energy::default(),
            });
        }
        let (beside, renamed) = beside(float, eight_bit, plan);
        float.constants.clear();
        let values = layers.iter().map(|layer| &layer.value);
        let producers = eight_bit.producers()?;
        // The bytes of each value rather than the floats that they stand for, whose memory is four times as large.
        let bytes_of = |value: &String| {
            let node = &eight_bit.nodes[*producers.get(value.as_str())?];
            node.is(&dequantize_linear::OP).then(|| Some((node.input(0)?.to_owned(), DataType::U8)))?
        };
        let float_of = |value: &String| (value.clone(), DataType::F32);
        let of_beside = |value: &String| float_of(renamed.get(value).unwrap_or(value));
        let in_beside = values.clone().map(|value| bytes_of(value).unwrap_or_else(|| of_beside(value)));
        let both = values.clone().map(float_of).chain(in_beside);
        // What made floats of bytes is not needed.
        let beside = passes::strip_unused_nodes(observed(beside, both))?;
        let alone = Runner::new(beside, layers.len(), held, limits)?;
        let of_eight_bit = values.map(|value| bytes_of(value).unwrap_or_else(|| float_of(value)));
        let graph = Graph { inputs: float.inputs.clone(), ..eight_bit.clone() };
        let graph = passes::strip_unused_nodes(observed(graph, of_eight_bit))?;
        let together = Runner::new(graph, layers.len(), held.saturating_add(alone.bytes()), limits)?;
        Ok(Self { layers, alone, together, held })
    }

    /// Compares on one example.
    pub(super) fn observe(&mut self, inputs: &[(&str, &Tensor)]) -> Result<(), Error> {
        let layers = &mut self.layers;
        let count = layers.len();
        let mut together = vec![Kept::Bytes(Vec::new()); count];
        self.together.hold(self.held.saturating_add(self.alone.bytes()))?;
        self.together.run(inputs, |at, _, seen| {
            together[at] = seen.into();
            Ok(())
        })?;
        // Of each layer the float value and the eight-bit one, whichever is complete first, until the other one is.
        let mut waiting: Vec<Option<Kept>> = vec![None; count];
        self.alone.hold(self.held.saturating_add(self.together.bytes()))?;
        self.alone.run(inputs, |at, _, seen| {
            let (is_float, at) = (at < count, at % count);
            let Some(other) = waiting[at].take() else {
                waiting[at] = Some(seen.into());
                return Ok(());
            };
            let (float, eight_bit) = if is_float { (seen, other.seen()) } else { (other.seen(), seen) };
            let layer = &mut layers[at];
            layer.compare(|layer| &mut layer.alone, float.floats()?, eight_bit);
            layer.compare(|layer| &mut layer.together, float.floats()?, together[at].seen());
            Ok(())
        })
    }

    pub(super) fn finish(self) -> Vec<LayerError> {
        let error = |layer: Layer| LayerError {
            sqnr_db: layer.alone.decibels(),
            accumulated_sqnr_db: layer.together.decibels(),
            node: layer.node,
            op: layer.op,
            value: layer.value,
        };
        self.layers.into_iter().map(error).collect()
    }
}

/// Adds what is left of values after activations that clamp them to `bounds`.
fn add(to: &mut Energy, float: &[f32], eight_bit: impl IntoIterator<Item = f32>, (low, high): (f32, f32)) {
    let clamped = |value: f32| f64::from(value.max(low).min(high));
    float.iter().zip(eight_bit).for_each(|(&float, eight_bit)| to.add(clamped(float), clamped(eight_bit)));
}

/// The bounds of a value that nothing clamps.
const UNBOUNDED: (f32, f32) = (f32::NEG_INFINITY, f32::INFINITY);

/// For each value that has the scale of a later value, the bounds of the activations fused between the two: the bytes of a
/// `Concat`'s inputs span the range of what the `Relu` after it leaves.
fn later_bounds<'g>(float: &'g Graph, plan: &Plan) -> Result<HashMap<&'g str, (f32, f32)>, Error> {
    let roles = plan.roles();
    let mut later: HashMap<&str, (f32, f32)> = HashMap::new();
    for &index in float.topological_order()?.iter().rev() {
        let node = &float.nodes[index];
        let Some(mut of_output) =
            node.output(0).map(|output| later.get(output).copied().unwrap_or(UNBOUNDED))
        else {
            continue;
        };
        if roles.node(&node.name) == Some(&Role::Fused) {
            let (low, high) = bounds(node, float)?;
            // This node clamps first.
            let clamped = |bound: f32| bound.max(of_output.0).min(of_output.1);
            of_output = (clamped(low), clamped(high));
        } else if !roles.is_quantized(&node.name) || !node.is(&concat::OP) {
            continue;
        }
        let shares = |value: &&String| roles.root(value) != Some(value);
        later.extend(node.inputs.iter().filter(shares).map(|value| (value.as_str(), of_output)));
    }
    Ok(later)
}

/// A graph that holds `float` unchanged and the eight-bit layers of `eight_bit`, each of which reads quantized values of
/// `float` instead of the other layers' outputs. Also returns the new names of values that both write.
fn beside(float: &Graph, eight_bit: &Graph, plan: &Plan) -> (Graph, HashMap<String, String>) {
    let mut names = Names::of(eight_bit);
    for name in float.nodes.iter().flat_map(|node| node.outputs.iter().chain([&node.name])) {
        names.take(name);
    }
    let in_float: HashSet<&str> =
        float.nodes.iter().flat_map(|node| &node.outputs).map(String::as_str).collect();
    let mut graph = float.clone();
    graph.constants.extend(eight_bit.constants.iter().map(|(name, tensor)| (name.clone(), tensor.clone())));
    let is_float = |node: &Node| matches!(plan.roles().node(&node.name), Some(Role::Float(_) | Role::Table));
    let mut renamed: HashMap<String, String> = HashMap::new();
    let mut read: HashMap<String, String> = HashMap::new();
    for node in eight_bit.nodes.iter().filter(|node| !is_float(node)) {
        let Some(output) = node.output(0).filter(|output| in_float.contains(output)) else { continue };
        let other = names.fresh(&format!("{output}_eight_bit"));
        // Layers read the float graph's value, quantized; a value before a fused activation is not quantized.
        let reading = if node.is(&dequantize_linear::OP) {
            let bytes = names.fresh(&format!("{output}_eight_bit_bytes"));
            let again = names.fresh(&format!("{output}_eight_bit_input"));
            let mut quantize =
                Node { name: bytes.clone(), op: (&quantize_linear::OP).into(), ..node.clone() };
            output.clone_into(&mut quantize.inputs[0]);
            quantize.outputs = vec![bytes.clone()];
            let mut dequantize = Node { name: again.clone(), ..node.clone() };
            dequantize.inputs[0] = bytes;
            dequantize.outputs = vec![again.clone()];
            graph.nodes.extend([quantize, dequantize]);
            again
        } else {
            other.clone()
        };
        read.insert(output.to_owned(), reading);
        renamed.insert(output.to_owned(), other);
    }
    for node in eight_bit.nodes.iter().filter(|node| !is_float(node)) {
        let mut node = Node { name: names.fresh(&format!("{}_eight_bit", node.name)), ..node.clone() };
        for (values, new) in [(&mut node.inputs, &read), (&mut node.outputs, &renamed)] {
            for value in values {
                if let Some(new) = new.get(value) {
                    value.clone_from(new);
                }
            }
        }
        graph.nodes.push(node);
    }
    graph.nodes = side_by_side(graph.nodes, float.nodes.len(), &renamed);
    (graph, renamed)
}

/// Moves eight-bit nodes, those after the first `floats`, to the float nodes whose values they write, so that few values are
/// live at the same time. Both kinds are in execution order. A pair of values is complete when its second one is, the
/// eight-bit one.
fn side_by_side(nodes: Vec<Node>, floats: usize, renamed: &HashMap<String, String>) -> Vec<Node> {
    // For each value, the position of the float node beside which its eight-bit form is needed first.
    let mut needed: HashMap<&str, usize> = HashMap::new();
    for (at, node) in nodes[..floats].iter().enumerate() {
        let eight_bit = node.outputs.iter().filter_map(|output| renamed.get(output));
        needed.extend(eight_bit.map(|value| (value.as_str(), at)));
    }
    let mut places: Vec<usize> = (0..nodes.len()).collect();
    for (at, node) in nodes.iter().enumerate().skip(floats).rev() {
        let place = node.outputs.iter().filter_map(|output| needed.get(output.as_str())).min();
        places[at] = place.copied().unwrap_or(floats);
        for input in &node.inputs {
            let first = needed.entry(input).or_insert(places[at]);
            *first = places[at].min(*first);
        }
    }
    let mut placed: Vec<(usize, Node)> = places.into_iter().zip(nodes).collect();
    // Stable: float nodes come first.
    placed.sort_by_key(|(place, _)| *place);
    placed.into_iter().map(|(_, node)| node).collect()
}
