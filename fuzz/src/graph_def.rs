//! The target `graph_def`: graphs of TensorFlow that are almost right, in every form, run and transformed.

mod make;
mod signatures;
mod values;

use eightbit_graph::Limits;
use eightbit_tensorflow::grammar::Call;
use eightbit_tensorflow::proto::GraphDef;
use eightbit_tensorflow::transforms::{TRANSFORMS, Transform, transform};
use eightbit_tensorflow::{ImportOptions, Summary, difference};

use crate::input::Input;
use crate::model::run;
use make::{OUTPUT, graph};

/// Values of parameters of transforms.
const VALUES: [&str; 16] = [
    "true", "false", "0", "1", "2", "-1", "0.5", "1e30", "nan", "1,2", "float", "Identity", "Relu", "Const",
    "n1", "n2",
];

/// No graph panics; what is written is read as it was; all backends compute the same; a transform's result can be written.
pub fn graph_def(data: &[u8]) {
    let input = &mut Input::new(data);
    let graph = graph(input);
    let calls: Vec<Call> = (0..input.size(0, 2)).map(|_| call(input)).collect();
    read_again(&graph);
    if let Ok(imported) = graph.to_graph(&ImportOptions::default()) {
        drop(run(&imported));
    }
    if calls.is_empty() {
        return;
    }
    let names = |name: &str| vec![name.to_owned()];
    if let Ok((result, _)) = transform(graph, &names("x"), &names(OUTPUT), &calls) {
        let _ = (Summary(&result).lines(), Summary(&result).structure());
        read_again(&result);
        if let Ok(imported) = result.to_graph(&ImportOptions::default()) {
            drop(run(&imported));
        }
    }
}

/// A graph is the same after it was written and read, in the binary form and as text.
fn read_again(graph: &GraphDef) {
    let limits = Limits { max_bytes: 1 << 26, ..Limits::default() };
    let bytes = graph.to_bytes();
    // The reader counts what a graph takes in memory, which may be too much.
    let Ok(again) = GraphDef::from_bytes_within(&bytes, &limits) else { return };
    assert_eq!(again.to_bytes(), bytes);
    let Ok(text) = graph.to_text() else { return };
    let again = GraphDef::from_bytes(text.as_bytes()).expect("what was printed is read");
    assert_eq!(again.to_text().expect("printed once"), text);
    // The text form has one NaN, the binary form many.
    if !text.contains("nan") {
        assert_eq!(difference(&again, graph), None);
        assert_eq!(again.to_bytes(), bytes);
    }
}

/// A transform with some of its parameters.
fn call(input: &mut Input<'_>) -> Call {
    // The log that one of them reads would be a file of this machine.
    let known: Vec<&&Transform> =
        TRANSFORMS.iter().filter(|one| one.name != "freeze_requantization_ranges").collect();
    let transform = known[input.size(0, known.len() - 1)];
    let mut call = Call { name: transform.name.to_owned(), parameters: Default::default() };
    for parameter in transform.parameters {
        let values = if input.bool() { input.size(0, 2) } else { 0 };
        for _ in 0..values {
            let value = VALUES[input.size(0, VALUES.len() - 1)].to_owned();
            call.parameters.entry(parameter.trim_end_matches('…').to_owned()).or_default().push(value);
        }
    }
    call
}
