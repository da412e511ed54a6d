//! Shape inference on ONNX's own operator test cases: what the cases say comes out is what is inferred.

use std::path::Path;

use eightbit_graph::shapes::{ShapeOptions, TensorType, infer_shapes};
use eightbit_graph::{Error, Graph, Tensor};

fn supported<T>(result: Result<T, Error>, case: &Path) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(Error::UnsupportedModel { .. }) => None,
        Err(other) => panic!("{}: {other}", case.display()),
    }
}

/// Reads a case; `None` if it uses a type or a part of ONNX that is not supported.
fn read(case: &Path) -> Option<(Graph, Vec<Tensor>)> {
    let bytes = std::fs::read(case.join("model.onnx")).expect("every case has a model");
    let mut graph = supported(Graph::from_onnx_bytes(&bytes), case)?;
    let tensor = |kind: &str, index: usize| {
        let bytes = std::fs::read(case.join(format!("test_data_set_0/{kind}_{index}.pb"))).expect("data");
        supported(Tensor::from_onnx_bytes(&bytes), case)
    };
    // Inputs that decide shapes (axes, pads) must be constants; the cases give them as inputs.
    let inputs = std::mem::take(&mut graph.inputs);
    for (index, input) in inputs.into_iter().enumerate() {
        if index == 0 {
            graph.inputs.push(input);
        } else {
            graph.constants.insert(input.name, tensor("input", index)?);
        }
    }
    let outputs: Option<Vec<Tensor>> =
        (0..graph.outputs.len()).map(|index| tensor("output", index)).collect();
    Some((graph, outputs?))
}

#[test]
fn node_cases() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/vectors/onnx_node_cases");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        eprintln!("SKIPPED: {} is not there", folder.display());
        return;
    };
    let (mut passed, mut unsupported) = (0, Vec::new());
    for entry in entries {
        let case = entry.expect("readable").path();
        if !case.is_dir() {
            continue;
        }
        let name = case.file_name().expect("named").to_string_lossy().into_owned();
        let Some((graph, outputs)) = read(&case) else {
            unsupported.push(name);
            continue;
        };
        let types = match infer_shapes(&graph, &ShapeOptions::default()) {
            Ok(types) => types,
            Err(Error::UnsupportedOp { .. } | Error::MissingOperators(_)) => {
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
