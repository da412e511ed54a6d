//! Shape inference on ONNX's own operator test cases: the inferred types are those of the cases' outputs.

use crate::support::node_cases::NodeCases;
use eightbit_graph::shapes::{ShapeOptions, TensorType, infer_shapes};
use eightbit_graph::{Error, Graph, Tensor};

fn supported<T>(result: Result<T, Error>, case: &str) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(
            Error::UnsupportedModel { .. }
            | Error::UnsupportedOp { .. }
            | Error::UnsupportedOpset { .. }
            | Error::Several(_),
        ) => None,
        Err(other) => panic!("{case}: {other}"),
    }
}

/// Reads a case; `None` if it uses a type or a part of ONNX that is not supported.
fn read(cases: &mut NodeCases, case: &str) -> Option<(Graph, Vec<Tensor>)> {
    let mut graph = supported(Graph::from_onnx_bytes(&cases.model(case)), case)?;
    let mut tensors = |kind: &str| -> Option<Vec<Tensor>> {
        let files = cases.tensors(case, kind);
        files.iter().map(|bytes| supported(Tensor::from_onnx_bytes(bytes), case)).collect()
    };
    // Inputs that decide shapes (axes, pads) must be constants; the cases pass them as inputs.
    let mut inputs = std::mem::take(&mut graph.inputs).into_iter();
    graph.inputs.extend(inputs.next());
    for (input, tensor) in inputs.zip(tensors("input")?.into_iter().skip(1)) {
        graph.constants.insert(input.name, tensor);
    }
    let outputs = tensors("output")?;
    assert_eq!(outputs.len(), graph.outputs.len(), "{case}");
    Some((graph, outputs))
}

#[test]
fn node_cases() {
    let mut cases = NodeCases::of_onnx();
    let (mut passed, mut unsupported) = (0, Vec::new());
    for name in cases.names() {
        let Some((graph, outputs)) = read(&mut cases, &name) else {
            unsupported.push(name);
            continue;
        };
        let types = match infer_shapes(&graph, &ShapeOptions::default()) {
            Ok(types) => types,
            Err(Error::UnsupportedOp { .. } | Error::MissingOperators(_) | Error::Several(_)) => {
                unsupported.push(name);
                continue;
            }
            Err(error) => panic!("{name}: {error}"),
        };
        for (output, tensor) in graph.outputs.iter().zip(outputs) {
            assert_eq!(types.get(&output.name), Some(&TensorType::of(&tensor)), "{name}: {}", output.name);
        }
        passed += 1;
    }
    unsupported.sort();
    eprintln!(
        "{passed} cases pass; {} use unsupported types or variants: {}",
        unsupported.len(),
        unsupported.join(" ")
    );
    assert!(passed > 200, "only {passed} cases ran");
}
