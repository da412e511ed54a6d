//! `eightbit run`: arrays in, arrays out, and errors when they do not fit.

mod support;

use eightbit_graph::{DataType, Graph, Node, Tensor, ValueInfo};
use support::{command, eightbit, folder, folder_with_network, npy, run, write};

fn info(name: &str, data_type: DataType, shape: &[Option<usize>]) -> ValueInfo {
    ValueInfo { name: name.to_owned(), data_type, shape: shape.to_vec() }
}

/// Two inputs, of an open number of rows; three outputs, of three types.
fn several() -> Graph {
    Graph {
        name: "several".to_owned(),
        opset: 13,
        inputs: vec![
            info("a", DataType::F32, &[None, Some(2)]),
            info("b=c", DataType::F32, &[Some(1), Some(2)]),
        ],
        outputs: vec![
            info("sum", DataType::F32, &[None, Some(2)]),
            info("dir/size:0", DataType::I64, &[Some(2)]),
            info("whole", DataType::I32, &[None, Some(2)]),
        ],
        nodes: vec![
            Node::new("add", "Add", &["a", "b=c"], &["sum"]),
            Node::new("shape", "Shape", &["sum"], &["dir/size:0"]),
            Node::new("cast", "Cast", &["sum"], &["whole"]).with("to", 6i64),
        ],
        ..Graph::default()
    }
}

#[test]
fn several_inputs_and_outputs_of_any_type_and_size() {
    let folder = folder("run-several");
    let model = write(&folder, &several());
    let [a, b] = ["a.npy", "b.npy"].map(|name| folder.join(name));
    npy::write(&a, &[3, 2], &[1.5f32, 2.0, 3.0, 4.0, 5.0, -6.0]);
    npy::write(&b, &[1, 2], &[1.0f32, 10.0]);
    for (index, flags) in
        [&[][..], &["--reference"], &["--backend", "portable", "--threads", "2"]].iter().enumerate()
    {
        let out = folder.join(format!("new/{index}"));
        let mut command = command();
        command.arg("run").arg(&model).arg("--json").args(*flags);
        command.arg("--input").arg(format!("b=c={}", b.display())).arg(format!("a={}", a.display()));
        let json = run(command.arg("--output-dir").arg(&out)).json();
        assert_eq!(npy::read(&out.join("sum.npy")), (vec![3, 2], vec![2.5, 12.0, 4.0, 14.0, 6.0, 4.0]));
        assert_eq!(npy::read(&out.join("dir%2Fsize%3A0.npy")), (vec![2], vec![3.0, 2.0]));
        assert_eq!(npy::read(&out.join("whole.npy")), (vec![3, 2], vec![2.0, 12.0, 4.0, 14.0, 6.0, 4.0]));
        assert_eq!(std::fs::read_dir(&out).expect("the folder").count(), 3);
        assert_eq!(json["reference"], flags.contains(&"--reference"));
        let sum = &json["outputs"][0];
        assert_eq!((&sum["name"], &sum["type"], &sum["nans"]), (&"sum".into(), &"f32".into(), &0.into()));
        assert_eq!(
            (&sum["min"], &sum["max"], &sum["shape"]),
            (&2.5.into(), &14.0.into(), &vec![3, 2].into())
        );
        assert!(json["outputs"][1]["file"].as_str().is_some_and(|file| file.ends_with("dir%2Fsize%3A0.npy")));
    }
}

#[test]
fn one_input_needs_no_name_and_outputs_need_no_folder() {
    let (folder, model) = folder_with_network("run-one");
    let photo = folder.join("photo.npy");
    npy::write(&photo, &[1, 3, 16, 16], &vec![0.25f32; 768]);
    let (model, photo) = (model.to_str().expect("UTF-8"), photo.to_str().expect("UTF-8"));
    let text = eightbit(&["run", model, "--input", photo]).ok();
    assert!(text.contains("logits") && text.contains("[1, 10]") && text.contains("backend"), "{text}");
    let text = eightbit(&["run", model, "-i", photo, "--reference"]).ok();
    assert!(text.contains("plain interpreter"), "{text}");
    assert_eq!(std::fs::read_dir(&folder).expect("the folder").count(), 2);
}

