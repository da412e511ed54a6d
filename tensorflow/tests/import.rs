//! Graphs built by hand, imported and run; the expected numbers are computed by hand or by the definitions of TensorFlow's operators.

use eightbit_graph::{Error, Executor, ExecutorOptions, Graph, Tensor};
use eightbit_tensorflow::ImportOptions;
use eightbit_tensorflow::proto::GraphDef;

fn graph(text: &str) -> GraphDef {
    GraphDef::from_bytes(text.as_bytes()).expect("a graph")
}

/// A node of the text form.
fn node(name: &str, op: &str, inputs: &[&str], attributes: &str) -> String {
    let inputs: String = inputs.iter().map(|input| format!("input: \"{input}\" ")).collect();
    format!("node {{ name: \"{name}\" op: \"{op}\" {inputs} {attributes} }}\n")
}

fn attribute(key: &str, value: &str) -> String {
    format!("attr {{ key: \"{key}\" value {{ {value} }} }} ")
}

fn shape(dims: &[i64]) -> String {
    let dims: String = dims.iter().map(|size| format!("dim {{ size: {size} }} ")).collect();
    format!("shape {{ {dims} }}")
}

fn placeholder(name: &str, dims: &[i64]) -> String {
    let attributes = attribute("dtype", "type: DT_FLOAT") + &attribute("shape", &shape(dims));
    node(name, "Placeholder", &[], &attributes)
}

fn constant(name: &str, kind: &str, dims: &[i64], values: &str) -> String {
    let shape = shape(dims).replacen("shape", "tensor_shape", 1);
    let tensor = format!("tensor {{ dtype: {kind} {shape} {values} }}");
    node(name, "Const", &[], &(attribute("dtype", &format!("type: {kind}")) + &attribute("value", &tensor)))
}

fn import(text: &str, inputs: &[&str], outputs: &[&str]) -> Result<Graph, Error> {
    let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    let options =
        ImportOptions { inputs: owned(inputs), outputs: owned(outputs), ..ImportOptions::default() };
    graph(text).to_graph(&options)
}

fn run(graph: &Graph, inputs: &[(&str, &Tensor)]) -> Vec<Tensor> {
    let executor = Executor::new(graph, &ExecutorOptions::default()).expect("a plan");
    executor.run(inputs).expect("runs")
}

fn convolution(padding: &str, stride: usize) -> String {
    let strides = format!("list {{ i: 1 i: {stride} i: {stride} i: 1 }}");
    let attributes = attribute("T", "type: DT_FLOAT")
        + &attribute("strides", &strides)
        + &attribute("padding", &format!("s: \"{padding}\""));
    placeholder("x", &[1, 3, 3, 1])
        + &constant("w", "DT_FLOAT", &[2, 2, 1, 2], "float_val: [1, 10, 2, 20, 3, 30, 4, 40]")
        + &constant("b", "DT_FLOAT", &[2], "float_val: [0.5, -1]")
        + &node("w/read", "Identity", &["w"], "")
        + &node("conv", "Conv2D", &["x", "w/read"], &attributes)
        + &node("bias", "BiasAdd", &["conv", "b"], "")
        + &node("y", "Relu", &["bias", "^b"], "")
}

#[test]
fn images_have_their_channels_last() {
    let x = Tensor::new([1, 3, 3, 1], (1..10u8).map(f32::from).collect::<Vec<_>>()).expect("nine");
    let graph = import(&convolution("VALID", 1), &[], &[]).expect("imports");
    assert_eq!(graph.outputs[0].shape, [1, 2, 2, 2].map(Some));
    let y = run(&graph, &[("x", &x)]);
    // 1·1 + 2·2 + 4·3 + 5·4 = 37, and ten times that.
    assert_eq!(y[0].shape(), [1, 2, 2, 2]);
    assert_eq!(y[0].as_f32().expect("f32"), [37.5, 369.0, 47.5, 469.0, 67.5, 669.0, 77.5, 769.0]);
    // Of a padding of one, the end gets it.
    let graph = import(&convolution("SAME", 2), &[], &["y:0"]).expect("imports");
    let y = run(&graph, &[("x", &x)]);
    assert_eq!(y[0].as_f32().expect("f32"), [37.5, 369.0, 21.5, 209.0, 23.5, 229.0, 9.5, 89.0]);
}

#[test]
fn no_transposition_runs() {
    let graph = import(&convolution("SAME", 1), &[], &[]).expect("imports");
    let executor = Executor::new(&graph, &ExecutorOptions::default()).expect("a plan");
    let plan = executor.explain();
    assert!(!plan.contains("reorder") && !plan.contains("ranspose"), "{plan}");
}

