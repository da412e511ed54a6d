//! Aids to accuracy: what is tried, what is kept, and what that does to the answers.

use std::sync::atomic::{AtomicUsize, Ordering};

use eightbit_graph::quantize::data_free::DataFreeOptions;
use eightbit_graph::quantize::{
    AccuracyDrop, Aid, CalibrationMethod, Calibrator, Effort, Granularity, Plan, QuantizeOptions,
    QuantizeReport, Range, Subject, Warning, quantize, quantize_with, quantize_without_examples,
};
use eightbit_graph::{DataType, Error, Graph, Limits, Node, Tensor, ValueInfo, ops, passes};

use crate::quantize::{examples, network, network_with_place};

fn options(effort: Effort) -> QuantizeOptions {
    QuantizeOptions { effort, measured: 0, ..QuantizeOptions::default() }
}

fn quantized(options: &QuantizeOptions) -> Result<(Graph, QuantizeReport), Error> {
    quantize(network(), &examples(16), options, |_| {})
}

fn bytes(graph: &Graph) -> Vec<u8> {
    graph.to_onnx_bytes().expect("written")
}

/// The noise in the logits of inputs that nothing has seen, as a part of the signal.
fn noise(eight_bit: &Graph) -> f64 {
    let float = network();
    let (mut noise, mut signal) = (0.0, 0.0);
    for example in &examples(60)[40..] {
        let run =
            |graph: &Graph| ops::evaluate_graph(graph, &[("x", &example[0])]).expect("it runs").remove(0);
        let (float, found) = (run(&float), run(eight_bit));
        for (float, found) in float.as_f32().expect("floats").iter().zip(found.as_f32().expect("floats")) {
            noise += f64::from(float - found).powi(2);
            signal += f64::from(*float).powi(2);
        }
    }
    noise / signal
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

/// What is kept lowers the error, what does not is dropped, and the errors of the report form one chain.
#[test]
fn an_aid_is_kept_only_if_it_helps() {
    let (without, _) = quantized(&options(Effort::None)).expect("quantized");
    let without = noise(&without);
    let mut tried = 0;
    for effort in [Effort::Low, Effort::Medium, Effort::High] {
        let (graph, report) = quantized(&options(effort)).expect("quantized");
        graph.validate().expect("sound");
        let mut error = report.aids.first().expect("something is tried").error_before;
        for aid in &report.aids {
            assert_eq!(aid.error_before, error, "{aid:?}");
            // What takes time must bring more than chance.
            let takes_time = ["finer inputs", "copies in more channels"].contains(&aid.name.as_str());
            let below = aid.error_before * if takes_time { 0.97 } else { 1.0 };
            assert_eq!(aid.kept, aid.error_after < below, "{aid:?}");
            if aid.kept {
                error = aid.error_after;
            }
        }
        let kept = |name: &str| report.aids.iter().any(|aid| aid.kept && aid.name == name);
        assert!(kept("bias correction"), "{:?}", report.aids);
        let rounded = report.aids.iter().any(|aid| aid.name == "weights rounded for their inputs");
        assert_eq!(rounded, effort > Effort::Low, "{:?}", report.aids);
        assert!(report.aids.len() >= tried, "each level tries what those before it do");
        tried = report.aids.len();
        assert!(noise(&graph) < without, "{effort:?}: {} {without}", noise(&graph));
        let (again, _) = quantized(&options(effort)).expect("quantized");
        assert_eq!(bytes(&graph), bytes(&again), "the same every time");
    }
}

/// Channels of the first depthwise layer are doubled where that helps, and not where it does not.
#[test]
fn loud_channels_are_copied() {
    for granularity in [Granularity::PerChannel, Granularity::PerTensor] {
        let options = QuantizeOptions { granularity, ..options(Effort::Medium) };
        let mut count = 0;
        for seed in 0..12 {
            let (graph, report) =
                quantize(network_with_place(seed), &examples(16), &options, |_| {}).expect("quantized");
            graph.validate().expect("sound");
            let aid = report.aids.iter().find(|aid| aid.name == "copies in more channels").expect("tried");
            let depthwise = graph.nodes.iter().find(|node| node.name == "dw").expect("is there");
            let group = depthwise.int("group", 1).expect("an integer");
            assert_eq!(group, if aid.kept { 16 } else { 8 }, "{seed}: {aid:?}");
            count += i32::from(aid.kept);
        }
        assert!((1..12).contains(&count), "{granularity:?}: kept in {count} of 12 networks");
    }
}

/// Multiplies every range by a factor.
struct Times(f32, AtomicUsize);

impl Aid for Times {
    fn name(&self) -> &str {
        "other ranges"
    }

    fn plan(&self, subject: &Subject<'_>) -> Result<Option<Plan>, Error> {
        self.1.fetch_add(1, Ordering::Relaxed);
        assert!(subject.statistics.contains_key("x"), "what a layer reads is observed");
        let mut plan = subject.plan.clone();
        for (value, of) in subject.statistics {
            let all = |values: &[f32], of: fn(f32, f32) -> f32| self.0 * values.iter().copied().fold(0.0, of);
            plan =
                plan.with_range(value, Range { min: all(&of.min, f32::min), max: all(&of.max, f32::max) })?;
        }
        Ok(Some(plan))
    }
}

#[test]
fn aids_of_ones_own_are_judged() {
    for effort in [Effort::None, Effort::Low] {
        // Ranges that cut off half of what there is are worse, and change nothing.
        let good = options(effort);
        let (without, _) = quantized(&good).expect("quantized");
        let aid = Times(0.3, AtomicUsize::new(0));
        let (found, report) =
            quantize_with(network(), &examples(16), &good, &[&aid], |_| {}).expect("quantized");
        let own = report.aids.last().expect("tried");
        assert_eq!((own.name.as_str(), own.kept), ("other ranges", false), "{own:?}");
        assert_eq!(aid.1.load(Ordering::Relaxed), 1);
        assert_eq!(bytes(&found), bytes(&without));
    }
    // Ranges of all that was seen are better than those of half of it.
    let half = QuantizeOptions { method: CalibrationMethod::Percentile(50.0), ..options(Effort::None) };
    let aid = Times(1.0, AtomicUsize::new(0));
    let (found, report) = quantize_with(network(), &examples(16), &half, &[&aid], |_| {}).expect("quantized");
    assert!(report.aids[0].kept, "{:?}", report.aids);
    let (without, _) = quantized(&half).expect("quantized");
    // Those of what no layer reads stay as they are.
    assert!(noise(&found) < noise(&without));
    // Judged with what calibrates, then computed again from all examples.
    assert_eq!(aid.1.load(Ordering::Relaxed), 2);
}

#[test]
fn nodes_go_back_to_float_until_few_answers_change() {
    let limited = |method, most, classes| QuantizeOptions {
        method,
        accuracy_drop: Some(AccuracyDrop { most, classes }),
        ..options(Effort::None)
    };
    // Ranges that cut off most of what there is change answers.
    let bad = CalibrationMethod::Percentile(20.0);
    let (_, report) = quantized(&limited(bad, 0.0, None)).expect("quantized");
    let (drop, again) = report.accuracy.clone().expect("measured");
    assert!(!again.is_empty() && drop == 0.0, "{drop} {again:?}");
    for node in &again {
        assert!(report.float().any(|(float, _)| float.name == node.node), "{node:?}");
    }
    assert!(again[..again.len() - 1].iter().all(|node| node.drop > 0.0), "no node too many: {again:?}");
    // Whatever may be lost is.
    let (graph, report) = quantized(&limited(bad, 100.0, None)).expect("quantized");
    let (drop, again) = report.accuracy.expect("measured");
    assert!(drop > 0.0 && again.is_empty(), "{drop} {again:?}");
    let (without, _) =
        quantized(&QuantizeOptions { method: bad, ..options(Effort::None) }).expect("quantized");
    assert_eq!(bytes(&graph), bytes(&without), "computed from all examples");
    // Of classes that are never right nothing is lost.
    let (_, report) = quantized(&limited(bad, 0.0, Some(vec![1000; 16]))).expect("quantized");
    assert_eq!(report.accuracy, Some((0.0, Vec::new())));
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

#[test]
fn without_examples_batch_norms_say_the_ranges() {
    let data_free = DataFreeOptions::default();
    let of = |graph: &Graph, options: &QuantizeOptions| {
        quantize_without_examples(graph, &data_free, options, |_| {})
    };
    let network = network();
    let (found, report) = of(&network, &options(Effort::Low)).expect("batch norms");
    assert_eq!((report.calibration.inputs, report.layers.len()), (0, 0));
    assert!(noise(&found) < 0.1, "{}", noise(&found));
    let (without, _) = of(&network, &options(Effort::None)).expect("batch norms");
    assert_ne!(bytes(&found), bytes(&without), "biases are corrected");
    let accuracy_drop = Some(AccuracyDrop::default());
    let limited = QuantizeOptions { accuracy_drop, ..options(Effort::Low) };
    let error = of(&network, &limited).expect_err("cannot be measured").to_string();
    assert!(error.contains("without examples"), "{error}");

    let mut plain = network;
    plain.nodes.retain(|node| node.name != "bn");
    for node in &mut plain.nodes {
        node.inputs.iter_mut().filter(|input| *input == "n1").for_each(|input| "c1".clone_into(input));
    }
    of(&plain, &options(Effort::Low)).expect("what the input holds says the rest");
    // Of an operator without a rule nothing is known, which is an error that names its value.
    plain.nodes.iter_mut().filter(|node| node.name == "relu6").for_each(|node| {
        *node = Node::new("relu6", "CumSum", &["c1", "along"], &["r1"]);
    });
    plain.constants.insert("along".to_owned(), Tensor::scalar(1i64));
    let error = of(&plain, &options(Effort::Low)).expect_err("an unknown range").to_string();
    assert!(error.contains("r1"), "{error}");
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

/// An aid that does not fit the memory is reported with the reason, and the others are tried.
#[test]
fn aids_that_do_not_fit_are_skipped() {
    let (mut refused, mut skipped, mut complete) = (0, 0, 0);
    let mut max_bytes = 1u64 << 17;
    while max_bytes < 1 << 22 {
        let limits = Limits { max_bytes, ..Limits::default() };
        let quantized = quantized(&QuantizeOptions { limits, ..options(Effort::Medium) });
        max_bytes += max_bytes / 16;
        let report = match quantized {
            Err(Error::OverLimit { .. }) => {
                assert_eq!(skipped + complete, 0, "{max_bytes}: with less memory it was possible");
                refused += 1;
                continue;
            }
            quantized => quantized.expect("quantized").1,
        };
        let reasons: Vec<_> = report.aids.iter().filter(|aid| aid.skipped.is_some()).collect();
        for aid in &reasons {
            assert!(!aid.kept && aid.error_after == aid.error_before, "{aid:?}");
            assert!(aid.skipped.as_ref().is_some_and(|reason| reason.contains("bytes")), "{aid:?}");
        }
        let kept = |name: &str| report.aids.iter().any(|aid| aid.kept && aid.name == name);
        assert!(kept("bias correction"), "what needs no more is still tried: {:?}", report.aids);
        *(if reasons.is_empty() { &mut complete } else { &mut skipped }) += 1;
    }
    let seen = [refused, skipped, complete];
    assert!(seen.iter().all(|&count| count > 0), "refused, skipped, complete: {seen:?}");
}

/// Answers that would fill the memory are not compared, and that is said.
#[test]
fn nothing_is_tried_where_answers_fill_the_memory() {
    let value = |name: &str, size: usize| ValueInfo {
        name: name.to_owned(),
        data_type: DataType::F32,
        shape: vec![Some(1), Some(size)],
    };
    let graph = Graph {
        opset: 13,
        inputs: vec![value("x", 1 << 10)],
        outputs: vec![value("y", 1 << 16)],
        nodes: vec![
            Node::new("relu", "Relu", &["x"], &["r"]),
            Node::new("join", "Concat", &["r"; 64], &["y"]).with("axis", 1),
        ],
        ..Graph::default()
    };
    let numbers: Vec<f32> = (0..1 << 10).map(|at| (at * 37 % 256) as f32 / 128.0 - 1.0).collect();
    let example = vec![Tensor::new([1, 1 << 10], numbers).expect("as many")];
    let examples = vec![example; 4];
    // The answers are 256 KiB, and a sixteenth of the memory is less.
    for (mebibytes, expected) in [(3, true), (64, false)] {
        let limits = Limits { max_bytes: mebibytes << 20, ..Limits::default() };
        let options = QuantizeOptions { limits, ..options(Effort::Low) };
        let (_, report) = quantize(&graph, &examples, &options, |_| {}).expect("the rest fits");
        let untried = report.warnings.iter().find(|warning| matches!(warning, Warning::NotTuned { .. }));
        assert_eq!(untried.is_some(), expected, "{mebibytes} MiB: {:?}", report.warnings);
        assert_eq!(report.aids.is_empty(), expected, "{:?}", report.aids);
        assert!(untried.is_none_or(|warning| warning.to_string().contains("a sixteenth of the memory")));
    }
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

/// A convolution alone, quantized with finer inputs where they help, from examples of which number `at` has a pixel `value`.
fn with_pixel(at: usize, value: f32) -> (Graph, Graph, Tensor) {
    let shape = vec![1, 1, 4, 4];
    let numbers =
        |seed: usize, count: usize| (0..count).map(move |i| ((i * 37 + seed * 11) % 101) as f32 / 50.5 - 1.0);
    let input = |name: &str, shape: &[usize]| ValueInfo {
        name: name.to_owned(),
        data_type: DataType::F32,
        shape: shape.iter().map(|&size| Some(size)).collect(),
    };
    let graph = Graph {
        opset: 13,
        inputs: vec![input("x", &shape)],
        outputs: vec![input("y", &shape)],
        nodes: vec![Node::new("conv", "Conv", &["x", "w"], &["y"]).with("pads", vec![1i64; 4])],
        constants: [(
            "w".to_owned(),
            Tensor::new([1, 1, 3, 3], numbers(5, 9).collect::<Vec<_>>()).expect("nine"),
        )]
        .into(),
        ..Graph::default()
    };
    let examples: Vec<Vec<Tensor>> = (0..4)
        .map(|seed| {
            let mut values: Vec<f32> = numbers(seed, 16).collect();
            if seed == at {
                values[0] = value;
            }
            vec![Tensor::new(shape.clone(), values).expect("sixteen")]
        })
        .collect();
    let (eight_bit, _) =
        quantize(graph.clone(), &examples, &options(Effort::Medium), |_| {}).expect("quantized");
    (graph, eight_bit, examples[at][0].clone())
}

/// The bytes of finer inputs hold what any example does, those that judge among them; what may overflow is not made finer.
#[test]
fn finer_inputs_hold_all_examples() {
    for at in 0..4 {
        let (float, eight_bit, example) = with_pixel(at, 2.0);
        let run = |graph: &Graph| ops::evaluate_graph(graph, &[("x", &example)]).expect("it runs").remove(0);
        let (float, found) = (run(&float), run(&eight_bit));
        let pairs = float.as_f32().expect("floats").iter().zip(found.as_f32().expect("floats"));
        let most = pairs.fold(0.0f32, |most, (float, found)| most.max((float - found).abs()));
        assert!(most < 0.1, "{at}: {most}");
        with_pixel(at, 3e37);
    }
}
