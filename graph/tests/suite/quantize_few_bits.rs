//! Weights and activations of fewer bits than eight: what the quantizer makes, what files hold, and what runs.

use std::collections::BTreeSet;

use eightbit_graph::quantize::{
    AccuracyDrop, Effort, QuantizeOptions, QuantizeReport, WeightPrecision, quantize,
};
use eightbit_graph::{
    DataType, Error, Executor, ExecutorOptions, Graph, Node, Tensor, TensorData, ValueInfo, passes,
};

use super::quantize::{examples, network};

const FEW: [WeightPrecision; 6] = [
    WeightPrecision::Bits(2),
    WeightPrecision::Bits(3),
    WeightPrecision::Bits(4),
    WeightPrecision::Bits(6),
    WeightPrecision::Ternary,
    WeightPrecision::Bipolar,
];

fn quantized(options: &QuantizeOptions) -> Result<(Graph, QuantizeReport), Error> {
    quantize(network(), &examples(16), options, |_| {})
}

fn of(weight_precision: WeightPrecision) -> QuantizeOptions {
    QuantizeOptions { weight_precision, ..QuantizeOptions::default() }
}

/// The outputs for some inputs that calibrated nothing.
fn outputs(graph: &Graph) -> Vec<f32> {
    let executor = Executor::new(graph, &ExecutorOptions::default()).expect("runs");
    let runs =
        examples(40).split_off(32).into_iter().map(|input| executor.run(&[("x", &input[0])]).expect("runs"));
    runs.flat_map(|outputs| outputs[0].as_f32().expect("floats").to_vec()).collect()
}

/// The noise in the outputs, as a part of the signal.
fn noise(graph: &Graph) -> f64 {
    let squared =
        |values: &mut dyn Iterator<Item = f32>| values.map(|value| f64::from(value).powi(2)).sum::<f64>();
    let (exact, found) = (outputs(&network()), outputs(graph));
    squared(&mut exact.iter().zip(&found).map(|(a, b)| a - b)) / squared(&mut exact.iter().copied())
}

/// The weights in bytes, layer by layer.
fn weights(graph: &Graph) -> Vec<&[i8]> {
    let names = ["w1_i8", "w2_i8", "w3_i8"];
    let found = graph.constants.iter().filter(|(name, _)| names.iter().any(|stem| name.starts_with(stem)));
    found.filter_map(|(_, tensor)| tensor.as_i8().ok()).collect()
}

#[test]
fn weights_are_the_integers_asked_for() {
    for precision in FEW {
        let (graph, report) = quantized(&of(precision)).expect("quantized");
        let (low, high) = precision.range();
        let found: BTreeSet<i8> = weights(&graph).concat().into_iter().collect();
        assert!(found.iter().all(|weight| (low..=high).contains(weight)), "{precision}: {found:?}");
        let expected = if precision == WeightPrecision::Bipolar { 2 } else { 3 };
        assert!(found.len() >= expected, "{precision}: {found:?}");
        assert!(precision != WeightPrecision::Bipolar || !found.contains(&0));
        assert!(report.precisions.is_empty());
    }
}

#[test]
fn more_bits_leave_less_noise_and_rounding_for_inputs_too() {
    let found =
        [2, 3, 4, 6, 8].map(|bits| noise(&quantized(&of(WeightPrecision::Bits(bits))).expect("quantized").0));
    assert!(found.is_sorted_by(|a, b| a > b), "{found:?}");
    let nearest = QuantizeOptions { effort: Effort::None, ..of(WeightPrecision::Bits(3)) };
    let nearest = noise(&quantized(&nearest).expect("quantized").0);
    assert!(found[1] < 0.7 * nearest, "{} and {nearest}", found[1]);
}

#[test]
fn files_hold_them_in_few_bits_and_give_the_same_answers() {
    for precision in FEW {
        let (graph, _) = quantized(&of(precision)).expect("quantized");
        let wide = graph.to_onnx_bytes().expect("written").len();
        let narrow = passes::narrow_constants(graph.clone(), precision.stored_bits()).expect("has a form");
        let bytes = narrow.to_onnx_bytes().expect("written");
        let count = weights(&graph).concat().len();
        if precision.stored_bits() < 8 {
            let saved = count - count * usize::from(precision.stored_bits()) / 8;
            assert!(bytes.len() + saved <= wide + 30, "{precision}: {} of {wide}", bytes.len());
        }
        let read = Graph::from_onnx_bytes(&bytes).expect("read");
        assert_eq!(read.narrow, narrow.narrow);
        assert_eq!(outputs(&read), outputs(&graph), "{precision}");
        assert_eq!(read.to_onnx_bytes().expect("written"), bytes);
    }
}

