//! The target `transforms`: a list of transforms, a zero byte, and a TensorFlow graph that they are applied to.

use eightbit_graph::Limits;
use eightbit_tensorflow::proto::GraphDef;
use eightbit_tensorflow::transforms::transform;
use eightbit_tensorflow::{Summary, difference, grammar};

/// No transform panics, runs without end or takes memory that the graph does not account for.
pub fn transforms(data: &[u8]) {
    let end = data.iter().position(|&byte| byte == 0).unwrap_or(data.len());
    let (list, graph) = data.split_at(end);
    let calls = grammar::parse(&String::from_utf8_lossy(list));
    let limits = Limits { max_bytes: 1 << 20, ..Limits::default() };
    let graph = GraphDef::from_bytes_within(graph.get(1..).unwrap_or_default(), &limits);
    let (Ok(mut calls), Ok(graph)) = (calls, graph) else { return };
    // A log would be a file of this machine.
    calls.retain(|call| call.name != "freeze_requantization_ranges");
    calls.truncate(4);
    let names = |name: &str| vec![name.to_owned()];
    if let Ok((result, _)) = transform(graph.clone(), &names("x"), &names("o"), &calls) {
        let _ = (difference(&result, &graph), Summary(&result).lines(), Summary(&result).structure());
    }
}
