//! `raise_opset`: a graph in the forms of a later operator set.

use crate::onnx::NEWEST_OPSET;
use crate::ops::shared::upgrade::Constants;
use crate::ops::{
    dft, grid_sample, group_normalization, reduce_l1, reduce_l2, reduce_log_sum, reduce_log_sum_exp,
    reduce_max, reduce_mean, reduce_min, reduce_prod, reduce_sum_square, split,
};
use crate::{Attribute, Error, Graph};

/// Rewrites what changed its form between the operator set of `graph` and `version`, which is then the graph's; nothing if that is not
/// later. What changed is listed in github.com/onnx/onnx, docs/Changelog.md.
///
/// # Errors
///
/// A version that cannot be written, and nodes whose new form depends on what is known only when they run.
pub fn raise_opset(mut graph: Graph, version: i64) -> Result<Graph, Error> {
    if version > NEWEST_OPSET {
        let reason = format!("{version}: {NEWEST_OPSET} is the newest that is written");
        return Err(Error::argument("operator set", reason));
    }
    let from = graph.opset;
    if version <= from {
        return Ok(graph);
    }
    let crosses = |changed: i64| from < changed && changed <= version;
    let reductions = [
        &reduce_mean::OP,
        &reduce_max::OP,
        &reduce_min::OP,
        &reduce_prod::OP,
        &reduce_l1::OP,
        &reduce_l2::OP,
        &reduce_log_sum::OP,
        &reduce_log_sum_exp::OP,
        &reduce_sum_square::OP,
    ];
    let mut constants = Constants::new(&mut graph);
    let mut nodes = constants.take_nodes();
    for node in &mut nodes {
        if crosses(18) && reductions.iter().any(|operator| node.is(operator)) {
            constants.ints_to_input(node, "axes", 1)?;
        } else if crosses(18) && node.is(&split::OP) && node.input(1).is_none() {
            let parts = node.outputs.len() as i64;
            node.attributes.entry("num_outputs".to_owned()).or_insert(parts.into());
        } else if crosses(20) && node.is(&grid_sample::OP) {
            let mode = node.string("mode", "bilinear")?;
            if let Some(mode) = mode.strip_prefix("bi").map(Attribute::from) {
                node.attributes.insert("mode".to_owned(), mode);
            }
        } else if (crosses(20) && node.is(&dft::OP)) || (crosses(21) && node.is(&group_normalization::OP)) {
            let reason = format!(
                "its form of operator set {from} is not that of {version}: export the model again with {version}, or write weights in bytes (--format qcdq)"
            );
            return Err(Error::unsupported(node, reason));
        }
    }
    graph.nodes = nodes;
    graph.opset = version;
    Ok(graph)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DataType, Executor, ExecutorOptions, Node, Tensor, ValueInfo};

    #[test]
    fn old_forms_become_new_ones_with_the_same_result() {
        let value = |name: &str, shape: &[usize]| ValueInfo {
            name: name.to_owned(),
            data_type: DataType::F32,
            shape: shape.iter().map(|&size| Some(size)).collect(),
        };
        let graph = Graph {
            opset: 13,
            inputs: vec![value("x", &[2, 6])],
            outputs: vec![value("a", &[2, 3]), value("m", &[2])],
            nodes: vec![
                Node::new("split", "Split", &["x"], &["a", "b"]).with("axis", 1i64),
                Node::new("mean", "ReduceMean", &["b"], &["m"])
                    .with("axes", vec![1i64])
                    .with("keepdims", 0i64),
            ],
            ..Graph::default()
        };
        let raised = raise_opset(graph.clone(), 21).expect("has a form");
        raised.validate().expect("sound");
        assert_eq!(raised.opset, 21);
        assert_eq!(raised.nodes[0].attributes["num_outputs"], Attribute::Int(2));
        assert_eq!(raised.nodes[1].inputs.len(), 2);
        assert!(!raised.nodes[1].attributes.contains_key("axes"));
        let x = Tensor::new([2, 6], (0..12).map(|at| at as f32).collect::<Vec<_>>()).expect("twelve");
        let run = |graph: &Graph| {
            Executor::new(graph, &ExecutorOptions::default()).expect("runs").run(&[("x", &x)]).expect("runs")
        };
        assert_eq!(run(&raised), run(&graph));
        assert_eq!(raise_opset(raised.clone(), 18).expect("nothing to do"), raised);
        assert!(raise_opset(raised, 99).is_err());
    }

    #[test]
    fn modes_have_new_names() {
        let sample = |mode: Option<&str>| {
            let node = Node::new("sample", "GridSample", &["x", "grid"], &["y"]);
            let node = mode.map_or(node.clone(), |mode| node.with("mode", mode));
            let graph = Graph { opset: 16, nodes: vec![node], ..Graph::default() };
            let raised = raise_opset(graph, 21).expect("has a form");
            raised.nodes[0].string("mode", "").expect("text").to_owned()
        };
        let found = [None, Some("bicubic"), Some("nearest")].map(sample);
        assert_eq!(found, ["linear", "cubic", "nearest"]);
    }
}