#[test]
fn a_graph_is_cut_at_names() {
    let text = convolution("VALID", 1);
    let cut = import(&text, &["conv:0"], &["bias"]).expect_err("no shape");
    assert!(cut.to_string().contains("needs a shape"), "{cut}");
    let options = ImportOptions {
        inputs: vec!["conv:0".to_owned()],
        outputs: vec!["bias".to_owned()],
        shapes: vec![("conv".to_owned(), vec![None, None, None, Some(2)])],
    };
    let graph = graph(&text).to_graph(&options).expect("imports");
    let x = Tensor::new([1, 1, 1, 2], vec![1.0f32, 2.0]).expect("two");
    assert_eq!(run(&graph, &[("conv", &x)])[0].as_f32().expect("f32"), [1.5, 1.0]);
    let wrong = import(&text, &[], &["z"]).expect_err("no such node").to_string();
    assert!(wrong.contains("\"z\"") && wrong.contains("no node of this name"), "{wrong}");
}

#[test]
fn constant_conditions_choose_a_branch() {
    let branches = |condition: &str| {
        placeholder("x", &[2])
            + &constant("training", "DT_BOOL", &[], condition)
            + &node("pred", "Identity", &["training"], "")
            + &node("switch", "Switch", &["x", "pred"], "")
            + &node("off", "Relu", &["switch"], "")
            + &node("on", "RandomUniform", &["switch:1"], "")
            + &node("merge", "Merge", &["off", "on"], "")
            + &node("y", "Neg", &["merge"], "")
    };
    let graph = import(&branches("bool_val: false"), &[], &[]).expect("the branch is not computed");
    let x = Tensor::vector([-1.0f32, 2.0]);
    assert_eq!(run(&graph, &[("x", &x)])[0].as_f32().expect("f32"), [-0.0, -2.0]);
    let error = import(&branches("bool_val: true"), &[], &[]).expect_err("random").to_string();
    assert!(error.contains("tensorflow.RandomUniform (node \"on\")"), "{error}");
}

#[test]
fn everything_that_is_missing_is_listed() {
    let text = placeholder("x", &[2])
        + &node("a", "Enter", &["x"], "")
        + &node("b", "NextIteration", &["c"], "")
        + &node("c", "Merge", &["a", "b"], "")
        + &node("d", "Conv3D", &["c"], "")
        + &node("e", "Conv3D", &["d"], "");
    let Err(Error::MissingOperators(missing)) = import(&text, &[], &[]) else { panic!("a loop is imported") };
    let found: Vec<(&str, usize)> = missing.iter().map(|one| (one.op.as_str(), one.nodes.len())).collect();
    assert!(found.contains(&("Enter", 1)) && found.contains(&("NextIteration", 1)), "{found:?}");
}

#[test]
fn shapes_are_computed() {
    let text = placeholder("x", &[-1, 2, 3])
        + &node("shape", "Shape", &["x"], "")
        + &constant("zero", "DT_INT32", &[1], "int_val: 0")
        + &constant("one", "DT_INT32", &[1], "int_val: 1")
        + &node(
            "batch",
            "StridedSlice",
            &["shape", "zero", "one", "one"],
            &attribute("shrink_axis_mask", "i: 1"),
        )
        + &constant("rest", "DT_INT32", &[], "int_val: -1")
        + &node("pack", "Pack", &["batch", "rest"], &attribute("axis", "i: 0"))
        + &node("y", "Reshape", &["x", "pack"], "");
    let graph = import(&text, &[], &[]).expect("imports");
    assert_eq!(graph.outputs[0].shape, [None, Some(6)]);
    let x = Tensor::new([4, 2, 3], vec![1.0f32; 24]).expect("24");
    assert_eq!(run(&graph, &[("x", &x)])[0].shape(), [4, 6]);
}

#[test]
fn an_index_below_zero_has_no_row() {
    let text = constant("depth", "DT_INT32", &[], "int_val: 3")
        + &constant("on", "DT_FLOAT", &[], "float_val: 5")
        + &constant("off", "DT_FLOAT", &[], "float_val: -1")
        + &placeholder("x", &[3])
        + &node(
            "i",
            "Cast",
            &["x"],
            &(attribute("SrcT", "type: DT_FLOAT") + &attribute("DstT", "type: DT_INT32")),
        )
        + &node("y", "OneHot", &["i", "depth", "on", "off"], &attribute("axis", "i: -1"));
    let graph = import(&text, &[], &[]).expect("imports");
    let y = run(&graph, &[("x", &Tensor::vector([2.0f32, -1.0, 3.0]))]);
    assert_eq!(y[0].shape(), [3, 3]);
    assert_eq!(y[0].as_f32().expect("f32"), [-1.0, -1.0, 5.0, -1.0, -1.0, -1.0, -1.0, -1.0, -1.0]);
}

