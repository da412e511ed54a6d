use super::*;
use crate::quantize::{QuantizeOptions, quantize};
use crate::shapes::ShapeOptions;
use crate::{DataType, Executor, ExecutorOptions, Tensor, TensorData, ValueInfo};

const SHAPE: [usize; 4] = [1, 3, 6, 6];

fn weights(shape: &[usize], seed: usize) -> Tensor {
    let len: usize = shape.iter().product();
    let values: Vec<f32> = (0..len).map(|at| ((at * 37 + seed * 11) % 101) as f32 / 101.0 - 0.5).collect();
    Tensor::new(shape, values).expect("as many as the shape has")
}

/// Three convolutions with activations, one of them beside the others, a sum, and a product.
fn network() -> Graph {
    let value = |name: &str, shape: &[usize]| ValueInfo {
        name: name.to_owned(),
        data_type: DataType::F32,
        shape: shape.iter().copied().map(Some).collect(),
    };
    let conv = |name: &str, inputs: [&str; 2], output: &str| {
        Node::new(name, "Conv", &inputs, &[output]).with("pads", vec![1i64; 4])
    };
    Graph {
        opset: 13,
        inputs: vec![value("x", &SHAPE)],
        outputs: vec![value("logits", &[1, 5])],
        nodes: vec![
            conv("first", ["x", "w1"], "c1"),
            Node::new("act1", "Relu", &["c1"], &["r1"]),
            conv("second", ["r1", "w2"], "c2"),
            Node::new("act2", "Relu", &["c2"], &["r2"]),
            conv("third", ["r1", "w3"], "c3"),
            Node::new("sum", "Add", &["r2", "c3"], &["s"]),
            Node::new("mean", "GlobalAveragePool", &["s"], &["m"]),
            Node::new("flat", "Flatten", &["m"], &["f"]),
            Node::new("product", "MatMul", &["f", "v"], &["logits"]),
        ],
        constants: [
            ("w1", weights(&[4, 3, 3, 3], 1)),
            ("w2", weights(&[4, 4, 3, 3], 2)),
            ("w3", weights(&[4, 4, 3, 3], 3)),
            ("v", weights(&[4, 5], 4)),
        ]
        .map(|(name, tensor)| (name.to_owned(), tensor))
        .into(),
        ..Graph::default()
    }
}

fn examples() -> Vec<Tensor> {
    (0..4).map(|seed| weights(&SHAPE, 10 + seed)).collect()
}

fn eight_bit(float: &Graph) -> Graph {
    let examples: Vec<_> = examples().into_iter().map(|example| vec![example]).collect();
    quantize(float, &examples, &QuantizeOptions::default(), |_| {}).expect("a float graph").0
}

fn compared(a: &Graph, b: &Graph) -> Comparison {
    let mut comparer = Comparer::new(a, b, &ShapeOptions::default()).expect("the same network");
    for example in examples() {
        comparer.observe(&[("x", &example)]).expect("an example");
    }
    comparer.finish()
}

fn matched(comparison: &Comparison) -> Vec<(&str, MatchedBy)> {
    comparison.values.iter().map(|value| (value.value.as_str(), value.matched_by)).collect()
}

/// The same graph with other names.
fn renamed(graph: &Graph) -> Graph {
    let new = |name: &String| if name == "x" { name.clone() } else { format!("other/{name}") };
    let mut graph = graph.clone();
    for node in &mut graph.nodes {
        node.name = new(&node.name);
        node.inputs = node.inputs.iter().map(new).collect();
        node.outputs = node.outputs.iter().map(new).collect();
    }
    graph.outputs[0].name = new(&graph.outputs[0].name);
    graph.constants = graph.constants.iter().map(|(name, tensor)| (new(name), tensor.clone())).collect();
    graph
}

#[test]
fn a_network_equals_itself() {
    let found = compared(&network(), &network());
    assert!(found.values.iter().all(|value| value.sqnr_db == f64::INFINITY && value.made_here == 0.0));
    assert_eq!((found.values.len(), &found.unmatched[..], found.examples), (9, &[][..], 4));
    assert_eq!((found.outputs[0].same_largest, found.outputs[0].mean_difference), (4, 0.0));
}

