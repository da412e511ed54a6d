//! Names are escaped on the terminal, and failing output is an error.

mod support;

use std::path::Path;
use std::process::Stdio;

use eightbit_graph::Node;
use support::{Run, command, folder, folder_with_network, npy, photos, run, small_network, write};

/// A name that clears the terminal, reverses the following text, and rings the bell.
const EVIL: &str = "\u{1b}[2Jevil\u{202e}\u{7}";

fn is_harmless(run: &Run) {
    for text in [&run.stdout, &run.stderr] {
        let controls_terminal =
            |c: char| c != '\n' && c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c);
        assert!(!text.contains(controls_terminal), "{text:?}");
        assert!(!text.contains(&"x".repeat(201)), "{text}");
    }
}

/// Checks that the name is shown escaped.
fn shows(run: &Run) {
    is_harmless(run);
    let shown = r"\u{1b}[2Jevil\u{202e}\u{7}";
    assert!(run.stdout.contains(shown) || run.stderr.contains(shown), "{}{}", run.stdout, run.stderr);
}

#[test]
fn names_of_values_and_nodes_are_escaped_and_cut() {
    let folder = folder("terminal-names");
    let name = format!("{EVIL}{}", "x".repeat(1000));
    let mut graph = small_network();
    let rename = |text: &mut String| {
        if matches!(text.as_str(), "photo" | "logits" | "m" | "mean" | "gemm" | "conv") {
            *text = format!("{name}{text}");
        }
    };
    for node in &mut graph.nodes {
        rename(&mut node.name);
        node.inputs.iter_mut().chain(&mut node.outputs).for_each(rename);
    }
    graph.inputs.iter_mut().chain(&mut graph.outputs).for_each(|info| rename(&mut info.name));
    // Nodes that stay float are listed with their reasons.
    graph.nodes.insert(1, Node::new(&format!("{name}erf"), "Softmax", &["c"], &["soft"]).with("axis", 1i64));
    graph.nodes[2].inputs[0] = "soft".to_owned();
    let model = write(&folder, &graph);
    let x = folder.join("x.npy");
    npy::write(&x, &[1, 3, 16, 16], &vec![0.25f32; 768]);
    let photo = photos().join("chelsea.png");
    let out = folder.join("out");
    shows(&run(command().arg("run").arg(&model).arg("--input").arg(&x).arg("--output-dir").arg(&out)));
    shows(&run(command().arg("run").arg(&model).arg("--input").arg("wrong=x.npy")));
    shows(&run(command().arg("run").arg(&model)));
    shows(&run(command().args(["label-image", "--input-layer", "wrong", "--graph"]).arg(&model)));
    shows(&run(command().args(["label-image", "--output-layer", "wrong", "--graph"]).arg(&model)));
    shows(&run(command().args(["label-image", "--input-width", "17", "--graph"]).arg(&model)));
    let quantized = folder.join("out.onnx");
    shows(&run(command()
        .arg("quantize")
        .arg(&model)
        .arg("--calibrate")
        .arg(&photo)
        .arg("-o")
        .arg(&quantized)));
    for flag in ["--steps", "--csv"] {
        let run = run(command().args(["bench", "model", "--budget", "1", "--steps", flag]).arg(&model));
        is_harmless(&run);
    }
}

#[test]
fn names_of_labels_and_files_are_escaped() {
    let (folder, model) = folder_with_network("terminal-labels");
    let labels = folder.join("labels.txt");
    std::fs::write(&labels, format!("{EVIL}{}\n", "x".repeat(300)).repeat(10)).expect("a file");
    shows(&run(command()
        .args(["label-image", "--top", "1", "--graph"])
        .arg(&model)
        .arg("--labels")
        .arg(&labels)));
    #[cfg(unix)]
    {
        let evil = folder.join(format!("{EVIL}.png"));
        let label = |image: &Path| {
            run(command().arg("label-image").arg("--graph").arg(&model).arg("--image").arg(image))
        };
        shows(&label(&evil));
        std::fs::write(&evil, "no photo").expect("a file");
        shows(&label(&evil));
        std::fs::copy(photos().join("chelsea.png"), &evil).expect("a copy");
        shows(&label(&evil));
        let model = folder.join(format!("{EVIL}.onnx"));
        std::fs::write(&model, "no model").expect("a file");
        shows(&run(command().arg("label-image").arg("--graph").arg(&model)));
        let truth = folder.join("truth.tsv");
        std::fs::write(&truth, format!("{EVIL}/none.png\t1\n")).expect("a file");
        shows(&run(command().arg("evaluate").arg("--images").arg(&folder).arg("--labels").arg(&truth)));
    }
}

/// Words of the command line and of the environment.
#[test]
fn words_that_a_user_gives_are_escaped_and_cut() {
    let word = format!("{EVIL}{}", "x".repeat(1000));
    let option = format!("--{word}");
    for arguments in [
        &[word.as_str()][..],
        &[&option],
        &["cpu", &option],
        &["cpu", &word],
        &["cpu", "--threads", &word],
        &["bench", "peak", "--backend", &word],
        &["bench", "peak", "--clock", &word],
        &["bench", "gemm", "--types", &word],
        &["bench", "gemm", &word],
        &["run", "m.onnx", "--backend", &word],
        &["label-image", "--input-mean", &word],
    ] {
        let run = run(command().args(arguments));
        assert!(matches!(run.code, Some(1 | 2)) && run.stderr.starts_with("error: "), "{arguments:?}");
        shows(&run);
    }
    shows(&run(command().arg("cpu").env("EIGHTBIT_BACKEND", &word)));
    shows(&run(command().args(["bench", "peak"]).env("EIGHTBIT_BACKEND", &word)));
    // Suggestions stay where they are harmless.
    let misspelt = run(command().args(["cpu", "--jsn"]));
    assert!(misspelt.stderr.contains("'--json'"), "{}", misspelt.stderr);
}

#[cfg(target_os = "linux")]
#[test]
fn output_that_cannot_be_written_is_an_error() {
    let (_, model) = folder_with_network("terminal-full");
    let model = model.to_str().expect("UTF-8");
    for arguments in [
        &["--help"][..],
        &["--version"],
        &["run", "--help"],
        &["cpu"],
        &["cpu", "--json"],
        &["label-image", "--graph", model],
        &["bench", "gemm", "--csv", "--budget", "1", "7x7x7"],
    ] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("the device");
        let mut command = command();
        let output =
            command.args(arguments).stdout(full).stderr(Stdio::piped()).output().expect("the program starts");
        let stderr = String::from_utf8(output.stderr).expect("UTF-8");
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {stderr}");
        assert!(stderr.contains("cannot write the output"), "{arguments:?}: {stderr}");
    }
}

#[cfg(unix)]
#[test]
fn a_backend_that_is_not_utf8_is_an_error() {
    use std::os::unix::ffi::OsStrExt;
    let name = std::ffi::OsStr::from_bytes(b"\xffavx2");
    for arguments in [&["cpu"][..], &["label-image"], &["bench", "gemm", "7x7x7"]] {
        let mut command = command();
        run(command.args(arguments).env("EIGHTBIT_BACKEND", name))
            .fails(1, &["EIGHTBIT_BACKEND is not UTF-8", "portable"]);
    }
}
