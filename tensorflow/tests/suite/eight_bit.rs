//! TensorFlow's eight-bit operators give TensorFlow's results, to the last bit: in the plain evaluation, and in the executor on every
//! backend.
//!
//! `eight_bit_by_tensorflow.pb` is made by `tests/vectors/eight_bit_operators.py`, whose head describes it.

use std::collections::BTreeMap;
use std::path::Path;

use eightbit::Backend;
use eightbit_graph::{Error, Executor, ExecutorOptions, Graph, Tensor, ops};
use eightbit_tensorflow::ImportOptions;
use eightbit_tensorflow::proto::GraphDef;

/// A case: its outputs in order, and the constants given to its placeholders.
#[derive(Default)]
struct Case {
    outputs: Vec<String>,
    given: Vec<String>,
}

fn cases(graph: &GraphDef) -> BTreeMap<String, Case> {
    let mut cases: BTreeMap<String, Case> = BTreeMap::new();
    for node in &graph.node {
        let Some((case, rest)) = node.name.split_once('/') else { continue };
        let case = cases.entry(case.to_owned()).or_default();
        match rest.split_once('/') {
            Some(("given", input)) => case.given.push(input.to_owned()),
            Some(("expected", port)) => case.outputs.push(port.to_owned()),
            _ => {}
        }
    }
    cases
}

fn import(graph: &GraphDef, outputs: Vec<String>) -> Result<Graph, Error> {
    graph.to_graph(&ImportOptions { outputs, ..ImportOptions::default() })
}

fn constant(graph: &GraphDef, name: String) -> Tensor {
    let imported = import(graph, vec![name]).expect("a constant");
    ops::evaluate_graph(&imported, &[]).expect("a constant").remove(0)
}

/// Whether two tensors are equal, where −0 is not 0.
fn is_same(found: &Tensor, expected: &Tensor) -> bool {
    let bits = |tensor: &Tensor| tensor.as_f32().map(|x| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>());
    match (bits(found), bits(expected)) {
        (Ok(a), Ok(b)) => found.shape() == expected.shape() && a == b,
        _ => found == expected,
    }
}

#[test]
fn operators_give_tensorflows_results() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/eight_bit_by_tensorflow.pb");
    let graph = GraphDef::from_file(path).expect("a graph");
    let cases = cases(&graph);
    let mut failures = Vec::new();
    for (name, case) in &cases {
        let expected: Vec<Tensor> =
            case.outputs.iter().map(|port| constant(&graph, format!("{name}/expected/{port}"))).collect();
        let given: Vec<(String, Tensor)> = case
            .given
            .iter()
            .map(|input| (format!("{name}/{input}"), constant(&graph, format!("{name}/given/{input}"))))
            .collect();
        let given: Vec<(&str, &Tensor)> =
            given.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect();
        let outputs = case.outputs.iter().map(|port| format!("{name}:{port}")).collect();
        let imported = match import(&graph, outputs) {
            Ok(imported) => imported,
            Err(error) => {
                failures.push(format!("{name}: {error}"));
                continue;
            }
        };
        let mut check = |what: &str, found: Result<Vec<Tensor>, Error>| match found {
            Ok(found) if found.len() != expected.len() => {
                failures.push(format!("{name}, {what}: {} outputs", found.len()));
            }
            Ok(found) => {
                for (port, (found, expected)) in found.iter().zip(&expected).enumerate() {
                    if !is_same(found, expected) {
                        failures.push(format!("{name}, {what}, output {port}:\n{found:?}\n{expected:?}"));
                    }
                }
            }
            Err(error) => failures.push(format!("{name}, {what}: {error}")),
        };
        check("plain", ops::evaluate_graph(&imported, &given));
        for backend in Backend::available() {
            let mut options = ExecutorOptions::default();
            options.backend = Some(backend);
            let found = Executor::new(&imported, &options).and_then(|executor| executor.run(&given));
            check(backend.name(), found);
        }
    }
    let failed = failures.len();
    failures.truncate(20);
    assert!(failures.is_empty(), "{failed} failures:\n{}", failures.join("\n"));
    assert!(cases.len() > 200, "{} cases", cases.len());
}
