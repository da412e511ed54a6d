//! Moves transpositions from the inputs of nodes to their outputs, where they meet others and cancel.

use std::collections::{HashMap, HashSet};

use super::permutation::Permutation;
use super::rewrite::{Rewritten, rewrite};
use super::values::Values;
use crate::ops::{flatten, gather, identity, reshape, shape, transpose};
use crate::{Error, Graph, Names, Node, Tensor};

/// A value that is another one, transposed.
#[derive(Clone)]
struct Transposed {
    /// The other value.
    of: String,
    by: Permutation,
}

struct Forward {
    values: Values,
    names: Names,
    /// The graph without its nodes.
    graph: Graph,
    /// The names of its outputs.
    outputs: HashSet<String>,
    nodes: Vec<Node>,
    /// Values for which there is no node, because they are others, transposed. Those that are others as they are stand here, too.
    transposed: HashMap<String, Transposed>,
    /// The values for which a node that transposes was made after all.
    made: HashMap<(String, Permutation), String>,
}

/// Moves all transpositions of `graph` as far down as possible.
pub(super) fn forward(mut graph: Graph) -> Result<Graph, Error> {
    let names = Names::of(&graph);
    let order = graph.topological_order()?;
    let values = Values::of(&mut graph);
    let mut nodes: Vec<Option<Node>> = std::mem::take(&mut graph.nodes).into_iter().map(Some).collect();
    let mut forward = Forward {
        values,
        names,
        outputs: graph.outputs.iter().map(|output| output.name.clone()).collect(),
        graph,
        nodes: Vec::with_capacity(nodes.len()),
        transposed: HashMap::new(),
        made: HashMap::new(),
    };
    for index in order {
        if let Some(node) = nodes.get_mut(index).and_then(Option::take) {
            forward.node(node)?;
        }
    }
    let Forward { values, graph, nodes, .. } = forward;
    Ok(Graph { nodes, constants: values.into_constants(), ..graph })
}

impl Forward {
    fn node(&mut self, node: Node) -> Result<(), Error> {
        if self.transposition(&node)? {
            return Ok(());
        }
        let first =
            node.inputs.iter().find_map(|name| self.transposed.get(name).filter(|it| !it.by.is_identity()));
        if let Some(Transposed { of, by }) = first.cloned() {
            if self.shape_of(&node, &of, &by) || self.reshaped(&node, &of, &by) {
                return Ok(());
            }
            let back = by.inverse();
            if let Some(rewritten) = rewrite(&self.values, &node, &back)?
                && self.moves(&rewritten, &by)
                && self.values.has_room(rewritten.transposed(), &back)
            {
                return self.push(rewritten, &by);
            }
        }
        let mut node = node;
        for input in &mut node.inputs {
            *input = self.make(input);
        }
        self.nodes.push(node);
        Ok(())
    }

    /// Takes a node that transposes out of the graph; `false` if this is none, or one of another kind.
    fn transposition(&mut self, node: &Node) -> Result<bool, Error> {
        let (Some(input), Some(output)) = (node.input(0), node.output(0)) else { return Ok(false) };
        if !node.is(&transpose::OP) {
            return Ok(false);
        }
        let rank = self.values.rank(input).or_else(|| self.values.constant(input).map(Tensor::rank));
        let Some(by) = Permutation::of(node, rank) else { return Ok(false) };
        if self.values.constant(input).is_some() && !self.outputs.contains(output) {
            if !self.values.has_room([input].into_iter(), &by) {
                return Ok(false);
            }
            let made = self.values.transposed(input, &by, || output.to_owned())?;
            if let Some(tensor) = self.values.constant(&made).filter(|_| made != output).cloned() {
                self.values.add_constant(output.to_owned(), tensor);
            }
            return Ok(true);
        }
        let found = match self.transposed.get(input) {
            Some(before) if before.by.rank() != by.rank() => return Ok(false),
            Some(before) => Transposed { of: before.of.clone(), by: before.by.then(&by) },
            None => Transposed { of: input.to_owned(), by },
        };
        self.define(output, found);
        Ok(true)
    }

    /// Notes that the value `name` is another, transposed.
    fn define(&mut self, name: &str, found: Transposed) {
        self.transposed.insert(name.to_owned(), found);
        if self.outputs.contains(name) {
            let made = self.make(name);
            if made != name {
                let node = self.names.fresh(&format!("{name}/identity"));
                self.nodes.push(Node::of(&identity::OP, &node, &[&made], &[name]));
            }
        }
    }

