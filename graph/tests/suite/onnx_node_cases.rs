//! ONNX's own operator test cases: every case passes, or is listed below with the reason.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::node_cases::NodeCases;
use eightbit_graph::{Graph, Tensor, TensorData, ops};

const WIDE: &str = "the element types are f32, f64, u8, i8, i32, i64 and bool; no i16, u16, u32, u64";
const NARROW: &str = "integers of less than eight bits are not supported";
const SMALL_FLOAT: &str = "floats of eight bits and less are not supported";
const TRAINING: &str = "training is not supported";
const RANDOM: &str =
    "training drops elements at random: there is no one right answer, ONNX Runtime gives another";
const SEQUENCE: &str = "values are tensors; sequences and optionals are not supported";
const WRAPS: &str = "the case expects wrap-around where the operator saturates; ONNX Runtime saturates, too";

/// Cases that are not supported, with reasons.
const UNSUPPORTED: &[(&str, &str)] = &[
    ("test_add_int16", WIDE),
    ("test_add_uint16", WIDE),
    ("test_add_uint32", WIDE),
    ("test_add_uint64", WIDE),
    ("test_batchnorm_epsilon_training_mode", TRAINING),
    ("test_batchnorm_example_training_mode", TRAINING),
    ("test_dequantizelinear_e4m3fn", SMALL_FLOAT),
    ("test_dequantizelinear_e4m3fn_float16", SMALL_FLOAT),
    ("test_dequantizelinear_e4m3fn_zero_point", SMALL_FLOAT),
    ("test_dequantizelinear_e5m2", SMALL_FLOAT),
    ("test_dequantizelinear_float4e2m1", SMALL_FLOAT),
    ("test_dequantizelinear_int16", WIDE),
    ("test_dequantizelinear_int2", NARROW),
    ("test_dequantizelinear_int4", NARROW),
    ("test_dequantizelinear_uint16", WIDE),
    ("test_dequantizelinear_uint2", NARROW),
    ("test_dequantizelinear_uint4", NARROW),
    ("test_div_int16", WIDE),
    ("test_div_uint16", WIDE),
    ("test_div_uint32", WIDE),
    ("test_div_uint64", WIDE),
    ("test_identity_opt", SEQUENCE),
    ("test_identity_sequence", SEQUENCE),
    ("test_mul_int16", WIDE),
    ("test_mul_uint16", WIDE),
    ("test_mul_uint32", WIDE),
    ("test_mul_uint64", WIDE),
    ("test_qlinearmatmul_2D_int8_float16", WRAPS),
    ("test_qlinearmatmul_2D_int8_float32", WRAPS),
    ("test_qlinearmatmul_3D_int8_float16", WRAPS),
    ("test_qlinearmatmul_3D_int8_float32", WRAPS),
    ("test_quantizelinear_blocked_symmetric", WIDE),
    ("test_quantizelinear_e4m3fn", SMALL_FLOAT),
    ("test_quantizelinear_e5m2", SMALL_FLOAT),
    ("test_quantizelinear_float4e2m1", SMALL_FLOAT),
    ("test_quantizelinear_int16", WIDE),
    ("test_quantizelinear_int2", NARROW),
    ("test_quantizelinear_int4", NARROW),
    ("test_quantizelinear_uint16", WIDE),
    ("test_quantizelinear_uint2", NARROW),
    ("test_quantizelinear_uint4", NARROW),
    ("test_sub_int16", WIDE),
    ("test_sub_uint16", WIDE),
    ("test_sub_uint32", WIDE),
    ("test_sub_uint64", WIDE),
    ("test_training_dropout", RANDOM),
    ("test_training_dropout_default", RANDOM),
    ("test_training_dropout_default_mask", RANDOM),
    ("test_training_dropout_mask", RANDOM),
];

fn reason(case: &str) -> Option<&'static str> {
    UNSUPPORTED.iter().find(|(name, _)| *name == case).map(|(_, reason)| *reason)
}

fn tensors(files: &[Vec<u8>]) -> Result<Vec<Tensor>, String> {
    files.iter().map(|bytes| Tensor::from_onnx_bytes(bytes).map_err(|error| error.to_string())).collect()
}

fn run(cases: &mut NodeCases, case: &str) -> Result<(), String> {
    let graph = Graph::from_onnx_bytes(&cases.model(case)).map_err(|error| error.to_string())?;
    let (inputs, expected) =
        (tensors(&cases.tensors(case, "input"))?, tensors(&cases.tensors(case, "output"))?);
    let named: Vec<(&str, &Tensor)> =
        graph.inputs.iter().map(|input| input.name.as_str()).zip(&inputs).collect();
    let outputs = ops::evaluate_graph(&graph, &named).map_err(|error| error.to_string())?;
    if outputs.len() != expected.len() {
        return Err(format!("{} outputs, {} expected", outputs.len(), expected.len()));
    }
    outputs.iter().zip(&expected).try_for_each(|(output, expected)| compare(output, expected))
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

#[test]
fn every_case_passes_or_is_listed() {
    let mut cases = NodeCases::open();
    let index = cases.index();
    let mut problems = Vec::new();
    let mut passed: BTreeMap<&str, usize> = BTreeMap::new();
    let mut listed = 0;
    for case in &index {
        match (run(&mut cases, &case.name), reason(&case.name)) {
            (Ok(()), None) => *passed.entry(&case.op).or_default() += 1,
            (Ok(()), Some(_)) => problems.push(format!("{} passes, but is listed as unsupported", case.name)),
            (Err(_), Some(_)) => listed += 1,
            (Err(error), None) => problems.push(format!("{}: {error}", case.name)),
        }
    }
    let total: usize = passed.values().sum();
    eprintln!("ONNX node cases: {total} pass, {listed} are listed as unsupported");
    for (op, count) in &passed {
        eprintln!("  {op}: {count}");
    }
    let names: BTreeSet<&str> = index.iter().map(|case| case.name.as_str()).collect();
    for (case, reason) in UNSUPPORTED {
        eprintln!("  unsupported: {case}: {reason}");
        if !names.contains(case) {
            problems.push(format!("{case} is listed, but does not exist"));
        }
    }
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
    assert!(total > 200, "only {total} cases ran");
}
