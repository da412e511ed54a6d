//! What steps take for themselves is counted before it is allocated: the least limit with which a graph is accepted suffices to run
//! it.

use allocation_counter::measure;
use eightbit_graph::{DataType, Error, Executor, ExecutorOptions, Graph, Limits, Node, Tensor, ValueInfo};

/// The structures of a plan of one node, and the test's own.
const SLACK: u64 = 1 << 16;

fn graph(node: Node, shape: &[usize], rank: usize, constants: Vec<(&str, Tensor)>) -> Graph {
    let value = |name: &str, shape: Vec<Option<usize>>| ValueInfo {
        name: name.to_owned(),
        data_type: DataType::F32,
        shape,
    };
    Graph {
        opset: 18,
        inputs: vec![value("x", shape.iter().copied().map(Some).collect())],
        outputs: vec![value("y", vec![None; rank])],
        nodes: vec![node],
        constants: constants.into_iter().map(|(name, tensor)| (name.to_owned(), tensor)).collect(),
        ..Graph::default()
    }
}

fn weights(shape: &[usize]) -> Vec<(&'static str, Tensor)> {
    vec![("w", Tensor::zeros(shape, DataType::F32).expect("small"))]
}

fn product(op: &str) -> Node {
    Node::new("n", op, &["x", "w"], &["y"])
}

fn cases() -> Vec<(&'static str, Graph)> {
    let scales = Tensor::vector(vec![1.0f32, 1.0, 1.0, 100_000.0]);
    vec![
        ("deep patches", graph(product("Conv"), &[1, 1024, 8, 8], 4, weights(&[1, 1024, 3, 3]))),
        ("a signal", graph(product("Conv"), &[1, 4, 1 << 16], 3, weights(&[4, 4, 1]))),
        ("groups", graph(product("Conv").with("group", 2), &[2, 512, 6, 6], 4, weights(&[2, 256, 5, 5]))),
        ("transposed", graph(product("ConvTranspose"), &[1, 3, 40, 40], 4, weights(&[3, 8, 31, 31]))),
        (
            "transposed groups",
            graph(product("ConvTranspose").with("group", 2), &[1, 64, 40, 40], 4, weights(&[64, 1, 2, 2])),
        ),
        (
            "a wide image",
            graph(Node::new("n", "Resize", &["x", "", "s"], &["y"]), &[1, 1, 1, 1], 4, vec![("s", scales)]),
        ),
        (
            "one long line",
            graph(
                Node::new("n", "DFT", &["x"], &["y"]).with("axis", 1).with("onesided", 1),
                &[1, 6000, 1],
                3,
                Vec::new(),
            ),
        ),
        (
            "one long frame",
            graph(
                Node::new("n", "STFT", &["x", "step"], &["y"]),
                &[1, 6000, 1],
                4,
                vec![("step", Tensor::scalar(7i64))],
            ),
        ),
    ]
}

fn executor(graph: &Graph, max_bytes: u64) -> Result<Executor, Error> {
    let mut options = ExecutorOptions::default();
    options.shapes.limits = Limits { max_bytes, ..Limits::default() };
    Executor::new(graph, &options)
}

#[test]
fn a_graph_that_is_accepted_runs_within_its_limit() {
    for (what, graph) in cases() {
        let (mut refused, mut accepted) = (0, 1 << 30);
        while refused + 1 < accepted {
            let middle = u64::midpoint(refused, accepted);
            match executor(&graph, middle) {
                Ok(_) => accepted = middle,
                Err(Error::OverLimit { .. }) => refused = middle,
                Err(error) => panic!("{what}: {error}"),
            }
        }
        let shape: Vec<usize> = graph.inputs[0].shape.iter().copied().flatten().collect();
        let x = Tensor::zeros(shape, DataType::F32).expect("small");
        let given = graph.constants.values().map(|tensor| tensor.len() as u64 * 4).sum::<u64>();
        let counted = measure(|| {
            let executor = executor(&graph, accepted).expect("accepted before");
            executor.run(&[("x", &x)]).expect("a run");
        });
        // The constants and the input exist already.
        let taken = counted.bytes_max + given + x.len() as u64 * 4;
        assert!(taken <= accepted + SLACK, "{what}: {accepted} bytes allowed, {taken} taken");
    }
}

/// The columns of an image are described, each in more bytes than its pixels take.
#[test]
fn what_is_refused_is_not_allocated() {
    let wide = graph(product("Conv"), &[1, 2, 1, 1 << 22], 4, weights(&[1, 2, 1, 3]));
    let counted = measure(|| {
        let error = executor(&wide, 64 << 20).expect_err("it describes four million columns");
        assert!(matches!(error, Error::OverLimit { unit: "bytes", .. }), "{error}");
    });
    assert!(counted.bytes_max < SLACK, "{} bytes", counted.bytes_max);
}