#[test]
fn eight_bit_values_are_found_by_the_names_of_their_floats() {
    let float = network();
    let found = compared(&float, &eight_bit(&float));
    // Before an activation there are no bytes.
    let names = ["x", "r1", "r2", "c3", "s", "m", "f", "logits"];
    assert_eq!(matched(&found), names.map(|name| (name, MatchedBy::Name)));
    assert_eq!(found.unmatched, ["c1", "c2"]);
    assert!(found.values.iter().all(|value| (20.0..70.0).contains(&value.sqnr_db)), "{found:#?}");
    assert_eq!((found.values[1].node.as_str(), found.values[1].other_node.as_str()), ("act1", "first"));
    // In the other direction, too.
    let back = compared(&eight_bit(&float), &float);
    assert_eq!(back.values.len(), found.values.len());
}

#[test]
fn other_names_are_matched_by_position() {
    let float = network();
    let found = compared(&float, &renamed(&eight_bit(&float)));
    // The input has bytes, which the float form has not.
    let names = ["x", "r1", "r2", "c3", "s", "m", "f", "logits"];
    let by = |name: &str| if name == "x" { MatchedBy::Name } else { MatchedBy::Position };
    assert_eq!(matched(&found), names.map(|name| (name, by(name))));
    assert!(found.values.iter().all(|value| value.sqnr_db > 20.0), "{found:#?}");
}

#[test]
fn the_node_that_was_broken_comes_first() {
    let float = network();
    for broken in ["first", "second", "third", "product"] {
        let mut damaged = eight_bit(&float);
        let node = damaged.nodes.iter().find(|node| node.name == broken).expect("a node with weights");
        let dequantized = node.inputs[1].clone();
        let source = damaged.nodes.iter().find(|node| node.outputs[0] == dequantized).expect("its weights");
        let bytes = damaged.constants.get_mut(&source.inputs[0]).expect("constant weights");
        let TensorData::I8(values) = bytes.data() else { panic!("weights are signed bytes") };
        let turned: Vec<i8> = values.iter().rev().copied().collect();
        *bytes = Tensor::new(bytes.shape().to_vec(), turned).expect("the same number");
        let found = compared(&float, &damaged);
        assert_eq!(found.worst_first()[0].other_node, broken, "{found:#?}");
        // And a scale that is wrong.
        let mut damaged = eight_bit(&float);
        let node = damaged.nodes.iter().find(|node| node.name == broken).expect("a node with weights");
        let Some(quantize) = damaged.nodes.iter().position(|next| next.inputs[0] == node.outputs[0]) else {
            assert_eq!(broken, "product", "what the outputs are has no bytes");
            continue;
        };
        let [scale, other] = [damaged.nodes[quantize].inputs[1].clone(), "wrong_scale".to_owned()];
        let wrong = damaged.constants[&scale].as_f32().expect("a scale")[0] * 0.2;
        damaged.constants.insert(other.clone(), Tensor::scalar(wrong));
        damaged.nodes[quantize].inputs[1] = other;
        let found = compared(&float, &damaged);
        assert_eq!(found.worst_first()[0].other_node, broken, "{found:#?}");
    }
}

#[test]
fn the_nodes_after_an_error_are_not_blamed() {
    let float = network();
    let mut damaged = float.clone();
    damaged.constants.insert("w1".to_owned(), weights(&[4, 3, 3, 3], 77));
    let found = compared(&float, &damaged);
    let worst = found.worst_first();
    assert_eq!((worst[0].node.as_str(), worst[0].before_db), ("first", f64::INFINITY));
    let after = found.values.iter().find(|value| value.node == "second").expect("compared");
    assert!(after.sqnr_db < 20.0 && after.before_db < 20.0, "{after:?}");
}

/// `graph` with `change` applied to its weights `name`: to each, with its output channel and its input channel.
fn changed(graph: &Graph, name: &str, change: impl Fn(f32, usize, usize) -> f32) -> Graph {
    let mut graph = graph.clone();
    let weights = graph.constants.get_mut(name).expect("weights");
    let [outputs, inputs, taps] = [weights.shape()[0], weights.shape()[1], 9];
    let old = weights.as_f32().expect("floats");
    assert_eq!(old.len(), outputs * inputs * taps);
    let each = old.iter().enumerate();
    let new = each.map(|(at, &weight)| change(weight, at / taps / inputs, at / taps % inputs)).collect();
    *weights = Tensor::new(weights.shape().to_vec(), TensorData::F32(new)).expect("as many");
    graph
}

