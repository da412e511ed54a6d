//! Constants are folded to what TensorFlow computes.
//!
//! `evaluated_by_tensorflow.pb` was made with TensorFlow 2.21 (`TF_ENABLE_ONEDNN_OPTS=0`): operators on random constants, which an
//! operator `Sink` reads, and for each of its inputs a constant `expected/…`.

use std::collections::HashMap;
use std::path::Path;

use eightbit_tensorflow::grammar;
use eightbit_tensorflow::proto::{DataType, GraphDef, TensorProto, Value};
use eightbit_tensorflow::transforms::transform;

/// What functions such as `exp` may differ by, in units of the last place of the element; for a product of matrices, whose sum
/// TensorFlow rounds after each term, of its greatest element.
const MAX_ULPS: f32 = 4.0;

#[test]
fn constants_are_what_tensorflow_computes() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/evaluated_by_tensorflow.pb");
    let graph = GraphDef::from_file(path).expect("a graph");
    let expected = tensors(&graph);
    let calls = grammar::parse("fold_constants").expect("well-formed");
    let (folded, _) = transform(graph, &[], &["o".to_owned()], &calls).expect("folded");
    let found = tensors(&folded);
    let sink = folded.node.iter().find(|node| node.name == "o").expect("the output");
    let mut failures = Vec::new();
    for (index, input) in sink.input.iter().enumerate() {
        let expected = &expected[&format!("expected/{index:03}")];
        match found.get(input) {
            None => failures.push(format!("{input} is not folded")),
            Some(found) if is_close(found, expected, input.starts_with("MatMul")) => {}
            Some(found) => failures.push(format!("{input}\n  {found:?}\n  {expected:?}")),
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(sink.input.len() > 100, "{} operators", sink.input.len());
}

fn tensors(graph: &GraphDef) -> HashMap<String, TensorProto> {
    let tensors = graph.node.iter().filter_map(|node| match node.attr.get("value")?.value.as_ref()? {
        Value::Tensor(tensor) => Some((node.name.clone(), (**tensor).clone())),
        _ => None,
    });
    tensors.collect()
}

/// Whether two tensors have one type and shape, and elements that are equal or, if they are floats, nearly so.
fn is_close(found: &TensorProto, expected: &TensorProto, is_sum: bool) -> bool {
    let sizes = |tensor: &TensorProto| {
        let dims = tensor.tensor_shape.iter().flat_map(|shape| &shape.dim);
        dims.map(|dim| dim.size).collect::<Vec<_>>()
    };
    if found.dtype != expected.dtype || sizes(found) != sizes(expected) {
        return false;
    }
    if found.dtype == DataType::Float as i32 {
        let (found, expected) = (floats(found), floats(expected));
        let greatest = expected.iter().fold(0f32, |greatest, element| greatest.max(element.abs()));
        let scale = |element: &f32| if is_sum { greatest } else { element.abs() };
        let near = |(a, b): (&f32, &f32)| (a - b).abs() <= MAX_ULPS * f32::EPSILON * scale(b);
        return found.len() == expected.len() && found.iter().zip(&expected).all(near);
    }
    elements(found) == elements(expected)
}

fn floats(tensor: &TensorProto) -> Vec<f32> {
    let (content, _) = tensor.tensor_content.as_chunks();
    content.iter().map(|&bytes| f32::from_le_bytes(bytes)).chain(tensor.float_val.iter().copied()).collect()
}

/// The elements as bytes, wherever they are stored: an element that repeats is written as often as it does.
fn elements(tensor: &TensorProto) -> Vec<u8> {
    let count: i64 = tensor.tensor_shape.iter().flat_map(|shape| &shape.dim).map(|dim| dim.size).product();
    let count = usize::try_from(count).expect("a size");
    let is_bytes = [DataType::Uint8 as i32, DataType::Bool as i32].contains(&tensor.dtype);
    let ints = tensor.int_val.iter().map(|x| x.to_le_bytes()[..if is_bytes { 1 } else { 4 }].to_vec());
    let longs = tensor.int64_val.iter().map(|x| x.to_le_bytes().to_vec());
    let bools = tensor.bool_val.iter().map(|&x| vec![u8::from(x)]);
    let doubles = tensor.double_val.iter().map(|x| x.to_le_bytes().to_vec());
    let fields: Vec<Vec<u8>> = ints.chain(longs).chain(bools).chain(doubles).collect();
    match fields.last() {
        Some(last) => (0..count).flat_map(|index| fields.get(index).unwrap_or(last).clone()).collect(),
        None => tensor.tensor_content.to_vec(),
    }
}
