//! The transforms give what TensorFlow's own tool gives, or the case is listed below with the reason.

use std::fs;
use std::path::Path;

use eightbit_tensorflow::grammar;
use eightbit_tensorflow::proto::{GraphDef, NodeDef};
use eightbit_tensorflow::transforms::{TransformError, transform};

use crate::support::transform_cases::{Case, TransformCases};

/// What is done where the tool's result is not copied.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Instead {
    /// An error that contains a text.
    Error(&'static str),
    /// Another graph, whose nodes have these operators.
    Graph(&'static [&'static str]),
}
use Instead::{Error, Graph};

/// Cases whose result in the tool comes from a defect of the tool, with what is done instead and why.
const DIFFERENT: &[(&str, Instead, &str)] = &[
    (
        "fold_batch_norms_conv_is_output",
        Graph(&["Mul", "Conv2D", "Placeholder", "Const", "Const"]),
        "the tool removes an output",
    ),
    (
        "fold_old_batch_norms_check_abort",
        Error("has 4 channels, but the batch norm's constants have 5"),
        "the tool aborts",
    ),
    (
        "fold_old_batch_norms_concat_shared_input",
        Graph(&[
            "Const",
            "Placeholder",
            "Conv2D",
            "Const",
            "BiasAdd",
            "Const",
            "Conv2D",
            "Const",
            "BiasAdd",
            "Const",
            "ConcatV2",
            "Relu",
        ]),
        "the tool writes the input twice",
    ),
    ("fold_old_batch_norms_share_gamma", Graph(SHARED_GAMMA), "the tool does not end"),
    (
        "fold_old_batch_norms_shared_weights",
        Graph(&[
            "Const",
            "Placeholder",
            "Conv2D",
            "Const",
            "BiasAdd",
            "Const",
            "Neg",
            "Conv2D",
            "Const",
            "BiasAdd",
            "Add",
        ]),
        "the tool multiplies the shared weights by both factors",
    ),
    (
        "fold_old_batch_norms_training",
        Graph(&["FusedBatchNorm", "Conv2D", "Const", "Const", "Const", "Const", "Placeholder", "Const"]),
        "the tool folds constants that a batch norm in training does not use",
    ),
    (
        "quantize_nodes_control_input",
        Graph(&[
            "Dequantize",
            "QuantizeV2",
            "QuantizedRelu",
            "Max",
            "Const",
            "Const",
            "Min",
            "Const",
            "Reshape",
            "Placeholder",
        ]),
        "the tool quantizes the control input: TensorFlow does not load the result",
    ),
    (
        "quantize_nodes_placeholder_twice",
        Graph(&[
            "QuantizedMul",
            "Min",
            "Requantize",
            "Reshape",
            "Const",
            "Const",
            "Placeholder",
            "Max",
            "QuantizeV2",
            "RequantizationRange",
            "Dequantize",
        ]),
        "the tool renames an input to itself",
    ),
    (
        "quantize_weights_min_eq_max",
        Graph(MIN_EQ_MAX),
        "the tool gives zeros a range that TensorFlow reads as NaN",
    ),
    ("round_weights_8", Graph(ROUNDED), "the tool rounds the greatest element to more than it is"),
    ("round_weights_default", Graph(ROUNDED), "the tool rounds the greatest element to more than it is"),
];

const SHARED_GAMMA: &[&str] =
    &["Const", "Placeholder", "Conv2D", "Const", "BiasAdd", "Const", "Conv2D", "Const", "BiasAdd", "Add"];
const MIN_EQ_MAX: &[&str] = &[
    "Placeholder",
    "Const",
    "Const",
    "Const",
    "Dequantize",
    "Mul",
    "Const",
    "Const",
    "Const",
    "Dequantize",
    "Mul",
    "Const",
    "Const",
    "Const",
    "Dequantize",
    "Mul",
];
const ROUNDED: &[&str] = &["Placeholder", "Const", "Mul", "Const", "Mul", "Const", "Mul", "Const", "Mul"];