#[test]
fn channels_that_are_rescaled_are_not_compared() {
    let float = network();
    let factor = |channel: usize| if channel == 1 { 8.0 } else { 1.0 };
    let mut rescaled = changed(&float, "w1", |weight, output, _| weight * factor(output));
    for reader in ["w2", "w3"] {
        rescaled = changed(&rescaled, reader, |weight, _, input| weight / factor(input));
    }
    let found = compared(&float, &eight_bit(&rescaled));
    let value = found.values.iter().find(|value| value.value == "r1").expect("compared");
    assert_eq!(value.changed_channels, 1);
    assert!(found.values.iter().all(|value| value.sqnr_db > 20.0), "{found:#?}");

    // All of them.
    let mut rescaled = changed(&float, "w1", |weight, _, _| weight * 8.0);
    for reader in ["w2", "w3"] {
        rescaled = changed(&rescaled, reader, |weight, _, _| weight / 8.0);
    }
    let found = compared(&float, &eight_bit(&rescaled));
    let value = found.values.iter().find(|value| value.value == "r1").expect("compared");
    assert_eq!((value.changed_channels, value.made_here), (4, 0.0));
    assert!(found.worst_first()[0].sqnr_db > 20.0 && found.outputs[0].same_largest == 4, "{found:#?}");
}

#[test]
fn copies_in_dead_channels_are_not_compared() {
    let dead = changed(&network(), "w1", |weight, output, _| if output == 2 { 0.0 } else { weight });
    let mut copied = dead.clone();
    let mut values = dead.constants["w1"].as_f32().expect("floats").to_vec();
    values.copy_within(..27, 2 * 27);
    copied.constants.insert("w1".to_owned(), Tensor::new([4, 3, 3, 3], values).expect("as many"));
    for reader in ["w2", "w3"] {
        let old = copied.constants[reader].as_f32().expect("floats").to_vec();
        let halved = |at: usize| match at / 9 % 4 {
            0 => old[at] / 2.0,
            2 => old[at - 2 * 9] / 2.0,
            _ => old[at],
        };
        let values: Vec<f32> = (0..old.len()).map(halved).collect();
        copied.constants.insert(reader.to_owned(), Tensor::new([4, 4, 3, 3], values).expect("as many"));
    }
    let found = compared(&dead, &eight_bit(&copied));
    let value = found.values.iter().find(|value| value.value == "r1").expect("compared");
    assert_eq!(value.changed_channels, 1, "{found:#?}");
    assert!(found.values.iter().all(|value| value.sqnr_db > 20.0), "{found:#?}");
}

#[test]
fn channels_that_nothing_reads_may_have_another_bias() {
    let mut float = network();
    float.nodes[0].inputs.push("b1".to_owned());
    float = changed(&float, "w1", |weight, output, _| if output == 3 { 0.0 } else { weight });
    for reader in ["w2", "w3"] {
        float = changed(&float, reader, |weight, _, input| if input == 3 { 0.0 } else { weight });
    }
    let with_bias = |bias: f32| {
        let mut graph = float.clone();
        graph.constants.insert("b1".to_owned(), Tensor::vector([0.1, 0.2, -0.1, bias]));
        graph
    };
    let found = compared(&with_bias(0.1), &eight_bit(&with_bias(3.0)));
    let value = found.values.iter().find(|value| value.value == "r1").expect("compared");
    assert_eq!(value.changed_channels, 1, "{found:#?}");
    assert!(found.values.iter().all(|value| value.sqnr_db > 20.0), "{found:#?}");
}

/// What nothing takes back is an error.
#[test]
fn channels_that_stay_wrong_are_compared() {
    let float = network();
    let wrong = changed(&float, "w1", |weight, output, _| if output == 1 { weight * 8.0 } else { weight });
    let found = compared(&float, &eight_bit(&wrong));
    let worst = found.worst_first()[0];
    assert_eq!((worst.value.as_str(), worst.changed_channels), ("r1", 0));
    assert!(worst.sqnr_db < 10.0, "{found:#?}");
}

/// A product with the weights `w`, and `nodes` from `logits` to `y`.
fn classifier(w: [f32; 9], nodes: &[Node]) -> Graph {
    let value = |name: &str| ValueInfo {
        name: name.to_owned(),
        data_type: DataType::F32,
        shape: vec![Some(1), Some(3)],
    };
    let product = Node::new("product", "Gemm", &["x", "w"], &["logits"]);
    Graph {
        opset: 13,
        inputs: vec![value("x")],
        outputs: vec![value("y")],
        nodes: std::iter::once(product).chain(nodes.iter().cloned()).collect(),
        constants: [("w", w), ("v", [1.0, 0.0, 0.0, 0.0, 1e-3, 0.0, 0.0, 0.0, 1.0])]
            .map(|(name, values)| (name.to_owned(), Tensor::new([3, 3], values.to_vec()).expect("nine")))
            .into(),
        ..Graph::default()
    }
}

