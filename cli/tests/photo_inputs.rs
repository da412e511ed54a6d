//! How a photo becomes an input: resized in three ways, in both orders of dimensions, in one channel.

mod support;

use std::path::Path;

use eightbit_graph::{DataType, Graph, Node, ValueInfo};
use support::{command, eightbit, folder, photos, run};

/// A network whose scores are the means of the channels of a photo.
fn means(folder: &Path, shape: &[Option<usize>], axes: &[i64]) -> String {
    let channels = shape.iter().enumerate().find(|(axis, _)| !axes.contains(&(*axis as i64)) && *axis > 0);
    let info = |name: &str, shape: &[Option<usize>]| ValueInfo {
        name: name.to_owned(),
        data_type: DataType::F32,
        shape: shape.to_vec(),
    };
    let graph = Graph {
        name: "means".to_owned(),
        opset: 13,
        inputs: vec![info("photo", shape)],
        outputs: vec![info("means", &[Some(1), channels.and_then(|(_, size)| *size)])],
        nodes: vec![
            Node::new("mean", "ReduceMean", &["photo"], &["means"])
                .with("axes", axes.to_vec())
                .with("keepdims", 0i64),
        ],
        ..Graph::default()
    };
    let path = folder.join("means.onnx");
    graph.to_onnx_file(&path).expect("a file");
    path.to_str().expect("UTF-8").to_owned()
}

/// A photo whose first quarter is red and whose rest is blue, twice as wide as it is high.
fn flag(folder: &Path) -> String {
    let path = folder.join("flag.png");
    let color = |x: u32, _| if x < 4 { image::Rgb([250u8, 0, 0]) } else { image::Rgb([0, 0, 50]) };
    image::RgbImage::from_fn(16, 8, color).save(&path).expect("a file");
    path.to_str().expect("UTF-8").to_owned()
}

/// The scores of the float network, by class, as numbers from 0 to 255.
fn scores(network: &str, photo: &str, flags: &[&str]) -> Vec<f64> {
    let mut command = command();
    command.args(["label-image", "--json", "--input-mean", "0", "--input-std", "255"]).args(flags);
    let json = run(command.args(["--graph", network, "--image", photo])).json();
    let answers = json["networks"][0]["answers"].as_array().expect("answers");
    let mut scores = vec![0.0; answers.len()];
    for answer in answers {
        let class = answer["index"].as_u64().expect("a class") as usize;
        scores[class] = 255.0 * answer["score"].as_f64().expect("a number");
    }
    scores
}

fn assert_near(found: &[f64], expected: &[f64]) {
    let near = |(a, b): (&f64, &f64)| (a - b).abs() < 0.01;
    assert!(found.len() == expected.len() && found.iter().zip(expected).all(near), "{found:?}");
}

const NCHW: [Option<usize>; 4] = [Some(1), Some(3), Some(8), Some(8)];

#[test]
fn photos_are_stretched_cropped_or_fitted() {
    let folder = folder("photos-resized");
    let (network, photo) = (means(&folder, &NCHW, &[2, 3]), flag(&folder));
    assert_near(&scores(&network, &photo, &[]), &[62.5, 0.0, 37.5]);
    assert_near(&scores(&network, &photo, &["--resize", "stretch"]), &[62.5, 0.0, 37.5]);
    assert_near(&scores(&network, &photo, &["--resize=crop"]), &[0.0, 0.0, 50.0]);
    assert_near(&scores(&network, &photo, &["--resize=fit"]), &[31.25, 0.0, 18.75]);
    eightbit(&["label-image", "--resize", "zoom"]).fails(2, &["zoom", "stretch, crop, fit"]);
}

#[test]
fn the_order_of_dimensions_is_found_or_given() {
    let folder = folder("photos-layout");
    let photo = flag(&folder);
    let last = means(&folder, &[Some(1), Some(8), Some(8), Some(3)], &[1, 2]);
    assert_near(&scores(&last, &photo, &[]), &[62.5, 0.0, 37.5]);
    let open = means(&folder, &[Some(1), None, None, None], &[1, 2]);
    let size = ["--input-width", "8", "--input-height", "8"];
    assert_near(&scores(&open, &photo, &[&["--layout", "nhwc"][..], &size].concat()), &[62.5, 0.0, 37.5]);
    run(command().args(["label-image", "--graph", &open])).fails(1, &["1×?×?×?", "--layout"]);
    run(command().args(["label-image", "--layout", "nhwc", "--graph", &means(&folder, &NCHW, &[2, 3])]))
        .fails(1, &["1×3×8×8", "in this order"]);
}

#[test]
fn a_network_of_one_channel_sees_grey() {
    let folder = folder("photos-grey");
    let photo = flag(&folder);
    let network = means(&folder, &[Some(1), Some(1), Some(8), Some(8)], &[2, 3]);
    let luma = 0.25 * 0.299 * 250.0 + 0.75 * 0.114 * 50.0;
    assert_near(&scores(&network, &photo, &[]), &[luma]);
    let mut command = command();
    command.args(["label-image", "--input-mean", "1,2,3", "--graph", &network]);
    run(&mut command).fails(1, &["one channel", "--input-mean"]);
    let output = folder.join("quantized.onnx");
    let mut quantize = support::command();
    quantize.args(["quantize", &network, "--resize", "crop", "--output"]).arg(&output);
    assert!(run(quantize.arg("--calibrate").arg(photos())).ok().contains("7 photos"));
}
