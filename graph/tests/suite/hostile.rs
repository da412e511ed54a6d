//! Small files that describe huge models give an answer or a typed error at once, without allocating the memory that they
//! describe.

use std::path::Path;
use std::time::{Duration, Instant};

use eightbit_graph::quantize::{QuantizeOptions, Roles, quantize};
use eightbit_graph::{
    DataType, Error, Executor, ExecutorOptions, Graph, Limits, Node, Op, Tensor, ValueInfo, ops,
};

use eightbit_testing::assert_linear;

use crate::values::value;

/// Far more time than any case takes, and far less than it would take without limits.
const SOON: Duration = Duration::from_secs(60);

fn file(name: &str) -> Graph {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/hostile").join(name);
    Graph::from_onnx_file(path).expect("a small model")
}

/// Both ways to run a graph, on ones.
fn both(graph: &Graph) -> [Result<Vec<Tensor>, Error>; 2] {
    let start = Instant::now();
    let ones = |info: &ValueInfo| {
        let shape: Vec<usize> = info.shape.iter().map(|dim| dim.unwrap_or(1)).collect();
        // Cases have huge dimensions beside one of 0.
        let len = if shape.contains(&0) { 0 } else { shape.iter().product() };
        Tensor::new(shape, vec![1.0f32; len]).expect("the shape fits")
    };
    let inputs: Vec<(&str, Tensor)> =
        graph.inputs.iter().map(|info| (info.name.as_str(), ones(info))).collect();
    let inputs: Vec<(&str, &Tensor)> = inputs.iter().map(|(name, tensor)| (*name, tensor)).collect();
    let executor = Executor::new(graph, &ExecutorOptions::default());
    let results = [executor.and_then(|it| it.run(&inputs)), ops::evaluate_graph(graph, &inputs)];
    assert!(start.elapsed() < SOON, "took {:?}", start.elapsed());
    results
}

fn is_over_limit(result: &Result<Vec<Tensor>, Error>) -> bool {
    matches!(result, Err(Error::OverLimit { .. }))
}

fn graph(x: &[usize], nodes: Vec<Node>) -> Graph {
    Graph { inputs: vec![value("x", x)], outputs: vec![value("y", &[])], nodes, ..Graph::default() }
}

#[test]
fn zero_dimensions_hide_no_huge_ones() {
    for name in ["zmax.onnx", "zrelu.onnx", "zavg.onnx", "hang_zero_channels.onnx"] {
        for result in both(&file(name)) {
            assert!(is_over_limit(&result), "{name}: {result:?}");
        }
    }
}

#[test]
fn nothing_to_do_is_done_at_once() {
    let mut none = file("zero_batch_channels_2p24.onnx");
    let empty = none.outputs.iter().position(|output| output.name == "y").expect("y");
    none.outputs = vec![none.outputs.swap_remove(empty)];
    for result in both(&none) {
        assert!(result.as_ref().is_ok_and(|outputs| outputs[0].is_empty()) || is_over_limit(&result));
    }
    // No channels, and the most pixels that the limits allow.
    let size = [1, 0, 1 << 14, 1 << 14];
    let pads = [0i64, 0, 1, 1, 0, 0, -1, -1];
    let nodes = vec![
        Node::new("relu", "Relu", &["x"], &["a"]),
        Node::new("pool", "MaxPool", &["a"], &["b"])
            .with("kernel_shape", vec![3, 3])
            .with("pads", vec![1; 4]),
        Node::new("mean", "AveragePool", &["b"], &["c"])
            .with("kernel_shape", vec![3, 3])
            .with("pads", vec![1; 4]),
        Node::new("conv", "Conv", &["c", "w"], &["d"]),
        Node::new("pad", "Pad", &["d", "pads"], &["e"]),
        Node::new("concat", "Concat", &["e", "d"], &["f"]).with("axis", 1),
        Node::new("shuffle", "Transpose", &["f"], &["y"]).with("perm", vec![0, 2, 3, 1]),
    ];
    let mut graph = graph(&size, nodes);
    graph.constants.insert("w".to_owned(), Tensor::zeros([0, 0, 1, 1], DataType::F32).expect("empty"));
    graph.constants.insert("pads".to_owned(), Tensor::vector(pads));
    for result in both(&graph) {
        let outputs = result.expect("nothing to do");
        assert_eq!(outputs[0].shape(), [1, 1 << 14, 1 << 14, 0]);
    }
}