/// What hides an error does not take it back, whatever comes after it.
#[test]
fn errors_that_are_hidden_are_compared() {
    let [right, wrong] = [2.0, 1.0].map(|of_one| [10.0, 0.0, 0.0, 0.0, of_one, 0.0, 0.0, 0.0, 0.0]);
    let after = |op: &str| [Node::new("hides", op, &["logits"], &["y"])];
    let cases = [
        after("Softmax").to_vec(),
        after("Sigmoid").to_vec(),
        after("LogSoftmax").to_vec(),
        vec![
            Node::new("hides", "Clip", &["logits", "", "half"], &["h"]),
            Node::new("layer", "Gemm", &["h", "v"], &["y"]),
        ],
        vec![
            Node::new("hides", "Sigmoid", &["logits"], &["h"]),
            Node::new("layer", "Gemm", &["h", "v"], &["y"]),
        ],
        // Also where a layer takes it back, but not all that read it do.
        vec![
            Node::new("layer", "Gemm", &["logits", "v"], &["h"]),
            Node::new("hides", "Softmax", &["logits"], &["s"]),
            Node::new("sum", "Add", &["h", "s"], &["y"]),
        ],
    ];
    for nodes in cases {
        let [a, b] = [right, wrong].map(|w| {
            let mut graph = classifier(w, &nodes);
            graph.constants.insert("half".to_owned(), Tensor::scalar(0.5f32));
            graph
        });
        let mut comparer = Comparer::new(&a, &b, &ShapeOptions::default()).expect("the same network");
        comparer
            .observe(&[("x", &Tensor::new([1, 3], vec![1.0f32; 3]).expect("three"))])
            .expect("an example");
        let found = comparer.finish();
        let worst = found.worst_first()[0];
        assert_eq!((worst.value.as_str(), worst.changed_channels), ("logits", 0), "{found:#?}");
        assert!((worst.sqnr_db - 20.17).abs() < 0.01, "{found:#?}");
    }
}

/// A mean of 0 stays 0 if what it is taken of is rescaled.
#[test]
fn errors_that_a_mean_hides_are_compared() {
    let float = network();
    let mut mean = Graph { outputs: float.outputs.clone(), ..float };
    mean.nodes.retain(|node| !["act1", "second", "act2", "third", "sum"].contains(&node.name.as_str()));
    mean.nodes[1].inputs[0] = "c1".to_owned();
    // The first channel is that of the image, the second one differences of neighbours, of which the mean is small.
    let taps = |weights: [f32; 9]| weights.into_iter().chain([0.0; 18]);
    let even = taps([0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0]);
    let odd = |factor: f32| taps([0.0, 0.0, 0.0, factor, 0.0, -factor, 0.0, 0.0, 0.0]);
    let [a, b] = [1.0, 8.0].map(|factor| {
        let mut graph = mean.clone();
        let values: Vec<f32> =
            even.clone().chain(odd(factor)).chain(even.clone()).chain(even.clone()).collect();
        graph.constants.insert("w1".to_owned(), Tensor::new([4, 3, 3, 3], values).expect("as many"));
        graph
    });
    let mut comparer = Comparer::new(&a, &b, &ShapeOptions::default()).expect("the same network");
    // The same at both ends of each row, so that the differences have no sum.
    let rows = [1.0f32, 3.0, 2.0, 5.0, 4.0, 1.0].repeat(18);
    comparer.observe(&[("x", &Tensor::new(SHAPE, rows).expect("as many"))]).expect("an example");
    let found = comparer.finish();
    assert_eq!((found.values[0].value.as_str(), found.values[0].changed_channels), ("c1", 0), "{found:#?}");
    assert_eq!(found.worst_first()[0].value, "c1", "{found:#?}");
}

