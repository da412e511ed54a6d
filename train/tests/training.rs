//! What is trained is what is executed, bit for bit; an interrupted training goes on to the same result.

use std::ops::ControlFlow;

use eightbit_graph::{Executor, ExecutorOptions, Graph, Tensor};
use eightbit_train::{
    Architecture, Dataset, Error, Format, LayerSpec, Network, Precision, Quantizer, TrainOptions, Trainer,
    Window, class_of, import,
};

const SIDE: usize = 10;
const CLASSES: usize = 4;

/// Images of bars in four directions, somewhere, in noise.
fn bars(count: usize) -> Dataset {
    let mut state = 12345u64;
    let mut random = move |end: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % end
    };
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let (class, place) = (random(CLASSES), random(5));
        for y in 0..SIDE {
            for x in 0..SIDE {
                let on = match class {
                    0 => y == place + 2,
                    1 => x == place + 2,
                    2 => x + y == place + 6,
                    _ => x + 2 == y + place,
                };
                let noise = random(64) as f32 / 256.0;
                pixels.push(if on { 0.5 + noise } else { noise });
            }
        }
        labels.push(class as u32);
    }
    Dataset::new([SIDE, SIDE, 1], pixels, labels, CLASSES).unwrap()
}

fn layers() -> Vec<LayerSpec> {
    vec![
        LayerSpec::conv(16, 3, 1),
        LayerSpec::norm(),
        LayerSpec::Relu,
        LayerSpec::MaxPool(Window::square(2, 2, 0)),
        LayerSpec::conv(16, 3, 1),
        LayerSpec::norm(),
        LayerSpec::Relu,
        LayerSpec::conv(16, 3, 2),
        LayerSpec::norm(),
        LayerSpec::Relu,
        LayerSpec::Flatten,
        LayerSpec::linear(CLASSES),
    ]
}

fn options(epochs: usize) -> TrainOptions {
    let mut options = TrainOptions::default();
    (options.epochs, options.float_epochs, options.frozen_epochs) = (epochs, 1, 1);
    (options.batch, options.learning_rate) = (20, 5e-3);
    options
}

fn network(layers: &[LayerSpec], precision: Precision) -> Network {
    Network::new([SIDE, SIDE, 1], false, layers, precision, 3).unwrap()
}

fn train(trainer: &mut Trainer<'_>) {
    while !trainer.is_finished() {
        trainer.epoch(|_| ControlFlow::Continue(())).unwrap().unwrap();
    }
}

fn executor(graph: &Graph) -> Executor {
    let graph = Graph::from_onnx_bytes(&graph.to_onnx_bytes().unwrap()).unwrap();
    Executor::new(&graph, &ExecutorOptions::default()).unwrap()
}

/// The scores that a graph gives the images.
fn executed(executor: &Executor, data: &Dataset) -> Vec<Vec<f32>> {
    let run = |image| {
        let [height, width, channels] = data.shape();
        let image = Tensor::new([1, channels, height, width], data.planes(image)).unwrap();
        executor.run(&[("image", &image)]).unwrap()[0].as_f32().unwrap().to_vec()
    };
    (0..data.len()).map(run).collect()
}

/// The scores of the forward pass that was trained.
fn trained(network: &Network, data: &Dataset) -> Vec<Vec<f32>> {
    let is_quantized = network.precision().is_quantized();
    (0..data.len()).map(|image| network.scores(data, &[image], is_quantized).unwrap()).collect()
}

fn precisions() -> Vec<Precision> {
    let rule = |weights, activations| Precision { weights: Some(weights), activations: Some(activations) };
    let dorefa = Quantizer::DoReFa { bits: 3 };
    let mut all: Vec<Precision> = ["w8a8", "w4a4", "w2a2", "w1a1", "w1a4", "w4a1", "fixed<8,2>"]
        .iter()
        .map(|text| text.parse().unwrap())
        .collect();
    all.push(rule(dorefa, dorefa));
    all.push(rule(dorefa, Quantizer::Pact { bits: 4 }));
    all.push(rule(Quantizer::Sign { scaled: false }, Quantizer::Lsq { bits: 2, per_channel: false }));
    all
}

