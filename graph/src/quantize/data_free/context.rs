//! What the rules read: the graph, the shapes of its values, and the channels known so far.

use std::collections::{BTreeMap, HashMap};

use super::channels::Channels;
use super::moments::Moments;
use super::reason::Reason;
use crate::shapes::{ShapeOptions, infer_partial_shapes};
use crate::{Error, Graph, Node, Tensor, TensorType, quoted};

/// The most channels of all values together: real networks have some ten thousand.
const MAX_CHANNELS: usize = 1 << 22;

/// The channels of a graph's values while they are propagated.
pub(super) struct Context<'g> {
    pub(super) graph: &'g Graph,
    /// The number of deviations from the mean at which the ends of a range lie.
    pub(super) reach: f64,
    types: BTreeMap<String, TensorType>,
    known: HashMap<&'g str, Channels>,
    /// The number of channels that values may still have.
    left: usize,
}

impl<'g> Context<'g> {
    /// Nothing is known but the shapes.
    pub(super) fn new(graph: &'g Graph, reach: f64) -> Result<Self, Error> {
        let types = infer_partial_shapes(graph, &ShapeOptions::with_batch(1))?.types;
        Ok(Self { graph, reach, types, known: HashMap::new(), left: MAX_CHANNELS })
    }

    /// Makes the channels of a value known.
    pub(super) fn insert(&mut self, value: &'g str, channels: Channels) -> Result<(), Reason> {
        if !channels.all().iter().all(Moments::is_finite) {
            return Err(Reason::new("its moments are not finite"));
        }
        self.check(channels.all().len())?;
        self.left -= channels.all().len();
        self.known.insert(value, channels);
        Ok(())
    }

    /// An error if no value may have this number of channels.
    pub(super) fn check(&self, channels: usize) -> Result<(), Reason> {
        if channels > self.left { Err(Reason::new("the graph has too many channels")) } else { Ok(()) }
    }

    /// The channels of all values that are known.
    pub(super) fn into_known(self) -> HashMap<&'g str, Channels> {
        self.known
    }

    /// The channels of a value that a node computes, if they are known.
    pub(super) fn find(&self, value: &str) -> Option<&Channels> {
        self.known.get(value)
    }

    /// The channels of input `index`.
    pub(super) fn input(&self, node: &Node, index: usize) -> Result<&Channels, Reason> {
        let name = node.required_input(index)?;
        self.find(name).ok_or_else(|| {
            Reason::new(if self.graph.constants.contains_key(name) {
                format!("input {index} is constant")
            } else {
                format!("it is computed from {}", quoted(name))
            })
        })
    }

    /// Input `index`, if it is a constant.
    pub(super) fn constant(&self, node: &Node, index: usize) -> Option<&'g Tensor> {
        self.graph.constants.get(node.input(index)?)
    }

    /// Input `index`, a constant.
    pub(super) fn required_constant(&self, node: &Node, index: usize) -> Result<&'g Tensor, Reason> {
        self.constant(node, index).ok_or_else(|| Reason::new(format!("input {index} is not constant")))
    }

    /// The shape of a value, with a batch of 1 where it is open.
    pub(super) fn shape(&self, value: &str) -> Result<&[usize], Reason> {
        let found = self.types.get(value).map(|found| found.shape.as_slice());
        found.ok_or_else(|| {
            Reason::new("its shape is not known before the graph runs: fix the inputs' shapes")
        })
    }
}
