//! ONNX's own operator test cases, in the evaluator and in the executor: every case passes in both, is outside of what the crate
//! supports by a rule, or is listed below with the reason.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::node_cases::NodeCases;
use eightbit_graph::{Error, Executor, ExecutorOptions, Graph, Tensor, TensorData, ops};

/// The number of cases that pass. More may pass as operators are added; this number then follows.
const PASS: usize = 1387;

const TRAINING: &str = "training is not supported";
const RANDOM: &str =
    "training drops elements at random: there is no one right answer, ONNX Runtime gives another";
const WRAPS: &str = "the case expects wrap-around where the operator saturates; ONNX Runtime saturates, too";

const ROUNDS: &str = "half floats are read as f32: a cast to them does not round";
const ALIGNED: &str = "corners of whole elements are aligned, as ONNX Runtime does";

/// Cases that are read and evaluated, but are not supported, with reasons.
const UNSUPPORTED: &[(&str, &str)] = &[
    ("test_batchnorm_epsilon_training_mode", TRAINING),
    ("test_batchnorm_example_training_mode", TRAINING),
    ("test_cast_FLOAT_to_BFLOAT16", ROUNDS),
    ("test_castlike_FLOAT_to_BFLOAT16", ROUNDS),
    ("test_castlike_FLOAT_to_BFLOAT16_expanded", ROUNDS),
    ("test_qlinearmatmul_2D_int8_float16", WRAPS),
    ("test_qlinearmatmul_2D_int8_float32", WRAPS),
    ("test_qlinearmatmul_3D_int8_float16", WRAPS),
    ("test_qlinearmatmul_3D_int8_float32", WRAPS),
    ("test_resize_downsample_scales_cubic_align_corners", ALIGNED),
    ("test_resize_downsample_scales_linear_align_corners", ALIGNED),
    ("test_training_dropout", RANDOM),
    ("test_training_dropout_default", RANDOM),
    ("test_training_dropout_default_mask", RANDOM),
    ("test_training_dropout_mask", RANDOM),
];

/// Why a case does not pass.
enum Failure {
    /// It uses what the crate does not support: an operator, an element type, a kind of value.
    Outside(String),
    Wrong(String),
}

impl Failure {
    /// A case whose model or tensors cannot be read is outside if the error says that something is not supported.
    fn reading(error: Error) -> Self {
        match error {
            Error::UnsupportedModel { reason, .. } | Error::UnsupportedOp { reason, .. } => {
                Self::Outside(reason)
            }
            Error::UnsupportedOpset { version, .. } => Self::Outside(format!("operator set {version}")),
            error @ Error::MissingOperators(_) => Self::running(error),
            Error::Several(errors) => {
                let mut failures = errors.into_iter().map(Self::reading);
                let wrong = failures.find(|failure| matches!(failure, Self::Wrong(_)));
                wrong.unwrap_or_else(|| Self::Outside("several things".to_owned()))
            }
            other => Self::Wrong(other.to_string()),
        }
    }

    /// A case that was read is outside only if operators are not implemented, or if it branches on elements.
    fn running(error: Error) -> Self {
        match error {
            Error::MissingOperators(missing) => {
                let names: BTreeSet<&str> = missing.iter().map(|missing| missing.op.as_str()).collect();
                Self::Outside(format!(
                    "not implemented: {}",
                    names.into_iter().collect::<Vec<_>>().join(", ")
                ))
            }
            Error::UnsupportedOp { op, .. } if op == "If" => Self::Outside("a branch on elements".to_owned()),
            other => Self::Wrong(other.to_string()),
        }
    }
}

fn tensors(files: &[Vec<u8>]) -> Result<Vec<Tensor>, Failure> {
    files.iter().map(|bytes| Tensor::from_onnx_bytes(bytes).map_err(Failure::reading)).collect()
}

/// A case that was read.
struct Case {
    graph: Graph,
    inputs: Vec<(String, Tensor)>,
    expected: Vec<Tensor>,
}

impl Case {
    fn read(cases: &mut NodeCases, name: &str) -> Result<Self, Failure> {
        let graph = Graph::from_onnx_bytes(&cases.model(name)).map_err(Failure::reading)?;
        let names: Vec<String> = graph.inputs.iter().map(|input| input.name.clone()).collect();
        let inputs = names.into_iter().zip(tensors(&cases.tensors(name, "input"))?).collect();
        Ok(Self { graph, inputs, expected: tensors(&cases.tensors(name, "output"))? })
    }

    fn evaluate(&self) -> Result<(), Failure> {
        let inputs: Vec<(&str, &Tensor)> =
            self.inputs.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect();
        let outputs = ops::evaluate_graph(&self.graph, &inputs).map_err(Failure::running)?;
        self.check(&outputs)
    }

