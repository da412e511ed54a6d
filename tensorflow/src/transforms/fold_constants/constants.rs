//! Which nodes depend on constants alone, and their values.

use std::collections::{BTreeSet, HashSet};
use std::rc::Rc;

use super::imported::{Imported, Source};
use super::{Context, TransformError};
use crate::evaluate::{self, NoValue, Value};
use crate::node::{self, node_name};
use crate::proto::{NodeDef, Value as Attribute};
use crate::registry::Operator;

/// The most elements of all values together: 32 million.
const MAX_ELEMENTS: usize = 1 << 25;

/// The most nodes in all sets of nodes that run before others, together: 4 million.
const MAX_CONTROL: usize = 1 << 22;

/// See the module.
pub(super) struct Constants {
    /// The outputs of nodes that depend on constants alone; a constant has them when a node reads it.
    values: Vec<State>,
    /// By node: the other nodes that must run before the node or one that it depends on.
    control: Vec<Rc<BTreeSet<usize>>>,
}

#[derive(Clone, Debug)]
enum State {
    Varies,
    Constant,
    Known(Vec<Rc<Value>>),
}

impl Constants {
    pub(super) fn new(imported: &Imported, context: &Context) -> Result<Self, TransformError> {
        let count = imported.nodes.len();
        let mut constants = Self { values: vec![State::Varies; count], control: vec![Rc::default(); count] };
        let (mut left, mut left_control) = (MAX_ELEMENTS, MAX_CONTROL);
        for index in imported.kept() {
            let node = &imported.nodes[index];
            constants.values[index] = match node.op.as_str() {
                "Const" => State::Constant,
                _ if is_excluded(node, context) => State::Varies,
                _ => match constants.evaluate(imported, index, &mut left) {
                    Ok(values) => State::Known(values),
                    Err(NoValue::Unsupported) => State::Varies,
                    Err(NoValue::Invalid(reason)) => return Err(TransformError::Invalid(reason)),
                },
            };
            if constants.is_constant(index) {
                match constants.all_before(imported, index, &mut left_control) {
                    Some(before) => constants.control[index] = before,
                    None => constants.values[index] = State::Varies,
                }
            }
        }
        Ok(constants)
    }

    pub(super) fn is_constant(&self, index: usize) -> bool {
        !matches!(self.values[index], State::Varies)
    }

    /// An output of a node that was computed.
    pub(super) fn output(&self, node: usize, port: usize) -> Option<&Rc<Value>> {
        match &self.values[node] {
            State::Known(values) => values.get(port),
            _ => None,
        }
    }

    pub(super) fn control(&self, node: usize) -> impl Iterator<Item = usize> {
        self.control[node].iter().copied()
    }

    /// The outputs of computed nodes that other nodes read, or whoever runs the graph.
    pub(super) fn read_by_others(&self, imported: &Imported) -> HashSet<(usize, usize)> {
        let others = imported.kept().filter(|&index| !self.is_constant(index));
        let read = others.flat_map(|index| &imported.sources[index]).filter_map(|source| match source {
            &Source::Node(node, port) => Some((node, port)),
            Source::Fed(_) => None,
        });
        read.chain(imported.fetched.iter().copied()).collect()
    }

    fn evaluate(&mut self, imported: &Imported, index: usize, left: &mut usize) -> Result<Vec<Rc<Value>>, NoValue> {
        let node = &imported.nodes[index];
        let sources = &imported.sources[index];
        if let Some(value) = shape_of_input(imported, index) {
            return Ok(vec![Rc::new(value)]);
        }
        // Before constants are read: most nodes have other inputs, too.
        let all = sources.iter().all(|source| source.node().is_some_and(|node| self.is_constant(node)));
        if sources.is_empty() || !all || *left == 0 {
            return Err(NoValue::Unsupported);
        }
        let mut inputs = Vec::with_capacity(sources.len());
        for source in sources {
            let &Source::Node(source, port) = source else { return Err(NoValue::Unsupported) };
            if matches!(self.values[source], State::Constant) {
                let value = Value::of(&imported.nodes[source]).map_err(|_| NoValue::Unsupported)?;
                take(left, &value)?;
                self.values[source] = State::Known(vec![Rc::new(value)]);
            }
            inputs.push(self.output(source, port).ok_or(NoValue::Unsupported)?.clone());
        }
        let outputs = evaluate::evaluate(node, &inputs)?;
        for output in outputs.iter().filter(|output| Rc::strong_count(output) == 1) {
            take(left, output)?;
        }
        Ok(outputs)
    }

    /// The nodes that vary and must run before a constant node; nothing if they are more than `left`, from which they are taken
    /// unless they are those of another node.
    fn all_before(&self, imported: &Imported, index: usize, left: &mut usize) -> Option<Rc<BTreeSet<usize>>> {
        let own = imported.before[index].iter().copied();
        let inputs = imported.sources[index].iter().filter_map(Source::node);
        let (constant, varying): (BTreeSet<usize>, BTreeSet<usize>) =
            own.chain(inputs).partition(|&node| self.is_constant(node));
        let mut sets = constant.iter().map(|&node| &self.control[node]).filter(|set| !set.is_empty());
        let first = sets.next().cloned().unwrap_or_default();
        let others: Vec<_> = sets.filter(|set| !Rc::ptr_eq(set, &first)).collect();
        if varying.is_empty() && others.is_empty() {
            return Some(first);
        }
        let most = others.iter().fold(first.len() + varying.len(), |most, set| most + set.len());
        *left = left.checked_sub(most)?;
        Some(Rc::new(others.into_iter().flat_map(|set| set.iter()).chain(first.iter()).chain(&varying).copied().collect()))
    }
}

/// Takes the elements of a value from those that are left; there are none any more if they are too few.
fn take(left: &mut usize, value: &Value) -> Result<(), NoValue> {
    let rest = left.checked_sub(value.data.len());
    *left = rest.unwrap_or(0);
    rest.map(drop).ok_or(NoValue::Unsupported)
}

fn is_excluded(node: &NodeDef, context: &Context) -> bool {
    let has_state = Operator::find(&node.op).is_none_or(|operator| operator.has_state);
    has_state || context.all("exclude_op").contains(&node.op) || context.all("exclude_node").contains(&node.name)
}

/// The value of `Shape`, `Rank` or `Size` of an input of the graph whose shape is known.
fn shape_of_input(imported: &Imported, index: usize) -> Option<Value> {
    let node = &imported.nodes[index];
    if !matches!(node.op.as_str(), "Shape" | "Size" | "Rank") {
        return None;
    }
    let input = match imported.sources[index].as_slice() {
        [Source::Fed(name)] => imported.nodes.iter().find(|node| node.name == node_name(name))?,
        [Source::Node(source, 0)] => &imported.nodes[*source],
        _ => return None,
    };
    let Attribute::Shape(shape) = node::value(input, "shape").filter(|_| input.op == "Placeholder")? else { return None };
    evaluate::of_shape(node, &evaluate::sizes(shape)?)
}
