//! From a frozen graph of TensorFlow to a [`Graph`].
//!
//! Every operator of TensorFlow is a function of the table in `table`, which adds nodes with ONNX's meaning. Images are NHWC in
//! TensorFlow and NCHW here: the functions of operators on images put `Transpose` nodes around them, which
//! [`cancel_transposes`](eightbit_graph::passes::cancel_transposes) removes again.
//!
//! The operators of eight-bit graphs have meanings that ONNX's do not: they keep TensorFlow's names, in the domain `org.tensorflow`. Such a
//! graph runs with TensorFlow's results, but is not written as ONNX.

mod atrous;
mod attributes;
mod batch_norm;
mod convolution;
mod decomposed_norm;
mod eight_bit;
mod elementwise;
mod emit;
mod fake_quantize;
mod flow;
mod fused;
mod importer;
mod index;
mod inputs;
mod normalize;
mod once;
mod operation;
mod order;
mod pool;
mod product;
mod reduce;
mod reference;
mod reshape;
mod resize;
mod slice;
mod space;
mod table;
mod tensor;
mod transposed_convolution;

use eightbit_graph::shapes::infer_open_shapes;
use eightbit_graph::{Error, Graph, passes};

use crate::proto::GraphDef;
use decomposed_norm::DecomposedNorms;
use importer::Importer;
use once::ReadOnce;
pub use reference::Reference;

/// The names of TensorFlow's operators that are imported.
pub fn imported_operators() -> impl Iterator<Item = &'static str> {
    table::names()
}

/// What to import of a graph.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ImportOptions {
    /// The inputs, as TensorFlow names them (`x`, `x:0`); what comes before them is cut off. Without any, the placeholders.
    pub inputs: Vec<String>,
    /// The outputs. Without any, what no node reads.
    pub outputs: Vec<String>,
    /// Shapes of inputs, by name, for those of which the graph does not say it.
    pub shapes: Vec<(String, Vec<Option<usize>>)>,
}

impl GraphDef {
    /// The graph with ONNX's operators.
    ///
    /// # Errors
    ///
    /// [`Error::MissingOperators`] for operators that are not implemented: all of them, each with its nodes; every error of
    /// [`Graph::validate`]; names of inputs and outputs that the graph does not have.
    pub fn to_graph(&self, options: &ImportOptions) -> Result<Graph, Error> {
        self.import(options, false)
    }

    /// As [`to_graph`](Self::to_graph), without outputs that belong to the branch of a condition that does not hold.
    pub(crate) fn to_live_graph(&self, options: &ImportOptions) -> Result<Graph, Error> {
        self.import(options, true)
    }

    fn import(&self, options: &ImportOptions, skips_dead: bool) -> Result<Graph, Error> {
        let nodes = index::by_name(self)?;
        let outputs = index::outputs(self, &nodes, options)?;
        let cuts = index::references(&nodes, &options.inputs)?;
        let order = order::order(&nodes, &outputs, &cuts);
        let mut importer = Importer::new(self);
        inputs::add(&mut importer, &nodes, &order, &cuts, options)?;
        let mut once = ReadOnce::new(&order, &outputs);
        let norms = DecomposedNorms::new(&order, &nodes, &once);
        once.keep(norms.constants());
        importer.run(&order, &norms, &once)?;
        importer.set_outputs(&outputs, skips_dead)?;
        let graph = passes::strip_unused_nodes(importer.into_graph())?;
        let graph = passes::remove_nodes(graph)?;
        let graph = passes::cancel_transposes(graph)?;
        let mut graph = passes::strip_unused_nodes(graph)?;
        describe_outputs(&mut graph);
        graph.validate()?;
        Ok(graph)
    }
}

/// Gives the outputs their types and shapes, as far as they are known before the graph runs.
fn describe_outputs(graph: &mut Graph) {
    let names: Vec<String> = graph.outputs.iter().map(|output| output.name.clone()).collect();
    if let Ok(found) = infer_open_shapes(graph, &names) {
        graph.outputs = found;
    }
}