#[test]
fn sums_run_and_axes_turn() {
    let sum = attribute("exclusive", "b: true") + &attribute("reverse", "b: true");
    let text = placeholder("x", &[2, 3])
        + &constant("axis", "DT_INT32", &[], "int_val: 1")
        + &node("sums", "Cumsum", &["x", "axis"], &sum)
        + &constant("axes", "DT_INT32", &[2], "int_val: [0, -1]")
        + &node("y", "ReverseV2", &["sums", "axes"], "");
    let graph = import(&text, &[], &[]).expect("imports");
    let x = Tensor::new([2, 3], vec![1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0]).expect("six");
    // The sums are 5 3 0 and 11 6 0.
    assert_eq!(run(&graph, &[("x", &x)])[0].as_f32().expect("f32"), [0.0, 6.0, 11.0, 0.0, 3.0, 5.0]);
}

#[test]
fn flags_are_reduced() {
    let reduced = |op: &str| {
        let text = placeholder("x", &[2, 2])
            + &constant("zero", "DT_FLOAT", &[], "float_val: 0")
            + &node("flags", "Greater", &["x", "zero"], "")
            + &constant("axis", "DT_INT32", &[], "int_val: 1")
            + &node("y", op, &["flags", "axis"], "");
        let graph = import(&text, &[], &[]).expect("imports");
        let x = Tensor::new([2, 2], vec![1.0f32, -1.0, 2.0, 3.0]).expect("four");
        run(&graph, &[("x", &x)])[0].clone()
    };
    assert_eq!(reduced("All"), Tensor::vector([false, true]));
    assert_eq!(reduced("Any"), Tensor::vector([true, true]));
}

#[test]
fn fake_quantization_has_the_range_given() {
    let range = attribute("min", "f: -1") + &attribute("max", "f: 1.55");
    let text = placeholder("x", &[4]) + &node("y", "FakeQuantWithMinMaxArgs", &["x"], &range);
    let graph = import(&text, &[], &[]).expect("imports");
    let x = Tensor::vector([-7.0f32, 0.0, 0.0149, 9.0]);
    let y = run(&graph, &[("x", &x)]);
    for (found, expected) in y[0].as_f32().expect("f32").iter().zip([-1.0, 0.0, 0.01, 1.55]) {
        assert!((found - expected).abs() < 1e-6, "{found} is not {expected}");
    }
}

#[test]
fn hostile_graphs_are_errors() {
    for text in [
        node("a", "Relu", &["a"], ""),
        node("a", "Relu", &["b"], "") + &node("b", "Relu", &["a"], "") + &node("c", "Relu", &["a"], ""),
        node("a", "Relu", &["missing"], ""),
        node("a", "Relu", &[], ""),
        placeholder("x", &[2]) + &node("a", "Conv2D", &["x"], ""),
        placeholder("x", &[2]) + &node("a", "Unpack", &["x"], &attribute("num", "i: 9223372036854775807")),
        constant("c", "DT_FLOAT", &[1 << 40, 1 << 40], "") + &node("a", "Relu", &["c"], ""),
        constant("c", "DT_INT64", &[1 << 30], "") + &node("a", "Relu", &["c"], ""),
        constant("c", "DT_FLOAT", &[2], "tensor_content: \"abc\"") + &node("a", "Relu", &["c"], ""),
        constant("c", "DT_FLOAT", &[-2], "") + &node("a", "Relu", &["c"], ""),
        placeholder("x", &[2]) + &placeholder("x", &[2]) + &node("a", "Relu", &["x"], ""),
    ] {
        let error = import(&text, &[], &["a"])
            .and_then(|graph| Executor::new(&graph, &ExecutorOptions::default()).map(drop));
        assert!(error.is_err(), "{text}");
    }
}

#[test]
fn a_chain_of_many_nodes_does_not_overflow_the_stack() {
    let mut text = placeholder("n0", &[2]);
    for index in 1..20_000 {
        text += &node(&format!("n{index}"), "Identity", &[&format!("n{}", index - 1)], "");
    }
    text += &node("y", "Neg", &["n19999"], "");
    let graph = import(&text, &[], &["y"]).expect("imports");
    assert_eq!(graph.nodes.len(), 1);
}