    /// An executor of the case, with the first `given` inputs given at the run; the others are constants.
    fn executor(&self, given: usize) -> Result<Executor, Failure> {
        let mut graph = self.graph.clone();
        graph.constants.extend(self.inputs.iter().skip(given).cloned());
        graph.inputs.truncate(given);
        Executor::new(&graph, &ExecutorOptions::default()).map_err(Failure::running)
    }

    /// Runs the case in an executor with as many of its inputs given at the run as possible. The cases also pass what models
    /// have as constants, axes and shapes for instance; what decides the shape of a value must be known beforehand.
    fn execute(&self) -> Result<Given, Failure> {
        let all = self.inputs.len();
        let ways = [(Given::All, all), (Given::First, all.min(1)), (Given::None, 0)];
        let made = ways.into_iter().map(|(way, given)| (way, given, self.executor(given)));
        let (executor, way, given) = match made.into_iter().find(|(.., made)| made.is_ok()) {
            Some((way, given, made)) => (made?, way, given),
            None => (self.executor(all)?, Given::All, all),
        };
        let given: Vec<(&str, &Tensor)> =
            self.inputs.iter().take(given).map(|(name, tensor)| (name.as_str(), tensor)).collect();
        self.check(&executor.run(&given).map_err(Failure::running)?)?;
        Ok(way)
    }

    fn check(&self, outputs: &[Tensor]) -> Result<(), Failure> {
        if outputs.len() != self.expected.len() {
            let (found, expected) = (outputs.len(), self.expected.len());
            return Err(Failure::Wrong(format!("{found} outputs, {expected} expected")));
        }
        outputs.iter().zip(&self.expected).try_for_each(|(output, expected)| compare(output, expected))
    }
}

/// How many of a case's inputs were given at the run of the executor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Given {
    All,
    First,
    None,
}

/// Integers and booleans are equal; floats are compared with the tolerance of ONNX's own test runner.
fn compare(output: &Tensor, expected: &Tensor) -> Result<(), Failure> {
    let fail =
        |what: &str| Err(Failure::Wrong(format!("{what}:\n  got      {output:?}\n  expected {expected:?}")));
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

/// What became of the cases of an archive.
#[derive(Default)]
struct Results {
    cases: usize,
    evaluated: usize,
    executed: BTreeMap<Given, usize>,
    outside: BTreeMap<String, usize>,
    problems: Vec<String>,
}

/// Runs all cases, of which those in `listed` must fail.
fn run(mut cases: NodeCases, listed: &[(&str, &str)]) -> Results {
    let mut listed: BTreeMap<&str, &str> = listed.iter().copied().collect();
    let mut results = Results::default();
    for name in cases.names() {
        let name = name.as_str();
        results.cases += 1;
        let result = Case::read(&mut cases, name).and_then(|case| {
            case.evaluate()?;
            results.evaluated += 1;
            case.execute()
        });
        let problem = match (result, listed.remove(name)) {
            (Ok(given), None) => {
                *results.executed.entry(given).or_default() += 1;
                continue;
            }
            (Err(Failure::Outside(reason)), None) => {
                *results.outside.entry(reason).or_default() += 1;
                continue;
            }
            (Err(Failure::Wrong(_)), Some(_)) => continue,
            (Ok(_), Some(_)) => "passes, but is listed as unsupported".to_owned(),
            (Err(Failure::Outside(reason)), Some(_)) => format!("is listed, but is outside anyway: {reason}"),
            (Err(Failure::Wrong(error)), None) => error,
        };
        results.problems.push(format!("{name}: {problem}"));
    }
    results.problems.extend(listed.keys().map(|name| format!("{name}: is listed, but does not exist")));
    results
}

impl Results {
    /// Fails if there are problems, or fewer than `least` cases pass in the evaluator and the executor.
    fn check(&self, least: usize) {
        let executed: usize = self.executed.values().sum();
        for (reason, count) in &self.outside {
            eprintln!("outside: {count}: {reason}");
        }
        eprintln!(
            "of {} cases, {} pass in the evaluator, {executed} in the executor",
            self.cases, self.evaluated
        );
        eprintln!("by the inputs that are given at the run: {:?}", self.executed);
        assert!(self.problems.is_empty(), "{} problems:\n{}", self.problems.len(), self.problems.join("\n"));
        assert!(self.evaluated >= least && executed >= least, "fewer than {least} cases pass");
    }
}

#[test]
fn cases_of_onnx_pass_or_have_a_reason() {
    run(NodeCases::of_onnx(), UNSUPPORTED).check(PASS);
}

#[test]
fn cases_of_onnx_runtime_pass() {
    let results = run(NodeCases::of_onnx_runtime(), &[]);
    results.check(results.cases);
}