    /// The name of a value that equals `name` and has a node.
    fn make(&mut self, name: &str) -> String {
        let Some(Transposed { of, by }) = self.transposed.get(name).cloned() else { return name.to_owned() };
        if by.is_identity() {
            return of;
        }
        let key = (of, by);
        if let Some(made) = self.made.get(&key) {
            return made.clone();
        }
        // An output that is made twice keeps its own name the first time.
        let (of, by) = &key;
        let node = self.names.fresh(&format!("{name}/transpose"));
        self.nodes.push(Node::of(&transpose::OP, &node, &[of], &[name]).with("perm", by.attribute()));
        self.made.insert(key, name.to_owned());
        name.to_owned()
    }

    /// The shape of a transposed value is that of the other, in another order.
    fn shape_of(&mut self, node: &Node, of: &str, by: &Permutation) -> bool {
        let plain = node.attributes.is_empty() && node.is(&shape::OP);
        let (true, Some(output)) = (plain, node.output(0)) else { return false };
        let own = self.names.fresh(&format!("{output}/shape"));
        let order = self.names.fresh(&format!("{output}/order"));
        self.values.add_constant(order.clone(), Tensor::vector(by.attribute()));
        self.nodes.push(Node::of(&shape::OP, &own, &[of], &[&own]));
        self.nodes.push(Node::of(&gather::OP, &node.name, &[&own, &order], &[output]));
        true
    }

    /// A value of another shape does not depend on where axes of size 1 were.
    fn reshaped(&mut self, node: &Node, of: &str, by: &Permutation) -> bool {
        let Some(input) = node.input(0).filter(|_| node.is(&reshape::OP) || node.is(&flatten::OP)) else {
            return false;
        };
        let is_free = self.transposed.get(input).is_some_and(|found| found.of == of)
            && self.values.shape(input).is_some_and(|shape| by.inverse().keeps_elements(shape));
        // A zero in the shape copies a dimension, which may be another one now; `Flatten` counts dimensions, of which the first must
        // be the same.
        let copies = match node.input(1) {
            Some(shape) => self.values.integers(shape).is_none_or(|shape| shape.contains(&0)),
            None => node.int("axis", 1).ok() != Some(1) || by.attribute().first() != Some(&0),
        };
        if !is_free || copies {
            return false;
        }
        let mut node = node.clone();
        if let Some(input) = node.inputs.first_mut() {
            of.clone_into(input);
        }
        self.nodes.push(node);
        true
    }

    /// Whether all inputs that must be transposed back are transposed by `by`, or have only one order of elements.
    fn moves(&self, rewritten: &Rewritten, by: &Permutation) -> bool {
        let back = by.inverse();
        rewritten.inputs.iter().all(|&index| {
            let Some(name) = rewritten.node.input(index) else { return false };
            match self.transposed.get(name) {
                Some(found) if !found.by.is_identity() => found.by == *by,
                _ => self.values.shape(name).is_some_and(|shape| back.keeps_elements(shape)),
            }
        })
    }

    /// Adds a rewritten node, whose outputs are transposed.
    fn push(&mut self, rewritten: Rewritten, by: &Permutation) -> Result<(), Error> {
        let Rewritten { mut node, outputs, inputs, mut constants } = rewritten;
        let back = by.inverse();
        for (index, input) in node.inputs.iter_mut().enumerate() {
            if let Some(constant) = constants.remove(&index) {
                let fresh = || self.names.fresh(&format!("{}/constant", node.name));
                *input = self.values.replacement(input, constant, &back, fresh)?;
                continue;
            }
            let found = self.transposed.get(input).cloned();
            match found {
                Some(found) if inputs.contains(&index) && found.by == *by => *input = found.of,
                _ if inputs.contains(&index) => {
                    let own = self.make(input);
                    let name = self.names.fresh(&format!("{own}/transposed"));
                    self.transposed.insert(name.clone(), Transposed { of: own, by: back.clone() });
                    *input = self.make(&name);
                }
                _ => *input = self.make(input),
            }
        }
        let Some(order) = outputs else {
            self.nodes.push(node);
            return Ok(());
        };
        let mut found = Vec::new();
        for output in node.outputs.iter_mut().filter(|output| !output.is_empty()) {
            let own = self.names.fresh(&format!("{output}/transposed"));
            let value = std::mem::replace(output, own.clone());
            found.push((value, Transposed { of: own, by: order.inverse() }));
        }
        self.nodes.push(node);
        for (value, transposed) in found {
            self.define(&value, transposed);
        }
        Ok(())
    }
}
