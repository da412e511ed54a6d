//! `quantize_nodes` with ranges from examples.

use eightbit_graph::quantize::Range;
use eightbit_graph::{Executor, ExecutorOptions, Graph, Tensor};
use eightbit_tensorflow::proto::{DataType, GraphDef, NodeDef, Value};
use eightbit_tensorflow::transforms::{Ranges, TransformError, transform, transform_calibrated};
use eightbit_tensorflow::{ImportOptions, grammar};

use crate::support::nodes::{floats, node, placeholder};

fn ints(values: &[i64]) -> Value {
    let list = eightbit_tensorflow::proto::ListValue { i: values.to_vec(), ..Default::default() };
    Value::List(Box::new(list))
}

/// `pool(relu(conv(x) + bias))` and a second convolution, concatenated.
fn network() -> Vec<NodeDef> {
    let float = || ("T", Value::Type(DataType::Float as i32));
    let text = |name: &'static str, text: &str| (name, Value::S(text.as_bytes().to_vec()));
    let conv = |name: &str, input: &str, weights: &str| {
        let attributes = [float(), ("strides", ints(&[1, 1, 1, 1])), text("padding", "SAME")];
        node(name, "Conv2D", &[input, weights], &attributes)
    };
    let axis = {
        let mut axis = floats("axis", &[], &[0.0]);
        if let Some(Value::Tensor(tensor)) = axis.attr.get_mut("value").and_then(|value| value.value.as_mut())
        {
            (tensor.dtype, tensor.float_val, tensor.int_val) = (DataType::Int32 as i32, Vec::new(), vec![3]);
        }
        axis.attr.insert(
            "dtype".to_owned(),
            eightbit_tensorflow::proto::AttrValue { value: Some(Value::Type(DataType::Int32 as i32)) },
        );
        axis
    };
    vec![
        placeholder("x", &[1, 2, 2, 1]),
        floats("w", &[1, 1, 1, 2], &[1.0, -0.5]),
        conv("conv", "x", "w"),
        floats("b", &[2], &[0.25, 1.0]),
        node("bias", "BiasAdd", &["conv", "b"], &[float()]),
        node("relu", "Relu", &["bias"], &[float()]),
        floats("v", &[1, 1, 1, 2], &[1.0, 0.75]),
        conv("other", "x", "v"),
        axis,
        node("y", "Concat", &["axis", "relu", "other"], &[float(), ("N", Value::I(2))]),
    ]
}

/// The ranges of the outputs for one example.
fn observe(graph: Graph) -> Result<Ranges, TransformError> {
    let x = Tensor::new([1, 2, 2, 1], vec![-1.0f32, 0.0, 1.0, 2.0]).expect("four");
    let executor = Executor::new(&graph, &ExecutorOptions::default()).expect("a plan");
    let values = executor.run(&[("x", &x)]).expect("runs");
    let range = |value: &Tensor| Range::of("a value", value.as_f32().expect("floats")).expect("finite");
    Ok(graph.outputs.iter().zip(&values).map(|(output, value)| (output.name.clone(), range(value))).collect())
}

fn calibrated(transforms: &str) -> GraphDef {
    let graph = GraphDef { node: network(), ..GraphDef::default() };
    let calls = grammar::parse(transforms).expect("well-formed");
    let (inputs, outputs) = (["x".to_owned()], ["y".to_owned()]);
    transform_calibrated(graph, &inputs, &outputs, &calls, &mut observe).expect("a graph").0
}

fn find<'a>(graph: &'a GraphDef, name: &str) -> &'a NodeDef {
    let names = || graph.node.iter().map(|node| node.name.as_str()).collect::<Vec<_>>();
    graph.node.iter().find(|node| node.name == name).unwrap_or_else(|| panic!("{name}: {:?}", names()))
}

fn tensor(node: &NodeDef) -> &eightbit_tensorflow::proto::TensorProto {
    match node.attr.get("value").and_then(|value| value.value.as_ref()) {
        Some(Value::Tensor(tensor)) => tensor,
        other => panic!("{}: {other:?}", node.name),
    }
}

