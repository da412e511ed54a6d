//! A model that is calibrated once and reduced in many ways.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::{Format, Precision};
use crate::limits::bytes_of_tensor;
use crate::passes::{self, fake_quantize, heads, weights_of_layers};
use crate::quantize::{Calibration, CalibrationMethod, Calibrator, Dataset, Roles, named, simplified};
use crate::{Error, Graph, Limits};

/// A float model with the ranges of its activations, of which copies in other precisions are made.
///
/// ```
/// use eightbit_graph::precision::{BitWidth, Format, Precision, Study};
/// use eightbit_graph::quantize::CalibrationMethod;
/// use eightbit_graph::{DataType, Executor, ExecutorOptions, Graph, Limits, Node, Tensor, ValueInfo};
/// # let value = |name: &str, shape: &[usize]| {
/// #     let shape = shape.iter().map(|&size| Some(size)).collect();
/// #     ValueInfo { name: name.into(), data_type: DataType::F32, shape }
/// # };
/// # let numbers = |shape: &[usize], seed: usize| {
/// #     let count = shape.iter().product::<usize>();
/// #     Tensor::new(shape, (0..count).map(|at| ((at * 37 + seed) % 101) as f32 / 50.0 - 1.0).collect::<Vec<f32>>())
/// # };
/// # let graph = Graph {
/// #     opset: 13,
/// #     inputs: vec![value("image", &[1, 3, 16, 16])],
/// #     outputs: vec![value("scores", &[1, 8, 14, 14])],
/// #     nodes: vec![Node::new("conv", "Conv", &["image", "weights"], &["scores"])],
/// #     constants: [("weights".into(), numbers(&[8, 3, 3, 3], 5)?)].into(),
/// #     ..Graph::default()
/// # };
/// // `graph` is a float model, and `examples` are inputs of it.
/// let examples = vec![vec![numbers(&[1, 3, 16, 16], 1)?], vec![numbers(&[1, 3, 16, 16], 2)?]];
/// let study = Study::new(&graph, &examples, CalibrationMethod::MinMax, &Limits::default(), |_| {})?;
/// let run = |graph: &Graph| Executor::new(graph, &ExecutorOptions::default())?.run(&[("image", &examples[0][0])]);
/// let exact = run(&graph)?;
/// let error = |bits| -> Result<f32, eightbit_graph::Error> {
///     let weights = Some(Format::Bits(BitWidth::new(bits)?));
///     let reduced = run(&study.reduced(&Precision { weights, ..Precision::default() })?)?;
///     Ok(exact[0].as_f32()?.iter().zip(reduced[0].as_f32()?).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max))
/// };
/// assert!(error(8)? < error(4)? && error(4)? < error(2)?);
/// # Ok::<(), eightbit_graph::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Study {
    graph: Graph,
    roles: Roles,
    calibration: Calibration,
    layers: Vec<LayerInfo>,
    /// By layer, the name of its weights, their number, and that of their channels.
    weights: BTreeMap<String, (String, usize, usize)>,
    /// The bytes of all other constants.
    other_bytes: u64,
}

/// A layer of a [`Study`]: a node with weights, or whose result an eight-bit network would have in bytes, with the activations fused into
/// it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerInfo {
    /// The name of its node.
    pub node: String,
    /// Its operator.
    pub op: String,
    /// The number of its weights; 0 if it has none.
    pub weights: usize,
    /// Whether its result is an activation: not moved, and not read as floats alone.
    pub has_activation: bool,
}

impl Study {
    /// Simplifies `graph` as [`quantize`](crate::quantize::quantize()) does, and calibrates it with `examples`; `progress` is called with
    /// the number of examples observed. What runs is within `limits`.
    ///
    /// # Errors
    ///
    /// The first error among the examples; converted to its type, no example at all, a graph that is quantized already or cannot run,
    /// activations that are not finite.
    pub fn new<'g, D: Dataset + ?Sized>(
        graph: impl Into<Cow<'g, Graph>>,
        examples: &D,
        method: CalibrationMethod,
        limits: &Limits,
        mut progress: impl FnMut(usize),
    ) -> Result<Self, D::Error> {
        method.validate()?;
        let graph = graph.into();
        graph.validate()?;
        let graph = simplified(graph.into_owned(), |_| {})?;
        let mut calibrator = Calibrator::within(&graph, limits)?;
        for index in 0..examples.len() {
            let example = examples.example(index)?;
            calibrator.observe(&named(&graph, &example)?)?;
            progress(index + 1);
        }
        Ok(Self::of(graph, calibrator.calibration(method)?)?)
    }

    fn of(graph: Graph, calibration: Calibration) -> Result<Self, Error> {
        let roles = Roles::new(&graph)?;
        let weights = weights_of_layers(&graph, &roles)?;
        let heads = heads(&graph, &roles)?;
        let written: BTreeSet<&str> = heads
            .iter()
            .filter(|(value, _)| roles.root(value).is_some() && !roles.is_moved(value))
            .map(|(_, head)| *head)
            .collect();
        let order = graph.topological_order()?;
        let layers = order.into_iter().filter_map(|index| {
            let node = &graph.nodes[index];
            let weights = weights.get(&node.name).map_or(0, |(_, len, _)| *len);
            let has_activation = written.contains(node.name.as_str());
            (weights > 0 || has_activation).then(|| LayerInfo {
                node: node.name.clone(),
                op: node.op.as_str().to_owned(),
                weights,
                has_activation,
            })
        });
        let layers = layers.collect();
        let counted: BTreeSet<&str> = weights.values().map(|(name, ..)| name.as_str()).collect();
        let others = graph.constants.iter().filter(|(name, _)| !counted.contains(name.as_str()));
        let other_bytes = others.map(|(_, tensor)| bytes_of_tensor(tensor)).sum();
        Ok(Self { graph, roles, calibration, layers, weights, other_bytes })
    }

    /// The layers in execution order.
    pub fn layers(&self) -> &[LayerInfo] {
        &self.layers
    }

    /// The simplified float graph.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The role of each node.
    pub fn roles(&self) -> &Roles {
        &self.roles
    }

    /// The ranges that were found.
    pub fn calibration(&self) -> &Calibration {
        &self.calibration
    }

    /// A copy in another precision, with the inputs and outputs of the model.
    ///
    /// # Errors
    ///
    /// Those of [`passes::fake_quantize`].
    pub fn reduced(&self, precision: &Precision) -> Result<Graph, Error> {
        let graph = fake_quantize(&self.graph, &self.roles, &self.calibration, precision)?;
        passes::strip_unused_nodes(graph)
    }

    /// The bytes of all constants, were they stored so: the weights of reduced layers in as many bits as they have, with a float for each
    /// scale unless they have a fixed point, and all else as it is.
    pub fn weight_bytes(&self, precision: &Precision) -> u64 {
        let mut counted: BTreeSet<&str> = BTreeSet::new();
        let mut bytes = self.other_bytes;
        for (layer, (name, len, channels)) in &self.weights {
            // Layers may share weights.
            if !counted.insert(name) {
                continue;
            }
            let format = precision.weights.filter(|_| precision.reduces(layer));
            let scales = match format {
                Some(Format::Bits(_)) => precision.granularity.scales(*channels) as u64,
                _ => 0,
            };
            let bits = format.map_or(32, |format| u64::from(format.bits()));
            bytes = bytes.saturating_add((*len as u64).saturating_mul(bits).div_ceil(8) + 4 * scales);
        }
        bytes
    }
}
