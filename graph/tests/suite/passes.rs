//! The passes together on real models: fewer nodes, the same answers.

use eightbit_graph::passes::{
    fold_batch_norms, fold_constants, remove_nodes, sort_by_execution_order, strip_unused_nodes,
};
use eightbit_graph::{Error, Graph, Tensor, ops};

fn simplify(graph: Graph) -> Result<Graph, Error> {
    let graph = fold_constants(remove_nodes(strip_unused_nodes(graph)?)?)?;
    sort_by_execution_order(strip_unused_nodes(fold_batch_norms(graph)?)?)
}

fn check(path: &str) {
    let graph = Graph::from_onnx_file(crate::support::path(path)).expect(path);
    let simple = simplify(graph.clone()).expect(path);
    simple.validate().expect(path);
    assert!(simple.nodes.iter().all(|node| node.op != "BatchNormalization"), "{path}");
    assert_eq!(simplify(simple.clone()).expect(path), simple, "{path}: a second time changes nothing");
    // A smooth pattern over the range of normalized pixels.
    let shape: Vec<usize> = graph.inputs[0].shape.iter().map(|dim| dim.expect("fixed")).collect();
    let pixels = (0..shape.iter().product()).map(|i: usize| ((i as f32) * 0.37).sin()).collect::<Vec<f32>>();
    let image = Tensor::new(shape, pixels).expect("the shape fits");
    let run = |graph: &Graph| {
        let inputs = [(graph.inputs[0].name.as_str(), &image)];
        ops::evaluate_graph(graph, &inputs).expect(path).remove(0).into_values::<f32>().expect("logits")
    };
    let (before, after) = (run(&graph), run(&simple));
    let largest = before.iter().fold(0f32, |largest, value| largest.max(value.abs()));
    assert!(largest > 0.1, "{path}: logits without information");
    for (before, after) in before.iter().zip(&after) {
        assert!((before - after).abs() <= 1e-4 * largest, "{path}: {before} became {after}");
    }
}

#[test]
fn a_classifier_of_digits() {
    check("tests/vectors/networks/mnist_cnn.onnx");
}

#[test]
fn a_classifier_of_photos() {
    check("models/efficientnet_lite0.onnx");
}