#[test]
fn channels_that_are_not_there_sum_to_the_bias() {
    let nodes = vec![Node::new("conv", "Conv", &["x", "w", "b"], &["y"])];
    let mut graph = graph(&[1, 0, 3, 3], nodes);
    graph.constants.insert("w".to_owned(), Tensor::zeros([2, 0, 2, 2], DataType::F32).expect("empty"));
    graph.constants.insert("b".to_owned(), Tensor::vector([0.5f32, -1.0]));
    for result in both(&graph) {
        let outputs = result.expect("a bias for each pixel");
        assert_eq!(outputs[0].as_f32().expect("f32"), [0.5, 0.5, 0.5, 0.5, -1.0, -1.0, -1.0, -1.0]);
    }
}

#[test]
fn windows_cost_what_lies_on_the_image() {
    let size = 1i64 << 30;
    let pool = |op: &str| {
        Node::new("n", op, &["x"], &["y"])
            .with("kernel_shape", vec![size, size])
            .with("pads", vec![size - 1; 4])
            .with("strides", vec![size / 4; 2])
    };
    let float = |op: &str| graph(&[1, 2, 8, 8], vec![pool(op)]);
    let padded = graph(&[1, 2, 8, 8], vec![pool("AveragePool").with("count_include_pad", 1)]);
    for (name, graph) in [
        ("a kernel of 2^28", file("avgpool_kernel_2p28.onnx")),
        ("mean", float("AveragePool")),
        ("mean with padding", padded),
        ("maximum", float("MaxPool")),
    ] {
        let [executor, plain] = both(&graph).map(|result| result.expect("an answer"));
        for (a, b) in executor.iter().zip(&plain) {
            for (a, b) in a.as_f32().expect("f32").iter().zip(b.as_f32().expect("f32")) {
                assert!((a - b).abs() <= 1e-5 * b.abs(), "{name}: {a}, by the operators' meaning {b}");
            }
        }
    }
    // On bytes, too, where the kernels visit every tap.
    let mut bytes = graph(&[1, 1, 2, 2], vec![pool("MaxPool")]);
    bytes.inputs[0].data_type = DataType::U8;
    bytes.outputs[0].data_type = DataType::U8;
    let x = Tensor::new([1, 1, 2, 2], vec![3u8, 9, 4, 1]).expect("four");
    let start = Instant::now();
    let executor = Executor::new(&bytes, &ExecutorOptions::default()).expect("a graph that runs");
    let found = executor.run(&[("x", &x)]).expect("an answer");
    assert_eq!(found, ops::evaluate_graph(&bytes, &[("x", &x)]).expect("an answer"));
    assert_eq!(found[0].as_u8().expect("u8")[0], 3);
    assert!(start.elapsed() < SOON);
}

/// Kernels of convolutions are as large as their weights, and an image may still be much smaller.
#[test]
fn kernels_cost_what_lies_on_the_image() {
    let size = 501;
    for groups in [1, 3] {
        let conv = Node::new("n", "Conv", &["x", "w"], &["y"])
            .with("pads", vec![size as i64 - 1; 4])
            .with("group", groups as i64);
        let mut model = graph(&[1, 3, 8, 8], vec![conv]);
        let weights = Tensor::new([3, 3 / groups, size, size], vec![0.5f32; 9 / groups * size * size]);
        model.constants.insert("w".to_owned(), weights.expect("the shape fits"));
        let [executor, plain] = both(&model).map(|result| result.expect("an answer"));
        assert_eq!(executor, plain);
    }
}

/// A window over channels costs the same whatever its size.
#[test]
fn normalization_over_all_channels_is_linear() {
    const CHANNELS: usize = 1 << 20;
    for size in [CHANNELS as i64 / 2, CHANNELS as i64, 1 << 40, i64::MAX] {
        let node = Node::new("n", "LRN", &["x"], &["y"]).with("size", size).with("alpha", 1.0f32);
        for result in both(&graph(&[1, CHANNELS, 1, 1], vec![node])) {
            let outputs = result.expect("a value");
            let middle = outputs[0].as_f32().expect("floats")[CHANNELS / 2];
            let share = (CHANNELS as f64 / size as f64).min(1.0);
            let expected = (1.0 + share).powf(-0.75);
            assert!((f64::from(middle) - expected).abs() < 1e-5, "{size}: {middle}, not {expected}");
        }
    }
}

