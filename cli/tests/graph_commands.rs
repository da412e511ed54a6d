//! transform-graph, summarize-graph, compare-graphs: the command lines of TensorFlow's users, with its messages and exit codes.

mod support;

use std::path::{Path, PathBuf};

use eightbit_tensorflow::proto::{GraphDef, NodeDef};
use support::{Run, command, folder, run};

fn node(name: &str, op: &str, inputs: &[&str]) -> NodeDef {
    let input = inputs.iter().map(|&input| input.to_owned()).collect();
    NodeDef {
        name: name.to_owned(),
        op: op.to_owned(),
        input,
        device: "/cpu:0".to_owned(),
        ..NodeDef::default()
    }
}

/// A folder with `in.pb`: a placeholder, two negations and what nothing needs.
fn folder_with_graph(name: &str) -> PathBuf {
    let folder = folder(name);
    let nodes = vec![
        node("x", "Placeholder", &[]),
        node("n", "Neg", &["x"]),
        node("o", "Neg", &["n:0"]),
        node("unused", "Neg", &["x"]),
    ];
    write(&folder, "in.pb", nodes);
    folder
}

fn write(folder: &Path, name: &str, node: Vec<NodeDef>) {
    GraphDef { node, ..GraphDef::default() }.to_file(folder.join(name)).expect("the folder can be written");
}

fn read(folder: &Path, name: &str) -> GraphDef {
    GraphDef::from_file(folder.join(name)).expect("a graph")
}

/// Runs a command in a folder.
fn tool(folder: &Path, name: &str, arguments: &[&str]) -> Run {
    run(command().current_dir(folder).arg(name).args(arguments))
}

/// Runs transform-graph on `in.pb` with more arguments.
fn transformed(folder: &Path, transforms: &str, more: &[&str]) -> Run {
    let transforms = format!("--transforms={transforms}");
    let usual = ["--in_graph=in.pb", "--out_graph=out.pb", "--inputs=x", "--outputs=o", &transforms];
    tool(folder, "transform-graph", &[&usual, more].concat())
}

#[test]
fn a_graph_is_transformed_to_a_file_in_either_form() {
    let folder = folder_with_graph("transform");
    transformed(&folder, "strip_unused_nodes remove_device", &[]).ok();
    let binary = read(&folder, "out.pb");
    assert_eq!(binary.node.len(), 3);
    assert!(binary.node.iter().all(|node| node.device.is_empty()));
    for flag in ["--output_as_text", "--output_as_text=true", "--output-as-text=true"] {
        transformed(&folder, "strip_unused_nodes remove_device", &[flag, "--out_graph=out.pbtxt"]).ok();
        let text = std::fs::read_to_string(folder.join("out.pbtxt")).expect("text");
        assert!(text.starts_with("node {\n  name: \"x\"\n"), "{text}");
        assert_eq!(read(&folder, "out.pbtxt"), binary);
    }
    // The text form is read, too, and a graph may take the place of the one that was read.
    let more = ["--in_graph=out.pbtxt", "--out_graph=out.pbtxt"];
    transformed(&folder, "rename_op(old_op_name=Neg, new_op_name=Abs)", &more).ok();
    assert!(read(&folder, "out.pbtxt").node.iter().any(|node| node.op == "Abs"));
}

#[test]
fn errors_have_the_words_and_the_exit_code_of_tensorflow() {
    let folder = folder_with_graph("transform-errors");
    std::fs::write(folder.join("bad.pb"), b"this is no graph").expect("a file");
    let fails = |transforms: &str, more: &[&str], parts: &[&str]| {
        transformed(&folder, transforms, more).fails(255, parts);
    };
    fails("", &[], &["You must specify at least one transform."]);
    fails("  ", &[], &["You must specify at least one transform."]);
    fails("a(b", &[], &["Failed to parse --transform argument, error was Looking for =, but found"]);
    fails("no_such", &[], &["Transform 'no_such' not recognized.", "quantize_weights"]);
    fails("remove_device", &["--no_such_flag=1"], &["Unknown argument --no_such_flag=1."]);
    fails("remove_device", &["extra"], &["Unknown argument extra."]);
    fails("remove_device", &["--in_graph="], &["in_graph graph can't be empty."]);
    fails("remove_device", &["--out_graph="], &["out_graph graph can't be empty."]);
    let missing = "Loading graph 'none.pb' failed with none.pb; No such file or directory";
    fails("remove_device", &["--in_graph=none.pb"], &[missing]);
    let bad = "Loading graph 'bad.pb' failed with Can't parse bad.pb as binary proto";
    fails("remove_device", &["--in_graph=bad.pb"], &[bad]);
    let unwritten = "Saving graph 'none/out.pb' failed with none/out.pb; No such file or directory";
    fails("remove_device", &["--out_graph=none/out.pb"], &[unwritten]);
    // A message of the clap library, not of TensorFlow: the value is neither true nor false.
    transformed(&folder, "remove_device", &["--output_as_text=yes"]).fails(2, &["yes"]);
}

#[test]
fn an_error_that_is_ignored_is_a_warning() {
    let folder = folder_with_graph("transform-ignored");
    let run = transformed(&folder, "remove_nodes(ignore_errors=true) remove_device", &[]);
    assert!(
        run.stderr.contains("remove_nodes: Ignoring error remove_nodes expects at least one 'op'"),
        "{}",
        run.stderr
    );
    run.ok();
    assert_eq!(read(&folder, "out.pb").node.len(), 4);
}

#[test]
fn transforms_are_listed() {
    let list = tool(&folder("transform-list"), "transform-graph", &["--list"]).ok();
    assert!(list.contains("quantize_weights(minimum_size): "), "{list}");
    assert!(list.lines().count() >= 28, "{list}");
}

#[test]
fn a_graph_is_summarized() {
    let folder = folder_with_graph("summarize");
    let summary = tool(&folder, "summarize-graph", &["--in_graph=in.pb"]).ok();
    for line in [
        "Found 1 possible inputs: (name=x, ",
        "Found 2 possible outputs: (name=o, op=Neg) ",
        "Op types used: 3 Neg, ",
    ] {
        assert!(summary.contains(line), "{summary}");
    }
    let more = tool(&folder, "summarize-graph", &["--in_graph=in.pb", "--print_structure"]).ok();
    assert!(more.contains("\no (Neg): [n:0]\n"), "{more}");
    tool(&folder, "summarize-graph", &[]).fails(255, &["in_graph graph can't be empty."]);
    tool(&folder, "summarize-graph", &["--in_graph=in.pb", "x"]).fails(255, &["Unknown argument x."]);
}

#[test]
fn graphs_are_compared() {
    let folder = folder_with_graph("compare");
    let equal = tool(&folder, "compare-graphs", &["in.pb", "in.pb"]);
    assert_eq!(equal.ok(), "Graphs are equal.\n");
    write(&folder, "other.pb", vec![node("x", "Placeholder", &[])]);
    let different = tool(&folder, "compare-graphs", &["in.pb", "other.pb"]);
    assert_eq!(different.code, Some(1));
    assert!(different.stdout.starts_with("Found unexpected node 'n = Neg(x)'"), "{}", different.stdout);
    tool(&folder, "compare-graphs", &["in.pb", "none.pb"]).fails(255, &["Loading graph 'none.pb' failed"]);
    tool(&folder, "compare-graphs", &["in.pb"]).fails(255, &["expects two file names"]);
}