/// What commutes with factors of channels lies between a layer and those that take them back.
#[test]
fn channels_that_are_taken_back_later_are_not_compared() {
    let float = network();
    let mut plain = Graph { outputs: float.outputs.clone(), ..float };
    plain.nodes.retain(|node| !["second", "act2", "third", "sum"].contains(&node.name.as_str()));
    plain.nodes[2].inputs[0] = "r1".to_owned();
    let mut rescaled =
        changed(&plain, "w1", |weight, output, _| if output == 1 { weight * 8.0 } else { weight });
    let v = plain.constants["v"].as_f32().expect("floats").iter().enumerate();
    let v: Vec<f32> = v.map(|(at, &weight)| if at / 5 == 1 { weight / 8.0 } else { weight }).collect();
    rescaled.constants.insert("v".to_owned(), Tensor::new([4, 5], v).expect("as many"));
    for other in [eight_bit(&rescaled), rescaled] {
        let found = compared(&plain, &other);
        let value = found.values.iter().find(|value| value.value == "r1").expect("compared");
        assert_eq!(value.changed_channels, 1, "{found:#?}");
        assert!(value.sqnr_db > 20.0, "{found:#?}");
    }
}

#[test]
fn what_is_not_finite_is_counted() {
    let float = network();
    let mut damaged = float.clone();
    let w2 = damaged.constants.get_mut("w2").expect("weights");
    let mut values = w2.as_f32().expect("floats").to_vec();
    values[0] = f32::NAN;
    *w2 = Tensor::new([4, 4, 3, 3], values).expect("the same number");
    let found = compared(&float, &damaged);
    let worst = found.worst_first()[0];
    assert_eq!((worst.node.as_str(), worst.sqnr_db), ("second", f64::NEG_INFINITY));
    assert!(worst.not_finite > 0);
}

#[test]
fn images_with_channels_last_are_the_same_images() {
    let float = network();
    let mut other = renamed(&float);
    other.inputs[0].shape = [1, 6, 6, 3].map(Some).to_vec();
    other.inputs[0].name = "image:0".to_owned();
    other
        .nodes
        .insert(0, Node::new("turn", "Transpose", &["image:0"], &["x"]).with("perm", vec![0i64, 3, 1, 2]));
    let found = compared(&float, &other);
    // The two before an activation are parts of it by position.
    assert_eq!(found.values.len(), 8);
    assert!(found.values.iter().all(|value| value.sqnr_db > 100.0), "{found:#?}");
}

#[test]
fn networks_that_have_nothing_in_common_are_refused() {
    let float = network();
    let other = Graph {
        nodes: vec![Node::new("other", "Exp", &["x"], &["y"])],
        outputs: vec![ValueInfo { name: "y".to_owned(), ..float.inputs[0].clone() }],
        ..float.clone()
    };
    let options = ShapeOptions::default();
    let error = Comparer::new(&float, &other, &options).expect_err("nothing in common");
    assert!(error.to_string().contains("no value in common"), "{error}");
    let mut two = float.clone();
    two.inputs.push(ValueInfo { name: "second".to_owned(), ..float.inputs[0].clone() });
    let error = Comparer::new(&float, &two, &options).expect_err("two inputs");
    assert!(error.to_string().contains("1 input"), "{error}");
    let mut small = float.clone();
    small.inputs[0].shape[2] = Some(5);
    let error = Comparer::new(&float, &small, &options).expect_err("another size");
    assert!(error.to_string().contains("[1, 3, 6, 6]"), "{error}");
}

#[test]
fn every_step_counts_for_one_value() {
    let float = network();
    let eight_bit = eight_bit(&float);
    let example = &examples()[0];
    let [steps, others] = [&float, &eight_bit].map(|graph| {
        let executor = Executor::new(graph, &ExecutorOptions::default()).expect("a graph that runs");
        executor.profile(&[("x", example)], 1).expect("an example")
    });
    let times = compare_times((&float, &steps), (&eight_bit, &others), &ShapeOptions::default())
        .expect("the same network");
    let counted = |of: fn(&TimePair) -> &Vec<usize>| {
        let mut counted: Vec<usize> = times.iter().flat_map(|pair| of(pair).clone()).collect();
        counted.sort_unstable();
        counted
    };
    assert_eq!(counted(|pair| &pair.steps), Vec::from_iter(0..steps.len()));
    assert_eq!(counted(|pair| &pair.other_steps), Vec::from_iter(0..others.len()));
    let second = times.iter().find(|pair| pair.value == "r2").expect("computed in both");
    assert!(second.other_steps.iter().any(|&at| others[at].name == "second"), "{times:?} {others:?}");
    let macs: Vec<u64> = [&steps, &others].map(|steps| steps.iter().map(|step| step.macs).sum()).into();
    let expected = 36 * 4 * 27 + 2 * 36 * 4 * 36 + 4 * 5;
    assert_eq!(macs, [expected, expected]);
}
