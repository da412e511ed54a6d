//! `eightbit quantize --report`: a page that shows what became of each node.

mod support;

use std::path::{Path, PathBuf};

use eightbit_graph::Graph;
use support::{Run, command, folder, folder_with_network, photos, run, small_network, write};

fn quantize(model: &Path, output: &Path, report: &Path, flags: &[&str]) -> Run {
    let mut command = command();
    command.arg("quantize").arg(model).arg("-o").arg(output).arg("--report").arg(report);
    run(command.args(flags))
}

fn paths(folder: &Path) -> [PathBuf; 2] {
    ["model.int8.onnx", "report.html"].map(|name| folder.join(name))
}

#[test]
fn every_node_is_there_with_ranges_errors_and_times() {
    let (folder, model) = folder_with_network("report");
    let [output, page] = paths(&folder);
    let photos = photos();
    let photos = photos.to_str().expect("UTF-8");
    let json = quantize(&model, &output, &page, &["--calibrate", photos, "--json"]).json();
    let nodes = json["details"]["nodes"].as_array().expect("nodes");
    let names: Vec<&str> = nodes.iter().filter_map(|node| node["node"].as_str()).collect();
    assert_eq!(names, ["conv", "mean", "flat", "gemm"]);
    let conv = &nodes[0];
    assert_eq!(
        (&conv["role"], &conv["fused"][0], &conv["value"]),
        (&"eight-bit".into(), &"relu".into(), &"r".into())
    );
    assert_eq!((&conv["weights"]["count"], &conv["weights"]["scales"]), (&216.into(), &8.into()));
    assert!(conv["weights"]["sqnr_db"].as_f64().is_some_and(|ratio| (30.0..70.0).contains(&ratio)), "{conv}");
    let activation = &conv["activation"];
    let counted: u64 =
        activation["histogram"].as_array().expect("bars").iter().filter_map(|bar| bar.as_u64()).sum();
    assert_eq!(counted, 7 * 8 * 8 * 8);
    assert!(
        activation["max"].as_f64() >= activation["covered_max"].as_f64().map(|max| max * 0.999),
        "{conv}"
    );
    for field in ["sqnr_db", "accumulated_sqnr_db", "float_milliseconds", "eight_bit_milliseconds"] {
        assert!(conv[field].as_f64().is_some_and(|number| number > 0.0), "{field}: {conv}");
    }
    assert!(conv["eight_bit_kernel"].as_str().is_some_and(|kernel| kernel.contains("eight-bit")), "{conv}");

    let text = std::fs::read_to_string(&page).expect("a page");
    assert!(text.starts_with("<!doctype html>") && text.ends_with("</html>\n"));
    for part in
        ["model.onnx in eight bits", "Error along the network", "<svg", "Conv + Relu", "gemm", "warning"]
    {
        assert!(text.contains(part), "{part}");
    }
    // It loads nothing.
    for part in ["http:", "https:", "src=", "@import", "url("] {
        assert!(!text.contains(part), "{part}");
    }
    assert_eq!(text.matches("<tr>").count(), text.matches("</tr>").count());
    // Without the page no time is measured.
    let mut command = command();
    let json = run(command.arg("quantize").arg(&model).arg("-o").arg(&output).args([
        "--calibrate",
        photos,
        "--json",
    ]));
    let json = json.json();
    assert!(json["details"]["milliseconds"].is_null() && json["details"]["nodes"][0]["weights"].is_object());
}

/// The page has what went back to float, as JSON does.
#[test]
fn what_accuracy_cost_is_there() {
    let (folder, model) = folder_with_network("report-accuracy");
    let [output, page] = paths(&folder);
    let photos = photos();
    let photos = photos.to_str().expect("UTF-8");
    // Ranges that cut off half of what there is change answers.
    let bad = ["--calibrate", photos, "--json", "--effort", "0", "--percentile", "51", "--accuracy-drop"];
    let json = quantize(&model, &output, &page, &[&bad[..], &["0"]].concat()).json();
    let again = json["accuracy"]["float_again"].as_array().expect("a list");
    assert_eq!(json["accuracy"]["lost"], 0.0);
    let text = std::fs::read_to_string(&page).expect("a page");
    assert!(text.contains("<h2>Accuracy</h2>") && text.contains("0.00 points"), "{text}");
    assert!(!again.is_empty(), "{json}");
    assert!(text.contains("<th scope=\"col\" class=\"\">float again</th>"), "{text}");
    for node in again {
        let name = node["node"].as_str().expect("a name");
        assert!(text.contains(&format!("<tr><td class=\"name\">{name}</td>")), "{name}: {text}");
    }
    // Whatever may be lost is, and no node goes back.
    quantize(&model, &output, &page, &[&bad[..], &["100"]].concat()).ok();
    let text = std::fs::read_to_string(&page).expect("a page");
    assert!(text.contains("<h2>Accuracy</h2>") && !text.contains("float again"), "{text}");
}

#[test]
fn names_of_a_file_are_text() {
    let folder = folder("report-hostile");
    let mut graph = small_network();
    let hostile = "</td></table><script>alert(1)</script>\"'&";
    graph.nodes[0].name = hostile.to_owned();
    let value = format!("v{hostile}");
    graph.nodes[0].outputs[0] = value.clone();
    graph.nodes[1].inputs[0] = value;
    let model = write(&folder, &graph);
    let [output, page] = paths(&folder);
    quantize(&model, &output, &page, &["--random", "2"]).ok();
    let text = std::fs::read_to_string(&page).expect("a page");
    assert_eq!((text.matches("<script>").count(), text.matches("</table>").count()), (1, 2), "{text}");
    assert!(text.contains("&lt;script&gt;alert(1)&lt;/<wbr>script&gt;"), "{text}");
}

#[test]
fn a_page_cannot_replace_what_is_read_or_written() {
    let (folder, model) = folder_with_network("report-errors");
    let [output, _] = paths(&folder);
    for (page, part) in [(&model, "would replace"), (&folder, "is a folder"), (&output, "the same file")] {
        quantize(&model, &output, page, &["--random", "1"]).fails(2, &[part]);
    }
    assert!(Graph::from_onnx_file(&model).is_ok() && !output.exists());
}
