//! Every model of `tests/cases/bugs` gives the expected outputs beside it, by the executor and by the plain
//! interpreter; every one of `tests/cases/hostile` ends quickly, in little memory, with an answer or an error.

mod support;

#[cfg(target_os = "linux")]
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
#[cfg(target_os = "linux")]
use std::time::Duration;

#[cfg(target_os = "linux")]
use eightbit_graph::DataType;
use eightbit_graph::quantize::{CalibrationMethod, QuantizeOptions, Warning, quantize};
use eightbit_graph::{Graph, Tensor};
use support::{Run, command, folder, npy, run};
#[cfg(target_os = "linux")]
use support::{photos, run_capped};

/// Models whose outputs are exact.
const MODELS: &[&str] = &[
    "B1_qdq_pad_edge_with_value",
    "B1_qdq_pad_reflect_with_value",
    "C1_qdq_gemm_scalar_bias_per_channel",
    "C2_qdq_gemm_rank0_bias_per_channel",
    "H1_qgemm_alpha_bias",
    "I1_qgemm_bias_M1_square",
    "J1_slice_executor",
    "J2_shape_slice_concat_reshape",
    "J3_reciprocal_executor",
    "J4_Erf_fails_at_run",
    "J4_LogSoftmax_fails_at_run",
    "K1_maxpool_nan",
    "N1_blockwise_dq_axis_of_size_1",
    "O1_pad_wrap_negative",
];

/// Float models that are quantized.
const QUANTIZED: &[&str] =
    &["A1_concat_relu", "B3_quantize_pad_reflect_with_value", "B4_quantize_pad_reflect_opset10"];

/// Models that demand more than the machine has, or huge shapes without elements.
#[cfg(target_os = "linux")]
const HOSTILE: &[&str] = &[
    "QLinearAdd.onnx",
    "avgpool_kernel_2p28.onnx",
    "axes10000.onnx",
    "chain4000.onnx",
    "esc.onnx",
    "fdw0.onnx",
    "hang_zero_channels.onnx",
    "mem20.onnx",
    "time_avg.onnx",
    "unnamed_output_limit.onnx",
    "zavg.onnx",
    "zero_batch_channels_2p24.onnx",
    "zmax.onnx",
    "zrelu.onnx",
];

fn cases(kind: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/cases").join(kind)
}

/// Runs `model` on the inputs of the case `name`; a message unless its only output, `y`, equals the expected one.
fn check(name: &str, model: &Path, flags: &[&str], tolerance: f64) -> Result<(), String> {
    let case = cases("bugs").join(name);
    let out = folder(&format!("case-{name}{}", flags.concat()));
    let mut command = command();
    command.arg("run").arg(model).arg("--input").arg(format!("x={}", case.join("in_x.npy").display()));
    let Run { stderr, code, .. } = run(command.arg("--output-dir").arg(&out).args(flags));
    if code != Some(0) || !stderr.is_empty() {
        return Err(format!("{name} {flags:?}: {code:?}: {stderr}"));
    }
    let (shape, found) = npy::read(&out.join("y.npy"));
    let (expected_shape, expected) = npy::read(&case.join("expected_0.npy"));
    let near = |(found, expected): (&f64, &f64)| {
        (found - expected).abs() <= tolerance || found.is_nan() && expected.is_nan()
    };
    if shape == expected_shape && found.iter().zip(&expected).all(near) {
        return Ok(());
    }
    Err(format!(
        "{name} {flags:?}: {found:?} of shape {shape:?}, not {expected:?} of shape {expected_shape:?}"
    ))
}

/// Checks the outputs of the case `name`, by the executor and by the interpreter.
fn check_model(name: &str) -> Result<(), String> {
    let model = cases("bugs").join(name).join("model.onnx");
    [&[][..], &["--reference"], &["--backend", "portable"]]
        .iter()
        .try_for_each(|flags| check(name, &model, flags, 1e-6))
}

