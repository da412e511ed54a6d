//! Errors of the program: one clear message that fits on a screen, an exit code, no panic.

mod support;

use std::path::Path;

use eightbit_graph::{Node, Op, Tensor};
use support::{command, eightbit, folder, folder_with_network, photos, run, small_network, write};

/// Labels the built-in photo with the network in `model`.
fn label(model: &Path) -> support::Run {
    run(command().args(["label-image", "--graph"]).arg(model))
}

fn quantize(model: &Path, calibrate: &Path) -> support::Run {
    let out = model.with_extension("int8.onnx");
    run(command().arg("quantize").arg(model).arg("-o").arg(out).arg("--calibrate").arg(calibrate))
}

#[test]
fn usage_errors_have_exit_code_2() {
    for arguments in [
        &["label"][..],
        &["label-image", "--no-such-flag"],
        &["label-image", "--input-std", "0"],
        &["label-image", "--input-mean", "1,2"],
        &["label-image", "--top", "0"],
        &["quantize", "m.onnx", "-o", "o.onnx", "--calibrate", "p", "--min-max", "--percentile", "99"],
        &["quantize", "m.onnx", "-o", "o.onnx"],
        &["quantize", "m.onnx", "--calibrate", "p"],
        &["evaluate"],
        &["cpu", "--threads", "0"],
        &["bench", "gemm", "--backend", "no-such-backend"],
        &["bench", "gemm", "--types", "u8s8f32"],
        &["bench", "gemm", "--stdin"],
        &["bench", "gemm", "--stdin", "--csv", "7x7x7"],
        &["bench", "model"],
    ] {
        eightbit(arguments).fails(2, &[]);
    }
    assert_eq!(eightbit::<&str>(&[]).code, Some(2));
}

#[test]
fn an_unavailable_backend_lists_the_available_ones() {
    eightbit(&["bench", "gemm", "--backend", "quantum"]).fails(2, &["quantum", "portable"]);
    let mut command = command();
    run(command.arg("cpu").env("EIGHTBIT_BACKEND", "quantum")).fails(1, &["quantum", "portable"]);
}

#[test]
fn missing_files_are_named() {
    eightbit(&["label-image", "--image", "no-such.png"]).fails(1, &["cannot read no-such.png"]);
    eightbit(&["label-image", "--graph", "no-such.onnx"]).fails(1, &["cannot read no-such.onnx"]);
    eightbit(&["label-image", "--labels", "no-such.txt"]).fails(1, &["cannot read no-such.txt"]);
    eightbit(&["evaluate", "--images", "no-such", "--labels", "no-such.tsv"]).fails(1, &["no-such.tsv"]);
    eightbit(&["bench", "conv", "--shapes", "no-such.txt"]).fails(1, &["no-such.txt"]);
    eightbit(&["bench", "model", "no-such.onnx"]).fails(1, &["no-such.onnx"]);
    let (folder, model) = folder_with_network("missing");
    quantize(&model, Path::new("no-such-folder")).fails(1, &["cannot read no-such-folder"]);
    let truth = folder.join("truth.tsv");
    std::fs::write(&truth, "no-such.png\t3\n").expect("a file");
    let mut command = command();
    command.arg("evaluate").arg("--images").arg(&folder).arg("--labels").arg(&truth);
    run(&mut command).fails(1, &["no-such.png"]);
}

#[test]
fn files_that_are_not_models() {
    let (folder, model) = folder_with_network("no-models");
    let whole = std::fs::read(&model).expect("the model");
    let file = folder.join("file.onnx");
    for bytes in
        [&whole[..whole.len() / 2], &whole[..20], b"hello, I am text, not a model", b"", &[0xff; 100]]
    {
        std::fs::write(&file, bytes).expect("a file");
        label(&file).fails(1, &["file.onnx"]);
        quantize(&file, &photos()).fails(1, &["file.onnx"]);
    }
    label(&photos().join("chelsea.png")).fails(1, &["chelsea.png"]);
    label(&folder).fails(1, &[]);
}

#[test]
fn an_unsupported_operator_is_named_with_its_domain() {
    let folder = folder("operator");
    let mut graph = small_network();
    graph.nodes[1] = Node::of(Op::new("com.example", "Frobnicate"), "odd_one", &["c"], &["r"]);
    let model = write(&folder, &graph);
    label(&model).fails(1, &["odd_one", "Frobnicate", "com.example"]);
    quantize(&model, &photos()).fails(1, &["odd_one", "Frobnicate", "com.example"]);
}

