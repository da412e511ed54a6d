//! What tells one quantization from another.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::quantize::{Aid, Dataset, Fault, QuantizeOptions};
use crate::{Error, Graph};

/// A hash of all that the quantization of `graph` depends on: the graph, the options, the examples, the aids by name, the nodes that stay
/// float, the version of this crate, and the backend, because the last bits of float operators depend on it.
pub(in crate::quantize) fn key<D: Dataset + ?Sized>(
    graph: &Graph,
    dataset: &D,
    options: &QuantizeOptions,
    (aids, float): (&[&dyn Aid], &BTreeMap<String, String>),
) -> Result<u64, Fault<D::Error>> {
    let mut hasher = DefaultHasher::new();
    env!("CARGO_PKG_VERSION").hash(&mut hasher);
    let backend = eightbit::Backend::best().map_err(|error| Error::argument("backend", error.to_string()))?;
    format!("{backend:?}").hash(&mut hasher);
    // All of these print every bit of their numbers.
    format!("{:?}", QuantizeOptions { resume: None, ..options.clone() }).hash(&mut hasher);
    float.hash(&mut hasher);
    format!("{:?} {:?} {:?}", graph.inputs, graph.outputs, graph.nodes).hash(&mut hasher);
    for (name, tensor) in &graph.constants {
        tensor.to_onnx_bytes(name).hash(&mut hasher);
    }
    aids.iter().for_each(|aid| aid.name().hash(&mut hasher));
    for number in 0..dataset.len() {
        for tensor in dataset.example(number).map_err(Fault::Example)? {
            tensor.to_onnx_bytes("").hash(&mut hasher);
        }
    }
    Ok(hasher.finish())
}
