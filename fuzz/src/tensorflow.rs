//! TensorFlow's graphs in every form: reading, importing, preparing to run.

use eightbit_graph::{Executor, ExecutorOptions, Limits};
use eightbit_tensorflow::ImportOptions;
use eightbit_tensorflow::proto::GraphDef;

/// Reads a graph, whatever its form, and imports it. What is written of it must be read again, and be the same.
pub fn tensorflow(data: &[u8]) {
    let limits = Limits { max_elements: 1 << 16, max_bytes: 1 << 24 };
    let Ok(graph) = GraphDef::from_bytes_within(data, &limits) else { return };
    let bytes = graph.to_bytes();
    let again = GraphDef::from_bytes(&bytes).expect("what was written is read");
    assert_eq!(again.to_bytes(), bytes);
    if let Ok(text) = graph.to_text() {
        // The text form has one NaN, the binary form many.
        let again = GraphDef::from_bytes(text.as_bytes()).expect("what was printed is read");
        assert_eq!(again.to_text().expect("printed once"), text);
    }
    if let Ok(graph) = graph.to_graph(&ImportOptions::default()) {
        let mut options = ExecutorOptions::default();
        options.shapes.limits = limits;
        drop(Executor::new(&graph, &options));
    }
}