#[test]
fn integers_give_the_scores_of_the_training() {
    let (data, test) = bars(400).split(0.25, 1).unwrap();
    for precision in precisions() {
        // Few bits learn more slowly.
        let bits = [precision.weights, precision.activations].into_iter().flatten();
        let is_few = |rule: Quantizer| rule.is_sign() || matches!(rule, Quantizer::Lsq { bits: 2, .. });
        let epochs = if bits.into_iter().any(is_few) { 12 } else { 5 };
        let mut trainer = Trainer::new(network(&layers(), precision), options(epochs), &data, &test).unwrap();
        train(&mut trainer);
        let accuracy = trainer.curve().last().unwrap().test_accuracy;
        assert!(accuracy > 0.8, "{precision:?}: {accuracy}");
        let exported = trainer.network().export(Format::Qonnx).unwrap();
        assert_eq!((exported.exact, exported.products), (4, 4), "{precision:?}");
        let executor = executor(&exported.graph);
        let (expected, found) = (trained(trainer.network(), &test), executed(&executor, &test));
        assert_eq!(found, expected, "{precision:?}");
        let classes: Vec<u32> = found.iter().map(|scores| class_of(scores)).collect();
        assert_eq!(trainer.predictions(&test).unwrap(), classes, "{precision:?}");
        // Not by floats.
        let plan = executor.explain();
        let signs = plan.matches("binary convolution").count();
        assert_eq!(plan.matches("of floats").count() + signs, 4, "{precision:?}:\n{plan}");
        // From signs to signs only bits are in memory.
        if precision == Precision::of_bits(1, 1).unwrap() {
            assert!(signs == 2 && plan.contains("→ bits"), "{plan}");
        }
    }
}

#[test]
fn eight_bit_containers_give_the_answers_of_the_training() {
    let (data, test) = bars(400).split(0.25, 1).unwrap();
    for text in ["w8a8", "w4a4", "w2a2", "w1a4", "fixed<6,2>"] {
        let mut trainer =
            Trainer::new(network(&layers(), text.parse().unwrap()), options(3), &data, &test).unwrap();
        train(&mut trainer);
        let exported = trainer.network().export(Format::Qdq).unwrap();
        let found = executed(&executor(&exported.graph), &test);
        let classes: Vec<u32> = found.iter().map(|scores| class_of(scores)).collect();
        assert_eq!(trainer.predictions(&test).unwrap(), classes, "{text}");
    }
    let signs = network(&layers(), "w1a1".parse().unwrap());
    assert!(matches!(signs.export(Format::Qdq), Err(Error::Format { format: "qdq", .. })));
}