/// Quantizes the model of the case `name` and checks its approximate outputs.
fn check_quantized(name: &str) -> Result<(), String> {
    let case = cases("bugs").join(name);
    let graph = Graph::from_onnx_file(case.join("model.onnx")).expect("a model");
    let (shape, values) = npy::read(&case.join("in_x.npy"));
    let values: Vec<f32> = values.into_iter().map(|value| value as f32).collect();
    let examples = [vec![Tensor::new(shape, values).expect("a tensor")]];
    let options = QuantizeOptions { method: CalibrationMethod::MinMax, ..QuantizeOptions::default() };
    let (graph, report) =
        quantize(&graph, &examples, &options, |_| ()).map_err(|error| format!("{name}: {error}"))?;
    if let Some(useless) = report.warnings.iter().find(|one| matches!(one, Warning::LowSignal { .. })) {
        return Err(format!("{name}: {useless}"));
    }
    let model = support::write(&folder(&format!("case-{name}-quantized")), &graph);
    [&[][..], &["--reference"]].iter().try_for_each(|flags| check(name, &model, flags, 0.05))
}

/// Reports all failing cases at once.
fn all_hold(results: impl Iterator<Item = Result<(), String>>) {
    let failures: Vec<String> = results.filter_map(Result::err).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn models_give_the_expected_outputs() {
    all_hold(MODELS.iter().chain(QUANTIZED).map(|name| check_model(name)));
}

#[test]
fn float_models_are_quantized_and_give_about_the_same() {
    all_hold(QUANTIZED.iter().map(|name| check_quantized(name)));
}

/// The commands for photos, on the float network of a case.
#[test]
fn a_concat_before_a_relu_is_labelled_and_quantized() {
    let case = cases("bugs").join("A4_cli");
    let out = folder("case-A4").join("out.onnx");
    let [model, photo] = ["model.onnx", "photo.png"].map(|file| case.join(file));
    let mut label = command();
    label.arg("label-image").arg("--graph").arg(&model).arg("--image").arg(&photo);
    run(&mut label).ok();
    let mut quantize = command();
    quantize.arg("quantize").arg(&model).arg("--calibrate").arg(&photo).arg("-o").arg(&out);
    let done = run(&mut quantize);
    assert!(!done.stderr.contains("hardly usable"), "{}", done.stderr);
    done.ok();
}

#[test]
fn dimensions_that_a_file_leaves_open_stay_open() {
    let case = cases("bugs").join("R1_open_dimensions_lost");
    let out = folder("case-R1").join("out.onnx");
    let mut quantize = command();
    quantize.arg("quantize").arg(case.join("model.onnx")).arg("--calibrate").arg(case.join("photo.png"));
    run(quantize.arg("-o").arg(&out)).ok();
    let [float, eight_bit] =
        [&case.join("model.onnx"), &out].map(|path| Graph::from_onnx_file(path).expect("a model"));
    assert_eq!((float.inputs, float.outputs), (eight_bit.inputs, eight_bit.outputs));
    assert_eq!(float.dimension_names, eight_bit.dimension_names);
}

#[test]
fn no_case_is_left_out() {
    let mut found = names("bugs");
    found.retain(|name| cases("bugs").join(name).join("expected_0.npy").exists());
    let mut listed = [MODELS, QUANTIZED].concat();
    listed.sort_unstable();
    assert_eq!(found, listed);
}

fn names(kind: &str) -> Vec<String> {
    let entries = std::fs::read_dir(cases(kind)).expect("a folder");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8")).collect();
    names.sort();
    names
}

/// The memory limit of a hostile model, whose file is tiny.
#[cfg(target_os = "linux")]
const MEBIBYTES: usize = 2048;
#[cfg(target_os = "linux")]
const LIMIT: Duration = Duration::from_secs(20);

/// Runs a hostile model with every command; a message unless each ends with an answer or an error.
#[cfg(target_os = "linux")]
fn check_hostile(name: &str) -> Result<(), String> {
    let model = cases("hostile").join(name);
    let folder = folder(&format!("hostile-{name}"));
    let [x, out] = ["x.npy", "out.onnx"].map(|file| folder.join(file));
    write_input(&model, &x);
    let photo = photos().join("chelsea.png");
    let arguments: [&[&dyn AsRef<OsStr>]; 5] = [
        &[&"run", &model, &"--input", &x],
        &[&"run", &model, &"--reference", &"--input", &x],
        &[&"label-image", &"--image", &photo, &"--calibrate", &photo, &"--graph", &model],
        &[&"quantize", &model, &"--calibrate", &photo, &"-o", &out],
        &[&"bench", &"model", &model, &"--budget", &"1"],
    ];
    arguments.iter().try_for_each(|arguments| {
        let mut command = command();
        command.args(arguments.iter().map(|argument| argument.as_ref()));
        let what = format!("{name}: {:?}", command.get_args().take(3).collect::<Vec<_>>());
        let Some(Run { stdout, stderr, code }) = run_capped(&mut command, MEBIBYTES, LIMIT) else {
            return Err(format!("{what}: more than {LIMIT:?}"));
        };
        // No name reaches the terminal unescaped.
        let controls_terminal =
            |c: char| c != '\n' && c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c);
        let well = matches!(code, Some(0..=2))
            && (code == Some(0)) != stderr.contains("error: ")
            && !stderr.contains("panicked")
            && !stdout.contains(controls_terminal)
            && !stderr.contains(controls_terminal);
        if well { Ok(()) } else { Err(format!("{what}: {code:?}\n{stdout:?}\n{stderr:?}")) }
    })
}