#[test]
fn transforms_give_what_the_tool_gives() {
    let mut cases = TransformCases::open();
    let index = cases.index();
    let (mut equal, mut different, mut failures) = (0, 0, Vec::new());
    for case in index.iter().filter(|case| !case.is_about_files) {
        let result = run(case, &mut cases);
        let check = match DIFFERENT.iter().find(|(name, ..)| *name == case.name) {
            Some((_, instead, _)) => {
                different += 1;
                check_instead(*instead, result)
            }
            None => {
                equal += 1;
                check(case, result, &mut cases)
            }
        };
        failures.extend(check.err().map(|reason| format!("{}: {reason}", case.name)));
    }
    for (name, ..) in DIFFERENT {
        assert!(index.iter().any(|case| case.name == *name), "{name} is no case");
    }
    assert!(failures.is_empty(), "{} of {equal}:\n{}", failures.len(), failures.join("\n"));
    assert_eq!(different, DIFFERENT.len());
    assert!(equal >= 120, "{equal} cases are compared");
}

type Outcome = Result<(GraphDef, Vec<String>), TransformError>;

fn run(case: &Case, cases: &mut TransformCases) -> Outcome {
    let mut calls = grammar::parse(&case.transforms)?;
    for file in calls.iter_mut().filter_map(|call| call.parameters.get_mut("min_max_log_file")).flatten() {
        let log = cases.entry(&format!("{}/{file}", case.name)).expect("the case has its log");
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}.log", case.name));
        fs::write(&path, log).expect("the folder can be written");
        *file = path.to_str().expect("a plain path").to_owned();
    }
    let graph = cases.graph(&case.name, "in");
    let (graph, report) = transform(graph, &case.inputs, &case.outputs, &calls)?;
    Ok((graph, report.warnings))
}

fn check(case: &Case, result: Outcome, cases: &mut TransformCases) -> Result<(), String> {
    match (case.exit.as_str(), result) {
        ("0", Ok((graph, warnings))) => {
            for ignored in &case.ignored {
                if !warnings.contains(ignored) {
                    return Err(format!("{ignored:?} is not in {warnings:?}"));
                }
            }
            compare(&graph, &cases.graph(&case.name, "out"))
        }
        ("255", Err(error)) if error.to_string().starts_with(&case.error) && !case.error.is_empty() => Ok(()),
        (exit, Ok(_)) => Err(format!("a graph; the tool: {exit}, {:?}", case.error)),
        (exit, Err(error)) => Err(format!("{error}; the tool: {exit}, {:?}", case.error)),
    }
}

fn compare(found: &GraphDef, expected: &GraphDef) -> Result<(), String> {
    let names = |graph: &GraphDef| graph.node.iter().map(|node| node.name.clone()).collect::<Vec<_>>();
    if names(found) != names(expected) {
        return Err(format!("nodes\n    {:?}\n    {:?}", names(found), names(expected)));
    }
    for (found, expected) in found.node.iter().zip(&expected.node) {
        compare_nodes(found, expected)?;
    }
    if found == expected { Ok(()) } else { Err("the rest of the message differs".to_owned()) }
}

fn compare_nodes(found: &NodeDef, expected: &NodeDef) -> Result<(), String> {
    let attributes = |node: &NodeDef| node.attr.keys().cloned().collect::<Vec<_>>();
    let place = &expected.name;
    if (&found.op, &found.input, &found.device) != (&expected.op, &expected.input, &expected.device) {
        let shown = |node: &NodeDef| format!("{} {:?} {:?}", node.op, node.input, node.device);
        return Err(format!("{place}\n    {}\n    {}", shown(found), shown(expected)));
    }
    if attributes(found) != attributes(expected) {
        return Err(format!("{place}: {:?}, not {:?}", attributes(found), attributes(expected)));
    }
    for (name, value) in &expected.attr {
        if found.attr.get(name) != Some(value) {
            let shown = |text: String| text.chars().take(300).collect::<String>();
            let (a, b) = (format!("{:?}", found.attr.get(name)), format!("{value:?}"));
            return Err(format!("{place}.{name}\n    {}\n    {}", shown(a), shown(b)));
        }
    }
    Ok(())
}

fn check_instead(instead: Instead, result: Outcome) -> Result<(), String> {
    match (instead, result) {
        (Error(text), Err(error)) if error.to_string().contains(text) => Ok(()),
        (Graph(expected), Ok((graph, _))) => {
            let ops: Vec<_> = graph.node.iter().map(|node| node.op.as_str()).collect();
            if ops == expected { Ok(()) } else { Err(format!("operators {ops:?}")) }
        }
        (_, Err(error)) => Err(format!("the error {error}")),
        (Error(text), Ok(_)) => Err(format!("a graph, not the error {text}")),
    }
}