/// The float of the constant that is an input of a node. Equal constants are merged, so that their names say little.
fn number(graph: &GraphDef, node: &str, input: usize) -> f32 {
    let constant = find(graph, &find(graph, node).input[input]);
    let bytes = tensor(constant).tensor_content.to_vec();
    f32::from_le_bytes(bytes.try_into().expect("one float"))
}

#[test]
fn nothing_is_measured_in_a_run() {
    let graph = calibrated("quantize_nodes strip_unused_nodes");
    let measuring = ["Min", "Max", "RequantizationRange", "Reshape"];
    let found: Vec<_> = graph.node.iter().filter(|node| measuring.contains(&node.op.as_str())).collect();
    assert!(found.is_empty(), "{found:?}");
    // The sums of one convolution go to the bias; those of the other become codes.
    let count = |op: &str| graph.node.iter().filter(|node| node.op == op).count();
    assert_eq!(
        (count("QuantizedConv2D"), count("Requantize"), count("Bitcast"), count("Dequantize")),
        (2, 2, 2, 1)
    );
    assert_eq!(find(&graph, "relu/eightbit").input[0], "bias/eightbit/requantize:0");
}

#[test]
fn codes_of_a_concatenation_share_a_range_with_zero() {
    let graph = calibrated("quantize_nodes");
    // relu: 0 to 2.25; other: −1 to 2.
    let range = ["bias", "other"]
        .map(|name| [3, 4].map(|input| number(&graph, &format!("{name}/eightbit/requantize"), input)));
    assert_eq!(range[0], range[1]);
    let [min, max] = range[0];
    let step = (max - min) / 255.0;
    assert!((min + 1.0).abs() < step && (max - 2.25).abs() < step, "{min} to {max}");
    let zero = -min / step;
    assert!((zero - zero.round()).abs() < 1e-3, "{zero}");
}

#[test]
fn a_bias_is_in_steps_of_the_sums() {
    let graph = calibrated("quantize_nodes");
    let steps = [0, 1].map(|input| {
        let (quantize, _) = find(&graph, "conv/eightbit").input[input].split_once(':').expect("an output");
        (number(&graph, quantize, 2) - number(&graph, quantize, 1)) / 255.0
    });
    let content = tensor(find(&graph, "bias/eightbit/bias")).tensor_content.to_vec();
    let (chunks, _) = content.as_chunks::<4>();
    let biases: Vec<f32> = chunks.iter().map(|&bytes| i32::from_le_bytes(bytes) as f32).collect();
    let step = steps[0] * steps[1];
    assert!((biases[0] * step - 0.25).abs() <= step && (biases[1] * step - 1.0).abs() <= step, "{biases:?}");
    assert_eq!(find(&graph, "bias/eightbit/add").op, "BiasAdd");
}

#[test]
fn weights_in_bytes_have_a_code_for_zero() {
    let graph = calibrated("quantize_weights(minimum_size=1) quantize_nodes");
    let [min, max] = [4, 5].map(|input| number(&graph, "conv/eightbit", input));
    let zero = -min / ((max - min) / 255.0);
    assert!((zero - 85.0).abs() < 1e-3, "{zero}");
    assert_eq!(find(&graph, "conv/eightbit").input[1], "w_quantized_const");
}

/// `network` as the branch that is taken, and an operator of one that is not.
#[test]
fn branches_that_are_never_taken_are_not_observed() {
    let mut nodes = network();
    let mut condition = floats("condition", &[], &[]);
    for attribute in condition.attr.values_mut() {
        match &mut attribute.value {
            Some(Value::Type(data_type)) => *data_type = DataType::Bool as i32,
            Some(Value::Tensor(tensor)) => {
                (tensor.dtype, tensor.bool_val) = (DataType::Bool as i32, vec![true])
            }
            _ => {}
        }
    }
    let float = || ("T", Value::Type(DataType::Float as i32));
    nodes.extend([
        condition,
        node("switch", "Switch", &["relu", "condition"], &[float()]),
        node("dead", "Relu", &["switch:0"], &[float()]),
        node("live", "Relu6", &["switch:1"], &[float()]),
        node("merged", "Merge", &["dead", "live"], &[float(), ("N", Value::I(2))]),
    ]);
    let calls = grammar::parse("quantize_nodes").expect("well-formed");
    let (inputs, outputs) = (["x".to_owned()], ["merged".to_owned()]);
    let graph = GraphDef { node: nodes, ..GraphDef::default() };
    let mut seen = Vec::new();
    let mut observe = |graph: Graph| {
        seen.extend(graph.outputs.iter().map(|output| output.name.clone()));
        observe(graph)
    };
    transform_calibrated(graph, &inputs, &outputs, &calls, &mut observe).expect("a graph");
    assert!(seen.contains(&"live".to_owned()) && !seen.contains(&"dead".to_owned()), "{seen:?}");
}

