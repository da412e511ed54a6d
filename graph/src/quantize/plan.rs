//! Combines roles and ranges for the two quantizing passes.

use std::collections::{BTreeMap, HashSet};

use super::{
    Affine, Calibration, Granularity, QuantizeOptions, QuantizedWeights, Range, Roles, WeightForm,
    WeightPrecision, WeightRange,
};
use crate::{Error, Graph, Node, quoted};

/// What a node of a [`Plan`] has of its own.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NodeChoice {
    /// The range of its quantized weights, if not the plan's.
    pub range: Option<WeightRange>,
    /// The integers of its weights, if not the plan's.
    pub precision: Option<WeightPrecision>,
    /// Its weights in bytes, if they are not to be rounded to the nearest: in the order of the float weights, times the factor `alpha` of a
    /// `Gemm`.
    pub weights: Option<QuantizedWeights>,
    /// What is added to its bias, one number for each output channel. A `MatMul` has none.
    pub bias: Option<Vec<f32>>,
}

/// The nodes and values that become eight-bit, with scales and zero points.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    roles: Roles,
    /// By root (see [`Roles::root`]).
    parameters: BTreeMap<String, Affine>,
    weights: WeightRange,
    granularity: Granularity,
    precision: WeightPrecision,
    /// By node.
    choices: BTreeMap<String, NodeChoice>,
}

impl Plan {
    /// The plan for `graph` with the ranges of `calibration`.
    ///
    /// # Errors
    ///
    /// A value whose range was not observed, a constant that is not finite, every error of [`Roles::new`].
    pub fn new(graph: &Graph, calibration: &Calibration) -> Result<Self, Error> {
        Self::of_roles(graph, Roles::new(graph)?, calibration, u8::MAX)
    }

    /// As [`new`](Self::new), for nodes with these roles, and for activations of the bytes from 0 to `greatest`: all but what the graph reads
    /// and writes.
    pub(super) fn of_roles(
        graph: &Graph,
        roles: Roles,
        calibration: &Calibration,
        greatest: u8,
    ) -> Result<Self, Error> {
        let mut parameters = BTreeMap::new();
        let ends = graph.inputs.iter().chain(&graph.outputs).filter_map(|info| roles.root(&info.name));
        let ends: HashSet<&str> = ends.collect();
        for root in roles.observed() {
            let range = calibration.ranges.get(root).ok_or_else(|| {
                Error::value(root, "its range was not observed: calibrate the graph that is quantized")
            })?;
            let greatest = if ends.contains(root) { u8::MAX } else { greatest };
            parameters.insert(root.to_owned(), Affine::of_levels(*range, greatest));
        }
        for root in roles.constants() {
            if let Some(constant) = graph.constants.get(root) {
                let range = Range::of(root, constant.as_f32().map_err(|error| error.in_value(root))?)?;
                parameters.insert(root.to_owned(), Affine::covering(range));
            }
        }
        Ok(Self { roles, parameters, ..Self::default() })
    }

    /// The plan with what the options say of weights.
    pub(super) fn with_options(self, options: &QuantizeOptions) -> Self {
        self.with_weights(options.weights)
            .with_granularity(options.granularity)
            .with_precision(options.common_precision())
    }

    /// The plan with another range of weights; without this it is [`WeightRange::Full`].
    #[must_use]
    pub fn with_weights(self, weights: WeightRange) -> Self {
        Self { weights, ..self }
    }

    /// The plan with as many scales of weights as this; without this they are [`Granularity::PerChannel`].
    #[must_use]
    pub fn with_granularity(self, granularity: Granularity) -> Self {
        Self { granularity, ..self }
    }

    /// The plan with other integers of weights; without this they are [`WeightPrecision::EIGHT`].
    #[must_use]
    pub fn with_precision(self, precision: WeightPrecision) -> Self {
        Self { precision, ..self }
    }

    /// The plan with a choice for one node, instead of an earlier one.
    ///
    /// # Errors
    ///
    /// A node that is not eight-bit. Weights and biases that do not fit the node are errors of the passes.
    pub fn with_choice(mut self, node: &str, choice: NodeChoice) -> Result<Self, Error> {
        if !self.roles.is_quantized(node) {
            return Err(Error::argument("plan", format!("{} is no eight-bit node", quoted(node))));
        }
        self.choices.insert(node.to_owned(), choice);
        Ok(self)
    }

    /// The plan with another range of `value`, which becomes bytes, and of all values that have its scale.
    ///
    /// # Errors
    ///
    /// A value that does not become bytes.
    pub fn with_range(mut self, value: &str, range: Range) -> Result<Self, Error> {
        let Some(root) = self.roles.root(value) else {
            return Err(Error::argument("plan", format!("{} does not become bytes", quoted(value))));
        };
        let greatest = self.parameters.get(root).map_or(u8::MAX, |affine| affine.greatest);
        self.parameters.insert(root.to_owned(), Affine::of_levels(range, greatest));
        Ok(self)
    }

    /// What `node` has of its own, if anything.
    pub fn choice(&self, node: &str) -> Option<&NodeChoice> {
        self.choices.get(node)
    }

    /// The range of quantized weights; weights of depthwise convolutions always have the full range.
    pub fn weights(&self) -> WeightRange {
        self.weights
    }

    /// How many scales the weights of a layer have.
    pub fn granularity(&self) -> Granularity {
        self.granularity
    }

    /// The integers of the weights of `node`.
    pub fn precision(&self, node: &str) -> WeightPrecision {
        self.choice(node).and_then(|choice| choice.precision).unwrap_or(self.precision)
    }

    /// What the weights of `node` become.
    pub(crate) fn weight_form(&self, node: &Node, depthwise: bool) -> WeightForm {
        WeightForm {
            precision: self.precision(&node.name),
            range: self.weight_range(node, depthwise),
            granularity: self.granularity,
        }
    }

    /// The range of the weights of `node`: depthwise kernels multiply widened pixels, so neighbouring weights do not matter there.
    pub(crate) fn weight_range(&self, node: &Node, depthwise: bool) -> WeightRange {
        let own = self.choice(&node.name).and_then(|choice| choice.range);
        if depthwise { WeightRange::Full } else { own.unwrap_or(self.weights) }
    }

    /// The role of each node.
    pub fn roles(&self) -> &Roles {
        &self.roles
    }

    /// Scale and zero point of `value`; `None` if it does not become bytes.
    pub fn parameters(&self, value: &str) -> Option<Affine> {
        self.parameters.get(self.roles.root(value)?).copied()
    }
}