/// Its product would take minutes by plain loops, and more memory than it saves.
#[test]
fn products_of_large_constants_are_left_to_kernels() {
    const SIZE: usize = 1 << 12;
    let nodes = vec![
        Node::new("product", "MatMul", &["a", "b"], &["c"]),
        Node::new("sum", "ReduceSum", &["c", "axes"], &["s"]).with("keepdims", 0),
        Node::new("y", "MatMul", &["x", "c"], &["y"]),
    ];
    let mut model = graph(&[1, SIZE], nodes);
    let matrix = Tensor::zeros([SIZE, SIZE], DataType::F32).expect("64 MiB");
    model.constants.insert("a".to_owned(), matrix.clone());
    model.constants.insert("b".to_owned(), matrix);
    model.constants.insert("axes".to_owned(), Tensor::vector([0i64]));
    let start = Instant::now();
    let folded = eightbit_graph::passes::fold_constants(model.clone()).expect("sound");
    assert_eq!(folded, model);
    let plan = Executor::new(&model, &ExecutorOptions::default()).expect("a graph that runs").explain();
    assert!(plan.contains("f32 matrix product, depth 4096, 4096 columns"), "{plan}");
    assert!(start.elapsed() < SOON, "took {:?}", start.elapsed());
}

#[test]
fn strides_and_pads_of_2_to_the_62_are_refused() {
    for result in both(&file("fdw0.onnx")) {
        assert!(result.is_err(), "{result:?}");
    }
}

#[test]
fn values_count_together_and_without_a_name() {
    for result in both(&file("mem20.onnx")) {
        assert!(matches!(result, Err(Error::OverLimit { unit: "bytes", .. })), "{result:?}");
    }
    // No node reads it, so it is not computed either.
    for result in both(&file("unnamed_output_limit.onnx")) {
        assert!(result.is_ok(), "{result:?}");
    }
    let mut unnamed = graph(&[1, 8], vec![Node::new("pad", "Pad", &["x", "p"], &[""])]);
    unnamed.outputs = vec![value("x", &[1, 8])];
    unnamed.constants.insert("p".to_owned(), Tensor::vector([1i64 << 20, 1 << 20, 0, 0]));
    for result in both(&unnamed) {
        assert!(is_over_limit(&result), "{result:?}");
    }
}

#[test]
fn limits_are_options() {
    let nodes = vec![Node::new("a", "Exp", &["x"], &["h"]), Node::new("b", "Relu", &["h"], &["y"])];
    let graph = graph(&[1 << 10], nodes);
    let run = |limits: Limits| {
        let mut options = ExecutorOptions::default();
        options.shapes.limits = limits;
        Executor::new(&graph, &options)
    };
    run(Limits::default()).expect("small");
    let elements = run(Limits { max_elements: 1000, ..Limits::default() }).expect_err("1,024 elements");
    assert!(matches!(elements, Error::OverLimit { needs: 1024, limit: 1000, unit: "elements", .. }));
    let bytes = run(Limits { max_bytes: 4000, ..Limits::default() }).expect_err("4,096 bytes");
    assert!(matches!(bytes, Error::OverLimit { limit: 4000, unit: "bytes", .. }), "{bytes}");
    assert!(bytes.to_string().contains("over the limit of 4000"), "{bytes}");
}