#[test]
fn nan_outputs_are_reported() {
    let folder = folder("run-nan");
    let graph = Graph {
        name: "root".to_owned(),
        opset: 13,
        inputs: vec![info("x", DataType::F32, &[Some(3)])],
        outputs: vec![info("y", DataType::F32, &[Some(3)])],
        nodes: vec![Node::new("root", "Sqrt", &["x"], &["y"])],
        ..Graph::default()
    };
    let model = write(&folder, &graph);
    let x = folder.join("x.npy");
    npy::write(&x, &[3], &[4.0f32, -1.0, 9.0]);
    let text = run(command().arg("run").arg(&model).arg("--input").arg(&x)).ok();
    assert!(text.contains("2.0  3.0") && text.contains("y: 1 element not a number"), "{text}");
}

#[test]
fn arguments_that_do_not_fit_the_network_are_errors() {
    let folder = folder("run-wrong");
    let model = write(&folder, &several());
    let [a, b, wide, whole, text] =
        ["a.npy", "b.npy", "wide.npy", "whole.npy", "text.npy"].map(|name| folder.join(name));
    npy::write(&a, &[3, 2], &[0f32; 6]);
    npy::write(&b, &[1, 2], &[0f32; 2]);
    npy::write(&wide, &[2, 3], &[0f32; 6]);
    npy::write(&whole, &[3, 2], &[0i64; 6]);
    std::fs::write(&text, "no array").expect("a file");
    let named = |name: &str, path: &std::path::Path| format!("{name}={}", path.display());
    let fails = |inputs: &[String], parts: &[&str]| {
        run(command().arg("run").arg(&model).arg("--input").args(inputs)).fails(1, parts);
    };
    fails(&[named("z", &a)], &["model.onnx", "\"z\" is not an input", "\"a\", \"b=c\""]);
    fails(&[a.display().to_string()], &["NAME=FILE", "\"a\", \"b=c\""]);
    fails(&[named("a", &a)], &["missing for \"b=c\""]);
    fails(&[named("a", &a), named("a", &b)], &["\"a\" is given twice"]);
    fails(
        &[named("a", &wide), named("b=c", &b)],
        &["wide.npy", "\"a\" takes f32 of shape [?, 2], not f32 of shape [2, 3]"],
    );
    fails(&[named("a", &whole), named("b=c", &b)], &["whole.npy", "takes f32 of shape [?, 2], not i64"]);
    fails(&[named("a", &text), named("b=c", &b)], &["text.npy: not an array", "numpy.save"]);
    fails(&[named("a", &folder.join("none.npy")), named("b=c", &b)], &["cannot read", "none.npy"]);
    fails(&["a=".to_owned(), named("b=c", &b)], &["no file is given for \"a\""]);
    let inputs = [named("a", &a), named("b=c", &b)];
    let mut to_file = command();
    to_file.arg("run").arg(&model).arg("--input").args(inputs).arg("--output-dir").arg(&text);
    run(&mut to_file).fails(2, &["--output-dir", "text.npy is not a folder"]);
    run(command().arg("run").arg(&model)).fails(1, &["missing for \"a\", \"b=c\""]);
    eightbit(&["run"]).fails(2, &["<MODEL>"]);
    eightbit(&["run", "m.onnx", "--reference", "--backend", "portable"]).fails(2, &["--reference"]);
    eightbit(&["run", "m.onnx", "--backend", "quantum"]).fails(2, &["quantum", "portable"]);
    eightbit(&["run", "no-such.onnx", "--input", "x"]).fails(1, &["cannot read no-such.onnx"]);
}

#[test]
fn inputs_are_not_replaced_by_outputs() {
    let folder = folder("run-replace");
    let mut graph = several();
    graph.inputs.truncate(1);
    graph.constants.insert("b=c".to_owned(), Tensor::new([1, 2], vec![0f32; 2]).expect("two"));
    let model = write(&folder, &graph);
    let sum = folder.join("sum.npy");
    npy::write(&sum, &[1, 2], &[1f32; 2]);
    let before = std::fs::read(&sum).expect("the file");
    let mut command = command();
    command.arg("run").arg(&model).arg("--input").arg(&sum).arg("--output-dir").arg(&folder);
    run(&mut command).fails(2, &["sum.npy", "would replace"]);
    assert_eq!(std::fs::read(&sum).expect("the file"), before);
}

/// Memory may be smaller than the limit of a file's size.
#[cfg(target_os = "linux")]
#[test]
fn an_endless_pipe_is_an_error() {
    let mut piped = std::process::Command::new("sh");
    piped.args(["-c", "cat /dev/zero | \"$0\" run /dev/stdin", env!("CARGO_BIN_EXE_eightbit")]);
    let ended = support::run_capped(&mut piped, 512, std::time::Duration::from_secs(60));
    ended.expect("an end").fails(1, &["/dev/stdin", "out of memory"]);
}
