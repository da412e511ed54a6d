//! Parts of networks, cut out by the names of values; networks with open dimensions.

mod support;

use std::path::Path;

use support::{command, eightbit, folder, folder_with_network, npy, run, small_network, write};

#[test]
fn any_part_of_a_network_runs() {
    let (folder, model) = folder_with_network("layers-run");
    let [photo, relu] = ["photo.npy", "relu.npy"].map(|name| folder.join(name));
    npy::write(&photo, &[1, 3, 16, 16], &(0..768).map(|x| x as f32 / 768.0).collect::<Vec<_>>());
    let outputs = folder.join("out");
    let part = |input: &str, layers: &[&str]| {
        let mut command = command();
        command.arg("run").arg(&model).args(layers).arg("--input").arg(input);
        run(command.arg("--output-dir").arg(&outputs).arg("--json")).json()
    };
    let photo = format!("photo={}", photo.display());
    part(&photo, &["--output-layer", "logits"]);
    let (_, logits) = npy::read(&outputs.join("logits.npy"));
    let json = part(&photo, &["--output-layer", "r:0", "c"]);
    let names: Vec<_> = json["outputs"].as_array().expect("two").iter().map(|it| &it["name"]).collect();
    assert_eq!(names, ["r", "c"]);
    let (shape, values) = npy::read(&outputs.join("r.npy"));
    let values: Vec<f32> = values.into_iter().map(|value| value as f32).collect();
    let shape: Vec<u64> = shape.into_iter().map(|size| size as u64).collect();
    npy::write(&relu, &shape, &values);
    let json = part(&format!("r={}", relu.display()), &["--input_layer=r:0"]);
    assert_eq!(json["outputs"].as_array().map(Vec::len), Some(1));
    assert_eq!(npy::read(&outputs.join("logits.npy")).1, logits);
}

#[test]
fn names_that_are_not_there_are_answered_with_similar_ones() {
    let (_, model) = folder_with_network("layers-wrong");
    let fails = |layers: &[&str], parts: &[&str]| {
        run(command().arg("run").arg(&model).args(layers)).fails(1, parts);
    };
    fails(&["--output-layer", "logit"], &["--output-layer \"logit\"", "similar names are \"logits\""]);
    fails(&["--input-layer", "x:0"], &["--input-layer \"x:0\"", "its inputs are \"photo\""]);
    fails(&["--input-layer", "w"], &["\"w\"", "no such value"]);
    fails(&["--input-layer", "r", "--output-layer", "c"], &["\"photo\"", "is needed, too"]);
}

/// An inner value in the form of a photo.
#[test]
fn a_photo_may_become_an_inner_value() {
    let folder = folder("layers-photo");
    let mut graph = small_network();
    let scaled = eightbit_graph::Node::new("scale", "Neg", &["photo"], &["scaled"]);
    graph.nodes[0].inputs[0] = "scaled".to_owned();
    graph.nodes.insert(0, scaled);
    let model = write(&folder, &graph);
    let label = |layers: &[&str]| {
        run(command().arg("label-image").arg("--graph").arg(&model).args(layers).arg("--json")).json()
    };
    let best = |json: serde_json::Value| json["networks"][0]["answers"][0].clone();
    let plain = eightbit(&["label-image", "--json", "--graph", plain_network(&folder).as_str()]).json();
    assert_eq!(best(label(&["--input_layer=scaled:0"])), best(plain));
    assert_ne!(best(label(&[])), best(label(&["--input_layer=scaled:0"])));
}

fn plain_network(folder: &Path) -> String {
    let path = folder.join("plain.onnx");
    small_network().to_onnx_file(&path).expect("a file");
    path.to_str().expect("UTF-8").to_owned()
}

#[test]
fn open_dimensions_are_measured_at_a_given_size() {
    let folder = folder("layers-bench");
    let mut graph = small_network();
    graph.inputs[0].shape[2..].fill(None);
    let model = write(&folder, &graph);
    let bench = |flags: &[&str]| {
        let mut command = command();
        run(command.args(["bench", "model", "--budget", "1", "--json"]).arg(&model).args(flags))
    };
    let json = bench(&["--shape", "photo=1,3,32,32"]).json();
    assert!(json["lines"][0]["median_ms"].as_f64().is_some_and(|median| median > 0.0), "{json}");
    bench(&["--shape", "photo=1,4,32,32"]).fails(1, &["photo"]);
    bench(&["--shape", "x=1,3,32,32"]).fails(1, &["--shape", "inputs are \"photo\""]);
    bench(&["--fix", "photo=0.5", "--shape", "photo=1,3,8,8"]).fails(1, &["photo"]);
}
