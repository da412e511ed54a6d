//! Frozen graphs of TensorFlow where a network is expected, told by their content.

mod support;

use support::{command, folder, npy, photos, run};

/// Three classes from the mean color of a photo of any size: those of red, green and blue.
const COLORS: &str = r#"
node { name: "x" op: "Placeholder" attr { key: "dtype" value { type: DT_FLOAT } }
  attr { key: "shape" value { shape { dim { size: -1 } dim { size: -1 } dim { size: -1 } dim { size: 3 } } } } }
node { name: "axes" op: "Const" attr { key: "dtype" value { type: DT_INT32 } } attr { key: "value" value { tensor {
  dtype: DT_INT32 tensor_shape { dim { size: 2 } } int_val: 1 int_val: 2 } } } }
node { name: "w" op: "Const" attr { key: "dtype" value { type: DT_FLOAT } } attr { key: "value" value { tensor {
  dtype: DT_FLOAT tensor_shape { dim { size: 1 } dim { size: 1 } dim { size: 3 } dim { size: 3 } }
  float_val: [1, 0, 0, 0, 1, 0, 0, 0, 1] } } } }
node { name: "conv" op: "Conv2D" input: "x" input: "w" attr { key: "T" value { type: DT_FLOAT } }
  attr { key: "strides" value { list { i: [1, 1, 1, 1] } } } attr { key: "padding" value { s: "SAME" } } }
node { name: "relu" op: "Relu" input: "conv" }
node { name: "mean" op: "Mean" input: "relu" input: "axes" }
node { name: "softmax" op: "Softmax" input: "mean" }
"#;

#[test]
fn arrays_have_their_channels_last() {
    let folder = folder("frozen-run");
    // The name says nothing.
    let model = folder.join("model.onnx");
    std::fs::write(&model, COLORS).expect("written");
    let photo = folder.join("x.npy");
    npy::write(&photo, &[1, 1, 2, 3], &[1.0f32, -2.0, 3.0, 3.0, -4.0, 5.0]);
    let mut command = command();
    command.arg("run").arg(&model).arg("--input").arg(&photo).arg("--output-dir").arg(folder.join("out"));
    run(&mut command).ok();
    let (shape, found) = npy::read(&folder.join("out/softmax.npy"));
    let powers = [2f64, 0.0, 4.0].map(f64::exp);
    assert_eq!(shape, [1, 3]);
    for (found, power) in found.iter().zip(powers) {
        assert!((found - power / powers.iter().sum::<f64>()).abs() < 1e-6, "{found}");
    }
}

#[test]
fn names_are_those_of_tensorflow() {
    let folder = folder("frozen-label");
    let model = folder.join("colors.pbtxt");
    std::fs::write(&model, COLORS).expect("written");
    let label = |layers: &[&str]| {
        let mut command = command();
        command.arg("label-image").arg("--graph").arg(&model).args(layers).arg("--json");
        run(&mut command)
    };
    let json = label(&["--input_layer=x:0", "--output_layer=softmax:0", "--input_width=20"]).json();
    assert_eq!(json["networks"][0]["answers"].as_array().map(Vec::len), Some(3));
    label(&["--output_layer=nothing:0"]).fails(1, &["\"nothing:0\"", "no node of this name"]);
    label(&["--self_test"]).fails(1, &["the self-test failed", "military uniform"]);
}

#[test]
fn graphs_are_quantized_to_onnx() {
    let folder = folder("frozen-quantize");
    let model = folder.join("colors.pb");
    std::fs::write(&model, COLORS).expect("written");
    let output = folder.join("colors.onnx");
    let mut command = command();
    command.arg("quantize").arg(&model).arg("-o").arg(&output).arg("--calibrate").arg(photos());
    assert!(run(&mut command).ok().contains("in eight bits"));
    assert!(output.is_file());
}
