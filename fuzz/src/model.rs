//! Model files: hostile bytes are refused with an error, never a panic; a model that is read can be written, read again and run.

use std::collections::BTreeMap;

use eightbit::Backend;
use eightbit_graph::ops::evaluate_graph;
use eightbit_graph::shapes::{ShapeOptions, TensorType, infer_shapes};
use eightbit_graph::{
    Error, Executor, ExecutorOptions, Graph, Limits, Tensor, TensorData, passes, supported,
};

/// The ONNX reader, the writer and shape inference.
pub fn onnx(data: &[u8]) {
    let Ok(graph) = Graph::from_onnx_bytes(data) else { return };
    let _ = infer_shapes(&graph, &options(1 << 16));
    let Ok(written) = graph.to_onnx_bytes() else { return };
    let again = Graph::from_onnx_bytes(&written).expect("what was written can be read");
    assert_eq!(again.to_onnx_bytes().expect("written once"), written, "writing is not stable");
}

/// Passes and execution: the results of a graph with valid shapes have the inferred shapes. What is told of its nodes is told of all.
pub fn executor(data: &[u8]) {
    let Ok(graph) = Graph::from_onnx_bytes(data) else { return };
    if graph.nodes.len() > 40 {
        return;
    }
    let mut how = ExecutorOptions::default();
    how.shapes = options(1 << 11);
    if let Ok(told) = supported(&graph, &how) {
        assert_eq!(told.len(), graph.nodes.len());
    }
    let _ = run(&graph);
    let folded =
        passes::fold_batch_norms(graph).and_then(passes::fold_constants).and_then(passes::remove_nodes);
    if let Ok(folded) = folded.and_then(passes::strip_unused_nodes).and_then(passes::sort_by_execution_order)
    {
        let _ = run(&folded);
    }
}

/// Runs the plain interpreter, and the executor on every backend, whose bits must agree.
pub(crate) fn run(graph: &Graph) -> Result<(), Error> {
    let types = infer_shapes(graph, &options(1 << 11))?;
    let inputs = graph.inputs.iter().map(|info| Ok((info.name.as_str(), filled(&types[&info.name])?)));
    let inputs = inputs.collect::<Result<Vec<_>, Error>>()?;
    let given: Vec<(&str, &Tensor)> = inputs.iter().map(|(name, tensor)| (*name, tensor)).collect();
    run_on(graph, &given, &types, 1 << 11)
}

/// As [`run`], on these inputs; values may have `max_elements`.
pub(crate) fn run_on(
    graph: &Graph,
    given: &[(&str, &Tensor)],
    types: &BTreeMap<String, TensorType>,
    max_elements: usize,
) -> Result<(), Error> {
    if let Ok(outputs) = evaluate_graph(graph, given) {
        check_types(graph, types, &outputs);
    }
    let mut first: Option<Vec<Tensor>> = None;
    for backend in Backend::available() {
        let mut how = ExecutorOptions::default();
        how.backend = Some(backend);
        how.shapes = options(max_elements);
        let outputs = Executor::new(graph, &how)?.run(given)?;
        check_types(graph, types, &outputs);
        match &first {
            None => first = Some(outputs),
            Some(first) => {
                assert!(first.iter().zip(&outputs).all(|(a, b)| same_bits(a, b)), "{backend} differs")
            }
        }
    }
    Ok(())
}

fn check_types(graph: &Graph, types: &BTreeMap<String, TensorType>, outputs: &[Tensor]) {
    for (info, output) in graph.outputs.iter().zip(outputs) {
        assert_eq!(TensorType::of(output), types[&info.name], "the output {}", info.name);
    }
}

/// Whether two tensors have the same bits; a NaN is as any other, since Rust does not say which bits an operation on floats gives it.
fn same_bits(a: &Tensor, b: &Tensor) -> bool {
    match (a.data(), b.data()) {
        (TensorData::F32(a), TensorData::F32(b)) => {
            let bits = |x: &f32| (!x.is_nan()).then_some(x.to_bits());
            a.iter().map(bits).eq(b.iter().map(bits))
        }
        (TensorData::F64(a), TensorData::F64(b)) => {
            let bits = |x: &f64| (!x.is_nan()).then_some(x.to_bits());
            a.iter().map(bits).eq(b.iter().map(bits))
        }
        _ => a == b,
    }
}

/// A tensor of small and of extreme values.
fn filled(of: &TensorType) -> Result<Tensor, Error> {
    let mut data = TensorData::zeros(of.data_type, of.shape.iter().product());
    match &mut data {
        TensorData::F32(values) => fill(values, &[0.5, -1.0, 1e30, 3.25, f32::NAN, -0.0, f32::INFINITY]),
        TensorData::U8(values) => fill(values, &[0, 255, 128, 1]),
        TensorData::I8(values) => fill(values, &[0, -128, 127, -1, 5]),
        _ => {}
    }
    Tensor::new(of.shape.clone(), data)
}

fn fill<T: Copy>(values: &mut [T], pattern: &[T]) {
    values.iter_mut().zip(pattern.iter().cycle()).for_each(|(value, &new)| *value = new);
}

/// Small limits: the fuzzer looks for panics, not for a lack of memory.
pub(crate) fn options(max_elements: usize) -> ShapeOptions {
    let limits = Limits { max_elements, ..Limits::default() };
    ShapeOptions { batch: Some(1), limits, ..ShapeOptions::default() }
}