#[test]
fn activations_have_as_many_numbers_as_their_bits() {
    for bits in 2..=7u8 {
        let options = QuantizeOptions { activation_bits: bits, ..QuantizeOptions::default() };
        let (graph, _) = quantized(&options).expect("quantized");
        let bounds: BTreeSet<u8> = graph
            .nodes
            .iter()
            .filter(|node| node.op == "Clip")
            .filter_map(|node| match graph.constants.get(node.input(2)?)?.data() {
                TensorData::U8(bound) => bound.first().copied(),
                _ => None,
            })
            .collect();
        assert_eq!(bounds, [(1 << bits) - 1].into(), "{bits} bits");
        // Kernels that compute clamp; after those that only move bytes a table does.
        let explained = Executor::new(&graph, &ExecutorOptions::default()).expect("runs").explain();
        assert!(!explained.contains("plain loops"), "{explained}");
        let read = Graph::from_onnx_bytes(&graph.to_onnx_bytes().expect("written")).expect("read");
        assert_eq!(outputs(&read), outputs(&graph));
    }
    let found = [3, 5, 8].map(|activation_bits| {
        let options = QuantizeOptions { activation_bits, ..QuantizeOptions::default() };
        noise(&quantized(&options).expect("quantized").0)
    });
    assert!(found.is_sorted_by(|a, b| a > b), "{found:?}");
}

#[test]
fn qonnx_has_the_same_meaning() {
    for precision in FEW.into_iter().chain([WeightPrecision::EIGHT]) {
        for activation_bits in [4, 8] {
            let options = QuantizeOptions { activation_bits, ..of(precision) };
            let (graph, _) = quantized(&options).expect("quantized");
            let qonnx = passes::to_qonnx(graph.clone()).expect("has a form");
            let left = qonnx.nodes.iter().filter(|node| node.op.to_string().ends_with("Linear")).count();
            assert_eq!(left, 0, "{precision}");
            let read = Graph::from_onnx_bytes(&qonnx.to_onnx_bytes().expect("written")).expect("read");
            // Sums are floats there: a number in the middle of two steps may be the other one.
            let (exact, found) = (outputs(&graph), outputs(&read));
            let scale = exact.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
            let close = exact.iter().zip(&found).filter(|(a, b)| (**a - **b).abs() < 1e-3 * scale).count();
            assert!(close * 10 >= exact.len() * 9, "{precision}: {close} of {}", exact.len());
        }
    }
}

fn lowered(report: &QuantizeReport) -> usize {
    report.precisions.iter().filter(|layer| layer.precision != WeightPrecision::EIGHT).count()
}

fn file(graph: &Graph) -> u64 {
    let narrow = passes::narrow_constants(graph.clone(), 4).expect("has a form");
    narrow.to_onnx_bytes().expect("written").len() as u64
}

#[test]
fn a_size_is_reached_with_the_layers_that_cost_least() {
    let eight = file(&quantized(&QuantizeOptions::default()).expect("quantized").0);
    let four = of(WeightPrecision::Bits(4));
    let mixed = |file_bytes| quantized(&QuantizeOptions { file_bytes: Some(file_bytes), ..four.clone() });
    let mut last = (u64::MAX, 0);
    for most in [eight + 100, eight - 1, eight - 70] {
        let (graph, report) = mixed(most).expect("reachable");
        assert!(file(&graph) <= most, "{} for {most}", file(&graph));
        assert!(file(&graph) <= last.0 && lowered(&report) >= last.1);
        last = (file(&graph), lowered(&report));
        // In order of their price.
        let price = report.precisions.iter().map(|layer| layer.noise / layer.saved as f64);
        assert!(price.is_sorted(), "{:?}", report.precisions);
        let is_low: Vec<bool> =
            report.precisions.iter().map(|layer| layer.precision != WeightPrecision::EIGHT).collect();
        assert!(is_low.is_sorted_by(|a, b| a >= b), "{is_low:?}");
        assert_eq!(report.precisions.len(), 3);
    }
    assert!(last.1 > 0 && last.1 < 3, "{last:?}");
    assert_eq!(lowered(&mixed(eight + 100).expect("reachable").1), 0);
    let error = mixed(100).expect_err("not reachable").to_string();
    assert!(error.contains("100 bytes"), "{error}");
}

