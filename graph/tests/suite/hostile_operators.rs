//! Operators that select, place, resize and sum elements, with sizes and indices that do not fit: a typed error at once.

use std::time::{Duration, Instant};

use eightbit_graph::{Error, Executor, ExecutorOptions, Graph, Node, Tensor, ops};

use crate::values::value;

/// Far more time than all cases take, and far less than one would take without limits.
const SOON: Duration = Duration::from_secs(60);

/// A node that reads `x`, of this shape, and constants.
fn graph(node: Node, x: &[usize], constants: &[(&str, Tensor)]) -> Graph {
    Graph {
        inputs: vec![value("x", x)],
        outputs: vec![value("y", &[])],
        nodes: vec![node],
        constants: constants.iter().map(|(name, tensor)| ((*name).to_owned(), tensor.clone())).collect(),
        ..Graph::default()
    }
}

/// Both ways to run a graph, on ones.
fn both(graph: &Graph) -> [Result<Vec<Tensor>, Error>; 2] {
    let start = Instant::now();
    let shape: Vec<usize> = graph.inputs[0].shape.iter().map(|dim| dim.expect("fixed")).collect();
    let x = Tensor::new(shape.as_slice(), vec![1.0f32; shape.iter().product()]).expect("the shape fits");
    let executor = Executor::new(graph, &ExecutorOptions::default());
    let results = [executor.and_then(|it| it.run(&[("x", &x)])), ops::evaluate_graph(graph, &[("x", &x)])];
    assert!(start.elapsed() < SOON, "{:?} took {:?}", graph.nodes[0], start.elapsed());
    results
}

fn ints(values: &[i64]) -> Tensor {
    Tensor::vector(values)
}

fn reals(shape: &[usize], value: f32) -> Tensor {
    Tensor::new(shape, vec![value; shape.iter().product()]).expect("the shape fits")
}

const HUGE: i64 = i64::MAX / 2;

#[track_caller]
fn refused(node: Node, x: &[usize], constants: &[(&str, Tensor)]) {
    let graph = graph(node, x, constants);
    for result in both(&graph) {
        let error = result.expect_err("does not fit");
        assert!(!error.to_string().is_empty() && error.to_string().len() < 4000);
    }
}

fn node(op: &str, inputs: &[&str]) -> Node {
    Node::new("n", op, &[&["x"], inputs].concat(), &["y"])
}

#[test]
fn indices_out_of_range() {
    for index in [3, -4, i64::MIN, i64::MAX] {
        refused(node("GatherElements", &["i"]), &[3], &[("i", ints(&[index]))]);
        refused(node("GatherND", &["i"]), &[3, 2], &[("i", ints(&[index]))]);
        let constants = [("i", ints(&[index])), ("u", reals(&[1], 1.0))];
        refused(node("ScatterElements", &["i", "u"]), &[3], &constants);
        let constants = [("i", ints(&[index])), ("u", reals(&[2], 1.0))];
        refused(node("ScatterND", &["i", "u"]), &[3, 2], &constants);
        let unpool = node("MaxUnpool", &["i"]).with("kernel_shape", vec![3]);
        let places = Tensor::new([1, 1, 1], vec![index]).expect("one");
        refused(unpool, &[1, 1, 1], &[("i", places)]);
        let constants = [("r", reals(&[1, 4], 1.0)), ("i", ints(&[index]))];
        refused(node("RoiAlign", &["r", "i"]), &[2, 1, 3, 3], &constants);
    }
    let lengths = [("i", ints(&[9]))];
    refused(node("ReverseSequence", &["i"]), &[3, 1], &lengths);
    refused(node("Compress", &["c"]).with("axis", 0), &[1, 3], &[("c", Tensor::vector([false, true]))]);
}

