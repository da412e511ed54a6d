//! Tests of the pass.

use super::*;
use crate::ops::evaluate_graph;
use crate::passes::testing::names;
use crate::{Attribute, DataType, Node, Tensor, ValueInfo};

const TO_FIRST: [i64; 4] = [0, 3, 1, 2];
const TO_LAST: [i64; 4] = [0, 2, 3, 1];

fn transpose(name: &str, input: &str, output: &str, order: [i64; 4]) -> Node {
    Node::new(name, "Transpose", &[input], &[output]).with("perm", order.to_vec())
}

/// A graph from `x` of shape 2×3×4×2 (NHWC) to `y`.
fn image(nodes: Vec<Node>, rank: usize) -> Graph {
    let value = |name: &str, shape: Vec<Option<usize>>| ValueInfo {
        name: name.to_owned(),
        data_type: DataType::F32,
        shape,
    };
    let mut graph = Graph {
        inputs: vec![value("x", vec![None, Some(3), Some(4), Some(2)])],
        outputs: vec![value("y", vec![None; rank])],
        nodes,
        opset: 13,
        ..Graph::default()
    };
    let mut add = |name: &str, tensor: Tensor| drop(graph.constants.insert(name.to_owned(), tensor));
    add("bias", Tensor::vector([0.5f32, -1.0]));
    add("weights", Tensor::new([2, 2, 1, 1], vec![1.0f32, 2.0, -3.0, 0.5]).expect("four"));
    add("pads", Tensor::vector([0i64, 1, 0, 0, 0, 1, 2, 0]));
    add("axis", Tensor::vector([3i64]));
    add("one", Tensor::vector([1i64]));
    add("two", Tensor::vector([2i64]));
    add("flat", Tensor::vector([-1i64, 2]));
    add("rows", Tensor::new([3, 1, 1], vec![1.0f32, 2.0, 3.0]).expect("three"));
    graph
}

/// The graph after the pass, which computes what the graph did.
fn checked(graph: &Graph) -> Graph {
    let x: Vec<f32> = (0..48).map(|at| at as f32 * 0.37 - 7.0).collect();
    let x = Tensor::new([2, 3, 4, 2], x).expect("48");
    let moved = cancel_transposes(graph.clone()).expect("valid");
    moved.validate().expect("valid");
    let run = |graph: &Graph| evaluate_graph(graph, &[("x", &x)]).expect("runs");
    assert_eq!(run(graph), run(&moved), "{:?}", moved.nodes);
    moved
}

/// A convolution of NHWC images between `x` and the value `c`.
fn conv() -> Vec<Node> {
    vec![
        transpose("t1", "x", "x1", TO_FIRST),
        Node::new("conv", "Conv", &["x1", "weights"], &["c1"]),
        transpose("t2", "c1", "c", TO_LAST),
    ]
}

/// The nodes `between` from the convolution's `c` to `d`, and a second convolution.
fn between(between: Vec<Node>) -> Graph {
    let mut nodes = conv();
    nodes.extend(between);
    nodes.extend([
        transpose("t3", "d", "d1", TO_FIRST),
        Node::new("conv2", "Conv", &["d1", "weights"], &["e1"]),
        transpose("t4", "e1", "y", TO_LAST),
    ]);
    image(nodes, 4)
}

#[test]
fn transpositions_between_convolutions_cancel() {
    let chains = [
        vec![Node::new("a", "Add", &["c", "bias"], &["b"]), Node::new("r", "Relu", &["b"], &["d"])],
        vec![Node::new("a", "Mul", &["rows", "c"], &["d"])],
        vec![Node::new("a", "Add", &["c", "c"], &["d"])],
        vec![Node::new("p", "Pad", &["c", "pads"], &["d"])],
        vec![Node::new("s", "Softmax", &["c"], &["d"])],
        vec![
            Node::new("m", "ReduceMean", &["c"], &["m"]).with("axes", vec![1i64, 2]),
            Node::new("a", "Mul", &["c", "m"], &["d"]),
        ],
        vec![
            Node::new("s", "Split", &["c"], &["s1", "s2"]).with("axis", 1 + 1),
            Node::new("j", "Concat", &["s2", "s1"], &["d"]).with("axis", -2),
        ],
        vec![Node::new("s", "Slice", &["c", "one", "two", "one"], &["d"])],
    ];
    for chain in chains {
        let moved = checked(&between(chain));
        assert_eq!(count(&moved), 2, "{:?}", names(&moved));
    }
}

#[test]
fn reductions_end_the_images() {
    let ends = [
        vec![Node::new("m", "ReduceMean", &["c"], &["y"]).with("axes", vec![1i64, 2]).with("keepdims", 0)],
        vec![
            Node::new("m", "ReduceMean", &["c"], &["m"]).with("axes", vec![1i64, 2]),
            Node::new("r", "Reshape", &["m", "flat"], &["y"]),
        ],
        vec![
            Node::new("m", "ReduceMean", &["c"], &["m"]).with("axes", vec![1i64, 2]),
            Node::new("r", "Squeeze", &["m"], &["y"]),
        ],
        vec![Node::new("s", "Shape", &["c"], &["s"]), Node::new("k", "Cast", &["s"], &["y"]).with("to", 1)],
    ];
    for end in ends {
        let mut nodes = conv();
        nodes.extend(end);
        let moved = checked(&image(nodes, 2));
        assert_eq!(count(&moved), 1, "{:?}", names(&moved));
    }
}

