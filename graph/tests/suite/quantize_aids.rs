//! Aids to accuracy: what is tried, what is kept, and what that does to the answers.

use eightbit_graph::quantize::{
    AccuracyDrop, CalibrationMethod, Calibrator, Effort, Plan, QuantizeOptions, QuantizeReport, quantize,
};
use eightbit_graph::{Error, Graph, Limits, Tensor, passes};

use crate::quantize::{examples, network};

fn options(effort: Effort) -> QuantizeOptions {
    QuantizeOptions { effort, measured: 0, ..QuantizeOptions::default() }
}

fn quantized(options: &QuantizeOptions) -> Result<(Graph, QuantizeReport), Error> {
    quantize(network(), &examples(16), options, |_| {})
}

fn bytes(graph: &Graph) -> Vec<u8> {
    graph.to_onnx_bytes().expect("written")
}

#[test]
fn without_effort_nothing_is_tried() {
    let (found, report) = quantized(&options(Effort::None)).expect("quantized");
    assert_eq!((report.aids.len(), report.accuracy), (0, None));
    // The same by the parts of the quantization.
    let mut float = passes::fold_constants(network()).expect("valid");
    float = passes::fold_batch_norms(float).expect("valid");
    float =
        passes::sort_by_execution_order(passes::strip_unused_nodes(float).expect("valid")).expect("valid");
    let mut calibrator = Calibrator::new(&float).expect("it runs");
    for example in examples(16) {
        calibrator.observe(&[("x", &example[0])]).expect("it runs");
    }
    let calibration = calibrator.calibration(CalibrationMethod::Percentile(99.99)).expect("examples");
    let plan = Plan::new(&float, &calibration).expect("observed");
    let graph = passes::quantize_weights(float, &plan).expect("finite");
    let graph = passes::quantize_nodes(graph, &plan).expect("valid");
    let graph = passes::sort_by_execution_order(passes::strip_unused_nodes(graph).expect("valid"));
    assert_eq!(bytes(&found), bytes(&graph.expect("valid")));
}

#[test]
fn limits_of_accuracy_are_checked_first() {
    let error = |most: f64, classes: Option<Vec<usize>>| {
        let accuracy_drop = Some(AccuracyDrop { most, classes });
        let mut passes = 0;
        let options = QuantizeOptions { accuracy_drop, ..options(Effort::Low) };
        let error = quantize(network(), &examples(4), &options, |_| passes += 1).expect_err("must fail");
        assert_eq!(passes, 0, "before anything is computed");
        error.to_string()
    };
    for most in [-1.0, 100.5, f64::NAN, f64::INFINITY] {
        assert!(error(most, None).contains("not between 0 and 100"), "{most}");
    }
    assert!(error(1.0, Some(vec![0; 3])).contains("3 classes are given for 4 examples"));
}

/// Few examples, examples without anything in them, and channels of zeros.
#[test]
fn degenerate_examples_do_no_harm() {
    let zeros = |count: usize| -> Vec<Vec<Tensor>> {
        (0..count).map(|_| vec![Tensor::new([1, 3, 8, 8], vec![0.0f32; 192]).expect("as many")]).collect()
    };
    let mut dead = network();
    for name in ["w1", "w2", "w3"] {
        let tensor = &dead.constants[name];
        let mut values = tensor.as_f32().expect("floats").to_vec();
        values.iter_mut().take(27).for_each(|value| *value = 0.0);
        let tensor = Tensor::new(tensor.shape(), values).expect("as many");
        dead.constants.insert(name.to_owned(), tensor);
    }
    for effort in [Effort::Low, Effort::High] {
        for graph in [&network(), &dead] {
            for set in [examples(1), examples(2), examples(5), zeros(1), zeros(4)] {
                let (found, report) = quantize(graph, &set, &options(effort), |_| {}).expect("quantized");
                found.validate().expect("sound");
                assert!(report.aids.iter().all(|aid| aid.error_after.is_finite()), "{:?}", report.aids);
            }
        }
    }
    let none: Vec<Vec<Tensor>> = Vec::new();
    let error = quantize(network(), &none, &options(Effort::High), |_| {}).expect_err("no example");
    assert!(error.to_string().contains("it is empty"), "{error}");
}

/// Too little memory is an error that says so, at any effort.
#[test]
fn the_search_keeps_to_its_memory() {
    let limited = QuantizeOptions {
        limits: Limits { max_bytes: 1 << 16, ..Limits::default() },
        ..options(Effort::High)
    };
    let error = quantized(&limited).expect_err("64 KiB do not hold the histograms");
    assert!(matches!(error, Error::OverLimit { .. }), "{error}");
}