/// Biases that take back what rounding adds take bytes, too.
#[test]
fn a_size_is_kept_where_biases_are_added() {
    let mut graph = network();
    for node in &mut graph.nodes {
        if ["dw", "fc"].contains(&node.name.as_str()) {
            node.inputs.truncate(2);
        }
    }
    let quantized = |options: &QuantizeOptions| quantize(&graph, &examples(16), options, |_| {});
    for effort in [Effort::None, Effort::Low] {
        let four = QuantizeOptions { effort, ..of(WeightPrecision::Bits(4)) };
        let eight =
            file(&quantized(&QuantizeOptions { effort, ..QuantizeOptions::default() }).expect("quantized").0);
        let mut reached = 0;
        for less in [0, 20, 60, 120, 160] {
            let options = QuantizeOptions { file_bytes: Some(eight - less), ..four.clone() };
            if let Ok((graph, _)) = quantized(&options) {
                reached += 1;
                assert!(file(&graph) <= eight - less, "{} for {}", file(&graph), eight - less);
            }
        }
        assert_eq!(reached, 5);
    }
}

#[test]
fn weights_that_are_hardly_numbers() {
    let mut graph = network();
    let tiny: Vec<f32> = (0..80).map(|at| (at as f32 - 40.0) * 1e-42).collect();
    graph.constants.insert("w3".to_owned(), Tensor::new([8, 10], tiny).expect("fits"));
    for precision in FEW {
        for effort in [Effort::None, Effort::Low] {
            let options = QuantizeOptions { effort, ..of(precision) };
            let (graph, _) = quantize(&graph, &examples(16), &options, |_| {}).expect("quantized");
            assert!(outputs(&graph).iter().all(|value| value.is_finite()));
        }
    }
}

#[test]
fn accuracy_decides_how_many_layers_are_lowered() {
    let mixed = |weight_precision, most| {
        let accuracy_drop = Some(AccuracyDrop { most, classes: None });
        quantized(&QuantizeOptions { accuracy_drop, ..of(weight_precision) }).expect("quantized").1
    };
    let report = mixed(WeightPrecision::Bits(4), 100.0);
    assert_eq!((lowered(&report), report.precisions.len()), (3, 3));
    let sensitive = |most| {
        let accuracy_drop = Some(AccuracyDrop { most, classes: None });
        let options = QuantizeOptions { accuracy_drop, ..of(WeightPrecision::Bipolar) };
        quantize(sharp(), &varied(), &options, |_| {}).expect("quantized").1
    };
    let reports = [0.0, 10.0, 100.0].map(sensitive);
    for (report, most) in reports.iter().zip([0.0, 10.0, 100.0]) {
        let (lost, again) = report.accuracy.as_ref().expect("measured");
        assert!(*lost <= most && again.is_empty(), "{lost} for {most}: {again:?}");
    }
    let counts = reports.map(|report| lowered(&report));
    assert!(counts[0] < 3 && counts.is_sorted() && counts[2] == 3, "{counts:?}");
}

/// Examples whose channels differ from one to the next.
fn varied() -> Vec<Vec<Tensor>> {
    let of = |(number, example): (usize, Vec<Tensor>)| {
        let values = example[0].as_f32().expect("floats").iter().enumerate();
        let moved = values.map(|(at, value)| value + 0.6 * ((number * 7 + at / 64 * 3) % 11) as f32 - 3.0);
        vec![Tensor::new(example[0].shape(), moved.collect::<Vec<f32>>()).expect("as many")]
    };
    examples(64).into_iter().enumerate().map(of).collect()
}

/// [`network`] without a bias in its classifier, so that its answers depend on its inputs.
fn sharp() -> Graph {
    let mut graph = network();
    graph.constants.insert("b3".to_owned(), Tensor::vector(vec![0.0f32; 10]));
    graph
}

#[test]
fn layers_with_the_same_weights_are_lowered_together() {
    let mut graph = network();
    graph.constants.insert("w4".to_owned(), graph.constants["w2"].clone());
    let twice = |second: &str| {
        let mut graph = graph.clone();
        let at = graph.nodes.iter().position(|node| node.name == "dw").expect("is there");
        let mut again = graph.nodes[at].clone();
        (again.name, again.inputs[0], again.inputs[1]) = ("again".into(), "c2".into(), second.to_owned());
        again.outputs = vec!["c3".into()];
        graph.nodes.insert(at + 1, again);
        graph.nodes.iter_mut().find(|node| node.name == "add").expect("is there").inputs[0] = "c3".into();
        let options = QuantizeOptions { file_bytes: Some(1 << 20), ..of(WeightPrecision::Bits(4)) };
        let (_, report) = quantize(&graph, &examples(16), &options, |_| {}).expect("quantized");
        let of =
            |name: &str| report.precisions.iter().find(|layer| layer.node == name).expect("is there").clone();
        [of("dw"), of("again")].map(|layer| (layer.noise, layer.saved))
    };
    let [dw, again] = twice("w2");
    assert_eq!(dw, again);
    let [dw, again] = twice("w4");
    assert_ne!(dw.0, again.0);
}

