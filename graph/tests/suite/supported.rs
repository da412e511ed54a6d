//! What `supported` says of a graph is what its executor runs.

use std::collections::{BTreeSet, HashMap};

use eightbit_graph::{
    DataType, Executor, ExecutorOptions, Graph, Node, StepKind, Support, Tensor, supported,
};

use super::qdq::{self, Numbers, value};

fn support(graph: &Graph) -> HashMap<String, Support> {
    let found = supported(graph, &ExecutorOptions::default()).expect("a consistent graph");
    assert_eq!(found.len(), graph.nodes.len());
    graph.nodes.iter().map(|node| node.name.clone()).zip(found).collect()
}

fn kind(support: &Support) -> Option<StepKind> {
    if let Support::Step { kind, .. } = support { Some(*kind) } else { None }
}

/// The names of the steps of a plan, each with the kernel.
fn explained(graph: &Graph) -> BTreeSet<(String, String)> {
    let executor = Executor::new(graph, &ExecutorOptions::default()).expect("a graph that runs");
    let text = executor.explain();
    let steps = text.lines().filter(|line| !line.starts_with("memory:"));
    let parts = |line: &str| {
        let (name, kernel) = line[6..].split_once(' ')?;
        Some((name.to_owned(), kernel.trim_start().to_owned()))
    };
    steps.filter_map(parts).collect()
}

#[test]
fn what_is_told_is_what_runs() {
    for graph in
        [qdq::network(DataType::U8, true), qdq::network(DataType::I8, false), qdq::elementwise(DataType::U8)]
    {
        let told = support(&graph);
        let runs = explained(&graph);
        let own: BTreeSet<(String, String)> = told
            .iter()
            .filter_map(|(name, support)| match support {
                Support::Step { description, .. } => Some((name.clone(), description.clone())),
                _ => None,
            })
            .collect();
        assert!(own.len() > 5);
        for (name, kernel) in &own {
            // Passes give some nodes other names.
            let is_renamed =
                || runs.iter().all(|(of, _)| of != name) && runs.iter().any(|(_, of)| of == kernel);
            let runs_so = runs.contains(&(name.clone(), kernel.clone())) || is_renamed();
            assert!(runs_so, "{name}: {kernel}\n{runs:#?}");
        }
        // What else runs reorders values, which are not nodes, or is another step of a node.
        for (name, kernel) in runs.difference(&own) {
            let is_own = own.iter().any(|(of, _)| of == name);
            assert!(is_own || !told.contains_key(name), "{name}: {kernel}, told {:?}", told[name]);
        }
        // What is fused is fused into something that runs.
        for (name, support) in &told {
            if let Support::Fused(into) = support {
                assert!(own.iter().any(|(of, _)| of == into), "{name} into {into}");
            }
        }
    }
}

#[test]
fn eight_bit_kernels_tables_and_what_is_fused_are_told_apart() {
    let told = support(&qdq::network(DataType::U8, true));
    for name in ["stem", "dw", "pw", "add", "mul"] {
        assert_eq!(kind(&told[name]), Some(StepKind::EightBit), "{name}: {:?}", told[name]);
    }
    assert_eq!(kind(&told["sigmoid"]), Some(StepKind::Table));
    assert_eq!(told["stem_relu"], Support::Fused("stem".to_owned()));
    assert_eq!(told["q_stem_relu_out_node"], Support::Fused("stem".to_owned()));
    assert_eq!(kind(&told["q_x_node"]), Some(StepKind::EightBit));
    assert!(told.values().any(|support| kind(support) == Some(StepKind::Float)), "the softmax: {told:#?}");
    assert!(!told.values().any(|support| matches!(support, Support::Refused { .. })), "{told:#?}");
}

