//! ONNX's own operator test cases, in the evaluator and in the executor: every case passes in both, or is listed in
//! `tests/vectors/onnx_node_cases_unsupported.tsv` with the reason.

use std::collections::BTreeMap;

use crate::support;
use crate::support::node_cases::NodeCases;
use eightbit_graph::{Executor, ExecutorOptions, Graph, Tensor, TensorData, ops};

/// The number of cases that pass, at least.
const PASS: usize = 0;

/// Cases that are not supported, with reasons.
fn unsupported() -> BTreeMap<String, String> {
    let text = String::from_utf8(support::read("tests/vectors/onnx_node_cases_unsupported.tsv"))
        .expect("the list is text");
    let line = |line: &str| {
        let (case, reason) = line.split_once('\t').expect("a case and a reason");
        (case.to_owned(), reason.to_owned())
    };
    text.lines().skip(1).map(line).collect()
}

fn tensors(files: &[Vec<u8>]) -> Result<Vec<Tensor>, String> {
    files.iter().map(|bytes| Tensor::from_onnx_bytes(bytes).map_err(|error| error.to_string())).collect()
}

/// A case that was read.
struct Case {
    graph: Graph,
    inputs: Vec<(String, Tensor)>,
    expected: Vec<Tensor>,
}

impl Case {
    fn read(cases: &mut NodeCases, name: &str) -> Result<Self, String> {
        let graph = Graph::from_onnx_bytes(&cases.model(name)).map_err(|error| error.to_string())?;
        let names: Vec<String> = graph.inputs.iter().map(|input| input.name.clone()).collect();
        let inputs = names.into_iter().zip(tensors(&cases.tensors(name, "input"))?).collect();
        Ok(Self { graph, inputs, expected: tensors(&cases.tensors(name, "output"))? })
    }

    fn evaluate(&self) -> Result<(), String> {
        let inputs: Vec<(&str, &Tensor)> =
            self.inputs.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect();
        let outputs = ops::evaluate_graph(&self.graph, &inputs).map_err(|error| error.to_string())?;
        self.check(&outputs)
    }

    /// Runs the case in an executor, with the first `given` inputs given at the run; the others are constants.
    fn execute(&self, given: usize) -> Result<(), String> {
        let mut graph = self.graph.clone();
        let (given, constants) = self.inputs.split_at(given.min(self.inputs.len()));
        graph.constants.extend(constants.iter().cloned());
        graph.inputs.truncate(given.len());
        let given: Vec<(&str, &Tensor)> =
            given.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect();
        let mut executor =
            Executor::new(&graph, &ExecutorOptions::default()).map_err(|error| error.to_string())?;
        self.check(&executor.run(&given).map_err(|error| error.to_string())?)
    }

    fn check(&self, outputs: &[Tensor]) -> Result<(), String> {
        if outputs.len() != self.expected.len() {
            return Err(format!("{} outputs, {} expected", outputs.len(), self.expected.len()));
        }
        outputs.iter().zip(&self.expected).try_for_each(|(output, expected)| compare(output, expected))
    }
}

/// Integers and booleans are equal; floats are compared with the tolerance of ONNX's own test runner.
fn compare(output: &Tensor, expected: &Tensor) -> Result<(), String> {
    let fail = |what: &str| Err(format!("{what}:\n  got      {output:?}\n  expected {expected:?}"));
    if output.shape() != expected.shape() {
        return fail("shapes differ");
    }
    let near =
        |a: f64, b: f64| a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= 1e-6 + 1e-3 * b.abs();
    let equal = match (output.data(), expected.data()) {
        (TensorData::F32(a), TensorData::F32(b)) => a.iter().zip(b).all(|(&a, &b)| near(a.into(), b.into())),
        (TensorData::F64(a), TensorData::F64(b)) => a.iter().zip(b).all(|(&a, &b)| near(a, b)),
        (a, b) => a == b,
    };
    if equal { Ok(()) } else { fail("values differ") }
}

/// How a case ran in the executor: how many of its inputs were given at the run. The cases also pass what models have as
/// constants, axes and shapes for instance; a shape that they decide must be known beforehand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Given {
    All,
    First,
    None,
}

fn execute(case: &Case) -> Result<Given, String> {
    let ways = [(Given::All, usize::MAX), (Given::First, 1), (Given::None, 0)];
    let mut first_error = None;
    for (way, given) in ways {
        match case.execute(given) {
            Ok(()) => return Ok(way),
            // A wrong result stays wrong; only a missing constant is a reason to try again.
            Err(error) if error.contains("differ") => return Err(error),
            Err(error) => _ = first_error.get_or_insert(error),
        }
    }
    Err(first_error.unwrap_or_default())
}

#[test]
fn every_case_passes_or_is_listed() {
    let mut cases = NodeCases::open();
    let index = cases.index();
    let mut listed = unsupported();
    let mut problems = Vec::new();
    let mut passed: BTreeMap<&str, usize> = BTreeMap::new();
    let mut executed: BTreeMap<Given, usize> = BTreeMap::new();
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    for case in &index {
        let name = &case.name;
        let read = Case::read(&mut cases, name);
        let result = read.and_then(|case| {
            case.evaluate()?;
            execute(&case).map_err(|error| format!("in the executor: {error}"))
        });
        match (result, listed.remove(name)) {
            (Ok(given), None) => {
                *passed.entry(&case.op).or_default() += 1;
                *executed.entry(given).or_default() += 1;
            }
            (Ok(_), Some(_)) => problems.push(format!("{name} passes, but is listed as unsupported")),
            (Err(_), Some(reason)) => *reasons.entry(reason).or_default() += 1,
            (Err(error), None) => problems.push(format!("{name}: {error}")),
        }
    }
    problems.extend(listed.keys().map(|name| format!("{name} is listed, but does not exist")));
    let total: usize = passed.values().sum();
    eprintln!("ONNX node cases: {total} of {} pass in the evaluator and in the executor", index.len());
    eprintln!("  by the inputs given at the run: {executed:?}");
    eprintln!("  by operator: {passed:?}");
    for (reason, count) in &reasons {
        eprintln!("  unsupported: {count}: {reason}");
    }
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
    assert!(total >= PASS, "only {total} cases pass");
}
