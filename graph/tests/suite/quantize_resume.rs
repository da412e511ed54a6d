//! A quantization that was interrupted goes on where it was, to the same bytes; files of anything else are refused.

use std::cell::Cell;
use std::path::{Path, PathBuf};

use eightbit_graph::quantize::{
    AccuracyDrop, CalibrationMethod, Dataset, Effort, FromFn, QuantizeOptions, QuantizeReport, quantize,
};
use eightbit_graph::{Error, Graph, Tensor};

use crate::quantize::{examples, network, network_with_place};

/// A file of this test alone, which does not exist yet.
fn fresh(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("eightbit {name} {}.resume", std::process::id()));
    let _ = std::fs::remove_file(&path);
    path
}

fn options(effort: Effort, resume: Option<&Path>) -> QuantizeOptions {
    QuantizeOptions {
        effort,
        measured: 0,
        resume: resume.map(Path::to_path_buf),
        ..QuantizeOptions::default()
    }
}

/// Examples that can be read `most` times, and how often they were.
fn limited<'a>(
    set: &'a [Vec<Tensor>],
    most: usize,
    read: &'a Cell<usize>,
) -> impl Dataset<Error = Error> + 'a {
    FromFn::new(set.len(), move |index| {
        read.set(read.get() + 1);
        let stop = || Error::argument("examples", "interrupted");
        if read.get() > most { Err(stop()) } else { Ok(set[index].clone()) }
    })
}

/// What comes of the quantization, and the number of times that an example was read.
fn run(most: usize, options: &QuantizeOptions) -> (Result<(Vec<u8>, QuantizeReport), Error>, usize) {
    run_of(network(), most, options)
}

/// The same of any network.
fn run_of(
    network: Graph,
    most: usize,
    options: &QuantizeOptions,
) -> (Result<(Vec<u8>, QuantizeReport), Error>, usize) {
    let (set, read) = (examples(16), Cell::new(0));
    let result = quantize(network, &limited(&set, most, &read), options, |_| {});
    let written = |(graph, report): (Graph, _)| (graph.to_onnx_bytes().expect("written"), report);
    (result.map(written), read.get())
}

#[test]
fn what_was_interrupted_ends_the_same() {
    for (network, effort) in [
        (network as fn() -> Graph, Effort::Medium),
        (network, Effort::High),
        (|| network_with_place(8), Effort::Medium),
    ] {
        let run = |most, options: &QuantizeOptions| run_of(network(), most, options);
        let (whole, reads) = run(usize::MAX, &options(effort, None));
        let whole = whole.expect("quantized");
        for part in 1..8 {
            let path = fresh("interrupted");
            let resumed = options(effort, Some(&path));
            // The hash of the examples reads each once more.
            let (stopped, before) = run(reads * part / 8 + 16, &resumed);
            assert!(stopped.expect_err("interrupted").to_string().contains("interrupted"));
            let (found, after) = run(usize::MAX, &resumed);
            assert_eq!(found.expect("quantized"), whole, "{effort:?}, after {part} eighths");
            if part > 4 {
                assert!(before + after < 2 * reads, "{before} and {after} reads, {reads} at once");
            }
            // What is complete is only observed again.
            let (found, again) = run(usize::MAX, &resumed);
            assert_eq!(found.expect("quantized"), whole);
            assert!(again < reads * 3 / 4, "{again} reads, {reads} at once");
            std::fs::remove_file(path).expect("own file");
        }
    }
}

/// The record that was being written when the program ended is computed again.
#[test]
fn a_record_cut_off_is_written_again() {
    let (path, effort) = (fresh("cut"), Effort::Medium);
    let resumed = options(effort, Some(&path));
    let (whole, _) = run(usize::MAX, &resumed);
    let whole = whole.expect("quantized");
    let bytes = std::fs::read(&path).expect("own file");
    for cut in [1, 8, 20, bytes.len() / 2, bytes.len() - 24] {
        std::fs::write(&path, &bytes[..bytes.len() - cut]).expect("own file");
        assert_eq!(run(usize::MAX, &resumed).0.expect("quantized"), whole, "{cut} bytes cut off");
        assert_eq!(std::fs::read(&path).expect("own file"), bytes, "{cut} bytes cut off");
    }
    std::fs::remove_file(path).expect("own file");
}

#[test]
fn other_files_are_refused() {
    let (path, effort) = (fresh("other"), Effort::Medium);
    let resumed = options(effort, Some(&path));
    run(usize::MAX, &resumed).0.expect("quantized");
    let bytes = std::fs::read(&path).expect("own file");
    let refused = |bytes: &[u8], options: &QuantizeOptions, part: &str| {
        std::fs::write(&path, bytes).expect("own file");
        let error = run(usize::MAX, options).0.expect_err("refused").to_string();
        assert!(error.contains(part) && error.contains("remove it to begin anew"), "{error}");
        assert!(std::fs::read(&path).is_ok_and(|after| after == bytes), "it is left as it was");
    };
    refused(b"something else entirely", &resumed, "no file of an interrupted quantization");
    refused(&bytes[..23], &resumed, "cut off");
    refused(&bytes, &options(Effort::High, Some(&path)), "with other options");
    let method = CalibrationMethod::MinMax;
    refused(&bytes, &QuantizeOptions { method, ..resumed.clone() }, "with other options");
    for at in [24, 33, 40, bytes.len() - 1] {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x10;
        refused(&damaged, &resumed, "it is damaged");
    }
    std::fs::write(&path, &bytes).expect("own file");
    let error = quantize(network(), &examples(15), &resumed, |_| {}).expect_err("refused").to_string();
    assert!(error.contains("examples"), "{error}");
    let mut other = network();
    for tensor in other.constants.values_mut().filter(|tensor| tensor.as_f32().is_ok()) {
        let mut values = tensor.as_f32().expect("floats").to_vec();
        values[0] += 0.125;
        *tensor = Tensor::new(tensor.shape(), values).expect("as many");
    }
    let error = quantize(other, &examples(16), &resumed, |_| {}).expect_err("refused").to_string();
    assert!(error.contains("another model"), "{error}");
    let folder = options(effort, Some(&std::env::temp_dir()));
    assert!(matches!(run(usize::MAX, &folder).0, Err(Error::Io { .. })));
    std::fs::remove_file(path).expect("own file");
}

/// Times that decide what goes back to float are not taken again.
#[test]
fn what_goes_back_to_float_is_replayed() {
    let path = fresh("float");
    let resumed = QuantizeOptions {
        method: CalibrationMethod::Percentile(20.0),
        accuracy_drop: Some(AccuracyDrop { most: 0.0, classes: None }),
        ..options(Effort::None, Some(&path))
    };
    let first = run(usize::MAX, &resumed).0.expect("quantized");
    assert!(first.1.accuracy.as_ref().is_some_and(|(_, again)| !again.is_empty()), "{:?}", first.1.accuracy);
    assert_eq!(run(usize::MAX, &resumed).0.expect("quantized"), first);
    std::fs::remove_file(path).expect("own file");
}