#[test]
fn files_that_are_not_photos() {
    let (folder, model) = folder_with_network("no-photos");
    let photo = folder.join("photo.png");
    let whole = std::fs::read(photos().join("chelsea.png")).expect("a photo");
    for bytes in [&b"I am no photo"[..], b"", &whole[..2000]] {
        std::fs::write(&photo, bytes).expect("a file");
        let mut command = command();
        command.arg("label-image").arg("--graph").arg(&model).arg("--image").arg(&photo);
        run(&mut command).fails(1, &["photo.png", "not a PNG or JPEG photo"]);
        quantize(&model, &photo).fails(1, &["photo.png", "not a PNG or JPEG photo"]);
    }
}

#[test]
fn shapes_that_do_not_fit() {
    let folder = folder("shapes");
    let mut graph = small_network();
    let model = write(&folder, &graph);
    let mut command = command();
    command.args(["label-image", "--input-width", "224", "--graph"]).arg(&model);
    run(&mut command).fails(1, &["1×3×16×16", "--input-width 224"]);
    graph.inputs[0].shape = vec![Some(1), Some(28), Some(28)];
    label(&write(&folder, &graph)).fails(1, &["photo", "1×28×28"]);
    let mut graph = small_network();
    graph.constants.insert("w".to_owned(), Tensor::new([8, 5, 3, 3], vec![0f32; 360]).expect("a tensor"));
    label(&write(&folder, &graph)).fails(1, &["conv"]);
}

#[test]
fn missing_layers() {
    let (_, model) = folder_with_network("layers");
    for (flag, known) in [("--input-layer", "photo"), ("--output-layer", "logits")] {
        let mut command = command();
        command.args(["label-image", flag, "nothing", "--graph"]).arg(&model);
        run(&mut command).fails(1, &[flag, "nothing", known]);
    }
}

#[test]
fn weights_that_are_not_finite() {
    let folder = folder("nan");
    for value in [f32::NAN, f32::INFINITY] {
        let mut graph = small_network();
        let mut weights = graph.constants["w"].as_f32().expect("floats").to_vec();
        weights[7] = value;
        graph.constants.insert("w".to_owned(), Tensor::new([8, 3, 3, 3], weights).expect("a tensor"));
        let model = write(&folder, &graph);
        quantize(&model, &photos()).fails(1, &["\"w\""]);
        label(&model).fails(1, &["\"w\""]);
    }
}

#[test]
fn an_empty_calibration_set() {
    let (folder, model) = folder_with_network("empty");
    let nothing = folder.join("nothing");
    std::fs::create_dir(&nothing).expect("a folder");
    quantize(&model, &nothing).fails(1, &["calibration set is empty", "nothing"]);
}

#[test]
fn outputs_that_cannot_be_written() {
    let (folder, model) = folder_with_network("outputs");
    let to = |out: &Path| {
        run(command().arg("quantize").arg(&model).arg("-o").arg(out).arg("--calibrate").arg(photos()))
    };
    to(&model).fails(2, &["would replace"]);
    to(&folder.join("no/such/folder/out.onnx")).fails(1, &["cannot write", "out.onnx"]);
    to(&folder).fails(2, &["is a folder"]);
}

#[test]
fn labels_that_do_not_fit() {
    let (folder, model) = folder_with_network("labels");
    let truth = folder.join("truth.tsv");
    for (text, parts) in [
        ("astronaut.png\t10\n", &["class 10", "10 classes"][..]),
        ("astronaut.png\tcat\nchelsea.png\tcat\n", &["truth.tsv, line 2"]),
        ("", &["truth.tsv", "no photo is listed"]),
    ] {
        std::fs::write(&truth, text).expect("a file");
        let mut command = command();
        command
            .arg("evaluate")
            .arg("--images")
            .arg(photos())
            .arg("--labels")
            .arg(&truth)
            .arg("--graph")
            .arg(&model);
        run(&mut command).fails(1, parts);
    }
}

#[test]
fn an_eight_bit_network_is_not_quantized_again() {
    let (folder, model) = folder_with_network("again");
    assert_eq!(quantize(&model, &photos()).code, Some(0));
    quantize(&folder.join("model.int8.onnx"), &photos()).fails(1, &["eight-bit already"]);
}

#[cfg(not(feature = "train"))]
#[test]
fn a_program_without_training_says_so() {
    eightbit(&["train", "--data", "photos", "--bits", "w2a2"]).fails(2, &["--features train"]);
}
