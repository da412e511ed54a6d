//! `extract`: the part of a graph between values.

use std::collections::{HashMap, HashSet};

use super::strip_unused_nodes;
use crate::ops::shared::values::Values;
use crate::shapes::infer_open_shapes;
use crate::{DataType, Error, Graph, ValueInfo, quoted};

/// The part of `graph` that computes `outputs` from `inputs`, both values of the graph in the order of the new ones; without any, those
/// of the graph. What comes before the inputs is cut off, as ONNX's `extract_model` does.
///
/// # Errors
///
/// A value that the graph does not have, is constant where it should be an input, or whose type is not known before the graph runs;
/// outputs that need an input of the graph which is not among `inputs`.
pub fn extract(mut graph: Graph, inputs: &[String], outputs: &[String]) -> Result<Graph, Error> {
    // An output may be a constant.
    let own = graph.output_names();
    check(&graph, inputs.iter().chain(outputs.iter().filter(|name| !own.contains(name.as_str()))))?;
    check_repeated(inputs)?;
    check_repeated(outputs)?;
    let declared = graph.inputs.iter().chain(&graph.outputs);
    let mut known: HashMap<String, ValueInfo> =
        declared.map(|info| (info.name.clone(), info.clone())).collect();
    // What neither is made of may have types that are not known.
    let wanted = if outputs.is_empty() {
        graph.outputs.iter().map(|info| info.name.clone()).collect()
    } else {
        outputs.to_vec()
    };
    let placeholder =
        |name: &String| ValueInfo { name: name.clone(), data_type: DataType::F32, shape: Vec::new() };
    graph.outputs = wanted.iter().chain(inputs).map(placeholder).collect();
    let mut graph = strip_unused_nodes(graph)?;
    let is_unknown = |name: &&String| !known.contains_key(*name);
    let unknown: Vec<String> = wanted.iter().chain(inputs).filter(is_unknown).cloned().collect();
    if !unknown.is_empty() {
        match infer_open_shapes(&graph, &unknown) {
            Ok(found) => known.extend(found.into_iter().map(|info| (info.name.clone(), info))),
            Err(error) if inputs.iter().any(|input| unknown.contains(input)) => return Err(error),
            // Open sizes that must fit together are given later: outputs do not need theirs before.
            Err(_) => {
                let types = Values::new(&graph)?;
                known.extend(unknown.iter().map(|name| {
                    let data_type = types.data_type(name).unwrap_or(DataType::F32);
                    (name.clone(), ValueInfo { data_type, ..placeholder(name) })
                }));
            }
        }
    }
    let info =
        |name: &String| known.get(name).cloned().ok_or_else(|| Error::value(name, "has no known type"));
    graph.outputs = wanted.iter().map(info).collect::<Result<_, _>>()?;
    if inputs.is_empty() {
        return Ok(graph);
    }
    let declared = std::mem::replace(&mut graph.inputs, inputs.iter().map(info).collect::<Result<_, _>>()?);
    let given: HashSet<&String> = inputs.iter().collect();
    for output in graph.nodes.iter_mut().flat_map(|node| &mut node.outputs) {
        if given.contains(output) {
            output.clear();
        }
    }
    let graph = strip_unused_nodes(graph)?;
    let read = graph.nodes.iter().flat_map(|node| &node.inputs);
    let read: HashSet<&String> = read.chain(graph.outputs.iter().map(|info| &info.name)).collect();
    match declared.iter().find(|info| !given.contains(&info.name) && read.contains(&info.name)) {
        Some(info) => {
            let given: Vec<String> = inputs.iter().map(|name| quoted(name).to_string()).collect();
            let reason = format!("is needed, too: the outputs do not depend on {} alone", given.join(", "));
            Err(Error::value(&info.name, reason))
        }
        None => Ok(graph),
    }
}

