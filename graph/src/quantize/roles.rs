//! Decides which nodes become eight-bit, which values become bytes, and records why the rest stays float.
//!
//! The decision depends on the graph's structure and the shapes of its values alone, not on ranges, and not on the machine.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::support::{data_inputs, data_outputs, kind};
use super::worth;
use crate::exec::tail;
use crate::ops::eight_bit::EightBit;
use crate::ops::shared::values::Values;
use crate::ops::{Operator, concat, gemm, matmul};
use crate::{Error, Graph, Node, escaped, quoted};

/// The output of `node` after the activations fused into it; with fused activations its own output never becomes bytes.
fn after_activations<'g>(
    node: &'g Node,
    graph: &'g Graph,
    consumers: &HashMap<&str, Vec<usize>>,
    roles: &[Option<Role>],
) -> Option<&'g str> {
    let mut output = node.output(0)?;
    while let Some(&[reader]) = consumers.get(output).map(Vec::as_slice)
        && roles[reader] == Some(Role::Fused)
    {
        output = graph.nodes[reader].output(0)?;
    }
    Some(output)
}

/// The role of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// It reads and writes bytes.
    Quantized,
    /// A `Relu` or `Clip` fused into the node before it: the bytes span the range of its output.
    Fused,
    /// It stays a float operator in the graph, and runs as a table of 256 bytes: it is elementwise, its input is bytes, and all
    /// readers of its output read bytes.
    Table,
    /// It stays float, for the stated reason.
    Float(String),
}

/// The roles of a graph's nodes and values.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Roles {
    /// By node name.
    nodes: BTreeMap<String, Role>,
    /// For each value that becomes bytes, the value whose scale and zero point it has: itself, unless it is the output of a
    /// node that only moves data, or its only reader is a `Concat`.
    roots: BTreeMap<String, String>,
    /// Values whose bytes a node moved without computing them.
    moved: BTreeSet<String>,
    /// Constants among the roots; their ranges are those of their elements.
    constants: BTreeSet<String>,
}

impl Roles {
    /// Decides the role of each node of `graph`, whose names must be consistent ([`Graph::validate`]).
    ///
    /// # Errors
    ///
    /// A graph with quantized operators; inconsistent names.
    pub fn new(graph: &Graph) -> Result<Self, Error> {
        Self::keeping_float(graph, &BTreeMap::new())
    }