#[test]
fn an_error_of_the_calibration_may_be_ignored() {
    let fails = |transforms: &str| {
        let graph = GraphDef { node: network(), ..GraphDef::default() };
        let calls = grammar::parse(transforms).expect("well-formed");
        let mut observe = |_| Err(TransformError::Invalid("no examples".to_owned()));
        let (inputs, outputs) = (["x".to_owned()], ["y".to_owned()]);
        transform_calibrated(graph, &inputs, &outputs, &calls, &mut observe)
    };
    fails("quantize_nodes").expect_err("no examples");
    let (graph, report) = fails("quantize_nodes(ignore_errors=true)").expect("the graph as it was");
    assert_eq!(graph.node, network());
    assert!(report.warnings[0].contains("no examples"), "{:?}", report.warnings);
}

#[test]
fn without_examples_ranges_are_measured() {
    let graph = GraphDef { node: network(), ..GraphDef::default() };
    let calls = grammar::parse("quantize_nodes").expect("well-formed");
    let (graph, _) = transform(graph, &["x".to_owned()], &["y".to_owned()], &calls).expect("a graph");
    assert_eq!(graph.node.iter().filter(|node| node.op == "RequantizationRange").count(), 3);
}

/// Sums of codes, biases in 32 bits and codes that pass on mean what the float graph means, within two steps of its range.
#[test]
fn a_calibrated_graph_gives_what_the_float_graph_gives() {
    let run = |graph: &GraphDef| {
        let options = ImportOptions { outputs: vec!["y".to_owned()], ..ImportOptions::default() };
        let x = Tensor::new([1, 2, 2, 1], vec![-1.0f32, 0.0, 1.0, 2.0]).expect("four");
        let graph = graph.to_graph(&options).expect("imported");
        let executor = Executor::new(&graph, &ExecutorOptions::default()).expect("a plan");
        executor.run(&[("x", &x)]).expect("runs").remove(0)
    };
    let float = run(&GraphDef { node: network(), ..GraphDef::default() });
    let eight_bit = run(&calibrated("quantize_nodes strip_unused_nodes"));
    let (float, eight_bit) = (float.as_f32().expect("floats"), eight_bit.as_f32().expect("floats"));
    let (low, high) = float.iter().fold((0.0f32, 0.0f32), |(low, high), &x| (low.min(x), high.max(x)));
    assert_eq!(float.len(), eight_bit.len());
    for (float, eight_bit) in float.iter().zip(eight_bit) {
        assert!((float - eight_bit).abs() <= (high - low) / 127.5, "{float} {eight_bit}");
    }
}

/// An output that is not there needs no nodes: without an error nothing would be frozen.
#[test]
fn outputs_must_be_there_and_may_be_left_out() {
    let calls = grammar::parse("quantize_nodes").expect("well-formed");
    let of_outputs = |outputs: &[String]| {
        let graph = GraphDef { node: network(), ..GraphDef::default() };
        transform_calibrated(graph, &["x".to_owned()], outputs, &calls, &mut observe)
    };
    let error = of_outputs(&["nope".to_owned()]).expect_err("no such output").to_string();
    assert!(error.contains("no output \"nope\""), "{error}");
    let (graph, _) = of_outputs(&[]).expect("all of the graph");
    assert!(graph.node.iter().all(|node| node.op != "RequantizationRange"), "ranges are frozen");
}