/// An error if a value is neither an input of the graph nor computed by it.
fn check<'a>(graph: &Graph, mut names: impl Iterator<Item = &'a String>) -> Result<(), Error> {
    let computed = graph.nodes.iter().flat_map(|node| &node.outputs);
    let known: HashSet<&String> = computed.chain(graph.inputs.iter().map(|info| &info.name)).collect();
    match names.find(|name| name.is_empty() || !known.contains(name)) {
        None => Ok(()),
        Some(name) if graph.constants.contains_key(name) => Err(Error::value(name, "is a constant")),
        Some(name) => Err(Error::value(name, "is not in the graph")),
    }
}

/// An error if a value is named twice.
fn check_repeated(names: &[String]) -> Result<(), Error> {
    let mut seen = HashSet::new();
    match names.iter().find(|name| !seen.insert(*name)) {
        None => Ok(()),
        Some(name) => Err(Error::value(name, "is named twice")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::passes::testing::{graph, names};
    use crate::{Node, Tensor};

    fn chain() -> Graph {
        let mut graph = graph(vec![
            Node::new("split", "Split", &["x"], &["a", "b"]).with("axis", 0i64),
            Node::new("neg", "Neg", &["a"], &["c"]),
            Node::new("add", "Add", &["c", "b"], &["d"]),
            Node::new("join", "Concat", &["d", "c"], &["y"]).with("axis", 0i64),
        ]);
        graph.opset = 13;
        graph
    }

    fn list(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn the_part_between_values() {
        let part = extract(chain(), &list(&["b", "c"]), &list(&["d"])).expect("inner values");
        assert_eq!(names(&part), ["add"]);
        let info = |name: &str| ValueInfo {
            name: name.to_owned(),
            data_type: DataType::F32,
            shape: vec![Some(1), Some(2)],
        };
        assert_eq!(part.inputs, [info("b"), info("c")]);
        assert_eq!(part.outputs, [info("d")]);
        part.validate().expect("a graph");
        assert_eq!(extract(chain(), &[], &[]).expect("all of it"), chain());
    }

    /// A node may write a value that is an input now, and another that is needed.
    #[test]
    fn an_input_is_no_output_of_a_node() {
        let part = extract(chain(), &list(&["x", "b"]), &[]).expect("both");
        assert_eq!(part.nodes[0].outputs, ["a", ""]);
        part.validate().expect("a graph");
    }

    /// No one size for both open dimensions is a guess that a product of fixed weights accepts.
    #[test]
    fn open_sizes_may_be_given_later() {
        let mut graph = graph(vec![
            Node::new("flat", "Flatten", &["x"], &["f"]),
            Node::new("inner", "MatMul", &["f", "w"], &["p"]),
            Node::new("relu", "Relu", &["p"], &["y"]),
        ]);
        graph.opset = 13;
        graph.inputs[0].shape = vec![None, Some(3), None, None];
        let weights = Tensor::zeros(vec![3 * 32 * 32, 2], DataType::F32).expect("small");
        graph.constants.insert("w".to_owned(), weights);
        let part = extract(graph.clone(), &[], &list(&["p"])).expect("an output");
        assert_eq!((names(&part), part.outputs[0].data_type), (vec!["flat", "inner"], DataType::F32));
        assert!(extract(graph, &list(&["f"]), &[]).is_err(), "an input without a type");
    }

    #[test]
    fn what_is_missing_is_an_error() {
        let error = extract(chain(), &list(&["c"]), &[]).expect_err("b needs x").to_string();
        assert!(error.contains("\"x\"") && error.contains("\"c\" alone"), "{error}");
        for (inputs, outputs) in [(&["b", "c", "b"][..], &["d"][..]), (&["b", "c"], &["b", "b"])] {
            let error = extract(chain(), &list(inputs), &list(outputs)).expect_err("b twice").to_string();
            assert!(error.contains("value \"b\": is named twice"), "{error}");
        }
        let error = extract(chain(), &[], &list(&["z"])).expect_err("no z").to_string();
        assert!(error.contains("value \"z\": is not in the graph"), "{error}");
    }
}