    /// As [`new`](Self::new), except that the nodes of `float` stay as they are, each for the given reason; they may be quantized operators.
    ///
    /// # Errors
    ///
    /// Those of [`new`](Self::new) for other nodes; a node of `float` that the graph does not have.
    pub fn keeping_float(graph: &Graph, float: &BTreeMap<String, String>) -> Result<Self, Error> {
        let values = Values::new(graph)?;
        let order = graph.topological_order()?;
        let producers = graph.producers()?;
        let consumers = graph.consumers();
        let outputs = graph.output_names();
        let producer = |value: &str| producers.get(value).copied();
        let mut kinds: Vec<Result<&EightBit, String>> = Vec::with_capacity(graph.nodes.len());
        for node in &graph.nodes {
            if node.operator().is_some_and(Operator::is_eight_bit) && !float.contains_key(&node.name) {
                return Err(Error::node(node, "the graph is quantized already: give the float model"));
            }
            kinds.push(kind(node, &values)?);
        }
        for index in tail::parts(graph)?.1 {
            kinds[index] = Err("its size is known only when the graph runs".to_owned());
        }
        let mut missing: BTreeSet<&str> = float.keys().map(String::as_str).collect();
        for (node, kind) in graph.nodes.iter().zip(&mut kinds) {
            if let Some(reason) = float.get(&node.name) {
                missing.remove(node.name.as_str());
                *kind = Err(reason.clone());
            }
        }
        if let Some(name) = missing.first() {
            return Err(Error::argument(
                "nodes that stay float",
                format!("there is no node {}", quoted(name)),
            ));
        }
        worth::keep_float(graph, &mut kinds)?;

        let mut roles: Vec<Option<Role>> = vec![None; graph.nodes.len()];
        let is_quantized = |roles: &[Option<Role>], value: &str| {
            producer(value).is_some_and(|index| matches!(roles[index], Some(Role::Quantized | Role::Fused)))
        };
        for &index in &order {
            let node = &graph.nodes[index];
            roles[index] = match &kinds[index] {
                Err(reason) => Some(Role::Float(reason.clone())),
                Ok(EightBit::Float | EightBit::Bytes) => {
                    Some(Role::Float(format!("no eight-bit kernel for {}", escaped(node.op.as_str()))))
                }
                Ok(EightBit::Table) => {
                    Some(Role::Float("it runs as a table of bytes between eight-bit nodes alone".to_owned()))
                }
                Ok(EightBit::Compute(_)) => Some(Role::Quantized),
                Ok(EightBit::Clamp(_)) => {
                    let input = node.required_input(0)?;
                    let alone =
                        !outputs.contains(input) && consumers.get(input).is_some_and(|all| all.len() == 1);
                    let fuses = alone
                        && producer(input).is_some_and(|before| match roles[before] {
                            Some(Role::Fused) => true,
                            Some(Role::Quantized) => matches!(kinds[before], Ok(EightBit::Compute(_))),
                            _ => false,
                        });
                    Some(if fuses {
                        Role::Fused
                    } else if is_quantized(&roles, input) {
                        Role::Quantized
                    } else {
                        Role::Float("its input is float and would have to be quantized first".to_owned())
                    })
                }
                // Moving bytes pays only next to other bytes: before the node (here) or after it (below).
                Ok(EightBit::Move(_)) => {
                    is_quantized(&roles, node.required_input(0)?).then_some(Role::Quantized)
                }
            };
        }
        for &index in order.iter().rev() {
            if roles[index].is_none() {
                let mut readers = Vec::new();
                let mut is_output = false;
                for output in data_outputs(&graph.nodes[index]) {
                    readers.extend(consumers.get(output).into_iter().flatten());
                    is_output |= outputs.contains(output);
                }
                let pays = !is_output
                    && !readers.is_empty()
                    && readers.iter().all(|&&reader| roles[reader] == Some(Role::Quantized));
                roles[index] = Some(if pays {
                    Role::Quantized
                } else {
                    Role::Float("it only moves data, between nodes that are float".to_owned())
                });
            }
        }

        let mut result = Self::default();
        let inputs = graph.input_names();
        for &index in &order {
            let node = &graph.nodes[index];
            let role = roles[index].take().unwrap_or(Role::Quantized);
            if role == Role::Quantized {
                for input in data_inputs(node, |name| graph.constants.contains_key(name)) {
                    if !result.roots.contains_key(input) {
                        result.roots.insert(input.to_owned(), input.to_owned());
                        if graph.constants.contains_key(input) {
                            result.constants.insert(input.to_owned());
                        }
                    }
                }
            }
            if matches!(role, Role::Quantized | Role::Fused) {
                let moved = matches!(kinds[index], Ok(EightBit::Move(_)));
                let root = node.input(0).filter(|_| moved).and_then(|input| result.roots.get(input)).cloned();
                for output in data_outputs(node).map(str::to_owned) {
                    if moved {
                        result.moved.insert(output.clone());
                    }
                    result.roots.insert(output.clone(), root.clone().unwrap_or(output));
                }
            }
            if role == Role::Fused {
                // Its input stays in the accumulator.
                result.roots.remove(node.required_input(0)?);
            }
            if role == Role::Quantized && node.is(&concat::OP) {
                let written = after_activations(node, graph, &consumers, &roles);
                let made_here = |value: &str| {
                    !outputs.contains(value)
                        && !inputs.contains(value)
                        && !graph.constants.contains_key(value)
                };
                result.join(node, written, made_here, &consumers);
            }
            result.nodes.insert(node.name.clone(), role);
        }
        result.resolve();
        result.find_tables(graph, &order, &kinds, &consumers)?;
        result.keep_sums(graph, &consumers);
        Ok(result)
    }

    /// Finds the float nodes that run as tables: elementwise nodes between bytes and bytes, with the activations after them.
    fn find_tables(
        &mut self,
        graph: &Graph,
        order: &[usize],
        kinds: &[Result<&EightBit, String>],
        consumers: &HashMap<&str, Vec<usize>>,
    ) -> Result<(), Error> {
        let producers = graph.producers()?;
        let outputs = graph.output_names();
        let role = |index: usize| self.node(&graph.nodes[index].name);
        let is_float = |index: usize| matches!(role(index), Some(Role::Float(_)));
        let clamps = |index: usize| matches!(kinds[index], Ok(EightBit::Clamp(_)));
        // Whether every reader of the output, past activations, reads bytes.
        let mut bytes_follow = vec![false; graph.nodes.len()];
        for &index in order.iter().rev() {
            let Some(output) = graph.nodes[index].output(0) else { continue };
            let readers = consumers.get(output).map_or(&[][..], Vec::as_slice);
            bytes_follow[index] = !outputs.contains(output)
                && match readers {
                    &[reader] if is_float(reader) => clamps(reader) && bytes_follow[reader],
                    [] => false,
                    _ => {
                        self.root(output).is_some()
                            && readers.iter().all(|&reader| role(reader) == Some(&Role::Quantized))
                    }
                };
        }
        let mut is_table = vec![false; graph.nodes.len()];
        for &index in order {
            let Some(input) = graph.nodes[index].input(0) else { continue };
            let Some(&before) = producers.get(input) else { continue };
            let follows = match kinds[index] {
                Ok(EightBit::Table) => {
                    self.is_quantized(&graph.nodes[before].name) && self.root(input).is_some()
                }
                Ok(EightBit::Clamp(_)) => is_table[before],
                _ => false,
            };
            is_table[index] = follows && is_float(index) && bytes_follow[index];
        }
        for (node, _) in graph.nodes.iter().zip(is_table).filter(|(_, is_table)| *is_table) {
            self.nodes.insert(node.name.clone(), Role::Table);
        }
        Ok(())
    }