#[test]
fn shapes_and_ranks_that_do_not_fit() {
    let wrong = [("i", ints(&[0, 1])), ("u", reals(&[3], 1.0)), ("none", ints(&[]))];
    refused(node("GatherElements", &["i"]).with("axis", 5), &[3], &wrong);
    refused(node("GatherElements", &["i"]), &[3, 2], &wrong);
    refused(node("GatherND", &["i"]), &[3], &wrong);
    refused(node("GatherND", &["i"]).with("batch_dims", HUGE), &[3], &wrong);
    refused(node("GatherND", &["i"]).with("batch_dims", -1), &[3], &wrong);
    refused(node("ScatterElements", &["i", "u"]), &[3], &wrong);
    refused(node("ScatterND", &["i", "u"]), &[3, 2], &wrong);
    refused(node("ScatterND", &["i", "u"]).with("reduction", "xor"), &[2, 2], &wrong);
    refused(node("Trilu", &[]), &[3], &[]);
    refused(node("EyeLike", &[]), &[3], &[]);
    refused(node("DepthToSpace", &[]).with("blocksize", HUGE), &[1, 4, 2, 2], &[]);
    refused(node("DepthToSpace", &[]).with("blocksize", 0), &[1, 4, 2, 2], &[]);
    refused(node("SpaceToDepth", &[]).with("blocksize", 3), &[1, 4, 2, 2], &[]);
    refused(node("SpaceToDepth", &[]), &[1, 4, 2, 2], &[]);
    refused(node("CenterCropPad", &["i"]), &[3], &wrong);
    refused(node("AffineGrid", &["i"]), &[1, 2, 3], &wrong);
    refused(node("GridSample", &["u"]), &[1, 1, 2, 2], &wrong);
    refused(node("NonMaxSuppression", &["u"]), &[1, 2, 4], &wrong);
    refused(node("LSTM", &["u", "u"]), &[1, 1, 1], &wrong);
    refused(node("Unique", &[]).with("axis", 7), &[1, 1], &[]);
    for equation in ["", "i->", "ii,i", "i->j", "ij->ii", "i...j...->", "->", "1", "ijk", "i->i->i"] {
        refused(node("Einsum", &[]).with("equation", equation), &[2, 3], &[]);
    }
}

#[test]
fn outputs_that_are_too_large() {
    for size in [HUGE, 1 << 40] {
        refused(node("OneHot", &["d", "v"]), &[3], &[("d", ints(&[size])), ("v", reals(&[2], 1.0))]);
        refused(node("TopK", &["k"]), &[3], &[("k", ints(&[size]))]);
        refused(node("CenterCropPad", &["s"]), &[3], &[("s", ints(&[size]))]);
        refused(node("Resize", &["", "", "s"]), &[3], &[("s", ints(&[size]))]);
        refused(node("AffineGrid", &["s"]), &[1, 2, 3], &[("s", ints(&[1, 1, size, size]))]);
        let sizes = [("s", ints(&[size, size])), ("b", ints(&[1, 1]))];
        refused(node("Col2Im", &["s", "b"]), &[1, 1, 4], &sizes);
        let unpool = node("MaxUnpool", &["p"]).with("kernel_shape", vec![size]);
        refused(unpool, &[1, 1, 1], &[("p", Tensor::new([1, 1, 1], vec![0i64]).expect("one"))]);
        let weights = [("w", reals(&[1, 1, 2, 2], 1.0))];
        let transposed = || node("ConvTranspose", &["w"]);
        refused(transposed().with("strides", vec![size, size]), &[1, 1, 3, 3], &weights);
        refused(transposed().with("dilations", vec![size, size]), &[1, 1, 3, 3], &weights);
        refused(transposed().with("output_padding", vec![size, size]), &[1, 1, 3, 3], &weights);
        refused(transposed().with("output_shape", vec![size, size]), &[1, 1, 3, 3], &weights);
        refused(transposed().with("pads", vec![size; 4]), &[1, 1, 3, 3], &weights);
        refused(transposed().with("group", size), &[1, 1, 3, 3], &weights);
        let roi = node("RoiAlign", &["r", "i"]).with("output_height", size);
        refused(roi, &[1, 1, 3, 3], &[("r", reals(&[1, 4], 1.0)), ("i", ints(&[0]))]);
    }
    for scale in [f32::INFINITY, f32::NAN, -1.0, 0.0, 1e30] {
        refused(node("Resize", &["", "s"]), &[3], &[("s", reals(&[1], scale))]);
    }
}