#[test]
fn an_interrupted_training_goes_on_to_the_same_result() {
    let (data, test) = bars(120).split(0.25, 1).unwrap();
    let new = || Trainer::new(network(&layers(), "w2a2".parse().unwrap()), options(4), &data, &test).unwrap();
    let mut whole = new();
    train(&mut whole);
    // After each stage, and in the middle of an epoch that is not counted.
    for epochs in 0..4 {
        let mut first = new();
        for _ in 0..epochs {
            first.epoch(|_| ControlFlow::Continue(())).unwrap().unwrap();
        }
        let saved = first.checkpoint().unwrap();
        assert_eq!(
            first
                .epoch(|done| if done == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
                .unwrap(),
            None
        );
        let mut second = new();
        second.restore(&saved).unwrap();
        assert_eq!(second.curve().len(), epochs);
        train(&mut second);
        assert_eq!(second.curve(), whole.curve());
        assert_eq!(second.checkpoint().unwrap(), whole.checkpoint().unwrap());
    }
    let saved = whole.checkpoint().unwrap();
    let mut other =
        Trainer::new(network(&layers(), "w3a3".parse().unwrap()), options(4), &data, &test).unwrap();
    assert!(matches!(other.restore(&saved), Err(Error::Checkpoint(_))));
    for length in [0, 8, 100, saved.len() / 2, saved.len() - 1] {
        assert!(new().restore(&saved[..length]).is_err(), "{length}");
    }
}

#[test]
fn seeds_decide() {
    let data = bars(60);
    let checkpoint = |seed| {
        let network = Network::new([SIDE, SIDE, 1], false, &layers(), Precision::default(), seed).unwrap();
        let mut options = options(1);
        (options.seed, options.float_epochs) = (seed, 0);
        let mut trainer = Trainer::new(network, options, &data, &data).unwrap();
        train(&mut trainer);
        trainer.network().export(Format::Qonnx).unwrap().graph
    };
    assert_eq!(checkpoint(1), checkpoint(1));
    assert_ne!(checkpoint(1), checkpoint(2));
}

/// Depthwise layers, both averages, biases, rows that are normalized.
fn many_kinds() -> Vec<LayerSpec> {
    let depthwise = LayerSpec::Conv {
        channels: 8,
        window: Window::square(3, 1, 1),
        depthwise: true,
        weights: None,
        bias: None,
    };
    vec![
        LayerSpec::conv(8, 3, 1),
        LayerSpec::norm(),
        LayerSpec::Relu,
        depthwise,
        LayerSpec::norm(),
        LayerSpec::Relu,
        LayerSpec::AveragePool(Some(Window::square(2, 2, 0))),
        LayerSpec::conv(12, 3, 2),
        LayerSpec::Relu,
        LayerSpec::Flatten,
        LayerSpec::norm(),
        LayerSpec::Relu,
        LayerSpec::linear(16),
        LayerSpec::Relu,
        LayerSpec::linear(CLASSES),
    ]
}

#[test]
fn a_network_that_was_written_is_read_and_trained() {
    let (data, test) = bars(300).split(0.25, 1).unwrap();
    let mut float =
        Trainer::new(network(&many_kinds(), Precision::default()), options(3), &data, &test).unwrap();
    train(&mut float);
    let graph = float.network().export(Format::Qonnx).unwrap().graph;
    let imported = import(&graph).unwrap();
    assert_eq!(imported.input, [SIDE, SIDE, 1]);
    let same = network(&imported.layers, Precision::default());
    for (a, b) in trained(&same, &test).iter().flatten().zip(trained(float.network(), &test).iter().flatten())
    {
        assert!((a - b).abs() <= 1e-4 * (1.0 + a.abs()), "{a} {b}");
    }
    // Few bits are no layers that are trained again.
    let few = network(&layers(), "w2a2".parse().unwrap()).export(Format::Qonnx).unwrap().graph;
    let refused = import(&few).unwrap_err();
    assert!(matches!(&refused, Error::Unsupported { op, .. } if op.contains("Quant")), "{refused}");
    // Fine-tuned, and executed in integers.
    let precision: Precision = "w4a4".parse().unwrap();
    let mut trainer = Trainer::new(network(&imported.layers, precision), options(2), &data, &test).unwrap();
    train(&mut trainer);
    let exported = trainer.network().export(Format::Qonnx).unwrap();
    assert_eq!(executed(&executor(&exported.graph), &test), trained(trainer.network(), &test));
}

#[test]
fn what_cannot_be_trained_is_named() {
    let cnn = Architecture::Cnn.layers([SIDE, SIDE, 1], CLASSES);
    let graph = network(&cnn, Precision::default()).export(Format::Qonnx).unwrap().graph;
    let mut sigmoid = graph.clone();
    for node in sigmoid.nodes.iter_mut().filter(|node| node.op == "Relu") {
        node.op = eightbit_graph::Op::new("", "Sigmoid");
    }
    let error = import(&sigmoid).unwrap_err().to_string();
    assert!(error.contains("Sigmoid") && error.contains("relu2") && error.contains("can"), "{error}");
    let mut dilated = graph;
    dilated.nodes[0].attributes.insert("dilations".to_owned(), vec![2i64, 2].into());
    let error = import(&dilated).unwrap_err().to_string();
    assert!(error.contains("conv0") && error.contains("dilations"), "{error}");
    let mut added = network(&cnn, Precision::default()).export(Format::Qonnx).unwrap().graph;
    let last = added.nodes.last_mut().unwrap();
    last.outputs[0] = "sums".to_owned();
    last.inputs.truncate(2);
    added.nodes.push(eightbit_graph::Node::new("more", "Add", &["sums", "numbers"], &["scores"]));
    added.constants.insert("numbers".to_owned(), Tensor::new([CLASSES, 1], vec![1f32; CLASSES]).unwrap());
    let error = import(&added).unwrap_err().to_string();
    assert!(error.contains("more") && error.contains("no bias"), "{error}");
    let wrong =
        |layers: &[LayerSpec]| Network::new([4, 4, 1], false, layers, Precision::default(), 1).unwrap_err();
    assert!(wrong(&[LayerSpec::Relu]).to_string().contains("weights"));
    assert!(wrong(&[LayerSpec::linear(2)]).to_string().contains("flatten"));
    assert!(
        wrong(&[LayerSpec::conv(2, 7, 1), LayerSpec::MaxPool(Window::square(5, 1, 0))])
            .to_string()
            .contains("kernel")
    );
    assert!(wrong(&[LayerSpec::conv(0, 3, 1)]).to_string().contains("none"));
}
