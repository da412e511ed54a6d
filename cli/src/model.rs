//! Models in files of any format.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use eightbit_graph::{Error, Graph};
use eightbit_tensorflow::proto::GraphDef;
use eightbit_tensorflow::{ImportOptions, Reference, is_graph};

use crate::layers::Layers;

/// Bytes of a file that tell its format.
const BEGINNING: u64 = 1 << 12;

/// Reads the model `path`: an ONNX file, or a frozen graph of TensorFlow, of which the part that `layers` name is read.
pub(crate) fn read(path: &Path, layers: Layers<'_>) -> Result<Graph, Error> {
    if !is_graph(&beginning(path)) {
        return Graph::from_onnx_file(path);
    }
    let Layers { inputs, outputs } = layers;
    let options =
        ImportOptions { inputs: inputs.to_vec(), outputs: outputs.to_vec(), ..ImportOptions::default() };
    GraphDef::from_file(path)?.to_graph(&options)
}

/// The first bytes of a file; none of what is no file, which the reader of ONNX reports.
fn beginning(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    if path.is_file()
        && let Ok(file) = File::open(path)
        && file.take(BEGINNING).read_to_end(&mut bytes).is_err()
    {
        bytes.clear();
    }
    bytes
}

/// The name in a graph for `name`, which may be TensorFlow's name of the first output of a node, `x:0`.
pub(crate) fn value_name(graph: &Graph, name: &str) -> String {
    let has = |name: &str| {
        graph.input_info(name).is_some()
            || graph.is_output(name)
            || graph.nodes.iter().any(|node| node.outputs.iter().any(|output| output == name))
    };
    if has(name) { name.to_owned() } else { Reference::new(name).value_name() }
}