#[test]
fn what_does_not_move_stays() {
    // The order of the elements matters to `Reshape`.
    let mut nodes = conv();
    nodes.push(Node::new("r", "Reshape", &["c", "flat"], &["y"]));
    let graph = image(nodes, 2);
    assert_eq!(count(&checked(&graph)), 2);
    // Another order.
    let graph =
        image(vec![transpose("t", "x", "a", [0, 2, 1, 3]), Node::new("r", "Relu", &["a"], &["y"])], 4);
    assert_eq!(count(&checked(&graph)), 1);
}

#[test]
fn transpositions_move_to_the_inputs() {
    let mut nodes =
        vec![Node::new("s", "Sub", &["x", "bias"], &["a"]), Node::new("r", "Relu", &["a"], &["b"])];
    let mut rest = conv();
    rest[0].inputs[0] = "b".to_owned();
    rest[2].outputs[0] = "y".to_owned();
    nodes.extend(rest);
    let moved = checked(&image(nodes, 4));
    assert_eq!(moved.nodes[0].op, *"Transpose");
    assert_eq!(moved.nodes[0].inputs, ["x"]);
}

#[test]
fn constants_are_transposed() {
    let mut graph = between(vec![Node::new("r", "Relu", &["c"], &["d"])]);
    graph.nodes.push(Node::new("d", "DequantizeLinear", &["codes", "scales"], &["hwio"]).with("axis", 3));
    graph.nodes.push(transpose("t5", "hwio", "oihw", [3, 2, 0, 1]));
    graph.constants.insert("codes".to_owned(), Tensor::new([1, 1, 2, 2], vec![1i8, -2, 3, 4]).expect("four"));
    graph.constants.insert("scales".to_owned(), Tensor::vector([0.5f32, 2.0]));
    graph.nodes[1].inputs[1] = "oihw".to_owned();
    let moved = checked(&graph);
    let dequantize = moved.nodes.iter().find(|node| node.op == *"DequantizeLinear").expect("stays");
    assert_eq!(dequantize.attributes["axis"], Attribute::Int(0));
    assert_eq!(count(&moved), 2);
}

/// `Flatten` keeps the first dimension, which a transposition may have moved although no element moves.
#[test]
fn a_first_dimension_that_moves_stays_before_flatten() {
    let value = |name: &str, shape: [usize; 2]| ValueInfo {
        name: name.to_owned(),
        data_type: DataType::F32,
        shape: shape.map(Some).to_vec(),
    };
    let graph = Graph {
        inputs: vec![value("x", [1, 7])],
        outputs: vec![value("y", [7, 1])],
        nodes: vec![
            Node::new("t", "Transpose", &["x"], &["t"]).with("perm", vec![1i64, 0]),
            Node::new("f", "Flatten", &["t"], &["y"]),
        ],
        opset: 13,
        ..Graph::default()
    };
    let x = Tensor::new([1, 7], vec![0.5f32; 7]).expect("seven");
    let moved = cancel_transposes(graph.clone()).expect("valid");
    let run = |graph: &Graph| evaluate_graph(graph, &[("x", &x)]).expect("runs");
    assert_eq!(run(&graph), run(&moved), "{:?}", moved.nodes);
}

/// Whether an open axis has size 1, and goes, is known when the graph runs.
#[test]
fn squeezing_axes_of_unknown_size_stays_behind_its_transposition() {
    let graph = image(
        vec![
            transpose("t1", "x", "x1", TO_FIRST),
            Node::new("mean", "ReduceMean", &["x1"], &["m"]).with("axes", vec![2i64]),
            Node::new("s", "Squeeze", &["m"], &["y"]),
        ],
        3,
    );
    let moved = checked(&graph);
    assert_eq!(count(&moved), 1, "{:?}", moved.nodes);
    assert_eq!(moved.nodes.last().map(|node| node.op.as_str()), Some("Squeeze"), "{:?}", moved.nodes);
    // With one image it squeezes another axis, too.
    let x = Tensor::new([1, 3, 4, 2], (0..24).map(|at| at as f32).collect::<Vec<_>>()).expect("24");
    let mut one = [graph, moved];
    one.iter_mut().for_each(|graph| graph.outputs[0].shape.truncate(2));
    let [before, after] = one.map(|graph| evaluate_graph(&graph, &[("x", &x)]).expect("runs"));
    assert_eq!(before, after);
    assert_eq!(after[0].shape(), [2, 4]);
}

#[test]
fn nodes_that_read_one_constant_read_one_transposed_constant() {
    let mut nodes = conv();
    for at in 0..4 {
        let from = if at == 0 { "c".to_owned() } else { format!("a{at}") };
        let to = format!("a{}", at + 1);
        nodes.push(Node::new(&to, "Add", &[&from, "rows"], &[&to]));
    }
    nodes.push(transpose("t3", "a4", "d", TO_FIRST));
    nodes.push(Node::new("conv2", "Conv", &["d", "weights"], &["c2"]));
    nodes.push(transpose("t4", "c2", "y", TO_LAST));
    let graph = image(nodes, 4);
    let moved = checked(&graph);
    let read: Vec<&str> =
        moved.nodes.iter().filter(|node| node.op == *"Add").filter_map(|node| node.input(1)).collect();
    assert_eq!(read.len(), 4);
    assert!(read.iter().all(|name| *name == read[0] && *name != "rows"), "{read:?}");
}