/// `x · m + (shift − mean · m)` with `m = scale / √(variance + epsilon)`, with the factors in either order.
fn decomposed(scaled: bool, variance: &str) -> String {
    let rsqrt = if scaled { "rsqrt" } else { "m" };
    let scale = if scaled { node("m", "Mul", &["scale", "rsqrt"], "") } else { String::new() };
    convolution("VALID", 1)
        + &constant("scale", "DT_FLOAT", &[2], "float_val: [2, -3]")
        + &constant("shift", "DT_FLOAT", &[2], "float_val: [0.5, 1]")
        + &constant("mean", "DT_FLOAT", &[2], "float_val: [10, 100]")
        + &constant("variance", "DT_FLOAT", &[2], variance)
        + &constant("epsilon", "DT_FLOAT", &[], "float_val: 1")
        + &node("sum", "AddV2", &["variance", "epsilon"], "")
        + &node(rsqrt, "Rsqrt", &["sum"], "")
        + &scale
        + &node("mean/read", "Identity", &["mean"], "")
        + &node("offset", "Mul", &["mean/read", "m"], "")
        + &node("shifted", "Sub", &["shift", "offset"], "")
        + &node("scaled", "Mul", &["m", "conv"], "")
        + &node("normalized", "Add", &["scaled", "shifted"], "")
}

#[test]
fn a_batch_normalization_in_four_nodes_is_one() {
    let x: Vec<f32> = (1..=9u8).map(f32::from).collect();
    let x = Tensor::new([1, 3, 3, 1], x).expect("nine");
    for scaled in [true, false] {
        let text = decomposed(scaled, "float_val: [3, 24]");
        let graph = import(&text, &[], &["normalized"]).expect("it is read");
        let norms: Vec<_> = graph.nodes.iter().filter(|node| node.op == "BatchNormalization").collect();
        let [norm] = norms[..] else { panic!("{:?}", graph.nodes) };
        assert_eq!(norm.float("epsilon", 0.0).expect("a float"), 1.0);
        let scales = if scaled { [2.0, -3.0] } else { [1.0, 1.0] };
        assert_eq!(graph.constants[&norm.inputs[1]].as_f32().expect("floats"), scales);
        assert!(!graph.nodes.iter().any(|node| node.op == "Mul"), "the product is not computed twice");

        let plain = run(&import(&text, &[], &["conv"]).expect("it is read"), &[("x", &x)]);
        let expected: Vec<f32> = plain[0]
            .as_f32()
            .expect("floats")
            .iter()
            .enumerate()
            .map(|(at, value)| {
                let channel = at % 2;
                let (mean, root, shift) = ([10.0, 100.0][channel], [2.0, 5.0][channel], [0.5, 1.0][channel]);
                scales[channel] * (value - mean) / root + shift
            })
            .collect();
        let found = run(&graph, &[("x", &x)]);
        let close = found[0].as_f32().expect("floats").iter().zip(&expected);
        assert!(
            close.clone().all(|(found, expected)| (found - expected).abs() < 1e-3),
            "{found:?} {expected:?}"
        );
    }
}

#[test]
fn what_is_no_batch_normalization_stays() {
    let other = |from: &str, to: &str| {
        let text = decomposed(true, "float_val: [3, 24]").replace(from, to);
        import(&text, &[], &["normalized"]).expect("it is read")
    };
    let of_other_scale = other(
        &node("offset", "Mul", &["mean/read", "m"], ""),
        &node("offset", "Mul", &["mean/read", "scale"], ""),
    );
    let of_read_product = other(
        &node("normalized", "Add", &["scaled", "shifted"], ""),
        &(node("more", "Relu", &["scaled"], "")
            + &node("sum_of", "Add", &["scaled", "shifted"], "")
            + &node("normalized", "Add", &["sum_of", "more"], "")),
    );
    for graph in [of_other_scale, of_read_product] {
        assert!(!graph.nodes.iter().any(|node| node.op == "BatchNormalization"), "{:?}", graph.nodes);
    }
}

/// A bias between the product and the normalization says nothing of the rank.
#[test]
fn columns_of_a_matrix_are_normalized() {
    let text = placeholder("x", &[1, 2])
        + &constant("w", "DT_FLOAT", &[2, 2], "float_val: [1, 2, 3, 4]")
        + &constant("b", "DT_FLOAT", &[2], "float_val: [0.5, -1]")
        + &node("product", "MatMul", &["x", "w"], "")
        + &node("conv", "BiasAdd", &["product", "b"], "");
    let norm = decomposed(true, "float_val: [3, 24]");
    let norm = norm.split_once("node { name: \"scale\"").expect("the normalization").1;
    let text = text + "node { name: \"scale\"" + norm;
    let graph = import(&text, &[], &["normalized"]).expect("it is read");
    assert!(graph.nodes.iter().any(|node| node.op == "BatchNormalization"), "{:?}", graph.nodes);
    let x = Tensor::new([1, 2], vec![1.0f32, 10.0]).expect("two");
    let found = run(&graph, &[("x", &x)]);
    // 31.5 and 41: (31.5 − 10) / 2 · 2 + 0.5 and (41 − 100) / 5 · −3 + 1.
    let found = found[0].as_f32().expect("floats");
    assert!((found[0] - 22.0).abs() < 1e-4 && (found[1] - 36.4).abs() < 1e-4, "{found:?}");
}
