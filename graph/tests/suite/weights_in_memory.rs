//! Quantizing takes at its peak at most two and a half times the memory of the weights in the file, for a model whose weights are far
//! larger than its activations.

use allocation_counter::measure;
use eightbit_graph::quantize::{Effort, QuantizeOptions, quantize};
use eightbit_graph::{DataType, Graph, Node, Tensor, ValueInfo};

use super::qdq::Numbers;

const CHANNELS: usize = 256;
const LAYERS: usize = 6;

/// Convolutions of tiny images, each with a batch normalization or a bias of its own that becomes part of its weights, or a `Relu` alone.
fn heavy(batch: Option<usize>) -> Graph {
    let mut numbers = Numbers(11);
    let value = |name: &str| ValueInfo {
        name: name.to_owned(),
        data_type: DataType::F32,
        shape: vec![batch, Some(CHANNELS), Some(3), Some(3)],
    };
    let mut graph = Graph { opset: 13, inputs: vec![value("v0")], ..Graph::default() };
    for name in ["gamma", "beta", "mean", "variance"] {
        let value = if name == "beta" || name == "mean" { 0.01f32 } else { 1.5 };
        graph.constants.insert(name.to_owned(), Tensor::vector(vec![value; CHANNELS]));
    }
    for layer in 0..LAYERS {
        let [weights, from, to] = ["w", "v", "v"].map(str::to_owned);
        let (weights, from, to) =
            (format!("{weights}{layer}"), format!("{from}{layer}"), format!("{to}{}", layer + 1));
        let (product, next) = (format!("product{layer}"), format!("next{layer}"));
        let kernel = numbers.tensor(&[CHANNELS, CHANNELS, 3, 3]);
        graph.constants.insert(weights.clone(), kernel);
        graph.nodes.push(
            Node::new(&product, "Conv", &[&from, &weights], &[&product]).with("pads", vec![1i64, 1, 1, 1]),
        );
        let norm = [product.as_str(), "gamma", "beta", "mean", "variance"];
        graph.nodes.push(match layer % 2 {
            0 => Node::new(&next, "BatchNormalization", &norm, &[&next]),
            _ => Node::new(&next, "Relu", &[&product], &[&next]),
        });
        graph.nodes.push(Node::new(&to, "Relu", &[&next], &[&to]));
    }
    graph.outputs = vec![value(&format!("v{LAYERS}"))];
    graph
}

#[test]
fn quantizing_takes_a_few_times_the_file() {
    let folder = std::env::temp_dir();
    let path = folder.join(format!("eightbit weights {}.onnx", std::process::id()));
    let written = folder.join(format!("eightbit bytes {}.onnx", std::process::id()));
    let cases = [(Some(1), Effort::None), (None, Effort::None), (Some(1), Effort::Low), (None, Effort::Low)];
    for (batch, effort) in cases {
        heavy(batch).to_onnx_file(&path).expect("a temporary file");
        let file = std::fs::metadata(&path).expect("written").len();
        let mut layers = 0;
        let options = QuantizeOptions { effort, ..QuantizeOptions::default() };
        let counted = measure(|| {
            let graph = Graph::from_onnx_file(&path).expect("own file");
            let mut numbers = Numbers(5);
            let examples: Vec<_> = (0..3).map(|_| vec![numbers.tensor(&[1, CHANNELS, 3, 3])]).collect();
            let (eight_bit, report) = quantize(graph, &examples, &options, |_| {}).expect("quantizes");
            eight_bit.to_onnx_file(&written).expect("a temporary file");
            layers = report.layers.len();
        });
        assert_eq!(layers, LAYERS, "measured, which takes most");
        let times = counted.bytes_max as f64 / file as f64;
        println!(
            "batch {batch:?}, {effort:?}: {file} bytes in the file, {} at the peak: {times:.2} times",
            counted.bytes_max
        );
        assert!(times <= 2.5, "batch {batch:?}: {times:.2} times the file");
        assert!(times >= 1.5, "batch {batch:?}: {times:.2}: was everything counted?");
    }
    for path in [path, written] {
        std::fs::remove_file(path).expect("own file");
    }
}