/// What is far larger than the image, or outside it, costs what lies inside.
#[test]
fn extents_that_would_take_forever() {
    let roi = |far: f32| {
        let region = Tensor::new([1, 4], vec![0.0, 0.0, far, far]).expect("four");
        graph(node("RoiAlign", &["r", "i"]), &[1, 1, 3, 3], &[("r", region), ("i", ints(&[0]))])
    };
    for far in [1e30, f32::INFINITY, f32::NAN] {
        for result in both(&roi(far)) {
            let _ = result;
        }
    }
    assert!(both(&roi(1e30)).iter().all(Result::is_err));
    let terms = "a,b,c,d,e,f,g,h->";
    let names = ["x"; 8];
    let mut products =
        graph(Node::new("n", "Einsum", &names, &["y"]).with("equation", terms), &[1 << 12], &[]);
    assert!(both(&products).iter().all(Result::is_err));
    products.nodes[0] = Node::new("n", "Einsum", &["x"], &["y"]).with("equation", "a->");
    assert!(both(&products).iter().all(Result::is_ok));
    let kernel = [("w", reals(&[1, 1, 501, 501], 0.5))];
    let cropped = node("ConvTranspose", &["w"]).with("pads", vec![250; 4]);
    let [executor, plain] = both(&graph(cropped, &[1, 1, 4, 4], &kernel)).map(|it| it.expect("an answer"));
    assert_eq!(executor, plain);
    assert_eq!(plain[0].shape(), [1, 1, 4, 4]);
    let shrunk = node("Resize", &["", "", "s"]).with("mode", "linear").with("antialias", 1);
    for result in both(&graph(shrunk, &[1 << 22], &[("s", ints(&[3]))])) {
        assert_eq!(result.expect("means")[0].as_f32().expect("floats"), [1.0; 3]);
    }
    let grid = [("g", reals(&[1, 1, 1, 2], 1e30))];
    for padding in ["zeros", "border", "reflection"] {
        for mode in ["nearest", "linear", "cubic"] {
            let sample = node("GridSample", &["g"]).with("padding_mode", padding).with("mode", mode);
            for result in both(&graph(sample, &[1, 1, 3, 3], &grid)) {
                assert!(result.is_ok(), "{padding}, {mode}: {result:?}");
            }
        }
    }
}

#[test]
fn nothing_to_do() {
    for (node, x, constants) in [
        (node("TopK", &["k"]), vec![0, 3], vec![("k", ints(&[2]))]),
        (node("TopK", &["k"]), vec![2, 3], vec![("k", ints(&[0]))]),
        (node("Resize", &["", "", "s"]), vec![0, 3], vec![("s", ints(&[0, 6]))]),
        (node("Resize", &["", "s"]).with("mode", "linear"), vec![2, 3], vec![("s", reals(&[2], 0.1))]),
        (node("GatherElements", &["i"]), vec![3], vec![("i", ints(&[]))]),
        (node("ConvTranspose", &["w"]), vec![0, 1, 3, 3], vec![("w", reals(&[1, 2, 2, 2], 1.0))]),
        (node("DepthToSpace", &[]).with("blocksize", 2), vec![1, 4, 0, 3], vec![]),
        (node("Einsum", &[]).with("equation", "ij->ij"), vec![0, 3], vec![]),
        (
            node("LSTM", &["w", "r"]),
            vec![0, 2, 3],
            vec![("w", reals(&[1, 4, 3], 1.0)), ("r", reals(&[1, 4, 1], 1.0))],
        ),
    ] {
        for result in both(&graph(node.clone(), &x, &constants)) {
            assert!(result.as_ref().is_ok_and(|y| y[0].is_empty()), "{node:?}: {result:?}");
        }
    }
}