#[test]
fn constants_that_become_huge_are_not_computed() {
    // Sixty-four tensors of 64 MiB, none of which depends on the input.
    let pads: Vec<Node> = (0..64)
        .map(|index| Node::new(&format!("pad{index}"), "Pad", &["c", "p"], &[&format!("v{index}")]))
        .collect();
    let names: Vec<String> = (0..64).map(|index| format!("v{index}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut graph = graph(&[1], pads);
    graph.nodes.push(Node::new("sum", "Sum", &names, &["y"]));
    graph.constants.insert("c".to_owned(), Tensor::vector([1.0f32]));
    graph.constants.insert("p".to_owned(), Tensor::vector([0i64, (1 << 24) - 1]));
    let mut options = ExecutorOptions::default();
    options.shapes.limits.max_bytes = 100 << 20;
    let error = Executor::new(&graph, &options).expect_err("4 GiB");
    assert!(matches!(error, Error::OverLimit { unit: "bytes", .. }), "{error}");
}

#[test]
fn chains_take_linear_time() {
    const LENGTH: usize = 100_000;
    let nodes = (0..LENGTH).map(|index| {
        let name = |at: usize| match at {
            0 => "x".to_owned(),
            LENGTH => "y".to_owned(),
            at => format!("v{at}"),
        };
        Node::new(&format!("n{index}"), "Relu", &[&name(index)], &[&name(index + 1)])
    });
    let graph = graph(&[1, 2, 2, 2], nodes.collect());
    let bytes = graph.to_onnx_bytes().expect("a valid graph");
    let start = Instant::now();
    let graph = Graph::from_onnx_bytes(&bytes).expect("own bytes");
    let x = Tensor::new([1, 2, 2, 2], vec![-1.0f32; 8]).expect("eight");
    let executor = Executor::new(&graph, &ExecutorOptions::default()).expect("a graph that runs");
    assert_eq!(executor.run(&[("x", &x)]).expect("a run")[0].as_f32().expect("f32"), [0.0; 8]);
    assert!(start.elapsed() < SOON, "took {:?}", start.elapsed());
}

#[test]
fn lists_of_axes_and_joins_of_many_take_linear_time() {
    const MANY: usize = 20_000;
    let start = Instant::now();
    let mut axes = graph(
        &[1, 3],
        vec![
            Node::new("u", "Unsqueeze", &["x", "axes"], &["h"]),
            Node::new("r", "ReduceMean", &["h", "axes"], &["r"]),
            Node::new("s", "Squeeze", &["r", "axes"], &["y"]),
        ],
    );
    axes.constants.insert("axes".to_owned(), Tensor::vector((0..MANY as i64).collect::<Vec<_>>()));
    for result in both(&axes) {
        assert_eq!(result.expect("an answer")[0].as_f32().expect("f32"), [1.0; 3]);
    }
    let parts: Vec<Node> = (0..MANY)
        .map(|index| Node::new(&format!("n{index}"), "Relu", &["x"], &[&format!("v{index}")]))
        .collect();
    let names: Vec<String> = (0..MANY).map(|index| format!("v{index}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut join = graph(&[1, 1, 1, 1], parts);
    join.nodes.push(Node::new("join", "Concat", &names, &["y"]).with("axis", 1));
    for result in both(&join) {
        assert_eq!(result.expect("an answer")[0].shape(), [1, MANY, 1, 1]);
    }
    assert!(start.elapsed() < SOON, "took {:?}", start.elapsed());
}

#[test]
fn names_in_errors_cannot_steer_a_terminal() {
    let mut graph = file("esc.onnx");
    for node in &mut graph.nodes {
        node.op = Op::new("", &format!("{}\u{202e}{}", node.op, "x".repeat(500)));
    }
    let message = Executor::new(&graph, &ExecutorOptions::default()).expect_err("no operator").to_string();
    assert!(!message.contains(|c: char| c.is_control() || c == '\u{202e}'), "{message:?}");
    assert!(message.contains("\\u{1b}") && message.chars().count() < 1000, "{message}");
}

/// A chain of `length` nodes from `x` to `y`.
fn chain(length: usize, node: impl Fn(usize, &str, &str) -> Node) -> Graph {
    let name = |at: usize| match at {
        0 => "x".to_owned(),
        at if at == length => "y".to_owned(),
        at => format!("v{at}"),
    };
    let nodes = (0..length).map(|index| node(index, &name(index), &name(index + 1)));
    let mut chain = graph(&[1, 2, 2, 2], nodes.collect());
    chain.outputs[0].shape = [1, 2, 2, 2].map(Some).to_vec();
    chain
}

fn quantize_and_plan(float: &Graph) {
    let example = || vec![Tensor::new([1, 2, 2, 2], vec![0.5f32; 8]).expect("eight")];
    let options = QuantizeOptions::default();
    let (eight_bit, _) = quantize(float, &[example(), example()], &options, |_| {}).expect("quantizes");
    Executor::new(&eight_bit, &ExecutorOptions::default()).expect("runs");
}

#[test]
fn quantizing_a_chain_takes_linear_time() {
    let activations = |length| {
        chain(length, |index, from, to| {
            let (op, inputs) =
                if index % 100 == 0 { ("Add", &[from, "x"][..]) } else { ("Relu", &[from][..]) };
            Node::new(&format!("n{index}"), op, inputs, &[to])
        })
    };
    assert_linear("activations", 600, activations, |float| quantize_and_plan(&float));
    // Each of them is observed: an output of the graph that runs on examples.
    let additions =
        |length| chain(length, |index, from, to| Node::new(&format!("n{index}"), "Add", &[from, "x"], &[to]));
    assert_linear("additions", 300, additions, |float| quantize_and_plan(&float));
}

/// Each joins one value, which has the scale of the next one.
#[test]
fn chains_of_joins_take_linear_time() {
    let joins = |length| {
        let mut joins = chain(length, |index, from, to| {
            Node::new(&format!("n{index}"), "Concat", &[from], &[to]).with("axis", 1)
        });
        // Names in the order of the nodes, which is that in which scales are looked for.
        joins.nodes.insert(0, Node::new("first", "Add", &["x", "x"], &["first_sum"]));
        joins.nodes[1].inputs[0] = "first_sum".to_owned();
        joins
    };
    assert_linear("joins", 600, joins, |float| drop(Roles::new(&float).expect("a float graph")));
}

#[test]
fn many_inputs_take_linear_time() {
    let sum = |count: usize| {
        let names: Vec<String> = (0..count).map(|index| format!("x{index}")).collect();
        let read: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut sum = graph(&[1], vec![Node::new("sum", "Sum", &read, &["y"])]);
        sum.inputs = read.iter().map(|name| value(name, &[1])).collect();
        sum
    };
    assert_linear("inputs", 2_500, sum, |sum| {
        let x = Tensor::vector([1.0f32]);
        let inputs: Vec<(&str, &Tensor)> = sum.inputs.iter().map(|info| (info.name.as_str(), &x)).collect();
        let executor = Executor::new(&sum, &ExecutorOptions::default()).expect("a graph that runs");
        let expected = ops::evaluate_graph(&sum, &inputs).expect("an answer");
        assert_eq!(executor.run(&inputs).expect("a run"), expected);
        let names: Vec<String> = sum.inputs.iter().map(|info| info.name.clone()).collect();
        let part =
            eightbit_graph::passes::extract(sum.clone(), &names, &["y".to_owned()]).expect("all of it");
        assert_eq!(part.inputs.len(), names.len());
    });
}

fn form(name: &str) -> Result<Graph, Error> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/forms").join(name);
    let start = Instant::now();
    let result = Graph::from_onnx_file(path);
    assert!(start.elapsed() < SOON, "{name} took {:?}", start.elapsed());
    result
}

#[test]
fn functions_end() {
    let error = form("function_recursive.onnx").expect_err("it calls itself");
    assert!(error.to_string().contains("deep, or themselves"), "{error}");
    // 2²⁸ nodes.
    let error = form("function_bomb.onnx").expect_err("too many nodes");
    assert!(matches!(error, Error::OverLimit { .. }), "{error}");
}

#[test]
fn elements_are_only_read_from_the_models_folder() {
    for name in ["external_outside.onnx", "external_absolute.onnx"] {
        let error = form(name).expect_err("another folder").to_string();
        assert!(error.contains("only files in the model's folder"), "{error}");
    }
    for name in ["external_short.onnx", "external_huge.onnx"] {
        let error = form(name).expect_err("more than the file").to_string();
        assert!(error.contains("which has 12"), "{error}");
    }
    assert!(matches!(form("external_link.onnx"), Err(Error::Io { .. })), "there is no such file");
}

#[cfg(unix)]
#[test]
fn links_do_not_lead_out_of_the_models_folder() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/forms");
    let folder = std::env::temp_dir().join(format!("eightbit links {}", std::process::id()));
    std::fs::create_dir(&folder).expect("a temporary folder");
    let model = folder.join("external_link.onnx");
    std::fs::copy(cases.join("external_link.onnx"), &model).expect("a copy");
    std::os::unix::fs::symlink(cases.join("external.bin"), folder.join("link.bin")).expect("a link");
    let outside = Graph::from_onnx_file(&model);
    std::fs::remove_file(folder.join("link.bin")).expect("own link");
    std::fs::copy(cases.join("external.bin"), folder.join("inside.bin")).expect("a copy");
    std::os::unix::fs::symlink("inside.bin", folder.join("link.bin")).expect("a link");
    let inside = Graph::from_onnx_file(&model);
    std::fs::remove_dir_all(&folder).expect("own folder");
    assert!(outside.expect_err("outside").to_string().contains("only files in the model's folder"));
    assert!(inside.is_ok(), "{inside:?}");
}

#[test]
fn graphs_do_not_nest_without_end() {
    /// A length-delimited field of a protocol buffer.
    fn field(number: u8, inside: &[u8]) -> Vec<u8> {
        let mut bytes = vec![number << 3 | 2];
        let mut len = inside.len();
        while len >= 0x80 {
            bytes.push(len as u8 | 0x80);
            len >>= 7;
        }
        bytes.push(len as u8);
        bytes.extend(inside);
        bytes
    }
    let mut graph = Vec::new();
    for _ in 0..2000 {
        // A node `If` with the attribute `then_branch` of type 5, a graph.
        let attribute = [field(1, b"then_branch"), field(6, &graph), vec![0xa0, 1, 5]].concat();
        graph = field(1, &[field(1, b"c"), field(4, b"If"), field(5, &attribute)].concat());
    }
    let model = [vec![8, 8], field(7, &graph), field(8, &[16, 17])].concat();
    assert!(matches!(Graph::from_onnx_bytes(&model), Err(Error::NotAModel { .. })));
}