    /// Leaves the output of a product of matrices float if nothing reads its bytes: it is not rounded to become a float again. Nodes that
    /// only move it then move floats.
    ///
    /// The output of a convolution stays bytes: ONNX Runtime runs a convolution without bytes after it in float altogether.
    fn keep_sums(&mut self, graph: &Graph, consumers: &HashMap<&str, Vec<usize>>) {
        for product in graph.nodes.iter().filter(|node| node.is(&gemm::OP) || node.is(&matmul::OP)) {
            let Some(output) = product.output(0) else { continue };
            if self.node(&product.name) == Some(&Role::Quantized)
                && let Some((values, moves)) = self.read_as_floats(output, graph, consumers)
            {
                for value in values {
                    self.roots.remove(value);
                    self.moved.remove(value);
                }
                let reason = "it moves sums that are read as floats";
                self.nodes
                    .extend(moves.into_iter().map(|node| (node.to_owned(), Role::Float(reason.to_owned()))));
            }
        }
    }

    /// The values with the elements of `value`, which are moved or not, and the names of the nodes that move them; `None` if any of them is
    /// read as bytes.
    fn read_as_floats<'g>(
        &self,
        value: &'g str,
        graph: &'g Graph,
        consumers: &HashMap<&str, Vec<usize>>,
    ) -> Option<(Vec<&'g str>, Vec<&'g str>)> {
        let (mut values, mut moves) = (vec![value], Vec::new());
        let mut next = 0;
        while let Some(&value) = values.get(next) {
            next += 1;
            for &reader in consumers.get(value).into_iter().flatten() {
                let node = &graph.nodes[reader];
                match self.node(&node.name) {
                    Some(Role::Float(_)) => {}
                    Some(Role::Quantized) if data_outputs(node).all(|output| self.is_moved(output)) => {
                        moves.push(node.name.as_str());
                        values.extend(data_outputs(node));
                    }
                    _ => return None,
                }
            }
        }
        Some((values, moves))
    }

    /// Gives values that the graph makes for a `Concat` alone the scale and zero point of `output`, the output of the `Concat` after the
    /// activations fused into it: their bytes are then written into the output directly and rounded once.
    fn join(
        &mut self,
        node: &Node,
        output: Option<&str>,
        made_here: impl Fn(&str) -> bool,
        consumers: &HashMap<&str, Vec<usize>>,
    ) {
        let Some(output) = output else { return };
        for input in &node.inputs {
            let alone = consumers.get(input.as_str()).is_some_and(|all| all.len() == 1);
            if alone && made_here(input) && self.root(input) == Some(input) {
                self.roots.insert(input.clone(), output.to_owned());
            }
        }
    }

    /// Resolves chains of roots.
    fn resolve(&mut self) {
        let values: Vec<String> = self.roots.keys().cloned().collect();
        for value in values {
            let mut passed = Vec::new();
            let mut root = value;
            // A root is computed later than its value, or earlier where bytes are moved: no cycles.
            while let Some(next) = self.roots.get(&root).filter(|next| **next != root) {
                let next = next.clone();
                passed.push(std::mem::replace(&mut root, next));
            }
            // All of them, so that others do not take the same way: chains of `Concat` are as long as the graph.
            self.roots.extend(passed.into_iter().map(|value| (value, root.clone())));
        }
    }

    /// The role of the node called `node`; `None` if the graph has no such node.
    pub fn node(&self, node: &str) -> Option<&Role> {
        self.nodes.get(node)
    }

    /// Whether `node` is eight-bit or fused into a node that is.
    pub fn is_quantized(&self, node: &str) -> bool {
        matches!(self.node(node), Some(Role::Quantized | Role::Fused))
    }

    /// The value whose scale and zero point `value` has; `None` if `value` does not become bytes.
    pub fn root(&self, value: &str) -> Option<&str> {
        self.roots.get(value).map(String::as_str)
    }

    /// Whether `value` is bytes that a node only moved.
    pub(crate) fn is_moved(&self, value: &str) -> bool {
        self.moved.contains(value)
    }

    /// The values whose ranges must be observed.
    pub fn observed(&self) -> BTreeSet<&str> {
        self.roots.values().filter(|root| !self.constants.contains(*root)).map(String::as_str).collect()
    }

    /// The constants that become bytes with a range of their own (not weights).
    pub fn constants(&self) -> impl Iterator<Item = &str> {
        self.constants.iter().map(String::as_str)
    }

    /// Every node's name with its role.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Role)> {
        self.nodes.iter().map(|(name, role)| (name.as_str(), role))
    }
}
