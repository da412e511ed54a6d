//! Writes a frozen graph of TensorFlow as a float ONNX file, for programs that read nothing else.
//!
//! ```text
//! to_onnx GRAPH.pb OUT.onnx [OUTPUT]
//! ```

use std::error::Error;

use eightbit_tensorflow::ImportOptions;
use eightbit_tensorflow::proto::GraphDef;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [graph, onnx, outputs @ ..] = &arguments[..] else {
        return Err("usage: to_onnx GRAPH.pb OUT.onnx [OUTPUT]".into());
    };
    let options = ImportOptions { outputs: outputs.to_vec(), ..ImportOptions::default() };
    GraphDef::from_file(graph)?.to_graph(&options)?.to_onnx_file(onnx)?;
    Ok(())
}