/// An array for the input of `model`, if it can be read and has one.
#[cfg(target_os = "linux")]
fn write_input(model: &Path, path: &Path) {
    let Ok(graph) = Graph::from_onnx_file(model) else { return };
    let [input] = &graph.inputs[..] else { return };
    let shape: Vec<u64> = input.shape.iter().map(|dim| dim.unwrap_or(1) as u64).collect();
    // A zero dimension means no elements, however large the others are.
    let count = if shape.contains(&0) { 0 } else { shape.iter().product() } as usize;
    // Shapes beyond NumPy's limits cannot be written.
    if shape.iter().try_fold(1u64, |product, &dim| product.checked_mul(dim.max(1))).is_none() {
        return;
    }
    match input.data_type {
        DataType::U8 => {
            npy::write(path, &shape, &(0..count).map(|index| (index * 37) as u8).collect::<Vec<u8>>());
        }
        _ => npy::write(path, &shape, &vec![0.5f32; count]),
    }
}

#[cfg(target_os = "linux")]
#[test]
fn hostile_models_end_quickly_in_little_memory() {
    all_hold(HOSTILE.iter().map(|name| check_hostile(name)));
}

#[cfg(target_os = "linux")]
#[test]
fn no_hostile_model_is_left_out() {
    let mut found = names("hostile");
    found.retain(|name| name.ends_with(".onnx"));
    assert_eq!(found, HOSTILE);
}

/// All of them follow one rule of rounding.
#[cfg(target_os = "linux")]
#[test]
fn an_addition_of_bytes_is_the_same_for_the_interpreter_and_the_executor() {
    let model = cases("hostile").join("QLinearAdd.onnx");
    let folder = folder("hostile-addition");
    let x = folder.join("x.npy");
    write_input(&model, &x);
    let y = |flags: &[&str]| {
        let mut command = command();
        command.arg("run").arg(&model).arg("--input").arg(&x).arg("--output-dir").arg(&folder).args(flags);
        run(&mut command).ok();
        npy::read(&folder.join("y.npy"))
    };
    let [executor, portable, reference] = [&[][..], &["--backend", "portable"], &["--reference"]].map(y);
    assert_eq!(executor, reference);
    assert_eq!(portable, reference);
}
