//! Converts a `ModelProto` to a [`Graph`].

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use prost::Message;

use super::external::External;
use super::functions::Functions;
use super::half::Widened;
use super::node::is_standard;
use super::opset::{DEFAULT_OPSET, NEWEST_OPSET, OLDEST_OPSET};
use super::proto::ModelProto;
use super::scope::{Importer, Scope};
use super::value::unknown_rank;
use super::{broadcast, budget, expand, narrow};
use crate::ops::missing;
use crate::shapes::infer_open_shapes;
use crate::{Error, Graph, Limits, passes};

pub(super) fn graph(bytes: Bytes, external: External, limits: &Limits) -> Result<Graph, Error> {
    let size = bytes.len();
    let not_a_model = |reason: String| Error::NotAModel { format: "an ONNX", reason };
    if size == 0 {
        return Err(not_a_model("there are no bytes".to_owned()));
    }
    budget::check(&bytes, limits)?;
    let model = ModelProto::decode(bytes)
        .map_err(|error| not_a_model(format!("of the {size} bytes read, not all decode: {error}")))?;
    // Arbitrary bytes may decode, and so does a file truncated between two fields.
    if model.ir_version <= 0 {
        return Err(not_a_model("it has no version".to_owned()));
    }
    let Some(proto) = model.graph else {
        return Err(not_a_model("it has no graph".to_owned()));
    };
    if model.opset_import.is_empty() {
        return Err(not_a_model("it imports no operator set".to_owned()));
    }
    let version =
        model.opset_import.iter().find(|import| is_standard(&import.domain)).map(|import| import.version);
    if let Some(version) = version
        && !(OLDEST_OPSET..=NEWEST_OPSET).contains(&version)
    {
        return Err(Error::UnsupportedOpset {
            domain: "ai.onnx".to_owned(),
            version,
            oldest: OLDEST_OPSET,
            newest: NEWEST_OPSET,
        });
    }
    let mut importer = Importer {
        functions: Functions::new(&model.functions, limits)?,
        external,
        widened: Widened::default(),
        narrow: BTreeMap::new(),
        problems: Vec::new(),
    };
    let (mut graph, unknown) = importer.model(proto, Scope { version, attributes: None, depth: 0 })?;
    graph.opset = version.unwrap_or(DEFAULT_OPSET).max(DEFAULT_OPSET).max(graph.opset);
    graph.notes.extend(importer.widened.note());
    graph.notes.extend(narrow::note(&importer.narrow));
    let mut problems = importer.problems;
    if !problems.is_empty() {
        problems.extend(missing::errors(&graph));
        Error::all(problems)?;
    }
    narrow::apply(&mut graph, &importer.narrow)?;
    expand::expand(&mut graph, Limits { max_bytes: importer.external.left(), ..limits.clone() })?;
    graph.validate()?;
    let graph = broadcast::align(graph)?;
    let mut graph = passes::inline_branches(graph)?;
    infer_outputs(&mut graph, &unknown)?;
    graph.narrow = passes::writable(&graph, graph.opset);
    Ok(graph)
}

/// Infers the shapes of outputs that have none.
fn infer_outputs(graph: &mut Graph, unknown: &[String]) -> Result<(), Error> {
    let Some(first) = unknown.first() else { return Ok(()) };
    let found = match infer_open_shapes(graph, unknown) {
        Ok(found) => found,
        // The graph cannot run yet, and its outputs are unknown until it can.
        Err(_) if !missing::errors(graph).is_empty() => return Ok(()),
        // What does not depend on sizes that are unknown yet is unknown for good.
        Err(error) if error.is_about_support() => return Err(unknown_rank(first)),
        Err(error) => return Err(error),
    };
    let shapes: HashMap<String, _> = found.into_iter().map(|info| (info.name, info.shape)).collect();
    for output in &mut graph.outputs {
        if let Some(shape) = shapes.get(&output.name) {
            output.shape.clone_from(shape);
        }
    }
    Ok(())
}