#[test]
fn options_that_make_no_sense_are_errors() {
    let wrong = [
        (QuantizeOptions { file_bytes: Some(1000), ..QuantizeOptions::default() }, "file size"),
        (QuantizeOptions { file_bytes: Some(1000), ..of(WeightPrecision::Bits(6)) }, "five to eight"),
        (of(WeightPrecision::Bits(9)), "9 bits"),
        (of(WeightPrecision::Bits(1)), "1 bits"),
        (QuantizeOptions { activation_bits: 1, ..QuantizeOptions::default() }, "1 bits"),
        (QuantizeOptions { activation_bits: 9, ..QuantizeOptions::default() }, "9 bits"),
    ];
    for (options, reason) in wrong {
        let error = quantized(&options).expect_err("wrong").to_string();
        assert!(error.contains(reason), "{error}");
    }
}

#[test]
fn channels_of_zeros_stay_zeros() {
    for precision in FEW {
        let mut graph = network();
        graph.constants.insert("w3".to_owned(), Tensor::new([8, 10], vec![0.0f32; 80]).expect("fits"));
        let (quantized, _) = quantize(&graph, &examples(16), &of(precision), |_| {}).expect("quantized");
        let bias = graph.constants["b3"].as_f32().expect("floats");
        for outputs in outputs(&quantized).chunks(10) {
            for (found, exact) in outputs.iter().zip(bias) {
                assert!((found - exact).abs() < 0.01, "{precision}: {found} for {exact}");
            }
        }
    }
}

/// Products of one row with weights of few bits, and of many rows: all rows have the same sums, on every backend.
#[test]
fn few_rows_read_weights_in_few_bits() {
    let value = |name: &str, data_type, shape: [usize; 2]| ValueInfo {
        name: name.to_owned(),
        data_type,
        shape: shape.map(Some).to_vec(),
    };
    let (depth, columns, many) = (300, 40, 200);
    for (low, high, layout) in [(-8, 7, "i4"), (-2, 1, "i2")] {
        let weight = |at: usize| low + (at * 7 + at / 11) as i32 % (high - low + 1);
        let weights: Vec<i8> = (0..depth * columns).map(|at| weight(at) as i8).collect();
        let graph = |rows: usize| Graph {
            opset: 13,
            inputs: vec![value("a", DataType::U8, [rows, depth])],
            outputs: vec![value("y", DataType::I32, [rows, columns])],
            nodes: vec![Node::new("product", "MatMulInteger", &["a", "b", "zero"], &["y"])],
            constants: [
                ("b".to_owned(), Tensor::new([depth, columns], weights.clone()).expect("fits")),
                ("zero".to_owned(), Tensor::scalar(77u8)),
            ]
            .into(),
            ..Graph::default()
        };
        let rows: Vec<u8> = (0..many * depth).map(|at| (at * 31 + at / 257) as u8).collect();
        for backend in eightbit::Backend::available() {
            let run = |rows: &[u8]| {
                let count = rows.len() / depth;
                let mut options = ExecutorOptions::default();
                options.backend = Some(backend);
                let executor = Executor::new(&graph(count), &options).expect("runs");
                let a = Tensor::new([count, depth], rows.to_vec()).expect("fits");
                let y = executor.run(&[("a", &a)]).expect("runs").remove(0);
                (y.as_i32().expect("sums").to_vec(), executor.explain())
            };
            let (all, _) = run(&rows);
            let sum = |at: usize| -> i32 {
                let (row, column) = (at / columns, at % columns);
                let product =
                    |k: usize| (i32::from(rows[row * depth + k]) - 77) * weight(k * columns + column);
                (0..depth).map(product).sum()
            };
            assert_eq!(all, (0..many * columns).map(sum).collect::<Vec<_>>(), "{backend}");
            let (one, explained) = run(&rows[3 * depth..4 * depth]);
            assert_eq!(one, all[3 * columns..4 * columns], "{backend}");
            if ["avx512_vnni", "avx2"].contains(&backend.name()) {
                assert!(explained.contains(&format!("layout {layout}-")), "{explained}");
            }
        }
    }
}