/// A convolution with a batch norm and an activation, an operator that nobody knows, what follows it, and another branch.
fn partly() -> Graph {
    let mut graph = Graph {
        opset: 13,
        inputs: vec![value("x", &[1, 2, 5, 5])],
        outputs: vec![value("y", &[1, 3, 5, 5]), value("z", &[1, 2, 5, 5])],
        nodes: vec![
            Node::new("last", "Relu", &["c"], &["y"]),
            Node::new("weights", "Neg", &["w"], &["v"]),
            Node::new("conv", "Conv", &["x", "w"], &["a"]).with("pads", vec![1; 4]),
            Node::new("norm", "BatchNormalization", &["a", "s", "b", "m", "r"], &["n"]),
            Node::new("relu", "Relu", &["n"], &["h"]),
            Node::new("odd", "Frobnicate", &["h"], &["c"]),
            Node::new("wrong", "Softmax", &["x"], &["d"]).with("axis", 7),
            Node::new("other", "Erf", &["x"], &["z"]),
            Node::new("copy", "Identity", &["x"], &["e"]),
            Node::new("slow", "CumSum", &["x", "axis"], &["f"]),
        ],
        ..Graph::default()
    };
    let mut numbers = Numbers(3);
    for (name, shape) in [("w", &[3, 2, 3, 3][..]), ("s", &[3]), ("b", &[3]), ("m", &[3])] {
        graph.constants.insert(name.to_owned(), numbers.tensor(shape));
    }
    graph.constants.insert("r".to_owned(), Tensor::vector([1.0f32, 2.0, 0.5]));
    graph.constants.insert("axis".to_owned(), Tensor::scalar(1i64));
    graph
}

#[test]
fn what_is_refused_does_not_hide_the_rest() {
    let graph = partly();
    let told = support(&graph);
    assert_eq!(kind(&told["conv"]), Some(StepKind::Float), "{told:#?}");
    assert_eq!(told["weights"], Support::Constant);
    assert_eq!(told["norm"], Support::Fused("conv".to_owned()));
    assert_eq!(told["relu"], Support::Fused("conv".to_owned()));
    assert_eq!(told["copy"], Support::Nothing);
    assert_eq!(kind(&told["slow"]), Some(StepKind::Plain));
    assert!(kind(&told["other"]).is_some());
    for (name, part) in [("odd", "Frobnicate"), ("last", "\"c\""), ("wrong", "axis")] {
        let Support::Refused { reason } = &told[name] else { panic!("{name}: {:?}", told[name]) };
        assert!(reason.contains(part), "{name}: {reason}");
    }
    // The whole cannot run, what is not refused can.
    assert!(Executor::new(&graph, &ExecutorOptions::default()).is_err());
    let mut rest = graph;
    rest.nodes.retain(|node| !matches!(told[&node.name], Support::Refused { .. }));
    rest.outputs = vec![value("h", &[1, 3, 5, 5]), value("z", &[1, 2, 5, 5])];
    let executor = Executor::new(&rest, &ExecutorOptions::default()).expect("a graph that runs");
    assert_eq!(executor.run(&[("x", &Numbers(5).tensor(&[1, 2, 5, 5]))]).expect("a run").len(), 2);
}

#[test]
fn open_sizes_and_sizes_from_elements_are_told() {
    let mut graph = partly();
    graph.inputs[0].shape[0] = None;
    assert_eq!(kind(&support(&graph)["conv"]), Some(StepKind::Float), "a batch of 1");
    graph.inputs[0].shape[2] = None;
    let told = support(&graph);
    assert!(told.values().all(|support| !matches!(support, Support::Step { .. })), "{told:#?}");
    let graph = Graph {
        opset: 13,
        inputs: vec![value("x", &[6])],
        outputs: vec![value("y", &[1])],
        nodes: vec![Node::new("tanh", "Tanh", &["x"], &["a"]), Node::new("where", "NonZero", &["a"], &["y"])],
        ..Graph::default()
    };
    let mut graph = graph;
    graph.outputs[0].data_type = DataType::I64;
    graph.outputs[0].shape = vec![Some(1), None];
    let told = support(&graph);
    assert_eq!(kind(&told["tanh"]), Some(StepKind::Float));
    assert_eq!(kind(&told["where"]), Some(StepKind::Plain));
}

#[test]
fn a_long_chain_takes_no_long_time() {
    let count = 20_000;
    let name = |at: usize| format!("v{at}");
    let nodes = (0..count).map(|at| Node::new(&format!("n{at}"), "Identity", &[&name(at)], &[&name(at + 1)]));
    let graph = Graph {
        inputs: vec![value("v0", &[4])],
        outputs: vec![value(&name(count), &[4])],
        nodes: nodes.collect(),
        ..Graph::default()
    };
    let start = std::time::Instant::now();
    assert!(support(&graph).values().all(|support| *support == Support::Nothing));
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
}
