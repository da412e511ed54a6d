//! Open dimensions of a file stay open, and the executor runs on all sizes that fit.

use std::path::Path;

use eightbit_graph::quantize::{QuantizeOptions, quantize};
use eightbit_graph::{
    DataType, Error, Executor, ExecutorOptions, Graph, Node, Tensor, ValueInfo, ops, passes,
};

fn file(name: &str) -> Graph {
    Graph::from_onnx_file(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases").join(name))
        .expect("a model")
}

/// A tensor of numbers between −1 and 1 that differ from seed to seed.
fn tensor(shape: &[usize], seed: usize) -> Tensor {
    let number = |at: usize| ((at * 37 + seed * 101) % 201) as f32 / 100.0 - 1.0;
    Tensor::new(shape, (0..shape.iter().product()).map(number).collect::<Vec<_>>()).expect("fits")
}

fn name(graph: &Graph, value: &str, axis: usize) -> Option<String> {
    graph.dimension_names.get(&(value.to_owned(), axis)).cloned()
}

/// Some exporters give all dimensions whose name they do not know the name `?`.
#[test]
fn a_question_mark_is_no_name() {
    let mut graph = file("open_dimensions.onnx");
    let x = graph.inputs[0].name.clone();
    for axis in [2, 3] {
        graph.dimension_names.insert((x.clone(), axis), "?".to_owned());
    }
    let read = Graph::from_onnx_bytes(&graph.to_onnx_bytes().expect("valid")).expect("own bytes");
    assert_eq!([0, 2, 3].map(|axis| name(&read, &x, axis)), [Some("N".to_owned()), None, None]);
    let fixed = read.fix_shape(&x, &[1, 3, 24, 16]).expect("two sizes");
    assert_eq!(fixed.inputs[0].shape, [1, 3, 24, 16].map(Some));
}

#[test]
fn a_quantized_file_has_the_inputs_and_outputs_of_the_float_one() {
    let float = file("open_dimensions.onnx");
    let (x, y) = (&float.inputs[0], &float.outputs[0]);
    assert_eq!((&x.shape[..], &y.shape[..]), (&[None, Some(3), None, None][..], &[None, Some(5)][..]));
    assert_eq!(name(&float, &x.name, 0).as_deref(), Some("N"));
    assert_eq!(name(&float, &x.name, 2).as_deref(), Some("H"));

    // Examples of several batches and sizes.
    let shapes = [[1, 3, 24, 24], [4, 3, 16, 16], [1, 3, 24, 24], [2, 3, 8, 40]];
    let examples: Vec<_> = (0..8).map(|seed| vec![tensor(&shapes[seed % 4], seed)]).collect();
    let (eight_bit, report) =
        quantize(&float, &examples, &QuantizeOptions::default(), |_| {}).expect("quantizes");
    assert!(report.quantized().count() > 0);
    let written = Graph::from_onnx_bytes(&eight_bit.to_onnx_bytes().expect("valid")).expect("own bytes");
    assert_eq!((&written.inputs, &written.outputs), (&float.inputs, &float.outputs));
    assert_eq!(written.dimension_names, float.dimension_names);

    // The written graph runs on all of these and on new shapes, with the results of the plain evaluator.
    let input = float.inputs[0].name.as_str();
    let fused = passes::fuse_quantized(&written).expect("fuses");
    let executor = Executor::new(&written, &ExecutorOptions::default()).expect("open");
    for (seed, shape) in shapes.iter().chain(&[[3, 3, 20, 12], [1, 3, 24, 24], [3, 3, 20, 12]]).enumerate() {
        let x = tensor(shape, seed);
        let found = executor.run(&[(input, &x)]).expect("a run");
        assert_eq!(found[0].shape(), [shape[0], 5]);
        assert_eq!(found, ops::evaluate_graph(&fused, &[(input, &x)]).expect("a run"));
        if seed < shapes.len() {
            let expected = ops::evaluate_graph(&float, &[(input, &x)]).expect("a run");
            let expected = expected[0].as_f32().expect("f32");
            let range = expected.iter().fold(0f32, |range, y| range.max(y.abs()));
            for (found, expected) in found[0].as_f32().expect("f32").iter().zip(expected) {
                assert!((found - expected).abs() <= 0.1 * range, "{found}, in float {expected}");
            }
        }
    }
}

/// A network with a convolution, a depthwise one and a product, whose batch and size are open.
fn network() -> Graph {
    let nodes = vec![
        Node::new("conv", "Conv", &["x", "w1"], &["a"]).with("pads", vec![1; 4]),
        Node::new("relu", "Relu", &["a"], &["b"]),
        Node::new("depthwise", "Conv", &["b", "w2"], &["c"]).with("group", 8),
        Node::new("mean", "GlobalAveragePool", &["c"], &["d"]),
        Node::new("flatten", "Flatten", &["d"], &["e"]),
        Node::new("product", "Gemm", &["e", "w3"], &["y"]),
    ];
    Graph {
        inputs: vec![ValueInfo {
            name: "x".to_owned(),
            data_type: DataType::F32,
            shape: vec![None, Some(3), None, None],
        }],
        outputs: vec![ValueInfo {
            name: "y".to_owned(),
            data_type: DataType::F32,
            shape: vec![None, Some(4)],
        }],
        nodes,
        constants: [
            ("w1".to_owned(), tensor(&[8, 3, 3, 3], 1)),
            ("w2".to_owned(), tensor(&[8, 1, 3, 3], 2)),
            ("w3".to_owned(), tensor(&[8, 4], 3)),
        ]
        .into(),
        ..Graph::default()
    }
}

#[test]
fn plans_for_many_shapes_agree_with_the_plain_meaning() {
    let graph = network();
    let executor = Executor::new(&graph, &ExecutorOptions::default()).expect("open");
    assert_eq!(executor.inputs()[0].shape, graph.inputs[0].shape);
    assert!(executor.explain().is_empty());
    let mut memory = Vec::new();
    // More shapes than plans are kept for, some of them repeated.
    for (seed, size) in [8, 9, 10, 11, 12, 13, 8, 13, 12].into_iter().enumerate() {
        let x = tensor(&[1 + seed % 3, 3, size, 8], seed);
        let found = executor.run(&[("x", &x)]).expect("a run");
        let expected = ops::evaluate_graph(&graph, &[("x", &x)]).expect("a run");
        assert_eq!(found[0].shape(), expected[0].shape());
        for (found, expected) in
            found[0].as_f32().expect("f32").iter().zip(expected[0].as_f32().expect("f32"))
        {
            assert!(
                (found - expected).abs() <= 1e-4 * (1.0 + expected.abs()),
                "{found}, expected {expected}"
            );
        }
        let outputs = executor.outputs_for(&[("x", &x)]).expect("a plan");
        assert_eq!(outputs[0].shape, [Some(1 + seed % 3), Some(4)]);
        assert_eq!(executor.inputs(), graph.inputs, "the options leave sizes open");
        assert!(!executor.explain().is_empty());
        memory.push(executor.memory_bytes());
    }
    let most = 4 * memory[0].max(memory[5]) * 3;
    assert!(memory.iter().all(|&bytes| bytes <= most), "plans pile up: {memory:?}");
}

#[test]
fn what_is_fixed_stays_fixed() {
    let executor = Executor::new(&network(), &ExecutorOptions::default()).expect("open");
    for shape in [vec![1, 4, 8, 8], vec![3, 8, 8], vec![1, 3, 8, 8, 1]] {
        let message = executor.run(&[("x", &tensor(&shape, 0))]).expect_err("does not fit").to_string();
        assert!(message.contains("shape [?, 3, ?, ?]"), "{message}");
    }
    // Too small for the second convolution, which the error names when the plan is made.
    let message = executor.run(&[("x", &tensor(&[1, 3, 2, 2], 0))]).expect_err("too small").to_string();
    assert!(message.contains("\"depthwise\""), "{message}");
    // The error changes nothing.
    executor.run(&[("x", &tensor(&[1, 3, 8, 8], 0))]).expect("fits");
    let mut outputs = [Tensor::zeros([1, 4], DataType::F32).expect("small")];
    executor.run_into(&[("x", &tensor(&[1, 3, 9, 9], 0))], &mut outputs).expect("an output that fits");
    let two = tensor(&[2, 3, 9, 9], 0);
    assert!(executor.run_into(&[("x", &two)], &mut outputs).is_err(), "two rows do not fit");
}

#[test]
fn a_batch_that_the_graph_has_in_a_constant_is_found_by_running() {
    let mut graph = network();
    graph.nodes[4] = Node::new("reshape", "Reshape", &["d", "shape"], &["e"]);
    graph.constants.insert("shape".to_owned(), Tensor::vector([4i64, 8]));
    let executor = Executor::new(&graph, &ExecutorOptions::default()).expect("open");
    assert_eq!(executor.run(&[("x", &tensor(&[4, 3, 8, 8], 0))]).expect("a run")[0].shape(), [4, 4]);
    let message = executor.run(&[("x", &tensor(&[1, 3, 8, 8], 0))]).expect_err("another batch").to_string();
    assert!(message.contains("\"reshape\""), "{message}");
    graph.inputs[0].shape = vec![None, Some(3), Some(8), Some(8)];
    let executor = Executor::new(&graph, &ExecutorOptions::default()).expect("open");
    assert_eq!(executor.run(&[("x", &tensor(&[4, 3, 8, 8], 0))]).expect("a run")[0].shape(), [4, 4]);
}

#[test]
fn plans_that_need_the_memory_of_others_replace_them() {
    let mut options = ExecutorOptions::default();
    let executor = Executor::new(&network(), &options).expect("open");
    executor.run(&[("x", &tensor(&[1, 3, 64, 64], 0))]).expect("a run");
    let one = executor.memory_bytes() as u64;
    // Room for one plan, its constants, the patches of its convolution (512 KiB) and a little.
    options.shapes.limits.max_bytes = one + one / 2 + (1 << 19);
    let executor = Executor::new(&network(), &options).expect("open");
    for size in [64, 63, 62, 64] {
        executor.run(&[("x", &tensor(&[1, 3, size, 64], 0))]).expect("a run");
        assert!(executor.memory_bytes() as u64 <= options.shapes.limits.max_bytes);
    }
    let error = executor.run(&[("x", &tensor(&[1, 3, 128, 128], 0))]).expect_err("too large");
    assert!(matches!(error, Error::OverLimit { unit: "bytes", .. }), "{error}");
}

#[test]
fn minus_one_is_an_open_dimension() {
    let graph = file("dim_minus_one.onnx");
    assert!(graph.inputs[0].shape.contains(&None), "{:?}", graph.inputs[0]);
    let again = Graph::from_onnx_bytes(&graph.to_onnx_bytes().expect("valid")).expect("own bytes");
    assert_eq!(again.inputs, graph.inputs);
}

#[test]
fn an_output_without_a_shape_has_the_one_that_its_node_makes() {
    let graph = file("output_no_shape.onnx");
    let shape: Vec<usize> = graph.inputs[0].shape.iter().map(|dim| dim.unwrap_or(2)).collect();
    let x = tensor(&shape, 0);
    let outputs = ops::evaluate_graph(&graph, &[(&graph.inputs[0].name, &x)]).expect("a run");
    let declared = &graph.outputs[0].shape;
    assert_eq!(declared.len(), outputs[0].rank());
    assert!(declared.iter().zip(outputs[0].shape()).all(|(dim, size)| dim.is_none_or(|dim| dim == *size)));
    assert!(declared.iter().any(Option::is_some), "{declared:?}");
}
