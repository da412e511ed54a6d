//! `fuse_gelu`: the parts that exporters write for `Gelu` become one node.

use super::links::{Links, other_operand};
use crate::ops::{add, div, erf, gelu, mul};
use crate::{Error, Graph, Node};

/// Fuses `x/2 · (1 + erf(x / √2))`, which files from before operator set 20 spell out as `Div` (or `Mul`), `Erf`, `Add`, and two `Mul`
/// in any order, into a `Gelu`, the same function without the roundings in between.
///
/// Not fused: values that have other readers or are outputs of the graph.
///
/// # Errors
///
/// Every error of [`Graph::producers`].
pub fn fuse_gelu(mut graph: Graph) -> Result<Graph, Error> {
    if !graph.nodes.iter().any(|node| node.is(&erf::OP)) {
        return Ok(graph);
    }
    let finder = Finder(Links::of(&graph)?);
    let erfs = graph.nodes.iter().enumerate().filter(|(_, node)| node.is(&erf::OP));
    let found: Vec<Parts> = erfs.filter_map(|(index, _)| finder.parts(index)).collect();
    let mut gone = vec![false; graph.nodes.len()];
    for Parts { x, nodes, last } in found {
        nodes.into_iter().for_each(|index| gone[index] = true);
        gone[last] = false;
        let node = &mut graph.nodes[last];
        (node.op, node.inputs) = ((&gelu::OP).into(), vec![x]);
    }
    let mut gone = gone.into_iter();
    graph.nodes.retain(|_| gone.next() != Some(true));
    Ok(graph)
}

/// The parts of a `Gelu`.
struct Parts {
    x: String,
    /// The indices of the nodes.
    nodes: Vec<usize>,
    /// The one that writes the result.
    last: usize,
}

/// How far from √2 and its inverse their floats in a file may be.
const CLOSE: f32 = 1e-6;

struct Finder<'g>(Links<'g>);

impl<'g> Finder<'g> {
    /// The parts around the `Erf` at `index`.
    fn parts(&self, index: usize) -> Option<Parts> {
        let nodes = &self.0.graph.nodes;
        let narrowed = self.0.only_read_by(nodes[index].input(0)?, index)?;
        let x = self.narrowed(&nodes[narrowed])?;
        let (sum, one) = self.next(index).filter(|&(next, _)| nodes[next].is(&add::OP))?;
        let (product, factor) = self.next(sum).filter(|&(next, _)| nodes[next].is(&mul::OP))?;
        if self.scalar(one)? != 1.0 {
            return None;
        }
        let mut parts = vec![narrowed, index, sum, product];
        let last = if factor == x || self.scalar(factor) == Some(0.5) {
            let (last, other) = self.next(product).filter(|&(next, _)| nodes[next].is(&mul::OP))?;
            if !(if factor == x { self.scalar(other) == Some(0.5) } else { other == x }) {
                return None;
            }
            parts.push(last);
            last
        } else {
            let halved = self.0.only_read_by(factor, product)?;
            let other = other_operand(&nodes[halved], x).filter(|_| nodes[halved].is(&mul::OP))?;
            if self.scalar(other) != Some(0.5) {
                return None;
            }
            parts.push(halved);
            product
        };
        Some(Parts { x: x.to_owned(), nodes: parts, last })
    }

    /// What a node divides by √2.
    fn narrowed(&self, node: &'g Node) -> Option<&'g str> {
        let [left, right] = node.inputs.as_slice() else { return None };
        let is_near = |name: &str, value: f32| {
            self.scalar(name).is_some_and(|found| (found - value).abs() <= CLOSE * value)
        };
        let inverse = std::f32::consts::FRAC_1_SQRT_2;
        if node.is(&div::OP) {
            is_near(right, std::f32::consts::SQRT_2).then_some(left)
        } else if !node.is(&mul::OP) {
            None
        } else if is_near(right, inverse) {
            Some(left)
        } else {
            is_near(left, inverse).then_some(right)
        }
    }

    /// A constant without axes: beside it every value keeps its shape.
    fn scalar(&self, name: &str) -> Option<f32> {
        let tensor = self.0.graph.constants.get(name).filter(|tensor| tensor.rank() == 0)?;
        tensor.as_f32().ok()?.first().copied()
    }

    /// The only node that reads the result of the node at `index`, and its other operand.
    fn next(&self, index: usize) -> Option<(usize, &'g str)> {
        let (links, node) = (&self.0, &self.0.graph.nodes[index]);
        let reader = links.only_reader(node)?;
        Some((reader, other_operand(&links.graph.nodes[reader], node.output(0)?)?))
    }
}

#[cfg(test)]
mod tests {
    use std::f32::consts::{FRAC_1_SQRT_2, SQRT_2};

    use super::*;
    use crate::Tensor;
    use crate::passes::testing::{graph, names};

    /// `Erf` and what is before it, and these nodes after it.
    fn spelled(narrow: Node, after: Vec<Node>) -> Graph {
        let mut nodes = vec![
            narrow,
            Node::new("erf", "Erf", &["narrow"], &["e"]),
            Node::new("sum", "Add", &["e", "one"], &["sum"]),
        ];
        nodes.extend(after);
        let mut graph = graph(nodes);
        let constants =
            [("root", SQRT_2), ("inverse", FRAC_1_SQRT_2), ("one", 1.0), ("half", 0.5), ("two", 2.0)];
        for (name, value) in constants {
            graph.constants.insert(name.to_owned(), Tensor::scalar(value));
        }
        graph
    }

    fn divided() -> Node {
        Node::new("narrow", "Div", &["x", "root"], &["narrow"])
    }

    fn product(name: &str, left: &str, right: &str) -> Node {
        Node::new(name, "Mul", &[left, right], &[name])
    }

    #[test]
    fn every_order_of_the_products_is_a_gelu() {
        let orders = [
            vec![product("first", "x", "sum"), product("y", "first", "half")],
            vec![product("first", "half", "sum"), product("y", "x", "first")],
            vec![product("first", "x", "half"), product("y", "first", "sum")],
        ];
        for after in orders {
            for narrow in [divided(), Node::new("narrow", "Mul", &["inverse", "x"], &["narrow"])] {
                let graph = fuse_gelu(spelled(narrow, after.clone())).expect("valid");
                graph.validate().expect("valid");
                assert_eq!(names(&graph), ["y"]);
                assert!(graph.nodes[0].is(&gelu::OP));
                assert_eq!(graph.nodes[0].inputs, ["x"]);
            }
        }
    }

    #[test]
    fn other_functions_stay() {
        let changed = |change: &dyn Fn(&mut Graph)| {
            let after = vec![product("first", "x", "sum"), product("y", "first", "half")];
            let mut graph = spelled(divided(), after);
            change(&mut graph);
            assert_eq!(fuse_gelu(graph.clone()).expect("valid"), graph);
        };
        changed(&|graph| graph.nodes[0].inputs[1] = "two".to_owned());
        changed(&|graph| graph.nodes[0].inputs.swap(0, 1));
        changed(&|graph| graph.nodes[2].inputs[1] = "half".to_owned());
        changed(&|graph| graph.nodes[3].inputs[0] = "e".to_owned());
        changed(&|graph| graph.nodes[4].inputs[1] = "two".to_owned());
        changed(&|graph| graph.nodes[4].inputs[1] = "first".to_owned());
        changed(&|graph| graph.outputs[0].name = "sum".to_owned());
        changed(&|graph| {
            graph.constants.insert("half".to_owned(), Tensor::new([1, 1, 1], vec![0.5f32]).expect("one"));
        });
    }
}
